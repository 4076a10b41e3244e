"""Sources whose labels do not fit: a file, or a value of the origin column, that says otherwise than similar rows do.

Two measures accuse. How far the labels of a source agree with those of their neighbours beyond chance (Cohen's kappa),
and, of two classes, by how much its label rate differs from the rate among the neighbours of its rows. Both allow for
sources that differ by nature: where it is summer more flights are late, and so are the flights most like them. A label
rate or inputs unlike the others' accuse nobody; they are told beside an accusation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lockgate.contract.findings import clean
from lockgate.validate.screen.spec import Found, Outcome
from lockgate.validate.screen.table import Floats, Ints, Table

if TYPE_CHECKING:
    from lockgate.validate.screen.labels import Labelled

Bools = npt.NDArray[np.bool_]

LEAST_ROWS = 30
"""A source with fewer is not judged."""
MOST_FOUND = 10
_NAME = 60
_BARS = ((5, 14.0), (6, 9.0), (8, 7.0), (10, 6.5), (15, 6.0), (1 << 62, 5.5))
"""Up to so many sources, so many robust standard deviations: with few, the middle and spread are known badly.

For normal numbers, the largest of 5, 6, 8 and 10 is beyond its bar in about 1 % of sets.
"""
_FEW = 5
"""Below so many sources, how far honest ones differ cannot be seen: then only a large difference counts."""
_LEAST_AGREEMENT, _LEAST_GAP, _LEAST_OF_FEW = 0.03, 0.08, 0.15
"""Smaller differences accuse nobody. An honest carrier has up to 6 % more late flights than similar ones of others."""
_LEAST_CHANCE = 0.02
_ODD = 0.9
_DEVIATION = 1.4826


@dataclass(frozen=True)
class Measure:
    """One number for each judged source, and its standard error. Low is bad; where two-sided, high as well."""

    value: Floats
    error: Floats
    least: float
    two_sided: bool = False

    @property
    def middle(self) -> float:
        """What most sources have."""
        return float(np.nanmedian(self.value))

    def beyond(self) -> Floats:
        """How far each lies in the bad direction, in robust deviations, over the bar: above 1 is accused."""
        known = ~np.isnan(self.value)
        if known.sum() < 2:
            return np.zeros(len(self.value))
        away = np.where(known, self.value - self.middle, 0.0)
        away = np.abs(away) if self.two_sided else np.maximum(-away, 0)
        number = int(known.sum())
        spread = _DEVIATION * float(np.median(np.abs(self.value[known] - self.middle)))
        # What honest sources differ by beyond chance: the spread less what errors explain (twice: it is known badly).
        nature = max(0.0, spread**2 - 2 * float(np.median(self.error[known]) ** 2)) if number >= _FEW else 0.0
        least = self.least if number >= _FEW else _LEAST_OF_FEW
        bar = next(bar for most, bar in _BARS if number <= most)
        scale = np.maximum(np.sqrt(nature + self.error**2), 1e-12)
        return np.where(away > least, away / scale / bar, 0.0)


def screen(table: Table, labelled: Labelled | None) -> Outcome:
    """Sources whose labels stand out. A finding's rows are all rows of that source, the most doubtful labels first."""
    if len(table.origins) < 2:
        return Outcome(absent="one source: there is nothing to compare it with")
    if labelled is None or labelled.outcome.absent or not len(labelled.disagree):
        why = labelled.outcome.absent if labelled is not None else "the rule is off"
        return Outcome(absent=f"labels were not compared with their neighbours': {why}")
    known = ~np.isnan(labelled.disagree)
    if not known.any():
        return Outcome(absent="no row has neighbours to compare its label with")
    disagree = labelled.disagree[known]
    # What is judged are labels: no input is looked at.
    rows = replace(table, columns=(), embeddings=None, label=table.label[known], origin=table.origin[known])
    number = len(table.origins)
    judged = np.flatnonzero(np.bincount(rows.origin, minlength=number) >= LEAST_ROWS)
    if len(judged) < 2:
        return Outcome(absent=f"fewer than 2 of {number} sources have {LEAST_ROWS} rows or more")
    measures = [_agreement(rows, disagree, judged)]
    if table.task == "binary" and len(judged) > 2:
        # Of two, each differs from the other by as much: nobody knows which one is right.
        measures.append(_gap(rows, disagree, judged))
    beyond = np.max([measure.beyond() for measure in measures], axis=0)
    worst = [int(place) for place in np.argsort(-beyond, kind="stable")[:MOST_FOUND] if beyond[place] > 1]
    told = _Told(table, labelled, judged, measures[0])
    return Outcome(tuple(told.found(place, float(beyond[place])) for place in worst))


def _mean(values: Floats, origin: Ints, judged: Ints) -> tuple[Floats, Floats]:
    """Of each judged source: the mean, and the standard error that it would have were it like most others.

    Not its own: what is wrong with a source would hide behind its own spread. At least what one row can do.
    """
    rows = np.maximum(np.bincount(origin), 1)
    mean = np.bincount(origin, values) / rows
    square = np.bincount(origin, (values - mean[origin]) ** 2) / rows
    usual = float(np.median(square[judged]))
    return mean[judged], np.maximum(np.sqrt(usual / rows), 1 / rows)[judged]


def _ones(table: Table, disagree: Floats) -> tuple[Floats, Floats]:
    """Of two classes: each row's label, and the share of ones among its neighbours."""
    label = table.label.astype(np.float64)
    return label, np.where(label == 1, 1 - disagree, disagree)


def _agreement(table: Table, disagree: Floats, judged: Ints) -> Measure:
    """Cohen's kappa of labels and neighbours; of a regression, less the share of values in the odd tenth of all."""
    if table.task == "regression":
        disagree = (disagree > _ODD).astype(np.float64)
    mean, error = _mean(disagree, table.origin, judged)
    if table.task == "regression":
        return Measure(-mean, error, _LEAST_AGREEMENT)
    if table.task == "binary":
        label, near = _ones(table, disagree)
        ones, _ = _mean(label, table.origin, judged)
        nearly, _ = _mean(near, table.origin, judged)
        chance: Floats = ones * (1 - nearly) + (1 - ones) * nearly
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
        return Measure(kappa, np.where(chance > _LEAST_CHANCE, error / chance, np.nan), _LEAST_AGREEMENT)


def _gap(table: Table, disagree: Floats, judged: Ints) -> Measure:
    """Label rate less the rate among the neighbours."""
    label, near = _ones(table, disagree)
    mean, _ = _mean(label - near, table.origin, judged)
    ones, _ = _mean(label, table.origin, judged)
    rows = np.bincount(table.origin)[judged]
    overall = float(label.mean())
    # Not the source's own spread: a source of one class has none.
    least = np.sqrt(np.maximum(ones * (1 - ones), overall * (1 - overall)) / rows)
    return Measure(mean, least, _LEAST_GAP, two_sided=True)


@dataclass(frozen=True)
class _Told:
    """Words for what was found."""

    table: Table
    labelled: Labelled
    judged: Ints
    agreement: Measure

    def found(self, place: int, beyond: float) -> Found:
        source = int(self.judged[place])
        within = self.table.origin == source
        rows = np.flatnonzero(within)
        first = rows[np.argsort(-np.nan_to_num(self.labelled.score[rows], nan=-1.0), kind="stable")]
        name = clean(self.table.origins[source], _NAME)
        fit, middle = float(self.agreement.value[place]), self.agreement.middle
        rate, seen = self._values(within) if self.table.task == "regression" else self._classes(within)
        drift = _drift(self.table, within)
        if self.table.task == "regression":
            how = f"{-fit:.1%} of its labels are of the tenth least like those of similar rows, {-middle:.1%}"
        else:
            how = f"its labels agree with those of similar rows {fit:.2f} beyond chance, {middle:.2f}"
        what = (
            f'source "{name}" ({len(rows)} rows): {how} in the middle source of {len(self.judged)}; {rate}; '
            f"its inputs are {drift:.2f} standard deviations from the others' on average"
        )
        known = {"agreement": fit, "middle": middle, "over_bar": beyond, "drift": drift, **seen}
        numbers = {key: round(value, 4) if np.isfinite(value) else None for key, value in known.items()}
        return Found(
            rule="sources",
            rows=tuple(first.tolist()),
            what=what,
            seen={"source": name, "sources": len(self.judged), **numbers},
        )

    def _values(self, within: Bools) -> tuple[str, dict[str, float]]:
        label = self.table.label
        own, other = float(np.mean(label[within])), float(np.mean(label[~within]))
        return f"their mean is {own:.4g}, elsewhere {other:.4g}", {"label": own, "label_elsewhere": other}

    def _classes(self, within: Bools) -> tuple[str, dict[str, float]]:
        """The class whose share is most above that elsewhere."""
        label = self.table.label.astype(np.int64)
        number = int(label.max()) + 1
        own_shares = np.bincount(label[within], minlength=number) / within.sum()
        others = np.bincount(label[~within], minlength=number) / max(1, (~within).sum())
        most = int(np.argmax(np.round(own_shares - others, 9)))
        word = clean(self.table.classes[most], _NAME) if most < len(self.table.classes) else str(most)
        own, other = float(own_shares[most]), float(others[most])
        seen = {"label": own, "label_elsewhere": other}
        if self.table.task != "binary":
            return f'{own:.1%} of them are "{word}", {other:.1%} elsewhere', seen
        _, ones = _ones(self.table, self.labelled.disagree)
        near = float(np.nanmean(ones[within] if most else 1 - ones[within]))
        said = f'{own:.1%} of them are "{word}", {near:.1%} of their neighbours, {other:.1%} elsewhere'
        return said, {**seen, "label_nearby": near}


def _drift(table: Table, within: Bools) -> float:
    """Mean over the columns: of numbers, the distance of mean ranks in standard deviations; of texts, twice the share
    that would have to change.
    """
    away = [
        _words_apart(column.values, within) if column.is_text else _ranks_apart(column.values, within)
        for column in table.columns
    ]
    return float(np.mean(away)) if away else 0.0


def _ranks_apart(values: Floats, within: Bools) -> float:
    known = ~np.isnan(values)
    mine, others = known & within, known & ~within
    if not mine.any() or not others.any():
        return 0.0
    _, place, counts = np.unique(values[known], return_inverse=True, return_counts=True)
    middle = (np.cumsum(counts) - counts / 2) / known.sum()
    ranks = np.zeros(len(values))
    ranks[known] = middle[place]
    spread = float(np.std(ranks[known])) or 1.0
    return abs(float(ranks[mine].mean() - ranks[others].mean())) / spread


def _words_apart(values: Floats, within: Bools) -> float:
    codes = np.where(np.isnan(values), -1, values).astype(np.int64) + 1
    number = int(codes.max()) + 1
    mine = np.bincount(codes[within], minlength=number) / max(1, within.sum())
    others = np.bincount(codes[~within], minlength=number) / max(1, (~within).sum())
    return float(np.abs(mine - others).sum())
