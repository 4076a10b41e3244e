"""Level 2 has no namespace that ends everything: what a jail started is ended by hand, and nothing outlives a run."""

from __future__ import annotations

import fcntl
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from lockgate.sandbox import _handshake
from lockgate.sandbox._landlock import abi
from lockgate.sandbox._landlock.scratch import Scratch, new_path
from lockgate.sandbox.launch import Target
from lockgate.sandbox.settings import PythonEnv, named
from tests.support.landlock import jail, run, running

pytestmark = pytest.mark.skipif(abi.kernel_abi() < abi.LEAST_ALONE, reason="this kernel's Landlock is older")


@pytest.fixture(name="no_group")
def _no_group(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a control group, as an ordinary user mostly is: it would end everything by itself."""
    monkeypatch.setattr(_handshake, "make", lambda *_, **__: None)


@pytest.mark.usefixtures("no_group")
def test_a_daemon_does_not_outlive_the_run() -> None:
    """Double fork, a session of its own, all signals ignored: it is gone when the run returns."""
    marker = f"lockgate-daemon-{os.getpid()}"
    code = (
        "import os, signal, subprocess, sys\n"
        "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        "        [signal.signal(n, signal.SIG_IGN) for n in range(1, 32) if n not in (9, 19)]\n"
        f"        os.execvp('python3', ['python3', '-c', 'import time; time.sleep(60)', '{marker}'])\n    os._exit(0)\n"
        "os.wait(); print('left')"
    )
    result = run(code)
    assert (result.talk, result.exit_code) == (b"left\n", 0)
    assert running(marker) == []


def _spreading(marker: str) -> str:
    inner = (
        "import os, signal, time\n"
        "def grow(depth):\n"
        "    for _ in range(5):\n"
        "        if os.fork() == 0:\n"
        "            if depth % 2: os.setsid()\n"
        "            grow(depth + 1) if depth < 2 else time.sleep(60)\n"
        "            os._exit(0)\n"
        "        time.sleep(0.003)\n"
        "    if depth == 0: time.sleep(60)\n"
        "grow(0)"
    )
    return f"import os; os.execvp('python3', ['python3', '-c', {inner!r}, {marker!r}])"


def _rounds(count: int) -> None:
    for number in range(count):
        marker = f"lockgate-spread-{os.getpid()}-{number}"
        started = jail(named("worker", python=PythonEnv.own())).start(
            Target(command=("python3", "-c", _spreading(marker))), descriptors={}
        )
        time.sleep(random.uniform(0, 0.25))
        started.kill()
        assert running(marker) == []


@pytest.mark.usefixtures("no_group")
def test_processes_that_spread_are_all_ended() -> None:
    """A few rounds, each ended at a moment of chance while processes fork and leave their sessions."""
    _rounds(4)


@pytest.mark.usefixtures("no_group")
def test_what_is_left_when_the_harness_itself_is_killed_is_ended_by_the_launcher() -> None:
    """As by a kernel that is short of memory: nobody adopts any more, but the watchdog has seen who was there."""
    marker = f"lockgate-left-{os.getpid()}"
    started = jail(named("worker", python=PythonEnv.own())).start(
        Target(command=("python3", "-c", _spreading(marker))), descriptors={}
    )
    deadline = time.monotonic() + 10
    while len(running(marker)) < 31 and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(1.5)  # the watchdog looks again once they are all there, on a busy machine too
    os.kill(started.pid, signal.SIGKILL)
    started.wait(10)
    assert running(marker) == []


@pytest.mark.nightly
@pytest.mark.usefixtures("no_group")
def test_processes_that_spread_are_all_ended_many_times() -> None:
    """Fifty rounds."""
    _rounds(50)


LAUNCH = """
from lockgate.sandbox import _handshake
_handshake.make = lambda *_, **__: None
from lockgate.sandbox._landlock.launcher import LandlockLauncher
from lockgate.sandbox.launch import Jail, Target
from lockgate.sandbox.settings import PythonEnv, named
import sys
target = Target(command=("python3", "-c", sys.argv[1]))
Jail(named("train", python=PythonEnv.own()), least=2, launcher=LandlockLauncher()).run(
    target, talk=lambda data: (sys.stdout.buffer.write(data), sys.stdout.flush())
)
"""


@pytest.mark.parametrize("stopped", [False, True])
def test_when_the_launcher_is_killed_the_jail_ends_all_the_same(stopped: bool, tmp_path: Path) -> None:
    """SIGKILL for the launcher, also while it holds the harness stopped: the harness sees its channel close."""
    marker = f"lockgate-orphan-{os.getpid()}"
    code = f"print('begun', flush=True)\n{_spreading(marker)}"
    # What it leaves behind is not left in the machine's own place.
    variables = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen([sys.executable, "-c", LAUNCH, code], env=variables, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"begun\n"
    time.sleep(0.2)
    assert running(marker) != []
    if stopped:
        for harness in Path(f"/proc/{process.pid}/task").glob("*/children"):
            for child in harness.read_text().split():
                os.kill(int(child), signal.SIGSTOP)
    process.kill()
    process.wait()
    process.stdout.close()
    deadline = time.monotonic() + 5
    while running(marker) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert running(marker) == []


def test_what_a_killed_launcher_left_is_removed_by_a_later_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An old folder of ours that nobody holds goes; one in use, a young one and a link that bears such a name stay."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    names = [f"lockgate-jail-{number:016x}" for number in range(4)]
    for name in names[:3]:
        (tmp_path / name / "closed").mkdir(parents=True)
        (tmp_path / name / "closed").chmod(0)
    (tmp_path / names[3]).symlink_to(tmp_path)
    for name in (names[0], names[1]):
        os.utime(tmp_path / name, (0, 0))
    held = os.open(tmp_path / names[1], os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    scratch = Scratch(new_path())
    assert len(os.listdir(tmp_path)) == 4
    scratch.remove()
    os.close(held)
    assert sorted(os.listdir(tmp_path)) == names[1:]
    for name in names[1:3]:
        (tmp_path / name / "closed").chmod(0o700)
