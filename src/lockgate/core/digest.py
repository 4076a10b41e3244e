"""Digests as Lockgate writes them: `sha256:` and 64 lower-case hex digits, nothing else."""

from __future__ import annotations

import hashlib
import re
from typing import NewType

Digest = NewType("Digest", str)

_FORM = re.compile(r"sha256:[0-9a-f]{64}\Z")


def digest_of(data: bytes) -> Digest:
    """SHA-256 of `data`."""
    return Digest("sha256:" + hashlib.sha256(data).hexdigest())


def parse_digest(text: object) -> Digest:
    """Return `text` as a digest. Raises ValueError on any other spelling."""
    if not isinstance(text, str) or not _FORM.match(text):
        raise ValueError(f"not a digest: {text!r}")
    return Digest(text)


def hex_of(digest: Digest | str) -> str:
    """The 64 hex digits of a digest."""
    return parse_digest(digest)[7:]


def from_hex(text: str) -> Digest:
    """A digest from its 64 hex digits. Raises ValueError."""
    return parse_digest("sha256:" + text)


def short(digest: Digest | str) -> str:
    """For people: `sha256:41d0..c2`."""
    digits = digest.removeprefix("sha256:")
    return f"sha256:{digits[:4]}..{digits[-2:]}"
