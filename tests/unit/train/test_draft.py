"""A draft in its jails: which rows it sees, what it is judged on, how it ends."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score, log_loss, mean_absolute_error, roc_auc_score

from lockgate.errors import Refused
from lockgate.sandbox.interpreter import PythonEnv
from lockgate.store.blobs import BlobStore
from lockgate.train import draft, steps
from lockgate.train.capture import capture
from lockgate.train.draft import DraftRecipe
from lockgate.train.draft_spec import Parts, parts_key, read_said, read_split
from lockgate.train.jail.draft_fit import kept_places, table_of
from lockgate.train.jail.draft_judge import judged
from lockgate.train.jail.exporters.base import Answers
from lockgate.train.spec import TrainSpec
from tests.support.training import TrainingProject, training_project

SCRIPT = """
import json, os
import joblib, pandas as pd
from sklearn.linear_model import LinearRegression
data = pd.read_parquet(os.path.join(os.environ["LOCKGATE_DATA"], "train.parquet"))
params = json.loads(os.environ["LOCKGATE_PARAMS"])
model = LinearRegression(fit_intercept=params["intercept"]).fit(data[["age", "sunny"]], data["delay"])
joblib.dump(model, os.path.join(os.environ["LOCKGATE_OUT"], "model.joblib"))
"""
TRACKED = """
import os, pathlib, socket
from urllib.parse import urlparse
from sklearn.linear_model import LogisticRegression

def train(data, params):
    place = pathlib.Path(urlparse(os.environ["MLFLOW_TRACKING_URI"]).path) / "0" / "run"
    place.mkdir(parents=True)
    (place / "meta.yaml").write_text("rows: %d" % len(data))
    (pathlib.Path(os.environ["WANDB_DIR"]) / "offline-run").write_text(os.environ["WANDB_MODE"])
    try:
        socket.create_connection(("192.0.2.1", 443), timeout=0.2)
    except OSError:
        pass
    return LogisticRegression(max_iter=params["steps"]).fit(data[["age"]], data["late"])
"""
FAILS = "def train(data, params):\n    raise ValueError('no luck with ' + str(params['steps']))\n"
ANOTHER = """
from sklearn.tree import DecisionTreeClassifier

def train(data, params):
    return DecisionTreeClassifier(max_depth=3).fit(data[["age"]], data["age"].astype(int) % 24)
"""
UNKNOWN = """
from sklearn.linear_model import LogisticRegression

class Narrow(LogisticRegression):
    def predict(self, data):
        raise ValueError("Found unknown categories ['x'] in column 0")
    predict_proba = predict

def train(data, params):
    return Narrow().fit(data[["age"]], data["late"])
"""


@pytest.fixture(name="here")
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainingProject:
    return training_project(tmp_path, monkeypatch, "late")


def _store(place: Path) -> BlobStore:
    return BlobStore(place / "parts" / "data", place / "parts" / "staging")


def _recipe(here: TrainingProject, spec: TrainSpec, tmp_path: Path, **more: Any) -> DraftRecipe:
    store = _store(tmp_path)
    place = here.project.workplace()
    parts = draft.cut(place, spec, here.accepted, store, tmp_path / "cut")
    closure = capture(place.root, spec.code, spec.named if "estimator" not in more else (), store)
    return DraftRecipe(replace(spec, features=""), closure, parts, store, {}, **more)


def _read(store: BlobStore, parts: Parts) -> list[pd.DataFrame]:
    return [pq.read_table(store.path(digest)).to_pandas() for digest in (parts.train, parts.fields, parts.label)]


@pytest.mark.parametrize(
    "rule",
    [
        {"time": "when"},
        pytest.param({"group": "town"}, marks=pytest.mark.nightly),
        pytest.param({}, marks=pytest.mark.nightly),
    ],
    ids=["time", "group", "hash"],
)
def test_rows_that_a_run_holds_out_are_in_no_part(here: TrainingProject, tmp_path: Path, rule: dict[str, Any]) -> None:
    """Inner training, validation and held-out rows are all rows, each once; the last are those of a run's split.

    By time each part is later than the one before it; a group lies in one part; the labels are in a file of their own.
    """
    spec = TrainSpec("late", **rule)
    place = here.project.workplace()
    outer, _ = steps.split(place, spec, PythonEnv.own(), here.accepted, tmp_path / "outer")
    store = _store(tmp_path)
    parts = draft.cut(place, spec, here.accepted, store, tmp_path / "inner")
    train, fields, label = _read(store, parts)
    held = pq.read_table(place.data.path(outer.heldout)).to_pandas()
    assert [len(train), len(fields), len(held)] == [parts.train_rows, parts.validate_rows, parts.heldout]
    assert outer.train_rows == len(train) + len(fields)
    assert ["late" not in fields.columns, list(label.columns) == ["label"]] == [True, True]
    whole = pq.read_table(place.data.path(here.accepted)).to_pandas().set_index("when")
    assert sorted(whole.index) == sorted([*train["when"], *fields["when"], *held["when"]])
    assert whole.loc[fields["when"], "late"].tolist() == label["label"].tolist()
    if "time" in rule:
        assert train["when"].max() < fields["when"].min()
        assert fields["when"].max() < held["when"].min()
    if "group" in rule:
        assert not set(train["town"]) & set(fields["town"])


def test_the_figures_are_those_of_the_estimator_on_the_validation_rows(here: TrainingProject, tmp_path: Path) -> None:
    """AUC, accuracy and log loss are what scikit-learn computes of the same model, fitted here on the same rows.

    What trackers write comes out of the jail; a connection is no finding, but a note.
    """
    here.write(train=TRACKED)
    recipe = _recipe(here, TrainSpec("late", params={"steps": 50}), tmp_path)
    found = draft.attempt(here.project.workplace(), recipe, PythonEnv.own(), tmp_path / "one", lambda _: None)
    train, fields, label = _read(recipe.store, recipe.parts)
    model = LogisticRegression(max_iter=50).fit(train[["age"]], train["late"])
    scores = model.predict_proba(fields[["age"]])[:, 1]
    truth = label["label"]
    values = {name: metric["value"] for name, metric in found.metrics.items()}
    assert pytest.approx(roc_auc_score(truth, scores), abs=1e-6) == values["roc_auc"]
    assert pytest.approx(accuracy_score(truth, scores > 0.5), abs=1e-6) == values["accuracy"]
    assert pytest.approx(log_loss(truth, scores), abs=1e-5) == values["log_loss"]
    assert ("binary", len(truth), "LogisticRegression") == (found.task, found.rows, found.estimator)
    assert sorted(found.beside) == ["mlruns/0/run/meta.yaml", "offline-run"]
    assert f"rows: {recipe.parts.train_rows}" == found.beside["mlruns/0/run/meta.yaml"].read_text()
    assert found.beside["offline-run"].read_text() == "offline"
    assert found.denied[0].target == "192.0.2.1:443"
    assert 0 <= (found.took or -1) < 60


@pytest.mark.nightly
def test_a_script_and_its_joblib_are_drafted_in_one_jail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a script wrote is asked in the script's own jail; its figures are those of scikit-learn."""
    here = training_project(tmp_path, monkeypatch, "delay")
    (here.project.root / "fit.py").write_text(SCRIPT)
    spec = TrainSpec("delay", script="fit.py", params={"intercept": True}, time="when")
    recipe = _recipe(here, spec, tmp_path)
    found = draft.attempt(here.project.workplace(), recipe, PythonEnv.own(), tmp_path / "one", lambda _: None)
    train, fields, label = _read(recipe.store, recipe.parts)
    model = LinearRegression().fit(train[["age", "sunny"]], train["delay"])
    wanted = mean_absolute_error(label["label"], model.predict(fields[["age", "sunny"]]))
    assert found.task == "regression"
    assert pytest.approx(wanted, abs=1e-6) == found.metrics["mae"]["value"]
    assert dict(found.beside) == {}


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("code", "finding", "why"),
    [
        (FAILS, "LG310", "no luck with 3"),
        (UNKNOWN, "LG3112", "unknown categories"),
        (ANOTHER, "LG311", "nobody can tell which is which"),
    ],
    ids=["raises", "answers-not", "learned-another-column"],
)
def test_a_training_that_fails_is_a_finding(
    here: TrainingProject, tmp_path: Path, code: str, finding: str, why: str
) -> None:
    """Of the training code, and of a model that takes no rows but those it was trained on."""
    here.write(train=code)
    recipe = _recipe(here, TrainSpec("late", params={"steps": 3}), tmp_path)
    with pytest.raises(Refused, match=why) as caught:
        draft.attempt(here.project.workplace(), recipe, PythonEnv.own(), tmp_path / "one", lambda _: None)
    assert finding == caught.value.finding
    assert caught.value.next


def _columns(**columns: Any) -> pa.Table:
    return pa.table(columns)


def _truth(*values: Any) -> pa.ChunkedArray[Any]:
    return pa.chunked_array([pa.array(values)])


GOOD = {"label": [1, 0, 1], "p0": [0.2, 0.7, 0.4], "p1": [0.8, 0.3, 0.6]}


def test_answers_are_judged_by_place_of_class() -> None:
    """The answers name places in `classes`; the truth names the classes themselves."""
    found = judged("binary", ["no", "yes"], _columns(**GOOD), _truth("yes", "no", "no"))
    assert pytest.approx(2 / 3) == found.as_json()["accuracy"]["value"]
    three = {"label": [0, 1, 2], "p0": [0.8, 0.1, 0.1], "p1": [0.1, 0.8, 0.1], "p2": [0.1, 0.1, 0.8]}
    assert judged("multiclass", [1, 2, 3], _columns(**three), _truth(1, 2, 3)).as_json()["accuracy"]["value"] == 1.0


@pytest.mark.parametrize(
    ("task", "classes", "columns", "truth", "why"),
    [
        ("binary", ["no", "yes"], GOOD, ("yes", "no", "maybe"), "maybe"),
        ("binary", ["no", "yes"], GOOD, ("yes", "no"), "3 answers for 2"),
        ("binary", ["no", "yes"], {**GOOD, "label": [2, 0, 1]}, ("yes", "no", "no"), "none of the classes"),
        ("binary", ["no", "yes"], {**GOOD, "label": [-1, 0, 1]}, ("yes", "no", "no"), "none of the classes"),
        ("binary", ["no", "yes"], {**GOOD, "label": [0.5, 0, 1]}, ("yes", "no", "no"), "none of the classes"),
        ("binary", ["no", "yes"], {**GOOD, "p1": [np.nan, 0.3, 0.6]}, ("yes", "no", "no"), "finite"),
        ("binary", ["no", "no"], GOOD, ("no", "no", "no"), "classes"),
        ("binary", ["a", "b", "c"], GOOD, ("a", "b", "c"), "classes"),
        ("binary", "no", GOOD, ("n", "o", "n"), "classes"),
        ("binary", [1.5, 2], GOOD, (1, 2, 2), "class"),
        ("ranking", ["no", "yes"], GOOD, ("no", "no", "no"), "task"),
        ("regression", None, {"value": [1.0, np.inf]}, (1.0, 2.0), "finite"),
        ("regression", None, {"value": ["a", "b"]}, (1.0, 2.0), "could not"),
        ("regression", None, GOOD, (1.0, 2.0, 3.0), "value"),
    ],
)
def test_answers_in_another_form_are_not_judged(task: str, classes: Any, columns: Any, truth: Any, why: str) -> None:
    """ValueError or KeyError, which the jail makes LG3113: they come from the jail in which the user's code ran."""
    with pytest.raises((ValueError, KeyError), match=why):
        judged(task, classes, _columns(**columns), _truth(*truth))


def test_a_model_answers_once_for_each_row() -> None:
    """LG3112 for fewer answers than rows, and for none at all."""
    values = Answers(None, None, np.array([1.0, 2.0]))
    assert table_of(values, None, 2).column("value").to_pylist() == [1.0, 2.0]
    for answers, rows in ((values, 3), (Answers(None, None, None), 2), (Answers(np.array(["a"]), None, None), 1)):
        with pytest.raises(Refused, match="once for each"):
            table_of(answers, None, rows)
    named = table_of(Answers(np.array(["b", "z"]), np.array([[0.1, 0.9], [0.5, 0.5]]), None), ["a", "b"], 2)
    assert named.column("label").to_pylist() == [1, -1]


def test_other_rules_cut_other_parts(here: TrainingProject) -> None:
    """The key of the parts depends on the rows and on every setting of the split, and on nothing else."""
    spec = TrainSpec("late")
    others = [replace(spec, time="when"), replace(spec, group="town"), replace(spec, seed=1)]
    others += [replace(spec, holdout=0.3), replace(spec, label="kind")]
    keys = {parts_key(here.accepted, one) for one in (spec, *others)}
    assert len(keys) == 6
    assert parts_key(here.accepted, replace(spec, params={"a": 1}, function="x.py:y")) in keys


@pytest.mark.parametrize(
    "data", [b"[]", b"{}", b'{"by":"","cut":null,"heldout":1,"how":"luck","train":1,"validate":1}']
)
def test_facts_of_jails_have_one_form(data: bytes) -> None:
    """ValueError for anything else, before any of it is used."""
    good = b'{"by":"","cut":null,"heldout":1,"how":"hash","train":2,"validate":3}'
    assert read_split(good)[0] == (2, 3, 1)
    for read in (read_split, read_said):
        with pytest.raises(ValueError, match=r"has exactly|not in form"):
            read(data)
    assert {"offline"} == {value for name, value in kept_places("/out").items() if name == "WANDB_MODE"}
