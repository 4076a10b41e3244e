"""Each example goes the whole way as its README says: keys, run, deployment, proof; and comes back the same."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.shell import Ready, Shell

ROOT = Path(__file__).resolve().parents[2]
JANUARY = ["27,004 rows", "26,398", "606", "roc_auc"]


def knows_the_wheels(shell: Shell, ready: Ready) -> None:
    """A user who has unpacked these wheels before: it takes half a minute of CPU, and `ready` did it already."""
    known = "state/lockgate/unpacked"
    shutil.copytree(ready.shell.home / known, shell.home / known)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        pytest.param("flights", "flights-2013-01.parquet", JANUARY, marks=pytest.mark.nightly),
        pytest.param("flights", "*", ["166,158 rows", "160,678", "5,480", "roc_auc"], marks=pytest.mark.nightly),
        pytest.param("flights-minutes", "*", ["80,789 rows", "77,911", "2,878", "mae"], marks=pytest.mark.nightly),
    ],
)
def test_an_example_runs_as_it_is(name: str, data: str, said: list[str], tmp_path: Path, ready: Ready) -> None:
    """From a copy of the folder to a model that is live and proved; a second run has nothing to do.

    By day `make demo` does it, and the phishing example everywhere else; that all rows are what the README says is in
    `test_projects`.
    """
    project = tmp_path / name
    shutil.copytree(ROOT / "examples" / name, project, ignore=shutil.ignore_patterns(".lockgate", "__pycache__"))
    for path in project.glob("data/*.parquet"):
        if not path.match(data):
            path.unlink()
    shell = Shell(tmp_path)
    knows_the_wheels(shell, ready)
    assert shell("init", at=project).code == 0

    ran = shell("run", at=project)
    assert (ran.code, ran.out) == (0, f"{name}@1\n"), ran.err
    assert [words for words in said if words not in ran.err] == []

    assert shell.here("deploy", "latest", at=project).code == 0
    proved = shell.here("verify", "latest", at=project)
    assert proved.code == 0, proved.err
    assert "not proved" in (proved.out + proved.err).lower()

    again = shell("run", at=project)
    assert (again.code, again.out) == (0, f"{name}@1\n"), again.err
    assert again.err.count("cached") >= 4


def test_the_smallest_example_is_made_again_from_its_statement(ready: Ready) -> None:
    """Its run said what the README says, and the same bytes come out once more.

    That it is live, proved and cached is in `tests/scripts/test_chain.py`, with the same one run.
    """
    assert [words for words in ("1,250 rows", "roc_auc") if words not in ready.words] == []
    done = ready.shell("train", "--reproduce", "latest", "--json", at=ready.root)
    assert (done.code, done.json["reproduced"]) == (0, "bytes"), done.err
