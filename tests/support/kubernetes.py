"""A project's objects with every option taken, as plain dictionaries that a test may break."""

from __future__ import annotations

import copy
from typing import Any

from lockgate.export.kubernetes.objects import objects
from lockgate.export.kubernetes.spec import KubernetesSpec, Way
from lockgate.sandbox.settings import Limits

IMAGE = "registry.example/lockgate@sha256:" + "ab" * 32
SPEC = KubernetesSpec(
    image=IMAGE,
    callers=("web",),
    ingest_ways=(Way("10.1.0.0/16", 443),),
    api_ways=(Way("10.96.0.1/32", 443),),
    limits=Limits(wall_seconds=600),
)


class Objects:
    """The rendered set. `one` gives the object to break; `pod` the pod that it makes."""

    def __init__(self, spec: KubernetesSpec = SPEC) -> None:
        self.all: list[dict[str, Any]] = [copy.deepcopy(each) for each in objects(spec)]

    def one(self, kind: str, name: str, namespace: str | None = None) -> dict[str, Any]:
        """The object of that kind and name."""
        return next(
            each
            for each in self.all
            if (each["kind"], each["metadata"]["name"]) == (kind, name)
            and namespace in (None, each["metadata"].get("namespace"))
        )

    def drop(self, kind: str, name: str, namespace: str | None = None) -> None:
        """Take an object out."""
        self.all.remove(self.one(kind, name, namespace))

    @property
    def pod(self) -> dict[str, Any]:
        """What the train Job's pod is made of."""
        spec: dict[str, Any] = self.one("Job", "train")["spec"]["template"]["spec"]
        return spec

    @property
    def container(self) -> dict[str, Any]:
        """The one container of the train pod."""
        container: dict[str, Any] = self.pod["containers"][0]
        return container
