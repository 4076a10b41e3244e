"""LightGBM's own model, read as its text, becomes a graph: categories, zeros that are missing, all links. In the jail.

Splits compare 64-bit numbers. What stands for missing is a property of the feature: nothing (NaN counts as 0), zero
(0 and NaN), or NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lockgate.train.jail.exporters.booster_frames import lightgbm_places
from lockgate.train.jail.exporters.categories import ONE_WAY, coded
from lockgate.train.jail.exporters.graph import Graph, Table
from lockgate.train.jail.exporters.scikit_linear import of_binary
from lockgate.train.jail.exporters.steps import DECISIONS, PROBABILITIES, VALUES, Steps, writes
from lockgate.train.jail.exporters.trees import Leaf, Split, Tree, ensemble, whole

_ZERO = 1e-35
_CATEGORICAL, _DEFAULT_LEFT = 1, 2
NEVER, ZERO, NAN = 0, 1, 2
_EXPONENTIAL = ("poisson", "gamma", "tweedie")
_IDENTITY = ("regression", "regression_l1", "huber", "fair", "quantile", "mape")


@dataclass(frozen=True)
class Read:
    """A parsed booster.

    Attributes:
        categories: per feature: the values in the order of their codes; None where codes are given as they are.
        missing: feature -> what stands for a missing value in it (NEVER, ZERO, NAN).
        categorical: features that are split by sets.
        options: of the objective: `num_class`, `sigmoid`, `sqrt`.
    """

    objective: str
    options: dict[str, str]
    features: tuple[str, ...]
    categories: dict[int, tuple[Any, ...]]
    missing: dict[int, int]
    categorical: frozenset[int]
    outputs: int
    trees: tuple[Tree, ...]
    average: bool


def read(booster: Any, steps: Steps) -> Read:
    """Read a Booster up to its best round. Raises Refused LG338 for what is not written exactly."""
    text = booster.model_to_string()
    head, _, rest = text.partition("\nTree=")
    header = dict(line.partition("=")[::2] for line in head.splitlines())
    kind, *options = header.get("objective", "").split() or [""]
    if kind not in ("binary", "multiclass", "multiclassova", "cross_entropy", *_EXPONENTIAL, *_IDENTITY):
        raise steps.refuse(
            booster,
            f"objective {kind or 'of your own'!r} does not convert",
            "use binary, multiclass or a regression objective",
        )
    blocks = [dict(line.partition("=")[::2] for line in each.splitlines()) for each in rest.split("\nTree=")]
    blocks = [each for each in blocks if "num_leaves" in each]
    if any(each.get("is_linear", "0") == "1" for each in blocks):
        raise steps.refuse(booster, "linear_tree has a formula in each leaf", "linear_tree=False")
    categories = lightgbm_places(booster)
    if len(categories) != len(booster.pandas_categorical or []):
        raise steps.refuse(booster, "nobody can tell which columns its categories are of", ONE_WAY)
    outputs = int(header["num_tree_per_iteration"])
    seen: dict[int, set[tuple[bool, int]]] = {}
    trees = tuple(_tree(each, place % outputs, seen) for place, each in enumerate(blocks))
    if any(len(kinds) > 1 for kinds in seen.values()):
        raise steps.refuse(booster, "it treats a missing value of one feature in two ways", "train it anew in one go")
    one = {feature: next(iter(kinds)) for feature, kinds in seen.items()}
    return Read(
        kind,
        dict(option.partition(":")[::2] for option in options),
        tuple(header["feature_names"].split(" ")),
        {place: tuple(values) for place, values in categories.items()},
        {feature: missing for feature, (is_set, missing) in one.items() if not is_set},
        frozenset(feature for feature, (is_set, _) in one.items() if is_set),
        outputs,
        trees,
        "average_output" in header,
    )


def _tree(block: dict[str, str], target: int, seen: dict[int, set[tuple[bool, int]]]) -> Tree:
    leaves = [Leaf(float(each)) for each in block["leaf_value"].split()]
    if int(block["num_leaves"]) <= 1:
        return Tree((leaves[0],), target)
    features, kinds = _whole(block["split_feature"]), _whole(block["decision_type"])
    thresholds = [float(each) for each in block["threshold"].split()]
    left, right = _whole(block["left_child"]), _whole(block["right_child"])
    bounds, bits = _whole(block.get("cat_boundaries", "")), _whole(block.get("cat_threshold", ""))
    count = len(features)
    nodes: list[Leaf | Split] = []
    for place, (feature, kind) in enumerate(zip(features, kinds, strict=True)):
        yes, no = (child if child >= 0 else count + ~child for child in (left[place], right[place]))
        missing = kind >> 2 & 3
        is_set = bool(kind & _CATEGORICAL)
        seen.setdefault(feature, set()).add((is_set, 0 if is_set else missing))
        if is_set:
            number = int(thresholds[place])
            members = _members(bits[bounds[number] : bounds[number + 1]])
            nodes.append(Split(feature, "in", 0.0, False, yes, no, members))
        else:
            nodes.append(Split(feature, "<=", thresholds[place], bool(kind & _DEFAULT_LEFT), yes, no))
    return Tree((*nodes, *leaves), target)


def _members(words: list[int]) -> tuple[int, ...]:
    return tuple(place * 32 + bit for place, word in enumerate(words) for bit in range(32) if word >> bit & 1)


def _whole(text: str) -> list[int]:
    return [int(each) for each in text.split()]


def raw(steps: Steps, model: Read, table: Table) -> str:
    """Its margins, (n, outputs), before the link."""
    graph, columns = steps.graph, []
    alike = len(table.blocks) == 1 and not model.categorical and not model.categories
    if alike and len(set(model.missing.values())) <= 1:
        kind = next(iter(model.missing.values()), NAN)
        value = _absent(graph, steps.numbers(model, table), kind)
    else:
        for place, block in enumerate(table.columns(graph)):
            column = coded(steps, block, model.categories.get(place))
            if place in model.categorical:
                columns.append(whole(graph, column.tensor))
            else:
                columns.append(_absent(graph, column.tensor, model.missing.get(place, NAN)))
        value = columns[0] if len(columns) == 1 else graph.op("Concat", *columns, axis=1)
    found = ensemble(graph, value, list(model.trees), np.zeros(model.outputs))
    return graph.op("Div", found, len(model.trees) / model.outputs) if model.average else found


def _absent(graph: Graph, value: str, kind: int) -> str:
    if kind == NEVER:
        return graph.op("Where", graph.op("IsNaN", value), 0.0, value)
    if kind == ZERO:
        return graph.op("Where", graph.op("LessOrEqual", graph.op("Abs", value), _ZERO), float("nan"), value)
    return value


def linked(steps: Steps, model: Read, margins: str) -> str:
    """A number, or probabilities of all classes."""
    graph = steps.graph
    slope = float(model.options.get("sigmoid", "1"))
    if model.objective == "binary":
        return of_binary(graph, graph.op("Mul", margins, slope))
    if model.objective == "multiclass":
        return graph.op("Softmax", margins, axis=1)
    if model.objective == "multiclassova":
        return graph.op("Sigmoid", graph.op("Mul", margins, slope))
    if model.objective == "cross_entropy":
        return graph.op("Sigmoid", margins)
    if "sqrt" in model.options:
        return graph.op("Mul", margins, graph.op("Abs", margins))
    return graph.op("Exp", margins) if model.objective in _EXPONENTIAL else margins


@writes(DECISIONS, "lightgbm.LGBMClassifier")
def _decision(steps: Steps, step: Any, table: Table) -> str:
    with steps.at("LGBMClassifier"):
        return raw(steps, read(step.booster_, steps), table)


@writes(PROBABILITIES, "lightgbm.LGBMClassifier")
def _probabilities(steps: Steps, step: Any, table: Table) -> str:
    with steps.at("LGBMClassifier"):
        model = read(step.booster_, steps)
        if model.objective not in ("binary", "multiclass", "multiclassova"):
            raise steps.refuse(step, f"objective {model.objective!r} gives no probabilities", "objective='binary'")
        return linked(steps, model, raw(steps, model, table))


@writes(VALUES, "lightgbm.LGBMRegressor")
def _value(steps: Steps, step: Any, table: Table) -> str:
    with steps.at("LGBMRegressor"):
        model = read(step.booster_, steps)
        return linked(steps, model, raw(steps, model, table))
