"""What is ordinary among a population's rows taken whole, as numbers: made in the validate jail, read by gateways.

Pure, and without numpy: monitor.json has them in it. `novel_making` makes them.

Each field of a synthetic row can look right while the row as a whole is one that nobody has. Five views of a row:

    spread    squared Mahalanobis distance of the numbers' normal scores: far from the others
    middle    minus the same: nearer to all others than a row is, such as a mean of two
    line      what of the distance comes of numbers that do not go together as they do, in straight lines (the log
              density of a Gaussian copula)
    rare      minus log probability under a tree of the strongest dependences between two fields (Chow and Liu, 1968),
              of numbers in bins and of categories
    bond      the tree's dependences alone, without how rare each value is by itself

How odd is said by rows that chose none of this (split conformal prediction, Papadopoulos et al., 2002): a tail rank of
0.01 or less has at most 1 % of the population, whatever its distribution.

`usual` is for whole clients: a client of one region has odder rows than the population. It holds how often rows of
the oddest twentieth or larger part of the population, cut out by one field or by two, have such a tail rank.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Any

RANKS, MISSING = 251, 255
"""Of a coded number: how many ranks there are, and the code where there is none."""
BINS, REST, LEVELS = 12, 12, 14
"""A field of the tree has 12 bins or known categories, one place for the rest, and one for a missing value."""
STEPS = 24
"""Tail ranks are told apart in steps of the square root of a half, down to 2**-12."""
WATCHED = (24, 18, 14, 10)
"""The steps whose share among a client's rows is watched: tail ranks of 0.0002, 0.002, 0.008 and 0.03."""
MOST_ROWS, FEWEST_ROWS, FEWEST_FIELDS = 20_000, 500, 3
VIEWS = 5

_LARGEST = 1e6


@dataclass(frozen=True)
class NovelFacts:
    """How rows of the population lie, in coded fields. Numbers only; `Novelty` makes scores of them.

    Attributes:
        numbers: places of the fields that have a normal score; `middle`, their means.
        whiten: a lower triangle by rows: times the scores minus `middle` it gives numbers without correlation.
        fields: places of the fields of the tree; `parents`: of each its parent among them, itself for a root.
        known: of each field of the tree its codes that have a level of their own, none for a number: bins of ranks.
        alone: hundredths of nats, LEVELS of each field: log probability of a level.
        pairs: the same, LEVELS x LEVELS of each field by (its level, its parent's): log of how much likelier together.
        views: of each view knots, ascending; `tails`: of each knot minus log of the share beyond it.
        cuts: of the oddest view, one for each step of the tail rank from 1 on; as many as rows could tell.
        usual: of each of WATCHED the share of the oddest large part's rows with that tail rank or less.
    """

    numbers: tuple[int, ...]
    middle: tuple[float, ...]
    whiten: tuple[tuple[float, ...], ...]
    fields: tuple[int, ...]
    parents: tuple[int, ...]
    known: tuple[tuple[int, ...], ...]
    alone: tuple[tuple[int, ...], ...]
    pairs: tuple[tuple[int, ...], ...]
    views: tuple[tuple[float, ...], ...]
    tails: tuple[float, ...]
    cuts: tuple[float, ...]
    usual: tuple[float, ...]

    def __post_init__(self) -> None:
        fields = len(self.fields)
        if not FEWEST_FIELDS <= fields == len(self.parents) == len(self.known) == len(self.alone) == len(self.pairs):
            raise ValueError("each field of a tree has a parent, levels, and probabilities")
        if any(len(one) != LEVELS for one in self.alone) or any(len(one) != LEVELS * LEVELS for one in self.pairs):
            raise ValueError(f"a field of a tree has {LEVELS} levels")
        if not all(0 <= parent < fields for parent in self.parents):
            raise ValueError("a parent is a field of the tree")
        if len(self.middle) != len(self.numbers) or [len(row) for row in self.whiten] != [
            *range(1, len(self.numbers) + 1)
        ]:
            raise ValueError("numbers have a middle and a triangle")
        if not all(0 <= place < MISSING for place in (*self.fields, *self.numbers)):
            raise ValueError("a field is one of those that are compared")
        if not all(0 <= code <= MISSING for codes in self.known for code in codes) or max(map(len, self.known)) > BINS:
            raise ValueError(f"a known code is a byte, and there are {BINS} at most")
        self._check_ends()

    def _check_ends(self) -> None:
        if len(self.views) != VIEWS or any(len(one) != len(self.tails) for one in self.views) or not self.tails:
            raise ValueError(f"there are {VIEWS} views with a knot for each tail")
        if any(list(one) != sorted(one) for one in (*self.views, self.tails, self.cuts)):
            raise ValueError("knots, tails and cuts ascend")
        if not 0 < len(self.cuts) <= STEPS or len(self.usual) != len(WATCHED):
            raise ValueError("there is a cut for each step")
        if not all(0 < share <= 1 for share in self.usual):
            raise ValueError("what is usual is a share")
        numbers = (*self.middle, *self.tails, *self.cuts, *chain(*self.whiten), *chain(*self.views))
        if not all(abs(number) <= _LARGEST for number in (*numbers, *chain(*self.alone), *chain(*self.pairs))):
            raise ValueError("what is known of a population are finite numbers")

    def as_json(self) -> dict[str, Any]:
        """As it stands in monitor.json."""
        nested = {name: [list(one) for one in getattr(self, name)] for name in _NESTED}
        return {name: nested.get(name) or list(value) for name, value in vars(self).items()}


_NESTED = ("whiten", "known", "alone", "pairs", "views")
