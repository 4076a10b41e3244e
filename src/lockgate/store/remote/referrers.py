"""What is attached to a manifest: by the registry's own list (OCI 1.1), else by an index that clients keep.

    GET referrers/sha256:41d0...?artifactType=...      200, an image index, perhaps Link: <...>; rel="next"
    GET manifests/sha256-41d0...                       the same index, where the registry has no such list

A list is a claim: it may leave things out and name things that are not attached. Whoever reads takes each manifest
by its digest and looks at its `subject`; that nothing was left out is shown by the event log, not by a registry.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from lockgate.core.digest import Digest, digest_of, hex_of
from lockgate.core.encoding import encode
from lockgate.store.oci import IMAGE_INDEX
from lockgate.store.remote.edge import MOST_MANIFEST, Descriptor, next_page, read_index
from lockgate.store.remote.manifests import get, put
from lockgate.store.remote.session import Session

_MOST_PAGES: Final = 64
_LOOKS: Final = 6
_MOST_LISTED: Final = 20_000
_NO_LIST: Final = frozenset({404, 405})


def listed(session: Session, digest: Digest, artifact_type: str = "") -> tuple[Descriptor, ...]:
    """The descriptors that the registry gives, each digest once, filtered here whether or not the registry did."""
    by_list = _by_list(session, digest, artifact_type)
    found = _by_tag(session, digest)[1] if by_list is None else by_list
    chosen = {one.digest: one for one in found if artifact_type in {"", one.artifact_type}}
    return tuple(chosen.values())


def has_list(session: Session, digest: Digest) -> bool:
    """Whether the registry keeps lists of its own."""
    return _by_list(session, digest, "") is not None


def keep(session: Session, subject: Digest, added: Mapping[Digest, Descriptor]) -> None:
    """Put descriptors into the index under the tag, leaving all others in it as they are.

    A registry has no way to say "only if nobody else wrote meanwhile": it is read back and, where something is
    missing, merged and written again. Whoever writes between our last look and their own write can still drop ours;
    LG885 when that happens each time that we look.
    """
    for turn in range(_LOOKS):
        value, kept = _by_tag(session, subject)
        missing = [one for digest, one in added.items() if digest not in {old.digest for old in kept}]
        if not missing:
            if turn != 1:
                return
            session.pause(0)  # a second look, a moment after our write: most of those who raced with us are done
            continue
        value["manifests"] = [*value["manifests"], *(one.as_json() for one in missing)]
        data = encode(value)
        if len(data) > MOST_MANIFEST:
            raise session.refusals.outside_protocol(f"the list of what is attached to {subject} is full")
        put(session, data, IMAGE_INDEX, _tag(subject))
    raise session.refusals.outside_protocol("it does not keep the list of what is attached, or many write it at once")


def _by_list(session: Session, digest: Digest, artifact_type: str) -> list[Descriptor] | None:
    query = "?" + urlencode({"artifactType": artifact_type}) if artifact_type else ""
    url = f"{session.base}/referrers/{digest}{query}"
    found: list[Descriptor] = []
    for _ in range(_MOST_PAGES):
        answer = session.ask("GET", url, headers={"Accept": IMAGE_INDEX}, most=MOST_MANIFEST)
        if answer.status in _NO_LIST and not found:
            return None
        if answer.status != 200:
            session.fail(answer, f"a list of what is attached to {digest}")
        try:
            found += read_index(answer.body)[1]
            further = next_page(answer.headers.get("link", ""))
        except ValueError as error:
            raise session.refusals.outside_protocol(f"a list of what is attached: {error}", answer.status) from None
        if not further:
            return found
        url = session.own_url(further, answer.url)
        if len(found) > _MOST_LISTED:
            break
    raise session.refusals.outside_protocol(f"a list of what is attached to {digest} without an end")


def _by_tag(session: Session, subject: Digest) -> tuple[dict[str, Any], tuple[Descriptor, ...]]:
    data = get(session, _tag(subject), missing=b"")
    if not data:
        return {"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": []}, ()
    try:
        return read_index(data)
    except ValueError as error:
        raise session.refusals.outside_protocol(
            f"the tag {_tag(subject)} is not a list of what is attached: {error} ({digest_of(data)})"
        ) from None


def _tag(subject: Digest) -> str:
    return f"sha256-{hex_of(subject)}"
