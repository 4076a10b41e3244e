"""What the split says of doubtful rows and of rows on both sides, and when a train statement is about other doubts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockgate.audit import joins
from lockgate.core.digest import digest_of
from lockgate.core.encoding import encode
from lockgate.core.screen import RULES
from lockgate.core.statement import PROVENANCE, Statement, Subject, resource
from lockgate.errors import Refused
from lockgate.train import doubts as reading
from lockgate.train import rules
from lockgate.train.doubts import Parts
from lockgate.train.jail import doubted, frame, split
from lockgate.train.jail.leak import shared
from lockgate.train.spec import Doubts, Leak, Split
from tests.support.training import rows, screened, training_project

A, B, C = (digest_of(bytes([n])) for n in range(3))
LABELS, TRIGGERS = (np.uint16(1 << RULES.index(rule)) for rule in ("labels", "triggers"))
TWICE = np.uint16(1 << RULES.index("duplicates"))


def test_the_screens_lines_must_be_about_the_accepted_rows() -> None:
    """One line for each, in order, in the types agreed; bits of rules that doubt nothing do not count."""
    table = pa.Table.from_pandas(pd.DataFrame({"x": range(4), "__row__": range(4)}), preserve_index=False)
    good = np.array([False, True, False, False])
    flags = np.array([TRIGGERS, TRIGGERS, TWICE, LABELS | TWICE])
    lines = _table(screened(flags, good))
    assert doubted.read(lines, table).tolist() == [TRIGGERS, 0, 0, LABELS]
    for wrong in (
        lines.slice(0, 3),
        lines.drop_columns(["good"]),
        lines.set_column(3, "flags", pa.array([1, 2, 3, 4], pa.int64())),
        lines.set_column(1, "__row__", pa.array([0, 1, 3, 2], pa.int64())),
    ):
        with pytest.raises(Refused) as raised:
            doubted.read(wrong, table)
        assert raised.value.finding == "LG335"


def _table(data: bytes) -> pa.Table:
    return pq.read_table(pa.BufferReader(data))


def test_the_rows_are_parted_without_a_trace_of_the_doubtful_ones() -> None:
    """The control's rows are the training rows that nobody doubts, with the same columns as the training rows."""
    kept = pa.table({"x": range(6)})
    heldout = np.array([False, True, False, True, False, True])
    flags = np.array([TRIGGERS, 0, 0, LABELS, 0, LABELS], np.uint16)
    clean, doubtful, counts = doubted.parted(kept, heldout, flags)
    assert clean.to_pydict() == {"x": [2, 4]}
    assert doubtful.to_pydict() == {"x": [0, 3, 5], "__flags__": [TRIGGERS, LABELS, LABELS], "__place__": [-1, 1, 2]}
    assert counts == {"rows": 3, "left_out": 1}


@pytest.mark.parametrize(
    ("doubts", "given"),
    [
        (None, True),
        ({"rows": 3, "left_out": 1}, False),
        ({"rows": 3}, True),
        ({"rows": 9, "left_out": 9}, True),
        ({"rows": 9, "left_out": 1}, True),
        ({"rows": 1, "left_out": 2}, True),
        ({"rows": True, "left_out": 1}, True),
    ],
)
def test_counts_of_doubts_are_of_rows_that_are_there(doubts: Any, given: bool) -> None:
    """Eight training rows, two held-out ones."""
    facts = {"how": "hash", "by": "", "cut": None, "train": 8, "heldout": 2, "holdout": 0.2, "leak": None}
    parts = Parts(A, B, C)
    fine = rules.read_split(encode({**facts, "doubts": {"rows": 3, "left_out": 1}}), A, B, parts)
    assert fine.doubts == Doubts(A, 3, C, 1, B)
    assert rules.read_split(encode({**facts, "doubts": None}), A, B).doubts is None
    with pytest.raises(ValueError, match="doubts"):
        rules.read_split(encode({**facts, "doubts": doubts}), A, B, parts if given else None)


def test_training_is_anew_when_a_mark_changes_what_is_doubted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The accepted rows are the same, so only the doubts tell; none before and none after, and nothing is stale."""
    here = training_project(tmp_path, monkeypatch, "late", rows(10))

    def trained(*screen: Any, **chosen: Any) -> Statement:
        named = [resource("accepted.parquet", here.accepted), *(resource("screen.parquet", one) for one in screen)]
        definition = {"externalParameters": chosen, "resolvedDependencies": named}
        return Statement((Subject("model.onnx", A),), PROVENANCE, {"buildDefinition": definition})

    plain = here.project.ledger.head("validate")
    assert plain is not None
    assert joins.gap("train", trained(), plain.statement) == ""
    before, after = here.doubt(np.full(10, TRIGGERS)), here.doubt(np.full(10, TRIGGERS), np.arange(10) < 3)
    first, second = (joins.doubts(one) for one in (before, after))
    assert first != second
    assert joins.gap("train", trained(first), before) == ""
    assert "other doubts" in joins.gap("train", trained(first), after)
    assert "other doubts" in joins.gap("train", trained(), before)
    assert joins.gap("train", trained(control="off"), after) == ""
    assert "other doubts" in joins.gap("train", trained(first), plain.statement)
    settled = here.doubt(np.full(10, TWICE))
    assert joins.gap("train", trained(), settled) == ""


def _timetable(days: int, draw: np.random.Generator) -> pd.DataFrame:
    """What flies each day at the same hour, give or take, and a time: without its calendar most rows come back."""
    count = 40 * days
    return pd.DataFrame(
        {
            "when": np.repeat(np.arange(days), 40) * 24 + draw.integers(0, 24, count),
            "hour": draw.integers(6, 22, count),
            "carrier": draw.choice(["AA", "UA", "B6"], count),
            "dest": draw.choice(["BOS", "LAX", "ORD", "MIA"], count),
        }
    )


def _measured() -> pd.DataFrame:
    table = rows(1000).assign(heat=np.random.default_rng(1).normal(size=1000))
    return table.drop(columns=["delay", "late", "kind"])


def _late(table: pd.DataFrame, time: str) -> tuple[Any, Any]:
    order = table[time].astype("int64").to_numpy()
    return order >= np.sort(order)[int(len(order) * 0.8)], order


def test_copies_of_training_rows_are_seen() -> None:
    """A third of the held-out rows are training rows with another time, as when somebody fills up a file."""
    table = _measured()
    heldout, order = _late(table, "when")
    features = ["town", "age", "sunny", "heat"]
    assert shared(table, features, heldout, order) == {"rows": 0, "of": 200, "by_chance": 0.0, "beyond": False}
    places = np.arange(len(table))
    places[np.flatnonzero(heldout)[:60]] = np.arange(60)
    table = table.iloc[places]
    assert shared(table, features, heldout, order) == {
        "rows": 60,
        "of": 200,
        "by_chance": 0.0,
        "beyond": True,
    }


def test_a_set_of_copies_has_them_on_both_sides() -> None:
    """Each row five times, with times of their own: what comes back is no chance where a measure tells rows apart."""
    table = pd.concat([_measured().drop(columns="when")] * 5, ignore_index=True).sample(frac=1, random_state=0)
    table["when"] = np.arange(len(table))
    heldout, order = _late(table, "when")
    found = shared(table, ["town", "age", "sunny", "heat"], heldout, order)
    assert found is not None
    assert (found["beyond"], found["by_chance"], found["rows"] > 950) == (True, 0.0, True)


@pytest.mark.parametrize("seed", range(5))
def test_what_comes_back_by_itself_is_not_accused(seed: int) -> None:
    """A timetable: nearly all rows equal an earlier one, and so do the training rows among themselves."""
    table = _timetable(100, np.random.default_rng(seed))
    heldout, order = _late(table, "when")
    found = shared(table, ["hour", "carrier", "dest"], heldout, order)
    assert found is not None
    assert (found["rows"] > 700, found["by_chance"] > 0.9, found["beyond"]) == (True, True, False)


def test_where_rows_come_back_a_copy_cannot_be_told() -> None:
    """One training row in ten equals an earlier one, and every held-out row does: counted, and accused of nothing.

    A new timetable looks the same. What is missed here is the price; rule `duplicates` of the screen sees such copies.
    """
    draw = np.random.default_rng(3)
    table = pd.DataFrame(draw.integers(0, 60, (500, 2)), columns=["a", "b"])
    both = pd.concat([table, table.iloc[:100]], ignore_index=True)
    found = shared(both, ["a", "b"], np.arange(600) >= 500, np.arange(600))
    assert found is not None
    assert (found["rows"], 0.05 < found["by_chance"] < 0.2, found["beyond"]) == (100, True, False)


@pytest.mark.parametrize(
    ("time", "group", "rows_shared"), [("", "", 0), ("when", "", 0), ("", "town", 0), ("when", "age", 0)]
)
def test_a_split_without_copies_has_none(time: str, group: str, rows_shared: int) -> None:
    """By time, by group or by hash; of features that are all time and group nothing is said."""
    table = frame.from_table(pa.Table.from_pandas(_measured().assign(late=True), preserve_index=False), "late")
    heldout, _ = split.choose(table, time=time, group=group, holdout=0.2, seed=0)
    found = split.leak(table, heldout, time=time, group=group, seed=0)
    assert found is not None
    assert (found["rows"], found["beyond"]) == (rows_shared, False)
    assert shared(table.data, [], heldout, np.arange(len(heldout))) is None


def test_missing_values_are_equal_to_each_other() -> None:
    """NaN is NaN here: a row is the same row with its gaps."""
    table = pd.DataFrame({"x": [float(n) for n in range(50)] * 2, "y": [None] * 100, "t": range(100)})
    found = shared(table, ["x", "y"], np.arange(100) >= 50, np.arange(100))
    assert found is not None
    assert (found["rows"], found["beyond"]) == (50, True)


@pytest.mark.parametrize(
    "leak",
    [
        {"rows": 3, "of": 2, "by_chance": 0.0, "beyond": False},
        {"rows": 1, "of": 3, "by_chance": 0.0, "beyond": False},
        {"rows": 1, "of": 2, "by_chance": 2.0, "beyond": False},
        {"rows": 1, "of": 2, "by_chance": float("nan"), "beyond": False},
        {"rows": 1, "of": 2, "by_chance": 0.0, "beyond": 0},
        {"rows": True, "of": 2, "by_chance": 0.0, "beyond": True},
        {"rows": 1},
        [],
    ],
)
def test_a_leak_out_of_form_is_refused(leak: Any) -> None:
    """And one in form is a note of it in the statement, told where it is more than chance."""
    fine = {"rows": 1, "of": 2, "by_chance": 0.0, "beyond": True}
    found = Split("time", "t", None, A, 8, B, 2, reading.read_leak(fine, 2))
    assert found.leak == Leak(1, 2, 0.0, beyond=True)
    told = reading.leaked(found)
    assert told is not None
    assert told.message.startswith("1 of 2 held-out rows equal a training row")
    assert reading.leaked(Split("time", "t", None, A, 8, B, 2, Leak(1, 2, 0.9, beyond=False))) is None
    with pytest.raises(ValueError, match="leak"):
        reading.read_leak(leak, 2)
