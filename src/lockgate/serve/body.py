"""A request body as strict JSON. Duplicate keys, NaN, Infinity, 1e999 and lone surrogates are not JSON at this edge."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from lockgate.core.encoding import encode
from lockgate.serve.declined import Declined

Record = dict[str, Any]


def parse(data: bytes) -> dict[str, Any]:
    """The JSON object in `data`. Raises Declined 400 (LG608) on anything else.

    What this returns survives `core.encoding.encode`: commitments over it cannot fail.
    """
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_no_duplicates,
            parse_constant=_no_constants,
            parse_float=_finite,
        )
        encode(value)
    except RecursionError:
        raise _malformed("nested too deeply") from None
    except json.JSONDecodeError as error:
        raise _malformed(f"{error.msg} at line {error.lineno} column {error.colno}") from None
    except UnicodeError:
        raise _malformed("text that is not UTF-8") from None
    except ValueError as error:
        raise _malformed(str(error)) from None
    if not isinstance(value, dict):
        raise _malformed("an object is needed, with the key records")
    return value


def records_of(value: dict[str, Any], *, limit: int) -> list[Record]:
    """`records` of `POST /predict`. Raises Declined 400 (LG608) on another shape, 413 (LG606) above `limit`."""
    unknown = sorted(set(value) - {"records"})
    if unknown:
        raise _malformed(f"unknown key {unknown[0]!r}: a request has only records")
    records = value.get("records")
    if not isinstance(records, list) or not records:
        raise _malformed("records must be a list of at least one object")
    within(len(records), limit)
    for index, record in enumerate(records):
        if not isinstance(record, dict):
            raise _malformed(f"records[{index}] is not an object")
    return records


def within(rows: int, limit: int) -> None:
    """Raises Declined 413 (LG606) when a request has more than `limit` records."""
    if rows > limit:
        raise Declined(413, "LG606", f"{rows} records in one request; at most {limit} are taken")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has a key twice")
    return found


def _no_constants(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is beyond what a double holds")
    return number


def _malformed(reason: str) -> Declined:
    return Declined(400, "LG608", f"the body is not what this call takes: {reason}")
