"""Everything that a registry says, parsed: challenges, links, ranges, refusals, indexes, tokens. Pure.

Trusts nothing: whoever calls has bounded the bytes; here each form is read in one way, or is ValueError. Sources:
OCI distribution-spec 1.1, RFC 9110 (challenges, ranges), RFC 8288 (links), distribution's token specification.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from lockgate.core.digest import Digest, parse_digest
from lockgate.core.encoding import decode
from lockgate.core.shown import shown
from lockgate.store.oci import IMAGE_INDEX

MOST_MANIFEST: Final = 4 << 20
MOST_ANSWER: Final = 64 << 10
MOST_SIZE: Final = 1 << 50
_MOST_ERRORS: Final = 4
_MOST_TOKEN: Final = 32 << 10
_LONGEST_LIFE: Final = 3600.0
_SHORTEST_LIFE: Final = 60.0  # what the token specification says where a server says nothing

_WORD: Final = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_PARAMETER: Final = re.compile(rf'\s*({_WORD})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_WORD}))\s*(?:,|\Z)')
_SCHEME: Final = re.compile(rf"[\s,]*({_WORD})(?:\s+|\Z)")
_LINK: Final = re.compile(r'\s*<([^<>\s"]{1,2048})>\s*;\s*rel="?next"?\s*')
_UPLOADED: Final = re.compile(r"(?:bytes=)?0-([0-9]{1,15})")
_SERVED: Final = re.compile(r"bytes ([0-9]{1,15})-([0-9]{1,15})/([0-9]{1,15}|\*)")
_BEARER: Final = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True)
class Descriptor:
    """What a registry lists. `artifact_type` is "" where it says none."""

    media_type: str
    digest: Digest
    size: int
    artifact_type: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """As it stands in an index."""
        found: dict[str, Any] = {"mediaType": self.media_type, "digest": self.digest, "size": self.size}
        if self.artifact_type:
            found["artifactType"] = self.artifact_type
        return found | ({"annotations": dict(self.annotations)} if self.annotations else {})


def read_challenges(header: str) -> dict[str, dict[str, str]]:
    """`WWW-Authenticate`, possibly of several challenges: parameters by scheme, names in lower case.

    Bearer realm="https://auth.example/token",service="registry.example",scope="...", Basic realm="registry"
    """
    found: dict[str, dict[str, str]] = {}
    place = 0
    while match := _SCHEME.match(header, place):
        place = match.end()
        parameters = found.setdefault(match[1].lower(), {})
        while pair := _PARAMETER.match(header, place):
            place = pair.end()
            value = pair[3] if pair[2] is None else re.sub(r"\\(.)", r"\1", pair[2])
            parameters.setdefault(pair[1].lower(), value)
    if header[place:].strip():
        raise ValueError("a challenge is malformed")
    return found


def read_token(data: bytes) -> tuple[str, float]:
    """A token server's answer: the token, and for how many seconds it is good."""
    value = decode(data)
    token = (value.get("token") or value.get("access_token")) if isinstance(value, dict) else None
    if not isinstance(token, str) or len(token) > _MOST_TOKEN or not _BEARER.fullmatch(token):
        raise ValueError("it holds no token")
    life = value.get("expires_in")
    good = isinstance(life, int | float) and not isinstance(life, bool) and life > 0
    return token, min(float(life), _LONGEST_LIFE) if good else _SHORTEST_LIFE


def read_refusal(data: bytes) -> str:
    """The registry's own words, for people: `MANIFEST_UNKNOWN: manifest unknown`. "" where it has none."""
    try:
        value = decode(data)
    except ValueError:
        return ""
    errors = value.get("errors") if isinstance(value, dict) else None
    if not isinstance(errors, list):
        return ""
    words = []
    for error in errors[:_MOST_ERRORS]:
        if isinstance(error, dict):
            parts = [error.get(name) for name in ("code", "message")]
            words.append(": ".join(part for part in parts if isinstance(part, str) and part))
    return shown("; ".join(word for word in words if word))


def next_page(header: str) -> str:
    """The target of `Link: <...>; rel="next"`, or "" where there is none."""
    if not header:
        return ""
    match = _LINK.fullmatch(header)
    if match is None:
        raise ValueError("its Link is malformed")
    return match[1]


def uploaded(header: str) -> int | None:
    """How many bytes of an upload have arrived, by `Range: 0-<last>`. None where that cannot be told.

    `0-0` is what registries say both of one byte and of none.
    """
    match = _UPLOADED.fullmatch(header.strip())
    return int(match[1]) + 1 if match and int(match[1]) else None


def check_served(header: str, start: int, size: int) -> None:
    """`Content-Range: bytes <start>-<last>/<size>` is the rest of the blob, all of it. ValueError."""
    match = _SERVED.fullmatch(header.strip())
    if match is None or (int(match[1]), int(match[2])) != (start, size - 1) or match[3] not in {"*", str(size)}:
        raise ValueError(f"asked for bytes {start}-{size - 1}/{size}, it sends {shown(header)!r}")


def read_index(data: bytes) -> tuple[dict[str, Any], tuple[Descriptor, ...]]:
    """An image index: as it stands, and its descriptors."""
    value = decode(data)
    if not isinstance(value, dict) or value.get("schemaVersion") != 2 or value.get("mediaType") != IMAGE_INDEX:
        raise ValueError("it is no image index")
    listed = value.get("manifests")
    if listed is None:  # Go writes an empty list so
        value["manifests"] = listed = []
    if not isinstance(listed, list):
        raise ValueError("it lists no manifests")
    return value, tuple(_descriptor(entry) for entry in listed)


def read_attached(data: bytes) -> tuple[Descriptor, Digest]:
    """A manifest with a subject: how an index lists it (digest and size are not its own yet), and its subject's digest.

    Its artifact type is `artifactType`, else its configuration's media type, as the specification says.
    """
    value = decode(data)
    if not isinstance(value, dict) or not isinstance(value.get("subject"), dict):
        raise ValueError("it has no subject")
    config = value.get("config")
    kind = value.get("artifactType") or (config.get("mediaType") if isinstance(config, dict) else None)
    entry = {
        "mediaType": value.get("mediaType"),
        "digest": value["subject"].get("digest"),
        "size": 0,
        "artifactType": kind,
        "annotations": value.get("annotations"),
    }
    found = _descriptor(entry)
    return found, found.digest


def _descriptor(value: Any) -> Descriptor:
    if not isinstance(value, dict):
        raise ValueError("a descriptor is an object")
    media_type, size = value.get("mediaType"), value.get("size")
    artifact_type, annotations = value.get("artifactType") or "", value.get("annotations") or {}
    if not isinstance(media_type, str) or not isinstance(artifact_type, str):
        raise ValueError("a media type is a text")
    if type(size) is not int or not 0 <= size <= MOST_SIZE:
        raise ValueError("a size is a whole number")
    if not isinstance(annotations, dict) or not all(isinstance(text, str) for text in annotations.values()):
        raise ValueError("annotations are texts")
    return Descriptor(media_type, parse_digest(value.get("digest")), size, artifact_type, annotations)
