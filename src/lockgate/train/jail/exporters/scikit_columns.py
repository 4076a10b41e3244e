"""Steps that choose, order and pass on columns: pipelines, feature selection. Runs in the jail."""

from __future__ import annotations

from typing import Any

import numpy as np

from lockgate.train.jail.exporters.graph import Block, Table, matrix
from lockgate.train.jail.exporters.steps import (
    DECISIONS,
    PLACES,
    PROBABILITIES,
    TRANSFORMS,
    VALUES,
    Steps,
    writes,
)

_FUNCTIONS: dict[Any, str] = {
    np.abs: "Abs",
    np.sqrt: "Sqrt",
    np.exp: "Exp",
    np.log: "Log",
    np.floor: "Floor",
    np.ceil: "Ceil",
    np.sign: "Sign",
    np.negative: "Neg",
    np.tanh: "Tanh",
}


def _through(steps: Steps, pipeline: Any, table: Table) -> Table:
    for name, step in pipeline.steps[:-1]:
        if step is not None and step != "passthrough":
            with steps.at(name):
                table = steps.transform(step, table)
    return table


@writes(TRANSFORMS, "Pipeline")
def _pipeline(steps: Steps, pipeline: Any, table: Table) -> Table:
    table = _through(steps, pipeline, table)
    name, last = pipeline.steps[-1]
    if last is None or last == "passthrough":
        return table
    with steps.at(name):
        return steps.transform(last, table)


@writes(PROBABILITIES, "Pipeline")
def _probabilities(steps: Steps, pipeline: Any, table: Table) -> str:
    table = _through(steps, pipeline, table)
    with steps.at(pipeline.steps[-1][0]):
        return steps.probabilities(pipeline.steps[-1][1], table)


@writes(DECISIONS, "Pipeline")
def _decision(steps: Steps, pipeline: Any, table: Table) -> str:
    table = _through(steps, pipeline, table)
    with steps.at(pipeline.steps[-1][0]):
        return steps.decision(pipeline.steps[-1][1], table)


@writes(VALUES, "Pipeline")
def _value(steps: Steps, pipeline: Any, table: Table) -> str:
    table = _through(steps, pipeline, table)
    with steps.at(pipeline.steps[-1][0]):
        return steps.value(pipeline.steps[-1][1], table)


@writes(PLACES, "Pipeline")
def _places(steps: Steps, pipeline: Any, table: Table) -> str:
    table = _through(steps, pipeline, table)
    with steps.at(pipeline.steps[-1][0]):
        return steps.places(pipeline.steps[-1][1], table)


@writes(TRANSFORMS, "ColumnTransformer")
def _column_transformer(steps: Steps, transformer: Any, table: Table) -> Table:
    """The fitted transformers in their order, each on the columns it was fitted on."""
    blocks: list[Block] = []
    places = transformer._transformer_to_input_indices  # noqa: SLF001 - the only record of which columns went where
    for name, step, _ in transformer.transformers_:
        chosen = [int(place) for place in places[name]]
        if not chosen or (isinstance(step, str) and step == "drop"):
            continue
        part = table.pick(steps.graph, chosen)
        if not isinstance(step, str):
            with steps.at(name):
                part = steps.transform(step, part)
        blocks += _weighted(steps, transformer, name, part).blocks
    return Table(tuple(blocks))


@writes(TRANSFORMS, "FeatureUnion")
def _feature_union(steps: Steps, union: Any, table: Table) -> Table:
    blocks: list[Block] = []
    for name, step in union.transformer_list:
        if isinstance(step, str) and step == "drop":
            continue
        part = table
        if not isinstance(step, str):
            with steps.at(name):
                part = steps.transform(step, table)
        blocks += _weighted(steps, union, name, part).blocks
    return Table(tuple(blocks))


def _weighted(steps: Steps, step: Any, name: str, table: Table) -> Table:
    weight = (step.transformer_weights or {}).get(name)
    if weight is None:
        return table
    return matrix(steps.graph.op("Mul", steps.numbers(step, table), float(weight)), table.width)


@writes(TRANSFORMS, "FunctionTransformer")
def _function(steps: Steps, step: Any, table: Table) -> Table:
    """The identity, and numpy's functions that are one operator; another function is code."""
    if step.func is None:
        return table
    name = getattr(step.func, "__name__", "a function")
    known = isinstance(step.func, np.ufunc) and (
        step.func in _FUNCTIONS or step.func in (np.log1p, np.expm1, np.square)
    )
    if not known or step.kw_args:
        raise steps.refuse(
            step,
            f"{name} is code, and a graph carries none",
            "compute it in features.py, or use a numpy function such as np.log1p",
        )
    return matrix(apply(steps, step.func, steps.numbers(step, table)), table.width)


def apply(steps: Steps, function: Any, value: str) -> str:
    """A numpy function of a tensor. Raises KeyError for one that is not known."""
    graph = steps.graph
    if function is np.square:
        return graph.op("Mul", value, value)
    if function is np.log1p:
        return graph.op("Log", graph.op("Add", value, 1.0))
    if function is np.expm1:
        return graph.op("Sub", graph.op("Exp", value), 1.0)
    return graph.op(_FUNCTIONS[function], value)


def invertible(function: Any) -> bool:
    """Whether `apply` knows it."""
    return isinstance(function, np.ufunc) and (function in _FUNCTIONS or function in (np.log1p, np.expm1, np.square))


@writes(
    TRANSFORMS,
    "SelectKBest",
    "SelectPercentile",
    "SelectFpr",
    "SelectFdr",
    "SelectFwe",
    "GenericUnivariateSelect",
    "VarianceThreshold",
    "RFE",
    "RFECV",
    "SelectFromModel",
    "SequentialFeatureSelector",
)
def _selected(steps: Steps, step: Any, table: Table) -> Table:
    return table.pick(steps.graph, [int(place) for place in step.get_support(indices=True)])
