"""How odd rows are in each of the views of `novel_facts`, and taken together: coded rows to numbers."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from lockgate.monitor.abuse.novel_facts import BINS, LEVELS, MISSING, RANKS, REST, VIEWS, NovelFacts

Codes: TypeAlias = npt.NDArray[np.uint8]
Places: TypeAlias = npt.NDArray[np.intp]
Floats: TypeAlias = npt.NDArray[np.float64]

NORMAL = np.array([NormalDist().inv_cdf((rank + 0.5) / RANKS) for rank in range(RANKS)] + [0.0] * (256 - RANKS))
"""Of each rank its normal score; of a missing value the middle."""

_FAR = 1e6
_CENTI = 100.0


class Views:
    """The views of a population, made ready for many rows."""

    def __init__(self, facts: NovelFacts) -> None:
        self._numbers = np.array(facts.numbers, np.intp)
        self._scores = np.repeat(NORMAL[None], len(facts.numbers), axis=0) - np.array(facts.middle)[:, None]
        self._scores[:, MISSING] = 0
        self._scores = self._scores.astype(np.float32).ravel()
        whiten = np.zeros((len(facts.numbers),) * 2, np.float32)
        for place, row in enumerate(facts.whiten):
            whiten[place, : place + 1] = row
        self._whiten = np.ascontiguousarray(whiten.T)
        self._starts = np.arange(len(facts.numbers), dtype=np.intp) * 256
        fields = len(facts.fields)
        self._fields = np.array(facts.fields, np.intp)
        self._levels = level_table(facts.known).ravel()
        self._offsets = np.arange(fields, dtype=np.intp) * 256
        self._parents = np.array(facts.parents, np.intp)
        self._alone = (np.array(facts.alone, np.float32) / _CENTI).ravel()
        self._pairs = (np.array(facts.pairs, np.float32) / _CENTI).ravel()
        self._singles_at = np.arange(fields, dtype=np.intp) * LEVELS
        self._pairs_at = np.arange(fields, dtype=np.intp) * LEVELS * LEVELS

    def __call__(self, ranks: Codes) -> Floats:
        """Shape (n, VIEWS): spread, middle, line, rare, bond; more is odder."""
        moved = self._scores.take(ranks.take(self._numbers, axis=1) + self._starts)
        white = moved @ self._whiten
        spread = np.einsum("ij,ij->i", white, white)
        levels = self._levels.take(ranks.take(self._fields, axis=1) + self._offsets)
        bond = self._pairs.take(levels * LEVELS + levels.take(self._parents, axis=1) + self._pairs_at).sum(axis=1)
        tree = self._alone.take(levels + self._singles_at).sum(axis=1) + bond
        found = np.empty((len(ranks), VIEWS))
        straight = spread - np.einsum("ij,ij->i", moved, moved)
        for place, view in enumerate((spread, -spread, straight, -tree, -bond)):
            found[:, place] = view
        return found


class Oddness:
    """The oddest view of each row, in the units of tail ranks: minus the log of the share of rows beyond."""

    def __init__(self, facts: NovelFacts) -> None:
        self._views = Views(facts)
        knots, tails = np.array(facts.views), np.array(facts.tails)
        # Beyond the last knot on along the last piece: what lies far out differs from what lies just outside.
        steep = (tails[-1] - tails[0]) / np.maximum(knots[:, -1] - knots[:, 0], 1e-9)
        self._knots = np.column_stack([knots, knots[:, -1] + _FAR])
        self._tails = [np.append(tails, tails[-1] + _FAR * one) for one in steep]

    def __call__(self, ranks: Codes) -> Floats:
        """Shape (n,)."""
        views = self._views(ranks)
        pieces = zip(views.T, self._knots, self._tails, strict=True)
        found: Floats = np.max([np.interp(view, knots, tails) for view, knots, tails in pieces], axis=0)
        return found


def level_table(known: Sequence[Sequence[int]]) -> Places:
    """Of each field and code the level: of a number its bin, of a category its place among the known ones."""
    table = np.full((len(known), 256), REST, np.intp)
    for row, codes in zip(table, known, strict=True):
        if codes:
            row[list(codes)] = np.arange(len(codes))
        else:
            row[:RANKS] = np.arange(RANKS) * BINS // RANKS
        row[MISSING] = LEVELS - 1
    return table
