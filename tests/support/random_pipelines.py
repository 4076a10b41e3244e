"""Random pipelines over rows of all kinds, as Hypothesis draws them: one transformer per column, and an estimator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightgbm
import xgboost
from hypothesis import strategies as st
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
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
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.feature_selection import SelectPercentile, VarianceThreshold, f_classif, f_regression
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVC

Make = Callable[..., Any]

_SCALERS: list[Make] = [
    StandardScaler,
    MinMaxScaler,
    RobustScaler,
    PowerTransformer,
    lambda: QuantileTransformer(n_quantiles=15),
    lambda: KBinsDiscretizer(4, encode="onehot-dense", quantile_method="averaged_inverted_cdf"),
    lambda: KBinsDiscretizer(5, encode="ordinal", strategy="uniform"),
    lambda: make_pipeline(StandardScaler(), PolynomialFeatures(2)),
]
_TREES: dict[str, Any] = {"max_iter": 5, "min_samples_leaf": 4}
_LIGHT: dict[str, Any] = {"n_estimators": 4, "min_child_samples": 4, "verbose": -1, "n_jobs": 1}
_EXTREME: dict[str, Any] = {"n_estimators": 4, "n_jobs": 1}


@st.composite
def steps_of_numbers(draw: st.DrawFn, *, missing: bool) -> Any:
    """Filled in where the estimator wants it, then scaled, cut or multiplied."""
    steps: list[Any] = []
    if missing:
        strategy = draw(st.sampled_from(["mean", "median", "most_frequent", "constant"]))
        steps.append(SimpleImputer(strategy=strategy, add_indicator=draw(st.booleans())))
    if draw(st.booleans()):
        steps.append(draw(st.sampled_from(_SCALERS))())
    return make_pipeline(*steps) if steps else "passthrough"


@st.composite
def steps_of_texts(draw: st.DrawFn) -> Any:
    """Encoded in one of the ways, after filling in or not."""
    few = draw(st.sampled_from([None, 0.1, 5]))
    kind = draw(st.sampled_from(["one hot", "ordinal", "target"]))
    if kind == "one hot":
        unknown = draw(st.sampled_from(["ignore", "infrequent_if_exist"]))
        drop = draw(st.sampled_from([None, "first", "if_binary"]))
        encoder: Any = OneHotEncoder(handle_unknown=unknown, min_frequency=few, drop=drop, sparse_output=False)
    elif kind == "ordinal":
        encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, min_frequency=few)
    else:
        encoder = TargetEncoder(cv=2, random_state=0)
    if draw(st.booleans()):
        return make_pipeline(SimpleImputer(missing_values="", strategy="constant", fill_value="none"), encoder)
    return encoder


@st.composite
def steps_of_words(draw: st.DrawFn) -> Any:
    """Words counted or weighted."""
    if draw(st.booleans()):
        return CountVectorizer(binary=draw(st.booleans()), max_features=draw(st.sampled_from([None, 5])))
    longest = draw(st.integers(1, 2))
    return TfidfVectorizer(
        ngram_range=(1, longest), sublinear_tf=draw(st.booleans()), norm=draw(st.sampled_from(["l1", "l2"]))
    )


def classifiers(seed: int, depth: int) -> dict[str, Make]:
    """Name -> a new classifier."""
    forest: Make = lambda: RandomForestClassifier(5, max_depth=depth, random_state=seed)  # noqa: E731 - used twice below
    trees: Make = lambda: HistGradientBoostingClassifier(**_TREES, max_depth=depth, random_state=seed)  # noqa: E731 - as above
    return {
        "logistic": lambda: LogisticRegression(C=0.5),
        "descent": lambda: SGDClassifier(loss="modified_huber", random_state=seed),
        "bayes": GaussianNB,
        "neighbours": lambda: KNeighborsClassifier(4),
        "network": lambda: MLPClassifier((5,), max_iter=10, random_state=seed),
        "machine": lambda: SVC(probability=True, random_state=seed),
        "forest": forest,
        "extra": lambda: ExtraTreesClassifier(5, max_depth=depth, random_state=seed),
        "gradient": lambda: GradientBoostingClassifier(n_estimators=4, max_depth=depth, random_state=seed),
        "adaptive": lambda: AdaBoostClassifier(n_estimators=4, random_state=seed),
        "bagging": lambda: BaggingClassifier(n_estimators=3, random_state=seed),
        "histogram": trees,
        "light": lambda: lightgbm.LGBMClassifier(**_LIGHT, random_state=seed),
        "extreme": lambda: xgboost.XGBClassifier(**_EXTREME, max_depth=depth, random_state=seed),
        "calibrated": lambda: CalibratedClassifierCV(trees(), cv=2),
        "isotonic": lambda: CalibratedClassifierCV(forest(), cv=2, method="isotonic"),
        "stacked": lambda: StackingClassifier([("f", forest()), ("t", trees())], cv=2, passthrough=bool(seed % 2)),
        "voting": lambda: VotingClassifier([("f", forest()), ("l", LogisticRegression())], voting="soft"),
    }


def regressors(seed: int, depth: int) -> dict[str, Make]:
    """Name -> a new regressor."""
    loss = ("squared_error", "poisson", "gamma", "absolute_error")[seed % 4]
    return {
        "ridge": Ridge,
        "poisson": lambda: PoissonRegressor(alpha=1.0),
        "neighbours": lambda: KNeighborsRegressor(4, weights="distance"),
        "forest": lambda: RandomForestRegressor(5, max_depth=depth, random_state=seed),
        "extra": lambda: ExtraTreesRegressor(5, max_depth=depth, random_state=seed),
        "gradient": lambda: GradientBoostingRegressor(n_estimators=4, max_depth=depth, random_state=seed),
        "adaptive": lambda: AdaBoostRegressor(n_estimators=4, random_state=seed),
        "bagging": lambda: BaggingRegressor(n_estimators=3, random_state=seed),
        "histogram": lambda: HistGradientBoostingRegressor(**_TREES, loss=loss, random_state=seed),
        "light": lambda: lightgbm.LGBMRegressor(**_LIGHT, random_state=seed),
        "extreme": lambda: xgboost.XGBRegressor(**_EXTREME, max_depth=depth, random_state=seed),
        "voting": lambda: VotingRegressor([("r", Ridge()), ("f", RandomForestRegressor(3, random_state=seed))]),
    }


TAKE_MISSING = ("histogram", "light", "extreme", "forest", "extra")


@st.composite
def pipelines(draw: st.DrawFn, task: str, *, missing: bool) -> tuple[list[str], Any]:
    """The columns it takes, and a Pipeline that is not fitted."""
    known = (regressors if task == "regression" else classifiers)(draw(st.integers(0, 9)), draw(st.integers(1, 6)))
    name = draw(st.sampled_from(sorted(known)))
    fill = missing and name not in TAKE_MISSING
    numbers = draw(st.lists(st.sampled_from(["age", "price", "rooms", "sunny"]), min_size=1, max_size=4, unique=True))
    texts = draw(st.lists(st.sampled_from(["town", "colour"]), max_size=2, unique=True))
    parts: list[tuple[str, Any, Any]] = [
        *((column, draw(steps_of_numbers(missing=fill)), [column]) for column in numbers),
        *((column, draw(steps_of_texts()), [column]) for column in texts),
    ]
    if draw(st.integers(0, 3)) == 0:
        parts.append(("words", draw(steps_of_words()), "note"))
    if draw(st.integers(0, 3)) == 0:
        parts.append(("when", draw(st.sampled_from([StandardScaler, MinMaxScaler]))(), ["when"]))
    columns = [column for _, _, chosen in parts for column in ([chosen] if isinstance(chosen, str) else chosen)]
    steps: list[Any] = [("columns", ColumnTransformer(parts, sparse_threshold=0))]
    if not missing or fill:
        extra = draw(st.sampled_from([None, None, "variance", "select", "project"]))
        if extra is not None:
            chosen_step = {
                "variance": VarianceThreshold(),
                "select": SelectPercentile(f_regression if task == "regression" else f_classif, percentile=60),
                "project": PCA(1),
            }[extra]
            steps.append((extra, chosen_step))
    return columns, Pipeline([*steps, ("model", known[name]())])
