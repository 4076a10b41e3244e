"""`lockgate try` as a person types it: drafts leave no trace but their own, and one of them becomes a run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from lockgate.project.drafts import store
from lockgate.store.lock import lock
from tests.support.shell import Ready

SWEEP = """
[grid]
C = [0.01, 1.0]
[[try]]
C = "none"
"""


def _evidence(root: Path) -> dict[str, bytes]:
    """Every file of logs and registry."""
    home = root / ".lockgate"
    places = [home / "log", home / "registry", root / "lockgate.toml"]
    files = [path for place in places for path in (place.rglob("*") if place.is_dir() else [place])]
    return {str(path.relative_to(root)): path.read_bytes() for path in files if path.is_file()}


def test_a_draft_is_made_beside_other_work_and_signs_nothing(ready: Ready, tmp_path: Path) -> None:
    """While another command holds the project's lock: an edit of train.py is nothing to validate again.

    Logs, registry and lockgate.toml are byte for byte what they were. The draft lists itself, and gives its code back.
    """
    here = ready.copy(tmp_path)
    (here.root / "train.py").write_text((here.root / "train.py").read_text() + "# edited\n")
    before = _evidence(here.root)
    assert len(before) > 10
    with lock(here.root / ".lockgate" / "state" / "locks" / "project"):
        done = here.shell("try", "--set", "C=0.25", "--json", at=here.root)
    assert done.code == 0, done.err
    assert "flatters" not in done.err
    made = done.json["drafts"][0]
    assert [made[key] for key in ("number", "params", "changed", "task")] == [1, {"C": 0.25}, {"C": 0.25}, "binary"]
    assert made["metrics"]["roc_auc"]["value"] > 0.8
    assert 0.19 < made["rows"] / (made["rows"] + made["trained"]) < 0.21
    assert before == _evidence(here.root)
    listed = here.shell.here("try", "--list", at=here.root)
    assert "C=0.25" in listed.err
    assert "next:  lockgate try --promote 1" in listed.err
    taken = here.shell.here("try", "--take", "1", at=here.root)
    assert taken.code == 0
    assert "draft-1/code/train.py" in taken.out.split()
    assert (here.root / "draft-1" / "code" / "train.py").read_text().endswith("# edited\n")
    assert here.shell.here("try", "--take", "1", at=here.root).code == 2


@pytest.mark.parametrize(
    ("arguments", "finding", "code"),
    [
        (("--promote", "9"), "LG3102", 1),
        (("--take", "9"), "LG3102", 1),
        (("--set", "C"), "LG3101", 2),
        (("--set", "C=nan"), "LG3101", 2),
        (("--sweep", "no.toml"), "LG3100", 2),
        (("--list", "--set", "C=1"), "LG940", 2),
        (("--promote", "0"), "LG940", 2),
    ],
)
def test_what_cannot_be_tried_is_told_at_once(
    ready: Ready, arguments: tuple[str, ...], finding: str, code: int
) -> None:
    """Before any jail; with the command that comes next."""
    done = ready.shell.here("try", *arguments, at=ready.root)
    assert (code, True, True) == (done.code, finding in done.err, "next:  " in done.err)


def test_there_is_nothing_to_list_at_first(ready: Ready) -> None:
    """And the next command is the one that makes the first."""
    done = ready.shell.here("try", "--list", at=ready.root)
    assert (done.code, done.err.endswith("next:  lockgate try\n")) == (0, True)


@pytest.mark.nightly
def test_a_sweep_goes_on_after_a_failure_and_its_best_becomes_a_run(ready: Ready, tmp_path: Path) -> None:
    """Three drafts, one of which fails; the best one's parameter goes into lockgate.toml, and the run verifies.

    A draft of other code is refused with the file's name, and the failed one with its own finding.
    """
    here = ready.copy(tmp_path)
    (here.root / "s.toml").write_text(SWEEP)
    done = here.shell("try", "--sweep", "s.toml", "--json", at=here.root)
    assert done.code == 0, done.err
    drafts = done.json["drafts"]
    assert [one["finding"] and one["finding"]["finding"] for one in drafts] == [None, None, "LG310"]
    assert "the best of 2 on the same" in done.err
    best = done.json["best"]
    failed = here.shell("try", "--promote", "3", at=here.root)
    assert (failed.code, "LG3104" in failed.err, "LG310" in failed.err) == (1, True, True)
    code = (here.root / "train.py").read_text()
    (here.root / "train.py").write_text(code + "# edited\n")
    changed = here.shell("try", "--promote", str(best), at=here.root)
    assert (changed.code, f"LG3103  train.py is not as in draft {best}" in changed.err) == (1, True)
    (here.root / "train.py").write_text(code)
    promoted = here.shell("try", "--promote", str(best), at=here.root)
    assert promoted.code == 0, promoted.err
    params = tomllib.loads((here.root / "lockgate.toml").read_text())["train"]["params"]
    assert {"C": drafts[best - 1]["params"]["C"]} == params
    assert here.shell("verify", promoted.out.strip(), at=here.root).code == 0


@pytest.mark.nightly
def test_all_that_fail_are_exit_1(ready: Ready, tmp_path: Path) -> None:
    """With the finding of each in the table, and LG3109."""
    here = ready.copy(tmp_path)
    (here.root / "s.toml").write_text('[grid]\nC = ["a", "b"]\n')
    done = here.shell("try", "--sweep", "s.toml", at=here.root)
    assert (done.code, "LG3109" in done.err) == (1, True)
    assert done.err.count("LG310 ") >= 2


@pytest.mark.nightly
def test_what_was_done_before_an_interruption_stays(ready: Ready, tmp_path: Path) -> None:
    """Ctrl-C in the second of many: the first is there, the next number goes on, no process is left in the folder."""
    here = ready.copy(tmp_path)
    (here.root / "s.toml").write_text(f"[grid]\nC = {[round(0.1 + n / 100, 2) for n in range(50)]}\n")
    home = here.root / ".lockgate"
    command = [sys.executable, "-m", "lockgate", "try", "--sweep", "s.toml"]
    with subprocess.Popen(command, cwd=here.root, env=here.shell.environment(), stderr=subprocess.PIPE) as process:
        end = time.monotonic() + 120
        while not (home / "state" / "drafts" / "2").is_dir() and time.monotonic() < end:
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(timeout=60) == 130
    found = store.list_drafts(home)
    assert [entry.number for entry in found] == [1, 2]
    assert found[0].draft is not None
    again = here.shell("try", "--json", at=here.root)
    assert again.json["drafts"][0]["number"] == 3
    listed = here.shell("try", "--list", at=here.root)
    assert ("draft 2: it was not finished" in listed.err) == (found[1].draft is None)
