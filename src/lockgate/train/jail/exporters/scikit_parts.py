"""The estimators inside an estimator, each with its path: where a refusal points. Runs in the jail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sklearn.pipeline import Pipeline

DEEPEST = 8


def parts(estimator: Any, depth: int = 0) -> Iterator[Any]:
    """The estimator and all estimators inside it."""
    yield estimator
    if depth > DEEPEST or not hasattr(estimator, "__dict__"):
        return
    for value in vars(estimator).values():
        for each in _flat(value):
            if hasattr(each, "get_params") and not isinstance(each, type):
                yield from parts(each, depth + 1)


def chain(estimator: Any) -> str:
    """The estimator in words: `Pipeline(ColumnTransformer, HistGradientBoostingClassifier)`."""
    if isinstance(estimator, Pipeline):
        return f"Pipeline({', '.join(type(step).__name__ for _, step in estimator.steps)})"
    return type(estimator).__name__


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        for each in value:
            yield from _flat(each)
    elif isinstance(value, dict):
        for each in value.values():
            yield from _flat(each)
    else:
        yield value
