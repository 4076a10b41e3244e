"""The ladder on the command line, over a real log of predictions: deploy, status, verify, authorise, rollback."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lockgate.audit.deployments import standing_of
from lockgate.trust import pin as pins
from tests.support.laddered import POLICY
from tests.support.project import SignedProject, register_here, signed_project
from tests.support.sealed_predictions import seal_predictions
from tests.support.told_rows import Gateway, Step
from tests.unit.project.test_moving import CONFIG, Shell


@pytest.fixture(name="shell")
def _shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    """Two registered models; the first is live in dev; the machine's clock."""
    project = signed_project(tmp_path, monkeypatch, policy=POLICY)
    project.clock.now = datetime.now(UTC) - timedelta(minutes=5)
    for seed in (1.0, 2.0):
        project.candidate(seed)
        register_here(project, monkeypatch)
    (project.root / "lockgate.toml").write_text(CONFIG)
    pins.pin(project.created.project_id, project.root, project.clock())
    return Shell(project, capsys)


def _answer(project: SignedProject, folder: Path, pairs: int) -> None:
    """A gateway answers so many pairs on the rung of now, and its records are sealed."""
    project.ledger.refresh()
    found = standing_of("dev", "flights", project.ledger.statements())
    assert found is not None
    assert found.candidate is not None
    step = Step(found.candidate.manifest, found.live.manifest, found.candidate.sequence, found.candidate.rung)
    gateway = Gateway(f"{found.candidate.sequence:016x}", step)
    gateway.began()
    gateway.rows(step.base, pairs)
    gateway.counted(0, pairs, pairs_rows=pairs, live_requests=pairs, candidate_requests=pairs)
    gateway.spool(folder, 0)
    seal_predictions(project, folder)


def test_a_ladder_from_its_first_rung_to_its_end(shell: Shell, tmp_path: Path) -> None:
    """What each command says; the numbers in the statements are those of the log, and verify finds the same."""
    assert "it goes live by approval" in shell("deploy", "flights@1")
    assert "flights@2 is on shadow in dev" in shell("deploy", "flights@2")
    assert "nothing was predicted yet" in shell("status")
    no = shell("deploy", "flights@2", code=1)
    assert ("LG543" in no, "0 of 6 rows" in no) == (True, True)

    _answer(shell.project, tmp_path / "spools", 5)
    assert "5 of 6 rows, at this rate" in shell("status")
    told = json.loads(shell("status", "--json").split("\n")[0])["ladders"][0]
    assert (told["live"], told["candidate"]["ref"], told["candidate"]["rung"]) == ("flights@1", "flights@2", "shadow")
    assert (told["candidate"]["rows"], told["candidate"]["rows_wanted"]) == (5, 6)
    assert "5 of 6 rows" in shell("deploy", "flights@2", code=1)
    moved = json.loads(shell("deploy", "flights@2", "--to", "canary", "--reason", "quiet day", "--json").split("\n")[0])
    assert (moved["rung"], moved["share"], "5 of 6 rows" in moved["why"]) == ("canary", 0.05, True)
    said = shell.project.open_ledger().statements("deploy")[-1].predicate
    assert (said["checks"]["rows"], said["checks"]["log"]["size"], said["reason"]) == (5, 3, "quiet day")

    assert "on canary in dev" in shell("models")
    assert "not live, on canary in dev" in shell("show", "flights@2")
    assert "canary (0.05 of the traffic) in dev" in shell("verify", "flights@2")
    assert "flights@2 on canary in dev" in shell("verify", "--all")

    lent = shell("deploy", "flights@2", "--authorise", "--expires", "1d")
    assert "flights@2 may climb shadow -> canary -> live in dev until" in lent
    assert "climbs by itself until" in shell("status")
    assert "goes with neither" in shell("deploy", "flights@2", "--authorise", "--to", "canary", code=2)

    assert "flights@2 is taken off the ladder of dev; flights@1 stays live" in shell(
        "rollback", "dev", "--reason", "slow"
    )
    assert "rolled" not in shell("models")
    assert "LG531" in shell("rollback", "dev", code=1)
    assert shell.project.open_ledger().statements("deploy")[-1].predicate["checks"]["rows"] == 0
    shell("verify", "--all")


def test_a_broken_log_of_predictions_stops_a_climb_and_no_withdrawal(shell: Shell, tmp_path: Path) -> None:
    """Up needs its numbers: exit 3. Off does not; status says where to look."""
    for ref in ("flights@1", "flights@2"):
        shell("deploy", ref)
    _answer(shell.project, tmp_path / "spools", 6)
    checkpoint = shell.project.home / "log" / "predictions" / "checkpoint"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-9])
    assert "cannot be read (lockgate log verify)" in shell("status")
    shell("deploy", "flights@2", code=3)
    shell("rollback", "dev")
