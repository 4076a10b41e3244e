"""What a fitted model says of its inputs and its classes, when nobody has its rows. Runs in the jail."""

from __future__ import annotations

import inspect
import json
from typing import Any

import numpy as np
import numpy.typing as npt


def is_network(held: Any) -> bool:
    """Whether it is a module of torch (Keras models are such, too)."""
    return any(each.__module__.startswith("torch.nn.") for each in type(held).__mro__)


def names_of(held: Any) -> tuple[str, ...]:
    """The columns that it takes; `x0`, `x1`... where it knows their number only; none where it knows nothing."""
    for named in ("feature_names_in_", "feature_names", "features"):
        names = getattr(held, named, None)
        if names is not None and not callable(names) and len(names):
            return tuple(str(name) for name in names)
    if callable(getattr(held, "feature_name", None)):
        return tuple(str(name) for name in held.feature_name())
    if is_network(held):
        return _of_network(held)
    count = getattr(held, "n_features_in_", None)
    if count is None and callable(getattr(held, "num_features", None)):
        count = held.num_features()
    return _numbered(count)


def labels_of(held: Any) -> npt.NDArray[Any]:
    """Values such as the label has: its classes, or two numbers."""
    classes = getattr(held, "classes_", getattr(held, "classes", None))
    if classes is not None and not callable(classes) and len(classes) > 1:
        return np.asarray(classes)
    count = _columns(held) if is_network(held) else _classes(held)
    return np.arange(count) if count > 1 else np.array([0.0, 1.0])


def activation_of(model: Any) -> str:
    """What a Keras model does last: "softmax", "sigmoid", or another name of Keras."""
    if not model.layers:
        return ""
    last = model.layers[-1]
    return str(getattr(getattr(last, "activation", None), "__name__", type(last).__name__)).lower()


def _columns(network: Any) -> int:
    """How many classes its last step tells apart; 1 where it gives a number."""
    shape = getattr(network, "output_shape", None)
    if isinstance(shape, tuple):
        return 2 if shape[-1] == 1 and activation_of(network) == "sigmoid" else int(shape[-1] or 1)
    leaves = [each for each in network.modules() if not list(each.children())]
    width = next((each.out_features for each in reversed(leaves) if hasattr(each, "out_features")), 1)
    return 2 if width == 1 and leaves and type(leaves[-1]).__name__ == "Sigmoid" else int(width)


def _classes(booster: Any) -> int:
    """How many classes a booster of XGBoost or LightGBM tells apart; 1 where it gives a number."""
    if hasattr(booster, "save_config"):
        learner = json.loads(booster.save_config())["learner"]
        objective, count = learner["objective"]["name"], int(learner["learner_model_param"]["num_class"])
    elif hasattr(booster, "model_to_string"):
        said = booster.model_to_string(num_iteration=1)
        objective = next((line[10:] for line in said.splitlines() if line.startswith("objective=")), "")
        count = next((int(line[10:]) for line in said.splitlines() if line.startswith("num_class=")), 1)
    else:
        return 1
    return 2 if objective.startswith("binary") else max(count, 1)


def _of_network(held: Any) -> tuple[str, ...]:
    named = [
        name
        for name, each in inspect.signature(held.forward).parameters.items()
        if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD) and each.default is each.empty
    ]
    if len(named) > 1:
        return tuple(named)
    width = next((each.in_features for each in held.modules() if hasattr(each, "in_features")), None)
    shape = getattr(held, "input_shape", None)
    return _numbered(shape[-1] if width is None and isinstance(shape, tuple) and len(shape) == 2 else width)


def _numbered(count: Any) -> tuple[str, ...]:
    whole = isinstance(count, int | np.integer) and not isinstance(count, bool)
    return tuple(f"x{place}" for place in range(int(count))) if whole else ()
