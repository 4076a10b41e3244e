"""A fitted scikit-learn estimator becomes an ONNX graph and its io.json. Runs in the jail.

Known traps are refused by name (docs/adr/0059): what converts without a word and is wrong is worse than what does
not convert.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from lockgate.errors import Refused
from lockgate.runtime.serving import Kind
from lockgate.train.jail.exporters import labelled
from lockgate.train.jail.exporters.base import Answers, Exported
from lockgate.train.jail.exporters.booster_frames import as_fitted
from lockgate.train.jail.exporters.dumping import dumped
from lockgate.train.jail.exporters.scikit_labels import labels_of
from lockgate.train.jail.exporters.scikit_parts import chain
from lockgate.train.jail.exporters.versions import versions_of
from lockgate.train.jail.frame import Rows


def of(returned: Any, rows: Rows, declared: str) -> Scikit:
    """The estimator as a Fitted. Raises Refused LG311, LG316, LG338."""
    _check_fitted(returned)
    return Scikit(returned, rows, declared)


class Scikit:
    """A fitted scikit-learn estimator, and what looks like one. See `base.Fitted`."""

    def __init__(self, estimator: Any, rows: Rows, declared: str) -> None:
        """Raises Refused LG311, LG316, LG338."""
        self.name = chain(estimator)
        self.task = labelled.task_of(estimator, rows, declared)
        _check_columns(estimator, rows)
        self.features = labelled.features_of(estimator, rows)
        self.classes = (
            None
            if self.task == "regression"
            else tuple(labelled.class_of(value, rows.label_kind) for value in estimator.classes_.tolist())
        )
        self._estimator = estimator
        self._named = getattr(estimator, "feature_names_in_", None) is not None
        self._kinds: dict[str, Kind] = {name: rows.kinds.get(name, rows.label_kind) for name in self.features}
        self._rows = rows

    @property
    def versions(self) -> dict[str, str]:
        """What made it."""
        return versions_of("sklearn", "skl2onnx", "xgboost", "lightgbm")

    def answers(self, data: pd.DataFrame) -> Answers:
        """Its own answers. Raises Refused LG312 when a classifier gives no probabilities."""
        features = data[list(self.features)]
        known = as_fitted(self._estimator, features) if self._named else features.to_numpy()
        if self.task == "regression":
            return Answers(None, None, np.asarray(self._estimator.predict(known), dtype=np.float64).reshape(-1))
        if not hasattr(self._estimator, "predict_proba"):
            raise labelled.no_probabilities(self.name)
        probabilities = np.asarray(self._estimator.predict_proba(known), dtype=np.float64)
        return Answers(labels_of(self._estimator, known, probabilities), probabilities, None)

    def export(self) -> Exported:
        """Its graph. Raises Refused LG312 (no probabilities, no input), LG316 (it reads the label), LG337, LG338."""
        from lockgate.train.jail.exporters import scikit_model

        return scikit_model.exported(self._estimator, self.name, self.task, self.classes, self._kinds, self._rows)

    def cause(self, data: pd.DataFrame) -> str:
        """Which step is converted wrongly, in words; asked only when graph and estimator differ in these rows."""
        from lockgate.train.jail.exporters.scikit_cause import cause_of

        return cause_of(self._estimator, data, self._kinds)

    def dump(self) -> bytes | None:
        """Itself, as joblib writes it; None where it cannot be pickled."""
        return dumped(self._estimator)


_INSTEAD: Final[Mapping[type, str]] = {
    type(None): "end train() with `return model`, the fitted estimator or Pipeline",
    tuple: "return the fitted estimator or Pipeline alone: it is measured on rows that train() never sees",
}


def _named(returned: object) -> str:
    """What came back, in words: nothing; a tuple (LogisticRegression, dict); else its type."""
    if returned is None:
        return "nothing"
    inner = ", ".join(type(one).__name__ for one in returned[:4]) if isinstance(returned, tuple) else ""
    return f"a tuple ({inner})" if inner else type(returned).__name__


def _check_fitted(estimator: Any) -> None:
    if not isinstance(estimator, BaseEstimator) or not hasattr(estimator, "predict"):
        raise Refused(
            "LG311",
            f"train() returned {_named(estimator)}, not a scikit-learn estimator that predicts",
            seen={"returned": type(estimator).__name__},
            next=_INSTEAD.get(type(estimator), "return the fitted estimator or Pipeline from train()"),
        )
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        raise Refused(
            "LG311",
            f"train() returned a {type(estimator).__name__} that is not fitted",
            next="return estimator.fit(...) from train()",
        ) from None


def _check_columns(estimator: Any, rows: Rows) -> None:
    """Says more of an estimator that has seen no names than that it has not. Raises Refused LG316, LG338."""
    if getattr(estimator, "feature_names_in_", None) is None:
        from lockgate.train.jail.exporters import scikit_model

        refused = scikit_model.unnamed(estimator, rows)
        if refused is not None:
            raise refused
