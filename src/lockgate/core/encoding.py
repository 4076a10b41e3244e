"""JSON with one accepted spelling: what we sign and store parses only if it re-encodes to the same bytes."""

from __future__ import annotations

import json
from typing import Any, NoReturn


def encode(value: object) -> bytes:
    """`value` as compact UTF-8 JSON with sorted keys. Raises ValueError on NaN and infinities."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode()


def decode(data: bytes) -> Any:
    """Parse JSON strictly: UTF-8, no duplicate keys, no NaN. Raises ValueError."""
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_no_duplicates, parse_constant=_no_constants)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def decode_exact(data: bytes) -> Any:
    """Parse JSON that `encode` wrote. Raises ValueError when `encode` would spell it otherwise."""
    value = decode(data)
    if encode(value) != data:
        raise ValueError("not in the one accepted encoding")
    return value


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate key")
    return found


def _no_constants(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
