"""The categories that a booster keeps of the frame it was fitted on, in its graph. Runs in the jail."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lockgate.train.jail.exporters.graph import DOUBLE, ML, Block
from lockgate.train.jail.exporters.steps import Steps

ONE_WAY = "say which columns are categories in one way only: by .astype('category'), or by categorical_feature"


def coded(steps: Steps, block: Block, known: tuple[Any, ...] | None) -> Block:
    """A column as codes: the place of each value in `known`, NaN for another. As it is where nothing is known."""
    if known is None:
        if block.text:
            raise steps.refuse(
                "a column", "text, and the booster keeps no categories of it", "fit it on .astype('category')"
            )
        return block
    if block.text != all(isinstance(each, str) for each in known):
        raise steps.refuse("a column", "its categories are not those of the field", ONE_WAY)
    graph = steps.graph
    if block.text:
        codes = graph.op(
            "LabelEncoder",
            block.tensor,
            domain=ML,
            keys_strings=list(map(str, known)),
            values_floats=[float(code) for code in range(len(known))],
            default_float=math.nan,
        )
        return Block(graph.cast(codes, DOUBLE), 1)
    same = graph.op("Equal", block.tensor, np.array(known, np.float64).reshape(1, -1))
    numbered = graph.op("Mul", graph.cast(same, DOUBLE), np.arange(1.0, len(known) + 1).reshape(1, -1))
    place = graph.sum(numbered, 1, keep=True)
    return Block(graph.op("Where", graph.op("Equal", place, 0.0), math.nan, graph.op("Sub", place, 1.0)), 1)
