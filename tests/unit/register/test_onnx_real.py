"""Models that real libraries wrote pass, and what they say of themselves is told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from skl2onnx import to_onnx
from skl2onnx.common.data_types import StringTensorType
from sklearn.ensemble import GradientBoostingClassifier, RandomForestRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR

from lockgate.register.jail.onnx_file import check_onnx

ROWS = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
CLASSES = np.arange(60) % 3
TEXTS = np.array(["red fox", "blue fox jumps", "red dog", "a dog", "fox"] * 12)


# skl2onnx asks an SVC for what scikit-learn will drop.
@pytest.mark.filterwarnings("ignore:Attribute `prob:FutureWarning")
@pytest.mark.parametrize(
    ("estimator", "operator"),
    [
        (make_pipeline(StandardScaler(), LogisticRegression()), "ai.onnx.ml.LinearClassifier"),
        (LinearRegression(), "ai.onnx.ml.LinearRegressor"),
        (RandomForestRegressor(3), "ai.onnx.ml.TreeEnsembleRegressor"),
        (GradientBoostingClassifier(n_estimators=2), "ai.onnx.ml.TreeEnsembleClassifier"),
        (SVC(), "ai.onnx.ml.SVMClassifier"),
        (SVR(), "ai.onnx.ml.SVMRegressor"),
    ],
)
def test_what_scikit_learn_fits_passes(estimator: Any, operator: str) -> None:
    """Each operator whose arrays are checked, as skl2onnx fills them."""
    model = to_onnx(estimator.fit(ROWS, CLASSES), ROWS[:1], target_opset={"": 18, "ai.onnx.ml": 3})
    assert operator in check_onnx(model.SerializeToString())["operators"]


@pytest.mark.parametrize("words", [(1, 1), (1, 2), (2, 3)])
def test_vocabularies_pass(words: tuple[int, int]) -> None:
    """Words and groups of words, with the tokenizer that is built into the runtime."""
    fitted = TfidfVectorizer(ngram_range=words).fit(TEXTS)
    model = to_onnx(fitted, initial_types=[("x", StringTensorType([None, 1]))])
    operators = check_onnx(model.SerializeToString())["operators"]
    assert {"ai.onnx.TfIdfVectorizer", "com.microsoft.Tokenizer"} <= set(operators)
