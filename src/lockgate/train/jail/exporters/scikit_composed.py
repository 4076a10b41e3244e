"""Estimators made of estimators: calibrated, stacked, voting, searched, with a threshold. Runs in the jail."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import is_classifier

from lockgate.train.jail.exporters.graph import Block, Graph, Table
from lockgate.train.jail.exporters.scikit_columns import apply, invertible
from lockgate.train.jail.exporters.scikit_linear import both, one_number, repeated, shares
from lockgate.train.jail.exporters.scikit_numbers import clipped, interpolated
from lockgate.train.jail.exporters.steps import (
    DECISIONS,
    PLACES,
    PROBABILITIES,
    TRANSFORMS,
    VALUES,
    Steps,
    kind_of,
    writes,
)

_INT64 = 7
_WRAPPED = {
    "GridSearchCV": "best_estimator_",
    "RandomizedSearchCV": "best_estimator_",
    "HalvingGridSearchCV": "best_estimator_",
    "HalvingRandomSearchCV": "best_estimator_",
    "FrozenEstimator": "estimator",
    "TunedThresholdClassifierCV": "estimator_",
    "FixedThresholdClassifier": "estimator_",
}


def _inner(step: Any) -> tuple[str, Any]:
    name = _WRAPPED[type(step).__name__]
    found = getattr(step, name, None)
    return (name, found) if found is not None else ("estimator", step.estimator)


@writes(PROBABILITIES, *_WRAPPED)
def _inner_probabilities(steps: Steps, step: Any, table: Table) -> str:
    name, inner = _inner(step)
    with steps.at(name):
        return steps.probabilities(inner, table)


@writes(DECISIONS, *_WRAPPED)
def _inner_decision(steps: Steps, step: Any, table: Table) -> str:
    name, inner = _inner(step)
    with steps.at(name):
        return steps.decision(inner, table)


@writes(VALUES, *_WRAPPED)
def _inner_value(steps: Steps, step: Any, table: Table) -> str:
    name, inner = _inner(step)
    with steps.at(name):
        return steps.value(inner, table)


@writes(TRANSFORMS, *_WRAPPED)
def _inner_transform(steps: Steps, step: Any, table: Table) -> Table:
    name, inner = _inner(step)
    with steps.at(name):
        return steps.transform(inner, table)


@writes(PLACES, "GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV", "FrozenEstimator")
def _inner_places(steps: Steps, step: Any, table: Table) -> str:
    name, inner = _inner(step)
    with steps.at(name):
        return steps.places(inner, table)


@writes(PLACES, "TunedThresholdClassifierCV", "FixedThresholdClassifier")
def _above_threshold(steps: Steps, step: Any, table: Table) -> str:
    """The label of another threshold than one half; the probabilities stay."""
    graph, (name, inner) = steps.graph, _inner(step)
    fixed = type(step).__name__ == "FixedThresholdClassifier"
    positive = _positive(step, inner, fixed=fixed)
    methods = [step.response_method] if step.response_method != "auto" else ["predict_proba", "decision_function"]
    method = next(each for each in methods if hasattr(inner, each))
    with steps.at(name):
        if method == "predict_proba":
            score = graph.column(steps.probabilities(inner, table), positive)
        else:
            score = steps.decision(inner, table)
            score = score if positive == 1 else graph.op("Neg", score)
    limit = step.threshold if fixed else step.best_threshold_
    if limit == "auto":
        limit = 0.5 if method == "predict_proba" else 0.0
    above = graph.op("Squeeze", graph.op("GreaterOrEqual", score, float(limit)), [1])
    return graph.op("Where", above, positive, 1 - positive)


def _positive(step: Any, inner: Any, *, fixed: bool) -> int:
    label = step.pos_label if fixed else step._curve_scorer._get_pos_label()  # noqa: SLF001 - predict asks the same
    return 1 if label is None else int(np.flatnonzero(inner.classes_ == label)[0])


@writes(PROBABILITIES, "CalibratedClassifierCV")
def _calibrated(steps: Steps, step: Any, table: Table) -> str:
    graph, found = steps.graph, []
    for place, one in enumerate(step.calibrated_classifiers_):
        with steps.at(f"calibrated_classifiers_[{place}]"):
            found.append(_one_calibrated(steps, one, table, len(step.classes_)))
    return graph.op("Div", graph.op("Sum", *found), float(len(found)))


def _one_calibrated(steps: Steps, one: Any, table: Table, count: int) -> str:
    graph = steps.graph
    decides = hasattr(one.estimator, "decision_function")
    if len(one.estimator.classes_) != count:
        raise steps.refuse(one.estimator, "one part of it has not seen all classes", "fewer folds: cv=2")
    with steps.at("estimator"):
        raw = steps.decision(one.estimator, table) if decides else steps.probabilities(one.estimator, table)
    if one.method == "temperature":
        if not decides:
            logits = graph.op("Log", graph.op("Add", raw, 1e-12))
        else:
            logits = graph.op("Concat", graph.op("Neg", raw), raw, axis=1) if count == 2 else raw
        return graph.op("Softmax", graph.op("Mul", logits, float(one.calibrators[0].beta_)), axis=1)
    if count == 2:
        return both(graph, _curve(graph, one.calibrators[0], raw if decides else graph.column(raw, 1)))
    parts = [_curve(graph, each, graph.column(raw, place)) for place, each in enumerate(one.calibrators)]
    return shares(graph, graph.op("Concat", *parts, axis=1), count)


def _curve(graph: Graph, calibrator: Any, value: str) -> str:
    if hasattr(calibrator, "a_"):
        raw = graph.op("Add", graph.op("Mul", value, float(calibrator.a_)), float(calibrator.b_))
        return graph.op("Sigmoid", graph.op("Neg", raw))
    return interpolated(graph, value, calibrator.X_thresholds_, calibrator.y_thresholds_)


@writes(VALUES, "IsotonicRegression")
def _isotonic(steps: Steps, step: Any, table: Table) -> str:
    if step.out_of_bounds != "clip":
        raise steps.refuse(step, "beyond its training range it has no answer", "out_of_bounds='clip'")
    return interpolated(steps.graph, steps.numbers(step, table), step.X_thresholds_, step.y_thresholds_)


def _stacked(steps: Steps, step: Any, table: Table) -> Table:
    """What the final estimator is given: the answers of those before it, and the columns where they pass through."""
    blocks = []
    named = [name for name, each in step.estimators if each != "drop"]
    for name, one, method in zip(named, step.estimators_, step.stack_method_, strict=True):
        with steps.at(name):
            blocks.append(_answer(steps, one, table, method))
    if step.passthrough:
        blocks.append(Block(steps.numbers(step, table), table.width))

    return Table(tuple(blocks))


def _answer(steps: Steps, one: Any, table: Table, method: str) -> Block:
    graph = steps.graph
    if method == "predict_proba":
        found, count = steps.probabilities(one, table), len(one.classes_)
        return Block(graph.column(found, 1), 1) if count == 2 else Block(found, count)
    if method == "decision_function":
        count = len(one.classes_)
        return Block(steps.decision(one, table), 1 if count == 2 else count)
    if is_classifier(one):
        raise steps.refuse(one, "its labels are given to the final estimator", "stack_method='predict_proba'")
    return Block(steps.value(one, table), 1)


@writes(PROBABILITIES, "StackingClassifier")
def _stacked_probabilities(steps: Steps, step: Any, table: Table) -> str:
    given = _stacked(steps, step, table)
    with steps.at("final_estimator_"):
        return steps.probabilities(step.final_estimator_, given)


@writes(DECISIONS, "StackingClassifier")
def _stacked_decision(steps: Steps, step: Any, table: Table) -> str:
    given = _stacked(steps, step, table)
    with steps.at("final_estimator_"):
        return steps.decision(step.final_estimator_, given)


@writes(PLACES, "StackingClassifier")
def _stacked_places(steps: Steps, step: Any, table: Table) -> str:
    given = _stacked(steps, step, table)
    with steps.at("final_estimator_"):
        return steps.places(step.final_estimator_, given)


@writes(VALUES, "StackingRegressor")
def _stacked_value(steps: Steps, step: Any, table: Table) -> str:
    given = _stacked(steps, step, table)
    with steps.at("final_estimator_"):
        return steps.value(step.final_estimator_, given)


def _voices(steps: Steps, step: Any, table: Table, ask: Any) -> str:
    """The weighted mean of the answers of those that vote."""
    graph, found = steps.graph, []
    named = [name for name, each in step.estimators if each != "drop"]
    weights = step._weights_not_none or [1.0] * len(named)  # noqa: SLF001 - without those that were dropped
    total = float(sum(weights))
    for name, one, weight in zip(named, step.estimators_, weights, strict=True):
        with steps.at(name):
            found.append(graph.op("Mul", ask(one, table), float(weight) / total))
    return graph.op("Sum", *found)


@writes(PROBABILITIES, "VotingClassifier")
def _voting(steps: Steps, step: Any, table: Table) -> str:
    return _voices(steps, step, table, steps.probabilities)


@writes(VALUES, "VotingRegressor")
def _voting_value(steps: Steps, step: Any, table: Table) -> str:
    return _voices(steps, step, table, steps.value)


@writes(PROBABILITIES, "OneVsRestClassifier")
def _one_against_rest(steps: Steps, step: Any, table: Table) -> str:
    graph, found = steps.graph, []
    one_number(steps, step, len(step.estimators_) if step.multilabel_ else 1)
    for place, one in enumerate(step.estimators_):
        with steps.at(f"estimators_[{place}]"):
            if type(one).__name__ == "_ConstantPredictor":
                found.append(repeated(steps, table, [float(one.y_[0])]))
            else:
                found.append(graph.column(steps.probabilities(one, table), 1))
    if len(found) == 1:
        return both(graph, found[0])
    return shares(graph, graph.op("Concat", *found, axis=1), len(found))


@writes(VALUES, "TransformedTargetRegressor")
def _transformed_target(steps: Steps, step: Any, table: Table) -> str:
    with steps.at("regressor_"):
        value = steps.value(step.regressor_, table)
    if step.transformer is None:
        if step.inverse_func is None:
            return value
        if not invertible(step.inverse_func):
            raise steps.refuse(
                step, "its inverse_func is code, and a graph carries none", "func=np.log1p, inverse_func=np.expm1"
            )
        return apply(steps, step.inverse_func, value)
    return _undone(steps, step.transformer_, value)


def _undone(steps: Steps, transformer: Any, value: str) -> str:
    graph = steps.graph
    if kind_of(transformer) == "sklearn.StandardScaler":
        value = graph.op("Mul", value, transformer.scale_) if transformer.with_std else value
        return graph.op("Add", value, transformer.mean_) if transformer.with_mean else value
    if kind_of(transformer) == "sklearn.RobustScaler":
        value = graph.op("Mul", value, transformer.scale_) if transformer.with_scaling else value
        return graph.op("Add", value, transformer.center_) if transformer.with_centering else value
    if kind_of(transformer) == "sklearn.MinMaxScaler":
        value = clipped(graph, value, *map(float, transformer.feature_range)) if transformer.clip else value
        return graph.op("Div", graph.op("Sub", value, transformer.min_), transformer.scale_)
    if kind_of(transformer) == "sklearn.MaxAbsScaler":
        return graph.op("Mul", value, transformer.scale_)
    if kind_of(transformer) == "sklearn.FunctionTransformer" and invertible(transformer.inverse_func):
        return apply(steps, transformer.inverse_func, value)
    raise steps.refuse(
        transformer, "its inverse does not convert", "func=np.log1p, inverse_func=np.expm1, or StandardScaler()"
    )
