"""Linear models, discriminants, networks and naive Bayes. Runs in the jail."""

from __future__ import annotations

from typing import Any

import numpy as np

from lockgate.train.jail.exporters.graph import DOUBLE, Graph, Table
from lockgate.train.jail.exporters.scikit_numbers import clipped
from lockgate.train.jail.exporters.steps import DECISIONS, PLACES, PROBABILITIES, VALUES, Steps, writes

_ACTIVATIONS = {"relu": "Relu", "tanh": "Tanh", "logistic": "Sigmoid"}
_LINKED = ("PoissonRegressor", "GammaRegressor", "TweedieRegressor")


@writes(
    VALUES,
    "LinearRegression", "Ridge", "RidgeCV", "Lasso", "LassoCV", "ElasticNet", "ElasticNetCV", "HuberRegressor", "Lars",
    "LarsCV", "LassoLars", "LassoLarsCV", "LassoLarsIC", "BayesianRidge", "ARDRegression", "SGDRegressor",
    "QuantileRegressor", "TheilSenRegressor", "OrthogonalMatchingPursuit", "OrthogonalMatchingPursuitCV", "LinearSVR",
    "PassiveAggressiveRegressor",
)  # fmt: skip
def _linear_value(steps: Steps, step: Any, table: Table) -> str:
    one_number(steps, step, np.size(step.intercept_) if np.ndim(step.coef_) > 1 else 1)
    weights = np.asarray(step.coef_, np.float64).reshape(1, -1).T
    return steps.graph.affine(steps.numbers(step, table), weights, np.asarray(step.intercept_, np.float64).reshape(-1))


@writes(VALUES, *_LINKED)
def _linked_value(steps: Steps, step: Any, table: Table) -> str:
    raw = _linear_value(steps, step, table)
    identity = type(step).__name__ == "TweedieRegressor" and (
        step.link == "identity" or (step.link == "auto" and step.power <= 0)
    )
    return raw if identity else steps.graph.op("Exp", raw)


@writes(VALUES, "RANSACRegressor")
def _ransac(steps: Steps, step: Any, table: Table) -> str:
    with steps.at("estimator_"):
        return steps.value(step.estimator_, table)


@writes(
    DECISIONS,
    "LogisticRegression", "LogisticRegressionCV", "SGDClassifier", "LinearSVC", "RidgeClassifier", "RidgeClassifierCV",
    "Perceptron", "PassiveAggressiveClassifier", "LinearDiscriminantAnalysis",
)  # fmt: skip
def _linear_decision(steps: Steps, step: Any, table: Table) -> str:
    weights = np.atleast_2d(np.asarray(step.coef_, np.float64)).T
    return steps.graph.affine(steps.numbers(step, table), weights, np.asarray(step.intercept_, np.float64).reshape(-1))


@writes(PROBABILITIES, "LogisticRegression", "LogisticRegressionCV", "LinearDiscriminantAnalysis")
def _logistic(steps: Steps, step: Any, table: Table) -> str:
    raw = _linear_decision(steps, step, table)
    return of_binary(steps.graph, raw) if len(step.classes_) == 2 else steps.graph.op("Softmax", raw, axis=1)


@writes(PROBABILITIES, "SGDClassifier")
def _gradient_descent(steps: Steps, step: Any, table: Table) -> str:
    graph = steps.graph
    if step.loss not in ("log_loss", "modified_huber"):
        raise steps.refuse(
            step, f"loss={step.loss!r} gives no probabilities", "wrap it in CalibratedClassifierCV, or loss='log_loss'"
        )
    raw = _linear_decision(steps, step, table)
    if step.loss == "log_loss":
        each = graph.op("Sigmoid", raw)
    else:
        each = graph.op("Div", graph.op("Add", clipped(graph, raw, -1.0, 1.0), 1.0), 2.0)
    return both(graph, each) if len(step.classes_) == 2 else shares(graph, each, len(step.classes_))


@writes(
    PLACES,
    "LogisticRegression", "LogisticRegressionCV", "SGDClassifier", "LinearSVC", "RidgeClassifier", "RidgeClassifierCV",
    "Perceptron", "PassiveAggressiveClassifier",
)  # fmt: skip
def _linear_places(steps: Steps, step: Any, table: Table) -> str:
    return chosen(steps.graph, _linear_decision(steps, step, table), len(step.classes_))


@writes(DECISIONS, "QuadraticDiscriminantAnalysis")
def _quadratic_decision(steps: Steps, step: Any, table: Table) -> str:
    joint = _quadratic(steps, step, table)
    if len(step.classes_) > 2:
        return joint
    graph = steps.graph
    return graph.op("Sub", graph.column(joint, 1), graph.column(joint, 0))


def _quadratic(steps: Steps, step: Any, table: Table) -> str:
    graph, value, parts = steps.graph, steps.numbers(step, table), []
    for mean, rotation, scaling, prior in zip(step.means_, step.rotations_, step.scalings_, step.priors_, strict=True):
        turned = graph.op("MatMul", graph.op("Sub", value, mean), np.asarray(rotation * scaling**-0.5, np.float64))
        length = graph.sum(graph.op("Mul", turned, turned), 1, keep=True)
        shift = -0.5 * float(np.sum(np.log(scaling))) + float(np.log(prior))
        parts.append(graph.op("Add", graph.op("Mul", length, -0.5), shift))
    return graph.op("Concat", *parts, axis=1)


@writes(PROBABILITIES, "QuadraticDiscriminantAnalysis")
def _quadratic_probabilities(steps: Steps, step: Any, table: Table) -> str:
    return steps.graph.op("Softmax", _quadratic(steps, step, table), axis=1)


@writes(PROBABILITIES, "GaussianNB")
def _gaussian(steps: Steps, step: Any, table: Table) -> str:
    graph, value, parts = steps.graph, steps.numbers(step, table), []
    for mean, variance, prior in zip(step.theta_, step.var_, step.class_prior_, strict=True):
        away = graph.op("Sub", value, mean)
        length = graph.sum(graph.op("Div", graph.op("Mul", away, away), variance), 1, keep=True)
        shift = float(np.log(prior)) - 0.5 * float(np.sum(np.log(2.0 * np.pi * variance)))
        parts.append(graph.op("Add", graph.op("Mul", length, -0.5), shift))
    return graph.op("Softmax", graph.op("Concat", *parts, axis=1), axis=1)


@writes(PROBABILITIES, "MultinomialNB")
def _multinomial(steps: Steps, step: Any, table: Table) -> str:
    raw = steps.graph.affine(steps.numbers(step, table), step.feature_log_prob_.T, step.class_log_prior_)
    return steps.graph.op("Softmax", raw, axis=1)


@writes(PROBABILITIES, "ComplementNB")
def _complement(steps: Steps, step: Any, table: Table) -> str:
    raw = steps.graph.affine(steps.numbers(step, table), step.feature_log_prob_.T, 0.0)
    return steps.graph.op("Softmax", raw, axis=1)


@writes(PROBABILITIES, "BernoulliNB")
def _bernoulli(steps: Steps, step: Any, table: Table) -> str:
    graph, value = steps.graph, steps.numbers(step, table)
    if step.binarize is not None:
        value = graph.cast(graph.op("Greater", value, float(step.binarize)), DOUBLE)
    absent = np.log(1 - np.exp(step.feature_log_prob_))
    raw = graph.affine(value, (step.feature_log_prob_ - absent).T, step.class_log_prior_ + absent.sum(axis=1))
    return graph.op("Softmax", raw, axis=1)


def _network(steps: Steps, step: Any, table: Table) -> str:
    graph, value = steps.graph, steps.numbers(step, table)
    for place, (weights, shift) in enumerate(zip(step.coefs_, step.intercepts_, strict=True)):
        value = graph.affine(value, weights, shift)
        if place + 1 < len(step.coefs_) and step.activation != "identity":
            value = graph.op(_ACTIVATIONS[step.activation], value)
    return value


@writes(PROBABILITIES, "MLPClassifier")
def _network_probabilities(steps: Steps, step: Any, table: Table) -> str:
    several = step._label_binarizer.y_type_.startswith("multilabel")  # noqa: SLF001 - nothing else says so
    one_number(steps, step, step.n_outputs_ if several else 1)
    raw = _network(steps, step, table)
    return of_binary(steps.graph, raw) if step.out_activation_ == "logistic" else steps.graph.op("Softmax", raw, axis=1)


@writes(VALUES, "MLPRegressor")
def _network_value(steps: Steps, step: Any, table: Table) -> str:
    one_number(steps, step, step.n_outputs_)
    raw = _network(steps, step, table)
    if step.out_activation_ not in ("identity", "exp"):
        raise steps.refuse(step, f"its output is {step.out_activation_!r}", "use loss='squared_error'")
    return steps.graph.op("Exp", raw) if step.out_activation_ == "exp" else raw


@writes(PROBABILITIES, "DummyClassifier")
def _prior(steps: Steps, step: Any, table: Table) -> str:
    if step.strategy not in ("prior", "most_frequent"):
        raise steps.refuse(step, f"strategy={step.strategy!r} draws lots", "use strategy='prior'")
    share = np.asarray(step.class_prior_, np.float64)
    if step.strategy == "most_frequent":
        share = np.eye(len(share))[int(share.argmax())]
    return repeated(steps, table, share)


@writes(VALUES, "DummyRegressor")
def _constant(steps: Steps, step: Any, table: Table) -> str:
    return repeated(steps, table, np.asarray(step.constant_, np.float64).reshape(-1))


def repeated(steps: Steps, table: Table, row: Any) -> str:
    """The same row for each row of the table."""
    graph, block = steps.graph, table.blocks[0]
    there = graph.op("Equal", block.tensor, block.tensor) if block.text else graph.op("IsNaN", block.tensor)
    one = graph.cast(there, DOUBLE) if block.width == 1 else graph.column(graph.cast(there, DOUBLE), 0)
    return graph.op("Add", graph.op("Mul", one, 0.0), np.asarray(row, np.float64).reshape(1, -1))


def one_number(steps: Steps, step: Any, count: int) -> None:
    """Raises Refused LG338 for an estimator of several labels."""
    if count > 1:
        raise steps.refuse(step, "it predicts several numbers", "train one model per label: a contract has one")


def of_binary(graph: Graph, raw: str) -> str:
    """Both probabilities from one decision, shape (n, 1)."""
    return both(graph, graph.op("Sigmoid", raw))


def both(graph: Graph, positive: str) -> str:
    """(1 - p, p)."""
    return graph.op("Concat", graph.op("Sub", 1.0, positive), positive, axis=1)


def shares(graph: Graph, value: str, count: int) -> str:
    """Each row by its sum; where that is nothing, all alike."""
    total = graph.sum(value, 1, keep=True)
    nothing = graph.op("Equal", total, 0.0)
    return graph.op("Where", nothing, 1.0 / count, graph.op("Div", value, graph.op("Where", nothing, 1.0, total)))


def chosen(graph: Graph, decision: str, count: int) -> str:
    """The place of the class with the largest decision; of two classes, the second where it is above zero."""
    if count == 2:
        return graph.cast(graph.op("Squeeze", graph.op("Greater", decision, 0.0), [1]), 7)
    return graph.op("ArgMax", decision, axis=1, keepdims=0)
