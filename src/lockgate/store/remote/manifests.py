"""Manifests: small, read whole, verified when they are asked for by digest, named by what came when by tag."""

from __future__ import annotations

from typing import Final

from lockgate.core.digest import digest_of
from lockgate.core.shown import shown
from lockgate.errors import Usage
from lockgate.store.oci import IMAGE_INDEX, MANIFEST
from lockgate.store.remote.edge import MOST_MANIFEST
from lockgate.store.remote.reference import check_tag
from lockgate.store.remote.session import Session
from lockgate.store.remote.wire import Answer

_DOCKER: Final = "application/vnd.docker.distribution.manifest"
_ACCEPT: Final = f"{MANIFEST}, {IMAGE_INDEX}, {_DOCKER}.v2+json, {_DOCKER}.list.v2+json"


def get(session: Session, wanted: str, *, missing: bytes | None = None) -> bytes:
    """A manifest by tag or digest. With `missing`, that when the registry does not have it; else LG883.

    1. At most 4 MiB (LG885).
    2. By digest: the bytes have it (LG884).
    3. By tag: `Docker-Content-Digest`, where the registry sends one, is of these bytes. It is not believed, but a
       registry that contradicts itself serves something broken (LG884).
    """
    answer = session.ask("GET", _url(session, wanted), headers={"Accept": _ACCEPT}, most=MOST_MANIFEST)
    if answer.status == 404 and missing is not None:
        return missing
    if answer.status != 200:
        session.fail(answer, f"manifest {wanted}")
    expected = wanted if ":" in wanted else answer.headers.get("docker-content-digest", "")
    seen = digest_of(answer.body)
    if expected.startswith("sha256:") and seen != expected:
        raise session.refusals.other_bytes(
            f"manifest {wanted}", f"their digest is {seen}, not {shown(expected)}", {"seen": seen}
        )
    return answer.body


def put(session: Session, data: bytes, media_type: str, tag: str = "") -> Answer:
    """Store a manifest under `tag`, or under its digest."""
    if len(data) > MOST_MANIFEST:
        raise session.refusals.not_taken(f"a manifest of {len(data)} bytes; the most is {MOST_MANIFEST}", 0, "")
    wanted = tag or digest_of(data)
    answer = session.ask("PUT", _url(session, wanted), headers={"Content-Type": media_type}, body=data, write=True)
    if answer.status != 201:
        session.fail(answer, f"manifest {wanted}", write=True)
    return answer


def _url(session: Session, wanted: str) -> str:
    if ":" not in wanted:
        try:
            check_tag(wanted)
        except ValueError as error:
            raise Usage(
                "LG881",
                f"{wanted[:100]!a} is no tag: {error}",
                seen={"tag": shown(wanted)},
                next="choose another tag, such as v7",
            ) from None
    return f"{session.base}/manifests/{wanted}"
