"""Sources whose labels do not fit: a file, or a value of the origin column, that says otherwise than similar rows do.

Two measures accuse. How far the labels of a source agree with those of their neighbours beyond chance (Cohen's kappa),
and, of two classes, by how much its label rate differs from the rate among the neighbours of its rows. Both allow for
sources that differ by nature: where it is summer more flights are late, and so are the flights most like them. A label
rate or inputs unlike the others' accuse nobody; they are told beside an accusation. The rows cannot tell whether labels
are wrong or merely much harder to tell in one source than in all others: both are told, and a person decides.

Names cost nothing, rows do. So what is usual is what is usual among rows, no source counting for more than an eighth of
them; and small sources are judged together as well: poison that comes in lots of 29 rows, each under a name of its own,
stands out as their sum.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lockgate.contract.findings import clean
from lockgate.validate.screen.fitting import Measure, agreement, gap, middle, ones
from lockgate.validate.screen.spec import Found, Outcome
from lockgate.validate.screen.table import Floats, Ints, Table

if TYPE_CHECKING:
    from lockgate.validate.screen.labels import Labelled

Bools = npt.NDArray[np.bool_]

LEAST_ROWS = 30
"""A source with fewer is not judged alone."""
SMALL = 0.25
"""Of the size of the source that the middle row is of: smaller ones are judged together, besides each alone."""
MOST_TOGETHER = 0.5
"""Of all rows: were most rows of small sources, their sum would be what is usual."""
MOST_FOUND = 10
_NAME = 60


def screen(table: Table, labelled: Labelled | None) -> Outcome:
    """Sources whose labels stand out. A finding's rows are all rows of that source, the most doubtful labels first.

    Needed is how labels agree with their neighbours', not that `labels` could call single ones wrong: where they are
    uncertain by nature, or so much is poisoned that nothing can be learned, a source may still stand out.
    """
    if len(table.origins) < 2:
        return Outcome(absent="one source: there is nothing to compare it with")
    if labelled is None:
        return Outcome(absent="labels were not compared with their neighbours': the rule is off")
    known = ~np.isnan(labelled.disagree)
    if not known.any():
        why = labelled.outcome.absent or "no row has neighbours"
        return Outcome(absent=f"labels were not compared with their neighbours': {why}")
    alone, small = _judged(table, labelled, known), _small(table, known)
    if not small.any():
        return alone
    table = _together(table, small)
    sum_of_small = _judged(table, labelled, known)
    found = [*alone.found, *(one for one in sum_of_small.found if one.seen["source"] == table.origins[-1])]
    return Outcome(tuple(found)) if found or not sum_of_small.absent else alone


def _judged(table: Table, labelled: Labelled, known: Bools) -> Outcome:
    disagree = labelled.disagree[known]
    # What is judged are labels: no input is looked at.
    rows = replace(table, columns=(), embeddings=None, label=table.label[known], origin=table.origin[known])
    number = len(table.origins)
    judged = np.flatnonzero(np.bincount(rows.origin, minlength=number) >= LEAST_ROWS)
    if len(judged) < 2:
        return Outcome(absent=f"fewer than 2 of {number} sources have {LEAST_ROWS} rows or more")
    measures = [agreement(rows, disagree, judged)]
    if table.task == "binary" and len(judged) > 2:
        # Of two, each differs from the other by as much: nobody knows which one is right.
        measures.append(gap(rows, disagree, judged))
    beyond = np.max([measure.beyond() for measure in measures], axis=0)
    worst = [int(place) for place in np.argsort(-beyond, kind="stable")[:MOST_FOUND] if beyond[place] > 1]
    told = _Told(table, labelled, judged, measures[0])
    return Outcome(tuple(told.found(place, float(beyond[place])) for place in worst))


def _small(table: Table, known: Bools) -> Bools:
    """Shape (sources,): those to be judged together; none where they are one, too few rows, or most of all."""
    counts = np.bincount(table.origin[known], minlength=len(table.origins))
    usual = middle(counts.astype(np.float64), counts.astype(np.float64))
    small: Bools = (counts > 0) & ((counts < LEAST_ROWS) | (counts < SMALL * usual))
    rows = int(counts[small].sum())
    fits = small.sum() > 1 and LEAST_ROWS <= rows <= MOST_TOGETHER * known.sum()
    return small if fits else np.zeros(len(small), np.bool_)


def _together(table: Table, small: Bools) -> Table:
    """The same rows, all small sources as one, the last."""
    name = f"({int(small.sum())} small sources together)"
    origin = np.where(small[table.origin], len(small), table.origin)
    return replace(table, origin=origin, origins=(*table.origins, name))


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
            f"its inputs are {drift:.2f} standard deviations from the others' on average; labels that are by nature "
            "harder to tell there would look the same"
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
        _, near = ones(self.table, self.labelled.disagree)
        nearby = float(np.nanmean(near[within] if most else 1 - near[within]))
        said = f'{own:.1%} of them are "{word}", {nearby:.1%} of their neighbours, {other:.1%} elsewhere'
        return said, {**seen, "label_nearby": nearby}


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
