"""Rows to ask: what a record may hold, the held-out rows of the model, and rows that a stranger would make up.

The held-out rows are those that only the judge ever saw, and that the owner of a project has in the data store. A drill
is the owner's: they stand for what an attacker has who owns data like the model's, and they leave this machine for
nowhere. They are read in a jail, as every file of rows is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from lockgate.core.wire import Column, WireError
from lockgate.errors import Refused
from lockgate.monitor.binning import columns_of
from lockgate.pipeline.scoring.stream import Stream
from lockgate.runtime.serving import NULL_TIMESTAMP, Kind

Array: TypeAlias = npt.NDArray[Any]
Columns: TypeAlias = dict[str, Array]

LEAST = 40
"""Held-out rows that a drill needs: with fewer, nothing that is measured on them means anything."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Slot:
    """One field of a record, as the gateway describes it to its clients.

    Attributes:
        kind: what it holds.
        form: how a time is spelled.
        low, high: bounds of a number; infinite where none is said.
        choices: the values that there are, where they are listed.
    """

    name: str
    kind: Kind
    form: Literal["", "date", "date-time"] = ""
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[Any, ...] = ()


def slots_of(properties: Mapping[str, Any]) -> tuple[Slot, ...]:
    """The fields of a record, from their JSON Schemas. One of a kind that no model takes is not there."""
    found = (_slot(name, schema) for name, schema in properties.items())
    return tuple(slot for slot in found if slot is not None)


def heldout(path: Path, slots: Sequence[Slot]) -> Columns:
    """The fields of held-out rows, in the form of `monitor.binning.columns_of`. Raises Refused LG986."""
    wanted = {slot.name: slot for slot in slots}
    cells: dict[str, list[Any]] = {}
    try:
        with Stream(path, None, whole=False) as stream:
            for _, _, columns in stream.batches():
                for column in columns:
                    if column.name in wanted and _fits(column, wanted[column.name]):
                        cells.setdefault(column.name, []).extend(column.values())
    except (WireError, OSError) as error:
        raise too_few(f"the held-out rows could not be read back: {error}") from None
    rows = list(zip(*cells.values(), strict=True))
    if len(rows) < LEAST:
        raise too_few(f"{len(rows)} held-out rows are too few to ask: {LEAST} are needed")
    return columns_of({name: wanted[name].kind for name in cells}, list(cells), rows)


def too_few(message: str) -> Refused:
    """Why there are no rows to ask."""
    return Refused("LG986", message, next="lockgate run   # with more data, or a larger [train] holdout")


def made_up(columns: Columns, slots: Sequence[Slot], rows: int, randomness: np.random.Generator) -> Columns:
    """Rows of somebody who has none: each field by itself, over what the gateway says that it takes.

    A number lies uniformly between its bounds, and where one is missing, between the ends of what is seen in `columns`
    (a generous guess); a text or truth is any of its values. So fields go together as they never do.
    """
    found: Columns = {}
    for slot in slots:
        if slot.name not in columns:
            continue
        seen = columns[slot.name]
        if slot.kind in ("float", "int"):
            known = seen[np.isfinite(seen)]
            low = slot.low if math.isfinite(slot.low) else (known.min() if len(known) else 0.0)
            high = slot.high if math.isfinite(slot.high) else (known.max() if len(known) else 0.0)
            drawn = randomness.uniform(low, max(low, high), rows)
            found[slot.name] = np.clip(np.rint(drawn), math.ceil(low), high) if slot.kind == "int" else drawn
        elif slot.kind == "timestamp":
            known = seen[seen != NULL_TIMESTAMP]
            low, high = (int(known.min()), int(known.max())) if len(known) else (0, 1)
            found[slot.name] = randomness.integers(low, high + 1, rows)
        else:
            values = list(slot.choices) or list(dict.fromkeys(value for value in seen.tolist() if _there(value)))
            picked = randomness.integers(0, max(1, len(values)), rows)
            cells = [values[at] if values else None for at in picked.tolist()]
            found[slot.name] = columns_of({slot.name: slot.kind}, [slot.name], [(cell,) for cell in cells])[slot.name]
    return found


def records(columns: Mapping[str, Array], slots: Sequence[Slot]) -> list[dict[str, Any]]:
    """Columns as records of JSON; a field without a value is left out."""
    known = {slot.name: slot for slot in slots}
    named = {name: _spelled(column, known[name]) for name, column in columns.items()}
    return [
        {name: cell for name, cell in zip(named, cells, strict=True) if cell is not None}
        for cells in zip(*named.values(), strict=True)
    ]


def take(columns: Mapping[str, Array], places: Array) -> Columns:
    """The rows at `places`."""
    return {name: column[places] for name, column in columns.items()}


def count(columns: Mapping[str, Array]) -> int:
    """How many rows there are."""
    return len(next(iter(columns.values()), ()))


def _slot(name: str, schema: Any) -> Slot | None:
    if not isinstance(schema, dict):
        return None
    if "anyOf" in schema:
        inner = [one for one in schema["anyOf"] if isinstance(one, dict) and one.get("type") != "null"]
        return _slot(name, inner[0]) if len(inner) == 1 else None
    if isinstance(schema.get("enum"), list):
        values = tuple(value for value in schema["enum"] if value is not None)
        kinds = {type(value) for value in values}
        kind = {bool: "bool", int: "int", float: "float", str: "string"}.get(kinds.pop()) if len(kinds) == 1 else None
        return None if kind is None else Slot(name, cast("Kind", kind), choices=values)
    match schema.get("type"), schema.get("format"):
        case "number", _:
            return Slot(name, "float", "", *_bounds(schema))
        case "integer", _:
            return Slot(name, "int", "", *_bounds(schema))
        case "boolean", _:
            return Slot(name, "bool")
        case "string", "date" | "date-time" as form:
            return Slot(name, "timestamp", form)
        case "string", _ if str(schema.get("description", "")).startswith("a date or time"):
            return Slot(name, "timestamp", "date-time")
        case "string", _:
            return Slot(name, "string")
    return None


def _bounds(schema: Mapping[str, Any]) -> tuple[float, float]:
    """A bound that is itself refused is moved by so little that no number of a model's lies between."""
    low = max(float(schema.get("minimum", -math.inf)), _beside(schema.get("exclusiveMinimum", -math.inf), math.inf))
    high = min(float(schema.get("maximum", math.inf)), _beside(schema.get("exclusiveMaximum", math.inf), -math.inf))
    return low, high


def _beside(bound: float, way: float) -> float:
    return bound if math.isinf(bound) else float(np.nextafter(np.float32(bound), np.float32(way)))


def _fits(column: Column, slot: Slot) -> bool:
    """Whether the column's values are of the field's kind; a whole number stands for any number."""
    kinds = {"float": {"float64", "int64"}, "int": {"int64"}, "bool": {"bool"}, "string": {"string"}}
    return column.type in kinds.get(slot.kind, {"int64"})


def _spelled(column: Array, slot: Slot) -> list[Any]:
    cells = column.tolist()
    if slot.kind == "timestamp":
        return [None if cell == NULL_TIMESTAMP else _moment(cell, slot.form) for cell in cells]
    if slot.kind == "int":
        return [round(cell) if _there(cell) else None for cell in cells]
    if slot.kind == "bool":
        return [bool(cell) if _there(cell) else None for cell in cells]
    return [cell if _there(cell) else None for cell in cells]


def _moment(micros: int, form: str) -> str:
    moment = _EPOCH + timedelta(microseconds=micros)
    return moment.date().isoformat() if form == "date" else moment.isoformat().replace("+00:00", "Z")


def _there(cell: Any) -> bool:
    return cell is not None and not (isinstance(cell, float) and math.isnan(cell))
