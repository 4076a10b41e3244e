"""The whole graph of a fitted estimator, and its io.json. Runs in the jail."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer

from lockgate.errors import LockgateError, Refused
from lockgate.runtime.serving import ClassValue, Field, Input, InputType, Kind, ServingSpec, Task
from lockgate.train.jail.exporters import (
    boosters_lightgbm,
    boosters_xgboost,
    histogram,
    labelled,
    scikit_categories,
    scikit_columns,
    scikit_composed,
    scikit_foreign,
    scikit_linear,
    scikit_missing,
    scikit_neighbours,
    scikit_numbers,
    scikit_text,
    scikit_trees,
    scikit_unknown,
)
from lockgate.train.jail.exporters.base import Exported
from lockgate.train.jail.exporters.graph import DOUBLE, INT64, STRING, Block, Graph, Table, model_of
from lockgate.train.jail.exporters.scikit_parts import parts
from lockgate.train.jail.exporters.steps import Steps
from lockgate.train.jail.frame import Rows

MATRIX = "X"
LABEL, SCORES, VALUE = "label", "probabilities", "variable"

WRITERS = (
    boosters_lightgbm,
    boosters_xgboost,
    histogram,
    scikit_categories,
    scikit_columns,
    scikit_composed,
    scikit_foreign,
    scikit_linear,
    scikit_missing,
    scikit_neighbours,
    scikit_numbers,
    scikit_text,
    scikit_trees,
)
"""Imported, they have registered what they write."""


def exported(
    estimator: Any, name: str, task: Task, classes: tuple[ClassValue, ...] | None, kinds: dict[str, Kind], rows: Rows
) -> Exported:
    """The graph and its serving spec. Raises Refused LG312, LG316, LG337, LG338."""
    if task != "regression" and not hasattr(estimator, "predict_proba"):
        raise labelled.no_probabilities(name)
    scikit_unknown.check(estimator)
    inputs = _inputs(estimator, kinds)
    graph = Graph()
    with converting(name):
        outputs = _written(Steps(graph), estimator, task, classes, given(graph, inputs))
    return finished(graph, inputs, outputs, name, task, classes, kinds, rows)


def unnamed(estimator: Any, rows: Rows) -> Refused | None:
    """As `scikit_unknown.unnamed`, once all writers are registered."""
    return scikit_unknown.unnamed(estimator, rows)


@contextmanager
def converting(name: str) -> Iterator[None]:
    """What goes wrong within is a refusal that names the model: LG312, if it is none yet."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except LockgateError:
        raise
    except Exception as error:
        raise Refused(
            "LG312",
            f"{name} does not convert to ONNX: {_line(error)}",
            seen={"estimator": name, "error": type(error).__name__},
            next="lockgate explain LG312",
        ) from error


def given(graph: Graph, inputs: tuple[Input, ...]) -> Table:
    """The inputs as a table, one beside the other; moments become numbers."""
    blocks = []
    for each in inputs:
        tensor = each.input if each.type in ("string", "float64") else graph.cast(each.input, DOUBLE)
        blocks.append(Block(tensor, len(each.fields), each.type == "string"))
    return Table(tuple(blocks))


def finished(
    graph: Graph,
    inputs: tuple[Input, ...],
    outputs: dict[str, tuple[int, list[Any]]],
    name: str,
    task: Task,
    classes: tuple[ClassValue, ...] | None,
    kinds: dict[str, Kind],
    rows: Rows,
) -> Exported:
    """The model and its io.json, without the inputs that nothing reads. Raises Refused LG312, LG316."""
    model = model_of(graph, {each.input: (each.type, len(each.fields)) for each in inputs}, outputs)
    left = {node.name for node in model.graph.input}
    kept = tuple(each for each in inputs if each.input in left)
    labelled.refuse_label(tuple(field for each in kept for field in each.fields), rows)
    if not kept:
        raise Refused("LG312", f"{name}, converted, reads none of its inputs", next="lockgate explain LG312")
    named = {field for each in kept for field in each.fields}
    fields = tuple(Field(field, kind) for field, kind in kinds.items() if field in named)
    if task == "regression":
        spec = ServingSpec(task, rows.label, None, fields, kept, None, None, VALUE)
    else:
        spec = ServingSpec(task, rows.label, classes, fields, kept, LABEL, SCORES, None)
    return Exported(model.SerializeToString(), spec)


def _written(
    steps: Steps, estimator: Any, task: Task, classes: tuple[ClassValue, ...] | None, table: Table
) -> dict[str, tuple[int, list[Any]]]:
    graph = steps.graph
    if task == "regression":
        return answered(graph, value=steps.value(estimator, table))
    scores = steps.probabilities(estimator, table)
    return answered(graph, scores=scores, places=steps.places(estimator, table, scores), classes=classes or ())


def answered(
    graph: Graph, *, value: str = "", scores: str = "", places: str = "", classes: tuple[ClassValue, ...] = ()
) -> dict[str, tuple[int, list[Any]]]:
    """The outputs, under their names: a value, or the label at `places` and the scores."""
    if value:
        _named(graph, "Identity", [value], VALUE)
        return {VALUE: (DOUBLE, [None, 1])}
    texts = isinstance(classes[0], str)
    known = np.array(classes, dtype=object) if texts else np.array([int(each) for each in classes], np.int64)
    _named(graph, "Gather", [graph.constant(known), places], LABEL)
    _named(graph, "Identity", [scores], SCORES)
    return {LABEL: (STRING if texts else INT64, [None]), SCORES: (DOUBLE, [None, len(classes)])}


def _named(graph: Graph, kind: str, inputs: list[str], name: str) -> None:
    graph.op(kind, *inputs)
    graph.nodes[-1].output[0] = name


def _inputs(estimator: Any, kinds: dict[str, Kind]) -> tuple[Input, ...]:
    """One matrix where all fields are numbers, or all are text; one input per field where they are mixed or named."""
    types = {name: input_type(kind) for name, kind in kinds.items()}
    by_column = any(isinstance(part, ColumnTransformer) for part in parts(estimator))
    if set(types.values()) in ({"float64"}, {"string"}) and not by_column:
        return (Input(MATRIX, tuple(kinds), types[next(iter(kinds))]),)
    return tuple(Input(name, (name,), kind) for name, kind in types.items())


def input_type(kind: Kind) -> InputType:
    """The type of the input that carries a field of this kind."""
    return "string" if kind == "string" else "int64" if kind == "timestamp" else "float64"


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
