"""The watchdog: exact where it must be, cheap where it can be, and never deceived by what processes share."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from lockgate.sandbox import _cgroup, _memory
from lockgate.sandbox._cgroup import Group
from lockgate.sandbox._memory import Lookout, Memory, Process
from lockgate.sandbox.population import Usage
from lockgate.sandbox.settings import Limits
from lockgate.sandbox.watchdog import INTERVAL, Ended, Watchdog

MIB = 1 << 20
PAGES = MIB // os.sysconf("SC_PAGE_SIZE")
LIMIT = 100 * MIB


def process(name: str, mebibytes: int, tasks: int = 1) -> Process:
    """A process that has that much mapped."""
    return Process(name, f"9999 {mebibytes * PAGES} 0 0 0 0 0", tasks)


class Scripted(Lookout):
    """Walks with answers prepared in advance, and a list of what was asked of it."""

    def __init__(self, answers: Sequence[int] = (), sockets: int = 0) -> None:
        self.answers, self.asked = list(answers), list[str]()
        self.now: list[Process] = []
        self.open_sockets = sockets

    def processes(self, names: Sequence[str]) -> list[Process]:
        """What the test says there is."""
        return [found for found in self.now if found.name in names]

    def signal(self, name: str, number: signal.Signals) -> None:
        """Written down."""
        self.asked.append(f"{number.name} {name}")

    def exact(self, found: Sequence[Process], enough: int) -> int:
        """The next answer."""
        assert enough == LIMIT
        self.asked.append(f"walk {len(found)}")
        return self.answers.pop(0) * MIB

    def sockets(self) -> int:
        """What the test says."""
        return self.open_sockets


def seen(lookout: Scripted, memory: Memory, *found: Process) -> int:
    """One look, in MiB."""
    lookout.now = list(found)
    return memory.of(list(found)) // MIB


def test_within_the_limit_the_cheap_sum_is_the_answer() -> None:
    """Nothing is walked through and nobody is stopped."""
    lookout = Scripted()
    assert seen(lookout, Memory(lookout, LIMIT), process("1", 10), process("2", 90)) == 100
    assert lookout.asked == []


def test_above_it_the_processes_stand_still_while_they_are_counted() -> None:
    """A bomb does not grow while it is measured, and does not go on when it was one."""
    lookout = Scripted([120])
    assert seen(lookout, Memory(lookout, LIMIT), process("1", 1), process("2", 60), process("3", 60)) == 120
    assert lookout.asked == ["SIGSTOP 2", "SIGSTOP 3", "walk 3"]


def test_what_is_shared_is_taken_off_from_then_on() -> None:
    """A large process and its forks are stopped once, and again only when more was mapped than there is room for."""
    lookout = Scripted([70, 110])
    memory = Memory(lookout, LIMIT)
    assert seen(lookout, memory, process("2", 60), process("3", 60)) == 70
    assert lookout.asked == ["SIGSTOP 2", "SIGSTOP 3", "walk 2", "SIGCONT 2", "SIGCONT 3"]
    assert seen(lookout, memory, process("2", 60), process("3", 90)) == 100
    assert len(lookout.asked) == 5
    assert seen(lookout, memory, process("2", 60), process("3", 91)) == 110
    assert lookout.asked[5:] == ["SIGSTOP 2", "SIGSTOP 3", "walk 2"]


@pytest.mark.parametrize(("free", "asked"), [(85, []), (84, ["walk 2"])])
def test_pages_that_stop_being_shared_are_noticed(monkeypatch: pytest.MonkeyPatch, free: int, asked: list[str]) -> None:
    """They are in no cheap number of the process, but the machine's free memory falls."""
    lookout = Scripted([70, 130])
    memory = Memory(lookout, LIMIT)
    monkeypatch.setattr(_memory, "_free", lambda: 100 * MIB)
    seen(lookout, memory, process("2", 60), process("3", 60))
    lookout.asked.clear()
    monkeypatch.setattr(_memory, "_free", lambda: free * MIB)
    assert seen(lookout, memory, process("2", 60), process("3", 60)) == (130 if asked else 70)
    assert lookout.asked == asked


def test_now_and_then_it_looks_anyway(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without stopping anybody."""
    lookout = Scripted([70, 130])
    memory = Memory(lookout, LIMIT)
    seen(lookout, memory, process("2", 60), process("3", 60))
    lookout.asked.clear()
    later = time.monotonic() + 1
    monkeypatch.setattr("lockgate.sandbox._memory.time.monotonic", lambda: later)
    assert seen(lookout, memory, process("2", 60), process("3", 60)) == 130
    assert lookout.asked == ["walk 2"]


@pytest.mark.parametrize(("sockets", "hidden"), [(256, False), (100_000, True)])
def test_sockets_that_could_hold_the_limit_are_too_many(sockets: int, hidden: bool) -> None:
    """What was sent and not read is in no process; a few sockets are nobody's business."""
    memory = Memory(Scripted(sockets=sockets), LIMIT)
    assert any(memory.hidden() for _ in range(8)) == hidden


# --- real processes of this machine ---

BLOCK = "b = bytearray(b'x') * (64 << 20)\nprint('ready', flush=True)\n"


@pytest.fixture(name="lookout")
def _lookout() -> Iterator[Lookout]:
    """This machine's own /proc."""
    proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
    yield Lookout(proc)
    os.close(proc)


def children(pid: int) -> list[str]:
    """Its children's ids."""
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def started(code: str) -> subprocess.Popen[str]:
    """A process that has said `ready`."""
    python = [sys.executable, "-I", "-S", "-c", code]
    run = subprocess.Popen(python, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    assert run.stdout.readline() == "ready\n"
    return run


def test_a_child_before_its_exec_is_not_counted_twice(lookout: Lookout, tmp_path: Path) -> None:
    """A vfork lends the parent's memory. An honest job that starts programs near its limit is no bomb."""
    os.mkfifo(tmp_path / "blocks")
    start = "import os\nos.posix_spawn('/bin/true', ['true'], {}, file_actions=[(os.POSIX_SPAWN_OPEN, 9, %r, 0, 0)])"
    with started(BLOCK + start % str(tmp_path / "blocks")) as parent:
        while not children(parent.pid):
            time.sleep(0.01)
        time.sleep(0.1)
        found = lookout.processes([str(parent.pid), *children(parent.pid)])
        assert len(found) == 2
        assert 64 * MIB < lookout.exact(found, 96 * MIB) < 96 * MIB
        assert lookout.exact(found, 1000 * MIB) > 128 * MIB  # the check removed: nothing is taken off below the limit
        (tmp_path / "blocks").write_text("")


def test_a_forked_child_is_counted_once_and_its_own_pages_too(lookout: Lookout) -> None:
    """Shared after the fork; twice as much when the child has written to it. A walk tells the difference."""
    grows = (
        "import os, sys\nif os.fork(): os.wait(); os._exit(0)\n"
        "sys.stdin.readline(); b[::4096] = bytes(len(b) // 4096)\nprint('grown', flush=True); sys.stdin.readline()"
    )
    with started(BLOCK + grows) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        while not children(parent.pid):
            time.sleep(0.01)
        names = [str(parent.pid), *children(parent.pid)]
        before = lookout.exact(lookout.processes(names), MIB)
        parent.stdin.write("\n")
        parent.stdin.flush()
        assert parent.stdout.readline() == "grown\n"
        after = lookout.exact(lookout.processes(names), MIB)
        parent.stdin.close()
    assert 64 * MIB < before < 90 * MIB
    assert 120 * MIB < after < 160 * MIB


def test_a_process_that_hides_its_pages_is_counted_in_full(lookout: Lookout, monkeypatch: pytest.MonkeyPatch) -> None:
    """What may not be read counts with everything that it has mapped, and what has gone with nothing."""
    found = [process("7", 30), process("8", 40)]

    def read(_self: Lookout, path: str) -> str:
        raise PermissionError if path.startswith("7/") else FileNotFoundError

    monkeypatch.setattr(Lookout, "_read", read)
    assert lookout.exact(found, LIMIT) == 30 * MIB


def test_a_signal_goes_to_the_process_that_the_folder_is_of(lookout: Lookout) -> None:
    """Stopped, and ended; one that is no more is no error."""
    with started("print('ready', flush=True)\nimport time; time.sleep(60)") as run:
        lookout.signal(str(run.pid), signal.SIGSTOP)
        stopped = os.waitid(os.P_PID, run.pid, os.WSTOPPED)
        assert stopped is not None
        assert stopped.si_status == signal.SIGSTOP
        lookout.signal(str(run.pid), signal.SIGKILL)
        assert run.wait(5) == -signal.SIGKILL
    lookout.signal(str(run.pid), signal.SIGKILL)


class Own:
    """A population of this very process, with the usage that a test gives it."""

    def __init__(self, *usage: Usage) -> None:
        self.proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
        self._usage = usage
        self.names = [str(os.getpid())]

    def pids(self) -> list[str]:
        """This process."""
        return self.names

    def runtime(self) -> Sequence[str]:
        """None."""
        return ()

    def usage(self) -> Sequence[Usage]:
        """The test's."""
        return self._usage

    def kill(self) -> None:
        """Nobody."""

    def close(self) -> None:
        """Let go of /proc."""
        os.close(self.proc)


ROOMY = Limits(memory=8 << 30, tasks=500, inodes=100)


@pytest.mark.parametrize(
    ("usage", "verdict"),
    [
        (Usage(100), None),
        (Usage(101), "inodes"),
        (Usage(1, 99, 100), None),
        (Usage(1, 101, 100), "tmp"),
        (Usage(1, 101, 100, "output"), "output"),
        (Usage(1, 10**12), None),
    ],
)
def test_what_is_stored_is_bounded(usage: Usage, verdict: Ended | None) -> None:
    """Inodes everywhere; bytes where no file system bounds them, with a verdict that names the place."""
    watchdog = Watchdog(Own(Usage(1), usage), ROOMY, long_lived=True)
    assert watchdog.look() == verdict
    watchdog.close()


def test_the_group_learns_what_lies_in_tmpfs_and_tells_of_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sum of all places; a process that the kernel ended is the verdict `memory`, with the group's own peak."""
    (tmp_path / "memory.events").write_text("oom 0\noom_kill 0\n")
    (tmp_path / "memory.max").write_text("")
    group = Group(2, {"memory": tmp_path}, wall=100 * MIB)
    watchdog = Watchdog(Own(Usage(1, 5 * MIB), Usage(1, 2 * MIB)), ROOMY, long_lived=True, group=group)
    assert watchdog.look() is None
    assert (tmp_path / "memory.max").read_text() == str(107 * MIB)
    (tmp_path / "memory.peak").write_text(f"{107 * MIB}\n")
    (tmp_path / "memory.events").write_text("oom 4\noom_kill 2\n")
    assert watchdog.look() == "memory"
    assert watchdog.peak_memory >= 100 * MIB
    monkeypatch.setattr(_cgroup, "_PATIENCE", 0)
    group.remove()
    watchdog.close()


def test_it_looks_again_sooner_when_the_limit_is_near() -> None:
    """A limit that is far away is looked at ten times a second, one that is near within milliseconds."""
    population = Own()
    resident = Lookout(population.proc).processes(population.names)[0].resident
    far, near = (
        Watchdog(population, Limits(memory=resident + room, tasks=500), long_lived=True)
        for room in (64 << 30, 20 * MIB)
    )
    assert (far.look(), near.look()) == (None, None)
    assert (far.interval, near.interval < 0.02) == (INTERVAL, True)
    far.close()


def test_watching_costs_less_than_a_hundredth_of_a_core() -> None:
    """While nothing happens: processor time of a look, times the looks of a second."""
    watchdog = Watchdog(Own(Usage(1), Usage(1), Usage(1)), ROOMY, long_lived=True)
    watchdog.look()
    begun = time.thread_time()
    for _ in range(100):
        watchdog.look()
    assert (time.thread_time() - begun) / 100 / INTERVAL < 0.01
    watchdog.close()


def test_after_its_close_it_ends_nobody() -> None:
    """A descriptor's number may be somebody else's by then."""
    population = Own()
    population.names = []
    watchdog = Watchdog(population, ROOMY, long_lived=True)
    watchdog.kill()
    watchdog.close()
    population.names = [str(os.getpid())]
    watchdog.kill()


SPARSE = (
    "import mmap, sys; held = mmap.mmap(-1, 32 << 30, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000, mmap.PROT_READ); "
    "[held[at] for at in range(0, 32 << 30, 2 << 20)]; print('held', flush=True); sys.stdin.read()"
)


def test_tables_of_pages_are_found_where_much_is_addressed_and_little_held() -> None:
    """One byte of each 2 MiB costs the kernel a page of tables, which no memory figure of the process shows."""
    command = [sys.executable, "-S", "-c", SPARSE]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as bomb:
        assert bomb.stdout is not None
        assert bomb.stdout.readline() == b"held\n"
        proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
        try:
            lookout = Lookout(proc)
            found = lookout.processes([str(bomb.pid)])
            assert lookout.tables(found, MIB) > 60 * MIB > found[0].resident
            assert lookout.tables(found, 1 << 40) == 0
        finally:
            os.close(proc)
            bomb.kill()
