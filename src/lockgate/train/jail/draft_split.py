"""Cut the rows for drafts: what `split` holds out is left away, and the rest is cut once more by the same rule.

No user code runs here. Task on standard input: {"label", "time", "group", "holdout", "seed"}. Writes

    train.parquet     the inner training rows
    fields.parquet    the validation rows without their label
    label.parquet     their labels, one column of that name, in the same order
    split.json        {"how", "by", "cut", "train", "validate", "heldout"}: of the inner cut, and three counts of rows

Rows that are held out are in none of these files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.contract.jail.outcome import data_dir, guarded, out_dir, read_task
from lockgate.contract.spec import BOOKKEEPING
from lockgate.core.encoding import encode
from lockgate.train.jail import frame
from lockgate.train.jail.split import choose


def main(arguments: Sequence[str]) -> None:  # noqa: ARG001 - a jail's target has this signature
    """Cut `/in/accepted.parquet`."""
    guarded(_work, out_dir(), unexpected="LG399")


def _work() -> None:
    task = read_task()
    table = pq.read_table(data_dir() / "accepted.parquet", use_threads=False)
    rule = {key: task[key] for key in ("time", "group", "holdout", "seed")}
    rows = frame.from_table(table, task["label"])
    heldout, _ = choose(rows, **rule)
    kept = table.drop_columns([name for name in BOOKKEEPING if name in table.column_names]).filter(pa.array(~heldout))
    inner = replace(rows, data=rows.data[~heldout].reset_index(drop=True))
    validate, facts = choose(inner, **rule)
    asked = kept.filter(pa.array(validate))
    _write(kept.filter(pa.array(~validate)), "train")
    _write(asked.drop_columns([task["label"]]), "fields")
    _write(pa.table({"label": pa.array(inner.data[task["label"]].to_numpy()[validate])}), "label")
    counts = {"train": facts["train"], "validate": facts["heldout"], "heldout": int(heldout.sum())}
    (out_dir() / "split.json").write_bytes(encode({**{key: facts[key] for key in ("how", "by", "cut")}, **counts}))


def _write(table: pa.Table, name: str) -> None:
    pq.write_table(table, out_dir() / f"{name}.parquet", compression="zstd")
