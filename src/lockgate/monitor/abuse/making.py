"""A population made of rows: which fields are compared, where their cuts are, and how near rows lie by nature."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from lockgate.monitor.abuse import novel_making
from lockgate.monitor.abuse.coded import Coded, Coder
from lockgate.monitor.abuse.facts import (
    CUTS,
    LEAST_FIELDS,
    LEAST_ROWS,
    MOST_FIELDS,
    MOST_POINTS,
    TIERS,
    CodedField,
    NearFacts,
    Population,
)
from lockgate.monitor.abuse.likeness import Likeness

Array: TypeAlias = npt.NDArray[Any]

MOST_ROWS = 20_000
"""Rows that are looked at."""
MOST_ONCE = 0.5
"""The share of rows with a text that occurs once, above which texts are not compared."""
MOST_EQUAL = 0.98
"""The share of pairs with the same value above which a field tells no rows apart."""
BITS = 1.6
"""Of a point: a pair agrees so by chance in one of three cases."""
SAME_POINTS = 2
IMPLIED, MORE = 0.25, 8
"""A number is implied by another field if it is so often the same where that is, and so many times as often as else."""

_SHIFTS = 24
_NONE = (0, 0, 0)
_FEW = 2
_ASKED, _DENSE = 400, 0.005
_PAIRS, _PLACE = 1e-5, 5e-4
"""Of all pairs of the population at most this share is near; and of those of a row but the densest 0.5 % of rows."""


def make(
    columns: Mapping[str, Array],
    kinds: Mapping[str, str],
    *,
    left_out: Collection[str],
    moving: Collection[str] = (),
    timed: bool = False,
    seed: int,
) -> Population | None:
    """See `population.make`."""
    rows = len(next(iter(columns.values()), ()))
    if rows < LEAST_ROWS:
        return None
    randomness = np.random.default_rng(seed)
    chosen = np.sort(randomness.permutation(rows)[:MOST_ROWS])
    sample = {name: column[chosen] for name, column in columns.items() if name not in left_out}
    named = [name for name in kinds if name in sample and _comparable(kinds[name], sample[name])]
    fields = tuple(_field(name, kinds[name], sample[name]) for name in _most_telling(named, sample))
    if len(fields) < LEAST_FIELDS:
        return None
    unknown = NearFacts((_NONE,) * len(fields), (0,) * len(fields), 1, 0, 0)
    texts = np.array([one.kind == "category" for one in fields])
    coded = Coder(Population(fields, unknown), seed & 0xFFFFFFFF).rows(sample, len(chosen))
    mixed = coded.part(randomness.permutation(len(chosen)))
    kept = [novel_making.GOES_ON if one.name in moving else kinds[one.name] for one in fields]
    novel = novel_making.make(coded.ranks, kept, seed, timed=timed)
    return Population(fields, _near(mixed, texts), novel)


def _comparable(kind: str, column: Array) -> bool:
    """A moment goes on, so rows of one day are alike in it that are not otherwise; a row's number tells nothing."""
    if kind not in ("float", "int", "bool", "string"):
        return False
    if kind == "int" and (np.diff(column) > 0).all():
        return False
    values = column.tolist() if kind == "string" else column[~np.isnan(column)].tolist()
    counts = Counter(values)
    if kind == "string" and sum(count for count in counts.values() if count == 1) > MOST_ONCE * len(column):
        return False
    most = sum(count * count for count in counts.values()) / max(len(column), 1) ** 2
    return len(counts) > 1 and most < MOST_EQUAL


def _most_telling(names: list[str], sample: Mapping[str, Array]) -> list[str]:
    """Where there are too many fields those with the most different values, in their order."""
    if len(names) <= MOST_FIELDS:
        return names
    distinct = {name: len(set(sample[name].tolist())) for name in names}
    kept = set(sorted(names, key=lambda name: (-distinct[name], names.index(name)))[:MOST_FIELDS])
    return [name for name in names if name in kept]


def _field(name: str, kind: str, column: Array) -> CodedField:
    if kind == "string":
        return CodedField(name, "category")
    there = column[np.isfinite(column)]
    levels = (np.arange(CUTS) + 0.5) / CUTS
    cuts = np.quantile(there if there.size else np.zeros(1), levels, method="inverted_cdf")
    return CodedField(name, "number", tuple(float(f"{cut:.6g}") for cut in cuts.tolist()))


def _near(mixed: Coded, texts: npt.NDArray[np.bool_]) -> NearFacts:
    """`mixed`: rows in an order that says nothing, so neighbours are pairs by chance."""
    rows, fields = mixed.ranks.shape
    ranks = mixed.ranks.astype(np.int16)
    apart = np.zeros((fields, 256), np.int64)
    equal = np.zeros((fields, fields))
    for shift in range(1, _SHIFTS + 1):
        distance = np.abs(ranks - np.roll(ranks, shift, axis=0))
        alike = (mixed.exact == np.roll(mixed.exact, shift, axis=0)).astype(np.float32)
        equal += alike.T @ alike
        for field in range(fields):
            apart[field] += np.bincount(distance[:, field], minlength=256)
    shares = np.cumsum(apart, axis=1) / (rows * _SHIFTS)
    equal /= rows * _SHIFTS
    implied = _implied(equal, texts)
    within = tuple(
        _NONE if place in implied else _tiers(share, text=text)
        for place, (share, text) in enumerate(zip(shares, texts.tolist(), strict=True))
    )
    same = tuple(
        0
        if place in implied
        else min(max(round(-np.log2(max(share, 1e-9)) / BITS) - sum(1 for each in tiers if each), 0), SAME_POINTS)
        for place, (share, tiers) in enumerate(zip(equal.diagonal().tolist(), within, strict=True))
    )
    points, share, edits = _bar(mixed, Likeness(within, same))
    return NearFacts(within, same, points, share, edits)


def _implied(equal: npt.NDArray[np.float64], texts: npt.NDArray[np.bool_]) -> set[int]:
    """Numbers that are the same mostly because another field is (a distance, of rows between the same places).

    To agree in both is no more of a coincidence than in one. `equal`: shares of pairs that agree in two fields.
    """
    alone = equal.diagonal()
    given = equal / np.maximum(alone, 1e-12)[:, None]  # (i, j): that j is the same where i is
    often = (given >= IMPLIED) & (given >= MORE * alone) & ~np.eye(len(alone), dtype=bool) & ~texts
    found: set[int] = set()
    for one, other in sorted(np.argwhere(often).tolist(), key=lambda pair: -given[pair[0], pair[1]]):
        if one not in found:
            found.add(other)
    return found


def _tiers(shares: npt.NDArray[np.float64], *, text: bool) -> tuple[int, int, int]:
    """With which distances of ranks (or less, by one) a field's pairs agree as rarely as 1, 2, 3 points say."""
    most = [2.0 ** (-BITS * points) for points in range(1, TIERS + 1)]
    found = np.searchsorted(shares, most, "right").tolist()
    if text:  # Codes are equal or not.
        found = [min(each, 1) for each in found]
    return found[0], found[1], found[2]


def _bar(mixed: Coded, likeness: Likeness) -> tuple[int, int, int]:
    """With how many points two rows are near; the pairs per million that are, and those but for a field or two."""
    asked = min(_ASKED, len(mixed.ranks) // 4)
    exact = mixed.exact.astype(np.uint16)
    others = mixed.ranks[asked:].T.copy(), exact[asked:].T.copy()
    many, few = np.zeros((asked, MOST_POINTS + 1), np.int64), np.zeros(MOST_POINTS + 1, np.int64)
    for row in range(asked):
        points = likeness((mixed.ranks[row : row + 1], exact[row : row + 1]), others)[0]
        differ = (mixed.exact[asked:] != mixed.exact[row]).sum(axis=1)
        many[row] = np.bincount(points[differ > _FEW], minlength=MOST_POINTS + 1)
        few += np.bincount(points[differ <= _FEW], minlength=MOST_POINTS + 1)
    pairs = others[0].shape[1]
    beyond = many[:, ::-1].cumsum(axis=1)[:, ::-1] / pairs  # (asked, points): with so many or more
    fit = (beyond.mean(axis=0) <= _PAIRS) & (np.quantile(beyond, 1 - _DENSE, axis=0) <= _PLACE)
    points = max(int(np.flatnonzero(fit)[0]), 1)
    return (
        points,
        round(1e6 * float(beyond[:, points].mean())),
        round(1e6 * float(few[points:].sum() / (pairs * asked))),
    )
