"""Where a cluster is and how it is reached: mutual TLS, or not at all. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from lockgate.errors import Usage

CLUSTER_FINDINGS = frozenset({"LG222", "LG223", "LG224", "LG225", "LG226"})
"""What the jail that talks to a cluster may complain of."""

ABSENT = frozenset({"LG222"})
"""Those of them that say that something is not there just now: exit 4."""

CA, CERTIFICATE, KEY = "cluster-ca.pem", "cluster-cert.pem", "cluster-key.pem"
"""The three files as the jail sees them."""

_ADDRESS = re.compile(r"tls://(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?):([0-9]{1,5})")
_EXAMPLE = (
    "lockgate validate DATA... --contract F:M --out DIR --cluster tls://HOST:PORT --cluster-ca ca.pem "
    "--cluster-cert client.pem --cluster-key client.key --cluster-share DIR"
)


@dataclass(frozen=True)
class Cluster:
    """A Dask scheduler and what it takes to be believed by it, and to believe it.

    Attributes:
        address: `tls://HOST:PORT`.
        ca: file with the certificate authority that all machines of the cluster, and nobody else, have certificates of.
        certificate: file with ours; `key` with the private key to it.
        share: a folder that this machine and all workers have under the same absolute path.
    """

    address: str
    ca: Path
    certificate: Path
    key: Path
    share: Path

    def __post_init__(self) -> None:
        check_address(self.address)


def cluster_of(address: str, ca: str, certificate: str, key: str, share: str) -> Cluster | None:
    """What the command line said; None when it said nothing. Raises Usage LG224 when it said half."""
    said = {
        "--cluster": address,
        "--cluster-ca": ca,
        "--cluster-cert": certificate,
        "--cluster-key": key,
        "--cluster-share": share,
    }
    missing = [name for name, value in said.items() if not value]
    if len(missing) == len(said):
        return None
    if address:
        check_address(address)
    if missing:
        raise Usage(
            "LG224",
            f"a cluster is reached by mutual TLS, with a certificate on both sides: {missing[0]} is missing",
            seen={"missing": missing},
            next=_EXAMPLE,
        )
    return Cluster(address, Path(ca), Path(certificate), Path(key), Path(share))


def check_address(address: str) -> str:
    """`address` itself. Raises Usage LG224 when it is not `tls://HOST:PORT`."""
    found = _ADDRESS.fullmatch(address)
    if found and 0 < int(found[3]) < 1 << 16:
        return address
    plain = address.startswith("tcp://")
    why = "tcp:// has no authentication, and its messages are pickles" if plain else "it is tls://HOST:PORT"
    raise Usage(
        "LG224",
        f"{address!r} is not the address of a cluster that may be used: {why}",
        seen={"address": address},
        next=_EXAMPLE if not plain else "start scheduler and workers with TLS: docs/how-to/validate-on-a-cluster.md",
    )
