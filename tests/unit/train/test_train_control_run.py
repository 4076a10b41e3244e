"""How a run of train weighs what the control and the split say. The jails' answers are given; the rest is real."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lockgate.audit import joins
from lockgate.audit.evidence import Evidence
from lockgate.core.control_words import control_line
from lockgate.core.digest import digest_of
from lockgate.core.statement import TEST_RESULT, Statement, Subject
from lockgate.core.verdict import Level
from lockgate.errors import Refused, VerificationFailed
from lockgate.pipeline.unchanged import changed_training
from lockgate.project.pages import ModelPage
from lockgate.register.card import card
from lockgate.register.spec import Words
from lockgate.sandbox.report import JailReport, Probe
from lockgate.train import control, featuring, parity_judged, steps
from lockgate.train.control import Control
from lockgate.train.jails import Trained
from lockgate.train.parity_judged import Judged
from lockgate.train.run import run
from lockgate.train.spec import Denied, Doubts, Featured, Leak, Split, TrainSpec
from tests.support.project import IO, at_home
from tests.support.training import TrainingProject, rows, training_project

TRAIN, HELDOUT = digest_of(b"training rows"), digest_of(b"held-out rows")
POLICY = """version = 1
[environment.dev]
[environment.prod]
[environment.prod.screen]
leak = "enforce"
[environment.blind.screen]
leak = "off"
"""
BEYOND = Leak(60, 200, 0.0, beyond=True)
PHONED = Denied("network", "evil.invalid", "", "train.py:3")
PROBES = (Probe("user", "identity", True, "65534"),)
REPORT = JailReport("none", "train", digest_of(b"settings"), PROBES, {})


@pytest.fixture(name="once", scope="module")
def _once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TrainingProject]:
    home = tmp_path_factory.mktemp("weighed")
    with pytest.MonkeyPatch.context() as patch:
        here = training_project(home, patch, "late", rows(20), policy=POLICY)
        here.write(train="def train(data, params):\n    return None\n")
        return home, here


@pytest.fixture(name="here")
def _here(once: tuple[Path, TrainingProject], monkeypatch: pytest.MonkeyPatch) -> TrainingProject:
    """A project in which the jails answer at once."""
    home, here = once
    at_home(home, monkeypatch)
    fit = {"estimator": "Tree", "task": "binary", "rows": 10, "parity": None, "versions": {}}
    metrics = {"accuracy": {"value": 0.9, "low": 0.8, "high": 0.95}}
    judged = {"task": "binary", "rows": 200, "metrics": metrics, "missing": {}, "slices": []}
    made = {name: here.project.data.put(data) for name, data in (("model.onnx", b"a model"), ("io.json", IO))}
    monkeypatch.setattr(steps, "fit", lambda *_: Trained({}, b"", REPORT, ()))
    monkeypatch.setattr(steps, "keep", lambda *_: (fit, made))
    monkeypatch.setattr(steps, "judge", lambda *_: (judged, REPORT, None))
    return here


def _split(monkeypatch: pytest.MonkeyPatch, leak: Leak | None = None) -> None:
    found = Split("time", "when", None, TRAIN, 800, HELDOUT, 200, leak)
    monkeypatch.setattr(steps, "split", lambda *_: (found, REPORT))


@pytest.mark.parametrize(("environment", "told"), [("dev", ["LG332"]), ("blind", [])])
def test_rows_on_both_sides_are_told(
    here: TrainingProject, monkeypatch: pytest.MonkeyPatch, environment: str, told: list[str]
) -> None:
    """A warning with the numbers, unless the policy does not want to know; the statement has them either way."""
    _split(monkeypatch, BEYOND)
    result = run(here.project.workplace(environment), TrainSpec("late", time="when"))
    about = [reason for reason in result.reasons if reason.finding == "LG332"]
    assert [(reason.finding, reason.level) for reason in about] == [(each, Level.WARN) for each in told]
    inside = result.evidence.predicate["buildDefinition"]["internalParameters"]
    assert inside["leak"] == {"rows": 60, "of": 200, "by_chance": 0.0, "beyond": True}


def test_rows_on_both_sides_are_refused_where_the_policy_enforces(
    here: TrainingProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is trained, and nothing is signed; rows that come back by chance pass."""
    _split(monkeypatch, BEYOND)
    monkeypatch.setattr(steps, "fit", lambda *_: pytest.fail("trained"))
    before = len(here.project.ledger.statements())
    with pytest.raises(Refused) as raised:
        run(here.project.workplace("prod"), TrainSpec("late"))
    assert raised.value.finding == "LG332"
    assert len(here.project.ledger.statements()) == before
    monkeypatch.setattr(steps, "fit", lambda *_: Trained({}, b"", REPORT, ()))
    _split(monkeypatch, Leak(180, 200, 0.9, beyond=False))
    assert "LG332" not in {one.finding for one in run(here.project.workplace("prod"), TrainSpec("late")).reasons}


def test_what_only_the_controls_training_tried_counts(here: TrainingProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tainted statement with the attempt under dev, refused under prod: code may not wait until it is not watched."""
    _split(monkeypatch)
    fact = {"screen": "x", "left_out": 3, "rows": 3, "why": "z"}
    clean = Control(fact, denied=(PHONED,), jails={"control train": REPORT.as_json()})
    monkeypatch.setattr(control, "run", lambda *_, **__: clean)
    result = run(here.project.workplace(), TrainSpec("late"))
    inside = result.evidence.predicate["buildDefinition"]["internalParameters"]
    assert (inside["denied"], inside["tainted"]) == ([PHONED.as_json()], True)
    assert set(inside["jails"]) == {"split", "train", "control train"}
    assert result.reasons[0].finding == "LG325"
    assert result.judgement.predicate["control"] == fact
    with pytest.raises(Refused) as raised:
        run(here.project.workplace("prod"), TrainSpec("late"))
    assert raised.value.finding == "LG330"


@pytest.mark.parametrize("jail", ["features", "parity", "train"])
def test_what_code_tried_beside_held_out_rows_is_told_and_not_signed(
    here: TrainingProject, monkeypatch: pytest.MonkeyPatch, jail: str
) -> None:
    """It counts, taints and is shown to the person at work; its words, which may be a row's, stay out of the statement.

    What training tried, which saw no such row, is signed word for word.
    """
    _split(monkeypatch)
    seen = Denied("file", "/late=1,age=36", "", "features.py:3")
    if jail == "features":
        monkeypatch.setattr(featuring, "heldout", lambda *_: Featured(denied=(seen,)))
    elif jail == "parity":
        found = Judged({"judged": None, "why": "x"}, denied=(seen,))
        monkeypatch.setattr(parity_judged, "beside", lambda *given: (given[-1](), found))
    else:
        monkeypatch.setattr(steps, "fit", lambda *_: Trained({}, b"", REPORT, (seen,)))
    result = run(here.project.workplace(), TrainSpec("late"))
    inside = result.evidence.predicate["buildDefinition"]["internalParameters"]
    assert ([one["what"] for one in inside["denied"]], inside["tainted"]) == (["file"], True)
    assert ("age=36" in str(result.evidence.predicate)) == (jail == "train")
    assert "age=36" not in str(result.judgement.predicate)
    assert (result.denied, result.reasons[0].finding) == ((seen,), "LG325")
    assert "age=36" in result.reasons[0].message


def test_a_screen_that_doubts_other_rows_than_it_says_is_refused(
    here: TrainingProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is trained: file and statement are both signed for, and one of them is wrong."""
    stated = here.doubt(_flags([0] * 19 + [1]))
    screen = joins.doubts(stated)
    assert screen is not None
    found = Split("hash", "", None, TRAIN, 800, HELDOUT, 200, doubts=Doubts(screen, 2, HELDOUT, 2, TRAIN))
    monkeypatch.setattr(steps, "split", lambda *_: (found, REPORT))
    monkeypatch.setattr(steps, "fit", lambda *_: pytest.fail("trained"))
    with pytest.raises(VerificationFailed) as raised:
        run(here.project.workplace(), TrainSpec("late"))
    assert raised.value.finding == "LG335"


def test_a_run_is_anew_when_what_is_doubted_changes(here: TrainingProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when a control is switched on or off; without doubts on either side nothing is done again."""
    _split(monkeypatch)
    here.doubt(_flags([0] * 20))
    place = here.project.workplace()
    first, off = (run(place, TrainSpec("late", control=each)).evidence for each in ("flagged", "off"))
    flags = [0] * 19 + [1]
    assert not changed_training(first, TrainSpec("late"), here.project.workplace())
    here.doubt(_flags(flags))
    assert changed_training(first, TrainSpec("late"), here.project.workplace())
    assert not changed_training(off, TrainSpec("late", control="off"), here.project.workplace())
    assert changed_training(off, TrainSpec("late"), here.project.workplace())
    here.doubt(_flags(flags), _flags(flags) > 0)
    assert not changed_training(first, TrainSpec("late"), here.project.workplace())


def _flags(flags: list[int]) -> Any:
    return np.array(flags, np.uint16)


FULL = {
    "left_out": 1030,
    "rows": 1200,
    "flagged": {"changed": {"value": 0.97}, "elsewhere": {"value": 0.011}},
    "kept": 0.98,
    "control_kept": 0.02,
    "headline": "roc_auc",
    "difference": {"roc_auc": {"value": -0.004, "low": -0.009, "high": 0.001}},
    "without": {"metrics": {"roc_auc": {"value": 0.871}}},
}

TOLD = (
    "clean control without 1,030 doubtful rows: it answers 97% of the 1,200 otherwise (1.1% of others), the doubted "
    "label to 2%, this model to 98%; roc_auc of this model is -0.004 [-0.009, +0.001] off the control's; roc_auc 0.871 "
    "on the held-out rows that nobody doubts"
)


@pytest.mark.parametrize(("took", "finding"), [(600.0, "LG312"), (601.0, "LG333")])
def test_no_second_training_where_the_first_took_long(
    took: float, finding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond [train] control_time none is begun, and that is said; within it, it is."""

    def tried(*_: Any) -> Any:
        raise Refused("LG312", "here the second training begins", next="")

    monkeypatch.setattr(control, "_train", tried)
    doubts = Doubts(TRAIN, 3, HELDOUT, 3, TRAIN)
    recipe: Any = SimpleNamespace(spec=TrainSpec("late"), split=SimpleNamespace(doubts=doubts, train_rows=800))
    place: Any = SimpleNamespace(scratch=lambda: nullcontext(Path()), say=lambda _: None)
    python: Any = None
    found = control.run(place, recipe, python, {}, took=took)
    assert [one.finding for one in found.reasons] == ["LG333"]
    assert ("LG312" in str(found)) is (finding == "LG312")
    assert ("control_time is 600 s" in str(found.fact)) is (finding == "LG333")


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (FULL, TOLD),
        ({**FULL, "why": "no luck"}, "no clean control without 1,030 doubtful rows: no luck"),
        ({"left_out": 0, "rows": 2, "without": None}, "2 doubtful rows, none of which training saw"),
        ({"left_out": 1, "rows": 2}, "clean control without 1 doubtful row: "),
        ({"left_out": "1", "rows": 2}, ""),
        (None, ""),
        (7, ""),
    ],
)
def test_what_a_person_reads(found: Any, says: str) -> None:
    """One line with the numbers that matter; of an old statement, or one out of form, nothing."""
    assert control_line({"control": found}) == says
    assert control_line({}) == ""


def test_the_models_page_and_card_tell_it() -> None:
    """Where there was a control; those of models from before have no word of it."""
    page = ModelPage("m@1", TRAIN, "binary", "now", (), (), {}, (), 1, (), revoked=False, control=FULL)
    assert TOLD in str(page.text())
    assert page.as_json()["control"] == FULL
    assert "control" not in str(replace(page, control={}).text())
    said: dict[str, Any] = {"validate": {}, "ingest": {}, "train": {}, "judge": {"control": FULL}}
    heads = {claim: _evidence(claim, each) for claim, each in said.items()}
    told = card("m", Words(), heads)
    assert "Doubtful rows: clean control without 1,030 doubtful rows: it answers 97% of the" in told
    assert "oubtful" not in card("m", Words(), {**heads, "judge": _evidence("judge", {})})


def _evidence(claim: str, said: dict[str, Any]) -> Evidence:
    statement = Statement((Subject("model.onnx", TRAIN),), TEST_RESULT, said)
    return Evidence(1, TRAIN, b"", statement, claim, claim, "mara", "k", datetime(2026, 11, 26, tzinfo=UTC))
