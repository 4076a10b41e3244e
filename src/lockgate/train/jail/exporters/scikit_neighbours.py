"""Nearest neighbours: distances to the rows that were kept, one asked row at a time. Runs in the jail."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
from onnx import helper, numpy_helper

from lockgate.train.jail.exporters.graph import DOUBLE, Graph, Table
from lockgate.train.jail.exporters.scikit_linear import one_number
from lockgate.train.jail.exporters.steps import PROBABILITIES, VALUES, Steps, writes

_EXPONENTS = {"euclidean": 2, "l2": 2, "manhattan": 1, "l1": 1, "cityblock": 1}
_IN_TURN = 15


@writes(PROBABILITIES, "KNeighborsClassifier")
def _classes(steps: Steps, step: Any, table: Table) -> str:
    return _neighbours(steps, step, table, np.eye(len(step.classes_))[np.asarray(step._y)])  # noqa: SLF001 - its rows


@writes(VALUES, "KNeighborsRegressor")
def _value(steps: Steps, step: Any, table: Table) -> str:
    one_number(steps, step, np.size(step._y) // len(step._y))  # noqa: SLF001 - its rows
    return _neighbours(steps, step, table, np.asarray(step._y, np.float64).reshape(-1, 1))  # noqa: SLF001 - its rows


def _neighbours(steps: Steps, step: Any, table: Table, answers: Any) -> str:
    exponent = _EXPONENTS.get(step.effective_metric_)
    if step.effective_metric_ == "minkowski":
        exponent = step.effective_metric_params_.get("p", 2)
    if exponent not in (1, 2) or step.weights not in ("uniform", "distance"):
        raise steps.refuse(
            step,
            f"metric={step.metric!r}, weights={step.weights!r} do not convert",
            "metric='euclidean', weights='uniform' or 'distance'",
        )
    rows = np.asarray(step._fit_X, np.float64)  # noqa: SLF001 - its rows
    inside = Graph(steps.graph.name("neighbours") + ".")
    body = _body(inside, rows, answers, step.n_neighbors, exponent, step.weights)
    return steps.graph.op("Scan", steps.numbers(step, table), num_scan_inputs=1, body=body)


def _away(graph: Graph, rows: Any, exponent: int) -> str:
    """How far each of the rows is, (rows,); squared where the exponent is 2.

    Numbers with few decimals are often equally far but for the last bit, which then says which neighbour counts. So few
    columns are added up one after the other, as scikit-learn's trees do (they are not used for more than 15).
    """
    if rows.shape[1] > _IN_TURN:
        return graph.sum(_part(graph, "row", rows, exponent), 1)
    parts = [
        _part(graph, graph.op("Gather", "row", [place], axis=0), np.ascontiguousarray(rows[:, place]), exponent)
        for place in range(rows.shape[1])
    ]
    return reduce(lambda total, part: graph.op("Add", total, part), parts)


def _part(graph: Graph, row: str, rows: Any, exponent: int) -> str:
    apart = graph.op("Sub", row, rows)
    return graph.op("Mul", apart, apart) if exponent == 2 else graph.op("Abs", apart)


def _body(graph: Graph, rows: Any, answers: Any, count: int, exponent: int, weights: str) -> Any:
    """The mean of the answers of the `count` nearest rows; a row that is the same row weighs everything."""
    length = _away(graph, rows, exponent)
    near, places = graph.ops("TopK", length, [count], outputs=2, axis=0, largest=0, sorted=1)
    votes = graph.op("Gather", answers, places, axis=0)
    if weights == "uniform":
        share = np.full((count, 1), 1.0 / count)
        found = graph.sum(graph.op("Mul", votes, share), 0)
    else:
        same = graph.cast(graph.op("Equal", near, 0.0), DOUBLE)
        distance = graph.op("Sqrt", near) if exponent == 2 else near
        inverse = graph.op("Div", 1.0, graph.op("Where", graph.op("Equal", near, 0.0), 1.0, distance))
        any_same = graph.op("Greater", graph.op("ReduceMax", same, [0], keepdims=1), 0.0)
        weight = graph.op("Where", any_same, same, inverse)
        weight = graph.op("Div", weight, graph.sum(weight, 0, keep=True))
        found = graph.sum(graph.op("Mul", votes, graph.op("Unsqueeze", weight, [1])), 0)
    return helper.make_graph(
        graph.nodes,
        "neighbours",
        [helper.make_tensor_value_info("row", DOUBLE, [rows.shape[1]])],
        [helper.make_tensor_value_info(found, DOUBLE, [answers.shape[1]])],
        [numpy_helper.from_array(numpy_helper.to_array(each), name) for name, each in graph.constants.items()],
    )
