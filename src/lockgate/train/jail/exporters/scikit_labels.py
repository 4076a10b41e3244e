"""A classifier's labels, from its probabilities where its own `predict` does just that. Runs in the jail.

Asked for both, an estimator computes everything twice. Estimators with a threshold, a vote or a `predict` of somebody
else's say their labels themselves; so do all where two classes are nearly as probable, for there `predict` may look at
what the probabilities were made from.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

_NEARLY: Final = 1e-6
_BY_PROBABILITY: Final = frozenset(
    {
        *("HistGradientBoostingClassifier", "GradientBoostingClassifier", "RandomForestClassifier"),
        *("ExtraTreesClassifier", "DecisionTreeClassifier", "ExtraTreeClassifier", "BaggingClassifier"),
        *("LogisticRegression", "LogisticRegressionCV", "MLPClassifier"),
    }
)
_ASKED: Final = ("predict", "predict_proba")


def labels_of(estimator: Any, rows: Any, probabilities: npt.NDArray[np.float64]) -> npt.NDArray[Any]:
    """What `estimator.predict(rows)` gives, whose `predict_proba` gave `probabilities`."""
    if probabilities.ndim != 2 or probabilities.shape[1] < 2 or not _by_probability(estimator):
        return np.asarray(estimator.predict(rows))
    labels: npt.NDArray[Any] = np.asarray(estimator.classes_)[probabilities.argmax(axis=1)]
    two = np.partition(probabilities, -2, axis=1)[:, -2:]
    nearly = np.flatnonzero(~(two[:, 1] - two[:, 0] > _NEARLY))
    if nearly.size:
        labels[nearly] = estimator.predict(rows.iloc[nearly] if isinstance(rows, pd.DataFrame) else rows[nearly])
    return labels


def _by_probability(estimator: Any) -> bool:
    if not _unchanged(estimator):
        return False
    if type(estimator).__name__ == "Pipeline":
        return _by_probability(estimator.steps[-1][1])
    return type(estimator).__name__ in _BY_PROBABILITY


def _unchanged(estimator: Any) -> bool:
    """Whether class and methods are scikit-learn's, and nothing is put over them."""
    kind = type(estimator)
    if not kind.__module__.startswith("sklearn.") or any(name in vars(estimator) for name in _ASKED):
        return False
    return all(str(getattr(getattr(kind, name, None), "__module__", "")).startswith("sklearn.") for name in _ASKED)
