"""What a person chose for the cluster, and the names that follow from it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from lockgate.sandbox.settings import Limits

Manifest = Mapping[str, Any]
Jailed = Literal["train", "judge"]

STAGES = ("ingest", "validate", "train", "judge", "register", "serve")
JAILED: tuple[Jailed, ...] = ("train", "judge")
KEYS = {
    "ingest": ("ingester",),
    "validate": ("validator",),
    "train": ("trainer",),
    "judge": ("judge",),
    "register": ("signer",),
    "serve": ("edge",),
}
COMPONENT = "app.kubernetes.io/component"
PART_OF = "app.kubernetes.io/part-of"
UID = 65532
GVISOR = "gvisor"

_IMAGE = re.compile(r"[a-z0-9][a-z0-9._:/-]*@sha256:[0-9a-f]{64}\Z")


@dataclass(frozen=True)
class Way:
    """A way out that the network opens: addresses and one TCP port."""

    cidr: str
    port: int


@dataclass(frozen=True)
class KubernetesSpec:
    """The cluster's side of a project.

    Attributes:
        image: Lockgate and the training environment, by digest.
        namespace: where the stages are; the jailed jobs are in `<namespace>-train` and `<namespace>-judge`, where no
            Secret is, because whoever may create a pod in a namespace can read every Secret of it.
        runtime_class: what runs the jailed pods; "" for the node's own runtime.
        claim: the PersistentVolumeClaim with the blobs, in each of the jobs' namespaces; "" when inputs travel in a
            ConfigMap.
        callers: the namespaces whose pods may call the gateway.
        ingest_ways, api_ways: where ingest, and the two launchers, may connect to.
    """

    image: str
    namespace: str = "lockgate"
    runtime_class: str = GVISOR
    claim: str = ""
    cores: int = 2
    port: int = 8080
    callers: tuple[str, ...] = ()
    ingest_ways: tuple[Way, ...] = ()
    api_ways: tuple[Way, ...] = ()
    limits: Limits = field(default_factory=Limits)

    def home(self, stage: str) -> str:
        """The namespace in which a stage's own code runs: the jailed ones apart from what holds keys."""
        return f"{self.namespace}-{stage}"

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Every namespace of the project."""
        return (self.namespace, *(self.home(stage) for stage in JAILED))


def pinned(image: object) -> bool:
    """Whether an image is named by digest: a tag can be moved to other bytes."""
    return isinstance(image, str) and bool(_IMAGE.match(image))


def secret_name(role: str) -> str:
    """The Secret that holds a role's key. Only its name is ever rendered."""
    return f"lockgate-key-{role}"
