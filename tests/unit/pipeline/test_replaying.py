"""What two models said of the same rows, as a replay counts it, and as it is told."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from lockgate.audit.ladder.counts import strange
from lockgate.core.digest import digest_of
from lockgate.pipeline.replaying.compare import Answers, compare, marked
from lockgate.pipeline.replaying.spec import Replayed, Rows
from lockgate.serve.rungs.comparing import Comparer
from tests.support.recording import SERVED

NUMBERS = SERVED
WORDS = dataclasses.replace(SERVED, task="multiclass", classes=("a", "b", "c"))


def _counts(served: Any, labels: dict[int, Any], live: list[Any], candidate: list[Any], scale: float) -> dict[str, int]:
    """Of rows 0, 1, 2...; None: not answered."""
    comparer, rows = Comparer(served, served, scale), Rows(labels, len(live))
    key = "value" if served.task == "regression" else "label"
    sides = Answers(rows, comparer), Answers(rows, comparer)
    for side, said in zip(sides, (live, candidate), strict=True):
        answered = [(row, {key: one}) for row, one in enumerate(said) if one is not None]
        side.take([row for row, _ in answered], [one for _, one in answered])
    found = compare(rows, *sides, comparer)
    assert strange(found) == ""
    return found


def test_classes_are_counted_both_ways_and_by_their_labels() -> None:
    """Three rows of four disagree; of two labels one is against the candidate, one against live."""
    found = _counts(WORDS, {0: "a", 1: "b", 2: None, 3: None}, ["a", "c", "b", "b"], ["b", "b", "b", "c"], 0.0)
    assert found == {
        "pairs.rows": 4, "pairs.disagree": 3, "pairs.more.1": 2, "pairs.more.2": 1,
        "pairs.fewer.0": 1, "pairs.fewer.1": 1, "pairs.fewer.2": 1, "risk.rows": 2, "risk.p20": 1, "risk.m20": 1,
    }  # fmt: skip


def test_numbers_are_counted_in_units_of_the_scale() -> None:
    """Differences in twentieths of it, more than one of it disagrees; without a scale only pairs are."""
    labels, live, candidate = {0: 10.0, 1: None, 2: 0.0}, [10.0, 0.0, 0.0], [15.0, -30.0, 0.0]
    assert _counts(NUMBERS, labels, live, candidate, 10.0) == {
        "pairs.rows": 3, "pairs.disagree": 1, "pairs.shift.p10": 1, "pairs.shift.m20": 1,
        "risk.rows": 2, "risk.p10": 1,
    }  # fmt: skip
    assert _counts(NUMBERS, labels, live, candidate, 0.0) == {"pairs.rows": 3}


def test_a_row_that_only_live_answers_is_answered_otherwise() -> None:
    """And one that live does not answer, or that does not count, is no pair."""
    assert _counts(WORDS, {0: "a", 1: None}, ["a", None, "a"], [None, "a", "b"], 0.0) == {
        "pairs.rows": 1,
        "pairs.disagree": 1,
    }


def test_what_is_told_says_what_was_left_out() -> None:
    """Counts of the record, rows in words, and whom nobody knows."""
    rows = Rows({0: True, 1: False}, 7, trained=4, repeated=1)
    counts = marked(
        {"pairs.rows": 2, "pairs.disagree": 1, "risk.rows": 2, "risk.p20": 1}, rows, given=True, unsure=True
    )
    assert {name: counts[name] for name in counts if name.startswith("replay")} == {
        "replay.rows": 2,
        "replay.file": 2,
        "replay.unsure": 2,
    }
    told = Replayed(
        ref="flights@2", base="flights@1", environment="prod", rung="shadow", step=4, manifest=digest_of(b"m"),
        source="june.csv", rows=rows, unsure=("flights@1",), counts=counts, folder=Path("/x"), sealed=True,
    )  # fmt: skip
    assert told.lines() == (
        "2 of 7 rows count: june.csv; left out: 4 trained on, 1 repeated",
        "flights@2 and flights@1: 1 rows answered otherwise",
        "2 labels: flights@2 is further off in 1 rows, nearer in 0",
        "what flights@1 was trained on is not here: it may know some of the rows",
        "records in the log   predictions: /x",
    )
    assert (told.as_json()["counted"], told.as_json()["record"]) == (2, "sealed")
