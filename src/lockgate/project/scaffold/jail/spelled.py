"""How the cells of a CSV file are spelled: numbers, dates, no value. One answer for the whole file. Runs in the jail.

Each column votes with a sample of its different values; a spelling is chosen only where a column needs it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from lockgate.contract.dates import CANDIDATES, check_dates, joined
from lockgate.contract.jail.respell import respelled, respelled_number
from lockgate.contract.numbers import EXAMPLES
from lockgate.errors import Usage
from lockgate.project.scaffold.jail.cells import Column
from lockgate.project.scaffold.spellings import CLEAR, FLAGS, NONE

WHOLE = r"^-?[0-9]{1,17}$"
REAL = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$"
DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
MOMENT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?$"

_SAMPLE = 4000
_LIKELY = 0.9
"""A column is asked about numbers or dates when so much of its sample is spelled so."""

_DIGITS = r"[0-9].*[0-9]"
_COMMA = 0.5


@dataclass(frozen=True)
class Spelling:
    """`[data]` as it was found. `doubts`: what could be meant in two ways, by setting. `none`: spelling -> column ->
    cells.
    """

    null: tuple[str, ...] = ("",)
    dates: str = ""
    numbers: str = ""
    doubts: Mapping[str, str] = field(default_factory=dict)
    none: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    ambiguous: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """For profile.json."""
        return {
            "null": list(self.null),
            "dates": self.dates,
            "numbers": self.numbers,
            "doubts": dict(self.doubts),
            "none": {spelling: dict(where) for spelling, where in self.none.items()},
            "ambiguous": list(self.ambiguous),
        }

    def plain(self, cells: pl.Series) -> pl.Series:
        """`cells` with null where there is no value."""
        bare = list(dict.fromkeys(one.strip('"') for one in self.null))
        return cells.set(cells.is_in(bare), None) if bare else cells

    def as_number(self, cells: pl.Series) -> pl.Series:
        """`cells` as the contract meets them in a field of numbers."""
        return _evaluated(cells, respelled_number(pl.col("cell"), self.numbers)) if self.numbers else cells

    def as_date(self, cells: pl.Series) -> pl.Series:
        """`cells` as the contract meets them in a field of dates."""
        return _evaluated(cells, respelled(pl.col("cell"), self.dates)) if self.dates else cells


def spelling_of(columns: Iterable[Column], *, delimiter: str, quoted: Sequence[str]) -> Spelling:
    """The spelling of a whole file. `quoted`: which spellings of none stand in quotes somewhere."""
    numbers: dict[str, Counter[str]] = {}
    dates: dict[str, list[str]] = {}
    none: dict[str, dict[str, int]] = {}
    for column in columns:
        if column.texts and not column.odd:
            held = _none_in(column)
            sample = _sample(column.cells.filter(~column.cells.is_in(NONE)))
            numeric = _votes(sample, numbers, column.name)
            dated = not numeric and _dated(sample, dates, column.name)
            plain = numeric or dated or _flags(sample)
            for spelling, cells in held.items():
                if plain or spelling in CLEAR or sample.is_empty():
                    none.setdefault(spelling, {})[column.name] = cells
    chosen, doubt = _numbers(numbers, delimiter)
    said, unsure = _dates(dates)
    found = ["", *(one for one in NONE if one in none and one)]
    if set(quoted) & set(none):
        found = [form for one in found for form in (one, f'"{one}"')]
    return Spelling(tuple(found), said, chosen, {"numbers": doubt} if doubt else {}, none, unsure)


def share_of(truths: pl.Series) -> float:
    """How much of a column of truth values is true, 0 to 1."""
    return int(truths.sum() or 0) / max(len(truths), 1)


def _none_in(column: Column) -> dict[str, int]:
    held = column.cells.filter(column.cells.is_in(NONE)).alias("cell").value_counts(name="n")
    return {str(cell): int(count) for cell, count in held.iter_rows()}


def _sample(cells: pl.Series) -> pl.Series:
    different = cells.drop_nulls().gather_every(max(1, len(cells) // (8 * _SAMPLE))).unique(maintain_order=True)
    return different.gather_every(max(1, len(different) // _SAMPLE)).alias("cell")


def _evaluated(cells: pl.Series, expr: pl.Expr) -> pl.Series:
    return cells.alias("cell").to_frame().select(expr.alias("cell")).to_series()


def _votes(sample: pl.Series, votes: dict[str, Counter[str]], name: str) -> bool:
    """Take down which spellings make numbers of the sample; whether any does."""
    if sample.is_empty() or not (sample.str.contains(_DIGITS) | sample.str.contains(WHOLE)).any():
        return False
    for spelling in ("", *EXAMPLES):
        cells = _evaluated(sample, respelled_number(pl.col("cell"), spelling)) if spelling else sample
        share = share_of(cells.str.contains(REAL))
        if share >= _LIKELY:
            votes.setdefault(name, Counter())[spelling] = round(1000 * share)
    return name in votes


def _dated(sample: pl.Series, dates: dict[str, list[str]], name: str) -> bool:
    if sample.is_empty():
        return False
    if share_of(sample.str.contains(DAY) | sample.str.contains(MOMENT)) >= _LIKELY:
        return True
    if share_of(sample.str.contains(r"^[0-9]{1,4}[./-][0-9]{1,2}[./-][0-9]{2,4}")) < _LIKELY:
        return False
    shares = {}
    for spelling in CANDIDATES:
        share = share_of(_evaluated(sample, respelled(pl.col("cell"), spelling)) != sample)
        if share >= _LIKELY:
            shares[spelling] = round(1000 * share)
    if shares:
        most = max(shares.values())
        dates[name] = [spelling for spelling in CANDIDATES if shares.get(spelling) == most]
    return bool(shares)


def _flags(sample: pl.Series) -> bool:
    return not sample.is_empty() and set(sample.str.to_lowercase().to_list()) <= FLAGS


def _numbers(votes: Mapping[str, Counter[str]], delimiter: str) -> tuple[str, str]:
    """The spelling that makes numbers of most columns, the plainest first; and what else could be meant."""
    total: Counter[str] = Counter()
    for each in votes.values():
        most = max(each.values())
        total.update(spelling for spelling, share in each.items() if share >= most - 5)
    if not total:
        return "", ""
    most = max(total.values())
    best = [spelling for spelling in ("", *EXAMPLES) if total[spelling] == most]
    if "" in best:
        return "", ""
    commas = [spelling for spelling in best if spelling.endswith(",56")]
    points = [spelling for spelling in best if not spelling.endswith(",56")]
    if commas and points:
        first, second = (points, commas) if delimiter == "," else (commas, points)
        return first[0], second[0]
    return best[0], ""


def _dates(votes: Mapping[str, list[str]]) -> tuple[str, tuple[str, ...]]:
    """The spellings that are needed, and the columns of which none can be told: which is the day, which the month?"""
    sure: Counter[str] = Counter()
    for options in votes.values():
        if len({option.replace("-", "") for option in options}) == 1:
            sure[options[0]] += 1
    chosen: list[str] = []
    for spelling, _ in sure.most_common():
        if _fits([*chosen, spelling]):
            chosen.append(spelling)
    unsure = []
    for name, options in votes.items():
        if len({option.replace("-", "") for option in options}) > 1:
            known = [option for option in options if _order(option) in {_order(one) for one in chosen}]
            more = [option for option in known[:1] if option not in chosen and _fits([*chosen, option])]
            chosen += more
            if not known:
                unsure.append(name)
    return joined(chosen), tuple(unsure)


def _order(spelling: str) -> str:
    """Day before month, or after it; and what stands between."""
    return spelling.replace("-", "").partition(" ")[0]


def _fits(spellings: Sequence[str]) -> bool:
    try:
        check_dates(joined(spellings))
    except Usage:
        return False
    return True
