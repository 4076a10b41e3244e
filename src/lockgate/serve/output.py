"""The output policy: what is left of a prediction for one kind of client. Pure.

    full      the prediction as the model gave it
    rounded   the label, every score rounded; they need not add up to 1 any more
    top       the label, the best scores alone
    label     the label alone
    (number)  regression: as it is under full, else rounded

Below the margin that a rule may ask for there is no label and no score: {"label": null, "abstained": true}. The label
is always the model's own word, which need not be the class with the best score.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from lockgate.serve.spec import OutputRule, Task

Prediction = Mapping[str, Any]
Shaper = Callable[[Prediction], Prediction]

ABSTAINED: Final[Prediction] = {"label": None, "abstained": True}


def shape(prediction: Prediction, rule: OutputRule, task: Task) -> Prediction:
    """What `rule` leaves of `prediction`; the very object where it leaves everything."""
    shaped = shaper(rule, task)
    return prediction if shaped is None else shaped(prediction)


def shaper(rule: OutputRule, task: Task) -> Shaper | None:
    """`shape` for one rule and task; None: everything is left, and nothing need be called."""
    if task == "regression":
        return None if rule.scores == "full" else _number(rule.digits)
    inner = _scores(rule)
    return _abstaining(rule.abstain_below, inner) if rule.abstain_below > 0 else inner


def coarse(rule: OutputRule, task: Task) -> Shaper:
    """What is left for a client that tries the model: the label alone, of a number two digits that count.

    Never more than the rule leaves.
    """
    if task == "regression":
        inner = shaper(rule, task)
        return lambda given: {"value": float(f"{(inner(given) if inner else given)['value']:.2g}")}
    found = shaper(replace(rule, scores="label"), task)
    assert found is not None  # noqa: S101 - only "full" leaves everything
    return found


def margin(scores: Mapping[str, float]) -> float:
    """How far the best score is above the second best."""
    best = second = float("-inf")
    for score in scores.values():
        if score > best:
            best, second = score, best
        elif score > second:
            second = score
    return best - second


def _scores(rule: OutputRule) -> Shaper | None:
    if rule.scores == "full":
        return None
    if rule.scores == "rounded":
        return lambda given: {"label": given["label"], "scores": _rounded(given["scores"], rule.digits)}
    if rule.scores == "top":
        return lambda given: {"label": given["label"], "scores": _best(given["scores"], rule.top)}
    return lambda given: {"label": given["label"]}


def _number(digits: int) -> Shaper:
    return lambda given: {"value": _round(given["value"], digits)}


def _abstaining(least: float, inner: Shaper | None) -> Shaper:
    def shaped(given: Prediction) -> Prediction:
        if margin(given["scores"]) < least:
            return ABSTAINED
        return given if inner is None else inner(given)

    return shaped


def _rounded(scores: Mapping[str, float], digits: int) -> dict[str, float]:
    return {name: _round(score, digits) for name, score in scores.items()}


def _best(scores: Mapping[str, float], count: int) -> dict[str, float]:
    """The best, in the order of the classes; of equal ones those that come first in it."""
    kept = {name for name, _ in sorted(scores.items(), key=lambda each: -each[1])[:count]}
    return {name: score for name, score in scores.items() if name in kept}


def _round(number: float, digits: int) -> float:
    # Zero has one sign: which side a rounded score came from is not to be told.
    return round(number, digits) + 0.0
