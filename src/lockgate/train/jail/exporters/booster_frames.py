"""The frame that a booster was fitted on had categories; what it is asked later has texts. Runs in the jail.

Imports nothing of ONNX: the jail that asks the estimator again has no need of it.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from lockgate.train.jail.exporters.scikit_parts import parts


def as_fitted(estimator: Any, data: pd.DataFrame) -> pd.DataFrame:
    """`data` with the columns as categories that a booster inside the estimator saw as categories.

    A value that is none of them is missing to the booster.
    """
    for part in parts(estimator):
        root = type(part).__module__.partition(".")[0]
        if root in ("xgboost", "lightgbm") and part.__sklearn_is_fitted__():
            booster = part.get_booster() if root == "xgboost" else part.booster_
            return categorised(data, xgboost_categories(booster) if root == "xgboost" else lightgbm_categories(booster))
    return data


def categorised(data: pd.DataFrame, known: dict[str, list[Any]]) -> pd.DataFrame:
    """The named columns as categories."""
    if not known or not set(known) <= set(data.columns):
        return data
    columns = {}
    for name, values in known.items():
        given = data[name].astype(object) if isinstance(values[0], str) else data[name]
        columns[name] = pd.Categorical(given, categories=pd.Index(values))
    return data.assign(**columns)


def xgboost_categories(booster: Any) -> dict[str, list[Any]]:
    """Feature -> its values in the order of their codes."""
    if "gblinear" in booster.save_config():
        return {}
    found = {}
    for name, values in booster.get_categories(export_to_arrow=True).to_arrow() or []:
        if values is not None and len(values):
            found[str(name)] = values.to_pylist()
    return found


def lightgbm_categories(booster: Any) -> dict[str, list[Any]]:
    """Feature -> its values in the order of their codes."""
    return {booster.feature_name()[place]: list(values) for place, values in lightgbm_places(booster).items()}


def lightgbm_places(booster: Any) -> dict[int, list[Any]]:
    """Feature number -> its values; none where the model's text does not say whose they are.

    The text names the columns that were categories, in their order.
    """
    kept = booster.pandas_categorical or []
    if not kept:
        return {}
    line = booster.model_to_string().partition("[categorical_feature: ")[2].partition("]")[0]
    places = [int(each) for each in line.split(",") if each]
    if len(places) != len(kept):
        return {}
    return {place: list(values) for place, values in zip(places, kept, strict=True)}
