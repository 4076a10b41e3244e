"""Cells of the support matrix: XGBoost and LightGBM."""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import xgboost
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import StackingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from tests.support.matrix import NUMBERS, TEXTS, Cell
from tests.support.matrix_estimators import Build

XGBOOST, LIGHTGBM = "XGBoost", "LightGBM"
_LIGHT: dict[str, Any] = {"n_estimators": 5, "min_child_samples": 5, "verbose": -1, "n_jobs": 1}
_SETS: dict[str, Any] = {**_LIGHT, "min_data_per_group": 5, "cat_smooth": 1.0}
_EXTREME: dict[str, Any] = {"n_estimators": 5, "max_depth": 4, "n_jobs": 1}


def _label(model: Any, data: pd.DataFrame) -> Any:
    """XGBoost counts its classes from 0."""
    if "XGB" not in type(model).__name__ or data["label"].dtype in (bool, np.float64):
        return data["label"]
    return data["label"] - data["label"].min()


def plain(model: Any, columns: list[str] | None = None, **fit: Any) -> Build:
    """Numbers as they are."""
    return lambda data: model.fit(data[columns or NUMBERS], _label(model, data), **fit)


def categorical(model: Any, *texts: str) -> Build:
    """Categories of pandas beside numbers."""

    def build(data: pd.DataFrame) -> Any:
        frame = data[["age", *texts, "rooms"]].astype(dict.fromkeys(texts, "category"))
        return model.fit(frame, _label(model, data))

    return build


def stopped(model: Any, **fit: Any) -> Build:
    """Stopped early: what serves is the best round."""

    def build(data: pd.DataFrame) -> Any:
        begin, end = data[:120], data[120:]
        return model.fit(begin[NUMBERS], begin["label"], eval_set=[(end[NUMBERS], end["label"])], **fit)

    return build


def coded(model: Any) -> Build:
    """Behind an OrdinalEncoder in a Pipeline."""

    def build(data: pd.DataFrame) -> Any:
        codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
        columns = ColumnTransformer([("codes", codes, TEXTS), ("numbers", "passthrough", NUMBERS)])
        return make_pipeline(columns, model).fit(data[[*TEXTS, *NUMBERS]], _label(model, data))

    return build


def trained(objective: str) -> Build:
    """xgboost.train, without scikit-learn's clothes."""

    def build(data: pd.DataFrame) -> Any:
        matrix = xgboost.DMatrix(data[NUMBERS], data["label"].astype(float))
        return xgboost.train({"objective": objective, "max_depth": 3}, matrix, 4)

    return build


def trained_light(objective: str) -> Build:
    """lightgbm.train, without scikit-learn's clothes."""

    def build(data: pd.DataFrame) -> Any:
        frame = data[["age", "colour"]].astype({"colour": "category"})
        settings = {"objective": objective, "verbose": -1, "min_data_in_leaf": 5}
        return lightgbm.train(settings, lightgbm.Dataset(frame, data["label"].astype(float)), 4)

    return build


def _light(**more: Any) -> Any:
    return lightgbm.LGBMClassifier(**{**_SETS, **more})


def _extreme(**more: Any) -> Any:
    return xgboost.XGBClassifier(**{**_EXTREME, **more})


CELLS: list[Cell] = [
    *(
        Cell(XGBOOST, "XGBClassifier()", task, "numbers, some missing", plain(_extreme()), missing=True)
        for task in ("binary", "whole")
    ),
    Cell(
        XGBOOST,
        "XGBClassifier(enable_categorical=True)",
        "binary",
        "pandas' categories, some missing",
        categorical(_extreme(enable_categorical=True), "colour"),
        missing=True,
    ),
    Cell(
        XGBOOST,
        "XGBClassifier(enable_categorical=True, max_cat_to_onehot=1)",
        "whole",
        "pandas' categories in sets",
        categorical(_extreme(enable_categorical=True, max_cat_to_onehot=1), "colour"),
        missing=True,
    ),
    Cell(
        XGBOOST,
        "XGBClassifier(enable_categorical=True)",
        "binary",
        "pandas' categories that are not ASCII",
        categorical(_extreme(enable_categorical=True), "town"),
        "LG314",
    ),
    Cell(XGBOOST, "XGBClassifier(missing=0.0)", "binary", "zero is missing", plain(_extreme(missing=0.0))),
    Cell(XGBOOST, "XGBClassifier(base_score=0.3)", "binary", "numbers", plain(_extreme(base_score=0.3))),
    *(
        Cell(XGBOOST, 'XGBClassifier(booster="dart")', task, "numbers", plain(_extreme(booster="dart", rate_drop=0.5)))
        for task in ("binary", "whole")
    ),
    *(
        Cell(
            XGBOOST,
            'XGBClassifier(booster="gblinear")',
            task,
            "numbers, some missing",
            plain(xgboost.XGBClassifier(n_estimators=4, booster="gblinear")),
            missing=True,
        )
        for task in ("binary", "whole")
    ),
    Cell(
        XGBOOST,
        "XGBClassifier(num_parallel_tree=3)",
        "whole",
        "numbers",
        plain(_extreme(num_parallel_tree=3, subsample=0.5)),
    ),
    Cell(XGBOOST, "XGBRFClassifier()", "binary", "numbers", plain(xgboost.XGBRFClassifier(**_EXTREME))),
    Cell(
        XGBOOST,
        "XGBClassifier(early_stopping_rounds=2)",
        "binary",
        "numbers",
        stopped(_extreme(n_estimators=60, learning_rate=0.8, early_stopping_rounds=2), verbose=False),
    ),
    Cell(
        XGBOOST,
        "XGBRegressor(early_stopping_rounds=2)",
        "regression",
        "numbers",
        stopped(xgboost.XGBRegressor(n_estimators=60, learning_rate=0.8, early_stopping_rounds=2), verbose=False),
    ),
    *(
        Cell(
            XGBOOST,
            f"XGBRegressor(objective={objective!r})",
            "regression",
            "numbers, some missing",
            plain(xgboost.XGBRegressor(**_EXTREME, objective=objective)),
            missing=True,
        )
        for objective in (
            "reg:squarederror",
            "reg:absoluteerror",
            "reg:pseudohubererror",
            "count:poisson",
            "reg:gamma",
            "reg:tweedie",
        )
    ),
    Cell(
        XGBOOST,
        'XGBRegressor(objective="reg:quantileerror")',
        "regression",
        "numbers",
        plain(xgboost.XGBRegressor(**_EXTREME, objective="reg:quantileerror", quantile_alpha=0.9)),
    ),
    Cell(
        XGBOOST,
        "Pipeline(OrdinalEncoder, XGBClassifier())",
        "binary",
        "texts, unknown ones",
        coded(_extreme()),
        unknown=True,
    ),
    Cell(
        XGBOOST,
        "CalibratedClassifierCV(XGBClassifier())",
        "binary",
        "numbers",
        plain(CalibratedClassifierCV(_extreme(), cv=2)),
    ),
    Cell(XGBOOST, "xgboost.train(binary:logistic)", "binary", "numbers", trained("binary:logistic")),
    Cell(XGBOOST, "xgboost.train(reg:gamma)", "regression", "numbers", trained("reg:gamma")),
    Cell(XGBOOST, "xgboost.train(binary:logitraw)", "binary", "numbers", trained("binary:logitraw"), "LG312"),
    Cell(
        XGBOOST,
        "XGBRanker()",
        "binary",
        "groups",
        lambda data: xgboost.XGBRanker(n_estimators=2).fit(data[NUMBERS], data["label"].astype(int), group=[len(data)]),
        "LG311",
    ),
    *(
        Cell(LIGHTGBM, "LGBMClassifier()", task, "numbers, some missing", plain(_light()), missing=True)
        for task in ("binary", "multiclass", "whole")
    ),
    *(
        Cell(
            LIGHTGBM,
            "LGBMClassifier()",
            task,
            "pandas' categories, some missing, unknown ones",
            categorical(_light(), "town", "colour"),
            missing=True,
            unknown=True,
        )
        for task in ("binary", "multiclass")
    ),
    Cell(
        LIGHTGBM,
        'LGBMClassifier().fit(categorical_feature=["rooms"])',
        "binary",
        "whole numbers as categories",
        plain(_light(), ["rooms", "age"], categorical_feature=["rooms"]),
        missing=True,
    ),
    Cell(
        LIGHTGBM,
        "LGBMClassifier(zero_as_missing=True)",
        "binary",
        "zero is missing",
        plain(_light(zero_as_missing=True)),
        missing=True,
    ),
    Cell(
        LIGHTGBM,
        "LGBMClassifier(use_missing=False)",
        "binary",
        "missing is zero",
        plain(_light(use_missing=False)),
        missing=True,
    ),
    Cell(
        LIGHTGBM, 'LGBMClassifier(boosting_type="dart")', "multiclass", "numbers", plain(_light(boosting_type="dart"))
    ),
    Cell(
        LIGHTGBM,
        'LGBMClassifier(boosting_type="rf")',
        "binary",
        "numbers",
        plain(_light(boosting_type="rf", bagging_freq=1, bagging_fraction=0.7)),
    ),
    Cell(
        LIGHTGBM,
        'LGBMClassifier(objective="multiclassova")',
        "multiclass",
        "numbers",
        plain(_light(objective="multiclassova")),
    ),
    Cell(
        LIGHTGBM,
        "LGBMClassifier() with early_stopping",
        "binary",
        "numbers",
        stopped(_light(n_estimators=60, learning_rate=0.5), callbacks=[lightgbm.early_stopping(1, verbose=False)]),
    ),
    Cell(LIGHTGBM, "LGBMClassifier(linear_tree=True)", "binary", "numbers", plain(_light(linear_tree=True)), "LG338"),
    *(
        Cell(
            LIGHTGBM,
            f"LGBMRegressor(objective={objective!r})",
            "regression",
            "numbers, some missing",
            plain(lightgbm.LGBMRegressor(**_LIGHT, objective=objective)),
            missing=True,
        )
        for objective in (
            "regression",
            "regression_l1",
            "huber",
            "fair",
            "quantile",
            "mape",
            "poisson",
            "gamma",
            "tweedie",
        )
    ),
    Cell(
        LIGHTGBM,
        "LGBMRegressor(reg_sqrt=True)",
        "regression",
        "numbers",
        plain(lightgbm.LGBMRegressor(**_LIGHT, reg_sqrt=True)),
    ),
    Cell(
        LIGHTGBM,
        "Pipeline(OrdinalEncoder, LGBMClassifier(categorical_feature=[...]))",
        "multiclass",
        "texts, unknown ones",
        coded(_light(categorical_feature=[0, 1])),
        unknown=True,
    ),
    Cell(
        LIGHTGBM,
        'CalibratedClassifierCV(LGBMClassifier(), method="isotonic")',
        "multiclass",
        "numbers",
        plain(CalibratedClassifierCV(_light(), cv=2, method="isotonic")),
    ),
    Cell(
        LIGHTGBM,
        "StackingClassifier(XGBClassifier(), LGBMClassifier())",
        "binary",
        "numbers",
        plain(StackingClassifier([("x", _extreme()), ("l", _light())], cv=2)),
    ),
    Cell(LIGHTGBM, "lightgbm.train(binary)", "binary", "pandas' categories", trained_light("binary"), unknown=True),
    Cell(LIGHTGBM, "lightgbm.train(poisson)", "regression", "pandas' categories", trained_light("poisson")),
]
