"""Cut the accepted rows into those that training sees and those that only the judge sees. Runs in the parse jail.

No user code runs here. Which side a row falls on depends on its fields only, so rows with equal features (and
all rows of a group, and all rows of one instant) lie on one side:

    time column given    the latest instants are held out
    else group given     a keyed hash of the group decides
    else                 a keyed hash of all fields but the label decides

Task on standard input: {"label", "time", "group", "holdout", "seed", "doubts"}. Writes train.parquet, heldout.parquet
and split.json: {"how", "by", "cut", "train", "heldout", "holdout", "leak", "doubts"}. With `doubts`, /in/screen.parquet
says which rows the screen doubts: then also control.parquet, the training rows without them, and doubtful.parquet.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.contract.jail.outcome import data_dir, guarded, out_dir, read_task
from lockgate.contract.spec import BOOKKEEPING
from lockgate.core.encoding import encode
from lockgate.errors import Refused
from lockgate.train.jail import doubted, frame
from lockgate.train.jail.leak import shared

_LEAST = 2


def main(arguments: Sequence[str]) -> None:  # noqa: ARG001 - a jail's target has this signature
    """Split `/in/accepted.parquet`."""
    guarded(_work, out_dir(), unexpected="LG399")


def _work() -> None:
    task = read_task()
    table = pq.read_table(data_dir() / "accepted.parquet", use_threads=False)
    rows = frame.from_table(table, task["label"])
    heldout, facts = choose(rows, **{key: task[key] for key in ("time", "group", "holdout", "seed")})
    facts["leak"] = leak(rows, heldout, time=task["time"], group=task["group"], seed=task["seed"])
    kept = table.drop_columns([name for name in BOOKKEEPING if name in table.column_names])
    for name, chosen in (("train", ~heldout), ("heldout", heldout)):
        _write(kept.filter(pa.array(chosen)), name)
    facts["doubts"] = None
    if task["doubts"]:
        flags = doubted.read(pq.read_table(data_dir() / "screen.parquet", use_threads=False), table)
        control, doubtful, facts["doubts"] = doubted.parted(kept, heldout, flags)
        _write(control, "control")
        _write(doubtful, "doubtful")
    (out_dir() / "split.json").write_bytes(encode(facts))


def _write(table: pa.Table, name: str) -> None:
    pq.write_table(table, out_dir() / f"{name}.parquet", compression="zstd")


def leak(
    rows: frame.Rows, heldout: npt.NDArray[np.bool_], *, time: str, group: str, seed: int
) -> dict[str, Any] | None:
    """Held-out rows that training sees as well, but for time, group and label; see `leak.shared`."""
    features = [name for name in rows.kinds if name not in (time, group)]
    order = rows.data[time].to_numpy() if time else _keyed_hash(rows.data[[group]], seed) if group else None
    return shared(rows.data, features, heldout, order)


def choose(
    rows: frame.Rows, *, time: str, group: str, holdout: float, seed: int
) -> tuple[npt.NDArray[np.bool_], dict[str, Any]]:
    """Which rows are held out (shape (n,)), and the facts of split.json. Raises Refused LG304."""
    for name in (time, group):
        if name and name not in rows.kinds:
            raise Refused(
                "LG304",
                f"the rows cannot be split by {name!r}: it is no field of theirs",
                seen={"fields": list(rows.kinds)[:20]},
                next="edit lockgate.toml: [data] time, group",
            )
    if time:
        heldout, cut = _by_order(_instants(rows, time), holdout)
        how, by = "time", time
        shown: Any = str(pd.Timestamp(cut, unit="us", tz="UTC")) if rows.kinds[time] == "timestamp" else str(cut)
    else:
        chosen = rows.data[[group]] if group else rows.data[list(rows.kinds)]
        heldout, cut = _by_order(_keyed_hash(chosen, seed), holdout)
        how, by, shown = ("group", group, None) if group else ("hash", "", None)
    counts = (int((~heldout).sum()), int(heldout.sum()))
    if min(counts) < _LEAST:
        raise Refused(
            "LG304",
            f"the split by {by or 'rows'} leaves {counts[0]} rows to train on and {counts[1]} to judge",
            seen={"rows": len(heldout), "holdout": holdout},
            next="give more data, or another [data] time or group, or another [train] holdout",
        )
    return heldout, {"how": how, "by": by, "cut": shown, "train": counts[0], "heldout": counts[1], "holdout": holdout}


def _instants(rows: frame.Rows, time: str) -> npt.NDArray[Any]:
    values = rows.data[time].to_numpy()
    if rows.kinds[time] not in ("timestamp", "int", "float") or not np.isfinite(values).all():
        raise Refused(
            "LG304",
            f"the rows cannot be split by {time!r}: it is not a time or a number in every row",
            next="edit lockgate.toml: [data] time",
        )
    return values


def _by_order(values: npt.NDArray[Any], holdout: float) -> tuple[npt.NDArray[np.bool_], Any]:
    """The largest values, at least `holdout` of them where that leaves something; equal values on one side."""
    ascending = np.sort(values)
    place = min(max(len(values) - round(len(values) * holdout), 1), len(values) - 1) if len(values) else 0
    if not len(values) or ascending[0] == ascending[-1]:
        return np.zeros(len(values), dtype=bool), None
    cut = ascending[place]
    if cut == ascending[0]:
        cut = ascending[np.searchsorted(ascending, cut, side="right")]
    return values >= cut, cut


def _keyed_hash(chosen: pd.DataFrame, seed: int) -> npt.NDArray[np.uint64]:
    """One 64-bit hash per row; equal rows have equal hashes. The seed is the key."""
    key = hashlib.sha256(f"lockgate split {seed}".encode()).hexdigest()
    hashed = pd.util.hash_pandas_object(chosen, index=False, hash_key=key[:16], categorize=True).to_numpy(np.uint64)
    mixed: npt.NDArray[Any] = hashed ^ np.uint64(int(key[16:32], 16))
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    hashed_again: npt.NDArray[np.uint64] = mixed ^ (mixed >> np.uint64(31))
    return hashed_again
