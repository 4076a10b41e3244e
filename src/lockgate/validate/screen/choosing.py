"""Which rows and which pairs of columns are looked at."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from lockgate.validate.screen.binning import Coding
from lockgate.validate.screen.table import Floats, Ints, Table

MOST_WORK = 600_000_000
"""Additions for all pairs in all runs: about a second of one core."""

EPISODE = 0.3

Pairs = list[tuple[int, int]]


def distinct(table: Table) -> Ints:
    """The first of each set of equal rows, ascending: the same row again says nothing new."""
    draw = np.random.default_rng(table.draw("trigger hashes").integers(2**62))
    key = np.zeros(table.rows, np.uint64)
    for values in (*(column.values for column in table.columns), table.label.astype(np.float64)):
        bits = np.where(np.isnan(values), np.nan, values + 0.0).view(np.uint64)
        key = _mixed(key ^ bits) * np.uint64(draw.integers(2**62) * 2 + 1)
    if table.embeddings is not None:
        for values in np.ascontiguousarray(table.embeddings, np.float32).view(np.uint32).T:
            key = _mixed(key ^ values.astype(np.uint64)) * np.uint64(draw.integers(2**62) * 2 + 1)
    found: Ints = np.sort(np.unique(key, return_index=True)[1])
    return found


def _mixed(key: np.typing.NDArray[np.uint64]) -> np.typing.NDArray[np.uint64]:
    found: np.typing.NDArray[np.uint64] = key ^ (key >> np.uint64(29))
    return found


def is_episode(table: Table, rows: Ints) -> bool:
    """Whether rows are most of what there is of some stretch of time, as those of a day with a storm are.

    Whatever it was, their label is a fact about that time, and no other column need say why.
    """
    for column in table.columns:
        times = column.values[rows]
        if column.kind != "timestamp" or np.isnan(times).all():
            continue
        first, last = np.nanquantile(times, [0.05, 0.95], method="lower")
        within = (column.values >= first) & (column.values <= last)
        if first < last and within[rows].sum() > EPISODE * within.sum():
            return True
    return False


def pairs(binned: Sequence[Coding], said: Floats, runs: int, draw: np.random.Generator) -> tuple[Pairs, int]:
    """Pairs of codings of all pairs of columns, and how many pairs of columns had to be left out, wholly or in part.

    Where there are too many, half of those looked at are of the columns that alone say most about the label, the
    others are drawn: whoever writes the rows cannot know which.
    """
    by_column: dict[int, list[int]] = {}
    for place, coding in enumerate(binned):
        if coding.paired:
            by_column.setdefault(coding.column, []).append(place)
    every = list(combinations(by_column, 2))
    cost = len(said) * said.shape[1] * (runs + 1)
    together = {
        (first, second): [
            (one, other)
            for one in by_column[first]
            for other in by_column[second]
            if not binned[one].fineness or binned[other].fineness in (0, binned[one].fineness)
        ]
        for first, second in every
    }
    # Two exact values are few cells and cost little: of all columns, where that leaves the half for the others.
    exact = [both for pair in every for both in together[pair] if not any(binned[one].fineness for one in both)]
    paid = len(exact) * cost
    if paid > MOST_WORK / 2:
        exact, paid = [], 0
    looked = set(exact)
    left = {pair: [both for both in together[pair] if both not in looked] for pair in every}
    prices = np.array([len(left[pair]) * cost for pair in every], np.float64)
    budget = MOST_WORK - paid
    chosen = every if prices.sum() <= budget else _chosen(every, prices, _told(by_column, binned, said), draw, budget)
    whole = {*chosen, *(pair for pair in every if not left[pair])}
    return [*exact, *(both for pair in chosen for both in left[pair])], len(every) - len(whole)


def _chosen(every: Pairs, prices: Floats, told: dict[int, float], draw: np.random.Generator, budget: float) -> Pairs:
    by_word = np.argsort([-told[one] - told[other] for one, other in every], kind="stable")
    first = by_word[np.cumsum(prices[by_word]) <= budget / 2]
    others = draw.permutation(np.setdiff1d(np.arange(len(every)), first))
    second = others[np.cumsum(prices[others]) <= budget / 2]
    return [every[place] for place in np.sort(np.concatenate([first, second]))]


def _told(by_column: dict[int, list[int]], binned: Sequence[Coding], said: Floats) -> dict[int, float]:
    """Of each column, how far the label of its most telling bin is from chance, in standard errors."""
    base = said.mean(axis=0)
    return {column: max(_farthest(binned[place], said, base) for place in of) for column, of in by_column.items()}


def _farthest(coding: Coding, said: Floats, base: Floats) -> float:
    within = coding.codes >= 0
    bins = len(coding.low)
    number = np.bincount(coding.codes[within], minlength=bins)
    farthest = 0.0
    for label in range(said.shape[1]):
        rows = np.bincount(coding.codes[within], weights=said[within, label], minlength=bins)
        error = np.sqrt(np.maximum(number * base[label] * (1 - base[label]), 1e-9))
        farthest = max(farthest, float(np.max((rows - number * base[label]) / error, initial=0.0)))
    return farthest
