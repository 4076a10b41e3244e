"""What is missing, filled in or marked. Runs in the jail."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lockgate.train.jail.exporters.graph import DOUBLE, Block, Table, joined, matrix
from lockgate.train.jail.exporters.steps import TRANSFORMS, Steps, writes


@writes(TRANSFORMS, "SimpleImputer")
def _simple(steps: Steps, step: Any, table: Table) -> Table:
    """Numbers or texts; a column that had no value at all is gone, as in scikit-learn."""
    graph = steps.graph
    indicated = _indicated(steps, step.indicator_, table) if step.add_indicator else None
    fills = list(step.statistics_)
    keep = [place for place, fill in enumerate(fills) if step.keep_empty_features or not pd.isna(fill)]
    table = table.pick(graph, keep)
    if any(block.text for block in table.blocks):
        blocks = [
            Block(
                graph.op("Where", _is_missing(steps, step, block), _fill(block, fills[j]), block.tensor),
                1,
                block.text,
            )
            for j, block in zip(keep, table.columns(graph), strict=True)
        ]
        found = Table(tuple(blocks))
    else:
        value = Block(joined(graph, list(table.blocks)), table.width)
        fill = np.array([float(fills[j]) for j in keep]).reshape(1, -1)
        found = matrix(graph.op("Where", _is_missing(steps, step, value), fill, value.tensor), table.width)
    return found if indicated is None else Table((*found.blocks, *indicated.blocks))


@writes(TRANSFORMS, "MissingIndicator")
def _indicated(steps: Steps, step: Any, table: Table) -> Table:
    graph = steps.graph
    table = table.pick(graph, [int(place) for place in step.features_])
    marks = [graph.cast(_is_missing(steps, step, block), DOUBLE) for block in table.columns(graph)]
    if not marks:
        return Table(())
    return matrix(marks[0] if len(marks) == 1 else graph.op("Concat", *marks, axis=1), len(marks))


def _is_missing(steps: Steps, step: Any, block: Block) -> str:
    graph, missing = steps.graph, step.missing_values
    absent = missing is None or (isinstance(missing, float) and np.isnan(missing))
    if block.text:
        if absent:
            return _never(steps, block)
        return graph.op("Equal", block.tensor, np.array([[str(missing)]], dtype=object))
    if absent:
        return graph.op("IsNaN", block.tensor)
    if isinstance(missing, str):
        raise steps.refuse(
            step, f"missing_values is the text {missing!r}, the column holds numbers", "missing_values=np.nan"
        )
    return graph.op("Equal", block.tensor, float(missing))


def _never(steps: Steps, block: Block) -> str:
    """A text is never NaN: null is the empty text (io.json)."""
    return steps.graph.op("Not", steps.graph.op("Equal", block.tensor, block.tensor))


def _fill(block: Block, value: Any) -> Any:
    if block.text:
        return np.array([[str(value)]], dtype=object)
    return np.array([[float(value)]])
