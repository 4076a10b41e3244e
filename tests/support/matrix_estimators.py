"""Cells of the support matrix: scikit-learn's classifiers and regressors, plain and made of others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.linear_model import (
    ElasticNet,
    GammaRegressor,
    HuberRegressor,
    Lasso,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    QuantileRegressor,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
    TweedieRegressor,
)
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import MultiOutputRegressor
from sklearn.naive_bayes import BernoulliNB, GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor, NearestCentroid
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from tests.support.matrix import NUMBERS, Cell

SCIKIT = "scikit-learn"
SHORT = {"max_iter": 6, "min_samples_leaf": 5, "random_state": 0}
Build = Callable[[pd.DataFrame], Any]


def scaled(model: Any) -> Build:
    """Numbers, scaled."""
    return lambda data: make_pipeline(StandardScaler(), model).fit(data[NUMBERS], data["label"])


def plain(model: Any, columns: list[str] | None = None) -> Build:
    """Numbers as they are."""
    return lambda data: model.fit(data[columns or NUMBERS], data["label"])


def categorical(model: Any) -> Build:
    """Categories of pandas beside numbers."""

    def build(data: pd.DataFrame) -> Any:
        kinds = {"town": "category", "colour": "category"}
        return model.fit(data[["town", "age", "colour", "rooms"]].astype(kinds), data["label"])

    return build


def two_labels(model: Any) -> Build:
    """A second label beside the first."""
    return lambda data: model.fit(data[NUMBERS], np.stack([data["label"], data["age"]], axis=1))


def _trees(**more: Any) -> Any:
    return HistGradientBoostingClassifier(**{**SHORT, **more})


def _grown(**more: Any) -> Any:
    return HistGradientBoostingRegressor(**{**SHORT, **more})


_LOGISTIC = LogisticRegression()
_BOTH: list[tuple[str, Any]] = [
    ("LogisticRegression()", _LOGISTIC),
    ('SGDClassifier(loss="log_loss")', SGDClassifier(loss="log_loss", random_state=0)),
    ('SGDClassifier(loss="modified_huber")', SGDClassifier(loss="modified_huber", random_state=0)),
    ("LinearDiscriminantAnalysis()", LinearDiscriminantAnalysis()),
    ("QuadraticDiscriminantAnalysis()", QuadraticDiscriminantAnalysis()),
    ("GaussianNB()", GaussianNB()),
    ("BernoulliNB()", BernoulliNB()),
    ("MLPClassifier()", MLPClassifier((6,), max_iter=15, random_state=0)),
    ("SVC(probability=True)", SVC(probability=True, random_state=0)),
    ("KNeighborsClassifier()", KNeighborsClassifier()),
    ('KNeighborsClassifier(weights="distance")', KNeighborsClassifier(weights="distance")),
    ("DecisionTreeClassifier()", DecisionTreeClassifier(random_state=0)),
    ("RandomForestClassifier()", RandomForestClassifier(8, random_state=0)),
    ("ExtraTreesClassifier()", ExtraTreesClassifier(8, random_state=0)),
    ("GradientBoostingClassifier()", GradientBoostingClassifier(n_estimators=5)),
    ("AdaBoostClassifier()", AdaBoostClassifier(n_estimators=4, random_state=0)),
    ("BaggingClassifier()", BaggingClassifier(n_estimators=4, random_state=0)),
    (
        "BaggingClassifier(LogisticRegression())",
        BaggingClassifier(_LOGISTIC, n_estimators=3, max_features=0.5, random_state=0),
    ),
    ("HistGradientBoostingClassifier()", _trees()),
    ("CalibratedClassifierCV(LinearSVC())", CalibratedClassifierCV(LinearSVC(), cv=2)),
    (
        'CalibratedClassifierCV(RandomForestClassifier(), method="isotonic")',
        CalibratedClassifierCV(RandomForestClassifier(4, random_state=0), method="isotonic", cv=2),
    ),
    (
        'CalibratedClassifierCV(HistGradientBoostingClassifier(), method="isotonic")',
        CalibratedClassifierCV(_trees(), method="isotonic", cv=2),
    ),
    (
        'CalibratedClassifierCV(GaussianNB(), method="temperature")',
        CalibratedClassifierCV(GaussianNB(), method="temperature", cv=2),
    ),
    (
        "StackingClassifier(forest, logistic)",
        StackingClassifier([("f", RandomForestClassifier(4, random_state=0)), ("l", _LOGISTIC)], cv=2),
    ),
    (
        "StackingClassifier(..., passthrough=True)",
        StackingClassifier([("t", _trees()), ("s", LinearSVC())], cv=2, passthrough=True),
    ),
    (
        'VotingClassifier(voting="soft")',
        VotingClassifier([("l", _LOGISTIC), ("t", _trees())], voting="soft", weights=[1, 2]),
    ),
    ("OneVsRestClassifier(LogisticRegression())", OneVsRestClassifier(_LOGISTIC)),
    ("GridSearchCV(LogisticRegression())", GridSearchCV(_LOGISTIC, {"C": [0.1, 1]}, cv=2)),
    (
        "RandomizedSearchCV(HistGradientBoostingClassifier())",
        RandomizedSearchCV(_trees(), {"learning_rate": [0.1]}, n_iter=1, cv=2),
    ),
    ("DummyClassifier()", DummyClassifier()),
]
_NUMBERS: list[tuple[str, Any]] = [
    ("LinearRegression()", LinearRegression()),
    ("Ridge()", Ridge()),
    ("Lasso()", Lasso(0.01)),
    ("ElasticNet()", ElasticNet(0.01)),
    ("HuberRegressor()", HuberRegressor()),
    ("QuantileRegressor()", QuantileRegressor(alpha=0.001)),
    ("TweedieRegressor(power=1.5)", TweedieRegressor(power=1.5)),
    ("PoissonRegressor()", PoissonRegressor()),
    ("GammaRegressor()", GammaRegressor()),
    ("MLPRegressor()", MLPRegressor(hidden_layer_sizes=(6,), max_iter=15, random_state=0)),
    ("SVR()", SVR()),
    ("KNeighborsRegressor()", KNeighborsRegressor()),
    ('KNeighborsRegressor(weights="distance")', KNeighborsRegressor(weights="distance")),
    ("DecisionTreeRegressor()", DecisionTreeRegressor(random_state=0)),
    ("RandomForestRegressor()", RandomForestRegressor(6, random_state=0)),
    ("ExtraTreesRegressor()", ExtraTreesRegressor(6, random_state=0)),
    ("GradientBoostingRegressor()", GradientBoostingRegressor(n_estimators=5)),
    (
        "GradientBoostingRegressor(init=LinearRegression())",
        GradientBoostingRegressor(n_estimators=5, init=LinearRegression()),
    ),
    ("AdaBoostRegressor()", AdaBoostRegressor(n_estimators=4, random_state=0)),
    ("BaggingRegressor()", BaggingRegressor(n_estimators=4, random_state=0)),
    ("HistGradientBoostingRegressor()", _grown()),
    ('HistGradientBoostingRegressor(loss="poisson")', _grown(loss="poisson")),
    ('HistGradientBoostingRegressor(loss="gamma")', _grown(loss="gamma")),
    ('HistGradientBoostingRegressor(loss="quantile")', _grown(loss="quantile", quantile=0.9)),
    ('HistGradientBoostingRegressor(loss="absolute_error")', _grown(loss="absolute_error")),
    ("StackingRegressor()", StackingRegressor([("r", Ridge()), ("t", _grown())], cv=2)),
    ("VotingRegressor()", VotingRegressor([("r", Ridge()), ("t", _grown())])),
    (
        "TransformedTargetRegressor(func=np.log1p, inverse_func=np.expm1)",
        TransformedTargetRegressor(Ridge(), func=np.log1p, inverse_func=np.expm1),
    ),
    (
        "TransformedTargetRegressor(transformer=StandardScaler())",
        TransformedTargetRegressor(Ridge(), transformer=StandardScaler()),
    ),
    ("GridSearchCV(Ridge())", GridSearchCV(Ridge(), {"alpha": [1]}, cv=2)),
    ("DummyRegressor()", DummyRegressor()),
]
_REFUSED: list[tuple[str, str, Build, str]] = [
    ("LinearSVC()", "binary", scaled(LinearSVC()), "LG312"),
    ("RidgeClassifier()", "multiclass", scaled(RidgeClassifier()), "LG312"),
    ("SGDClassifier()", "binary", scaled(SGDClassifier()), "LG312"),
    ('VotingClassifier(voting="hard")', "binary", scaled(VotingClassifier([("l", _LOGISTIC)])), "LG312"),
    ("OneVsOneClassifier()", "multiclass", scaled(OneVsOneClassifier(_LOGISTIC)), "LG312"),
    ("NearestCentroid()", "binary", scaled(NearestCentroid()), "LG338"),
    ("GaussianProcessClassifier()", "binary", scaled(GaussianProcessClassifier()), "LG338"),
    ("GaussianProcessRegressor()", "regression", scaled(GaussianProcessRegressor(alpha=0.1)), "LG338"),
    ("IsolationForest()", "binary", plain(IsolationForest(n_estimators=4)), "LG311"),
    ("MultiOutputRegressor(Ridge())", "regression", two_labels(MultiOutputRegressor(Ridge())), "LG338"),
    ("RandomForestRegressor() of two labels", "regression", two_labels(RandomForestRegressor(3)), "LG338"),
    ("LinearRegression() of two labels", "regression", two_labels(LinearRegression()), "LG338"),
]

CELLS: list[Cell] = [
    *(
        Cell(SCIKIT, name, task, "numbers, scaled", scaled(model))
        for name, model in _BOTH
        for task in ("binary", "multiclass")
    ),
    *(Cell(SCIKIT, name, "regression", "numbers, scaled", scaled(model)) for name, model in _NUMBERS),
    *(
        Cell(SCIKIT, name, task, "numbers, some missing", plain(model), missing=True)
        for name, model in (
            ("HistGradientBoostingClassifier()", _trees()),
            ("DecisionTreeClassifier()", DecisionTreeClassifier(random_state=0)),
            ("RandomForestClassifier()", RandomForestClassifier(6, random_state=0)),
        )
        for task in ("binary", "whole")
    ),
    *(
        Cell(
            SCIKIT,
            'HistGradientBoostingClassifier(categorical_features="from_dtype")',
            task,
            "pandas' categories, some missing, unknown ones",
            categorical(_trees()),
            missing=True,
            unknown=True,
        )
        for task in ("binary", "multiclass")
    ),
    Cell(
        SCIKIT,
        'HistGradientBoostingRegressor(categorical_features="from_dtype")',
        "regression",
        "pandas' categories, unknown ones",
        categorical(_grown(loss="gamma")),
        unknown=True,
    ),
    Cell(
        SCIKIT,
        "HistGradientBoostingClassifier(categorical_features=[...])",
        "binary",
        "whole numbers as categories",
        plain(_trees(categorical_features=[2, 3])),
        missing=True,
    ),
    Cell(
        SCIKIT,
        "HistGradientBoostingClassifier(categorical_features=mask)",
        "binary",
        "a mask",
        plain(_trees(categorical_features=[False, False, True, False])),
    ),
    Cell(
        SCIKIT,
        "HistGradientBoostingClassifier(early_stopping=True, monotonic_cst=...)",
        "binary",
        "numbers",
        plain(_trees(early_stopping=True, n_iter_no_change=1, monotonic_cst={"age": 1})),
    ),
    Cell(
        SCIKIT,
        'GradientBoostingClassifier(loss="exponential")',
        "binary",
        "numbers",
        plain(GradientBoostingClassifier(n_estimators=4, loss="exponential")),
    ),
    Cell(
        SCIKIT,
        "FixedThresholdClassifier(threshold=0.8)",
        "binary",
        "numbers, scaled",
        scaled(FixedThresholdClassifier(_LOGISTIC, threshold=0.8)),
    ),
    *(
        Cell(
            SCIKIT,
            f"FixedThresholdClassifier(response_method={method!r})",
            "binary",
            "numbers, scaled",
            scaled(FixedThresholdClassifier(_LOGISTIC, response_method=method)),
        )
        for method in ("predict_proba", "decision_function")
    ),
    Cell(
        SCIKIT,
        "TunedThresholdClassifierCV()",
        "binary",
        "numbers, scaled",
        scaled(TunedThresholdClassifierCV(_LOGISTIC, cv=2)),
    ),
    Cell(SCIKIT, "LogisticRegression()", "whole", "numbers, scaled", scaled(_LOGISTIC)),
    Cell(
        SCIKIT,
        "FrozenEstimator(LogisticRegression())",
        "binary",
        "numbers",
        lambda data: FrozenEstimator(_LOGISTIC.fit(data[NUMBERS], data["label"])),
    ),
    *(Cell(SCIKIT, name, task, "numbers", build, result) for name, task, build, result in _REFUSED),
]
