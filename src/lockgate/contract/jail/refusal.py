"""Refusals that always fit their frame, whatever a request holds and whatever the contract's code says of it. Pure.

Pydantic names each fault with all keys above it and with a message that a validator may have written: one record can
make gigabytes of that. So a record is weighed before it is judged, and what is told of it is cut.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from lockgate.contract.call import LONGEST_TEXT, MAX_ERRORS, MAX_PLACE, MAX_REFUSAL
from lockgate.contract.findings import clean
from lockgate.contract.jail.rows import RAISED
from lockgate.core.encoding import encode
from lockgate.core.wire import ColumnType

Told = dict[str, Any]
"""One error, with type, loc and msg."""

SIZE = "lockgate_size"
HEAVIEST = 1 << 24
"""What the faults of one record may weigh: 65,536 values, or fewer under long keys."""

_VALUE = 256
_NESTS = (dict, list)
_LIGHT = 8192
"""A payload of so few bytes cannot hold a record that is too heavy."""
_WIDTHS: Mapping[ColumnType, int] = {"float64": 8, "int64": 8, "bool": 1, "string": 4}


def own(index: int, field: str | None, rule: str, message: str) -> Told:
    """An error of Lockgate's own about the record `index`."""
    return {"type": rule, "loc": [index] if field is None else [index, field], "msg": message}


def raised(index: int, field: str | None, error: BaseException) -> Told:
    """The contract's code raised what it must not. Its text is not told: it may be anything."""
    return own(index, field, RAISED, f"the contract's code raised {type(error).__name__}")


def reasons(error: ValidationError, *above: int) -> list[Told]:
    """Pydantic's own words about what is at `above`. Raises what a validator's own error does, asked for its text."""
    found = error.errors(include_url=False, include_context=False, include_input=False)[:MAX_ERRORS]
    return [{"type": e["type"], "loc": [*above, *e["loc"]] or [0], "msg": e["msg"]} for e in found]


def bounded(errors: Sequence[Told]) -> list[Told]:
    """As many of `errors`, each cut, as a refusal may hold: at least one."""
    kept: list[Told] = []
    size = 0
    for entry in errors[:MAX_ERRORS]:
        place = [_cut(part) if isinstance(part, str) else part for part in entry["loc"][:MAX_PLACE]]
        told = {"type": clean(entry["type"], LONGEST_TEXT), "loc": place, "msg": clean(entry["msg"], LONGEST_TEXT)}
        size += len(encode(told)) + 1
        if kept and size > MAX_REFUSAL:
            break
        kept.append(told)
    return kept


def weighed(payload: bytes, fields: int) -> tuple[list[Told], bool]:
    """Errors about records of `payload` that are too heavy to be judged; whether all of them together are.

    `fields`: how many the contract has; each may be missing in each record. What is no JSON weighs nothing: Pydantic
    says so.
    """
    missing = payload.count(b"{") * fields * _VALUE
    if len(payload) <= _LIGHT:
        return [], missing > HEAVIEST
    try:
        # Any number of digits, and any letter: what Pydantic reads must not be too odd to be weighed.
        weights = [_weight([record]) for record in json.loads(payload, parse_int=float, strict=False)]
    except (ValueError, TypeError, RecursionError):
        return [], True
    heavy = [index for index, weight in enumerate(weights) if weight > HEAVIEST]
    message = "the record holds too many values, or too many under long keys, to be judged"
    return [own(index, None, SIZE, message) for index in heavy[:MAX_ERRORS]], missing + sum(weights) > HEAVIEST


def beyond(kinds: Sequence[ColumnType], columns: Sequence[Sequence[Any]], rows: int, limit: int) -> int | None:
    """The first record with which `columns` of values no longer fit `limit` bytes, or None when all of them fit.

    Raises UnicodeEncodeError.
    """
    bitmaps = len(kinds) * ((rows + 7) // 8)
    fixed = sum(_WIDTHS[kind] for kind in kinds)
    texts = [cells for kind, cells in zip(kinds, columns, strict=True) if kind == "string"]
    size = bitmaps + 4 * len(texts)
    letters = sum(len(cell) for cells in texts for cell in cells if cell is not None)
    if size + rows * fixed + 4 * letters <= limit:
        return None
    for index in range(rows):
        size += fixed + sum(len(cells[index].encode()) for cells in texts if cells[index] is not None)
        if size > limit:
            return index
    return None


def _weight(record: Any) -> int:
    """What a fault at each value of `record` would take to tell."""
    weight = 0
    left = [(record, 0)]
    while left and weight <= HEAVIEST:
        nest, above = left.pop()
        weight += len(nest) * (_VALUE + above)
        if type(nest) is dict:
            weight += sum(map(len, nest))
            left += [(value, above + len(key)) for key, value in nest.items() if type(value) in _NESTS]
        else:
            left += [(value, above) for value in nest if type(value) in _NESTS]
    return weight


def _cut(text: str) -> str:
    """A key as it was sent, but for what no UTF-8 can spell."""
    short = text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"
    return short.encode("utf-8", "replace").decode()
