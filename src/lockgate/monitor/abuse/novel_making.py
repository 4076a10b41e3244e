"""`NovelFacts` of a population's coded rows. It runs where contracts do, with the numpy that is there."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from lockgate.monitor.abuse.novel_facts import (
    BINS,
    FEWEST_FIELDS,
    FEWEST_ROWS,
    LEVELS,
    MISSING,
    MOST_ROWS,
    RANKS,
    STEPS,
    VIEWS,
    WATCHED,
    NovelFacts,
)
from lockgate.monitor.abuse.novel_views import NORMAL, Codes, Floats, Oddness, Places, Views, level_table

GOES_ON: Final = "timestamp"
"""A kind of fields whose later values lie beyond those of before: nothing is odd by them."""

_KNOTS = 16
_LEAST_VARIANCE = 1e-3
"""Of the scores' correlation: fields that say the same differ by how ranks are rounded, and not less than by this."""
_SMOOTHING = 20.0
"""So many rows are added to each pair of fields as if they did not depend on each other."""
_LARGE = 0.05
"""A part of the population that a client can be."""
_LATER = 0.2
"""Of rows in the order of time the share that is held against those before."""
_OTHERS = 0.5
"""A field of which so many of the later rows have values that are not those of before goes on."""
_LUCK = 1.0
"""Of many parts some have more odd rows by chance: a standard deviation of the count is taken off."""
_LEAST_USUAL = 2.0
"""Any client may have so many times the odd rows of the population."""


def make(ranks: Codes, kinds: Sequence[str], seed: int, *, timed: bool = False) -> NovelFacts | None:
    """Of coded rows (n, f) and the contract's kinds of the f fields; `seed` draws which rows do what.

    Half of the rows make the views, a quarter their tails, a quarter the tail ranks. None of fewer than FEWEST_ROWS
    rows or FEWEST_FIELDS fields that vary; what goes on is left out, since later values always lie beyond.

    `timed`: the rows are in the order of time. Then what is usual is at least what the last of them are to the others:
    a population moves, and its customers with it. A field of which most of them have other values goes on.
    """
    if not timed:
        return _of(ranks, kinds, seed)
    before, later = np.split(ranks, [round(len(ranks) * (1 - _LATER))])
    kinds = [GOES_ON if _went_on(before[:, at], later[:, at]) else kind for at, kind in enumerate(kinds)]
    found, early = _of(ranks, kinds, seed), _of(before, kinds, seed)
    if found is None or early is None:
        return found
    odd = np.searchsorted(np.array(early.cuts), Oddness(early)(later))
    moved = _usual(odd, _levels(later, early.fields, early.known), early.parents)
    return replace(found, usual=tuple(max(pair) for pair in zip(found.usual, moved, strict=True)))


def _went_on(before: Codes, later: Codes) -> bool:
    """Whether the total variation distance of two distributions of codes, in coarse bins, is beyond _OTHERS."""
    if not len(before) or not len(later):
        return False
    one, other = (
        np.bincount(codes.astype(int) * BINS // RANKS, minlength=BINS + 1) / len(codes) for codes in (before, later)
    )
    return float(np.abs(one - other).sum()) / 2 > _OTHERS


def _of(ranks: Codes, kinds: Sequence[str], seed: int) -> NovelFacts | None:
    fields = [place for place, kind in enumerate(kinds) if kind != GOES_ON and len(np.unique(ranks[:, place])) > 1]
    if len(fields) < FEWEST_FIELDS or len(ranks) < FEWEST_ROWS:
        return None
    order = np.random.default_rng((seed, 67)).permutation(len(ranks))[:MOST_ROWS]
    fitted, ending, ranking = (ranks[part] for part in np.split(order, [len(order) // 2, len(order) * 3 // 4]))
    numbers = [place for place in fields if kinds[place] in {"float", "int"}]
    middle, whiten = _spread(fitted[:, numbers])
    known = tuple(() if place in numbers else _known(fitted[:, place]) for place in fields)
    levels = _levels(fitted, fields, known)
    parents, alone, pairs = _tree(levels)
    bare = NovelFacts(
        numbers=tuple(numbers),
        middle=middle,
        whiten=whiten,
        fields=tuple(fields),
        parents=parents,
        known=known,
        alone=alone,
        pairs=pairs,
        views=((0.0,),) * VIEWS,
        tails=(0.0,),
        cuts=(0.0,),
        usual=(1.0,) * len(WATCHED),
    )
    views, tails = _ends(Views(bare)(ending))
    ended = replace(bare, views=views, tails=tails)
    cuts = _cuts(Oddness(ended)(ranking))
    held = np.concatenate([ending, ranking])
    odd = np.searchsorted(np.array(cuts), Oddness(ended)(held))
    return replace(ended, cuts=cuts, usual=_usual(odd, _levels(held, fields, known), parents))


def _spread(ranks: Codes) -> tuple[tuple[float, ...], tuple[tuple[float, ...], ...]]:
    if not ranks.shape[1]:
        return (), ()
    scores, missing = NORMAL[ranks], ranks == MISSING
    middle = scores.sum(axis=0) / np.maximum((~missing).sum(axis=0), 1)
    moved = np.where(missing, 0, scores - middle)
    variances, directions = np.linalg.eigh(moved.T @ moved / len(moved))
    floor = max(_LEAST_VARIANCE * float(variances[-1]), 1e-9)
    covariance = (directions * np.maximum(variances, floor)) @ directions.T
    whiten = np.linalg.inv(np.linalg.cholesky(covariance))
    rows = [row[: place + 1] for place, row in enumerate(whiten.tolist())]
    return _short(middle.tolist()), tuple(_short(row) for row in rows)


def _short(numbers: Sequence[float]) -> tuple[float, ...]:
    return tuple(float(f"{number:.4g}") for number in numbers)


def _known(codes: Codes) -> tuple[int, ...]:
    counts = np.bincount(codes, minlength=256)
    counts[MISSING] = 0
    common = np.argsort(-counts, kind="stable")[:BINS]
    return tuple(sorted(common[counts[common] > 0].tolist())) or (0,)


def _levels(ranks: Codes, fields: Sequence[int], known: Sequence[Sequence[int]]) -> Places:
    table = level_table(known)
    return np.stack([table[at][ranks[:, place]] for at, place in enumerate(fields)], axis=1)


def _tree(levels: Places) -> tuple[tuple[int, ...], tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]]:
    rows, fields = levels.shape
    singles = [np.bincount(levels[:, at], minlength=LEVELS) for at in range(fields)]
    alone = [(counts + 0.5) / (rows + 0.5 * LEVELS) for counts in singles]
    informed = np.zeros((fields, fields))
    for one in range(fields):
        for other in range(one):
            counts = _pair(levels, one, other) + 1e-12
            shares = counts / rows
            apart = np.outer(singles[one] + 1e-12, singles[other] + 1e-12) / rows**2
            # Rounded: what the last bits of a sum decide is another tree on another machine.
            informed[one, other] = informed[other, one] = round(float((shares * np.log(shares / apart)).sum()), 6)
    parents = _parents(informed)
    pairs = []
    for at, parent in enumerate(parents):
        apart = np.outer(alone[at], alone[parent])
        together = (_pair(levels, at, parent) + _SMOOTHING * apart) / (rows + _SMOOTHING)
        pairs.append(np.zeros(LEVELS * LEVELS) if parent == at else np.log(together / apart).ravel())
    return parents, tuple(_hundredths(np.log(one)) for one in alone), tuple(map(_hundredths, pairs))


def _pair(levels: Places, one: int, other: int) -> npt.NDArray[np.int64]:
    joined = levels[:, one] * LEVELS + levels[:, other]
    return np.bincount(joined, minlength=LEVELS * LEVELS).reshape(LEVELS, LEVELS)


def _parents(informed: Floats) -> tuple[int, ...]:
    """A spanning tree of the most information (Prim, 1957), from the first field on."""
    fields = len(informed)
    parents, best = np.zeros(fields, np.intp), informed[0].copy()
    best[0] = -1
    for _ in range(fields - 1):
        joined = int(best.argmax())
        best[joined] = -1
        nearer = (informed[joined] > best) & (best >= 0)
        parents[nearer], best[nearer] = joined, informed[joined][nearer]
    return tuple(parents.tolist())


def _hundredths(numbers: Floats) -> tuple[int, ...]:
    return tuple(np.round(100 * numbers).astype(int).tolist())


def _ends(views: Floats) -> tuple[tuple[tuple[float, ...], ...], tuple[float, ...]]:
    """Of each view its values at tails of 1, a half, a quarter and so on, as far as the rows go."""
    rows = len(views)
    knots = min(_KNOTS, int(math.log2(rows)))
    at = [rows - max(round(rows * 2.0**-knot), 1) for knot in range(knots)]
    ordered = np.sort(views, axis=0)[at].T
    return tuple(_short(one) for one in ordered.tolist()), tuple(round(knot * math.log(2), 4) for knot in range(knots))


def _cuts(oddness: Floats) -> tuple[float, ...]:
    """Of each step the least number that at most its tail rank of new rows exceeds: an order statistic."""
    rows, ordered = len(oddness), np.sort(oddness)
    found = []
    for step in range(1, STEPS + 1):
        place = math.ceil((1 - 2 ** (-step / 2)) * (rows + 1))
        if place > rows:
            break
        found.append(float(ordered[max(place, 1) - 1]))
    return tuple(found)


def _usual(odd: Places, levels: Places, parents: Sequence[int]) -> tuple[float, ...]:
    """Of each watched step the largest share of rows at it, of the parts that hold at least _LARGE of all rows."""
    found = [0.0] * len(WATCHED)
    rows = len(odd)
    for part in _parts(levels, parents):
        counts = np.bincount(part)
        large = counts >= _LARGE * rows
        for at, step in enumerate(WATCHED):
            hits = np.bincount(part, odd >= step, len(counts))[large]
            shares = (hits - _LUCK * np.sqrt(hits) + 1) / counts[large]
            found[at] = max(found[at], float(shares.max(initial=_LEAST_USUAL * 2 ** (-step / 2))))
    return _short([min(share, 1.0) for share in found])


def _parts(levels: Places, parents: Sequence[int]) -> Iterator[Places]:
    fields = levels.shape[1]
    for one in range(fields):
        yield levels[:, one]
        yield levels[:, one] * LEVELS + levels[:, parents[one]]
        coarse = levels // 4
        for other in range(one):
            yield coarse[:, one] * LEVELS + coarse[:, other]
