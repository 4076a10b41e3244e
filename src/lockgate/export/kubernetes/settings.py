"""`[kubernetes]` of lockgate.toml. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network

from lockgate.core.strict import Key, Kind, Table, list_of, text, whole
from lockgate.errors import Usage
from lockgate.export.kubernetes.spec import GVISOR, KubernetesSpec, Way, pinned
from lockgate.sandbox.settings import Limits

# The longest namespace is 63 signs, and two of ours end in -train and -judge.
_SPACE = r"[a-z0-9](?:[a-z0-9-]{0,55}[a-z0-9])?"
_NAME = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"


def _way() -> Kind:
    def read(value: object) -> Way:
        cidr, _, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
        if not (port.isascii() and port.isdecimal() and len(port) <= 5 and 1 <= int(port) <= 65535):
            raise ValueError
        return Way(str(ip_network(cidr.removeprefix("[").removesuffix("]"))), int(port))

    return Kind('addresses and a port, such as "10.96.0.1/32:443" or "[2001:db8::]/32:443"', read, {"type": "string"})


TABLE = Table(
    {
        "image": Key(text(), "", 'Lockgate and the environment, by digest: "HOST/NAME@sha256:...".'),
        "namespace": Key(
            text(form=_SPACE, expects="a name of at most 57 lower-case letters, digits and hyphens"),
            "lockgate",
            "Where the stages are; the jailed jobs are in NAME-train and NAME-judge.",
        ),
        "runtime_class": Key(
            text(form=f"({_NAME})?", expects="the name of a RuntimeClass, or nothing"),
            GVISOR,
            "What runs the jailed pods. Empty: the node's own runtime, a jail of level 2.",
        ),
        "claim": Key(
            text(form=f"({_NAME})?", expects="the name of a PersistentVolumeClaim, or nothing"),
            "",
            "The volume with the blobs, by digest. Empty: inputs travel in a ConfigMap, up to 900 KiB.",
        ),
        "cores": Key(whole(1, 512), 2, "Cores of a jailed pod, and of the model worker."),
        "callers": Key(
            list_of(text(form=_NAME, expects="a namespace's name")), (), "Namespaces whose pods may call the gateway."
        ),
        "ingest_to": Key(list_of(_way()), (), "Where ingest may connect to; with one, it may ask DNS too."),
        "api": Key(list_of(_way()), (), "The cluster's API, for launchers that run inside the cluster."),
    }
)


@dataclass(frozen=True)
class KubernetesSettings:
    """`[kubernetes]`."""

    image: str = ""
    namespace: str = "lockgate"
    runtime_class: str = GVISOR
    claim: str = ""
    cores: int = 2
    callers: tuple[str, ...] = ()
    ingest_to: tuple[Way, ...] = ()
    api: tuple[Way, ...] = ()

    def spec(self, *, port: int, limits: Limits) -> KubernetesSpec:
        """What is to be rendered. Raises Usage LG931 for an image that is not named by digest."""
        if not pinned(self.image):
            raise Usage(
                "LG931",
                "[kubernetes] image names no image by digest" if self.image else "[kubernetes] image is not said",
                seen={"image": self.image},
                next='edit lockgate.toml: [kubernetes] image = "HOST/NAME@sha256:DIGEST"',
            )
        return KubernetesSpec(
            image=self.image,
            namespace=self.namespace,
            runtime_class=self.runtime_class,
            claim=self.claim,
            cores=self.cores,
            port=port,
            callers=self.callers,
            ingest_ways=self.ingest_to,
            api_ways=self.api,
            limits=limits,
        )
