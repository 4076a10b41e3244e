"""A few of the accepted rows, to try a training with. Runs in the parse jail; no user code runs here.

Of every class there are rows, also of a rare one. Task on standard input: {"label", "sizes", "seed"}, the sizes
ascending. Writes sample-0.parquet, sample-1.parquet..., as the split would, in the rows' own order, each of the size
that was asked for or all rows there are, and sample.json: {"rows", "sizes"}.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from lockgate.contract.jail.outcome import data_dir, guarded, out_dir, read_task
from lockgate.contract.spec import BOOKKEEPING
from lockgate.core.encoding import encode
from lockgate.train.jail import frame

_MOST_CLASSES = 50
_OF_EACH = 20


def main(arguments: Sequence[str]) -> None:  # noqa: ARG001 - a jail's target has this signature
    """Sample `/in/accepted.parquet`."""
    guarded(_work, out_dir(), unexpected="LG399")


def _work() -> None:
    task = read_task()
    table = pq.read_table(data_dir() / "accepted.parquet", use_threads=False)
    rows = frame.from_table(table, task["label"])
    kept = table.drop_columns([name for name in BOOKKEEPING if name in table.column_names])
    order = chosen(rows.data[rows.label].to_numpy(), task["seed"], min(task["sizes"]))
    sizes = [min(size, len(order)) for size in task["sizes"]]
    for number, size in enumerate(sizes):
        part = kept.take(np.sort(order[:size]))
        pq.write_table(part, out_dir() / f"sample-{number}.parquet", compression="zstd")
    (out_dir() / "sample.json").write_bytes(encode({"rows": len(order), "sizes": sizes}))


def chosen(labels: npt.NDArray[Any], seed: int, least: int) -> npt.NDArray[np.int64]:
    """All places, in an order of which any beginning is a sample: first some of each class, then whatever comes.

    Half of the first `least` places, at most, are so reserved.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    values, which = np.unique(labels[order], return_inverse=True)
    if len(values) > _MOST_CLASSES:
        return order
    each = max(1, min(_OF_EACH, least // (2 * len(values))))
    first = np.concatenate([np.flatnonzero(which == number)[:each] for number in range(len(values))])
    rest = np.setdiff1d(np.arange(len(order)), first)
    return np.concatenate([order[first], order[rest]])
