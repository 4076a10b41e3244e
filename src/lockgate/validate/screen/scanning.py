"""Which cells have a label that neither their columns nor the rest of their rows account for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from lockgate.validate.screen.binning import LEAST, Coding
from lockgate.validate.screen.cells import ALONE, Cells
from lockgate.validate.screen.expecting import Surroundings, expected, expected_beside, together
from lockgate.validate.screen.table import Floats, Ints

FORCED = 0.7
"""At least this share of a cell's rows that would not have had the label must have it."""

FORCED_MADE = 0.4
"""The same where the cell looks made: rows that have another label may be planted with the trigger, to hide it."""

MOST_CHANCE = 0.5
"""What is to be expected more often than this is no trigger: it would be planted where it changes little."""

COMMON = 0.3
MOST_TOGETHER = 0.85
"""Of a label that more than COMMON of all rows have, shares of the columns and of the rest are taken together, and this
is the limit. Where most rows have it (the label that hides a fraud), only cells that look made are looked at."""

MOSTLY = 0.6
AGAINST = 1 / 3
"""In a cell that is not crowded at most this part of the neighbours that have the label by chance may have it."""

_ERRORS = 3.0
_HOPED = 0.25
_BEYOND = 0.05
_SPREAD = 2.0
_FEW_BINS = 5

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
        forced: the share of rows that must have it beyond chance.
    """

    cell: int
    label: int
    rows: int
    of: int
    chance: float
    score: float
    forced: float = FORCED


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


@dataclass(frozen=True)
class _Single:
    """What single columns say about labels: of each coding the sums over its bins, and a usual share."""

    codings: Sequence[Coding]
    sums: Sequence[Floats]
    usual: Sequence[Floats]
    base: Floats

    def chance(self, cells: Cells, cell: Ints, label: Ints, rows: Floats) -> Floats:
        """The share of a label by its base and by the other rows of each of a cell's bins."""
        base = self.base[label]
        chance = base.copy()
        for side in (0, 2):
            for coding in np.unique(cells.places[cell, side]):
                if coding == ALONE:
                    continue
                here = np.flatnonzero(cells.places[cell, side] == coding)
                own = cells.places[cell[here], side + 1]
                others = self.codings[coding].sizes[own] - cells.sizes[cell[here]]
                with_it = self.sums[coding][own, label[here]] - rows[here]
                said = (with_it + _SMOOTH * base[here]) / (others + _SMOOTH)
                alone = (cells.places[cell[here], 2] == ALONE) & ~cells.made[cell[here]]
                said = np.maximum(said, np.where(alone, self.usual[coding][label[here]], 0.0))
                chance[here] = np.maximum(chance[here], said)
        return chance


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
    sums = [_sums(coding, flat) for coding in codings]
    usual = [_usual(coding, own, base) for coding, own in zip(codings, sums, strict=True)]
    single = _Single(codings, sums, usual, base)
    parts = [_block(cells, first, flat, rest, single) for first in range(0, len(cells.sizes), _BLOCK)]
    if not parts:
        return [Likely.nothing()] * runs
    every = _joined([part[0] for part in parts])
    beside = np.concatenate([part[1] for part in parts])
    common = base[every.label] > MOSTLY
    return [_first(every, beside, common, run, labels) for run in range(runs)]


def _joined(parts: Sequence[Likely]) -> Likely:
    return Likely(
        np.concatenate([part.cell for part in parts]),
        np.concatenate([part.label for part in parts]),
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.of for part in parts]),
        np.concatenate([part.chance for part in parts]),
        np.concatenate([part.score for part in parts]),
    )


def _first(every: Likely, beside: Floats, common: npt.NDArray[np.bool_], run: int, labels: int) -> Likely:
    ours = every.label // labels == run
    own, most = np.flatnonzero(ours & ~common), np.flatnonzero(ours & common)
    plain = own[np.argsort(-every.score[own], kind="stable")[:_MOST_ASKED]]
    still = own[np.argsort(-beside[own], kind="stable")[:_MOST_ASKED]]
    hiding = most[np.argsort(-every.score[most], kind="stable")[:_MOST_ASKED]]
    found = every.taken(np.unique(np.concatenate([plain, still, hiding])))
    order = np.argsort(-found.score, kind="stable")
    found = found.taken(order)
    return Likely(found.cell, found.label % labels, found.rows, found.of, found.chance, found.score)


def _sums(coding: Coding, flat: Floats) -> Floats:
    within = np.flatnonzero(coding.codes >= 0)
    order = within[np.argsort(coding.codes[within], kind="stable")]
    starts = np.searchsorted(coding.codes[order], np.arange(len(coding.low) + 1))
    none = np.zeros(0, np.bool_)
    held = Cells(order.astype(np.int32), starts, np.zeros((0, 4), np.int64), none, none)
    return held.counts(0, len(coding.low), flat)


def _usual(coding: Coding, sums: Floats, base: Floats) -> Floats:
    """Of each label the share that a value of this column may well have: two spreads above the middle of its values.

    Where half of the towns have one label nearly always, one more that has it is no news.
    """
    if coding.loose or len(coding.low) < _FEW_BINS:
        return np.zeros(sums.shape[1])
    share = np.clip((sums + _SMOOTH * base) / (coding.sizes[:, None] + _SMOOTH), _FLOOR, 1 - _FLOOR)
    odds = np.log(share / (1 - share))
    middle = np.median(odds, axis=0)
    spread = 1.4826 * np.median(np.abs(odds - middle), axis=0)
    found: Floats = 1 / (1 + np.exp(-middle - _SPREAD * spread))
    return found


def _block(cells: Cells, first: int, flat: Floats, rest: Floats, single: _Single) -> tuple[Likely, Floats]:
    """Of a block of cells those whose label is forced, and their score beside what their rows say."""
    last = min(first + _BLOCK, len(cells.sizes))
    counts = cells.counts(first, last, flat)
    of, made = cells.sizes[first:last], cells.made[first:last]
    least = np.where(made, FORCED_MADE, FORCED)
    fit = (counts >= LEAST) & (counts >= least[:, None] * of[:, None])
    alone = made | (cells.places[first:last, 2] == ALONE)
    cell, label = np.nonzero(fit & (alone[:, None] | (single.base <= MOSTLY)[None, :]))
    rows, number = counts[cell, label].astype(np.float64), of[cell]
    cell = cell + first
    base = single.base[label]
    chance = single.chance(cells, cell, label, rows)
    common = base > MOSTLY
    found = Likely(cell, label, rows, number, chance, surprise(rows, number, chance))
    ours = cells.counts(first, last, rest)[cell - first, label % rest.shape[1]] / number
    against = ours <= base / 2
    ours = np.where(base > COMMON, together(chance, ours, base), np.maximum(chance, ours))
    # Rows out of range are each other's neighbours: what they say of a blatant value is not asked yet.
    ours = np.where(common & (cells.places[cell, 2] == ALONE), _HOPED, ours)
    beside = np.where(_forced(found, ours, least[cell - first]), surprise(rows, number, ours), 0.0)
    found = replace(found, score=np.where(common, beside, found.score))
    kept = np.where(common, beside > 0, _forced(found, chance, least[cell - first]))
    kept &= cells.crowded[cell] | against
    return found.taken(kept), beside[kept]


def _forced(found: Likely, chance: Floats, least: Floats) -> npt.NDArray[np.bool_]:
    return found.rows / found.of - chance >= least * (1 - chance)


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
    has, usual = said[:, label], float(base[label])
    least = FORCED_MADE if cells.made[cell] else FORCED
    alone = max(float(asked.chance[place]), expected_beside(near.beside(own, columns), has, usual))
    like = near.like(own, columns, made=bool(cells.made[cell]))
    chance, most = max(alone, expected(like, has, usual)), MOST_CHANCE
    against = _contradicted(like, has, usual)
    if against and usual <= COMMON:
        chance = float(together(np.array(alone), np.array(expected(like, has, usual)), np.array(usual)))
    elif usual > COMMON:
        chance = float(together(np.array(alone), np.array(near.worth(like, has, label)), np.array(usual)))
        # What is no odd value must be on rows that speak against the label: else it may be a reason for it.
        most = MOST_TOGETHER if cells.made[cell] else min(MOST_TOGETHER, usual + _BEYOND)
    if not (cells.crowded[cell] or against) or chance > most or rows / of - chance < least * (1 - chance):
        return None
    score = float(surprise(np.array([rows]), np.array([of]), np.array([chance]))[0]) * near.alike(own, columns)
    return Hit(cell, label, int(rows), of, chance, score, least)


def _contradicted(near: Ints, said: Floats, base: float) -> bool:
    """Whether rows are like rows that have another label, beyond chance."""
    by_chance = near.size * base
    seen = float(said[near].sum())
    return seen <= by_chance * AGAINST and by_chance - seen >= _ERRORS * by_chance**0.5


def columns_of(cells: Cells, codings: Sequence[Coding], cell: int) -> tuple[int, ...]:
    """The places of the one or two columns of a cell."""
    first, _, second, _ = cells.places[cell]
    return (codings[first].column,) if second == ALONE else (codings[first].column, codings[second].column)
