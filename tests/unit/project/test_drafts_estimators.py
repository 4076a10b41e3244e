"""An estimator of a notebook: what is taken, what is refused, and the train.py that makes it again."""

from __future__ import annotations

import pickle
import sys
from functools import partial
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from lockgate.errors import Usage
from lockgate.project.drafts.estimators import code_of, of, repr_of


class Cell(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """As if written in a notebook's cell."""

    def fit(self, data: Any, label: Any) -> Cell:
        """Nothing."""
        return self


def halved(data: Any) -> Any:
    """A function of a file: it has a module."""
    return data / 2


PIPELINES = [
    LogisticRegression(C=0.3),
    make_pipeline(StandardScaler(), HistGradientBoostingClassifier(max_iter=7, random_state=0)),
    make_pipeline(
        ColumnTransformer(
            [("one", OneHotEncoder(handle_unknown="ignore"), ["town"]), ("rest", "passthrough", ["age"])]
        ),
        LogisticRegression(max_iter=500),
    ),
]


@pytest.mark.parametrize("estimator", PIPELINES, ids=["plain", "trees", "columns"])
def test_the_code_makes_the_same_estimator(estimator: Any) -> None:
    """The text is run here: its train() fits, and what it returns spells itself as the notebook's does."""
    space: dict[str, Any] = {}
    code = code_of(estimator, "late")
    assert "complete by hand" not in code
    exec(code, space)

    class Data(dict[str, Any]):
        def drop(self, columns: str) -> Any:
            return columns

    fitted: list[Any] = []

    def fit(self: Any, data: Any, label: Any) -> Any:
        fitted.append((data, label))
        return self

    for kind in {type(part) for part in (estimator, *getattr(estimator, "named_steps", {}).values())}:
        assert kind.__name__ in code
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(estimator), "fit", fit)
        made = space["train"](Data(late="labels"), {})
    assert repr_of(estimator) == repr_of(made)
    assert fitted == [("late", "labels")]


def test_what_has_no_short_spelling_is_said_to_be_missing() -> None:
    """A class that cannot be imported, or a value such as an array: a remark in the text, and never code that lies."""
    for estimator in (
        Cell(),
        make_pipeline(FunctionTransformer(partial(halved))),
        LogisticRegression(C=np.float64(2.0)),
    ):
        code = code_of(estimator, "late")
        space: dict[str, Any] = {}
        if "complete by hand" not in code:
            exec(code, space)
    assert "complete by hand" in code_of(make_pipeline(FunctionTransformer(partial(halved))), "late")


def test_parameters_are_set_before_it_is_pickled_and_spelled() -> None:
    """The pickle and the text are of the estimator with its parameters; the caller's own object stays as it is."""
    own = make_pipeline(StandardScaler(), LogisticRegression(C=1.0))
    found = of(own, "late", {"logisticregression__C": 0.25})
    assert pickle.loads(found.pickled).named_steps["logisticregression"].C == 0.25
    assert "C=0.25" in found.code
    assert own.named_steps["logisticregression"].C == 1.0
    assert found.name == "Pipeline"


def test_a_fitted_one_is_taken_without_what_it_learned() -> None:
    """A draft fits on the project's rows: nothing of the notebook's own rows goes along."""
    fitted = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    assert not hasattr(pickle.loads(of(fitted, "late", {}).pickled), "coef_")


@pytest.mark.parametrize(
    "wrong",
    [3, None, "x", LogisticRegression, StandardScaler().fit, object()],
    ids=["number", "nothing", "text", "class", "method", "object"],
)
def test_what_cannot_be_fitted_is_no_estimator(wrong: Any) -> None:
    """LG3107, with an example of one."""
    with pytest.raises(Usage) as caught:
        of(wrong, "late", {})
    assert caught.value.finding == "LG3107"


def test_a_parameter_that_it_does_not_have_is_refused_here() -> None:
    """Before a jail is started for it."""
    with pytest.raises(Usage, match="Invalid parameter 'D'"):
        of(LogisticRegression(), "late", {"D": 1})


@pytest.mark.parametrize("make", ["class", "function", "lambda", "local"])
def test_a_part_that_lives_in_the_notebook_is_named(make: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """LG3106 names the class or function, wherever in the pipeline it is; the same from a file is taken."""

    def local(data: Any) -> Any:
        return data

    main = sys.modules["__main__"]
    monkeypatch.setattr(main, "Cell", Cell, raising=False)
    monkeypatch.setattr(main, "halved", halved, raising=False)
    part: Any = {
        "class": Cell(),
        "function": FunctionTransformer(halved),
        "lambda": FunctionTransformer(lambda data: data),
        "local": FunctionTransformer(local),
    }[make]
    if make in ("class", "function"):
        of(make_pipeline(FunctionTransformer(halved), part), "late", {})
        monkeypatch.setattr(Cell, "__module__", "__main__")
        monkeypatch.setattr(halved, "__module__", "__main__")
    with pytest.raises(Usage) as caught:
        of(make_pipeline(StandardScaler(), part), "late", {})
    assert caught.value.finding == "LG3106"
    assert {"class": "Cell", "function": "halved", "lambda": "<lambda>", "local": "local"}[make] in caught.value.message
