"""Labels that the rest of the data contradicts: a score for each row, and the rows of which that can be said."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from lockgate.contract.findings import clean
from lockgate.validate.screen.crew import Crew
from lockgate.validate.screen.folds import Bools, dealt, inputs, models, outside, points
from lockgate.validate.screen.neighbours import DRAWN, MOST_EXACT, disagreement, nearest, votes
from lockgate.validate.screen.noise import DOUBT, NOMINAL, Noise, doubt, fitted, settled, sight
from lockgate.validate.screen.spec import Found, Outcome
from lockgate.validate.screen.table import Floats, Ints, Table

LEAST_ROWS = 100
LEAST_OF_A_CLASS = 10
MOST_CLASSES = 30
MOST_TWICE = 20_000
"""Rows up to which all is done a second time, dealt anew and without the rows that were doubtful the first time."""
LEAST_SIGHT = 0.2
MOST_PAIRS = 5
MOST_OF_A_CLASS = 0.95
"""Were more of a class called wrong, the judges have not learned what it is."""
MANY = 0.1
"""From so many wrong labels on, labels that are uncertain by nature in all rows alike look the same, and it is said."""


@dataclass(frozen=True)
class Labelled:
    """How doubtful each row's label is.

    Attributes:
        outcome: the rows that are flagged, or why none can be.
        score: shape (n,), 0 to 1, higher is more doubtful; NaN where a row's class is too rare to judge it, and
            everywhere where nothing could be looked at. Scores are there too where flags are not to be trusted.
        disagree: shape (n,), the share of the neighbours with another label; of a regression, how unlike the
            neighbours' values its own is, as a quantile. NaN where nothing could be looked at.
    """

    outcome: Outcome
    score: Floats
    disagree: Floats


def screen(table: Table, crew: Crew | None = None) -> Labelled:
    """A score for each row, and the rows whose label is more probably wrong than right."""
    crew = crew or Crew()
    why = unfit(table)
    if why:
        nothing = np.full(table.rows, np.nan)
        return Labelled(Outcome(absent=why), nothing, nothing)
    if table.task == "regression":
        from lockgate.validate.screen import residuals

        return Labelled(*residuals.screen(table, crew))
    point = points(table)
    near = nearest(table, point, crew)
    disagree = disagreement(table.label, near)
    label, classes, judged = _common(table, point)
    unsure = np.where(judged, disagree, np.nan)
    if judged.sum() < max(LEAST_ROWS, table.rows / 2) or len(np.unique(label[judged])) < 2:
        why = f"only {judged.sum():,} of {table.rows:,} rows are of a class that is common enough to judge a label by"
        return Labelled(Outcome(absent=why), unsure, disagree)
    noise = _judge(table, _Known(point, near, label, classes), judged, crew)
    score = np.where(judged, _even(doubt(noise, label, max(noise.rate, NOMINAL))), np.nan)
    return Labelled(_outcome(table, noise, label, judged), score, disagree)


def unfit(table: Table) -> str:
    """Why no label of this table can be judged; "" where it can."""
    if table.rows < LEAST_ROWS:
        return f"{table.rows} rows are too few: labels are judged from {LEAST_ROWS} rows on"
    if not points(table).any():
        return "all rows have the same inputs: nothing tells a right label from a wrong one"
    if len(np.unique(table.label)) < 2:
        return "all rows have the same label"
    return ""


def _common(table: Table, point: Ints) -> tuple[Ints, int, Bools]:
    """Labels as places among the common classes, how many these are, and the rows that have one of them.

    Copies count once: a class is not made common by repeating a row.
    """
    different = int(point.max()) + 1
    counts = np.bincount(np.unique(table.label * different + point) // different, minlength=len(table.classes))
    order = np.argsort(-counts, kind="stable")[:MOST_CLASSES]
    order = order[counts[order] >= LEAST_OF_A_CLASS]
    place = np.full(len(counts), -1)
    place[order] = np.arange(len(order))
    label = place[table.label].astype(np.int64)
    return np.maximum(label, 0), len(order), label >= 0


@dataclass(frozen=True)
class _Known:
    """Of each row: its point, its neighbours, its label among so many common classes."""

    point: Ints
    near: Ints
    label: Ints
    classes: int


def _judge(table: Table, known: _Known, judged: Bools, crew: Crew) -> Noise:
    label, classes = known.label, known.classes
    given, rows = inputs(table), np.flatnonzero(judged)
    heard = judged
    judges: list[Floats] = []
    noise = Noise(np.zeros((0, classes)), 0.0)
    for turn in ("first", "second")[: 1 if table.rows > MOST_TWICE else 2]:
        draw = table.draw(f"labels {turn}")
        fold = dealt(label, known.point, draw)
        kinds = models(given, classes, int(draw.integers(2**31)))
        judges += [outside(model, given, label, fold, heard, classes, crew) for model in kinds]
        judges.append(votes(label, known.near, heard, classes))
        noise = fitted(judges, label, rows, draw)
        heard = judged & (doubt(noise, label, noise.rate) <= DOUBT)
    return noise


def _even(doubts: Floats) -> Floats:
    """The same order, with half the odds' logarithm: what is nearly certain stays apart in single precision."""
    right, wrong = np.sqrt(1 - doubts), np.sqrt(doubts)
    found: Floats = wrong / (wrong + right)
    return found


def _outcome(table: Table, noise: Noise, label: Ints, judged: Bools) -> Outcome:
    far = sight(noise, DOUBT)
    heavy = settled(noise, label[judged])
    if far < LEAST_SIGHT and not heavy:
        why = (
            f"with these inputs a wrong {table.label_name} cannot be told from an honest one ({far:.0%} of them would"
            " be found), so no row is flagged; each has its score. The inputs may say little about it, or very many"
            " labels may be wrong: from here the two look the same"
        )
        return Outcome(absent=why)
    far = max(far, sight(noise, DOUBT, noise.rate)) if heavy else far
    doubts = doubt(noise, label, noise.rate)
    flagged = judged & (doubts > DOUBT)
    unlearned = _unlearned(label[judged], flagged[judged], noise.said.shape[1])
    note = _unlearned_note(table, judged & unlearned[label])
    rows = np.flatnonzero(flagged & ~unlearned[label])
    if not len(rows):
        return Outcome(note=note)
    rows = rows[np.argsort(-doubts[rows], kind="stable")]
    likely = noise.said[rows].copy()
    likely[np.arange(len(rows)), label[rows]] = -1
    meant = np.array([table.label[judged & (label == one)][0] for one in range(noise.said.shape[1])])
    right = meant[likely.argmax(axis=1)].tolist()
    often = Counter(zip(table.label[rows].tolist(), right, strict=True)).most_common(MOST_PAIRS)
    pairs = [(table.classes[given], table.classes[other], number) for (given, other), number in often]
    told = ", ".join(f'{number:,} "{given}" for "{other}"' for given, other, number in pairs)
    what = (
        f"{len(rows):,} of {table.rows:,} rows have a label that the other rows contradict ({told}); about"
        f" {noise.rate:.1%} of all labels are wrong by this, and {far:.0%} of wrong ones can be seen"
    )
    if noise.rate >= MANY:
        what += f'; so many, or "{table.label_name}" is as uncertain everywhere by nature: the rows cannot tell'
    seen: dict[str, Any] = {
        "rate": round(noise.rate, 4),
        "sight": round(far, 3),
        "pairs": [list(pair) for pair in pairs],
        "not_judged": int((~judged).sum()),
        "neighbours": "all" if table.rows <= MOST_EXACT else f"of {DRAWN:,} drawn points",
    }
    return Outcome((Found("labels", tuple(rows.tolist()), what, seen),), note=note)


def _unlearned(label: Ints, flagged: Bools, classes: int) -> Bools:
    """Shape (classes,): those of which nearly every row would be called wrong. What is merely rare looks so."""
    rows = np.bincount(label, minlength=classes)
    found: Bools = np.bincount(label[flagged], minlength=classes) > MOST_OF_A_CLASS * rows
    return found


def _unlearned_note(table: Table, rows: Bools) -> str:
    if not rows.any():
        return ""
    words = [clean(table.classes[one], 60) for one in np.unique(table.label[rows])[:MOST_PAIRS]]
    named = ", ".join(f'"{word}"' for word in words)
    return f"no label among the {int(rows.sum()):,} rows of {named} was judged: nothing tells these from other rows"
