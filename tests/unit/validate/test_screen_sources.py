"""One source of ten that labels otherwise than similar rows do; and sources that differ by nature."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from lockgate.validate.screen import sources
from lockgate.validate.screen.labels import Labelled
from lockgate.validate.screen.spec import Outcome
from lockgate.validate.screen.table import Column, Floats, Ints, Table

ROWS = 2000
NAMES = tuple(f"site {place}" for place in range(10))
Bools = npt.NDArray[np.bool_]


def _table(label: npt.NDArray[Any], origin: Ints, *, names: tuple[str, ...] = NAMES, task: Any = "binary") -> Table:
    classes = tuple(str(one) for one in range(int(label.max()) + 1)) if task != "regression" else ()
    values = np.random.default_rng(1).normal(size=len(label))
    return Table((Column("x", "float", values),), label, classes, task, origin, names, 8)


def _labelled(disagree: Floats) -> Labelled:
    return Labelled(Outcome(), np.linspace(0, 1, len(disagree)), disagree)


def _seen_by_neighbours(draw: np.random.Generator, label: Ints, truth: Floats) -> Labelled:
    """Fifteen neighbours, each a one with the chance `truth`: the share that has another label than the row."""
    ones = draw.binomial(15, truth) / 15
    return _labelled(np.where(label == 1, 1 - ones, ones))


def _flipped(draw: np.random.Generator, label: Ints, rows: Bools) -> Ints:
    """Three of ten labels of those rows."""
    return np.where(rows & (draw.random(len(label)) < 0.3), 1 - label, label)


@pytest.mark.parametrize("truth", ["clear", "noisy"])
def test_one_source_of_ten_stands_out(truth: str) -> None:
    """Three of ten of its labels are wrong: told whether inputs settle the label or say nearly nothing about it.

    All its rows are told, those with the most doubtful labels first; without it nobody is accused.
    """
    draw = np.random.default_rng(81)
    rows = 2000 if truth == "clear" else 10_000
    origin = draw.integers(0, 10, rows)
    chance = np.where(draw.random(rows) < 0.5, 0.02, 0.98) if truth == "clear" else np.full(rows, 0.2)
    label = (draw.random(rows) < chance).astype(np.int64)
    assert sources.screen(_table(label, origin), _seen_by_neighbours(draw, label, chance)) == Outcome()
    label = _flipped(draw, label, origin == 3)
    (found,) = sources.screen(_table(label, origin), _seen_by_neighbours(draw, label, chance)).found
    assert tuple(np.flatnonzero(origin == 3)[::-1].tolist()) == found.rows
    assert found.seen["source"] == "site 3"
    assert found.what.startswith(f'source "site 3" ({len(found.rows)} rows): its labels agree with those of similar')


def test_sources_that_differ_by_nature_are_not_accused() -> None:
    """From one in twenty to half of the labels are ones, source by source, and their neighbours' labels likewise.

    Nor are those whose labels are noisier, where noise differs from source to source.
    """
    draw = np.random.default_rng(82)
    origin = draw.integers(0, 10, ROWS)
    chance = np.linspace(0.05, 0.5, 10)[origin]
    label = (draw.random(ROWS) < chance).astype(np.int64)
    assert sources.screen(_table(label, origin), _seen_by_neighbours(draw, label, chance)) == Outcome()
    rows = 20_000
    origin = draw.integers(0, 10, rows)
    chance = np.where(draw.random(rows) < 0.5, 0.02, 0.98)
    noise = draw.random(rows) < np.linspace(0, 0.4, 10)[origin]
    label = np.where(noise, draw.random(rows) < 0.5, draw.random(rows) < chance).astype(np.int64)
    assert sources.screen(_table(label, origin), _seen_by_neighbours(draw, label, chance)) == Outcome()


def test_a_source_of_one_class_is_told_by_its_neighbours() -> None:
    """It says 0 where a fifth of the neighbours' labels are ones; agreement beyond chance has no meaning there."""
    draw = np.random.default_rng(83)
    origin = draw.integers(0, 10, ROWS)
    chance = np.full(ROWS, 0.2)
    label = np.where(origin == 4, 0, draw.random(ROWS) < chance).astype(np.int64)
    (found,) = sources.screen(_table(label, origin), _seen_by_neighbours(draw, label, chance)).found
    assert found.seen["source"] == "site 4"
    assert '100.0% of them are "0"' in found.what


def test_many_classes_and_values() -> None:
    """Of seven classes and of a regression: the source whose rows disagree most is told, in a clean table nobody."""
    draw = np.random.default_rng(84)
    origin = draw.integers(0, 10, ROWS)
    honest = draw.beta(1, 15, ROWS)
    bad = np.where((origin == 7) & (draw.random(ROWS) < 0.3), 0.95, honest)
    label = draw.integers(0, 7, ROWS)
    tables = (_table(label, origin, task="multiclass"), _table(draw.normal(size=ROWS), origin, task="regression"))
    for table in tables:
        assert sources.screen(table, _labelled(honest)) == Outcome()
        (found,) = sources.screen(table, _labelled(bad)).found
        assert found.seen["source"] == "site 7"


@pytest.mark.parametrize("number", [2, 3, 4])
def test_few_sources(number: int) -> None:
    """How far honest ones differ cannot be seen: only a large difference is told, however many rows there are."""
    draw = np.random.default_rng(85)
    rows = 20_000
    origin = draw.integers(0, number, rows)
    chance = np.where(draw.random(rows) < 0.5, 0.02, 0.98)
    label = (draw.random(rows) < chance).astype(np.int64)
    names = NAMES[:number]
    slightly = np.where((origin == 1) & (draw.random(rows) < 0.06), 1 - label, label)
    table = _table(slightly, origin, names=names)
    assert sources.screen(table, _seen_by_neighbours(draw, slightly, chance)) == Outcome()
    wholly = np.where((origin == 1) & (draw.random(rows) < 0.4), 1 - label, label)
    table = _table(wholly, origin, names=names)
    (found,) = sources.screen(table, _seen_by_neighbours(draw, wholly, chance)).found
    assert found.seen["source"] == "site 1"


def test_of_two_sources_nobody_knows_whose_label_rate_is_right() -> None:
    """Each differs from its neighbours by as much as the other does."""
    draw = np.random.default_rng(89)
    origin = draw.integers(0, 2, ROWS)
    label = np.where(origin == 1, 1, draw.random(ROWS) < 0.2).astype(np.int64)
    table = _table(label, origin, names=NAMES[:2])
    assert sources.screen(table, _seen_by_neighbours(draw, label, np.full(ROWS, 0.6))) == Outcome()


def test_a_small_source_needs_more_than_one_odd_row() -> None:
    """Thirty rows of which two are odd are not accused, nor is a source of ten rows that are all odd, alone."""
    origin = np.concatenate([np.full(30, 8), np.arange(ROWS - 30) % 7])
    label = np.tile([0, 1], 1000)
    disagree = np.zeros(ROWS)
    disagree[:2] = 1
    assert sources.screen(_table(label, origin), _labelled(disagree)) == Outcome()
    ten = np.where(np.arange(ROWS) < 20, 0, origin)
    assert sources.screen(_table(label, ten), _labelled((ten == 8).astype(float))) == Outcome()
    disagree[:20] = 1
    (found,) = sources.screen(_table(label, origin), _labelled(disagree)).found
    assert found.seen["source"] == "site 8"


def _lots(draw: np.random.Generator, of: int) -> tuple[Ints, tuple[str, ...]]:
    """Six sources of seven rows of ten; all else in lots of so many rows, each under a name of its own."""
    place = np.arange(4000)
    origin = np.where(place < 2800, draw.integers(0, 6, 4000), 6 + (place - 2800) // of)
    return origin.astype(np.int64), tuple(f"name {one}" for one in range(int(origin.max()) + 1))


@pytest.mark.parametrize("of", [29, 30])
def test_lots_under_new_names_are_judged_together(of: int) -> None:
    """Half of their 0s are called 1: told as one, and none of the honest; honest lots are not told.

    Thirty rows are judged alone as well; so many that their median would be the middle of all names.
    """
    draw = np.random.default_rng(90)
    origin, names = _lots(draw, of)
    chance = np.where(draw.random(4000) < 0.5, 0.03, 0.97)
    label = (draw.random(4000) < chance).astype(np.int64)
    table = _table(label, origin, names=names)
    assert sources.screen(table, _seen_by_neighbours(draw, label, chance)).found == ()
    bad = np.where((origin >= 6) & (draw.random(4000) < 0.5), 1, label)
    outcome = sources.screen(_table(bad, origin, names=names), _seen_by_neighbours(draw, bad, chance))
    together = [found for found in outcome.found if "small sources together" in str(found.seen["source"])]
    assert [set(np.flatnonzero(origin >= 6).tolist())] == [set(found.rows) for found in together]
    assert not {str(found.seen["source"]) for found in outcome.found} & set(names[:6])


def test_labels_that_are_uncertain_by_nature_hide_no_source() -> None:
    """Where single labels cannot be called wrong, a source whose labels fit their neighbours' worse is told still."""
    draw = np.random.default_rng(91)
    origin = draw.integers(0, 10, 10_000)
    chance = np.full(10_000, 0.2)
    label = _flipped(draw, (draw.random(10_000) < chance).astype(np.int64), origin == 3)
    compared = _seen_by_neighbours(draw, label, chance)
    unsure = replace(
        compared, outcome=Outcome(absent="with these inputs a wrong label cannot be told from an honest one")
    )
    (found,) = sources.screen(_table(label, origin), unsure).found
    assert found.seen["source"] == "site 3"
    assert found.what.endswith("labels that are by nature harder to tell there would look the same")


def test_one_bad_source_among_unequal_ones() -> None:
    """Ten of 57 rows, of which honest ones differ among each other: held against all others, the bad one is told."""
    origin = np.repeat(np.arange(10), 57)
    odd = np.array([2, 3, 4, 6, 7, 8, 9, 10, 4, 24])
    disagree = (np.tile(np.arange(57), 10) < odd[origin]).astype(np.float64)
    label = np.tile([0, 1], 285)
    (found,) = sources.screen(_table(label, origin), _labelled(disagree)).found
    assert found.seen["source"] == "site 9"
    honest = np.where(origin == 9, np.arange(570) % 57 < 11, disagree).astype(np.float64)
    assert sources.screen(_table(label, origin), _labelled(honest)) == Outcome()


def test_names_of_sources_are_untrusted() -> None:
    """Neither a line end nor an escape sequence reaches a terminal, and a long name is cut."""
    draw = np.random.default_rng(86)
    origin = draw.integers(0, 10, ROWS)
    disagree = np.where(origin == 0, 0.9, 0.02)
    names = ("\x1b[2J\n" + "x" * 500, *NAMES[1:])
    (found,) = sources.screen(_table(np.tile([0, 1], 1000), origin, names=names), _labelled(disagree)).found
    assert found.what.isprintable()
    assert len(str(found.seen["source"])) <= 60


def test_ten_thousand_sources() -> None:
    """Three rows each: none is judged, and that is said. Of forty rows each, at most ten are told."""
    draw = np.random.default_rng(87)
    names = tuple(str(place) for place in range(10_000))
    label = draw.integers(0, 2, 30_000)
    few = sources.screen(_table(label, np.tile(np.arange(10_000), 3), names=names), _labelled(np.zeros(30_000)))
    assert few == Outcome(absent="fewer than 2 of 10000 sources have 30 rows or more")
    label = draw.integers(0, 2, 40_000)
    origin = np.tile(np.arange(1000), 40)
    disagree = np.where(origin < 50, 0.9, 0.05)
    assert len(sources.screen(_table(label, origin, names=names[:1000]), _labelled(disagree)).found) == 10


def test_what_cannot_be_compared_is_said() -> None:
    """One source; no labels that were compared; rows that could not be judged are left out."""
    label, origin = np.tile([0, 1], 1000), np.tile(np.arange(10), 200)
    alone = _table(label, origin * 0, names=("all",))
    assert sources.screen(alone, _labelled(np.zeros(ROWS))).absent == "one source: there is nothing to compare it with"
    absent = Labelled(Outcome(absent="10 rows are too few"), np.full(ROWS, np.nan), np.full(ROWS, np.nan))
    told = sources.screen(_table(label, origin), absent).absent
    assert told == "labels were not compared with their neighbours': 10 rows are too few"
    assert sources.screen(_table(label, origin), None).absent.endswith("the rule is off")
    partly = np.where(np.arange(ROWS) % 3 == 0, np.nan, np.where(origin == 5, 0.9, 0.0))
    (found,) = sources.screen(_table(label, origin), _labelled(partly)).found
    assert found.seen["source"] == "site 5"
    assert len(found.rows) == 200


def test_inputs_unlike_the_others_are_told_beside() -> None:
    """By how far they lie apart; alone they accuse nobody."""
    draw = np.random.default_rng(88)
    origin = np.tile(np.arange(10), 200)
    label = np.tile([0, 1], 1000)
    values = draw.normal(size=ROWS) + 2.0 * (origin == 2)
    table = replace(_table(label, origin), columns=(Column("x", "float", values),))
    assert sources.screen(table, _labelled(np.full(ROWS, 0.05))) == Outcome()
    (found,) = sources.screen(table, _labelled(np.where(origin == 2, 0.8, 0.05))).found
    assert found.seen["drift"] > 1
