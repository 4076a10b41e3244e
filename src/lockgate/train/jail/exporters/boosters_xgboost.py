"""XGBoost's own model, read as JSON, becomes a graph: trees, dart, linear; categories and missing values. In the jail.

XGBoost compares and keeps 32-bit numbers; so does the graph, and it adds them up in 64.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from lockgate.train.jail.exporters.categories import coded
from lockgate.train.jail.exporters.graph import DOUBLE, FLOAT, Block, Table, joined
from lockgate.train.jail.exporters.scikit_linear import of_binary
from lockgate.train.jail.exporters.steps import PROBABILITIES, VALUES, Steps, writes
from lockgate.train.jail.exporters.trees import Leaf, Split, Tree, ensemble, whole

_LOGISTIC = ("binary:logistic", "reg:logistic")
_EXPONENTIAL = ("count:poisson", "reg:gamma", "reg:tweedie")
_IDENTITY = (
    "reg:squarederror",
    "reg:absoluteerror",
    "reg:pseudohubererror",
    "reg:quantileerror",
    "reg:squaredlogerror",
    "binary:logitraw",
)
_CLASSES = ("multi:softprob", "multi:softmax")


@dataclass(frozen=True)
class Read:
    """A parsed booster.

    Attributes:
        categories: per feature: the values in the order of their codes; None where codes are given as they are.
        categorical: per feature: whether it is one.
        base: where each output begins, before the link.
    """

    objective: str
    features: tuple[str, ...]
    categorical: tuple[bool, ...]
    categories: tuple[tuple[Any, ...] | None, ...]
    base: tuple[float, ...]
    trees: tuple[Tree, ...]
    linear: tuple[float, ...] | None


def read(booster: Any, steps: Steps, rounds: int | None = None) -> Read:
    """Read a Booster; of its rounds the first `rounds`. Raises Refused LG338 for what is not written exactly."""
    document = json.loads(bytes(booster.save_raw("json")))["learner"]
    parameters, boosted = document["learner_model_param"], document["gradient_booster"]
    objective = document["objective"]["name"]
    if objective not in (*_LOGISTIC, *_EXPONENTIAL, *_IDENTITY, *_CLASSES):
        raise steps.refuse(
            booster,
            f"objective {objective!r} does not convert",
            "use binary:logistic, multi:softprob or a reg: objective",
        )
    if int(parameters.get("num_target", "1")) > 1:
        raise steps.refuse(booster, "it predicts several numbers", "train one model per label: a contract has one")
    count = int(parameters["num_feature"])
    kinds = document.get("feature_types") or [""] * count
    names = tuple(document.get("feature_names") or [])
    base = _base(parameters, objective)
    inner = boosted.get("gbtree", boosted)
    if boosted["name"] == "gblinear":
        empty: tuple[tuple[Any, ...] | None, ...] = (None,) * count
        # A linear booster begins everywhere where its first output begins.
        return Read(
            objective, names, (False,) * count, empty, base[:1] * len(base), (), tuple(boosted["model"]["weights"])
        )
    trees = _trees(inner["model"], boosted.get("weight_drop"), rounds)
    categories = _categories(booster, steps, inner["model"].get("cats"), count)
    return Read(objective, names, tuple(kind == "c" for kind in kinds), categories, base, trees, None)


def _base(parameters: dict[str, Any], objective: str) -> tuple[float, ...]:
    groups = max(1, int(parameters["num_class"]))
    text = str(parameters["base_score"])
    given = [float(np.float32(each)) for each in (json.loads(text) if text.startswith("[") else [text])]
    scores = given * groups if len(given) == 1 else given
    if objective in _LOGISTIC or objective == "binary:logitraw":
        return tuple(math.log(each / (1 - each)) for each in scores)
    return tuple(map(math.log, scores)) if objective in _EXPONENTIAL else tuple(scores)


def _trees(model: dict[str, Any], weights: list[float] | None, rounds: int | None) -> tuple[Tree, ...]:
    end = len(model["trees"]) if rounds is None else int(model["iteration_indptr"][rounds])
    found = []
    for place in range(end):
        weight = 1.0 if weights is None else float(np.float32(weights[place]))
        found.append(_tree(model["trees"][place], int(model["tree_info"][place]), weight))
    return tuple(found)


def _tree(one: dict[str, Any], target: int, weight: float) -> Tree:
    sets = {}
    for node, begin, size in zip(
        one["categories_nodes"], one["categories_segments"], one["categories_sizes"], strict=True
    ):
        sets[node] = tuple(int(each) for each in one["categories"][begin : begin + size])
    nodes: list[Leaf | Split] = []
    for place, left in enumerate(one["left_children"]):
        condition = float(np.float32(one["split_conditions"][place]))
        right, default = int(one["right_children"][place]), bool(one["default_left"][place])
        feature = int(one["split_indices"][place])
        if left == -1:
            nodes.append(Leaf(condition * weight))
        elif one["split_type"][place] == 1:
            # A category of the set goes right.
            nodes.append(Split(feature, "in", 0.0, not default, right, int(left), sets[place]))
        else:
            nodes.append(Split(feature, "<", condition, default, int(left), right))
    return Tree(tuple(nodes), target)


def _categories(
    booster: Any, steps: Steps, kept: dict[str, Any] | None, count: int
) -> tuple[tuple[Any, ...] | None, ...]:
    encoded = (kept or {}).get("enc") or []
    found: list[tuple[Any, ...] | None] = []
    for each in encoded:
        values = each.get("values") or []
        if "offsets" not in each:
            found.append(tuple(values) if values else None)
            continue
        text = bytes(value % 256 for value in values)
        if any(byte > 127 for byte in text):
            raise steps.refuse(
                booster,
                "XGBoost cuts categories that are not ASCII in the wrong places, and takes one for another",
                "encode them before: OrdinalEncoder in a Pipeline",
                finding="LG314",
            )
        ends = each["offsets"]
        found.append(tuple(text[a:b].decode() for a, b in pairwise(ends)) or None)
    return tuple(found) if found else (None,) * count


def raw(steps: Steps, model: Read, table: Table, missing: float = math.nan) -> str:
    """Its margins, (n, outputs), before the link."""
    graph = steps.graph
    columns, split = [], any(model.categorical)
    for place, block in enumerate(table.columns(graph) if split else table.blocks):
        known = model.categories[place] if split else None
        column = coded(steps, block, known)
        columns.append(Block(whole(graph, column.tensor), 1) if split and model.categorical[place] else column)
    value = graph.cast(graph.cast(joined(graph, columns), FLOAT), DOUBLE)
    if not math.isnan(missing):
        value = graph.op("Where", graph.op("Equal", value, float(np.float32(missing))), math.nan, value)
    if model.linear is not None:
        weights = np.array(model.linear, np.float64).reshape(-1, len(model.base))
        there = graph.op("Where", graph.op("IsNaN", value), 0.0, value)
        return graph.affine(there, weights[:-1], weights[-1] + np.array(model.base))
    return ensemble(graph, value, list(model.trees), model.base)


def linked(steps: Steps, model: Read, margins: str) -> str:
    """A number, or probabilities of all classes."""
    graph = steps.graph
    if model.objective in _CLASSES:
        return graph.op("Softmax", margins, axis=1)
    if model.objective == "binary:logistic":
        return of_binary(graph, margins)
    if model.objective == "reg:logistic":
        return graph.op("Sigmoid", margins)
    return graph.op("Exp", margins) if model.objective in _EXPONENTIAL else margins


def _of_wrapper(steps: Steps, step: Any, table: Table) -> str:
    with steps.at(type(step).__name__):
        return _asked(steps, step, table)


def _asked(steps: Steps, step: Any, table: Table) -> str:
    best = getattr(step, "best_iteration", None) if getattr(step, "early_stopping_rounds", None) else None
    model = read(step.get_booster(), steps, None if best is None else int(best) + 1)
    missing = math.nan if step.missing is None else float(step.missing)
    return linked(steps, model, raw(steps, model, table, missing))


@writes(PROBABILITIES, "xgboost.XGBClassifier", "xgboost.XGBRFClassifier")
def _probabilities(steps: Steps, step: Any, table: Table) -> str:
    if step.objective not in ("binary:logistic", *_CLASSES):
        raise steps.refuse(step, f"objective {step.objective!r} gives no probabilities", "objective='binary:logistic'")
    return _of_wrapper(steps, step, table)


@writes(VALUES, "xgboost.XGBRegressor", "xgboost.XGBRFRegressor")
def _value(steps: Steps, step: Any, table: Table) -> str:
    return _of_wrapper(steps, step, table)
