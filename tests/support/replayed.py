"""Two files to compare: orders of a shop, and the same shop after something happened."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from lockgate.monitor.jail._sources import Source
from lockgate.monitor.jail.replay import compare
from lockgate.monitor.plan import Plan
from lockgate.monitor.replay import Replay, Standing, Wish, parse_replay

Happening = Literal["nothing", "shift", "unit", "constant", "mix", "new", "missing", "apart"]

ROWS, BEFORE = 6_000, 3_000
"""Of each file; of the replayed one, before it happens."""
WISH = Wish(window=500)


def orders(rows: int, seed: int, what: Happening = "nothing") -> pa.Table:
    """`rows` of them, in which `what` has happened."""
    drawn = np.random.default_rng(seed)
    amount = drawn.normal(10, 2, rows)
    extra = amount + drawn.normal(0, 1, rows)
    price = drawn.lognormal(0, 0.6, rows) * 100
    colour = drawn.choice(["red", "green", "blue"], rows, p=[0.2, 0.3, 0.5] if what == "mix" else [0.5, 0.3, 0.2])
    grade = drawn.integers(0, 5, rows)
    gone = drawn.random(rows) < (0.3 if what == "missing" else 0.0)
    if what == "shift":
        amount, extra = amount + 1.5, extra + 1.5
    if what == "unit":
        price = price * 0.1
    if what == "constant":
        grade[:] = 2
    if what == "apart":
        extra = drawn.permutation(extra)
    names = np.where(drawn.random(rows) < 0.05, "violet", colour) if what == "new" else colour
    columns: dict[str, Any] = {"amount": amount, "extra": extra, "colour": names.tolist(), "grade": grade}
    return pa.table({**columns, "price": pa.array(price, mask=gone)})


def changed(what: Happening, seed: int = 2) -> pa.Table:
    """A file in the middle of which `what` happens."""
    return pa.concat_tables([orders(BEFORE, seed), orders(ROWS - BEFORE, seed + 1, what)])


def write(path: Path, table: pa.Table) -> Path:
    """`table` in the format that the name says."""
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    elif path.suffix == ".csv":
        pc.write_csv(table, path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    return path


def replayed(before: Path, after: Path, wish: Wish = WISH) -> tuple[Plan, Replay]:
    """What the jail would answer, in this process, as its host reads it."""
    plan, replay = compare(Source.of(before, before.name), Source.of(after, after.name), wish, (1, 2))
    return plan, parse_replay(replay.encode(), plan)


def named(plan: Plan, replay: Replay) -> dict[str, Standing]:
    """The standings by the names of their streams."""
    return {stream.name: one for stream, one in zip(plan.streams, replay.streams, strict=True)}
