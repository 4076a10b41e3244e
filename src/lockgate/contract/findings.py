"""A finding that comes out of a jail, as bytes. Pure.

What a jail says about itself may be the words of hostile data or code: `parse_finding` takes only ids that
the caller expects, and text without control characters, within limits.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from lockgate.core.encoding import decode_exact, encode
from lockgate.errors import LockgateError, Refused, Usage

FINDING = "finding.json"

_CLASSES: Mapping[str, type[LockgateError]] = {"Refused": Refused, "Usage": Usage}
_MAX_TEXT = 600
_MAX_SEEN = 24


def encode_finding(error: LockgateError) -> bytes:
    """`error` as the jail writes it to `finding.json`."""
    name = "Usage" if isinstance(error, Usage) else "Refused"
    seen = {clean(key): _plain(value) for key, value in list(error.seen.items())[:_MAX_SEEN]}
    said = {"class": name, "finding": error.finding, "message": clean(error.message), "seen": seen}
    return encode({**said, "next": clean(error.next)})


def parse_finding(data: bytes, expected: Collection[str]) -> LockgateError:
    """The error that a jail wrote. Raises ValueError when it is malformed or its id is not among `expected`."""
    value = decode_exact(data)
    if not isinstance(value, dict) or set(value) != {"class", "finding", "message", "seen", "next"}:
        raise ValueError("a finding has exactly class, finding, message, seen and next")
    kind, finding, message, following = (value[key] for key in ("class", "finding", "message", "next"))
    if kind not in _CLASSES or finding not in expected:
        raise ValueError("a jail may not raise this finding")
    if not isinstance(message, str) or not isinstance(following, str) or not isinstance(value["seen"], dict):
        raise ValueError("message and next are strings, seen is an object")
    seen = {clean(key): _plain(entry) for key, entry in list(value["seen"].items())[:_MAX_SEEN]}
    return _CLASSES[kind](finding, clean(message), seen=seen, next=clean(following))


def clean(text: str, limit: int = _MAX_TEXT) -> str:
    """`text` fit for a terminal and a log: control characters and lone surrogates become `?`, the rest is cut."""
    if len(text) <= limit and text.isprintable():
        return text
    short = text if len(text) <= limit else text[: limit - 3] + "..."
    return "".join(c if c.isprintable() else " " if c in "\n\t" else "?" for c in short)


def _plain(value: object) -> object:
    if isinstance(value, bool | int) or value is None:
        return value
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value[:_MAX_SEEN]]
    return clean(str(value))
