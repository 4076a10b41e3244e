"""How far the labels of a source fit those of similar rows: two measures, and how far one may lie from the others'."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lockgate.validate.screen.table import Floats, Ints, Table

_BARS = ((5, 14.0), (6, 9.0), (8, 7.0), (10, 6.5), (15, 6.0), (1 << 62, 5.5))
"""Up to so many sources, so many robust standard deviations: with few, the middle and spread are known badly.

For normal numbers, the largest of 5, 6, 8 and 10 is beyond its bar in about 1 % of sets.
"""
_ACCUSED, _LEAST_BESIDE = 0.01, 0.3
"""Of clean sets, where one source is held against all others; and the least difference for which it is."""
_FEW = 5
"""Below so many sources, how far honest ones differ cannot be seen: then only a large difference counts."""
_LEAST_AGREEMENT, _LEAST_GAP, _LEAST_OF_FEW = 0.03, 0.08, 0.15
"""Smaller differences accuse nobody. An honest carrier has up to 6 % more late flights than similar ones of others."""
_LEAST_CHANCE = 0.02
_MOST_WEIGHT = 0.125
"""Of all rows: no source has more to say in what is usual."""
_ODD = 0.9
_DEVIATION = 1.4826


@dataclass(frozen=True)
class Measure:
    """One number for each judged source, and its standard error. Low is bad; where two-sided, high as well.

    `rows`: of each, how much it has to say in what is usual.
    """

    value: Floats
    error: Floats
    rows: Floats
    least: float
    two_sided: bool = False

    @property
    def middle(self) -> float:
        """What the middle row's source has."""
        known = ~np.isnan(self.value)
        return middle(self.value[known], self.rows[known]) if known.any() else float("nan")

    def beyond(self) -> Floats:
        """How far each lies in the bad direction, in robust deviations, over the bar: above 1 is accused."""
        known = ~np.isnan(self.value)
        if known.sum() < 2:
            return np.zeros(len(self.value))
        away = np.where(known, self.value - self.middle, 0.0)
        away = np.abs(away) if self.two_sided else np.maximum(-away, 0)
        rows = self.rows[known]
        weights = _capped(rows)
        # So many sources of one size would know the middle as well.
        number = round(float(weights.sum() ** 2 / (weights**2).sum()))
        spread = _DEVIATION * middle(np.abs(self.value[known] - self.middle), rows)
        # What honest sources differ by beyond chance: the spread less what errors explain (twice: it is known badly).
        usual = middle(self.error[known], rows)
        nature = max(0.0, spread**2 - 2 * usual**2) if number >= _FEW else 0.0
        least = self.least if number >= _FEW else _LEAST_OF_FEW
        bar = next(bar for most, bar in _BARS if number <= most)
        scale = np.maximum(np.sqrt(nature + self.error**2), 1e-12)
        beyond = away / scale / bar
        if number >= _FEW and not self.two_sided:
            beyond = np.maximum(beyond, self._beside_the_others(away, known))
        return np.where(away > least, beyond, 0.0)

    def _beside_the_others(self, away: Floats, known: np.typing.NDArray[np.bool_]) -> Floats:
        """The same, where but one is bad: against the standard deviation of all others, which is known better."""
        from scipy.stats import t

        others = int(known.sum()) - 1
        values = np.where(known, self.value, 0.0)
        mean = (values.sum() - values) / others
        variance = np.maximum(((values**2).sum() - values**2) / others - mean**2, 0) * others / (others - 1)
        scale = np.sqrt(variance * (1 + 1 / others) + self.error**2 / others)
        bar = float(t.isf(_ACCUSED / (others + 1), others - 1))
        found: Floats = np.minimum(away, np.maximum(mean - values, 0)) / np.maximum(scale, self.error) / bar
        return np.where(known & (away > _LEAST_BESIDE), found, 0.0)


def _capped(rows: Floats) -> Floats:
    found: Floats = np.minimum(rows, max(1.0, _MOST_WEIGHT * float(rows.sum())))
    return found


def middle(values: Floats, rows: Floats) -> float:
    """The median, each value counted as often as its source has rows, up to an eighth of all."""
    order = np.argsort(values, kind="stable")
    sums = np.cumsum(_capped(rows)[order])
    low, high = np.searchsorted(sums, sums[-1] / 2 * np.array([1 - 1e-9, 1 + 1e-9]))
    return float(values[order[low]] + values[order[min(int(high), len(order) - 1)]]) / 2


def _mean(values: Floats, origin: Ints, judged: Ints) -> tuple[Floats, Floats]:
    """Of each judged source: the mean, and the standard error that it would have were it like most others.

    Not its own: what is wrong with a source would hide behind its own spread. At least what one row can do.
    """
    rows = np.maximum(np.bincount(origin), 1)
    mean = np.bincount(origin, values) / rows
    square = np.bincount(origin, (values - mean[origin]) ** 2) / rows
    usual = middle(square[judged], rows[judged].astype(np.float64))
    return mean[judged], np.maximum(np.sqrt(usual / rows), 1 / rows)[judged]


def ones(table: Table, disagree: Floats) -> tuple[Floats, Floats]:
    """Of two classes: each row's label, and the share of ones among its neighbours."""
    label = table.label.astype(np.float64)
    return label, np.where(label == 1, 1 - disagree, disagree)


def _rows(table: Table, judged: Ints) -> Floats:
    return np.bincount(table.origin)[judged].astype(np.float64)


def agreement(table: Table, disagree: Floats, judged: Ints) -> Measure:
    """Cohen's kappa of labels and neighbours; of a regression, less the share of values in the odd tenth of all."""
    if table.task == "regression":
        disagree = (disagree > _ODD).astype(np.float64)
    mean, error = _mean(disagree, table.origin, judged)
    if table.task == "regression":
        return Measure(-mean, error, _rows(table, judged), _LEAST_AGREEMENT)
    if table.task == "binary":
        label, near = ones(table, disagree)
        own, _ = _mean(label, table.origin, judged)
        nearly, _ = _mean(near, table.origin, judged)
        chance: Floats = own * (1 - nearly) + (1 - own) * nearly
    else:
        classes = max(len(table.classes), int(table.label.max()) + 1)
        # 10,000 classes in 10,000 sources: only pairs that occur are counted.
        pairs, counts = np.unique(table.origin * classes + table.label.astype(np.int64), return_counts=True)
        source, word = np.divmod(pairs, classes)
        share = counts / np.bincount(table.origin)[source]
        overall = np.bincount(table.label.astype(np.int64), minlength=classes) / table.rows
        # The neighbours' classes are not known one by one: half of them are taken to be of the source itself.
        same = np.bincount(source, share * (share + overall[word]) / 2, minlength=len(table.origins))
        chance = (1 - same[judged]).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        kappa = np.where(chance > _LEAST_CHANCE, 1 - mean / chance, np.nan)
        error = np.where(chance > _LEAST_CHANCE, error / chance, np.nan)
    return Measure(kappa, error, _rows(table, judged), _LEAST_AGREEMENT)


def gap(table: Table, disagree: Floats, judged: Ints) -> Measure:
    """Label rate less the rate among the neighbours."""
    label, near = ones(table, disagree)
    mean, _ = _mean(label - near, table.origin, judged)
    own, _ = _mean(label, table.origin, judged)
    rows = np.bincount(table.origin)[judged]
    overall = float(label.mean())
    # Not the source's own spread: a source of one class has none.
    least = np.sqrt(np.maximum(own * (1 - own), overall * (1 - overall)) / rows)
    return Measure(mean, least, _rows(table, judged), _LEAST_GAP, two_sided=True)
