"""Bodies of requests as strict JSON: one meaning, whoever reads it. Pure.

Strict: UTF-8, no NaN, no Infinity, no number beyond a double, no lone surrogate, no key twice in an object, nothing
nested more than 64 deep. What a proxy before us or a client after us may read otherwise is not JSON here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from lockgate.core.encoding import check_depth, decode, encode

LONGEST_ID = 128


class NotJson(ValueError):
    """The body is not what the call takes: no strict JSON, or of another shape. The message may be shown."""


class TooMany(ValueError):
    """More records than one request may have."""

    def __init__(self, rows: int, limit: int) -> None:
        super().__init__(f"{rows} records in one request; at most {limit} are taken")
        self.rows = rows
        self.limit = limit


class _Counted(msgspec.Struct):
    records: list[msgspec.Raw]


def parse_strict(body: bytes) -> Any:
    """The value in `body`. Raises NotJson.

    What this returns survives `core.encoding.encode`: commitments over it cannot fail.
    """
    value = _parsed_fast(body)
    return _parsed(body) if value is None else value


FORM = '{"records": [{...}]}'
"""What the body of `POST /predict` looks like, told to whoever sent another."""


def records_of(value: Any, limit: int) -> tuple[Sequence[Mapping[str, Any]], str]:
    """Records and id of the body of `POST /predict`. Raises NotJson on another shape, TooMany above `limit`."""
    if not isinstance(value, dict):
        raise NotJson(f"an object is needed, with the key records: {FORM}")
    unknown = sorted(value.keys() - {"records", "id"})
    if unknown:
        raise NotJson(f"unknown key {unknown[0]!r}: a request has only records, and perhaps id: {FORM}")
    records = value.get("records")
    if not isinstance(records, list) or not records:
        raise NotJson("records must be a list of at least one object")
    if len(records) > limit:
        raise TooMany(len(records), limit)
    for index, record in enumerate(records):
        if not isinstance(record, dict):
            raise NotJson(f"records[{index}] is not an object")
    return records, identifier(value["id"]) if "id" in value else ""


def identifier(value: Any) -> str:
    """What a client calls its request. Raises NotJson."""
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_ID or not value.isprintable():
        raise NotJson(f"id must be a text of 1 to {LONGEST_ID} characters that can be printed")
    return value


def count(body: bytes, limit: int) -> None:
    """Raises TooMany when `body` has more than `limit` records, without reading them. Says nothing else of it."""
    try:
        rows = len(msgspec.json.decode(body, type=_Counted).records)
    except (ValueError, RecursionError):
        return
    if rows > limit:
        raise TooMany(rows, limit)


def exact(value: Any) -> bytes:
    """`value` in the exact encoding. Raises NotJson when no JSON can spell it."""
    try:
        return encode(value)
    except UnicodeError:
        raise NotJson("a text holds half a character (a lone surrogate)") from None
    except (TypeError, ValueError, RecursionError):
        raise NotJson("a number is beyond what a double holds") from None


def _parsed_fast(body: bytes) -> Any:
    """The value, or None where it must be read the long way.

    msgspec takes no NaN and nothing beyond a double, but a key twice, of which the last one counts. Where no backslash
    hides a colon, the colons tell: each key has one, and what was dropped is missing from the value spelled again.
    """
    if b"\\" in body:
        return None
    try:
        value = msgspec.json.decode(body)
        if msgspec.json.encode(value).count(b":") != body.count(b":"):
            return None
        check_depth(value)
    except (ValueError, RecursionError):
        return None
    return value


def _parsed(body: bytes) -> Any:
    if not body:
        raise NotJson("it is empty; was it read from a file that is not there?")
    try:
        value = decode(body)
    except json.JSONDecodeError as error:
        raise NotJson(f"{error.msg} at line {error.lineno} column {error.colno}") from None
    except UnicodeError:
        raise NotJson("text that is not UTF-8") from None
    except ValueError as error:
        # Python words its limit of digits for programmers.
        many = "set_int_max_str_digits" in str(error)
        raise NotJson("a number has too many digits" if many else str(error)) from None
    exact(value)
    return value
