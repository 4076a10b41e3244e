"""The GitHub Action: pinned, clean by zizmor, and its own script run as a runner would run it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.shell import Ready

ROOT = Path(__file__).parents[2]
ACTION = ROOT / "action.yml"
GUIDE = ROOT / "docs" / "how-to" / "check-in-ci.md"
DEFAULT = "${{ inputs."


def action() -> Mapping[str, Any]:
    """The action, read."""
    found: Mapping[str, Any] = yaml.safe_load(ACTION.read_text("utf-8"))
    return found


def zizmor(file: Path) -> subprocess.CompletedProcess[str]:
    """What zizmor says of a file, at its strictest."""
    tool = Path(sys.executable).with_name("zizmor")
    command: list[str | Path] = [tool, "--offline", "--no-progress", "--persona", "auditor", "--format", "plain", file]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_zizmor_finds_nothing() -> None:
    """Not even what it would only tell an auditor."""
    done = zizmor(ACTION)
    assert done.returncode == 0, done.stdout


def test_the_workflow_of_the_documents_is_clean_too(tmp_path: Path) -> None:
    """What people copy is held to the same."""
    found = re.search(r"```yaml\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    assert found
    file = tmp_path / ".github" / "workflows" / "lockgate.yml"
    file.parent.mkdir(parents=True)
    file.write_text(found[1].replace("OWNER/lockgate@COMMIT", f"owner/lockgate@{'5d4e8d1a' * 5}"), "utf-8")
    done = zizmor(file)
    assert done.returncode == 0, done.stdout


def test_zizmor_would_find_an_injection(tmp_path: Path) -> None:
    """The same action with an input pasted into its script is refused: the tool does look."""
    bad = tmp_path / "action.yml"
    text = ACTION.read_text("utf-8")
    bad.write_text(text.replace('cd -- "$PROJECT"', "cd -- ${{ inputs.project }}"), "utf-8")
    done = zizmor(bad)
    assert done.returncode != 0
    assert "template-injection" in done.stdout


def test_what_it_uses_is_pinned_by_commit() -> None:
    """A tag can be moved; forty digits cannot."""
    used = [step["uses"] for step in action()["runs"]["steps"] if "uses" in step]
    assert used
    assert all(re.fullmatch(r"[\w.-]+(/[\w.-]+)+@[0-9a-f]{40}", one) for one in used)


def test_nothing_of_the_project_is_run_to_install(tmp_path: Path) -> None:
    """Folders of the project that are named as what installs are not run in its place."""
    project, runner = tmp_path / "work" / "mine", tmp_path / "runner"
    runner.mkdir()
    for name in ("venv", "pip", "json"):
        (project / name).mkdir(parents=True)
        for file in ("__init__.py", "__main__.py"):
            (project / name / file).write_text(f"open({str(tmp_path / 'taken')!r}, 'w')")
    (project / "lockgate.lock").write_text("")
    step = action()["runs"]["steps"][0]
    environ = {"PATH": os.environ["PATH"], "RUNNER_TEMP": str(runner), "GITHUB_WORKSPACE": str(tmp_path / "work")}
    script = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]]
    given = {"PROJECT": "mine", "LOCK": "lockgate.lock"}
    done = subprocess.run(script, cwd=project, env=environ | given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "taken").exists()


def run(ready: Ready, place: Path, **inputs: str) -> tuple[int, Path]:
    """The steps with a script, but for the installation, as a runner runs them; the verdict and the results."""
    runner = place / "runner"
    python = runner / "lockgate" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    outputs: dict[str, str] = {}
    code = 0
    for step in action()["runs"]["steps"][1:]:
        if "run" not in step:
            continue
        heard = runner / "outputs"
        heard.write_text("")
        given = {name: told(value, inputs, outputs) for name, value in step["env"].items()}
        files = {"GITHUB_OUTPUT": str(heard), "GITHUB_STEP_SUMMARY": str(runner / "summary.md")}
        environ = {
            **ready.shell.environment(),
            "PATH": os.environ["PATH"],
            "RUNNER_TEMP": str(runner),
            **files,
            **given,
        }
        script = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]]
        code = subprocess.run(script, cwd=ready.root.parent, env=environ, check=False).returncode
        outputs |= dict(line.split("=", 1) for line in heard.read_text().splitlines())
    return code, Path(outputs["results"])


def told(value: str, inputs: Mapping[str, str], outputs: Mapping[str, str]) -> str:
    """An expression of the action as a runner reads it: an input, or what a step said."""
    name = value.removeprefix("${{ ").removesuffix(" }}").rpartition(".")[2]
    if value.startswith(DEFAULT):
        return inputs.get(name, action()["inputs"][name]["default"])
    return outputs[name]


@pytest.fixture
def mine(ready: Ready, tmp_path: Path) -> Ready:
    """A project that nobody else works in."""
    return ready.copy(tmp_path)


@pytest.mark.parametrize("drills", ["none", pytest.param("edited-log", marks=pytest.mark.nightly)])
def test_an_honest_project_passes(mine: Ready, tmp_path: Path, drills: str) -> None:
    """Scan, validate, a drill and the threats; their findings lie where the upload takes them from."""
    policy = mine.root / "policy.toml"
    text = re.sub(r'^\w+ = "off"\n', "", policy.read_text("utf-8"), flags=re.MULTILINE)  # tests do without the screen
    policy.write_text(re.sub(r"^version = 1$", "version = 2", text, flags=re.MULTILINE), "utf-8")
    assert mine.shell("policy", "sign", at=mine.root).code == 0
    # What the threat model says of one drill alone is not whole yet, and so no reason for a red job.
    code, results = run(mine, tmp_path, project=mine.root.name, environment="dev", drills=drills)
    said = {file.stem: json.loads(file.read_text("utf-8")) for file in results.glob("*.json")}
    played = {"drill"} if drills != "none" else set()
    assert {"scan", "validate", "threats", *played} == set(said)
    assert code == 0, (tmp_path / "runner" / "summary.md").read_text("utf-8")
    assert all(said[name]["drills"][0]["stopped"] is True for name in played)
    assert {f"{name}.sarif" for name in ("scan", "threats", *played)} == {f.name for f in (results / "sarif").iterdir()}


def test_a_pickle_and_too_many_refused_rows_make_it_red(mine: Ready, tmp_path: Path) -> None:
    """Each is found although the other was, and what comes after them is run all the same."""
    (mine.root / "helper.bin").write_bytes(b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R.")
    rows = mine.root / "data" / "phishing.csv"
    lines = rows.read_text("utf-8").splitlines()
    broken = [line.rpartition(",")[0] + ",maybe" for line in lines[1:200]]
    rows.write_text("\n".join([lines[0], *broken, *lines[200:]]) + "\n", "utf-8")
    code, results = run(mine, tmp_path, project=mine.root.name, environment="dev", drills="none")
    assert code != 0
    summary = (tmp_path / "runner" / "summary.md").read_text("utf-8")
    assert "| `scan` | 1 |" in summary
    assert "| `validate` | 0 |" in summary
    assert "| `quarantined` | 1 |" in summary
    assert "| `threats` |" in summary
    assert "LG4" in (results / "sarif" / "scan.sarif").read_text("utf-8")
