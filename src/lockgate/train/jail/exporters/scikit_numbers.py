"""Numbers made into other numbers: scalers, bins, polynomials, projections. Runs in the jail."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lockgate.train.jail.exporters.graph import DOUBLE, Graph, Table, matrix
from lockgate.train.jail.exporters.steps import TRANSFORMS, Steps, writes

Array = npt.NDArray[Any]


@writes(TRANSFORMS, "StandardScaler")
def _standard(steps: Steps, step: Any, table: Table) -> Table:
    value = steps.numbers(step, table)
    if step.with_mean:
        value = steps.graph.op("Sub", value, step.mean_)
    if step.with_std:
        value = steps.graph.op("Div", value, step.scale_)
    return matrix(value, table.width)


@writes(TRANSFORMS, "RobustScaler")
def _robust(steps: Steps, step: Any, table: Table) -> Table:
    value = steps.numbers(step, table)
    if step.with_centering:
        value = steps.graph.op("Sub", value, step.center_)
    if step.with_scaling:
        value = steps.graph.op("Div", value, step.scale_)
    return matrix(value, table.width)


@writes(TRANSFORMS, "MinMaxScaler")
def _min_max(steps: Steps, step: Any, table: Table) -> Table:
    graph = steps.graph
    value = graph.op("Add", graph.op("Mul", steps.numbers(step, table), step.scale_), step.min_)
    if step.clip:
        value = clipped(graph, value, float(step.feature_range[0]), float(step.feature_range[1]))
    return matrix(value, table.width)


@writes(TRANSFORMS, "MaxAbsScaler")
def _max_abs(steps: Steps, step: Any, table: Table) -> Table:
    value = steps.graph.op("Div", steps.numbers(step, table), step.scale_)
    if getattr(step, "clip", False):
        value = clipped(steps.graph, value, -1.0, 1.0)
    return matrix(value, table.width)


@writes(TRANSFORMS, "Normalizer")
def _normalizer(steps: Steps, step: Any, table: Table) -> Table:
    value = steps.numbers(step, table)
    return matrix(normalised(steps.graph, value, step.norm), table.width)


@writes(TRANSFORMS, "Binarizer")
def _binarizer(steps: Steps, step: Any, table: Table) -> Table:
    graph = steps.graph
    above = graph.op("Greater", steps.numbers(step, table), float(step.threshold))
    return matrix(graph.cast(above, DOUBLE), table.width)


@writes(TRANSFORMS, "KBinsDiscretizer")
def _bins(steps: Steps, step: Any, table: Table) -> Table:
    graph, value = steps.graph, steps.numbers(step, table)
    inner = [np.asarray(edges, np.float64)[1:-1] for edges in step.bin_edges_]
    width = max(1, *(len(each) for each in inner)) if inner else 1
    edges = np.full((len(inner), width), np.inf)
    for place, each in enumerate(inner):
        edges[place, : len(each)] = each
    reached = graph.op("GreaterOrEqual", graph.op("Unsqueeze", value, [2]), edges)
    places = graph.sum(graph.cast(reached, DOUBLE), 2)
    if step.encode == "ordinal":
        return matrix(places, table.width)
    parts = [
        graph.cast(graph.op("Equal", graph.column(places, j), np.arange(count, dtype=np.float64)), DOUBLE)
        for j, count in enumerate(step.n_bins_)
    ]
    return matrix(graph.op("Concat", *parts, axis=1), int(sum(step.n_bins_)))


@writes(TRANSFORMS, "PolynomialFeatures")
def _polynomial(steps: Steps, step: Any, table: Table) -> Table:
    """Each output is a product of columns; those of a lower degree are filled up with ones."""
    graph, value = steps.graph, steps.numbers(step, table)
    one = graph.op("Add", graph.op("Mul", graph.column(value, 0), 0.0), 1.0)
    wide = graph.op("Concat", value, one, axis=1)
    factors = [[j for j, power in enumerate(row) for _ in range(power)] for row in step.powers_.tolist()]
    degree = max(map(len, factors))
    product = ""
    for place in range(degree):
        chosen = [row[place] if place < len(row) else table.width for row in factors]
        factor = graph.op("Gather", wide, chosen, axis=1)
        product = graph.op("Mul", product, factor) if product else factor
    return matrix(product, len(factors))


@writes(TRANSFORMS, "PCA")
def _pca(steps: Steps, step: Any, table: Table) -> Table:
    graph = steps.graph
    centred = graph.op("Sub", steps.numbers(step, table), step.mean_)
    value = graph.op("MatMul", centred, np.ascontiguousarray(step.components_.T, np.float64))
    if step.whiten:
        scale = np.sqrt(step.explained_variance_)
        value = graph.op("Div", value, np.maximum(scale, np.finfo(scale.dtype).eps))
    return matrix(value, len(step.components_))


@writes(TRANSFORMS, "TruncatedSVD")
def _svd(steps: Steps, step: Any, table: Table) -> Table:
    value = steps.graph.op("MatMul", steps.numbers(step, table), np.ascontiguousarray(step.components_.T, np.float64))
    return matrix(value, len(step.components_))


@writes(TRANSFORMS, "LinearDiscriminantAnalysis")
def _discriminant(steps: Steps, step: Any, table: Table) -> Table:
    if step.solver == "lsqr":
        raise steps.refuse(step, "its solver lsqr does not transform", "use solver='svd'")
    graph, value = steps.graph, steps.numbers(step, table)
    if step.solver == "svd":
        value = graph.op("Sub", value, step.xbar_)
    width = step._max_components  # noqa: SLF001 - transform cuts its matrix to this
    value = graph.op("MatMul", value, np.ascontiguousarray(step.scalings_[:, :width], np.float64))
    return matrix(value, min(width, step.scalings_.shape[1]))


@writes(TRANSFORMS, "QuantileTransformer")
def _quantile(steps: Steps, step: Any, table: Table) -> Table:
    """Interpolated from both ends and averaged, as scikit-learn does for values that repeat."""
    if step.output_distribution != "uniform":
        raise steps.refuse(
            step, "no operator has the normal quantiles", "use output_distribution='uniform', or PowerTransformer"
        )
    graph, columns = steps.graph, []
    for place, block in enumerate(table.columns(graph)):
        value = steps.numbers(step, Table((block,)))
        known, wanted = step.quantiles_[:, place], step.references_
        up = interpolated(graph, value, known, wanted)
        down = interpolated(graph, graph.op("Neg", value), -known[::-1], -wanted[::-1])
        middle = graph.op("Mul", graph.op("Sub", up, down), 0.5)
        middle = graph.op("Where", graph.op("Equal", value, float(known[-1])), 1.0, middle)
        columns.append(graph.op("Where", graph.op("Equal", value, float(known[0])), 0.0, middle))
    return matrix(graph.op("Concat", *columns, axis=1), table.width)


@writes(TRANSFORMS, "PowerTransformer")
def _power(steps: Steps, step: Any, table: Table) -> Table:
    graph, columns = steps.graph, []
    for block, power in zip(table.columns(graph), step.lambdas_.tolist(), strict=True):
        value = steps.numbers(step, Table((block,)))
        if step.method == "box-cox":
            columns.append(_raised(graph, graph.op("Log", value), power))
            continue
        zero = graph.op("Less", value, 0.0)
        above = _raised(graph, graph.op("Log", graph.op("Add", graph.op("Max", value, 0.0), 1.0)), power)
        mirrored = graph.op("Log", graph.op("Sub", 1.0, graph.op("Min", value, 0.0)))
        below = graph.op("Neg", _raised(graph, mirrored, 2 - power))
        columns.append(graph.op("Where", zero, below, above))
    found = matrix(graph.op("Concat", *columns, axis=1), table.width)
    return _standard(steps, step._scaler, found) if step.standardize else found  # noqa: SLF001


def _raised(graph: Graph, logarithm: str, power: float) -> str:
    """(exp(power * logarithm) - 1) / power, which is the logarithm itself where power is nothing."""
    if abs(power) < np.spacing(1.0):
        return logarithm
    return graph.op("Div", graph.op("Sub", graph.op("Exp", graph.op("Mul", logarithm, power)), 1.0), power)


def clipped(graph: Graph, value: str, low: float, high: float) -> str:
    """Within bounds; what is missing stays missing."""
    return graph.op("Clip", value, np.array(low), np.array(high))


def normalised(graph: Graph, value: str, norm: str) -> str:
    """Each row by its norm; a row of zeros stays."""
    size = graph.op("Abs", value)
    if norm == "max":
        length = graph.op("ReduceMax", size, [1], keepdims=1)
    elif norm == "l1":
        length = graph.sum(size, 1, keep=True)
    else:
        length = graph.op("Sqrt", graph.sum(graph.op("Mul", value, value), 1, keep=True))
    return graph.op("Div", value, graph.op("Where", graph.op("Equal", length, 0.0), 1.0, length))


def interpolated(graph: Graph, value: str, known: Array, wanted: Array) -> str:
    """`np.interp(value, known, wanted)` of a column; `known` does not fall."""
    known, wanted = np.asarray(known, np.float64), np.asarray(wanted, np.float64)
    if len(known) == 1:
        return graph.op("Add", graph.op("Mul", value, 0.0), float(wanted[0]))
    step = np.diff(known)
    slope = np.divide(np.diff(wanted), step, out=np.zeros_like(step), where=step != 0)
    reached = graph.sum(graph.cast(graph.op("GreaterOrEqual", value, known.reshape(1, -1)), 7), 1, keep=True)
    place = graph.op("Clip", graph.op("Sub", reached, np.array(1)), np.array(0), np.array(len(slope) - 1))
    offset = graph.op("Sub", value, graph.op("Gather", known, place))
    inside = graph.op(
        "Add", graph.op("Mul", offset, graph.op("Gather", slope, place)), graph.op("Gather", wanted, place)
    )
    above = graph.op("GreaterOrEqual", value, float(known[-1]))
    inside = graph.op("Where", above, float(wanted[-1]), inside)
    return graph.op("Where", graph.op("Less", value, float(known[0])), float(wanted[0]), inside)
