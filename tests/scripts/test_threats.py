"""`lockgate threats` by the real command line: what it says of a project that was run, then drilled, then accepted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from lockgate.project import Project
from lockgate.project.drilled import Played, Signed, sign
from lockgate.project.threats.program import digest
from tests.support.shell import Done, Ready
from tests.support.threats import outcome


def rows(done: Done) -> dict[str, Mapping[str, Any]]:
    """The table, by threat."""
    assert done.json["schema"] == "lockgate.threats/v1"
    return {one["id"]: one for one in done.json["threats"]}


def signed(ready: Ready, outcomes: Sequence[Mapping[str, Any]], monkeypatch: pytest.MonkeyPatch) -> Signed:
    """What `lockgate drill` does when its drills are over."""
    for name, value in ready.shell.environment().items():
        monkeypatch.setenv(name, value)
    found = sign(Project.open(ready.root), Played(outcomes, "0.1", digest()))
    assert found is not None
    return found


def test_a_project_that_was_run(ready: Ready, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """UNPROVEN before a drill; HELD after it, by its log entry; BROKEN by a failure; ACCEPTED for a while."""
    here = ready.copy(tmp_path)
    first = here.shell.here("threats", "--json", at=here.root)
    before = rows(first)
    # This project's policy switches the screen off.
    assert (first.code, first.json["counts"]["BROKEN"], before["LT01"]["status"]) == (1, 1, "BROKEN")
    assert "leaves out of the poisoning screen" in before["LT01"]["why"]
    assert "LG9012  BROKEN: LT01" in first.err
    assert "next:  lockgate threats LT01" in first.err
    assert (before["LT18"]["status"], before["LT18"]["next"]) == ("UNPROVEN", "lockgate drill --threat LT18")
    assert (before["LT21"]["status"], before["LT28"]["status"]) == ("OUT", "OUT")
    assert "phishing" in first.json["project"]
    assert len(first.json["alone"]) == 1

    entry = signed(here, [outcome("edited-log"), outcome("truncated-log", "part")], monkeypatch).index
    done = here.shell.here("threats", "LT18", "--json", at=here.root)
    after = rows(done)["LT18"]
    assert (done.code, after["status"], [one["log_index"] for one in after["drills"]]) == (0, "HELD", [entry, entry])
    shown = here.shell.here("log", "show", at=here.root)
    assert f"{entry}" in shown.out
    assert "drill" in shown.out

    signed(here, [outcome("edited-log", stopped=False)], monkeypatch)
    failed = here.shell.here("threats", "LT18", at=here.root)
    assert failed.code == 1
    assert "✗ LT18 BROKEN" in failed.out
    assert "next:  lockgate drill edited-log" in failed.err
    assert "not stopped: edited-log" in here.shell.here("status", at=here.root).out

    reason = ("--env", "dev", "--reason", "see #12", "--expires", "7d")
    assert here.shell.here("waive", "LT18", *reason, at=here.root).code == 0
    accepted = here.shell.here("threats", "LT18", "--json", at=here.root)
    assert (accepted.code, rows(accepted)["LT18"]["status"]) == (0, "ACCEPTED")
    assert rows(accepted)["LT18"]["without_waiver"] == "BROKEN"
    assert "LG516" in here.shell.here("waive", "LT28", *reason, at=here.root).err
    assert "LG9011" in here.shell.here("waive", "LT77", *reason, at=here.root).err
    assert here.shell.here("verify", "--all", at=here.root).code == 0


def test_the_table_for_other_tools(ready: Ready, tmp_path: Path) -> None:
    """SARIF, a Navigator layer and a Threat Dragon model of the same moment; what cannot be written is told."""
    files = {form: tmp_path / f"{form}.json" for form in ("sarif", "navigator", "threat-dragon")}
    options = [word for form, path in files.items() for word in (f"--{form}", path)]
    done = ready.shell.here("threats", "--json", *options, at=ready.root)
    sarif, layer, model = (json.loads(path.read_text()) for path in files.values())
    assert sarif["runs"][0]["invocations"] == [{"executionSuccessful": True, "exitCode": done.code}]
    assert {one["ruleId"] for one in sarif["runs"][0]["results"]} >= {"LT01"}
    assert layer["domain"] == "atlas-atlas"
    assert "detail" in model
    nowhere = ready.shell.here("threats", "--sarif", tmp_path / "no" / "x", at=ready.root)
    assert (nowhere.code, "LG9013" in nowhere.err) == (4, True)


@pytest.mark.nightly
def test_a_drill_changes_its_line(ready: Ready, tmp_path: Path) -> None:
    """The whole path: `lockgate drill` plays against a twin, signs, and the line of the threat changes."""
    here = ready.copy(tmp_path)
    assert rows(here.shell("threats", "LT11", "--json", at=here.root))["LT11"]["status"] == "UNPROVEN"
    done = here.shell("drill", "--threat", "LT11", at=here.root)
    assert done.code == 0, done.err
    assert rows(here.shell("threats", "LT11", "--json", at=here.root))["LT11"]["status"] == "HELD"
