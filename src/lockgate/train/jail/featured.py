"""Rows of contract fields become rows of features, by the project's features.py. Runs in a jail with the user's code.

The function is called as a served model calls it: on fields alone, without the label, from another folder than the
code's, without the folder of the training rows in its surroundings. Before any training it is asked for some rows
again, alone and a few at a time: what it makes of a row may not depend on the rows beside it, nor on what came before.
Here that is a courtesy to whoever would train for hours; the proof is the judge's (`train.featuring`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import chdir, contextmanager
from dataclasses import replace
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lockgate.contract.jail.outcome import place
from lockgate.errors import Refused
from lockgate.runtime.jail.columns import arrays_of, check_frame, kind_of
from lockgate.runtime.jail.features import Array, Made, frame_of, imported
from lockgate.runtime.jail.model_error import ModelError
from lockgate.runtime.serving import FeatureSpec, Field
from lockgate.train.jail import frame, users_code
from lockgate.train.jail.apart import Difference, difference, sizes
from lockgate.train.jail.frame import Rows

ALONE = 100
_EDGES = 200
_LONGEST = 10.0
"""Seconds of asking for rows again, so that a slow function is not called for minutes."""
_UNSERVED = ("LOCKGATE_DATA", "LOCKGATE_OUT", "LOCKGATE_PARAMS")


def rows_of(rows: Rows, function: str) -> Rows:
    """`rows` with the columns that `function` (`features.py:features`) makes; unchanged where it is "".

    Raises Refused LG390 (no such function), LG392 (what it gives is no table of features), and as `users_code.call`.
    """
    return _made(rows, function)[0] if function else rows


def compared(rows: Rows, function: str) -> Rows:
    """As `rows_of`, with the cost, and after some rows were asked for again. Raises Refused LG393 as well."""
    if not function:
        return rows
    found, made, seconds = _made(rows, function)
    columns, whole = rows.columns(), found.columns()
    floats = {name for name, kind in found.kinds.items() if kind == "float"}
    alone: list[float] = []
    began = perf_counter()
    for places in _again(rows):
        if len(alone) >= ALONE // 5 and perf_counter() - began > _LONGEST:
            break
        before = perf_counter()
        again = _called(made, {name: values[places] for name, values in columns.items()}, function)
        if len(places) == 1:
            alone.append(perf_counter() - before)
        differs = difference(again, whole, places, floats)
        if differs is not None:
            raise _depends(differs, len(places), function)
    cost = {
        "function": function,
        "columns": len(found.kinds),
        "batch_us": round(seconds / max(len(rows.data), 1) * 1e6, 2),
        "single_us": round(median(alone) * 1e6, 1),
    }
    return replace(found, cost=cost)


def _made(rows: Rows, function: str) -> tuple[Rows, Made, float]:
    file, _, name = function.partition(":")
    call = users_code.call(lambda: _function(file, name))
    fields = tuple(Field(each, kind) for each, kind in rows.fields.items())
    began = perf_counter()
    batch = frame_of(rows.columns(), fields, rows.nullable)
    with _as_served():
        table = users_code.call(lambda: call(batch.copy(deep=False)))
    try:
        columns = _columns(check_frame(table, batch), rows, batch)
        features = FeatureSpec(function, rows.nullable, columns)
        arrays = arrays_of(table, columns)
    except ModelError as error:
        raise _malformed(str(error), file) from None
    seconds = perf_counter() - began
    found = frame.featured(rows, features, arrays)
    return found, Made(lambda each: users_code.call(lambda: call(each)), fields, features, users_code.JOB), seconds


def _function(file: str, name: str) -> Any:
    if not (users_code.JOB / file).is_file():
        raise Refused(
            "LG390",
            f"{file} is not among the captured code",
            seen={"captured": users_code.captured()},
            next="edit lockgate.toml: [train] features, code",
        )
    with _as_served():
        function = getattr(imported(users_code.JOB, file), name, None)
    if not callable(function):
        raise Refused("LG390", f"{file} has no function {name!r}", next="edit lockgate.toml: [train] features")
    return function


def _called(made: Made, columns: dict[str, Array], function: str) -> dict[str, Array]:
    try:
        with _as_served():
            return made(columns)
    except ModelError as error:
        rows = len(next(iter(columns.values())))
        raise _malformed(f"{error} (asked for {rows} rows alone)", function.partition(":")[0]) from None


def _columns(table: pd.DataFrame, rows: Rows, batch: pd.DataFrame) -> tuple[Field, ...]:
    if rows.label in table.columns:
        raise ModelError(f"features() returned a column with the label's name, {rows.label!r}")
    if not len(batch):
        raise ModelError("there is no training row to make features of")
    return tuple(Field(name, kind_of(table[name], rows.fields.get(name))) for name in table.columns)


def _again(rows: Rows) -> Iterator[npt.NDArray[np.int64]]:
    """Places of rows to ask for again: some alone, those with nulls and extremes among them; then small batches."""
    count = len(rows.data)
    spread = np.linspace(0, count - 1, min(count, ALONE)).astype(np.int64)
    chosen = list(dict.fromkeys([*spread.tolist(), *_edges(rows)]))[: ALONE + _EDGES]
    for one in chosen:
        yield np.array([one])
    yield np.array(chosen)
    begin = 0
    for size in sizes(count):
        yield np.arange(begin, min(begin + size, count))
        begin = (begin + max(size, count // 40)) % count
    yield np.array(chosen)


def _edges(rows: Rows) -> Iterable[int]:
    for name, kind in rows.fields.items():
        values = rows.data[name]
        null = values.to_numpy() == "" if kind == "string" else values.isna().to_numpy()
        if null.any():
            yield int(np.argmax(null))
        if kind != "string" and not null.all():
            numbers = values.to_numpy(np.float64, na_value=np.nan)
            yield from (int(np.nanargmin(numbers)), int(np.nanargmax(numbers)))


@contextmanager
def _as_served() -> Iterator[None]:
    """Without what a served model does not have: the code as working directory, and where the training rows lie."""
    taken = {name: os.environ.pop(name) for name in _UNSERVED if name in os.environ}
    try:
        with chdir(place("/tmp")):
            yield
    finally:
        os.environ.update(taken)


def _malformed(why: str, file: str) -> Refused:
    return Refused("LG392", why, seen={"file": file}, next=f"mend {file}, then: lockgate train")


def _depends(found: Difference, size: int, function: str) -> Refused:
    file = function.partition(":")[0]
    asked = "alone" if size == 1 else f"in a batch of {size}"
    return Refused(
        "LG393",
        f"what {file} makes of a row depends on the rows beside it, or on earlier calls: {found.column!r} of training "
        f"row {found.row} is {found.whole} among all rows and {found.again} {asked}",
        seen={"column": found.column, "row": found.row, "among_all": found.whole, "again": found.again, "rows": size},
        next="compute what needs many rows (a mean, a rank, a category's code) in train, and keep it in the Pipeline; "
        "what earlier rows tell (a lag) is a field of the record",
    )
