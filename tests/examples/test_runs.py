"""Each example goes the whole way as its README says: keys, run, deployment, proof; and comes back the same."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def lockgate(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one command in the project, as a person would."""
    return subprocess.run(
        [sys.executable, "-m", "lockgate", *arguments],
        cwd=project,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("flights", ["166,158 rows", "160,678", "5,480", "roc_auc"]),
        pytest.param("flights-minutes", ["80,789 rows", "77,911", "2,878", "mae"], marks=pytest.mark.nightly),
        ("phishing", ["1,250 rows", "roc_auc"]),
    ],
)
def test_an_example_runs_as_it_is(name: str, said: list[str], tmp_path: Path) -> None:
    """From a copy of the folder to a model that is live and proved; a second run has nothing to do.

    The smallest is also made again from its statement: the same bytes.
    """
    project = tmp_path / name
    shutil.copytree(ROOT / "examples" / name, project, ignore=shutil.ignore_patterns(".lockgate", "__pycache__"))
    assert lockgate(project, "init").returncode == 0

    ran = lockgate(project, "run")
    assert (ran.returncode, ran.stdout) == (0, f"{name}@1\n"), ran.stderr
    assert [words for words in said if words not in ran.stderr] == []

    assert lockgate(project, "deploy", "latest").returncode == 0
    proved = lockgate(project, "verify", "latest")
    assert proved.returncode == 0, proved.stderr
    assert "not proved" in (proved.stdout + proved.stderr).lower()

    if name == "phishing":
        once_more = lockgate(project, "train", "--reproduce", "latest", "--json")
        assert (once_more.returncode, json.loads(once_more.stdout)["reproduced"]) == (0, "bytes"), once_more.stderr

    again = lockgate(project, "run")
    assert (again.returncode, again.stdout) == (0, f"{name}@1\n"), again.stderr
    assert again.stderr.count("cached") >= 4
