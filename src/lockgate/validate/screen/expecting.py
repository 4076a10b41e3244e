"""What the rest of a row says about its label: the labels of rows that are like it in the other columns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from lockgate.validate.screen.scaling import scaled
from lockgate.validate.screen.table import Floats, Ints, Table

NEIGHBOURS = 15
MOST_KNOWN = 2000
"""Rows among which neighbours are looked for, drawn by the seed."""

MOST_ASKED = 32
"""Rows of a cell whose neighbours are looked for."""

_BLOCK = 2048
_REACH = 1.01


@dataclass(frozen=True)
class Surroundings:
    """Rows as points, column by column.

    Attributes:
        points: shape (n, d).
        owner: shape (d,), which column a direction is of; -1: of none.
        known: the rows that can be neighbours, ascending.
    """

    points: npt.NDArray[np.float32]
    owner: Ints
    known: Ints
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

    def like(self, rows: Ints, columns: Iterable[int]) -> Ints:
        """Shape (m, k): for some of `rows` those nearest to them in all other columns than these, never themselves.

        Planted rows differ from each other in everything but what was planted: they do not vouch for each other.
        """
        return self._once(rows, tuple(sorted(columns)), within=False)

    def beside(self, rows: Ints, columns: Iterable[int]) -> Ints:
        """Shape (m, k): for some of `rows` those nearest to them in these columns alone, none of them in `rows`.

        -1 where there is none within a standard deviation: what lies beyond a gap says nothing of this side.
        Where a label follows a column smoothly, they have it too; next to a planted value they do not.
        """
        return self._once(rows, tuple(sorted(columns)), within=True)

    def _once(self, rows: Ints, columns: tuple[int, ...], *, within: bool) -> Ints:
        name = (int(within), *columns, len(rows), *rows[:3].tolist(), *rows[-3:].tolist())
        if name not in self._near:
            kept = np.isin(self.owner, columns, invert=not within)
            asked = rows[np.linspace(0, len(rows) - 1, min(len(rows), MOST_ASKED)).astype(np.int64)]
            self._near[name] = self._nearest(asked, rows if within else rows[:0], kept, _REACH if within else None)
        return self._near[name]

    def _nearest(self, asked: Ints, banned: Ints, kept: npt.NDArray[np.bool_], reach: float | None = None) -> Ints:
        points, squares = self._held
        open_to_all = np.isin(self.known, banned, invert=True)
        wanted = min(NEIGHBOURS, int(open_to_all.sum()) - 1)
        if wanted < 1:
            return np.zeros((len(asked), 0), np.int64)
        # Squared distances, but for what is the same for a whole line.
        length = kept.astype(np.float32) @ squares
        far = length[None, :] - 2 * (np.where(kept, self.points[asked], np.float32(0)) @ points)
        far[:, ~open_to_all] = np.inf
        far[self.known[None, :] == asked[:, None]] = np.inf
        best = np.argpartition(far, wanted - 1, axis=1)[:, :wanted]
        if reach is None:
            return self.known[best]
        apart = np.take_along_axis(far, best, axis=1) + np.square(self.points[asked][:, kept]).sum(axis=1)[:, None]
        return np.where(apart <= reach, self.known[best], -1)

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
