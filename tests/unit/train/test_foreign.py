"""Model files that have to be executed: what is made of them, and on which rows it is compared."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import onnxruntime
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from lockgate.errors import Refused
from lockgate.project.converting import convert
from lockgate.register.jail import convert_forms
from lockgate.train import foreign_facts
from lockgate.train.jail import foreign
from lockgate.train.jail.foreign_rows import rows_of
from tests.support.hostile import opcodes as op

NAMES = ["age of house", "fare", "rooms"]


def _data(count: int = 200) -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(0).normal(30, 9, (count, 3)), columns=NAMES)


def _classifier() -> Any:
    data = _data()
    label = np.where(data["fare"] > 30, "dear", "cheap")
    return make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()).fit(data, label)


def test_a_joblib_file_becomes_the_same_model_as_onnx(tmp_path: Path) -> None:
    """The whole way, jails and all: label and probabilities of the graph are those of the Pipeline in the file."""
    model = _classifier()
    source, out = tmp_path / "model.joblib", tmp_path / "model.onnx"
    joblib.dump(model, source, compress=3)
    done = convert(source, out, python=Path(sys.prefix))
    said = json.loads(done.said.read_bytes())
    assert said["executed"] is True
    assert "own word" in said["word"]
    assert (said["model"]["compared"]["rows"], said["model"]["compared"]["beyond"]) == (1000, 0)
    assert said["model"]["features"] == NAMES
    data = _data(50)
    session = onnxruntime.InferenceSession(out.read_bytes(), providers=["CPUExecutionProvider"])
    labels, scores = session.run(None, {"X": data.to_numpy(np.float64)})
    assert labels.tolist() == model.predict(data).tolist()
    assert np.abs(scores - model.predict_proba(data)).max() < 1e-5


def test_made_rows_reach_far_and_have_missing_values() -> None:
    """A thousand rows, the same every time, of every magnitude, the last hundred with something missing."""
    first, second = rows_of(_classifier(), None), rows_of(_classifier(), None)
    assert first.rows.data.equals(second.rows.data)
    numbers = first.rows.data[NAMES].to_numpy()
    assert numbers.shape == (1000, 3)
    assert np.nanmax(numbers) > 1e5
    assert np.nanmin(numbers) < -1e5
    assert int(np.isnan(numbers).any(axis=1).sum()) == first.missing == 100
    assert set(first.rows.data["label"]) == {"cheap", "dear"}


def test_a_model_that_takes_nothing_missing_is_compared_on_whole_rows() -> None:
    """It is asked of the rows without missing values only, and that is said."""
    model = LinearRegression().fit(_data().to_numpy(), _data()["fare"])
    said = json.loads(foreign.convert(model, rows_of(model, None), ())["converted.json"])
    assert (said["compared"]["rows"], said["compared"]["missing"], said["task"]) == (900, 0, "regression")


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_texts_need_real_rows(tmp_path: Path, form: str) -> None:
    """A model of texts is refused without rows, with the option to name; with them it is compared on these."""
    towns = pd.DataFrame({"town": ["Ulm", "Bonn", "Ulm", "Jena"] * 10})
    model = make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression()).fit(towns, [0, 1, 1, 0] * 10)
    with pytest.raises(Refused) as raised:
        foreign.convert(model, rows_of(model, None), ())
    assert (raised.value.finding, "--sample" in raised.value.next) == ("LG488", True)
    path = tmp_path / f"rows.{form}"
    towns.to_parquet(path) if form == "parquet" else towns.to_csv(path, index=False)
    said = json.loads(foreign.convert(model, rows_of(model, (path, form)), ())["converted.json"])
    assert (said["compared"]["rows"], said["compared"]["sample"], said["compared"]["beyond"]) == (40, "given", 0)


def test_missing_values_of_given_rows_are_counted(tmp_path: Path) -> None:
    """By row, in the columns that the model takes: what it says of rows in which something is missing was compared."""
    rows = pd.DataFrame({"a": [1.0, None, 3.0, 4.0] * 10, "b": [1.0, None, 2.0, None] * 10, "note": [None, "x"] * 20})
    model = make_pipeline(SimpleImputer(), LogisticRegression()).fit(rows[["a", "b"]], [0, 1, 1, 0] * 10)
    rows.to_parquet(tmp_path / "rows.parquet")
    rows.fillna({"a": 0, "b": 0}).to_parquet(tmp_path / "whole.parquet")
    for name, missing in (("rows", 20), ("whole", 0)):
        said = foreign.convert(model, rows_of(model, (tmp_path / f"{name}.parquet", "parquet")), ())["converted.json"]
        compared = foreign_facts.read(json.loads(said), given=True)["compared"]
        assert (compared["rows"], compared["missing"]) == (40, missing)


@pytest.mark.parametrize(("form", "name"), [("XGBoost", "b.json"), ("XGBoost", "b.ubj"), ("LightGBM", "b.txt")])
def test_a_booster_in_its_own_form_is_converted(tmp_path: Path, form: str, name: str) -> None:
    """Columns, classes and kind of answer are told by the booster itself."""
    import lightgbm
    import xgboost

    label = (_data()["fare"] > 30) + (_data()["rooms"] > 30).astype(int)
    if form == "XGBoost":
        xgboost.XGBClassifier(n_estimators=3, n_jobs=1).fit(_data(), label).save_model(tmp_path / name)
    else:
        plain = _data().set_axis(["age", "fare", "rooms"], axis=1)
        model = lightgbm.LGBMClassifier(n_estimators=3, n_jobs=1, verbose=-1).fit(plain, label)
        model.booster_.save_model(tmp_path / name)
    assert convert_forms.form_of(tmp_path / name) == form
    held = foreign._loaded(tmp_path / name, form, tmp_path)
    said = json.loads(foreign.convert(held, rows_of(held, None), ())["converted.json"])
    assert (said["task"], said["compared"]["beyond"], len(said["features"])) == ("multiclass", 0, 3)


@pytest.mark.parametrize("held", [{"a": 1}, 0, None, np.zeros(3), StandardScaler()])
def test_what_predicts_nothing_is_named(held: Any) -> None:
    """LG487 with what the file holds."""
    with pytest.raises(Refused, match=type(held).__name__) as raised:
        rows_of(held, None)
    assert raised.value.finding == "LG487"


def test_a_refusal_speaks_of_the_file() -> None:
    """Nobody who has a file has a train()."""
    model = KMeans(2, n_init=1).fit(_data())
    with pytest.raises(Refused) as raised:
        foreign.convert(model, rows_of(model, None), ())
    error = foreign._about_a_file(raised.value)
    assert error.finding == "LG487"
    assert "train()" not in error.message


def test_a_sample_that_is_none_is_refused(tmp_path: Path) -> None:
    """LG488 for a file that does not read, and for other columns than the model's."""
    (tmp_path / "x.parquet").write_bytes(b"nothing")
    with pytest.raises(Refused) as raised:
        rows_of(_classifier(), (tmp_path / "x.parquet", "parquet"))
    assert raised.value.finding == "LG488"
    _data().rename(columns={"fare": "price"}).to_csv(tmp_path / "x.csv", index=False)
    with pytest.raises(Refused, match="fare") as raised:
        foreign.convert(_classifier(), rows_of(_classifier(), (tmp_path / "x.csv", "csv")), ())
    assert foreign._about_a_file(raised.value).finding == "LG488"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (op.second("not_there.at_all", "Model", ()), "needs the module not_there"),
        (op.second("lockgate.errors", "NoSuch", ()), "needs lockgate.errors.NoSuch, which is code of whoever saved it"),
        (op.second("builtins", "exec", ("raise SystemExit(0)",)), "raised SystemExit"),
        (op.second("builtins", "int", ("no number",)), "raised ValueError"),
        (b"\x80\x04", "raised EOFError"),
    ],
)
def test_a_file_that_does_not_open_is_refused_with_why(tmp_path: Path, data: bytes, words: str) -> None:
    """Whatever it raises, even an exit: a finding, and the way out where there is one."""
    (tmp_path / "source").write_bytes(data)
    with pytest.raises(Refused, match=words) as raised:
        foreign._loaded(tmp_path / "source", "pickle", tmp_path)
    assert (raised.value.finding, bool(raised.value.next)) == ("LG487", True)
