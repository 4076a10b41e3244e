"""train.jail.exporters: refusals with their path, what an encoder refuses, boosters' files, kinds of labels."""

from __future__ import annotations

import builtins
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import lightgbm
import numpy as np
import pytest
import xgboost
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.impute import KNNImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from lockgate.errors import Refused
from lockgate.runtime.jail.predict import Model, ModelError
from lockgate.train.jail import parity
from lockgate.train.jail.exporters import boosters, choose
from lockgate.train.jail.frame import Rows
from tests.support.matrix_rows import NUMBERS, rows


class Doubled(StandardScaler):  # type: ignore[misc]
    """A scaler that answers otherwise than the one it is made of."""

    def transform(self, X: Any, copy: Any = None) -> Any:  # noqa: N803 - scikit-learn's name
        """Twice as far."""
        return super().transform(X, copy) * 2


class Nameless(BaseEstimator):  # type: ignore[misc]
    """A transformer that remembers no names, as most people write one."""

    def fit(self, X: Any, y: Any = None) -> Nameless:  # noqa: N803 - scikit-learn's names
        """Nothing to learn."""
        return self

    def transform(self, X: Any) -> Any:  # noqa: N803 - scikit-learn's name
        """Numbers alone."""
        return np.nan_to_num(np.asarray(X, dtype=float))


def _refused(model: Any, data: Rows) -> Refused:
    with pytest.raises(Refused) as raised:
        choose.fitted_of(model, data, "auto").export()
    return raised.value


def test_a_refusal_names_the_path_and_the_substitute() -> None:
    """Which step, where in the model, and what to use in its place."""
    data = rows("binary", count=60)
    parts = ColumnTransformer([("words", HashingVectorizer(n_features=8), "note")])
    model = make_pipeline(parts, LogisticRegression()).fit(data.data[["note"]], data.data["label"])
    refused = _refused(model, data)
    assert refused.finding == "LG338"
    assert "columntransformer > words > HashingVectorizer: " in str(refused)
    assert "TfidfVectorizer" in refused.next


def test_a_subclass_is_not_taken_for_its_parent() -> None:
    """A class that answers otherwise is refused; its parent converts."""
    data = rows("binary", count=60)
    for scaler, finding in ((Doubled(), "LG338"), (StandardScaler(), None)):
        model = make_pipeline(scaler, LogisticRegression()).fit(data.data[NUMBERS], data.data["label"])
        if finding is None:
            assert choose.fitted_of(model, data, "auto").export().model
        else:
            assert _refused(model, data).finding == finding


def test_all_unknown_steps_are_named_at_once() -> None:
    """Whoever mends one by one would ask again for each."""
    data = rows("binary", count=60)
    parts = ColumnTransformer([("gaps", KNNImputer(), NUMBERS), ("words", HashingVectorizer(n_features=8), "note")])
    model = make_pipeline(parts, Doubled(with_mean=False), DecisionTreeClassifier())
    refused = _refused(model.fit(data.data[[*NUMBERS, "note"]], data.data["label"]), data)
    assert refused.seen["steps"] == [
        "columntransformer > gaps > KNNImputer",
        "columntransformer > words > HashingVectorizer",
        "doubled > Doubled",
    ]
    for remedy in ("KNNImputer: use SimpleImputer;", "use TfidfVectorizer", "Doubled: make its columns in features.py"):
        assert remedy in refused.next


@pytest.mark.parametrize(
    ("first", "columns", "finding", "words"),
    [
        (Nameless(), NUMBERS, "LG338", "nameless > Nameless: "),
        (TfidfVectorizer(), "note", "LG316", "TfidfVectorizer was fitted on one column alone"),
        (make_pipeline(None, TfidfVectorizer()), "note", "LG316", "TfidfVectorizer was fitted on one column alone"),
    ],
    ids=["a class of one's own", "a column of text", "deeper"],
)
def test_why_an_estimator_has_seen_no_names(first: Any, columns: Any, finding: str, words: str) -> None:
    """Its first step shows none: what is wrong is that step, and not how it was fitted."""
    data = rows("binary", count=60)
    model = make_pipeline(first, DecisionTreeClassifier()).fit(data.data[columns], data.data["label"])
    refused = _refused(model, data)
    assert (refused.finding, words in str(refused)) == (finding, True), str(refused)
    assert "features.py" in refused.next or "ColumnTransformer" in refused.next


@pytest.mark.parametrize("encoder", [OneHotEncoder(), OrdinalEncoder()], ids=["one hot", "ordinal"])
def test_what_the_encoder_refuses_the_graph_refuses(encoder: Any) -> None:
    """Under handle_unknown="error" an unknown category is no answer, in service as in training."""
    data = rows("binary", count=100)
    parts = ColumnTransformer([("codes", encoder, ["town", "rooms"])])
    model = make_pipeline(parts, LogisticRegression()).fit(data.data[["town", "rooms"]], data.data["label"])
    exported = choose.fitted_of(model, data, "auto").export()
    graph = Model(exported.model, exported.spec)
    columns = {name: values[:2] for name, values in data.columns().items()}
    assert graph.predict(columns).scores is not None
    for unknown in ({"town": np.array(["Ulm", "Atlantis"], dtype=object)}, {"rooms": np.array([1, 99])}):
        with pytest.raises(ModelError, match="the model fails"):
            graph.predict(columns | unknown)


@pytest.mark.parametrize(("task", "classes"), [("binary", (False, True)), ("whole", (1, 2, 3))])
def test_classes_are_of_the_labels_kind(task: str, classes: tuple[Any, ...]) -> None:
    """XGBoost counts 0 and 1 where the label is false and true; the answer is of the label's kind."""
    data = rows(task, count=80)
    model: Any = lightgbm.LGBMClassifier(n_estimators=2, verbose=-1, n_jobs=1)
    if task == "binary":
        model = xgboost.XGBClassifier(n_estimators=2, n_jobs=1)
    fitted = choose.fitted_of(model.fit(data.data[NUMBERS], data.data["label"]), data, "auto")
    assert str(fitted.classes) == str(classes) == str(fitted.export().spec.classes)


def _below_zero(data: Rows) -> Rows:
    return replace(data, data=data.data.assign(age=data.data["age"] - 200))


def test_a_missing_value_that_the_fit_has_not_seen() -> None:
    """To LightGBM it is a zero then, above all numbers of this column; to the graph as well."""
    data, others = (_below_zero(rows("binary", count=120, seed=seed, missing=seed == 1)) for seed in (0, 1))
    model = lightgbm.LGBMClassifier(n_estimators=6, verbose=-1, n_jobs=1)
    fitted = choose.fitted_of(model.fit(data.data[NUMBERS], data.data["label"]), data, "auto")
    assert parity.compare(fitted, parity.loaded(fitted.export()), others, 0.0).facts["beyond"] == 0


def test_a_model_that_reads_its_label_is_refused() -> None:
    """LG316: the answer would be given away; without the label the same model passes."""
    data = rows("whole", count=60)
    for columns, finding in (([*NUMBERS, "label"], "LG316"), (NUMBERS, None)):
        model = DecisionTreeClassifier(random_state=0).fit(data.data[columns], data.data["label"])
        if finding is None:
            assert choose.fitted_of(model, data, "auto").export().model
        else:
            assert _refused(model, data).finding == finding


@pytest.mark.parametrize("name", ["model.json", "model.ubj", "model.txt"])
def test_a_boosters_file_is_the_booster(tmp_path: Path, name: str) -> None:
    """What a script saved, read again: the graph agrees with it in every row; it can be dumped and asked again."""
    data = rows("binary", count=120, missing=True)
    label = data.data["label"].astype(float)
    if name == "model.txt":
        given: Any = lightgbm.Dataset(data.data[NUMBERS], label)
        lightgbm.train({"objective": "binary", "verbose": -1}, given, 4).save_model(tmp_path / name)
    else:
        settings = {"objective": "binary:logistic", "max_depth": 3}
        xgboost.train(settings, xgboost.DMatrix(data.data[NUMBERS], label), 4).save_model(tmp_path / name)
    fitted = boosters.load(tmp_path / name, data, "auto")
    assert (fitted.task, fitted.features, fitted.classes) == ("binary", tuple(NUMBERS), (False, True))
    assert parity.compare(fitted, parity.loaded(fitted.export()), data, 0.0).facts["beyond"] == 0
    (tmp_path / "estimator.joblib").write_bytes(fitted.dump() or b"")
    again = choose.fitted_of(joblib.load(tmp_path / "estimator.joblib"), data, "binary").answers(data.data)
    wanted = fitted.answers(data.data)
    assert again.probabilities is not None
    assert again.probabilities.tolist() == np.asarray(wanted.probabilities).tolist()


@pytest.mark.parametrize("name", ["model.json", "model.txt"])
def test_another_file_is_refused_by_name(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No model of that library: LG311; the library is not in the lock: LG337, which names it."""
    data = rows("binary", count=20)
    (tmp_path / name).write_text('{"learner": []}')
    with pytest.raises(Refused) as raised:
        boosters.load(tmp_path / name, data, "auto")
    assert raised.value.finding == "LG311"
    library = "lightgbm" if name == "model.txt" else "xgboost"
    real = builtins.__import__

    def without(wanted: str, *rest: Any) -> Any:
        if wanted == library:
            raise ImportError(wanted)
        return real(wanted, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(Refused, match=library) as raised:
        boosters.load(tmp_path / name, data, "auto")
    assert raised.value.finding == "LG337"


def test_a_booster_of_other_classes_is_refused() -> None:
    """A bare Booster counts 0, 1, 2; whose label says otherwise returns the wrapper that knows the values."""
    data = rows("multiclass", count=80)
    codes = data.data["label"].astype("category").cat.codes
    matrix = xgboost.DMatrix(data.data[NUMBERS], codes)
    booster = xgboost.train({"objective": "multi:softprob", "num_class": 3}, matrix, 2)
    refused = _refused(booster, data)
    assert refused.finding == "LG311"
    assert "XGBClassifier" in refused.next
