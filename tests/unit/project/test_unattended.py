"""`run --deploy`: what is new goes on its way, and nothing else does. Stages are invented, log and keys are real."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lockgate.audit.deployments import chain
from lockgate.audit.entries import registrations
from lockgate.audit.ledger import PREDICTIONS, origin
from lockgate.audit.load import load_standing
from lockgate.audit.seal import seal
from lockgate.audit.workplace import Workplace
from lockgate.cli.main import run
from lockgate.core.moments import rfc3339
from lockgate.core.statement import test_result as judged
from lockgate.deploy.rollback import rollback
from lockgate.deploy.run import deploy
from lockgate.deploy.spec import DeploySpec
from lockgate.deploy.words import approve
from lockgate.errors import Refused, Unavailable
from lockgate.pipeline import RunResult
from lockgate.project import unattended
from lockgate.project.unattended import Unattended, run_and_deploy, why_not
from lockgate.store.lock import lock
from lockgate.trust import pin as pins
from tests.support.project import SignedProject, register_here, signed_project

POLICY = """version = 1
[environment.dev]
approvals = 0
[environment.prod]
approvals = 1
[[environment.prod.ladder.rung]]
name = "shadow"
share = 0
[[environment.prod.ladder.rung]]
name = "canary"
share = "5 %"
[environment.prod.automatic]
metric = "roc_auc"
worse = 0.02
every = "7 d"
"""
CONFIG = """[project]
name = "flights"
[data]
sources = ["flights.csv"]
contract = "contract.py:Flight"
label = "delay"
"""


@dataclass
class Cron:
    """A project whose pipeline made what `candidate` signed last; each `run` is one of a schedule."""

    project: SignedProject
    patch: pytest.MonkeyPatch
    config: Any = field(default_factory=lambda: SimpleNamespace(only=lambda: None))
    count: int = 0

    @property
    def home(self) -> Path:
        """Where its evidence is."""
        return self.project.home

    def new(self, auc: float = 0.8) -> None:
        """The next model, judged on the same rows as every other one."""
        self.count += 1
        said = self.project.candidate(float(self.count), skip=("judge",))
        files = said["train"].statement.subjects
        metric = {"value": auc, "low": auc - 0.005, "high": auc + 0.005}
        facts: dict[str, Any] = {"metrics": {"roc_auc": metric}, "jail": {"level": 3}, "heldout": "the rows"}
        time = rfc3339(self.project.clock())
        self.project.record("judge", judged("judge", files, "PASSED", rules=files[0].digest, time=time, **facts))
        register_here(self.project, self.patch)

    @contextmanager
    def workplace(self, environment: str, **_: Any) -> Iterator[Workplace]:
        """As the project's: one at a time, or refused."""
        with lock(self.home / "state" / "locks" / "project", wait=False):
            yield self.project.workplace(environment)

    def run(self, environment: str = "prod") -> Unattended:
        """`lockgate run --deploy`."""
        project: Any = self
        return run_and_deploy(project, environment=environment)

    def later(self, **time: float) -> None:
        """Time goes by."""
        self.project.clock.now += timedelta(**time)

    def standing(self) -> tuple[int, int | None]:
        """The versions that are live, and on the ladder, for a loader that opens the log anew."""
        now = self.project.clock()
        found = load_standing(self.project.open_ledger().statements(), "prod", now)
        return found.live.version, None if found.candidate is None else found.candidate.version

    def length(self) -> int:
        """How many statements the log holds."""
        return len(self.project.ledger.statements())


@pytest.fixture(name="cron")
def _cron(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cron:
    def result(place: Workplace, *_: Any) -> RunResult:
        one = registrations(place.ledger.statements())[-1]
        return RunResult(one.ref, one.manifest, "regression", (), {}, "", None, {}, 0.0)

    monkeypatch.setattr(unattended, "run_stages", lambda *_, **__: ())
    monkeypatch.setattr(unattended, "run_result", result)
    project = signed_project(tmp_path, monkeypatch, policy=POLICY)
    project.clock.now = datetime.now(UTC) - timedelta(hours=1)
    (project.root / "lockgate.toml").write_text(CONFIG)
    root, key = project.created.project_id, project.ledger.roles.sealer_key()
    sign = project.keyring.signer("sealer").sign_note
    seal(project.home / "log" / PREDICTIONS, [], origin=origin(root, PREDICTIONS), sign=sign, public_key=key)
    pins.pin(root, project.root, project.clock())
    cron = Cron(project, monkeypatch)
    cron.new()
    return cron


def _approve(cron: Cron, ref: str) -> None:
    approve(cron.project.workplace("prod"), ref, "prod")


def test_the_first_model_waits_for_a_person_and_the_log_grows_once(cron: Cron) -> None:
    """The refusal names the command; asked again an hour later, it is told without another statement."""
    for growth, words in ((1, "says no to flights@1:"), (0, "says no to flights@1, as before:")):
        before = cron.length()
        with pytest.raises(Refused) as caught:
            cron.run()
        assert (caught.value.finding, caught.value.next) == ("LG511", "lockgate approve flights@1 --env prod")
        assert words in caught.value.message
        assert cron.length() - before == growth
    _approve(cron, "flights@1")
    done = cron.run()
    assert (done.new, done.says) == (True, "flights@1 is live in prod")
    assert cron.standing() == (1, None)


def test_nothing_new_changes_nothing(cron: Cron) -> None:
    """Live already, on the ladder already: no statement, and no step further."""
    _approve(cron, "flights@1")
    cron.run()
    before = cron.length()
    done = cron.run()
    assert (done.new, done.deployed, done.says) == (False, None, "nothing new: flights@1 is live in prod already")
    assert (done.as_json()["new"], done.as_json()["deployed"]) == (False, None)
    cron.new()
    assert cron.length() > before
    assert cron.run().says == "flights@2 is on the rung shadow in prod"
    before = cron.length()
    assert cron.run().says == "nothing new: flights@2 is on the rung shadow in prod already"
    assert (cron.length(), cron.standing()) == (before, (1, 2))


def test_a_model_that_is_no_worse_goes_on_the_ladder_with_nobody(
    cron: Cron, capsys: pytest.CaptureFixture[str]
) -> None:
    """Approved automatically, and said so by every command that is asked; a worse one is refused."""

    def command(*words: str) -> tuple[int, Any]:
        code = run([*words, "--json", "-C", str(cron.project.root)])
        return code, json.loads(capsys.readouterr().out)

    _approve(cron, "flights@1")
    cron.run()
    cron.new(auc=0.7)
    code, told = command("run", "--deploy", "--env", "prod")
    assert (code, told["next"]) == (1, "lockgate approve flights@2 --env prod")
    assert "not approved automatically: roc_auc 0.7 " in told["message"]
    cron.new(auc=0.8)
    code, told = command("run", "--deploy", "--env", "prod")
    said = (
        "approved automatically: roc_auc 0.8 [0.795, 0.805] against 0.8 [0.795, 0.805] live, at most 0.02 worse allowed"
    )
    assert (code, told["new"], told["deployed"]["rung"]) == (0, True, "shadow")
    assert [reason["message"] for reason in told["deployed"]["findings"]] == [said]
    code, told = command("run", "--deploy", "--env", "prod")
    assert (code, told["new"], told["deployed"]) == (0, False, None)
    assert f"prod: {said}" in str(command("verify", "flights@3"))
    assert said in str(command("show", "flights@3"))
    cron.later(hours=1, minutes=5)
    assert cron.standing() == (1, 3)


def test_a_model_that_is_climbing_is_not_pushed_aside(cron: Cron) -> None:
    """A newer one waits for its end, which is no error; a schedule faster than the ladder would never come through."""
    _approve(cron, "flights@1")
    cron.run()
    cron.new()
    cron.run()
    cron.new()
    _approve(cron, "flights@3")
    before = cron.length()
    done = cron.run()
    assert (done.new, done.deployed) == (True, None)
    assert done.says == "flights@3 waits: flights@2 on the rung shadow of prod is not through"
    assert (cron.length(), cron.standing()) == (before, (1, 2))


def test_what_was_taken_back_is_not_brought_again(cron: Cron) -> None:
    """Its approvals stand in the log as ever; a schedule does not undo what a person or an alarm did."""
    _approve(cron, "flights@1")
    cron.run()
    cron.new()
    _approve(cron, "flights@2")
    deploy(cron.project.workplace("prod"), DeploySpec("flights@2", "prod", "live", "at once"))
    rollback(cron.project.workplace("prod"), "prod", reason="wrong")
    assert cron.standing() == (1, None)
    done = cron.run()
    assert (done.new, done.deployed) == (False, None)
    assert "was in prod before and was taken back" in done.says


def test_one_at_a_time_and_live_at_once_without_a_ladder(cron: Cron) -> None:
    """While another is at work it is refused, whatever that does. Dev has no ladder, and nothing older comes there."""
    cron.new()
    with cron.workplace("dev"), pytest.raises(Unavailable) as caught:
        cron.run("dev")
    assert caught.value.finding == "LG807"
    found = json.loads(json.dumps(cron.run("dev").as_json()))
    assert (found["new"], found["deployed"]["rung"], found["says"]) == (True, "live", "flights@2 is live in dev")
    statements = cron.project.ledger.statements()
    older = why_not(registrations(statements)[0], chain("dev", "flights", statements), "dev")
    assert older == (False, "nothing new: flights@1 is older than flights@2, which is live")
    cron.new()
    assert cron.run("dev").says == "flights@3 is live in dev"
