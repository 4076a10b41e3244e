"""Which cells have a label that neither their columns nor the rest of their rows account for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lockgate.validate.screen.binning import LEAST, Coding
from lockgate.validate.screen.cells import ALONE, Cells
from lockgate.validate.screen.expecting import Surroundings, expected
from lockgate.validate.screen.table import Floats, Ints

FORCED = 0.7
"""At least this share of a cell's rows that would not have had the label must have it."""

MOST_CHANCE = 0.5
"""What is to be expected more often than this is no trigger: it would be planted where it changes little."""

_MOST_ASKED = 40
_BLOCK = 4096
_SMOOTH = 4.0
_FLOOR = 1e-3


@dataclass(frozen=True)
class Hit:
    """A cell and a label.

    Attributes:
        cell, label: their places.
        rows, of: rows with this label, and all rows of the cell.
        chance: the share of the label that was to be expected.
        score: how surprising, in nats: a bound of minus the logarithm of the probability (Chernoff).
    """

    cell: int
    label: int
    rows: int
    of: int
    chance: float
    score: float


@dataclass(frozen=True)
class Likely:
    """Cells to look at more closely, in arrays that belong together: cell, label, its rows, chance, score so far."""

    cell: Ints
    label: Ints
    rows: Floats
    of: Ints
    chance: Floats
    score: Floats

    def taken(self, which: Ints | npt.NDArray[np.bool_]) -> Likely:
        """Some of them."""
        return Likely(
            self.cell[which],
            self.label[which],
            self.rows[which],
            self.of[which],
            self.chance[which],
            self.score[which],
        )

    @classmethod
    def nothing(cls) -> Likely:
        """No cells."""
        none, zero = np.zeros(0, np.int64), np.zeros(0)
        return cls(none, none, zero, none, zero, zero)


def surprise(rows: Floats, of: Ints, chance: Floats) -> Floats:
    """Chernoff's bound, in nats, of so many rows with a label among so many, by chance; 0 below what is expected."""
    share = rows / of
    chance = np.clip(chance, _FLOOR, 1 - _FLOOR)
    with np.errstate(divide="ignore", invalid="ignore"):
        up = share * np.log(share / chance)
        down = np.where(share < 1, (1 - share) * np.log((1 - share) / (1 - chance)), 0.0)
    found: Floats = np.where(share > chance, of * (up + down), 0.0).astype(np.float64)
    return found


def likely(cells: Cells, codings: Sequence[Coding], said: Floats, rest: Floats) -> list[Likely]:
    """For each run the cells with the most surprising labels, judged by each column alone.

    `said`: shape (n, runs, labels), which labels each row has in each run. `rest`: shape (n, labels), what all columns
    of a row say about it. Half of the places go to those that are still surprising beside it: where columns tell much
    about the label, as pixels do, the plain facts about the data would take all places.
    """
    rows, runs, labels = said.shape
    flat = said.reshape(rows, runs * labels)
    base: Floats = flat.mean(axis=0, dtype=np.float64)
    alone = [_sums(coding, flat) for coding in codings]
    sizes = [coding.sizes for coding in codings]
    parts = [_block(cells, first, flat, rest, (alone, sizes, base)) for first in range(0, len(cells.sizes), _BLOCK)]
    if not parts:
        return [Likely.nothing()] * runs
    every = _joined([part[0] for part in parts])
    beside = np.concatenate([part[1] for part in parts])
    return [_first(every, beside, run, labels) for run in range(runs)]


def _joined(parts: Sequence[Likely]) -> Likely:
    return Likely(
        np.concatenate([part.cell for part in parts]),
        np.concatenate([part.label for part in parts]),
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.of for part in parts]),
        np.concatenate([part.chance for part in parts]),
        np.concatenate([part.score for part in parts]),
    )


def _first(every: Likely, beside: Floats, run: int, labels: int) -> Likely:
    own = np.flatnonzero(every.label // labels == run)
    plain = own[np.argsort(-every.score[own], kind="stable")[:_MOST_ASKED]]
    still = own[np.argsort(-beside[own], kind="stable")[:_MOST_ASKED]]
    found = every.taken(np.unique(np.concatenate([plain, still])))
    order = np.argsort(-found.score, kind="stable")
    found = found.taken(order)
    return Likely(found.cell, found.label % labels, found.rows, found.of, found.chance, found.score)


def _sums(coding: Coding, flat: Floats) -> Floats:
    within = np.flatnonzero(coding.codes >= 0)
    order = within[np.argsort(coding.codes[within], kind="stable")]
    starts = np.searchsorted(coding.codes[order], np.arange(len(coding.low) + 1))
    return Cells(order.astype(np.int32), starts, np.zeros((0, 4), np.int64)).counts(0, len(coding.low), flat)


def _block(
    cells: Cells, first: int, flat: Floats, rest: Floats, single: tuple[list[Floats], list[Ints], Floats]
) -> tuple[Likely, Floats]:
    """Of a block of cells those whose label is forced, and their score beside what their rows say."""
    alone, sizes, base = single
    last = min(first + _BLOCK, len(cells.sizes))
    counts = cells.counts(first, last, flat)
    of = cells.sizes[first:last]
    cell, label = np.nonzero((counts >= LEAST) & (counts >= FORCED * of[:, None]))
    rows, number = counts[cell, label].astype(np.float64), of[cell]
    cell = cell + first
    chance = base[label].copy()
    for side in (0, 2):
        for coding in np.unique(cells.places[cell, side]):
            if coding == ALONE:
                continue
            here = np.flatnonzero(cells.places[cell, side] == coding)
            own = cells.places[cell[here], side + 1]
            others = sizes[coding][own] - number[here]
            with_it = alone[coding][own, label[here]] - rows[here]
            said = (with_it + _SMOOTH * base[label[here]]) / (others + _SMOOTH)
            chance[here] = np.maximum(chance[here], said)
    forced = _forced(rows, number, chance)
    found = Likely(cell, label, rows, number, chance, surprise(rows, number, chance)).taken(forced)
    ours = cells.counts(first, last, rest)[found.cell - first, found.label % rest.shape[1]] / found.of
    ours = np.maximum(found.chance, ours)
    return found, np.where(_forced(found.rows, found.of, ours), surprise(found.rows, found.of, ours), 0.0)


def _forced(rows: Floats, of: Ints, chance: Floats) -> npt.NDArray[np.bool_]:
    return rows / of - chance >= FORCED * (1 - chance)


def hits(
    cells: Cells, codings: Sequence[Coding], asked: Likely, said: Floats, near: Surroundings, least: float
) -> list[Hit]:
    """Those which the rest of their rows does not account for either, the most surprising first.

    `least`: what scores below it need not be told.
    """
    base = said.mean(axis=0, dtype=np.float64)
    found = []
    for place in range(len(asked.cell)):
        # What more one knows can only make it less surprising, and they are sorted.
        if asked.score[place] < least:
            break
        hit = closely(cells, codings, asked, place, said, base, near)
        if hit is not None and hit.score >= least:
            found.append(hit)
    return sorted(found, key=lambda hit: (-hit.score, hit.cell, hit.label))


def closely(
    cells: Cells,
    codings: Sequence[Coding],
    asked: Likely,
    place: int,
    said: Floats,
    base: Floats,
    near: Surroundings,
) -> Hit | None:
    """One of those asked for, beside what rows like its own say; None where that accounts for its label."""
    cell, label = int(asked.cell[place]), int(asked.label[place])
    rows, of = float(asked.rows[place]), int(asked.of[place])
    columns, own = columns_of(cells, codings, cell), cells.of(cell)
    chance = float(asked.chance[place])
    for look in (near.beside, near.like):
        chance = max(chance, expected(look(own, columns), said[:, label], float(base[label])))
        if chance > MOST_CHANCE or rows / of - chance < FORCED * (1 - chance):
            return None
    score = float(surprise(np.array([rows]), np.array([of]), np.array([chance]))[0])
    return Hit(cell, label, int(rows), of, chance, score)


def columns_of(cells: Cells, codings: Sequence[Coding], cell: int) -> tuple[int, ...]:
    """The places of the one or two columns of a cell."""
    first, _, second, _ = cells.places[cell]
    return (codings[first].column,) if second == ALONE else (codings[first].column, codings[second].column)
