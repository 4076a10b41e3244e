"""Training end to end on a signed project: real keys, real log, real jails."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lockgate.audit import joins
from lockgate.contract.findings import encode_finding, parse_finding
from lockgate.core.digest import digest_of
from lockgate.core.statement import PROVENANCE
from lockgate.errors import LockgateError, Refused, VerificationFailed
from lockgate.monitor.plan import Plan, parse_plan
from lockgate.runtime import serving
from lockgate.sandbox.report import JailReport
from lockgate.sandbox.settings import Limits
from lockgate.train import rules, steps
from lockgate.train.jail import fit, frame, users_code
from lockgate.train.run import run
from lockgate.train.spec import Split, TrainResult, TrainSpec
from tests.support.project import at_home
from tests.support.training import TREES, TrainingProject, parquet, rows, training_project


def _trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, label: str, kind: str) -> tuple[TrainResult, Plan]:
    """The result, and the plan of what the model answers: there are held-out rows enough."""
    here = training_project(tmp_path, monkeypatch, label, rows(2100))
    here.write(train=TREES.format(kind=kind, label=label))
    result = run(here.project.workplace(), TrainSpec(label, params={"trees": 20}))
    io = serving.parse(here.project.data.read(result.io))
    assert (io.task, io.label) == (result.task, label)
    assert any("training on" in line for line in here.project.said)
    plan = joins.fact_digest(result.judgement.statement, "monitor")
    assert plan is not None
    return result, parse_plan(here.project.data.read(plan))


@pytest.fixture(name="once_trained", scope="module")
def _once_trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TrainingProject, TrainResult]:
    home = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        here = training_project(home, patch, "late", compared=True)
        here.write(train=TREES.format(kind="Classifier", label="late"), contract="x = 1\n")
        return home, here, run(here.project.workplace(), TrainSpec("late", time="when"))


@pytest.fixture(name="trained")
def _trained_before(
    once_trained: tuple[Path, TrainingProject, TrainResult], monkeypatch: pytest.MonkeyPatch
) -> tuple[TrainingProject, TrainResult]:
    """A project with a binary model, the first that was judged there."""
    home, here, result = once_trained
    at_home(home, monkeypatch)
    return here, result


def test_a_binary_model_is_trained_and_judged(trained: tuple[TrainingProject, TrainResult]) -> None:
    """Both statements are signed, joined by digest to validate and to each other, and say what they rest on."""
    here, result = trained
    ledger = here.project.open_ledger()
    train, judge = ledger.statements("train")[0], ledger.statements("judge")[0]
    validate = ledger.head("validate")
    assert validate is not None
    assert (train.digest, judge.digest) == (result.evidence.digest, result.judgement.digest)
    assert joins.gap("train", train.statement, validate.statement) == ""
    assert joins.gap("judge", judge.statement, train.statement) == ""
    assert (train.role, train.statement.predicate_type, judge.role) == ("trainer", PROVENANCE, "judge")
    named = {entry["name"] for entry in train.predicate["buildDefinition"]["resolvedDependencies"]}
    assert {"accepted.parquet", "train.parquet", "heldout.parquet", "code/train.py", "code/contract.py"} <= named
    internal = train.predicate["buildDefinition"]["internalParameters"]
    assert (internal["jails"]["train"]["level"], internal["tainted"], internal["fit"]["parity"]["beyond"]) == (
        3,
        False,
        0,
    )
    assert (result.split.how, result.split.train_rows, result.split.heldout_rows) == ("time", 320, 80)
    assert result.metrics["roc_auc"]["low"] > 0.9
    compared = judge.predicate["parity"]["judged"]
    assert (compared["rows"], compared["beyond"], compared["metric"]["name"]) == (80, 0, "roc_auc")
    assert compared["metric"]["estimator"] == pytest.approx(result.metrics["roc_auc"]["value"], abs=1e-6)
    assert (internal["jails"]["parity"]["level"], set(result.worst)) == (3, {"town", "age", "sunny"})
    assert "record" not in str([train.predicate, judge.predicate])
    assert {part["field"] for part in result.slices} == {"town", "sunny"}
    assert (judge.predicate["heldout"], judge.predicate["judged"]) == (result.split.heldout, 1)
    assert (judge.predicate["monitor"], [reason.finding for reason in result.reasons]) == (None, ["LG329"])


@pytest.mark.nightly  # by day tests/unit/train/test_train_metrics.py and test_export_matrix.py, without jails
def test_multiclass_has_its_own_metrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The task follows from the label; it has its metrics and a plan."""
    several, answers = _trained(tmp_path, monkeypatch, "kind", "Classifier")
    assert (several.task, set(several.metrics)) == ("multiclass", {"accuracy", "macro_f1", "log_loss"})
    assert [stream.name for stream in answers.streams] == ["class", "margin", "confidence", "loss"]
    assert {*(answers.streams[0].categories or ())} == {"bad", "fair", "good"}
    assert answers.about["accuracy"] == pytest.approx(several.metrics["accuracy"]["value"])
    assert several.reasons == ()


def test_regression_has_its_own_metrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The task follows from the label; it has its metrics and a plan, and says what it has not."""
    number, values = _trained(tmp_path, monkeypatch, "delay", "Regressor")
    assert (number.task, set(number.metrics)) == ("regression", {"mae", "rmse", "r2"})
    assert number.judgement.predicate["missing"]["roc_auc"] == "not available for regression"
    assert number.metrics["r2"]["low"] > 0.5
    assert [stream.name for stream in values.streams] == ["value", "loss"]
    assert (values.rows + values.pilot, values.stride, number.reasons) == (number.split.heldout_rows, 1, ())


def test_judgings_of_the_same_rows_are_counted(trained: tuple[TrainingProject, TrainResult]) -> None:
    """The second model judged on the same held-out rows says `judged` 2, and rests on the same two digests of rows."""
    here, first = trained
    again = run(here.project.workplace(), TrainSpec("late", time="when", params={"trees": 3}))
    assert [first.judged, again.judged] == [1, 2]
    assert first.split == again.split
    assert first.model != again.model


@pytest.mark.parametrize("wrote", ["joblib", pytest.param("onnx", marks=pytest.mark.nightly)])
def test_a_script_in_place_of_a_function(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrote: str) -> None:
    """A script reads $LOCKGATE_DATA and writes $LOCKGATE_OUT; a joblib file is converted in a second jail."""
    here = training_project(tmp_path, monkeypatch, "late")
    here.write(
        script=f"""
import json, os, joblib, pandas as pd
from sklearn.linear_model import LogisticRegression
data = pd.read_parquet(os.environ["LOCKGATE_DATA"])
assert data.equals(pd.read_parquet(os.environ["LOCKGATE_DATA"] + "/train.parquet"))
model = LogisticRegression(C=json.loads(os.environ["LOCKGATE_PARAMS"])["C"]).fit(data[["age", "sunny"]], data["late"])
out = os.environ["LOCKGATE_OUT"]
if {wrote!r} == "joblib":
    joblib.dump(model, out + "/model.joblib")
else:
    import skl2onnx
    from skl2onnx.common.data_types import FloatTensorType as F
    graph = skl2onnx.convert_sklearn(model, initial_types=[("X", F([None, 2]))], options={{"zipmap": False}})
    open(out + "/model.onnx", "wb").write(graph.SerializeToString())
"""
    )
    result = run(here.project.workplace(), TrainSpec("late", script="script.py", time="when", params={"C": 1.0}))
    io = serving.parse(here.project.data.read(result.io))
    assert [field.name for field in io.fields] == ["age", "sunny"]
    assert result.metrics["roc_auc"]["value"] > 0.8
    assert (result.fit["parity"] is None) == (wrote == "onnx")


TRAIN = "def train(data, params):\n    {}\n"
FAILURES = {
    "raises": ("x = 1\ndef train(data, params):\n    return {}['price']\n", "LG310", "train.py:3"),
    "does not parse": ("def train(data, params)\n    pass\n", "LG310", "train.py:1"),
    "returns nonsense": (TRAIN.format("return 42"), "LG311", "int"),
    "returns nothing": (TRAIN.format("pass"), "LG311", "returned nothing"),
    "is not fitted": (
        "from sklearn.linear_model import LogisticRegression\n" + TRAIN.format("return LogisticRegression()"),
        "LG311",
        "not fitted",
    ),
    "has no such function": ("def fit(data): pass\n", "LG301", "train"),
    "learns the answer": (
        "from sklearn.tree import DecisionTreeClassifier\n"
        + TRAIN.format("return DecisionTreeClassifier().fit(data[['age', 'late']], data['late'])"),
        "LG316",
        "among the features",
    ),
    "makes features in passing": (
        "from sklearn.tree import DecisionTreeClassifier\n"
        + TRAIN.format(
            "data['old'] = data['age'] > 60\n    return DecisionTreeClassifier().fit(data[['old']], data['late'])"
        ),
        "LG316",
        "'old'",
    ),
    "does not convert": (
        "from sklearn.pipeline import Pipeline\nfrom sklearn.preprocessing import FunctionTransformer\n"
        "from sklearn.linear_model import LogisticRegression\n"
        + TRAIN.format(
            "steps = [('f', FunctionTransformer(lambda x: x * 2, feature_names_out='one-to-one')), "
            "('m', LogisticRegression())]\n    return Pipeline(steps).fit(data[['age']], data['late'])"
        ),
        "LG338",
        "FunctionTransformer",
    ),
    "has a step of its own": (
        "from sklearn.base import BaseEstimator\nfrom sklearn.pipeline import make_pipeline\n"
        "from sklearn.linear_model import LogisticRegression\n"
        "class Doubled(BaseEstimator):\n"
        "    def fit(self, X, y=None): return self\n"
        "    def transform(self, X): return X * 2\n"
        + TRAIN.format("return make_pipeline(Doubled(), LogisticRegression()).fit(data[['age']], data['late'])"),
        "LG338",
        "doubled > Doubled: ",
    ),
    "needs a package": ("import no_such_package.part\n" + TRAIN.format("pass"), "LG310", "No module named"),
    "learns something made of the label": (
        "from sklearn.tree import DecisionTreeClassifier\n"
        + TRAIN.format("return DecisionTreeClassifier().fit(data[['age']], data['late'].map({True: 'y', False: 'n'}))"),
        "LG311",
        "'n', 'y', and the label 'late' has False, True",
    ),
    "leaves without a word": ("import os\n" + TRAIN.format("os._exit(3)"), "LG323", "exit code 3"),
}


IN_A_JAIL = ("raises", "learns the answer", "leaves without a word")
"""One of each way out of the jail: the code's own error, a refusal of ours, no word at all."""


@pytest.fixture(name="once_split", scope="module")
def _once_split(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TrainingProject, tuple[Split, JailReport]]:
    """A project to fail in, whose rows were split in a jail."""
    home = tmp_path_factory.mktemp("split")
    with pytest.MonkeyPatch.context() as patch:
        here = training_project(home, patch, "late", compared=True)
        place = here.project.workplace()
        with place.scratch() as scratch:
            return home, here, steps.split(place, TrainSpec("late"), place.python(), here.accepted, scratch)


@pytest.fixture(name="to_fail")
def _to_fail(
    once_split: tuple[Path, TrainingProject, tuple[Split, JailReport]], monkeypatch: pytest.MonkeyPatch
) -> TrainingProject:
    """That project; whoever trains in it gets the two parts that are there."""
    home, here, parts = once_split
    at_home(home, monkeypatch)
    monkeypatch.setattr(steps, "split", lambda *_: parts)
    return here


@pytest.mark.parametrize(
    "what", [name if name in IN_A_JAIL else pytest.param(name, marks=pytest.mark.nightly) for name in FAILURES]
)
def test_each_way_to_fail_is_its_own_finding(to_fail: TrainingProject, what: str) -> None:
    """A finding with the user's file and line, exit code 1, a next command, and nothing signed."""
    code, finding, words = FAILURES[what]
    to_fail.write(train=code)
    before = len(to_fail.project.ledger.statements())
    with pytest.raises(Refused) as raised:
        run(to_fail.project.workplace(), TrainSpec("late"))
    assert raised.value.finding == finding, raised.value.message
    assert words in raised.value.message
    assert raised.value.next
    assert len(to_fail.project.open_ledger().statements()) == before
    assert list((to_fail.project.home / "state" / "tmp").iterdir()) == []


@pytest.mark.parametrize("what", [name for name in FAILURES if name not in IN_A_JAIL])
def test_the_jails_code_names_each_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """The same findings from the jail's own code, here without a jail: each is one that the host accepts of it."""
    code, finding, words = FAILURES[what]
    (tmp_path / "train.py").write_text(code, encoding="utf-8")
    (tmp_path / "train.parquet").write_bytes(parquet(rows(), "late"))
    monkeypatch.setattr(users_code, "JOB", tmp_path)
    monkeypatch.setitem(sys.modules, "train", sys)  # what is loaded in its place goes away afterwards
    spec = TrainSpec("late")
    task = {"function": spec.function, "params": {}, "task": spec.task, "parity": spec.parity}
    known = frame.read(tmp_path / "train.parquet", "late")
    with pytest.raises(LockgateError) as raised:
        fit.finish(fit.called(task, known), known, task)
    told = parse_finding(encode_finding(raised.value), rules.FIT_FINDINGS)
    assert (told.finding, words in told.message, told.next != "") == (finding, True, True), told.message


LIMITS = {
    "goes on for ever": ("__import__('time').sleep(99)", Limits(wall_seconds=6), "LG318"),
    "eats all memory": ("x = [bytearray(1 << 26) for _ in range(400)]", Limits(memory=700 << 20), "LG317"),
    "writes too much": ("open('/out/x', 'wb').write(bytes(9 << 20))", Limits(output_bytes=8 << 20), "LG319"),
    "prints too much": ("[print('x' * 9999) for _ in range(999)]", Limits(talk_bytes=1 << 20), "LG321"),
}


@pytest.mark.parametrize("what", LIMITS)
def test_each_limit_is_its_own_finding(to_fail: TrainingProject, what: str) -> None:
    """What does not end, a bomb and a flood end at their limits and are told apart."""
    code, limits, finding = LIMITS[what]
    to_fail.write(train=TRAIN.format(code))
    with pytest.raises(Refused) as raised:
        run(to_fail.project.workplace(), TrainSpec("late", limits=limits))
    assert raised.value.finding == finding, (raised.value.message, raised.value.seen)


def test_without_accepted_rows_nothing_is_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No validate statement, one that failed, one of another snapshot, rows with a flipped byte: each refused."""
    here = training_project(tmp_path, monkeypatch, "late")
    here.write(train=TREES.format(kind="Classifier", label="late"))
    project = here.project
    place = project.workplace()

    def finding() -> tuple[type[LockgateError], str]:
        with pytest.raises(LockgateError) as raised:
            run(place, TrainSpec("late"))
        return type(raised.value), raised.value.finding

    captured = digest_of(b"snapshot " + project.data.read(here.accepted))
    project.record("validator", here.validated(snapshot=digest_of(b"another project's")))
    assert finding() == (Refused, "LG302")
    project.record("validator", here.validated(snapshot=captured, result="FAILED"))
    assert finding() == (Refused, "LG302")
    project.record("validator", here.validated(snapshot=captured))
    path = project.data.path(here.accepted)
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    assert finding() == (VerificationFailed, "LG802")
