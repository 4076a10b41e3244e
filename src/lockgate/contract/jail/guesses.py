"""Refused cells of dates and numbers -> the setting that would mend them, for a person to decide on. Judges nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import polars as pl

from lockgate.contract.dates import CANDIDATES
from lockgate.contract.jail.respell import respelled, respelled_number
from lockgate.contract.numbers import EXAMPLES

_NUMBERS = {"float": r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$", "int": r"^[+-]?[0-9]+(\.0*)?$"}


class Guesses:
    """Which spelling of dates, and which of numbers, would mend the cells that were refused."""

    def __init__(self) -> None:
        self._dates, self._numbers = _Votes(CANDIDATES), _Votes(EXAMPLES)

    def note(self, field: str, kind: str, cells: pl.Series) -> None:
        """Refused cells of a field. Of numbers those count that are none as they stand, not those beyond a bound."""
        if cells.dtype != pl.String:
            return
        cells, cell = cells.alias("cell"), pl.col("cell")
        if kind == "timestamp":
            self._dates.note(field, cells, {name: respelled(cell, name) != cell for name in CANDIDATES})
        elif kind in _NUMBERS:
            mended = {name: respelled_number(cell, name).str.contains(_NUMBERS[kind]) for name in EXAMPLES}
            self._numbers.note(field, cells.filter(~cells.str.contains(_NUMBERS[kind])), mended)

    def dates(self) -> Mapping[str, Mapping[str, object]]:
        """By field the spelling that mends most, and how many of how many cells.

        None is named where two do equally well, as for days up to the twelfth of a month. With and without leading
        zeros are no two: the earlier of CANDIDATES stands for both.
        """
        return self._dates.answers({name: name.replace("-", "") for name in CANDIDATES})

    def numbers(self) -> Mapping[str, Mapping[str, object]]:
        """The same for numbers. None is named where one mends as many in which the other mark begins the decimals."""
        return self._numbers.answers({name: name[-3] for name in EXAMPLES})


class _Votes:
    """By field, how many cells were refused, and how many each spelling mends."""

    def __init__(self, candidates: tuple[str, ...]) -> None:
        self._candidates = candidates
        self._refused: Counter[str] = Counter()
        self._mended: dict[str, Counter[str]] = {}

    def note(self, field: str, cells: pl.Series, mends: Mapping[str, pl.Expr]) -> None:
        if not len(cells):
            return
        self._refused[field] += len(cells)
        counts = cells.to_frame().select(expr.sum().alias(name) for name, expr in mends.items()).row(0, named=True)
        self._mended.setdefault(field, Counter()).update(counts)

    def answers(self, alike: Mapping[str, str]) -> dict[str, Mapping[str, object]]:
        """`alike`: spellings that mean the same have the same word."""
        found: dict[str, Mapping[str, object]] = {}
        for field, refused in self._refused.items():
            mended = self._mended[field]
            best = max(self._candidates, key=lambda name: mended[name])
            others = (mended[name] for name in self._candidates if alike[name] != alike[best])
            if mended[best] > max(others):
                found[field] = {"spelling": best, "mends": mended[best], "of": refused}
        return found
