"""`lockgate policy`, and the verdict of every environment on a model's page and on the entry screen."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lockgate.cli.main import run
from lockgate.project import Project
from lockgate.trust import pin as pins
from lockgate.trust.policy import RULES
from tests.support.project import POLICY, SignedProject, register_here, signed_project

Command = Callable[..., tuple[int, str, str]]

TOML = """[project]
name = "flights"
[data]
sources = ["a.csv"]
contract = "contract.py:M"
label = "y"
"""

PARITY = """[environment.dev.parity]
roc_auc = {}
[environment.prod]"""


@pytest.fixture(name="signed")
def _signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SignedProject:
    """A registered model: dev takes it, prod asks for one approval."""
    signed = signed_project(tmp_path, monkeypatch)
    signed.candidate()
    register_here(signed, monkeypatch)
    (signed.root / "lockgate.toml").write_text(TOML)
    (signed.root / "policy.toml").write_text(POLICY)
    pins.pin(signed.created.project_id, signed.root, signed.clock())
    monkeypatch.setattr(Project, "open", lambda _directory: Project(signed.root, now=signed.clock))
    return signed


@pytest.fixture(name="command")
def _command(signed: SignedProject, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs `lockgate ...` here: exit code, data, talk."""
    assert signed.root.is_dir()

    def command(*words: str) -> tuple[int, str, str]:
        code = run(list(words))
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def _json(done: tuple[int, str, str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done[1])
    return found


def _write(signed: SignedProject, text: str) -> None:
    (signed.root / "policy.toml").write_text(text)


def test_check_says_what_is_missing_and_signs_nothing(signed: SignedProject, command: Command) -> None:
    """Exit 1 where the environment that was asked refuses, with the command that mends it; 0 where it does not."""
    entries = len(signed.open_ledger().statements())
    assert command("policy", "check", "--env", "dev")[:2] == (0, "✓ policy    dev: yes\n")
    code, data, _ = command("policy", "check", "--env", "prod")
    assert (code, "LG512" in data, "lockgate approve flights@1 --env prod" in data) == (1, True, True)
    both = _json(command("policy", "check", "flights@1", "--json"))
    assert {name: said["result"] for name, said in both["policy"].items()} == {"dev": "PASSED", "prod": "FAILED"}
    assert command("policy", "check", "--env", "prd")[0] == 2
    assert len(signed.open_ledger().statements()) == entries


def test_page_and_entry_screen_show_the_same_verdicts(command: Command) -> None:
    """`show` with each reason, `status` in one line."""
    _, page, _ = command("show", "latest")
    assert "✓ policy    dev: yes" in page
    assert "✗ policy    prod: no, 1 missing" in page
    assert _json(command("show", "latest", "--json"))["policy"]["prod"]["reasons"][0]["finding"] == "LG512"
    _, status, _ = command("status")
    assert "flights@1 may go live: dev: yes; prod: no, 1 missing (LG512)   lockgate policy check" in status


def test_show_has_each_rule_of_an_environment(command: Command) -> None:
    """Weight and settings; without an environment the policy in force alone. An unknown one is refused."""
    _, data, _ = command("policy", "show", "--env", "prod")
    lines = dict(line.split(maxsplit=1) for line in data.splitlines() if line.startswith("    "))
    assert list(lines) == list(RULES)
    assert lines["metrics"].split(maxsplit=1) == ["enforce", "roc_auc: at least 0.7"]
    assert [each["rule"] for each in _json(command("policy", "show", "--env", "dev", "--json"))["rules"]] == list(RULES)
    assert "rules" not in _json(command("policy", "show", "--json"))
    assert data.index("serving") > data.index("separation")
    assert _json(command("policy", "show", "--env", "dev", "--json"))["serve"]["record"] == "synced"
    assert command("policy", "show", "--env", "prd")[0] == 2


def test_signing_says_what_became_looser(signed: SignedProject, command: Command) -> None:
    """The looser part in words, the stricter one counted; then there is no difference any more."""
    changed = POLICY.replace("version = 1", "version = 2").replace("approvals = 1", "approvals = 0")
    _write(signed, changed.replace("max_age_days = 30", "max_age_days = 7\nmax_flagged_share = 0.1"))
    _, data, _ = command("policy", "diff")
    assert data.splitlines() == [
        "stricter prod: max_flagged_share no bound -> 0.1",
        "stricter prod: max_age_days 30 -> 7",
        "looser   prod: approvals 1 -> 0",
    ]
    code, data, talk = command("policy", "sign")
    assert (code, data.startswith("policy version 2 is in force")) == (0, True)
    assert talk.splitlines()[:2] == ["looser   prod: approvals 1 -> 0", "1 looser, 2 stricter"]
    assert command("policy", "diff")[1] == "no difference\n"
    assert command("policy", "sign")[0] == 1


def test_a_policy_can_be_signed_into_a_file(signed: SignedProject, command: Command, tmp_path: Path) -> None:
    """It decides nothing before the log has it."""
    _write(signed, POLICY.replace("version = 1", "version = 2").replace("approvals = 1", "approvals = 0"))
    place = tmp_path / "policy.dsse.json"
    code, data, talk = command("policy", "sign", "--to-file", str(place))
    assert (code, place.is_file(), "is in force" in data) == (0, True, False)
    assert f"lockgate log add {place}" in talk
    assert _json(command("policy", "show", "--json"))["version"] == 1


def test_a_registration_is_asked_about_parity_with_what_is_live(
    signed: SignedProject, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once version 1 is live in dev, a worse version 2 is told so, and one as good only that the rows may be others."""
    _write(signed, POLICY.replace("version = 1", "version = 2").replace("[environment.prod]", PARITY, 1))
    assert command("policy", "sign")[0] == 0
    signed.ledger.refresh()
    signed.policy = Project(signed.root, now=signed.clock).policy(signed.ledger)
    assert command("deploy", "flights@1", "--env", "dev")[0] == 0
    signed.ledger.refresh()
    for seed, auc, told in ((2.0, 0.79, "LG450"), (3.0, 0.8, "LG451")):
        signed.candidate(seed, auc=auc)
        verdicts = register_here(signed, monkeypatch).verdicts
        assert [reason.finding for reason in verdicts["dev"].reasons] == [told]
        assert verdicts["prod"].reasons == ()
    code, data, _ = command("policy", "check", "flights@2", "--env", "dev")
    assert (code, data.splitlines()[0]) == (0, "! policy    dev: yes, with warnings")
    assert "LG450  roc_auc is 0.79 [0.78, 0.8], of the live model 0.8 [0.79, 0.81], on other held-out rows" in data
    assert command("policy", "check", "flights@3", "--env", "dev")[1].startswith("✓ policy    dev: yes\n")
