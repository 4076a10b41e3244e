"""JSON with one accepted spelling: what we sign and store parses only if it re-encodes to the same bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NoReturn


def encode(value: object) -> bytes:
    """`value` as compact UTF-8 JSON with sorted keys. Raises ValueError on NaN and infinities."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode()


def alike(one: object, other: object) -> bool:
    """Whether both have one encoding: 1, 1.0 and true are three values, which Python calls equal.

    What has no encoding is like nothing, not even itself: no statement says it.
    """
    try:
        return encode(one) == encode(other)
    except (TypeError, ValueError, RecursionError):
        return False


DEEPEST = 64
"""The most objects and arrays within each other. Fixed: what one reader's stack takes, another's would not."""

LARGEST = 2**63
"""The largest whole number in what we sign and store. With more digits, what one reader reads another cannot write."""

_LONGEST = len(str(-LARGEST))
_NESTS = (dict, list)


def decode(data: bytes) -> Any:
    """Parse JSON strictly: UTF-8, no duplicate keys, no NaN, nothing deeper than DEEPEST. Raises ValueError."""
    return _parsed(data, None)


def decode_exact(data: bytes, *, kept: bool = True) -> Any:
    """Parse JSON that `encode` wrote. Raises ValueError when it is spelled otherwise, or for a huge number.

    `kept`: it is signed or stored; what only passes between two processes may hold a number of any size.
    """
    value = _parsed(data, _counted if kept else None)
    if encode(value) != data:
        raise ValueError("not in the one accepted encoding")
    return value


def _parsed(data: bytes, whole: Callable[[str], int] | None) -> Any:
    hooks: dict[str, Any] = {"object_pairs_hook": _no_duplicates, "parse_constant": _no_constants}
    try:
        value = json.loads(data.decode("utf-8"), parse_int=whole, **hooks)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    check_depth(value)
    return value


def check_depth(value: Any) -> None:
    """Raises ValueError when lists and objects are nested more than DEEPEST deep in `value`."""
    level = [value] if type(value) in _NESTS else []
    for _ in range(DEEPEST):
        if not level:
            return
        level = [
            child for one in level for child in (one.values() if type(one) is dict else one) if type(child) in _NESTS
        ]
    if level:
        raise ValueError("nested too deeply")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate key")
    return found


def _counted(digits: str) -> int:
    found = int(digits) if len(digits) <= _LONGEST else LARGEST + 1
    if abs(found) > LARGEST:
        raise ValueError("a number beyond 64 bits")
    return found


def _no_constants(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
