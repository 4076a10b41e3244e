"""Rows marked bad leave the accepted ones for the quarantine, in order: each row is still found exactly once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockgate.contract.jail.rows import QUARANTINE_SCHEMA, Verdicts
from lockgate.core.encoding import encode
from lockgate.validate.jail._ledger import Partition
from lockgate.validate.jail._marked import RULE, Apart
from lockgate.validate.rules import read_check

SOURCES = ("b.csv", "a.csv")
FIELDS: Any = [("x", pa.float64()), ("town", pa.string()), ("__source__", pa.int32()), ("__row__", pa.int64())]
SCHEMA = pa.schema(FIELDS)
"""The order of the files is that of the manifest, which is not the alphabet's."""


def _rows(*rows: tuple[Any, ...]) -> pa.RecordBatch:
    columns = [pa.array(cells, one.type) for cells, one in zip(zip(*rows, strict=True), SCHEMA, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


def _quarantined(*rows: tuple[str, int]) -> pa.RecordBatch:
    lines = [{"source": source, "row": row, "field": "x", "rule": "r", "message": "m"} for source, row in rows]
    return pa.RecordBatch.from_pylist(lines, schema=QUARANTINE_SCHEMA)


def _apart(folder: Path, *marks: tuple[str, pa.RecordBatch]) -> Apart:
    for number, (_, rows) in enumerate(marks):
        table = pa.Table.from_batches([rows]).drop_columns(["__source__", "__row__"])
        pq.write_table(table, folder / f"{number}.parquet")
    words = [word for word, _ in marks]
    return Apart(folder, words, [f"sha256:{number}" for number in range(len(words))], SCHEMA)


FOUND = Verdicts(
    _rows((1.0, "Ulm", 0, 0), (2.0, None, 0, 2), (1.0, "Ulm", 1, 0), (float("nan"), "Bonn", 1, 2)),
    _quarantined(("b.csv", 1), ("b.csv", 1), ("a.csv", 1)),
)


def test_marked_rows_are_quarantined_in_their_place(tmp_path: Path) -> None:
    """By what they hold, null and NaN too, wherever they stand; the partition of all rows still adds up."""
    bad = _rows((1.0, "Ulm", 0, 0), (float("nan"), "Bonn", 0, 0))
    apart = _apart(tmp_path, ("bad", bad))
    moved = apart.move(FOUND, SOURCES)
    assert (apart.moved, apart.unreadable) == (3, ())
    assert moved.accepted.to_pylist() == [{"x": 2.0, "town": None, "__source__": 0, "__row__": 2}]
    lines = [(one["source"], one["row"], one["rule"]) for one in moved.quarantine.to_pylist()]
    assert lines == [
        ("b.csv", 0, RULE),
        ("b.csv", 1, "r"),
        ("b.csv", 1, "r"),
        ("a.csv", 0, RULE),
        ("a.csv", 1, "r"),
        ("a.csv", 2, RULE),
    ]
    partition = Partition([3, 3], SOURCES)
    partition.accept(moved.accepted.column("__source__"), moved.accepted.column("__row__"))
    partition.quarantine(moved.quarantine.column("source"), moved.quarantine.column("row"))
    assert partition.settle() == (1, 5)


def test_the_last_word_counts_and_the_message_names_who_said_bad(tmp_path: Path) -> None:
    """A later `good` takes a `bad` back; the statements that say bad are named, never the person's words."""
    rows = _rows((1.0, "Ulm", 0, 0))
    other = _rows((2.0, None, 0, 0))
    apart = _apart(tmp_path, ("bad", rows), ("good", rows), ("bad", other))
    moved = apart.move(FOUND, SOURCES)
    assert apart.moved == 1
    (said,) = {one["message"] for one in moved.quarantine.to_pylist() if one["rule"] == RULE}
    assert said == "a person marked this row bad: sha256:0, sha256:2"


def test_without_a_marked_row_nothing_moves(tmp_path: Path) -> None:
    """The very same batches."""
    apart = _apart(tmp_path, ("good", _rows((1.0, "Ulm", 0, 0))))
    assert apart.move(FOUND, SOURCES) is FOUND
    assert apart.moved == 0


CHECKED: Any = {
    "table": {"model": "M", "fields": [], "computed": []},
    "versions": {},
    "plan": "sha256:" + "0" * 64,
    "paths": {"compiled": 6, "cells": 0, "records": 0},
    "explain": {},
    "respelled": 0,
    "reckoning": {
        "rows": 6,
        "accepted": 1,
        "quarantined": 5,
        "by_rule": [],
        "rules": 0,
        "folded": 0,
        "by_source": [],
    },
    "monitor": None,
    "marked": 3,
    "unreadable": [1],
}


def test_the_account_of_marks_is_read_strictly() -> None:
    """Not more rows than are quarantined, none without a mark, and no mark that was not given."""
    account = read_check(encode(CHECKED), 6, 2)
    assert (account.marked, account.unreadable) == (3, (1,))
    forged: list[dict[str, Any]] = [
        {"marked": 6},
        {"marked": -1},
        {"marked": True},
        {"marked": "3"},
        {"unreadable": [2]},
        {"unreadable": [1, 0]},
        {"unreadable": [1, 1]},
        {"unreadable": [True]},
        {"unreadable": None},
    ]
    for lie in forged:
        with pytest.raises(ValueError, match="mark"):
            read_check(encode({**CHECKED, **lie}), 6, 2)
    with pytest.raises(ValueError, match="marked bad by nobody"):
        read_check(encode({**CHECKED, "unreadable": []}), 6)
