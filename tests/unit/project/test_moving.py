"""Approve, waive, deploy, revoke on the command line: what is shown before a signature, and what is listed after it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lockgate.audit.ledger import PREDICTIONS, origin
from lockgate.audit.seal import seal
from lockgate.cli.main import run
from lockgate.trust import pin as pins
from tests.support.project import SignedProject, register_here, signed_project

CONFIG = """[project]
name = "flights"
[data]
sources = ["flights.csv"]
contract = "contract.py:Flight"
label = "delay"
"""


class Shell:
    """The command line on one project."""

    def __init__(self, project: SignedProject, capsys: pytest.CaptureFixture[str]) -> None:
        self.project = project
        self._capsys = capsys

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """Run a command; what it said on both streams."""
        found = run([*arguments, "-C", str(self.project.root)])
        told = self._capsys.readouterr()
        assert found == code, told.err
        return told.out + told.err


@pytest.fixture(name="shell")
def _shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    """A registered model whose metric is below what prod asks for; the machine's clock."""
    project = signed_project(tmp_path, monkeypatch)
    project.clock.now = datetime.now(UTC) - timedelta(minutes=2)
    project.candidate(auc=0.6)
    register_here(project, monkeypatch)
    (project.root / "lockgate.toml").write_text(CONFIG)
    root, key = project.created.project_id, project.ledger.roles.sealer_key()
    sign = project.keyring.signer("sealer").sign_note
    seal(project.home / "log" / PREDICTIONS, [], origin=origin(root, PREDICTIONS), sign=sign, public_key=key)
    pins.pin(project.created.project_id, project.root, project.clock())
    return Shell(project, capsys)


def test_from_refusal_to_waiver_to_revocation(shell: Shell) -> None:
    """Each command says what it did to whom until when; status, show and verify list the waiver."""
    manifest = shell.project.ledger.statements("register")[0].statement.subjects[0].digest
    looked = shell("approve", "flights", "--dry-run")
    assert f"flights@1  {manifest}" in looked
    assert "policy of prod: FAILED" in looked
    assert "LG434" in looked
    assert "approved so far by nobody; 1 more needed" in looked
    told = shell("approve", "flights", "--reason", "looks right")
    assert told.index("policy of prod: FAILED") > told.index("flights@1 approved for prod by mara")
    assert "approved for prod by mara already" in shell("approve", "flights")
    assert "LG511" in shell("deploy", "flights", "--env", "prod", code=1)

    assert "LG516" in shell("waive", "LG512", "--expires", "7d", "--reason", "hurry", code=1)
    assert "LG517" in shell("waive", "LG434", "--expires", "31d", "--reason", "hurry", code=2)
    assert "LG533" in shell("waive", "LG434", "--expires", "1d", code=2)
    assert "LG940" in shell("waive", "LG434", "--expires", "soon", code=2)
    assert "LG940" in shell("waive", code=2)
    waived = json.loads(shell("waive", "LG434", "--expires", "2d", "--reason", "see #12", "--json").split("\n")[0])
    assert (waived["finding"], waived["environment"], waived["person"]) == ("LG434", "prod", "mara")
    assert "until" in shell("waive", "--list")

    assert "floor: no version below 1" not in shell("deploy", "flights", "--env", "prod", "--raise-floor")
    status = shell("status")
    assert "! answered from for 1 d more" in status
    assert f"prod: LG434 (a metric's bounds) until {waived['expires']} by mara: see #12" in status
    assert "waived until" in shell("show", "flights")
    assert "waive     prod: LG434" in shell("verify", "flights")

    ended = shell("waive", "--end", str(waived["index"]), "--reason", "over")
    assert "flights@1 in prod is not answered from any more" in ended
    assert "nothing is waived" in shell("waive", "--list")
    assert "LG514" in shell("status")
    assert "LG514" in shell("verify", "flights", code=1)
    assert "refused to load, LG514" in shell("verify", "--all")

    revoked = shell("revoke", "2", "--reason", "poisoned")
    assert "the ingest statement of entry 2 is revoked" in revoked
    assert "flights@1 must not be used any more; it was live in" not in revoked
    assert "flights@1 must not be used any more" in revoked
    assert "was revoked already" in shell("revoke", "2", "--reason", "poisoned")


def test_signed_into_a_file_it_is_in_force_when_the_log_has_it(shell: Shell, tmp_path: Path) -> None:
    """Approval, waiver and deployment made elsewhere, and added in order; nothing holds before."""
    files = [str(tmp_path / name) for name in ("approval", "waiver", "moves", "revocation")]
    assert "in force" in shell("approve", "flights", "--to-file", files[0])
    assert "LG511" in shell("deploy", "flights", "--env", "prod", code=1)
    shell("waive", "LG434", "--expires", "2d", "--reason", "x", "--to-file", files[1])
    assert "nothing is waived" in shell("waive", "--list")
    shell("log", "add", files[0], files[1])
    assert "is to be live" in shell("deploy", "flights", "--env", "prod", "--to-file", files[2])
    assert "nothing is live in dev, prod" in shell("status")
    shell("log", "add", files[2])
    assert "prod: flights@1" in shell("status")
    shell("revoke", "flights", "--reason", "x", "--to-file", files[3])
    shell("verify", "flights")
    shell("log", "add", files[3])
    assert "LG514" in shell("verify", "flights", code=1)
