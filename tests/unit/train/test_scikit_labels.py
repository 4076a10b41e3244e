"""train.jail.exporters.scikit_labels: labels by probability are those of `predict`, unless others decide."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from lockgate.train.jail.exporters.scikit_labels import labels_of


class Asked:
    """An estimator's methods, counted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, kind: type) -> None:
        self.rows: list[int] = []
        predict = kind.predict  # type: ignore[attr-defined]

        def counted(model: Any, data: Any) -> Any:
            self.rows.append(len(data))
            return predict(model, data)

        counted.__module__ = predict.__module__
        monkeypatch.setattr(kind, "predict", counted)


@pytest.mark.parametrize("words", [False, True])
@pytest.mark.parametrize(
    "model",
    [
        DecisionTreeClassifier(max_depth=3),
        RandomForestClassifier(4, max_depth=3),
        ExtraTreesClassifier(4, max_depth=2),
        GradientBoostingClassifier(n_estimators=3),
        HistGradientBoostingClassifier(max_iter=3),
        BaggingClassifier(n_estimators=3),
        LogisticRegression(),
        MLPClassifier((3,), max_iter=5),
    ],
    ids=lambda model: type(model).__name__,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_labels_are_those_of_predict_and_asked_for_where_they_are_close(
    monkeypatch: pytest.MonkeyPatch, model: Any, *, words: bool
) -> None:
    """Of two and of three classes, texts too: the same labels of the same dtype; `predict` sees the close rows only."""
    data = pd.DataFrame(np.random.default_rng(0).normal(size=(200, 2)).round(1), columns=["x", "z"])
    truth = np.array(["left", "right", "very far right"] if words else [False, True])
    fitted = make_pipeline(StandardScaler(), clone(model)).fit(
        data, truth[(data["x"].to_numpy() > 0).astype(int) + (words & (data["z"].to_numpy() > 1))]
    )
    probabilities, wanted = fitted.predict_proba(data), fitted.predict(data)
    two = np.sort(probabilities, axis=1)[:, -2:]
    asked = Asked(monkeypatch, type(fitted))
    found = labels_of(fitted, data, probabilities)
    assert (found.dtype, found.tolist()) == (wanted.dtype, wanted.tolist())
    assert sum(asked.rows) == int((two[:, 1] - two[:, 0] <= 1e-6).sum()) < 200


def test_labels_of_what_decides_by_itself_are_its_own() -> None:
    """A threshold, a vote, a class or a method of somebody's own: asked as ever."""
    data = pd.DataFrame({"x": np.arange(100.0)})
    truth = np.arange(100) > 60
    plain = LogisticRegression(C=0.001).fit(data, truth)

    class Never(LogisticRegression):  # type: ignore[misc]
        def predict(self, rows: Any) -> Any:
            return np.zeros(len(rows), bool)

    own = Never(C=0.001).fit(data, truth)
    put_over = LogisticRegression(C=0.001).fit(data, truth)
    put_over.predict = own.predict
    for model in (
        FixedThresholdClassifier(plain, threshold=0.05).fit(data, truth),
        KNeighborsClassifier(2).fit(data, truth),
        own,
        put_over,
        make_pipeline(FunctionTransformer().fit(data), own),
    ):
        found = labels_of(model, data, model.predict_proba(data))
        assert found.tolist() == model.predict(data).tolist()
    assert not labels_of(own, data, own.predict_proba(data)).any()
    assert not labels_of(put_over, data, put_over.predict_proba(data)).any()
