"""What a fitted estimator was fitted on and what it predicts, checked against the contract's rows. Runs in the jail."""

from __future__ import annotations

from typing import Any

from sklearn.base import is_classifier, is_regressor

from lockgate.errors import Refused
from lockgate.runtime.serving import ClassValue, Kind, Task
from lockgate.train.jail.frame import Rows

_SHOWN = 40


def features_of(estimator: Any, rows: Rows) -> tuple[str, ...]:
    """The fields the estimator was fitted on, in its order. Raises Refused LG316 when they are not the contract's."""
    names = getattr(estimator, "feature_names_in_", None)
    if names is None:
        return all_numbers(getattr(estimator, "n_features_in_", None), rows)
    return known_fields([str(name) for name in names], rows)


def all_numbers(width: int | None, rows: Rows) -> tuple[str, ...]:
    """The fields of a model that has seen no names: all of them, if all are numbers. Raises Refused LG316."""
    numbers = tuple(name for name, kind in rows.kinds.items() if kind in ("float", "int", "bool"))
    if width == len(rows.kinds) == len(numbers):
        return numbers
    raise Refused(
        "LG316",
        "nobody can tell which fields the estimator was fitted on: it has not seen column names",
        next="fit it, with its preparing steps, on a DataFrame: make_pipeline(STEPS, estimator).fit(data[[...]], y)",
    )


def _assigned(name: str) -> str:
    """How a column of this name is made, as far as anybody can say it."""
    return f"{name}=..." if name.isidentifier() and len(name) <= _SHOWN else "..."


def known_fields(features: list[str], rows: Rows) -> tuple[str, ...]:
    """`features`, all of which the rows have. Raises Refused LG316."""
    unknown = [name for name in features if name not in rows.kinds and name != rows.label]
    if unknown:
        raise Refused(
            "LG316",
            f"the feature {unknown[0]!r} is made in the training code only: it would be missing when the model serves",
            seen={"features": unknown, "fields": list(rows.kinds)},
            next=f"in features.py: def features(batch): return batch.assign({_assigned(unknown[0])}); or inside the "
            "Pipeline, or as a computed_field of the contract",
        )
    return tuple(features)


def refuse_label(used: tuple[str, ...], rows: Rows) -> None:
    """Raises Refused LG316 when the model reads its own answer."""
    if rows.label in used:
        raise Refused(
            "LG316",
            f"the label {rows.label!r} is among the features: the model would be given the answer",
            seen={"features": list(used)},
            next=f"fit on data.drop(columns={rows.label!r})",
        )


def task_of(estimator: Any, rows: Rows, declared: str) -> Task:
    """What a scikit-learn estimator predicts. Raises Refused LG311 (another task), LG338."""
    if isinstance(getattr(estimator, "classes_", None), list):
        raise Refused(
            "LG338",
            f"{type(estimator).__name__}: it predicts several labels",
            next="train one model per label: a contract has one",
        )
    if is_classifier(estimator):
        count = len(getattr(estimator, "classes_", ()))
        if count < 2:
            raise Refused("LG311", "the classifier knows one class only", next="look at the label in the training rows")
        found: Task = "binary" if count == 2 else "multiclass"
    elif is_regressor(estimator):
        found = "regression"
    else:
        raise Refused(
            "LG311",
            f"train() returned {type(estimator).__name__}, which is neither a classifier nor a regressor",
            next="return the fitted scikit-learn estimator or Pipeline",
        )
    return fitting(found, rows, declared)


def fitting(found: Task, rows: Rows, declared: str) -> Task:
    """`found`, if it fits the label's kind and the declared task. Raises Refused LG311."""
    if found == "regression" and rows.label_kind in ("bool", "string"):
        raise Refused(
            "LG311",
            f"train() returned a regressor, but the label {rows.label!r} is {rows.label_kind}",
            next="return a classifier, or make the label a number in the contract",
        )
    if declared not in ("auto", found):
        raise Refused(
            "LG311", f"train() returned a model for {found}, but {declared} was declared", next="lockgate explain LG311"
        )
    return found


def class_of(value: Any, kind: Kind = "string") -> ClassValue:
    """A class as io.json writes it; 0 and 1 of a boolean label (boosters count) are its values, and the other way.

    Raises Refused LG311 for one that no answer can carry.
    """
    if kind == "bool" and value in (0, 1):
        return bool(value)
    if kind == "int" and isinstance(value, bool):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool | int | str):
        return value
    raise Refused("LG311", f"a class is {value!r}, which no answer can carry", next="use booleans, integers or texts")


def no_probabilities(name: str) -> Refused:
    """The refusal of a classifier that only names a class."""
    return Refused("LG312", f"{name} gives no probabilities", next="wrap it in CalibratedClassifierCV")
