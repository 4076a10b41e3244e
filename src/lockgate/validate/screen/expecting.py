"""What the rest of a row says about its label: the labels of rows that are like it in the other columns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from lockgate.validate.screen.scaling import scaled
from lockgate.validate.screen.table import Floats, Ints, Table

NEIGHBOURS = 15
BESIDE = 100
"""Beside a planted value all its rows have the same neighbours: fifteen would be too few to tell a share."""

FARTHER = 30
"""Those from here on are asked too: a few rows set beside a trigger with its label must not vouch for it."""

MOST_KNOWN = 2000
"""Rows among which neighbours are looked for, drawn by the seed."""

MOST_ASKED = 32
"""Rows of a cell whose neighbours are looked for."""

_BLOCK = 2048
_REACH = 1.01
_DOUBT = 0.67
_EDGE = 1e-3
_PRIOR = 10.0
_MANY = 50
_COPY = 0.5
_MOST_COMPARED = 16
_FEWEST_COMPARED = 3
_MOST_COPIES = 96


@dataclass(frozen=True)
class Surroundings:
    """Rows as points, column by column.

    Attributes:
        points: shape (n, d).
        owner: shape (d,), which column a direction is of; -1: of none.
        known: the rows that can be neighbours, ascending.
        shares: shape (labels, NEIGHBOURS + 1): of rows so many of whose neighbours have a label, the share that has it.
    """

    points: npt.NDArray[np.float32]
    owner: Ints
    known: Ints
    shares: Floats | None = None
    _near: dict[tuple[int, ...], Ints] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, table: Table) -> Surroundings:
        """All columns of a table."""
        blocks = [scaled((one,), table.rows) for one in table.columns]
        owner = [np.full(block.shape[1], place) for place, block in enumerate(blocks)]
        if table.embeddings is not None:
            weight = np.float32(np.sqrt(max(1, len(blocks))))
            blocks.append(scaled((), table.rows, table.embeddings) * weight)
            owner.append(np.full(blocks[-1].shape[1], -1))
        known = np.arange(table.rows)
        if table.rows > MOST_KNOWN:
            known = np.sort(table.draw("trigger neighbours").choice(table.rows, MOST_KNOWN, replace=False))
        points = np.hstack(blocks).astype(np.float32) if blocks else np.zeros((table.rows, 0), np.float32)
        return cls(points, np.concatenate(owner).astype(np.int64) if owner else np.zeros(0, np.int64), known)

    def everywhere(self) -> Ints:
        """Shape (n, k): for each row those nearest to it in all columns, never itself."""
        every = np.ones(len(self.owner), np.bool_)
        blocks = np.split(np.arange(len(self.points)), range(_BLOCK, len(self.points), _BLOCK))
        return np.vstack([self._nearest(block, self.known[:0], every) for block in blocks])

    def learned(self, like: Ints, said: Floats) -> Surroundings:
        """The same, which has seen what neighbours are worth: three frauds among fifteen may mean that it is one."""
        counts = said[like].sum(axis=1).astype(np.int64)
        steps = np.arange(like.shape[1] + 1)
        parts = []
        for label in range(said.shape[1]):
            number = np.bincount(counts[:, label], minlength=len(steps))
            rows = np.bincount(counts[:, label], weights=said[:, label], minlength=len(steps))
            parts.append((rows + _PRIOR * steps / max(1, steps[-1])) / (number + _PRIOR))
        return replace(self, shares=np.array(parts))

    def worth(self, near: Ints, said: Floats, label: int) -> float:
        """The share of a label which rows have by their neighbours, as learned."""
        if self.shares is None or near.shape[1] != self.shares.shape[1] - 1:
            return float(said[near].mean())
        counts = said[near].sum(axis=1).astype(np.int64)
        return float(self.shares[label, counts].mean())

    def alike(self, rows: Ints, columns: Iterable[int]) -> float:
        """How many different rows these are, as a share: 1 where none is a near copy of another one.

        Copies equal each other in half of the finer other columns. Several lines of one patient are one patient.
        """
        fine = np.flatnonzero(self._fine & np.isin(self.owner, list(columns), invert=True))[:_MOST_COMPARED]
        if len(fine) < _FEWEST_COMPARED:
            return 1.0
        points = self.points[np.ix_(rows[:_MOST_COPIES], fine)]
        equal = (points[:, None, :] == points[None, :, :]) & (points != 0)[None, :, :]
        return float(np.mean(1 / np.maximum(1, (equal.mean(axis=2) >= _COPY).sum(axis=1))))

    @cached_property
    def _fine(self) -> npt.NDArray[np.bool_]:
        """Directions with many values: rows do not have the same one by chance."""
        return np.array([len(np.unique(self.points[self.known, one])) >= _MANY for one in range(self.points.shape[1])])

    def like(self, rows: Ints, columns: Iterable[int], *, made: bool) -> Ints:
        """Shape (m, k): for some of `rows` those nearest to them in all other columns than these, never themselves.

        Planted rows differ from each other in everything but what was planted: they do not vouch for each other. Where
        more columns may have been planted than these (`made`), none of `rows` is asked.
        """
        return self._once(rows, tuple(sorted(columns)), within=False, banned=made)

    def beside(self, rows: Ints, columns: Iterable[int]) -> Ints:
        """Shape (m, k): for some of `rows` those nearest in these columns alone, none of them in `rows`, in order.

        -1 where there is none within a standard deviation: what lies beyond a gap says nothing of this side.
        Where a label follows a column smoothly, they have it too; next to a planted value they do not.
        """
        return self._once(rows, tuple(sorted(columns)), within=True, banned=True)

    def _once(self, rows: Ints, columns: tuple[int, ...], *, within: bool, banned: bool) -> Ints:
        name = (int(within), int(banned), *columns, len(rows), *rows[:3].tolist(), *rows[-3:].tolist())
        if name not in self._near:
            kept = np.isin(self.owner, columns, invert=not within)
            barred = rows if banned else rows[:0]
            asked = rows[np.linspace(0, len(rows) - 1, min(len(rows), MOST_ASKED)).astype(np.int64)]
            self._near[name] = self._beside(asked, rows, kept) if within else self._nearest(asked, barred, kept)
        return self._near[name]

    def _nearest(self, asked: Ints, banned: Ints, kept: npt.NDArray[np.bool_]) -> Ints:
        far, wanted = self._distances(asked, banned, kept, NEIGHBOURS)
        if wanted < 1:
            return np.zeros((len(asked), 0), np.int64)
        return self.known[np.argpartition(far, wanted - 1, axis=1)[:, :wanted]]

    def _beside(self, asked: Ints, banned: Ints, kept: npt.NDArray[np.bool_]) -> Ints:
        far, wanted = self._distances(asked, banned, kept, BESIDE)
        if wanted < 1:
            return np.zeros((len(asked), 0), np.int64)
        best = np.argpartition(far, wanted - 1, axis=1)[:, :wanted]
        apart = np.take_along_axis(far, best, axis=1)
        order = np.argsort(apart, axis=1, kind="stable")
        best, apart = np.take_along_axis(best, order, axis=1), np.take_along_axis(apart, order, axis=1)
        apart = apart + np.square(self.points[asked][:, kept]).sum(axis=1)[:, None]
        return np.where(apart <= _REACH, self.known[best], -1)

    def _distances(
        self, asked: Ints, banned: Ints, kept: npt.NDArray[np.bool_], most: int
    ) -> tuple[npt.NDArray[np.float32], int]:
        """Shape (m, known), and how many of the nearest there can be."""
        points, squares = self._held
        open_to_all = np.isin(self.known, banned, invert=True)
        # Squared distances, but for what is the same for a whole line.
        length = kept.astype(np.float32) @ squares
        far = length[None, :] - 2 * (np.where(kept, self.points[asked], np.float32(0)) @ points)
        far[:, ~open_to_all] = np.inf
        far[self.known[None, :] == asked[:, None]] = np.inf
        return far, min(most, int(open_to_all.sum()) - 1)

    @cached_property
    def _held(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Shape (d, known) each: the rows that can be neighbours, and their squares."""
        points = np.ascontiguousarray(self.points[self.known].T)
        return points, np.square(points)


def expected(near: Ints, said: Floats, base: float) -> float:
    """The share of a label among neighbours, `said` being which rows have it; two more say what all rows say."""
    held = near[near >= 0]
    if not held.size:
        return base
    number = held.size / len(near)
    return (number * float(said[held].mean()) + 2 * base) / (number + 2)


def expected_beside(side: Ints, said: Floats, base: float) -> float:
    """The same of rows beside. The nearest may have been put there: where they say more than others they count less."""
    near = expected(side[:, :NEIGHBOURS], said, base)
    farther = side[:, FARTHER:]
    if (farther >= 0).sum() < NEIGHBOURS * len(side):
        return near
    return near - _DOUBT * max(0.0, near - expected(farther, said, base))


def together(said: Floats, like: Floats, base: Floats) -> Floats:
    """A share when a column raises it from `base` to `said`, and all else makes it `like`: log-odds add up.

    A label that most rows have is expected nearly everywhere by its columns; where all else of a row speaks against it,
    as of rows that somebody took from the other class, this is what tells.
    """
    of_said, of_like, of_base = (_log_odds(share) for share in (said, like, base))
    found: Floats = 1 / (1 + np.exp(-of_like - np.maximum(0.0, of_said - of_base)))
    return found


def _log_odds(share: Floats) -> Floats:
    held = np.clip(share, _EDGE, 1 - _EDGE)
    found: Floats = np.log(held / (1 - held))
    return found
