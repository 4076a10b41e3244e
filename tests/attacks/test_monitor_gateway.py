"""Threat: monitoring is blinded, or turned against who answers: by files, by rows, by words on alarms.

A gateway believes no plan that is not the registered one; what it counts is in the log, row for row; and whatever
becomes of its monitoring, it answers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from lockgate.audit.alarm_told import alarm_statement
from lockgate.audit.alarms import Accepted
from lockgate.audit.lives import standing_alarms
from lockgate.audit.log import Log
from lockgate.core.digest import Digest, hex_of
from lockgate.core.moments import rfc3339
from lockgate.core.record_kinds import AnyRecord, RequestRecord, parse_any
from lockgate.core.record_window import WindowRecord
from lockgate.core.records import PredictionRecord
from lockgate.core.statement import ACKNOWLEDGEMENT, Statement, Subject, claim_uri
from lockgate.deploy.run import deploy
from lockgate.deploy.spec import DeploySpec
from lockgate.errors import LockgateError
from lockgate.monitor import judged, making, outputs
from lockgate.monitor.plan import INPUTS, OUTPUTS, parse_plan
from lockgate.serve.shelf import Shelf
from lockgate.serve.spec import Caps
from lockgate.serve.watching import Library
from lockgate.supervise.sealing import Sealing
from tests.support.project import POLICY, register_here
from tests.support.serving import CODE, SPEC, ServableProject, Serving, model, servable_project, serving

ABSTAIN = '[environment.dev.monitor]\non_alarm = "abstain"\nabstain_below = 0.5\n'
ROWS = 2000


def rows(count: int, seed: int) -> tuple[Any, Any]:
    """Distances and carriers, as the reference has them."""
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 5000, count), np.array(["AA", "UA"], object)[rng.integers(0, 2, count)]


def plans() -> tuple[bytes, bytes]:
    """What is watched of the model that `serving.model` makes."""
    distance, carrier = rows(ROWS, 1)
    late = 1 / (1 + np.exp(-(distance - 1000) / 100))
    said = [{"label": bool(one > 0.5), "scores": {"false": 1 - one, "true": one}} for one in late]
    wrong = (np.random.default_rng(2).random(ROWS) < 0.1).astype(float)
    asked = making.make({"distance": distance, "carrier": carrier}, {"distance": "float", "carrier": "string"}, seed=3)
    columns = outputs.from_predictions("binary", (False, True), said)
    return asked.encode(), judged.make(columns, "binary", wrong, seed=3).encode()


def planned(project: ServableProject, monkeypatch: pytest.MonkeyPatch, monitored: tuple[bytes, bytes]) -> None:
    """A live model with these plans in its closure."""
    project.candidate(1000.0, model=model(1000.0), io=SPEC.encode(), code=CODE, monitored=monitored)
    registered = register_here(project, monkeypatch)
    deploy(project.workplace(), DeploySpec(registered.registration.ref, "dev"))


@pytest.fixture(name="up", scope="module")
def _up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A house that is asked what the reference says, a window at a time."""
    with pytest.MonkeyPatch.context() as patch:
        project = servable_project(tmp_path_factory.mktemp("watched"), patch)
        planned(project, patch, plans())
        client = {"rate": 1e6, "burst": 100_000, "actions": ("predict", "label", "metrics")}
        with serving(project, client=client, caps=Caps(window_rows=200)) as found:
            yield found


def ask(up: Serving, count: int, seed: int) -> list[str]:
    """Rows like those of the reference; their receipts."""
    records = [{"distance": float(one), "carrier": other} for one, other in zip(*rows(count, seed), strict=True)]
    answer = up.predict({"records": records})
    assert answer.status_code == 200, answer.text
    receipts: list[str] = answer.json()["receipts"]
    return receipts


def counted(up: Serving) -> dict[str, float]:
    """What the gateway says of its monitoring."""
    found = {}
    for line in up.send("GET", "/metrics").text.splitlines():
        if line.startswith(("lockgate_monitor", "lockgate_estimated")):
            name, value = line.rsplit(" ", 1)
            found[name.replace('gateway="0",model="flights@1"', "")] = float(value)
    return found


def wait(up: Serving, name: str, least: float) -> None:
    """Until a metric is at least that."""
    deadline = time.monotonic() + 120
    while counted(up).get(name, 0.0) < least:
        assert time.monotonic() < deadline, (name, counted(up), up.said)
        time.sleep(0.05)


def records(up: Serving) -> list[AnyRecord]:
    """What is in the signed log."""
    sealing = Sealing.of(up.project.workplace())
    log = Log.open(up.project.home / "log/predictions", public_key=sealing.public, origin=sealing.origin)
    return [parse_any(entry) for entry in log.entries(0, log.size)]


def _flood(up: Serving) -> None:
    before = counted(up)
    body = {"records": [{"distance": 0.0, "carrier": "AA"}] * 10_000}
    for _ in range(3):
        assert up.predict(body).status_code == 200
    assert up.predict().status_code == 200
    skipped = 'lockgate_monitor_rows_total{,what="skipped"}'
    wait(up, skipped, before.get(skipped, 0.0) + 20_000)


def test_what_was_answered_is_counted_in_the_log_and_a_flood_costs_nobody_an_answer(up: Serving) -> None:
    """Each window after the records of its rows; a row in one bin of each stream; labels as they come.

    Of thousands of crafted rows at once so many a second are looked at; the others are told as skipped, and answered.
    """
    metric = 'lockgate_monitor_rows_total{,what="counted"}'
    receipts: list[str] = []
    deadline = time.monotonic() + 120
    while counted(up).get(metric, 0.0) < 600:
        assert time.monotonic() < deadline, up.said
        receipts += ask(up, 100, len(receipts))
        time.sleep(0.05)
    labels = [{"receipt": receipt, "label": False} for receipt in receipts]
    assert up.send("POST", "/feedback", json={"feedback": labels}).status_code == 202
    assert counted(up)["lockgate_estimated_accuracy{}"] == pytest.approx(0.9, abs=0.06)
    assert counted(up)["lockgate_monitor_alarms{}"] == 0
    deadline = time.monotonic() + 120
    while not any(one.labelled for one in records(up) if isinstance(one, WindowRecord)):
        assert time.monotonic() < deadline, up.said
        ask(up, 100, int(time.monotonic() * 100))
        time.sleep(0.3)
    answered = seen = labelled = 0
    for one in records(up):
        if isinstance(one, PredictionRecord | RequestRecord):
            answered += 1 if isinstance(one, PredictionRecord) else len(one.inputs)
        if isinstance(one, WindowRecord):
            seen += one.seen
            labelled += one.labelled
            assert seen <= answered
            assert (one.rows, one.dropped, one.life, one.rung) == (200, 0, 0, "live")
            assert {sum(counts) for _, stream, counts in one.bins if stream < 5} == {200}
            assert sum(sum(counts) for _, stream, counts in one.bins if stream == 5) == one.labelled
    assert 0 < labelled <= len(receipts)
    _flood(up)


POSSIBLE = (INPUTS, OUTPUTS)


def library(project: ServableProject) -> Library:
    """As a gateway looks at the folder."""
    settings = SimpleNamespace(environment="dev", name=None, root=project.created.project_id)
    return Library(cast("Any", settings), project.home, b"", lambda: project.clock() + timedelta(minutes=1))


def look(project: ServableProject) -> Shelf:
    """What it finds."""
    found = library(project).look(None)
    assert found is not None
    return found


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ServableProject:
    """With a live model that is watched, and a policy that abstains."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    root = tmp_path / "project"
    root.mkdir()
    made = ServableProject(root, policy=POLICY + ABSTAIN)
    planned(made, monkeypatch, plans())
    return made


@pytest.mark.parametrize("name", POSSIBLE)
def test_a_plan_that_was_exchanged_is_not_believed(project: ServableProject, name: str) -> None:
    """It is a file of the model like every other: with another one, the model is not loaded."""
    shelf = look(project)
    assert {file: parse_plan(data).encode() for file, data in shelf.live.plans.items()} == dict(shelf.live.plans)
    assert set(POSSIBLE) == set(shelf.live.plans)
    entry = shelf.live.decision.registration.file(name)
    path = next((project.home / "registry").rglob(hex_of(entry.digest)))
    path.chmod(0o600)
    path.write_bytes(path.read_bytes().replace(b'"pilot":', b'"pilot":1', 1)[: entry.size])
    with pytest.raises(LockgateError) as caught:
        look(project)
    assert caught.value.finding[:3] == "LG8"


def alarm(project: ServableProject, shelf: Shelf) -> Digest:
    """The guard's word that the live model alarms."""
    said = {
        "life": 0,
        "log": {"size": 9, "root": "0" * 64},
        "counting": 1,
        "test": "lifetime",
        "false_alarms": 0.01,
        "band": 0.05,
        "run_length": 2000.0,
        "threshold": 7.0,
        "rows": 9,
        "streams": [
            {"name": "distance", "kind": "number", "log_e": 9.0, "log_band": 9.0, "effect": 0.5, "since": 1}
            | {"reference": [0.5, 0.5], "current": [1, 8]}
        ],
    }
    registration = shelf.live.decision.registration
    return project.record("guard", alarm_statement(registration, "dev", said, "abstain", project.clock())).digest


def answer(project: ServableProject, shelf: Shelf, said: Digest, accept: Accepted | None = None) -> int:
    """An approver's word on it; its number in the log."""
    decision = shelf.live.decision
    fields = {
        "claim": claim_uri("acknowledge"),
        "time": rfc3339(project.clock()),
        "environment": "dev",
        "name": decision.name,
        "version": decision.version,
        "manifest": decision.manifest,
        "alarm": said,
        "reason": "seen",
        "accept": None,
    }
    if accept is not None:
        fields["accept"] = {"from": accept.start, "to": accept.stop, "balls": [[[3, 4]]]}
    subjects = (Subject(f"{decision.name}@{decision.version}", decision.manifest),)
    return project.record("approver", Statement(subjects, ACKNOWLEDGEMENT, fields)).index


def test_while_an_alarm_stands_answers_of_small_margin_have_no_label(project: ServableProject) -> None:
    """By the policy, until somebody acknowledges it; an acceptance begins another life."""
    calm = look(project)
    assert (calm.live.standing.life, calm.live.standing.alarms) == (0, 0)
    assert calm.live.policy.output("external").abstain_below == 0
    said = alarm(project, calm)
    alarmed = look(project)
    assert (alarmed.live.standing.life, alarmed.live.standing.alarms) == (0, 1)
    assert {alarmed.live.policy.output(kind).abstain_below for kind in ("external", "internal", "odd")} == {0.5}
    answer(project, calm, said)
    assert look(project).live.policy.output("external").abstain_below == 0
    number = answer(project, calm, said, Accepted(1, 5, ()))
    assert look(project).live.standing.life == number
    assert standing_alarms(project.open_ledger().statements(), "dev", calm.live.decision.manifest) == []
