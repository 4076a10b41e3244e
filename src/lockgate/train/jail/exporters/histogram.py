"""HistGradientBoosting, its categories included: its own encoder, then its trees. Runs in the jail.

A category that the fit has not seen is missing to these trees, as in scikit-learn.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lockgate.train.jail.exporters.graph import Block, Table
from lockgate.train.jail.exporters.scikit_linear import of_binary
from lockgate.train.jail.exporters.steps import DECISIONS, PROBABILITIES, VALUES, Steps, writes
from lockgate.train.jail.exporters.trees import Leaf, Split, Tree, ensemble

_BITS = 32


def _raw(steps: Steps, step: Any, table: Table) -> str:
    table = _encoded(steps, step, table)
    written = [
        _tree(one, target)
        for row in step._predictors  # noqa: SLF001 - the fitted trees have no other name
        for target, one in enumerate(row)
    ]
    base = np.asarray(step._baseline_prediction, np.float64).reshape(-1)  # noqa: SLF001 - as above
    return ensemble(steps.graph, steps.numbers(step, table), written, base)


def _encoded(steps: Steps, step: Any, table: Table) -> Table:
    """Categories first, as codes; then the numbers: the order in which these trees count their features."""
    preprocessor = getattr(step, "_preprocessor", None)
    if preprocessor is None:
        return table
    blocks: list[Block] = []
    places = preprocessor._transformer_to_input_indices  # noqa: SLF001 - the only record of which columns went where
    for name, encoder, _ in preprocessor.transformers_:
        part = table.pick(steps.graph, [int(place) for place in places[name]])
        if name == "encoder" and part.width:
            part = steps.transform(encoder, part)
        blocks += part.blocks
    return Table(tuple(blocks))


def _tree(predictor: Any, target: int) -> Tree:
    nodes: list[Leaf | Split] = []
    for node in predictor.nodes:
        if node["is_leaf"]:
            nodes.append(Leaf(float(node["value"])))
            continue
        members: tuple[int, ...] = ()
        if node["is_categorical"]:
            members = _members(predictor.raw_left_cat_bitsets[node["bitset_idx"]])
        nodes.append(
            Split(
                int(node["feature_idx"]),
                "in" if node["is_categorical"] else "<=",
                float(node["num_threshold"]),
                bool(node["missing_go_to_left"]),
                int(node["left"]),
                int(node["right"]),
                members,
            )
        )
    return Tree(tuple(nodes), target)


def _members(bits: Any) -> tuple[int, ...]:
    return tuple(
        word * _BITS + bit for word, value in enumerate(bits.tolist()) for bit in range(_BITS) if value >> bit & 1
    )


@writes(DECISIONS, "HistGradientBoostingClassifier")
def _decision(steps: Steps, step: Any, table: Table) -> str:
    return _raw(steps, step, table)


@writes(PROBABILITIES, "HistGradientBoostingClassifier")
def _probabilities(steps: Steps, step: Any, table: Table) -> str:
    raw = _raw(steps, step, table)
    return of_binary(steps.graph, raw) if len(step.classes_) == 2 else steps.graph.op("Softmax", raw, axis=1)


@writes(VALUES, "HistGradientBoostingRegressor")
def _value(steps: Steps, step: Any, table: Table) -> str:
    raw = _raw(steps, step, table)
    return steps.graph.op("Exp", raw) if step.loss in ("poisson", "gamma") else raw
