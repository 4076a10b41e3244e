"""train.jail.exporters and parity: what converts says what the estimator says; what does not is refused by name."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from lockgate.errors import Refused
from lockgate.runtime import serving
from lockgate.train.jail import fit, frame
from tests.support.training import rows

TASK = {"task": "auto", "parity": 0.0}


def _rows(label: str = "late", **columns: Any) -> frame.Rows:
    table = rows().drop(columns=[name for name in ("delay", "late", "kind") if name != label]).assign(**columns)
    return frame.from_table(pa.Table.from_pandas(table, preserve_index=False), label)


def _columns(*parts: tuple[str, Any, list[str]]) -> ColumnTransformer:
    return ColumnTransformer(list(parts))


def _spec(files: dict[str, bytes]) -> serving.ServingSpec:
    return serving.parse(files["io.json"])


CODES = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
ONE_HOT = OneHotEncoder(handle_unknown="ignore")
MIXED = {
    "ordinal codes and trees": (
        _columns(("c", CODES, ["town"]), ("n", "passthrough", ["age", "sunny"])),
        HistGradientBoostingClassifier(max_iter=5),
    ),
    "one-hot and logistic": (
        _columns(("c", ONE_HOT, ["town"]), ("n", StandardScaler(), ["age"])),
        LogisticRegression(),
    ),
    "one-hot of a boolean": (
        _columns(("c", ONE_HOT, ["town", "sunny"]), ("n", "passthrough", ["age"])),
        LogisticRegression(),
    ),
    "forest with an unused column": (
        _columns(("c", CODES, ["town"]), ("n", "passthrough", ["age"]), ("d", "drop", ["sunny"])),
        RandomForestClassifier(5, random_state=0),
    ),
}


@pytest.mark.parametrize("what", MIXED)
def test_pipelines_of_mixed_columns_agree(what: str) -> None:
    """Texts, numbers and booleans each have an input of their own; no row is beyond the tolerance."""
    columns, model = MIXED[what]
    data = _rows()
    features = ["town", "age", "sunny"]
    files = fit.finish(Pipeline([("c", columns), ("m", model)]).fit(data.data[features], data.data["late"]), data, TASK)
    spec = _spec(files)
    assert (spec.task, spec.classes) == ("binary", (False, True))
    assert {each.input: each.type for each in spec.inputs}["town"] == "string"
    assert all(each.fields == (each.input,) for each in spec.inputs)


def test_numbers_alone_are_one_matrix() -> None:
    """A model of numbers has one float input with the fields in the estimator's order."""
    data = _rows("kind")
    model = make_pipeline(StandardScaler(), GradientBoostingClassifier(n_estimators=3))
    files = fit.finish(model.fit(data.data[["sunny", "age"]], data.data["kind"]), data, TASK)
    (only,) = _spec(files).inputs
    assert (only.input, only.fields, only.type) == ("X", ("sunny", "age"), "float64")
    assert _spec(files).classes == ("bad", "fair", "good")


def test_missing_values_mean_the_same_in_both() -> None:
    """NaN reaches trees and imputers; an empty text is a category of its own."""
    age = rows()["age"].astype("Float64").mask(rows()["age"] > 80)
    data = _rows("late", age=age, town=rows()["town"].mask(rows()["sunny"]))
    parts = _columns(("c", CODES, ["town"]), ("n", SimpleImputer(), ["age"]))
    for model in (
        Pipeline([("c", parts), ("m", LogisticRegression())]),
        Pipeline([("c", _columns(("c", CODES, ["town"]), ("n", "passthrough", ["age"]))),
                  ("m", HistGradientBoostingClassifier(max_iter=5))]),
    ):  # fmt: skip
        files = fit.finish(model.fit(data.data[["town", "age"]], data.data["late"]), data, TASK)
        assert _spec(files).fields[0].kind == "string"


def test_regression_and_timestamps() -> None:
    """A timestamp enters as int64 microseconds; linear and boosted regressors agree."""
    data = _rows("delay")
    parts = _columns(("t", StandardScaler(), ["when"]), ("n", "passthrough", ["age"]))
    for model in (HistGradientBoostingRegressor(max_iter=5), LinearRegression()):
        files = fit.finish(Pipeline([("c", parts), ("m", model)]).fit(data.data, data.data["delay"]), data,
                           {"task": "regression", "parity": 0.02})  # fmt: skip
        spec = _spec(files)
        assert (spec.task, spec.classes, spec.value_output) == ("regression", None, "variable")
        assert {each.input: each.type for each in spec.inputs} == {"when": "int64", "age": "float64"}


def test_a_numpy_fit_uses_all_numbers_in_order() -> None:
    """Without column names the fields are all of them, if all are numbers; else nobody can tell."""
    data = _rows("late")
    numbers = frame.Rows(data.data[["age", "sunny", "late"]], {"age": "int", "sunny": "bool"}, "late", "bool", ())
    model = LogisticRegression().fit(numbers.data[["age", "sunny"]].to_numpy(float), numbers.data["late"])
    assert [f.name for f in _spec(fit.finish(model, numbers, TASK)).fields] == ["age", "sunny"]
    with pytest.raises(Refused) as raised:
        fit.finish(model, data, TASK)
    assert raised.value.finding == "LG316"


def test_categories_of_histogram_trees_convert() -> None:
    """What skl2onnx answers wrongly by up to 1.0, also deep inside a pipeline, is exact: the limit is no row at all."""
    data = _rows()
    trees = HistGradientBoostingClassifier(categorical_features=[0], max_iter=2)
    deep = make_pipeline(StandardScaler(), trees).fit(data.data[["sunny", "age"]], data.data["late"])
    assert b'"beyond":0' in fit.finish(deep, data, TASK)["fit.json"].replace(b" ", b"")


def test_what_cannot_be_served_is_refused_by_name() -> None:
    """No probabilities; the declared task is another; a regressor for a label that is no number."""
    data = _rows()
    plain = LogisticRegression().fit(data.data[["age"]], data.data["late"])
    ridge = RidgeClassifier().fit(data.data[["age"]], data.data["late"])
    for estimator, task, finding in (
        (plain, {**TASK, "task": "regression"}, "LG311"),
        (ridge, TASK, "LG312"),
        (LinearRegression().fit(data.data[["age"]], data.data["late"]), TASK, "LG311"),
    ):
        with pytest.raises(Refused) as raised:
            fit.finish(estimator, data, task)
        assert raised.value.finding == finding
    assert fit.finish(plain, data, {**TASK, "task": "binary"})


def test_a_one_class_label_is_refused() -> None:
    """A classifier that knows one class predicts nothing."""
    data = _rows()
    model = RandomForestClassifier(2).fit(data.data[["age"]], pd.Series([True] * len(data.data)))
    with pytest.raises(Refused, match="one class"):
        fit.finish(model, data, TASK)
