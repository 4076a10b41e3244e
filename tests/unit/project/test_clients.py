"""`lockgate clients`: who is let in, as the command line says it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lockgate.cli.main import run
from lockgate.project import Project
from lockgate.trust import pin as pins
from tests.support.project import signed_project

Command = Callable[..., tuple[int, str, str]]
TOML = """[project]
name = "flights"
[data]
sources = ["a.csv"]
contract = "contract.py:M"
label = "y"
[serve]
rate = "50/s"
burst = 500
"""


@pytest.fixture(name="command")
def _command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs `lockgate clients ...` in a project whose root is pinned: exit code, data, talk."""
    signed = signed_project(tmp_path, monkeypatch)
    (signed.root / "lockgate.toml").write_text(TOML)
    pins.pin(signed.created.project_id, signed.root, signed.clock())
    monkeypatch.setattr(Project, "open", lambda _directory: Project(signed.root, now=signed.clock))

    def command(*words: str) -> tuple[int, str, str]:
        code = run(["clients", *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def listed(command: Command) -> dict[str, dict[str, Any]]:
    """`clients list --json`, by name."""
    code, out, _ = command("list", "--json")
    assert code == 0
    return {one["name"]: one for one in json.loads(out)["clients"]}


def test_a_client_gets_what_is_said_and_the_project_s_limits(command: Command) -> None:
    """`--json` gives the key; what is not said is lockgate.toml's rate and burst, every model here, and no end."""
    code, out, _ = command("add", "ada", "--json")
    assert code == 0
    assert re.fullmatch(r"lgk_[A-Za-z0-9_-]{43}", json.loads(out)["key"])
    assert listed(command)["ada"] == {
        "name": "ada",
        "kind": "external",
        "created": listed(command)["ada"]["created"],
        "revoked": None,
        "expires": None,
        "days_left": None,
        "models": ["*"],
        "environments": ["*"],
        "actions": ["predict", "describe"],
        "rate": 50.0,
        "burst": 500,
        "budget": None,
        "in_flight": 256,
        "subject": None,
        "certificate": None,
        "previous_until": None,
        "organisation": None,
        "edits": False,
        "cleared": None,
        "cleared_by": None,
        "cleared_why": None,
    }


def test_every_limit_can_be_said(command: Command) -> None:
    """Each option ends in the registry, and the table shows who, what, where, how much and how long."""
    who = "--kind internal --model flights --environment prod --action predict --action label"
    much = "--rate 600/min --burst 7 --budget 900 --in-flight 3 --expires 90d"
    assert command("add", "ada", *f"{who} {much}".split())[0] == 0
    ada = listed(command)["ada"]
    assert (ada["kind"], ada["models"], ada["environments"]) == ("internal", ["flights"], ["prod"])
    assert (ada["actions"], ada["rate"], ada["burst"]) == (["predict", "label"], 10.0, 7)
    assert (ada["budget"], ada["in_flight"]) == (900, 3)
    assert ada["days_left"] in {89, 90}
    table = command("list")[1]
    assert re.search(r"ada +internal +- +key +predict,label +flights@prod +10 +900 .* active, (89|90) days left", table)


def test_clients_without_a_key(command: Command) -> None:
    """A subject and a certificate make none, and the list says by what they come in."""
    code, out, err = command("add", "batch", "--subject", "service-7")
    assert (code, "service-7" in out, "no key" in err) == (0, True, True)
    assert command("add", "mesh", "--certificate", "spiffe://plant.example/scorer", "--json")[0] == 0
    found = listed(command)
    assert found["batch"]["subject"] == "service-7"
    assert found["mesh"]["certificate"] == "URI:spiffe://plant.example/scorer"
    assert "lgk_" not in out


def test_a_client_belongs_to_an_organisation_and_asks_what_if_questions(command: Command) -> None:
    """Said when it is added, or later without another key; the table and `--json` show both."""
    key = json.loads(command("add", "ada", "--organisation", "acme", "--edits", "--json")[1])["key"]
    assert (listed(command)["ada"]["organisation"], listed(command)["ada"]["edits"]) == ("acme", True)
    assert re.search(r"ada +external, edits +acme +key ", command("list")[1])
    assert command("declare", "ada", "--no-edits")[:2] == (
        0,
        "ada belongs to acme, and asks no what-if questions\n",
    )
    code, out, _ = command("declare", "ada", "--organisation", "", "--edits", "--json")
    assert (code, json.loads(out)["organisation"], json.loads(out)["edits"], key in out) == (0, None, True, False)
    assert listed(command)["ada"]["organisation"] is None
    for wrong in (("declare", "bob", "--edits"), ("declare", "ada", "--organisation", "A b"), ("declare",)):
        code, out, err = command(*wrong)
        assert (wrong, code, out, "next:" in err) == (wrong, 2, "", True)


def test_rotating_and_revoking(command: Command) -> None:
    """`rotate` prints another key and says until when the old one counts; `revoke` ends both."""
    first = json.loads(command("add", "ada", "--json")[1])["key"]
    code, out, err = command("rotate", "ada", "--overlap", "2h")
    assert (code, out.strip() != first, out.startswith("lgk_")) == (0, True, True)
    assert listed(command)["ada"]["previous_until"] in err
    code, out, _ = command("rotate", "ada", "--overlap", "0", "--expires", "30d", "--json")
    assert (code, json.loads(out)["previous_until"]) == (0, None)
    assert listed(command)["ada"]["days_left"] in {29, 30}
    assert command("revoke", "ada")[0] == 0
    assert "revoked" in command("list")[1]
    assert command("rotate", "ada")[0] == 2


IMPOSSIBLE = (
    "--expires yesterday",
    "--expires 2020-01-01",
    "--rate fast",
    "--rate 0/s",
    "--action admin",
    "--certificate *.example",
    "--subject x --certificate a.example",
    "--budget 0",
    "--in-flight -1",
    "--kind friend",
)


def test_what_cannot_be_is_refused_with_what_to_do(command: Command) -> None:
    """Exit 2, a finding, the next command, no traceback, and nobody is let in."""
    for options in IMPOSSIBLE:
        code, out, err = command("add", "ada", *options.split())
        assert (options, code, out) == (options, 2, "")
        assert re.search(r"LG621|LG940", err)
        assert "next:" in err
        assert "Traceback" not in err
    assert listed(command) == {}
    for rotated in (("rotate", "nobody"), ("rotate", "nobody", "--overlap", "soon"), ("revoke", "nobody")):
        assert command(*rotated)[0] == 2
