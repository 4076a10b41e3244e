"""A process that is killed at any moment: nothing half-registered, nothing lost, and the next run goes on."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time

import pytest

from tests.support.shell import Ready


@pytest.mark.parametrize("within", [6.0, *(pytest.param(each, marks=pytest.mark.nightly) for each in (1, 2, 4, 8))])
def test_a_killed_run_goes_on(ready: Ready, tmp_path_factory: pytest.TempPathFactory, within: float) -> None:
    """SIGKILL somewhere in a fresh run: what was sealed still verifies, and the next run ends well."""
    copy = ready.copy(tmp_path_factory.mktemp("killed"))
    before = len(copy.shell.here("log", "show", "--json", "-C", copy.root).json["entries"])
    command = [sys.executable, "-m", "lockgate", "run", "--fresh", "-C", str(copy.root)]
    process = subprocess.Popen(
        command, env=copy.shell.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    time.sleep(within * random.random())
    process.send_signal(signal.SIGKILL)
    process.wait()
    after = copy.shell.here("log", "show", "--json", "-C", copy.root).json["entries"]
    assert len(after) >= before
    done = copy.shell("run", "--json", "-C", copy.root)
    assert done.code == 0, done.err
    assert copy.shell.here("verify", "--all", "-C", copy.root).code == 0


def test_two_commands_at_once_do_not_fork_the_log(ready: Ready, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The second of two runs is told that another is at work (exit 4), or waits its turn; the log stays one."""
    copy = ready.copy(tmp_path_factory.mktemp("twice"))
    command = [sys.executable, "-m", "lockgate", "run", "--fresh", "-C", str(copy.root)]
    both = [
        subprocess.Popen(
            command, env=copy.shell.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    ended = [(process.communicate()[1], process.returncode) for process in both]
    assert sorted(code for _, code in ended) == [0, 4], ended
    assert any("LG807" in said for said, _ in ended)
    assert copy.shell.here("verify", "--all", "-C", copy.root).code == 0
