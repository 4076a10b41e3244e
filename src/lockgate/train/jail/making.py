"""Features of rows that training never saw, made as a served model makes them. Runs in a jail with the user's code.

There is no label here and no training row. At `/in` lie rows.parquet, io.json and code.json, which are all that the
worker of a served model gets as well. Task on standard input: {"alone"}: all rows in few large batches, or as requests
come, one or a few at a time. Writes features.parquet.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.contract.findings import clean
from lockgate.contract.jail.outcome import data_dir, guarded, out_dir, place, read_task
from lockgate.errors import Refused
from lockgate.runtime import code_bundle, serving
from lockgate.runtime.jail.features import Array, Features
from lockgate.runtime.jail.model_error import ModelError
from lockgate.runtime.serving import ServingSpec
from lockgate.train.jail import frame
from lockgate.train.jail.apart import sizes
from lockgate.train.jail.watch import Watch

BATCH = 65_536
_SINGLE = 0.5
"""The part of the rows that are asked for one by one; the others come in small batches."""


def main(arguments: Sequence[str]) -> None:  # noqa: ARG001 - a jail's target has this signature
    """Make features of `/in/rows.parquet`."""
    guarded(_work, out_dir(), unexpected="LG399")


def _work() -> None:
    alone = bool(read_task()["alone"])
    files = {name: (data_dir() / name).read_bytes() for name in ("io.json", "code.json")}
    table = pq.read_table(data_dir() / "rows.parquet", use_threads=False)
    channel = os.dup(2)
    job = place("/tmp") / "code"
    Watch(lambda line: os.write(channel, line), job=str(job)).install()
    try:
        spec = serving.parse(files["io.json"])
        columns = frame.fields_of(table, spec)
        features = Features(code_bundle.unpack(files["code.json"]), spec, job)
        made = _all(features, columns, batches(len(table), alone=alone))
    except (ModelError, ValueError) as error:
        asked = "one or a few rows at a time" if alone else "all at once"
        raise Refused(
            "LG391",
            f"features of rows that training never saw cannot be made ({asked}): {clean(str(error), 300)}",
            next="lockgate explain LG391",
        ) from None
    pq.write_table(stored(made, spec), out_dir() / "features.parquet", compression="zstd")


def batches(rows: int, *, alone: bool) -> Iterator[slice]:
    """Which rows are asked for together, in their order."""
    begin = 0
    single = round(rows * _SINGLE)
    small = [1] * single + [*sizes(rows)] if alone else []
    while begin < rows:
        size = small.pop(0) if small else 64 if alone else BATCH
        yield slice(begin, min(begin + size, rows))
        begin += size


def stored(made: dict[str, Array], spec: ServingSpec) -> pa.Table:
    """The columns of the features as a table, in io.json's order."""
    names = [column.name for column in spec.features.columns] if spec.features else []
    return pa.table({name: pa.array(made[name], from_pandas=False) for name in names})


def _all(features: Features, columns: dict[str, Array], parts: Iterator[slice]) -> dict[str, Array]:
    found = [features({name: values[part] for name, values in columns.items()}) for part in parts]
    if not found:
        raise ValueError("there is no row")
    return {name: np.concatenate([each[name] for each in found]) for name in found[0]}
