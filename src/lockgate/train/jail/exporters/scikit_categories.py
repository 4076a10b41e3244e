"""Categories made into numbers. What a category becomes is asked of the fitted encoder itself. Runs in the jail.

What the encoder refuses, an unknown category under `handle_unknown="error"`, stops the graph too: it looks up a place
that is not there.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from lockgate.train.jail.exporters.graph import DOUBLE, INT64, ML, Block, Graph, Table, matrix
from lockgate.train.jail.exporters.steps import TRANSFORMS, Steps, writes

Array = npt.NDArray[Any]
NOWHERE = 2**40
_PROBED = 10_000_000
"""Numbers in the answers that are looked at together."""


@writes(TRANSFORMS, "OneHotEncoder")
def _one_hot(steps: Steps, step: Any, table: Table) -> Table:
    graph, parts, begin = steps.graph, [], 0
    widths = [int(each) for each in step._n_features_outs]  # noqa: SLF001 - the only record of each column's width
    for place, block in enumerate(table.columns(graph)):
        answers = _answers(step, place, slice(begin, begin + widths[place]))
        begin += widths[place]
        if not widths[place]:
            continue
        ones = np.array([NOWHERE if row is None else int(row.argmax()) if row.any() else -1 for row in answers])
        chosen = graph.op("Gather", _guarded(ones), _index(steps, step, block, step.categories_[place], ones[-1]))
        parts.append(graph.cast(graph.op("Equal", chosen, np.arange(widths[place]).reshape(1, -1)), DOUBLE))
    return matrix(graph.op("Concat", *parts, axis=1), begin)


@writes(TRANSFORMS, "OrdinalEncoder")
def _ordinal(steps: Steps, step: Any, table: Table) -> Table:
    return _looked_up(steps, step, table, 1)


@writes(TRANSFORMS, "TargetEncoder")
def _target(steps: Steps, step: Any, table: Table) -> Table:
    return _looked_up(steps, step, table, len(step.classes_) if step.target_type_ == "multiclass" else 1)


def _looked_up(steps: Steps, step: Any, table: Table, width: int) -> Table:
    graph, parts = steps.graph, []
    for place, block in enumerate(table.columns(graph)):
        answers = _answers(step, place, slice(place * width, place * width + width))
        known = np.array([np.zeros(width) if row is None else row for row in answers], np.float64)
        unknown = NOWHERE if answers[-1] is None else 0
        index = _index(steps, step, block, step.categories_[place], unknown)
        parts.append(graph.op("Squeeze", graph.op("Gather", known, index), [1]))
    return matrix(graph.op("Concat", *parts, axis=1), width * len(parts))


def _guarded(ones: Array) -> Array:
    return np.where(ones == NOWHERE, -1, ones)


def _answers(step: Any, place: int, columns: slice) -> list[Array | None]:
    """What the encoder makes of each category of a column, and at the end of one it does not know; None: it refuses."""
    categories = step.categories_[place]
    width = sum(map(len, step.categories_))
    at_once = max(1, _PROBED // width)
    found: list[Array | None] = []
    for begin in range(0, len(categories), at_once):
        found += list(_asked(step, place, categories[begin : begin + at_once].tolist(), columns))
    try:
        found += list(_asked(step, place, [_unknown(categories)], columns))
    except ValueError:
        found.append(None)
    return found


def _asked(step: Any, place: int, probes: list[Any], columns: slice) -> Array:
    """The encoder's own answers for some values of one column; the others hold a category each. Raises ValueError."""
    rows = np.empty((len(probes), len(step.categories_)), dtype=object)
    for other, each in enumerate(step.categories_):
        rows[:, other] = each[0]
    rows[:, place] = probes
    texts = any(each.dtype.kind in "OUS" for each in step.categories_)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        answer = _transformed(step, rows if texts else rows.astype(np.float64))
    dense = answer.toarray() if hasattr(answer, "toarray") else np.asarray(answer)
    found: Array = np.asarray(dense, np.float64)[:, columns]
    return found


def _transformed(step: Any, rows: Array) -> Any:
    """The transform itself, without a container around what it gives."""
    plain = getattr(type(step).transform, "__wrapped__", None)
    return step.transform(rows) if plain is None else plain(step, rows)


def _unknown(categories: Array) -> Any:
    if categories.dtype.kind in "OUS":
        texts = {str(each) for each in categories.tolist()}
        return next(name for name in (f"\ue000{number}" for number in range(len(texts) + 1)) if name not in texts)
    finite = categories[np.isfinite(categories.astype(np.float64))] if len(categories) else categories
    return float(np.max(finite)) + 1.5 if len(finite) else 0.5


def _index(steps: Steps, step: Any, block: Block, categories: Array, unknown: int) -> str:
    """(n, 1): the place of each category, len(categories) for an unknown one, or beyond everything to be refused."""
    graph, last = steps.graph, NOWHERE if unknown == NOWHERE else len(categories)
    if block.text:
        return _of_text(graph, block, categories, last)
    if categories.dtype.kind in "OUS":
        raise steps.refuse(
            step, "its categories are texts, the column holds numbers", "fit it on the column as the contract has it"
        )
    known, value = categories.astype(np.float64), block.tensor
    if len(np.unique(known)) != len(categories):
        raise steps.refuse(step, "two of its categories are one 64-bit number", "read them as texts in the contract")
    same = graph.op("Equal", value, known.reshape(1, -1))
    if np.isnan(known).any():
        same = graph.op("Or", same, graph.op("And", graph.op("IsNaN", value), np.isnan(known).reshape(1, -1)))
    place = graph.sum(
        graph.op("Mul", graph.cast(same, INT64), np.arange(1, len(categories) + 1).reshape(1, -1)), 1, keep=True
    )
    return graph.op("Where", graph.op("Equal", place, 0), last, graph.op("Sub", place, 1))


def _of_text(graph: Graph, block: Block, categories: Array, last: int) -> str:
    texts = [str(each) for each in categories.tolist() if isinstance(each, str)]
    places = [place for place, each in enumerate(categories.tolist()) if isinstance(each, str)]
    return graph.op(
        "LabelEncoder", block.tensor, domain=ML, keys_strings=texts, values_int64s=places, default_int64=last
    )
