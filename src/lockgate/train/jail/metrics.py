"""Metrics with 95 % intervals, per task. Runs in the judge jail; numpy only, all randomness from a fixed seed.

    binary       roc_auc (DeLong 1988), accuracy (Wilson), log_loss, brier (normal), positive_rate (Wilson)
    multiclass   accuracy (Wilson), macro_f1 (bootstrap), log_loss (normal)
    regression   mae (normal), rmse, r2 (bootstrap)

A metric that the rows do not allow (an AUC of one class) is left out and named with its reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lockgate.core.stats import Z95, Interval, percentile_interval, wilson

if TYPE_CHECKING:  # judging a draft needs no runtime of models, and is over before one is loaded
    from lockgate.runtime.jail.predict import Outputs
    from lockgate.runtime.serving import ServingSpec

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

_RESAMPLES = 200
_RESAMPLED_ROWS = 20_000
_SMALLEST = 1e-7


@dataclass(frozen=True)
class Metrics:
    """`values`: metric -> interval. `missing`: metric -> why it is not there."""

    values: dict[str, Interval]
    missing: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        """The metrics as the judge's statement carries them."""
        return {name: interval.as_json() for name, interval in self.values.items()}


def metrics(spec: ServingSpec, truth: npt.NDArray[Any], outputs: Outputs) -> Metrics:
    """The metrics of `outputs` against `truth` (shape (n,), n > 0). Raises ValueError on a label the model lacks."""
    if outputs.values is not None:
        return regression(np.asarray(truth, dtype=np.float64), outputs.values)
    if outputs.scores is None or outputs.labels is None or spec.classes is None:
        raise ValueError("the model gave no scores")
    right, said = places(spec, truth), places(spec, outputs.labels)
    if spec.task == "binary":
        return binary(right, said, outputs.scores[:, 1])
    return multiclass(right, said, outputs.scores)


def places(spec: ServingSpec, labels: npt.NDArray[Any]) -> Places:
    """Labels as places in `spec.classes`. Raises ValueError on an unknown one."""
    known = {value: place for place, value in enumerate(spec.classes or ())}
    try:
        return np.array([known[value] for value in labels.tolist()], dtype=np.int64)
    except KeyError as error:
        raise ValueError(f"the held-out rows have the label {error}, which training never saw") from None


def binary(right: Places, said: Places, score: Floats) -> Metrics:
    """`right` and `said` are 0 or 1; `score` is the probability of 1."""
    values = {"accuracy": share_of(right == said), "positive_rate": share_of(right == 1)}
    sure = np.clip(np.where(right == 1, score, 1 - score), _SMALLEST, 1)
    values |= {"log_loss": mean_of(-np.log(sure)), "brier": mean_of((score - right) ** 2)}
    if len(set(right.tolist())) < 2:
        return Metrics(values, {"roc_auc": "the rows are all of one class"})
    return Metrics({"roc_auc": delong(score[right == 1], score[right == 0]), **values}, {})


def multiclass(right: Places, said: Places, scores: Floats) -> Metrics:
    """Scores have shape (n, classes); macro F1 is over the classes that occur in `right` or `said`."""
    sure = np.clip(scores[np.arange(len(right)), right], _SMALLEST, 1)
    pairs = np.stack([right, said], axis=1)
    f1 = _bootstrap(pairs, lambda rows: _macro_f1(rows[:, 0], rows[:, 1], scores.shape[1]))
    return Metrics({"accuracy": share_of(right == said), "macro_f1": f1, "log_loss": mean_of(-np.log(sure))}, {})


def regression(truth: Floats, value: Floats) -> Metrics:
    """Errors in the label's unit."""
    pairs = np.stack([truth, value], axis=1)
    found = {
        "mae": mean_of(np.abs(truth - value)),
        "rmse": _bootstrap(pairs, lambda rows: float(np.sqrt(np.mean((rows[:, 0] - rows[:, 1]) ** 2)))),
    }
    missing = dict.fromkeys(("roc_auc", "accuracy", "log_loss"), "not available for regression")
    if float(np.var(truth)) == 0:
        return Metrics(found, {**missing, "r2": "the label has one value only"})
    return Metrics({**found, "r2": _bootstrap(pairs, _r2)}, missing)


def delong(positive: Floats, negative: Floats) -> Interval:
    """Area under the ROC curve with DeLong's variance, by midranks (Sun and Xu 2014): O(n log n)."""
    by_positive, by_negative = placements(positive, negative)
    area = float(by_positive.mean())
    half = _half(by_positive, by_negative)
    return Interval(area) if half is None else Interval(area, max(0.0, area - half), min(1.0, area + half))


def placements(positive: Floats, negative: Floats) -> tuple[Floats, Floats]:
    """Of each positive row the share of negative ones that it is above, of each negative one that it is below."""
    m, n = len(positive), len(negative)
    together = _midranks(np.concatenate([positive, negative]))
    return (together[:m] - _midranks(positive)) / n, 1 - (together[m:] - _midranks(negative)) / m


def delong_difference(one: Floats, other: Floats, is_positive: npt.NDArray[np.bool_]) -> Interval:
    """AUC of the scores `one` less that of `other`, of the same rows, by DeLong's covariance."""
    (p, n), (q, o) = (placements(each[is_positive], each[~is_positive]) for each in (one, other))
    value, half = float(np.mean(p - q)), _half(p - q, n - o)
    return Interval(value) if half is None else Interval(value, value - half, value + half)


def _half(by_positive: Floats, by_negative: Floats) -> float | None:
    m, n = len(by_positive), len(by_negative)
    if m < 2 or n < 2:
        return None
    return Z95 * float(np.sqrt(np.var(by_positive, ddof=1) / m + np.var(by_negative, ddof=1) / n))


def _midranks(values: Floats) -> Floats:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(count)
    middle: Floats = (ends - count + 1 + ends) / 2
    return middle[place]


def share_of(hits: npt.NDArray[np.bool_]) -> Interval:
    """The share of hits, with Wilson's interval. `hits` has at least one row."""
    return wilson(int(hits.sum()), len(hits))


def mean_of(values: Floats) -> Interval:
    """The mean with its normal interval; none of one value alone."""
    middle = float(values.mean())
    if len(values) < 2:
        return Interval(middle)
    half = Z95 * float(values.std(ddof=1) / np.sqrt(len(values)))
    return Interval(middle, middle - half, middle + half)


def _bootstrap(rows: npt.NDArray[Any], statistic: Callable[[npt.NDArray[Any]], float]) -> Interval:
    """Percentile interval; above 20,000 rows from resamples of that size, narrowed by the root of the ratio."""
    draw = np.random.default_rng(0)
    size = min(len(rows), _RESAMPLED_ROWS)
    estimate = statistic(rows)
    narrow = float(np.sqrt(size / len(rows)))
    found = [statistic(rows[draw.integers(0, len(rows), size)]) for _ in range(_RESAMPLES)]
    return percentile_interval(estimate, [estimate + (value - estimate) * narrow for value in found])


def _macro_f1(right: Places, said: Places, classes: int) -> float:
    hits = np.bincount(right[right == said], minlength=classes)
    either = np.bincount(right, minlength=classes) + np.bincount(said, minlength=classes)
    occurs = either > 0
    return float(np.mean(2 * hits[occurs] / either[occurs]))


def _r2(rows: npt.NDArray[Any]) -> float:
    spread = float(np.sum((rows[:, 0] - rows[:, 0].mean()) ** 2))
    return 1 - float(np.sum((rows[:, 0] - rows[:, 1]) ** 2)) / max(spread, 1e-300)
