"""What is watched of a model's answers, the same from a gateway's answers as from the judge's outputs.

    class        the label                       binary, multiclass
    margin       log-odds between the two best   binary, multiclass: |log-odds| of a binary one; an attack dwells at 0
    confidence   log-odds                        of the positive class (binary), of the best one (multiclass)
    value        the number                      regression
    loss         wrong or not; |error|           where a label came

Numbers are rounded: the last bits of a score depend on how many rows were asked together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lockgate.monitor.plan import Category, Plan
from lockgate.monitor.values import Array, Floats

CLASS, MARGIN, CONFIDENCE, VALUE, LOSS = "class", "margin", "confidence", "value", "loss"
ABOVE = "above "
"""Begins a name in a plan's `about`: of a stratum's number, the first bin of margins at or above ATC's threshold."""

_LEAST = 1e-7
_DIGITS = 4
_BITS = 2.0**17


def from_predictions(
    task: str, classes: Sequence[Category] | None, predictions: Sequence[Mapping[str, Any]]
) -> dict[str, Array]:
    """Columns of a gateway's answers: {"label", "scores"} in the order of `classes`, or {"value"}."""
    if task == "regression":
        return _regression(np.array([each["value"] for each in predictions], np.float64))
    scores = np.array([tuple(each["scores"].values()) for each in predictions], np.float64)
    labels = np.empty(len(predictions), object)
    labels[:] = [each["label"] for each in predictions]
    return _classes(task, labels, scores.reshape(len(predictions), len(classes or ())))


def from_outputs(task: str, labels: Array | None, scores: Array | None, values: Array | None) -> dict[str, Array]:
    """Columns of what `runtime.jail.predict.Outputs` holds."""
    if values is not None:
        return _regression(values)
    if labels is None or scores is None:
        raise ValueError("a model that tells classes apart gives labels and scores")
    held = np.empty(len(labels), object)
    held[:] = labels.tolist()
    return _classes(task, held, scores)


def losses(task: str, answers: Sequence[Any], labels: Sequence[Any]) -> Floats:
    """Of each answer (label or value) and the true one: wrong or not as 1 or 0, or the rounded size of the error."""
    if task == "regression":
        return _rounded(np.abs(np.array(answers, np.float64) - np.array(labels, np.float64)))
    return np.array([said != true for said, true in zip(answers, labels, strict=True)], np.float64)


def estimated_accuracy(plan: Plan, totals: Mapping[int, Sequence[int]]) -> float | None:
    """ATC (Garg et al., 2022): the share of rows at or above the threshold. `totals`: margins' bins by stratum.

    An estimate, which holds if the model is as well calibrated as it was: no method can do without some such premise.
    None without rows, or where the plan knows no threshold.
    """
    rows = sum(sum(counts) for counts in totals.values())
    if not rows or any(f"{ABOVE}{stratum}" not in plan.about for stratum in totals):
        return None
    above = sum(sum(counts[int(plan.about[f"{ABOVE}{stratum}"]) :]) for stratum, counts in totals.items())
    return above / rows


def _regression(values: Array) -> dict[str, Array]:
    return {VALUE: _rounded(values.astype(np.float64))}


def _classes(task: str, labels: Array, scores: Floats) -> dict[str, Array]:
    sure = np.clip(scores, _LEAST, 1 - _LEAST)
    odds = np.log(sure) - np.log1p(-sure)
    if task == "binary":
        signed = np.round(odds[:, 1], _DIGITS)
        return {CLASS: labels, MARGIN: np.abs(signed), CONFIDENCE: signed}
    best = np.partition(sure, -2, axis=1)[:, -2:]
    margin = np.log(best[:, 1]) - np.log(best[:, 0])
    return {CLASS: labels, MARGIN: np.round(margin, _DIGITS), CONFIDENCE: np.round(odds.max(axis=1), _DIGITS)}


def _rounded(values: Floats) -> Floats:
    fraction, exponent = np.frexp(values)
    return np.ldexp(np.round(fraction * _BITS) / _BITS, exponent)
