"""Training with inputs and attachments, and its recorded run done again: real log, real jails, one project for all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lockgate.audit.evidence import Evidence
from lockgate.audit.gate import jail_level
from lockgate.audit.heads import head_statement
from lockgate.contract.inputs import Wanted, dependency
from lockgate.core.digest import digest_of
from lockgate.core.moments import rfc3339
from lockgate.core.statement import Statement, Subject
from lockgate.errors import LockgateError, Refused, Usage, VerificationFailed
from lockgate.pipeline.stages import _judgement_of
from lockgate.pipeline.unchanged import changed_training, stands
from lockgate.project.runs import write_attachments
from lockgate.train import attachments, rules
from lockgate.train.reproduce import reproduce
from lockgate.train.run import run
from lockgate.train.spec import TrainResult, TrainSpec
from tests.support.training import TrainingProject, training_project

CODE = """
import os, random
from pathlib import Path
from sklearn.linear_model import LogisticRegression

def train(data, params):
    inputs, out = Path(os.environ["LOCKGATE_DATA"]), Path(os.environ["LOCKGATE_OUT"])
    weight = float((inputs / "weight.txt").read_text())
    for forbidden in (inputs / "weight.txt", inputs / "new.txt"):
        try:
            forbidden.write_text("99")
            print("WROTE", forbidden)
        except OSError:
            pass
    (out / "plots").mkdir()
    (out / "plots" / "loss.svg").write_text("<svg/>")
    (out / "table.csv").write_text("a,b\\n1,2\\n")
    (out / "link").symlink_to("/etc/passwd")
    print("seeded", random.random(), hash("text"), os.environ["LOCKGATE_SEED"])
    return LogisticRegression(C=weight * params["C"]).fit(data[["age", "sunny"]], data["late"])
"""
WEIGHT = b"0.5"
INPUT = Wanted("weight.txt", "weights/weight.txt", digest_of(WEIGHT))
SPEC = TrainSpec("late", params={"C": 2.0}, seed=11, inputs=(INPUT,))


def with_inputs(here: TrainingProject, *entries: dict[str, Any]) -> Evidence:
    """Ingest's statement about the same snapshot, which names inputs too."""
    head = here.project.ledger.head("ingest")
    assert head is not None
    definition = head.predicate["buildDefinition"]
    listed = [*definition["resolvedDependencies"], *entries]
    changed = {**head.predicate, "buildDefinition": {**definition, "resolvedDependencies": listed}}
    return here.project.record("ingester", replace(head.statement, predicate=changed))


@pytest.fixture(name="here", scope="module")
def _here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrainingProject]:
    with pytest.MonkeyPatch.context() as patch:
        here = training_project(tmp_path_factory.mktemp("project"), patch, "late")
        here.write(train=CODE)
        here.project.data.put(WEIGHT)
        with_inputs(here, dependency("weight.txt", INPUT.sha256, bytes=len(WEIGHT)))
        yield here


@pytest.fixture(name="trained", scope="module")
def _trained(here: TrainingProject) -> TrainResult:
    return run(here.project.workplace(), SPEC)


def test_an_input_is_there_read_only_and_named(here: TrainingProject, trained: TrainResult) -> None:
    """Training read it, could not write it or beside it, and the statement names it by its digest."""
    assert [line for line in here.project.said if "WROTE" in line] == []
    listed = trained.evidence.predicate["buildDefinition"]["resolvedDependencies"]
    assert [each for each in listed if each["name"] == "input/weight.txt"] == [dependency("weight.txt", INPUT.sha256)]
    assert trained.evidence.predicate["buildDefinition"]["externalParameters"]["inputs"] == [INPUT.as_json()]


def test_what_is_written_beside_the_model_is_an_attachment(here: TrainingProject, trained: TrainResult) -> None:
    """Stored by digest, named among the byproducts as untrusted, never a subject; a link is left behind and told."""
    found = {one.name: here.project.data.read(one.digest) for one in trained.attachments.kept}
    assert found == {"plots/loss.svg": b"<svg/>", "table.csv": b"a,b\n1,2\n"}
    assert trained.attachments.left == {"link": "not a regular file"}
    said = trained.evidence.predicate
    assert rules.attachments_of(said) == trained.attachments.kept
    assert said["buildDefinition"]["internalParameters"]["left_behind"] == {"link": "not a regular file"}
    named = [each for each in said["runDetails"]["byproducts"] if each["name"].startswith("attachment/")]
    assert [each["annotations"]["untrusted"] for each in named] == [True, True]
    assert {subject.name for subject in trained.evidence.statement.subjects} == {"model.onnx", "io.json", "fit.json"}


def test_attachments_are_taken_out_into_a_new_folder_only(
    here: TrainingProject, trained: TrainResult, tmp_path: Path
) -> None:
    """The signed bytes, not executable; a folder that is there is left alone; a stored file that changed is noticed."""
    folder = tmp_path / "new"
    found = write_attachments(trained.evidence, here.project.data, folder)
    assert [one.name for one in found] == ["plots/loss.svg", "table.csv"]
    assert (folder / "plots/loss.svg").read_bytes() == b"<svg/>"
    assert (folder / "table.csv").stat().st_mode & 0o777 == 0o600
    with pytest.raises(Usage) as raised:
        write_attachments(trained.evidence, here.project.data, folder)
    assert raised.value.finding == "LG382"
    changed = here.project.data.path(found[1].digest)
    changed.chmod(0o644)
    changed.write_bytes(b"a,b\n1,3\n")
    with pytest.raises(VerificationFailed) as noticed:
        write_attachments(trained.evidence, here.project.data, tmp_path / "other")
    assert noticed.value.finding == "LG802"
    changed.write_bytes(b"a,b\n1,2\n")


def test_a_changed_input_or_device_is_another_training(here: TrainingProject, trained: TrainResult) -> None:
    """What is skipped is exactly what was done: other inputs, none, or a GPU are done anew."""
    here.write(train=CODE)
    place = here.project.workplace()
    assert changed_training(trained.evidence, SPEC, place) == ()
    for other in (
        replace(SPEC, inputs=()),
        replace(SPEC, inputs=(replace(INPUT, sha256=digest_of(b"1.5")),)),
        replace(SPEC, inputs=(replace(INPUT, name="other.txt"),)),
        replace(SPEC, gpu=True),
        replace(SPEC, seed=12),
        replace(SPEC, params={"C": 2}),
    ):
        assert changed_training(trained.evidence, other, place)


def test_a_database_that_was_not_asked_is_another_training(here: TrainingProject, trained: TrainResult) -> None:
    """Named after the run, it would else pass for clean without being looked at."""
    here.write(train=CODE)
    place = here.project.workplace()
    (place.root / "all.zip").write_bytes(b"a database")
    assert changed_training(trained.evidence, SPEC, place, "all.zip")
    body = dict(trained.evidence.predicate["buildDefinition"])
    inside = dict(body["internalParameters"])
    inside["environment"] = {**inside["environment"], "osv": {"digest": digest_of(b"a database")}}
    statement = trained.evidence.statement
    predicate = {**statement.predicate, "buildDefinition": {**body, "internalParameters": inside}}
    asked = replace(trained.evidence, statement=replace(statement, predicate=predicate))
    assert changed_training(asked, SPEC, place, "all.zip") == ()
    (place.root / "all.zip").write_bytes(b"a newer database")
    assert changed_training(asked, SPEC, place, "all.zip")


def test_what_was_done_in_a_weaker_jail_is_done_anew(
    here: TrainingProject, trained: TrainResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A statement of level 3 stands; the same one of level 2 does not, where the policy asks for 3."""
    assert trained.probes > 0
    place = here.project.workplace()
    for role, claim, said in (("trainer", "train", trained.evidence), ("judge", "judge", trained.judgement)):
        if place.ledger.head(claim) != said:  # another test has said something since: go back to what was trained
            here.project.record(role, head_statement(claim, said.digest, time=rfc3339(place.now()), reason="back"))
    assert stands(place, "train", lambda _: ()).head is not None
    judged = place.ledger.head("judge")
    assert judged is not None
    assert (judged.predicate["train"], jail_level(judged), place.least_jail_level) == (trained.evidence.digest, 3, 3)
    assert _judgement_of(place, trained.evidence, SPEC) is not None
    for module in ("unchanged", "stages"):
        monkeypatch.setattr(f"lockgate.pipeline.{module}.jail_level", lambda _: 2)
    assert stands(place, "train", lambda _: ()).head is None
    assert _judgement_of(place, trained.evidence, SPEC) is None


@pytest.mark.parametrize(
    ("sizes", "kept", "left"),
    [
        ({"b": 1, "a": 2}, ("a", "b"), {}),
        ({"a": 64 << 20, "b": 1}, ("a",), {"b": "more than 64 MiB"}),
        ({"a": (64 << 20) + 1, "b": 1}, ("b",), {"a": "more than 64 MiB"}),
        ({f"{n:03}": 1 for n in range(101)}, tuple(f"{n:03}" for n in range(100)), {"100": "more than 100 files"}),
    ],
)
def test_attachments_are_bounded(sizes: dict[str, int], kept: tuple[str, ...], left: dict[str, str]) -> None:
    """In number and in bytes; what is left behind is told, with the reason."""
    assert attachments.choose(sizes, {}) == (kept, left)
    assert attachments.choose({}, {"l\x1bnk": "not a regular file"}) == ((), {"l?nk": "not a regular file"})


def test_a_run_is_reproduced_from_what_is_stored(here: TrainingProject, trained: TrainResult) -> None:
    """With another folder, the same bytes: the judge signs it, both provenances are named, and no head has moved."""
    here.write(train="def train(data, params):\n    raise SystemExit('the folder is not what was recorded')\n")
    ledger = here.project.ledger
    heads = [ledger.head(claim) for claim in ("ingest", "validate", "train", "judge", "register")]

    found = reproduce(here.project.workplace(), trained.evidence)

    assert (found.ok, found.outcome.reproduced, found.outcome.differs) == (True, "bytes", ())
    assert found.changed == {}
    evidence = here.project.open_ledger().statements("reproduce")[-1]
    said = evidence.predicate
    assert (evidence.role, said["result"], said["passedTests"]) == ("judge", "PASSED", ["bytes"])
    assert (said["train"], said["judge"]) == (trained.evidence.digest, trained.judgement.digest)
    assert evidence.statement.is_about(trained.model)
    rerun = here.project.data.read(said["rerun"])
    assert trained.model[7:].encode() in rerun
    assert [ledger.head(claim) for claim in ("ingest", "validate", "train", "judge", "register")] == heads
    seeded = [line for line in here.project.said if line.startswith("seeded")]
    assert (len(seeded) >= 2, len(set(seeded)), seeded[0].endswith(" 11")) == (True, 1, True)


def test_a_model_that_the_code_does_not_make_is_found_out(here: TrainingProject, trained: TrainResult) -> None:
    """A trainer signs another, better model than its code makes: bytes and metrics differ, and the judge says so."""
    other = here.project.data.put(b"another model")
    statement = trained.evidence.statement
    subjects = tuple(Subject(s.name, other if s.name == "model.onnx" else s.digest) for s in statement.subjects)
    lie = here.project.record("trainer", Statement(subjects, statement.predicate_type, statement.predicate))
    metrics = {**trained.metrics, "roc_auc": {"value": 0.99999}}
    judged = replace(
        trained.judgement.statement,
        predicate={**trained.judgement.predicate, "train": lie.digest, "metrics": metrics},
    )
    here.project.record("judge", judged)

    found = reproduce(here.project.workplace(), lie)

    assert (found.outcome.reproduced, found.outcome.differs) == ("no", ("model.onnx",))
    assert (found.ok, found.outcome.beyond) == (False, ("roc_auc",))
    assert found.evidence.predicate["result"] == "FAILED"
    assert found.evidence.predicate["metrics"]["roc_auc"]["again"] == trained.metrics["roc_auc"]["value"]


def test_without_the_recorded_inputs_nothing_is_compared(here: TrainingProject, trained: TrainResult) -> None:
    """A stored file that is gone is named; a statement that says too little is refused; nothing is signed."""
    signed = len(here.project.ledger.statements())

    def finding(evidence: Evidence) -> tuple[str, str]:
        with pytest.raises(LockgateError) as raised:
            reproduce(here.project.workplace(), evidence)
        return raised.value.finding, raised.value.message

    place = here.project.data.path(INPUT.sha256)
    away = place.rename(place.with_suffix(".away"))
    assert finding(trained.evidence) == (
        "LG380",
        "input/weight.txt of the recorded run is not in the data store any more",
    )
    away.rename(place)
    definition = trained.evidence.predicate["buildDefinition"]
    parameters = {**definition["externalParameters"], "closure": digest_of(b"other code")}
    changed = {**trained.evidence.predicate, "buildDefinition": {**definition, "externalParameters": parameters}}
    lie = replace(trained.evidence, statement=replace(trained.evidence.statement, predicate=changed))
    assert finding(lie)[0] == "LG380"
    assert len(here.project.ledger.statements()) == signed


@pytest.mark.parametrize(
    "which", ["unsigned", "another digest", "a source of rows", "the snapshot", "the accepted rows"]
)
def test_an_input_that_ingest_did_not_sign_or_that_holds_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    """Refused before any jail starts: what is not signed, and every file that would show the held-out rows."""
    here = training_project(tmp_path, monkeypatch, "late")
    here.write(train=CODE)
    rows, snapshot = digest_of(b"rows"), here.project.ledger.head("ingest")
    assert snapshot is not None
    digest = {
        "a source of rows": rows,
        "the snapshot": snapshot.statement.subjects[0].digest,
        "the accepted rows": here.accepted,
    }.get(which, INPUT.sha256)
    source = {"name": "input/x", "digest": {"sha256": rows[7:]}, "annotations": {"rows": 3}}
    entries = [source] if which == "unsigned" else [source, dependency("x", digest)]
    here.project.data.put(b"rows")
    with_inputs(here, *entries)
    wanted = Wanted("x", "x", digest_of(b"other") if which == "another digest" else digest)
    with pytest.raises(Refused) as raised:
        run(here.project.workplace(), replace(SPEC, inputs=(wanted,)))
    expected = "LG372" if which in ("unsigned", "another digest") else "LG373"
    assert (raised.value.finding, here.project.said) == (expected, []), raised.value.message
