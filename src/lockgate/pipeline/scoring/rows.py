"""Accepted rows as the record commits to them. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from lockgate.core.wire import Column


def inputs(columns: Sequence[Column]) -> Iterator[bytes]:
    """Each row's values in the exact encoding: an object of the fields; a time in microseconds since the epoch.

    A float that JSON cannot say is the text "NaN", "Infinity" or "-Infinity": no other float is a text.
    """
    order = sorted(columns, key=lambda column: column.name)
    # A field's name is an identifier: it needs no escape, in JSON or in a format.
    form = "{" + ",".join(f'"{column.name}":%s' for column in order) + "}"
    for row in zip(*map(_spelled, order), strict=True):
        yield (form % row).encode()


def _spelled(column: Column) -> list[str]:
    spell = _SPELLED[column.type]
    return ["null" if value is None else spell(value) for value in column.values()]


def _float(value: float) -> str:
    text = float.__repr__(value)
    return text if text[-1].isdigit() else {"nan": '"NaN"', "inf": '"Infinity"', "-inf": '"-Infinity"'}[text]


_SPELLED: Mapping[str, Callable[[Any], str]] = {
    "float64": _float,
    "int64": int.__repr__,
    "bool": lambda value: "true" if value else "false",
    "string": lambda value: json.dumps(value, ensure_ascii=False),
}


def packed(columns: Sequence[Column]) -> tuple[dict[str, Any], bytes]:
    """Header fields and payload of these columns, as `core.table` draws them."""
    nulls = [place for place, column in enumerate(columns) if column.nulls is not None]
    texts = [len(column.data) for column in columns if column.type == "string"]
    payload = b"".join((column.nulls or b"") + column.data for column in columns)
    return {"rows": columns[0].rows, "nulls": nulls, "texts": texts}, payload
