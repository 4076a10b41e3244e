"""Nothing is left of a player who was killed, and nothing of anybody else is removed for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lockgate.drills.replays.program import Program
from lockgate.drills.replays.workplace import workplace

PLAYER = """
import os, sys
from pathlib import Path
from lockgate.drills.replays.program import Program
from lockgate.drills.replays.workplace import workplace
from lockgate.sandbox.own_program import run, start

program = Program(Path())
deaf = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
with workplace(program) as place:
    run((sys.executable, "-c", ""), os.environ, place, 60, program.children)
    goes_on = start((sys.executable, "-c", deaf), os.environ, place, out=place / "out", err=place / "err",
                    children=program.children)
    while not (place / "out").read_text():
        pass
    print(place, goes_on.process.pid, flush=True)
    run((sys.executable, "-c", "import time; time.sleep(60)"), os.environ, place, 60, program.children)
"""


def _gone(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_what_a_killed_player_started_ends_and_its_folder_goes(tmp_path: Path) -> None:
    """SIGKILL, or no memory left: a gateway with stolen keys must not go on answering."""
    words = (sys.executable, "-c", PLAYER)
    with subprocess.Popen(words, stdout=subprocess.PIPE, env={**os.environ, "TMPDIR": str(tmp_path)}) as player:
        assert player.stdout is not None
        place, pid = player.stdout.readline().decode().split()
        alive = not _gone(int(pid))
        player.kill()

    until = time.monotonic() + 30
    while time.monotonic() < until and not (_gone(int(pid)) and not Path(place).exists()):
        time.sleep(0.05)
    assert (alive, _gone(int(pid)), Path(place).exists()) == (True, True, False)


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where the machine keeps what is temporary."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_what_was_left_by_a_dead_player_is_removed_by_the_next(temporary: Path) -> None:
    """Where the watcher was killed too: the folder has a player's file that nobody holds."""
    left = temporary / "lockgate-drill-left"
    left.mkdir(0o700)
    (left / "player").touch()
    (left / "twin").mkdir()

    with workplace(Program(temporary)) as place:
        assert [place] == list(temporary.iterdir())


def test_nothing_else_is_removed(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a player who lives, who has just begun, or is somebody else; and no link is followed."""
    own = temporary / "own"
    own.mkdir(0o700)
    (own / "player").touch()
    for name, mode in (("begun", 0o700), ("open", 0o755), ("linked", 0o700)):
        (temporary / f"lockgate-drill-{name}").mkdir(mode)
    (temporary / "lockgate-drill-open" / "player").touch()
    (temporary / "lockgate-drill-linked" / "player").symlink_to(own / "player")
    (temporary / "lockgate-drill-link").symlink_to(own)
    before = set(temporary.rglob("*"))

    with workplace(Program(temporary)) as first:
        (first / "twin").touch()
        with workplace(Program(temporary)):
            assert (first / "twin").exists()
        assert before == set(temporary.rglob("*")) - {first, *first.iterdir()}

    theirs = temporary / "lockgate-drill-theirs"
    theirs.mkdir(0o700)
    (theirs / "player").touch()
    monkeypatch.setattr("os.geteuid", lambda: os.getuid() + 1)
    with workplace(Program(temporary)):
        assert (theirs / "player").exists()


def test_a_watcher_that_was_killed_hinders_nobody(temporary: Path) -> None:
    """What is started is started, and ended by who started it."""
    program = Program(temporary)
    with workplace(program) as place:
        watcher = program.children._watcher
        assert watcher is not None
        os.kill(watcher.pid, signal.SIGKILL)
        os.waitid(os.P_PID, watcher.pid, os.WEXITED | os.WNOWAIT)
        assert program("explain", "LG203", at=place).ok

    assert not place.exists()
