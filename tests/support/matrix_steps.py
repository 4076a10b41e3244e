"""Cells of the support matrix: the steps of a pipeline, before the estimator."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.decomposition import NMF, PCA, KernelPCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.feature_selection import RFE, SelectFromModel, SelectKBest, VarianceThreshold
from sklearn.impute import KNNImputer, MissingIndicator, SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.tree import DecisionTreeClassifier

from tests.support.matrix import NUMBERS, TEXTS, Cell
from tests.support.matrix_estimators import SCIKIT, Build

_EVEN = {"quantile_method": "averaged_inverted_cdf"}


def numbers(step: Any, columns: list[str] | None = None) -> Build:
    """A step on all numbers, and a linear model."""
    return lambda data: make_pipeline(step, StandardScaler(), LogisticRegression()).fit(
        data[columns or NUMBERS], data["label"]
    )


def texts(step: Any, model: Any = None, columns: list[str] | None = None) -> Build:
    """A step on some columns in a ColumnTransformer, numbers beside it."""
    chosen = columns or TEXTS

    def build(data: pd.DataFrame) -> Any:
        parts = ColumnTransformer([("step", step, chosen), ("numbers", "passthrough", ["sunny"])])
        return make_pipeline(parts, model or LogisticRegression()).fit(data[[*chosen, "sunny"]], data["label"])

    return build


def words(step: Any) -> Build:
    """Text in one column, a number beside it."""

    def build(data: pd.DataFrame) -> Any:
        parts = ColumnTransformer([("words", step, "note"), ("numbers", StandardScaler(), ["age"])])
        return make_pipeline(parts, LogisticRegression()).fit(data[["note", "age"]], data["label"])

    return build


def parts(*steps: tuple[str, Any, Any], **more: Any) -> Build:
    """A ColumnTransformer of its own."""
    return lambda data: make_pipeline(ColumnTransformer(list(steps), **more), LogisticRegression()).fit(
        data[["age", "rooms", "sunny"]], data["label"]
    )


def _ordinal(**more: Any) -> OrdinalEncoder:
    return OrdinalEncoder(**{"handle_unknown": "use_encoded_value", "unknown_value": -1, **more})


def _one_hot(**more: Any) -> OneHotEncoder:
    return OneHotEncoder(**{"handle_unknown": "ignore", **more})


def _upper(values: Any) -> Any:
    return values * 2


_TREE = DecisionTreeClassifier(max_depth=6, random_state=0)
_NUMBERS: list[tuple[str, Any]] = [
    ("StandardScaler()", StandardScaler()),
    ("MinMaxScaler(clip=True)", MinMaxScaler(clip=True)),
    ("MaxAbsScaler()", MaxAbsScaler()),
    ("RobustScaler()", RobustScaler()),
    ("Normalizer()", Normalizer()),
    ("Binarizer()", Binarizer(threshold=30)),
    ("KBinsDiscretizer()", KBinsDiscretizer(encode="onehot-dense", **_EVEN)),
    ('KBinsDiscretizer(encode="ordinal")', KBinsDiscretizer(encode="ordinal", **_EVEN)),
    ("PolynomialFeatures(2)", make_pipeline(StandardScaler(), PolynomialFeatures(2))),
    (
        "PolynomialFeatures(3, interaction_only=True)",
        make_pipeline(StandardScaler(), PolynomialFeatures(3, interaction_only=True)),
    ),
    ("QuantileTransformer()", QuantileTransformer(n_quantiles=20)),
    ("PowerTransformer()", PowerTransformer()),
    ("PCA()", PCA(2, whiten=True)),
    ("TruncatedSVD()", TruncatedSVD(2, random_state=0)),
    ("LinearDiscriminantAnalysis() as a step", LinearDiscriminantAnalysis()),
    ("SelectKBest()", SelectKBest(k=2)),
    ("VarianceThreshold()", VarianceThreshold()),
    ("SelectFromModel()", SelectFromModel(_TREE)),
    ("RFE()", RFE(LogisticRegression(), n_features_to_select=2)),
    ("FunctionTransformer()", FunctionTransformer()),
]
_FILLED: list[tuple[str, Any]] = [
    ("SimpleImputer()", SimpleImputer()),
    ('SimpleImputer(strategy="median", add_indicator=True)', SimpleImputer(strategy="median", add_indicator=True)),
    ('SimpleImputer(strategy="most_frequent")', SimpleImputer(strategy="most_frequent")),
    ('SimpleImputer(strategy="constant")', SimpleImputer(strategy="constant", fill_value=-1)),
    (
        "FeatureUnion(SimpleImputer(), MissingIndicator())",
        make_union(SimpleImputer(), MissingIndicator(features="all")),
    ),
]
_CATEGORIES: list[tuple[str, Any, Any]] = [
    ("OneHotEncoder()", _one_hot(), None),
    ('OneHotEncoder(drop="first")', _one_hot(drop="first"), None),
    ('OneHotEncoder(drop="if_binary")', _one_hot(drop="if_binary"), None),
    ("OneHotEncoder(min_frequency=0.1)", _one_hot(min_frequency=0.1), None),
    (
        'OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=3, drop="first")',
        _one_hot(handle_unknown="infrequent_if_exist", max_categories=3, drop="first"),
        None,
    ),
    ("OrdinalEncoder()", _ordinal(), _TREE),
    ("OrdinalEncoder(min_frequency=0.1)", _ordinal(min_frequency=0.1), _TREE),
    ("OrdinalEncoder(unknown_value=np.nan)", _ordinal(unknown_value=np.nan), _TREE),
    ("TargetEncoder()", TargetEncoder(cv=2, random_state=0), None),
    (
        "SimpleImputer() of texts, OneHotEncoder()",
        make_pipeline(SimpleImputer(missing_values="", strategy="most_frequent"), _one_hot()),
        None,
    ),
]
_WORDS: list[tuple[str, Any]] = [
    ("TfidfVectorizer()", TfidfVectorizer()),
    ("TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)", TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)),
    ('TfidfVectorizer(lowercase=False, norm="l1")', TfidfVectorizer(lowercase=False, norm="l1")),
    ("TfidfVectorizer(max_features=4)", TfidfVectorizer(max_features=4)),
    ('TfidfVectorizer(stop_words=["late"])', TfidfVectorizer(stop_words=["late"])),
    ("CountVectorizer()", CountVectorizer()),
    ("CountVectorizer(binary=True)", CountVectorizer(binary=True)),
    ("TfidfVectorizer(), TruncatedSVD()", make_pipeline(TfidfVectorizer(), TruncatedSVD(2, random_state=0))),
]
_REFUSED: list[tuple[str, Build]] = [
    ("HashingVectorizer()", words(HashingVectorizer(n_features=32))),
    ('TfidfVectorizer(analyzer="char")', words(TfidfVectorizer(analyzer="char"))),
    ('TfidfVectorizer(strip_accents="unicode")', words(TfidfVectorizer(strip_accents="unicode"))),
    (
        'TfidfVectorizer(ngram_range=(1, 2), stop_words=["late"])',
        words(TfidfVectorizer(ngram_range=(1, 2), stop_words=["late"])),
    ),
    ("FunctionTransformer(your_function)", numbers(FunctionTransformer(_upper))),
    ("SplineTransformer()", numbers(SplineTransformer())),
    ("KNNImputer()", numbers(KNNImputer())),
    ("KernelPCA()", numbers(KernelPCA(2))),
    ("NMF()", numbers(make_pipeline(MinMaxScaler(), NMF(2, max_iter=500)))),
    (
        'QuantileTransformer(output_distribution="normal")',
        numbers(QuantileTransformer(n_quantiles=20, output_distribution="normal")),
    ),
]

CELLS: list[Cell] = [
    *(Cell(SCIKIT, name, "binary", "numbers", numbers(step)) for name, step in _NUMBERS),
    Cell(
        SCIKIT,
        "FunctionTransformer(np.log1p)",
        "binary",
        "numbers",
        numbers(FunctionTransformer(np.log1p), ["age", "price"]),
    ),
    *(Cell(SCIKIT, name, "binary", "numbers, some missing", numbers(step), missing=True) for name, step in _FILLED),
    *(
        Cell(
            SCIKIT, name, "binary", "texts, some missing, unknown ones", texts(step, model), missing=True, unknown=True
        )
        for name, step, model in _CATEGORIES
    ),
    Cell(
        SCIKIT,
        "TargetEncoder()",
        "multiclass",
        "texts, unknown ones",
        texts(TargetEncoder(cv=2, random_state=0)),
        unknown=True,
    ),
    Cell(
        SCIKIT,
        "TargetEncoder()",
        "regression",
        "texts, unknown ones",
        texts(TargetEncoder(cv=2, random_state=0), Ridge()),
        unknown=True,
    ),
    Cell(SCIKIT, "OneHotEncoder()", "binary", "whole numbers and booleans", texts(_one_hot(), None, ["rooms"])),
    Cell(
        SCIKIT,
        "OrdinalEncoder()",
        "binary",
        "numbers with missing ones",
        texts(_ordinal(encoded_missing_value=-2), _TREE, ["price"]),
        missing=True,
    ),
    *(Cell(SCIKIT, name, "binary", "words, some not ASCII", words(step)) for name, step in _WORDS),
    *(
        Cell(SCIKIT, f"{name} of a timestamp", "binary", "timestamps", texts(step, None, ["when"]))
        for name, step in (
            ("StandardScaler()", StandardScaler()),
            ("MinMaxScaler()", MinMaxScaler()),
            ('KBinsDiscretizer(strategy="uniform")', KBinsDiscretizer(strategy="uniform")),
        )
    ),
    Cell(SCIKIT, "ColumnTransformer by mask", "binary", "numbers", parts(("a", StandardScaler(), [True, True, False]))),
    Cell(
        SCIKIT,
        "ColumnTransformer by slice, with remainder",
        "binary",
        "numbers",
        parts(("a", StandardScaler(), slice(0, 1)), remainder=MinMaxScaler()),
    ),
    Cell(
        SCIKIT,
        "ColumnTransformer by selector",
        "binary",
        "numbers",
        parts(("a", StandardScaler(), make_column_selector(dtype_include="number")), remainder="passthrough"),
    ),
    Cell(
        SCIKIT,
        "ColumnTransformer(transformer_weights=...)",
        "binary",
        "numbers",
        parts(("a", StandardScaler(), ["age"]), ("b", "passthrough", ["rooms"]), transformer_weights={"a": 10.0}),
    ),
    *(Cell(SCIKIT, name, "binary", "its own", build, "LG338") for name, build in _REFUSED),
]
