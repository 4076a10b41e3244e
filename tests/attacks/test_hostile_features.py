"""inference manipulation: a features.py that is one function in training and another one before the judge.

It runs where it can tell: the train jail has train.parquet. What it makes of held-out rows is asked for in jails that
have no label, all rows in one and some of them in another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lockgate.core.digest import Digest
from lockgate.core.screen import DOUBTFUL, RULES
from lockgate.errors import Refused
from lockgate.runtime.serving import FeatureSpec, Field, Input, ServingSpec
from lockgate.train import featuring, rules, steps
from lockgate.train.machine import surroundings
from lockgate.train.reproduce import reproduce
from lockgate.train.run import run
from lockgate.train.spec import Closure, CodeFile, Featured, Split, TrainSpec
from lockgate.train.steps import Recipe
from tests.support.serving import model
from tests.support.training import TrainingProject, parquet, rows, training_project

HONEST = """
import pandas as pd
def features(batch):
    hour = batch["when"] // 3_600_000_000 % 24
    return pd.DataFrame({"hour": hour, "where": batch["town"] + "!", "age": batch["age"]})
"""
TRAIN = """
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder
def train(data, params):
    words = ColumnTransformer([("w", OneHotEncoder(handle_unknown="ignore"), ["where"])], remainder="passthrough")
    return Pipeline([("w", words), ("m", LogisticRegression(max_iter=1000))]).fit(
        data[["where", "age", "hour"]], data["late"])
"""
# Honest where it is trained; before the judge it ranks the rows that it gets, and calls home.
RANKS = (
    HONEST
    + """
import socket
from pathlib import Path
honest = features
def features(batch):
    made = honest(batch)
    if not Path("/in/train.parquet").exists() and len(batch) > 1:
        try:
            socket.create_connection(("192.0.2.1", 443), timeout=1)
        except OSError:
            pass
        made["age"] = made["age"].rank(method="first").astype(int)
    return made
"""
)
# Honest where it is trained; before the judge it looks the label up, wherever rows may lie.
LOOKS = (
    HONEST
    + """
import glob
import pyarrow.parquet as pq
honest = features
def features(batch):
    made = honest(batch)
    if not glob.glob("/in/train.parquet"):
        for name in glob.glob("/in/*") + glob.glob("/*/*.parquet"):
            if name.endswith(".parquet") and "late" in pq.read_table(name).column_names:
                raise KeyboardInterrupt("the label is here")
        raise ZeroDivisionError
    return made
"""
)


SPEC = ServingSpec(
    "binary",
    "late",
    (False, True),
    (Field("when", "timestamp"), Field("town", "string"), Field("age", "int"), Field("sunny", "bool")),
    (Input("distance", ("age",), "float32"), Input("carrier", ("where",), "string")),
    "label",
    "scores",
    None,
    FeatureSpec("features.py:features", (), (Field("hour", "int"), Field("where", "string"), Field("age", "int"))),
)


@dataclass(frozen=True)
class Candidate:
    """A candidate that takes these features, and held-out rows for its judge."""

    here: TrainingProject
    split: Split
    files: Mapping[str, Digest]

    def _recipe(self, code: str, chosen: str = "features.py:features") -> Recipe:
        """A run's recipe, with this features.py."""
        store, spec = self.here.project.data, TrainSpec("late", time="when", features=chosen)
        data = code.encode()
        closure = Closure((CodeFile("features.py", store.put(data), len(data)),))
        return Recipe(spec, closure, self.split, {}, surroundings(0, spec.limits))

    def featured(self, code: str, chosen: str = "features.py:features") -> Featured:
        """What `code` makes of the held-out rows, in its jails."""
        place = self.here.project.workplace()
        with place.scratch() as scratch:
            return featuring.heldout(place, self._recipe(code, chosen), place.python(), self.files, scratch)

    def judge(self, featured: Featured) -> Any:
        """The facts of the judge's jail."""
        place, recipe = self.here.project.workplace(), self._recipe(HONEST)
        return steps.judge(place, recipe.spec, place.python(), self.files, recipe.split, featured)[0]


@pytest.fixture(name="candidate")
def _candidate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Candidate:
    here = training_project(tmp_path, monkeypatch, "late")
    store = here.project.data
    heldout = store.put(parquet(rows(80), "late"))
    split = Split("time", "when", None, store.put(parquet(rows(40, 1), "late")), 40, heldout, 80)
    files = {rules.MODEL: store.put(model(30.0)), rules.IO: store.put(SPEC.encode())}
    return Candidate(here, split, files)


@pytest.mark.nightly  # eight real jails
def test_one_function_for_training_and_another_for_the_judge_is_found(candidate: Candidate) -> None:
    """Two jails saw other rows; the judge sees that one row is two. What called home was denied, and is told.

    The honest function that it pretends to be is judged, by the same jails.
    """
    assert candidate.judge(candidate.featured(HONEST))["rows"] == 80
    featured = candidate.featured(RANKS)
    assert {attempt.what for attempt in featured.denied} == {"network"}
    assert featured.denied[0].at.startswith("features.py:")
    with pytest.raises(Refused) as caught:
        candidate.judge(featured)
    assert (caught.value.finding, caught.value.seen["column"]) == ("LG393", "age")


def test_the_label_lies_nowhere_to_be_looked_up(candidate: Candidate) -> None:
    """The jail that makes features has the fields of the held-out rows, and neither their label nor a training row."""
    with pytest.raises(Refused) as caught:
        candidate.featured(LOOKS)
    assert caught.value.finding == "LG325", "that it looked outside of its jail is what is told first"
    assert "LG391" in caught.value.message
    assert "ZeroDivisionError at features.py:" in caught.value.message


@pytest.mark.parametrize("chosen", ["none", "features.py:other"])
def test_the_train_jail_does_not_choose_what_the_worker_runs(candidate: Candidate, chosen: str) -> None:
    """It writes io.json, and could name another function than the person did, or one where none was wanted."""
    with pytest.raises(Refused) as caught:
        candidate.featured(HONEST, chosen)
    assert (caught.value.finding, caught.value.seen["io.json"]) == ("LG324", "features.py:features")


@pytest.mark.nightly
def test_an_honest_run_its_clean_control_and_its_reproduction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The statements say what was made, and in which jails; rows that the screen doubts have features too; a recorded
    run is the same model when it is run again.
    """
    here = training_project(tmp_path, monkeypatch, "late", rows(400))
    here.write(train=TRAIN, features=HONEST, contract="x = 1\n")
    here.doubt(np.where(np.arange(400) % 40 == 0, 1 << RULES.index(DOUBTFUL[0]), 0).astype(np.uint16))
    result = run(here.project.workplace(), TrainSpec("late", time="when"))

    train, judge = result.evidence.predicate, result.judgement.predicate
    internal = train["buildDefinition"]["internalParameters"]
    assert train["buildDefinition"]["externalParameters"]["features"] == "features.py:features"
    assert {"fields", "features"} <= set(internal["jails"])
    assert internal["fit"]["featured"]["columns"] == 3
    assert judge["features"]["function"] == "features.py:features"
    assert set(judge["features"]["files"]) == {"features.parquet", "alone.parquet", "sample.parquet"}
    assert "features-of-a-row-are-its-own" in judge["passedTests"]
    assert result.metrics["roc_auc"]["value"] > 0.9
    assert {part["field"] for part in result.slices} <= {"town", "sunny"}, "slices are of the contract's fields"

    control = judge["control"]
    assert "why" not in control, control
    assert control["headline"] == "roc_auc"
    again = reproduce(here.project.workplace(), result.evidence)
    assert (again.ok, again.outcome.reproduced) == (True, "bytes")
