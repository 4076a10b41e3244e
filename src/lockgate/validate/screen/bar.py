"""How surprising a cell is where there is no trigger: the bar, from runs with labels exchanged among like rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lockgate.validate.screen.binning import Coding
from lockgate.validate.screen.cells import ALONE, Cells
from lockgate.validate.screen.expecting import Surroundings
from lockgate.validate.screen.scanning import Hit, closely, columns_of, likely
from lockgate.validate.screen.table import Floats, Ints

RUNS = 15
FALSE = 0.01
"""The share of tables without a trigger on which one of the bars is passed, by the highest scores of the runs."""

KINDS = 4
LEAST_SCORE = 13.0
"""No bar is lower: a few rows are no pattern, and runs without any hit at all say nothing of the next one. Of 2,000
rows; of more it rises with the fourth root: the more rows, the more of what neighbours do not know shows."""

MARGIN = 1.2
"""Times the bar of the runs. In them neighbours say all there is to say about a label; in real rows there is more."""

SUSPICIOUS = 6.0


@dataclass(frozen=True)
class Bars:
    """What a hit must pass, by its cell's kind.

    `height`: of each kind. `highest`: shape (runs, kinds), the highest score in each run.
    """

    height: tuple[float, ...]
    highest: Floats


def kind(cells: Cells, codings: Sequence[Coding], cell: int) -> int:
    """Of what kind a cell is: 0 to 3. Cells of one kind share a bar.

    There are far fewer cells of exact values than with ranges, and far fewer whose two values are seldom met but
    together; few cells seldom score high by chance, so that their bar is low. Planted values are of such kinds.
    """
    first, _, second, _ = cells.places[cell]
    loose = codings[first].loose or (second != ALONE and codings[second].loose)
    return int(loose) + 2 * int(cells.made[cell])


def exchanged(said: Floats, like: Ints, pools: Sequence[tuple[Ints, Ints]], draw: np.random.Generator) -> Floats:
    """Shape (n, RUNS, labels): each row has the label of one of the rows that are like it (shape (n, k)).

    What the rows' columns say about the label stays, what only a rare cell says goes. `pools`: rows of a suspicious
    cell, and rows like them outside of it: in all columns they may be like each other alone.
    """
    rows = len(said)
    taken = like[np.arange(rows)[:, None], draw.integers(0, like.shape[1], (rows, RUNS))]
    for own, others in pools:
        if others.size:
            taken[own] = draw.choice(others.ravel(), (len(own), RUNS))
    found: Floats = said[taken]
    return found


def bars(cells: Cells, codings: Sequence[Coding], said: Floats, rest: Floats, near: Surroundings) -> Bars:
    """The bars, from runs of shape (n, runs, labels)."""
    highest = np.zeros((said.shape[1], KINDS))
    for run, asked in enumerate(likely(cells, codings, said, rest)):
        base = said[:, run].mean(axis=0, dtype=np.float64)
        for place, cell in enumerate(asked.cell):
            own = kind(cells, codings, int(cell))
            if asked.score[place] > highest[run, own]:
                hit = closely(cells, codings, asked, place, said[:, run], base, near)
                highest[run, own] = max(highest[run, own], hit.score if hit else 0.0)
    least = LEAST_SCORE * max(1.0, len(said) / 2000) ** 0.25
    return Bars(tuple(max(least, MARGIN * _bar(highest[:, own])) for own in range(KINDS)), highest)


def _bar(highest: Floats) -> float:
    """Above the highest of the runs: what the next one may reach falls off as exp(-score) at least."""
    return float(np.max(highest)) - math.log(FALSE * (RUNS + 1))


def pools(
    cells: Cells, codings: Sequence[Coding], suspicious: Sequence[Hit], near: Surroundings
) -> list[tuple[Ints, Ints]]:
    """The rows of each suspicious cell, and those like them in other columns; the most surprising comes last."""
    found = []
    for hit in reversed(suspicious):
        if hit.score >= SUSPICIOUS:
            own, made = cells.of(hit.cell), bool(cells.made[hit.cell])
            found.append((own, near.like(own, columns_of(cells, codings, hit.cell), made=made)))
    return found
