"""scikit-learn's trees and what is grown of them: forests, boosting, bagging. Runs in the jail.

These trees look at 32-bit numbers; a scaled value is therefore narrowed first, as scikit-learn does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lockgate.train.jail.exporters.graph import DOUBLE, FLOAT, Table
from lockgate.train.jail.exporters.graph import matrix as matrix_table
from lockgate.train.jail.exporters.scikit_linear import both, chosen, of_binary, one_number
from lockgate.train.jail.exporters.steps import DECISIONS, PLACES, PROBABILITIES, VALUES, Steps, kind_of, writes
from lockgate.train.jail.exporters.trees import Leaf, Split, Tree, ensemble, pruned

_TREE_CLASSES = ("DecisionTreeClassifier", "ExtraTreeClassifier")
_TREE_VALUES = ("DecisionTreeRegressor", "ExtraTreeRegressor")
_NO_CHILD = -1


def tree_of(fitted: Any, values: npt.NDArray[Any], target: int = 0, features: Any = None) -> Tree:
    """A scikit-learn `tree_` whose node i is worth `values[i]`; `features` are the columns it was given."""
    worth = np.asarray(values, np.float64).tolist()
    columns = range(fitted.n_features) if features is None else [int(each) for each in features]
    nodes: list[Leaf | Split] = []
    for place, (left, right, feature, threshold, missing) in enumerate(
        zip(
            fitted.children_left.tolist(),
            fitted.children_right.tolist(),
            fitted.feature.tolist(),
            fitted.threshold.tolist(),
            np.asarray(fitted.missing_go_to_left, bool).tolist(),
            strict=True,
        )
    ):
        if left == _NO_CHILD:
            nodes.append(Leaf(worth[place]))
        else:
            nodes.append(Split(columns[feature], "<=", threshold, missing, left, right))
    return Tree(tuple(nodes), target)


def narrowed(steps: Steps, step: Any, table: Table) -> str:
    """The numbers as 32 bits hold them, written in 64."""
    graph = steps.graph
    return graph.cast(graph.cast(steps.numbers(step, table), FLOAT), DOUBLE)


def _shares(fitted: Any) -> npt.NDArray[Any]:
    counts = np.asarray(fitted.value, np.float64)[:, 0, :]
    total = counts.sum(axis=1, keepdims=True)
    shares: npt.NDArray[Any] = counts / np.where(total == 0, 1, total)
    return shares


def _averaged(steps: Steps, table: Table, step: Any, trees: list[Any]) -> str:
    """The mean of the leaves' shares. Of two classes only the second is written."""
    classes = len(step.classes_)
    wanted = [1] if classes == 2 else list(range(classes))
    written = []
    for one in trees:
        shares = _shares(one.tree_) / len(trees)
        written += [pruned(tree_of(one.tree_, shares[:, place], target)) for target, place in enumerate(wanted)]
    found = ensemble(steps.graph, narrowed(steps, step, table), written, np.zeros(len(wanted)))
    return both(steps.graph, found) if classes == 2 else found


@writes(PROBABILITIES, *_TREE_CLASSES)
def _tree(steps: Steps, step: Any, table: Table) -> str:
    return _averaged(steps, table, step, [step])


@writes(PROBABILITIES, "RandomForestClassifier", "ExtraTreesClassifier")
def _forest(steps: Steps, step: Any, table: Table) -> str:
    return _averaged(steps, table, step, step.estimators_)


@writes(VALUES, *_TREE_VALUES)
def _tree_value(steps: Steps, step: Any, table: Table) -> str:
    return _mean_value(steps, step, table, [step])


@writes(VALUES, "RandomForestRegressor", "ExtraTreesRegressor")
def _forest_value(steps: Steps, step: Any, table: Table) -> str:
    return _mean_value(steps, step, table, step.estimators_)


def _mean_value(steps: Steps, step: Any, table: Table, trees: list[Any]) -> str:
    one_number(steps, step, getattr(step, "n_outputs_", 1))
    written = [tree_of(one.tree_, np.asarray(one.tree_.value, np.float64)[:, 0, 0] / len(trees)) for one in trees]
    return ensemble(steps.graph, narrowed(steps, step, table), written, [0.0])


def _boosted(steps: Steps, step: Any, table: Table) -> str:
    """The raw prediction of gradient boosting: the trees' values, and where it began."""
    graph, matrix = steps.graph, narrowed(steps, step, table)
    written = [
        tree_of(one.tree_, np.asarray(one.tree_.value, np.float64)[:, 0, 0] * step.learning_rate, target)
        for row in step.estimators_
        for target, one in enumerate(row)
    ]
    width = step.estimators_.shape[1]
    if isinstance(step.init_, str) or kind_of(step.init_) in ("sklearn.DummyClassifier", "sklearn.DummyRegressor"):
        base = step._raw_predict_init(np.zeros((1, step.n_features_in_), np.float32))[0]  # noqa: SLF001 - where it began
        return ensemble(graph, matrix, written, base)
    if width != 1 or hasattr(step, "classes_"):
        raise steps.refuse(step, "its init is an estimator", "leave init out")
    with steps.at("init_"):
        begun = steps.value(step.init_, matrix_table(matrix, table.width))
    return graph.op("Add", ensemble(graph, matrix, written, [0.0]), begun)


@writes(DECISIONS, "GradientBoostingClassifier")
def _boosted_decision(steps: Steps, step: Any, table: Table) -> str:
    return _boosted(steps, step, table)


@writes(VALUES, "GradientBoostingRegressor")
def _boosted_value(steps: Steps, step: Any, table: Table) -> str:
    return _boosted(steps, step, table)


@writes(PROBABILITIES, "GradientBoostingClassifier")
def _boosted_probabilities(steps: Steps, step: Any, table: Table) -> str:
    raw = _boosted(steps, step, table)
    if len(step.classes_) > 2:
        return steps.graph.op("Softmax", raw, axis=1)
    return of_binary(steps.graph, steps.graph.op("Mul", raw, 2.0) if step.loss == "exponential" else raw)


@writes(DECISIONS, "AdaBoostClassifier")
def _adaptive(steps: Steps, step: Any, table: Table) -> str:
    """Each estimator votes for one class with its weight, and a little against the others."""
    graph, count, votes = steps.graph, len(step.classes_), []
    for place, (one, weight) in enumerate(zip(step.estimators_, step.estimator_weights_, strict=False)):
        against = np.full((count, count), -weight / (count - 1)) + np.eye(count) * weight * count / (count - 1)
        places = np.searchsorted(step.classes_, one.classes_)
        with steps.at(f"estimators_[{place}]"):
            votes.append(graph.op("Gather", against[places], steps.places(one, table)))
    total = graph.op("Div", graph.op("Sum", *votes), float(step.estimator_weights_.sum()))
    return total if count > 2 else graph.op("Sub", graph.column(total, 1), graph.column(total, 0))


@writes(PROBABILITIES, "AdaBoostClassifier")
def _adaptive_probabilities(steps: Steps, step: Any, table: Table) -> str:
    graph, raw, count = steps.graph, _adaptive(steps, step, table), len(step.classes_)
    return of_binary(graph, raw) if count == 2 else graph.op("Softmax", graph.op("Div", raw, count - 1.0), axis=1)


@writes(PLACES, "AdaBoostClassifier")
def _adaptive_places(steps: Steps, step: Any, table: Table) -> str:
    return chosen(steps.graph, _adaptive(steps, step, table), len(step.classes_))


@writes(VALUES, "AdaBoostRegressor")
def _median(steps: Steps, step: Any, table: Table) -> str:
    """The weighted median of the estimators' values."""
    graph, values = steps.graph, []
    for place, one in enumerate(step.estimators_):
        with steps.at(f"estimators_[{place}]"):
            values.append(steps.value(one, table))
    together = graph.op("Concat", *values, axis=1)
    weights = np.asarray(step.estimator_weights_[: len(values)], np.float64)
    ordered, order = graph.ops("TopK", together, [len(values)], outputs=2, axis=1, largest=0, sorted=1)
    reached = graph.op("CumSum", graph.op("Gather", weights, order), np.array(1))
    half = graph.op("Mul", graph.op("Gather", reached, [len(values) - 1], axis=1), 0.5)
    first = graph.op("ArgMax", graph.cast(graph.op("GreaterOrEqual", reached, half), DOUBLE), axis=1, keepdims=1)
    return graph.op("GatherElements", ordered, first, axis=1)


def _bagged(steps: Steps, step: Any, table: Table, ask: Any) -> list[str]:
    found = []
    for place, (one, features) in enumerate(zip(step.estimators_, step.estimators_features_, strict=True)):
        with steps.at(f"estimators_[{place}]"):
            found.append(ask(one, table.pick(steps.graph, [int(each) for each in features])))
    return found


@writes(PROBABILITIES, "BaggingClassifier")
def _bagging(steps: Steps, step: Any, table: Table) -> str:
    """Trees are written together; other estimators one by one."""
    graph = steps.graph
    whole = all(len(one.classes_) == len(step.classes_) for one in step.estimators_)
    if not whole or not all(hasattr(one, "predict_proba") for one in step.estimators_):
        raise steps.refuse(
            step,
            "one of its estimators has not seen all classes, or gives no probabilities",
            "draw larger samples: max_samples",
        )
    if all(kind_of(one).removeprefix("sklearn.") in _TREE_CLASSES for one in step.estimators_):
        return _bagged_trees(steps, step, table)
    return graph.op(
        "Div", graph.op("Sum", *_bagged(steps, step, table, steps.probabilities)), float(len(step.estimators_))
    )


def _bagged_trees(steps: Steps, step: Any, table: Table) -> str:
    count = len(step.classes_)
    wanted = [1] if count == 2 else list(range(count))
    written = []
    for one, features in zip(step.estimators_, step.estimators_features_, strict=True):
        shares = _shares(one.tree_) / len(step.estimators_)
        written += [
            pruned(tree_of(one.tree_, shares[:, place], target, features)) for target, place in enumerate(wanted)
        ]
    found = ensemble(steps.graph, narrowed(steps, step, table), written, np.zeros(len(wanted)))
    return both(steps.graph, found) if count == 2 else found


@writes(VALUES, "BaggingRegressor")
def _bagging_value(steps: Steps, step: Any, table: Table) -> str:
    graph = steps.graph
    return graph.op("Div", graph.op("Sum", *_bagged(steps, step, table, steps.value)), float(len(step.estimators_)))
