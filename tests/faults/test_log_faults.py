"""Rounds of faults in the whole chain of a log; and logs with one precaution less, which the rounds must find.

`bench/log_faults.py` does ten thousand of them. Which seeds are played is drawn anew each time and is in the message.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from random import Random, SystemRandom

import pytest

from tests.faults import processes, rounds
from tests.faults.chain import templates
from tests.faults.held import Fault, Killed
from tests.faults.machine import Machine
from tests.faults.mutants import MUTANTS
from tests.faults.rounds import SIZES, Outcome

pytestmark = pytest.mark.timeout(1800)  # by night; a few seconds by day

OFTEN = (
    "checkpoint before tiles",
    "no fsync of folders",
    "no fsync of files",
    "answered before fsync",
)
"""Mutants that any few rounds find. The others need two faults in the right order."""


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Logs to begin with."""
    return templates(tmp_path_factory.mktemp("templates"), SIZES)


def _first() -> int:
    return SystemRandom().randrange(1 << 40)


@pytest.mark.parametrize("count", [25, pytest.param(1000, marks=pytest.mark.nightly)])
def test_no_promise_is_broken_by_any_fault(count: int, logs: dict[str, Path], tmp_path: Path) -> None:
    """Kills, power cuts, errors and lost bytes, several in a row: nothing acknowledged is lost, nothing forks."""
    first, found = _first(), Outcome()
    for seed in range(first, first + count):
        found.add(rounds.play(seed, tmp_path, logs))
    assert found.broken == [], "python -m bench.log_faults --replay SEED"
    assert found.lives - found.hits["none"] > count / 4, "most lives ought to meet a fault"
    assert found.entries > count
    assert found.records > count


@pytest.mark.parametrize("count", [1, pytest.param(100, marks=pytest.mark.nightly)])
def test_no_promise_is_broken_by_sigkill(count: int, logs: dict[str, Path], tmp_path: Path) -> None:
    """Real gateways, a real sealer, a writer and a reader as processes: SIGKILL comes to all of them."""
    first, found = _first(), Outcome()
    for seed in range(first, first + count):
        found.add(processes.play(seed, tmp_path, logs))
    assert found.broken == []
    assert found.lives >= count
    assert found.records > 0


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in OFTEN else pytest.mark.nightly) for name in MUTANTS]
)
def test_a_log_with_one_precaution_less_is_found(name: str, logs: dict[str, Path], tmp_path: Path) -> None:
    """The rounds can fail: each mutant breaks a promise in one of them before long."""
    first = _first()
    for seed in range(first, first + (400 if name in OFTEN else 4000)):
        if rounds.play(seed, tmp_path, logs, MUTANTS[name]).broken:
            return
    raise AssertionError(f"{name}: not found from seed {first} on")


def test_a_seed_says_it_all(logs: dict[str, Path], tmp_path: Path) -> None:
    """The same seed is the same round, call by call: what failed once can be looked at."""
    seed = _first()
    assert rounds.play(seed, tmp_path, logs) == rounds.play(seed, tmp_path, logs)


def test_the_disk_forgets_what_was_not_synced(tmp_path: Path) -> None:
    """The model: a synced file with a synced name is there for ever, without either it may be gone or torn."""
    states = set()
    for seed in range(60):
        place, after = tmp_path / f"{seed}", tmp_path / f"{seed}-after"
        place.mkdir()
        after.mkdir()
        machine = Machine(place)
        with machine.running():
            for name in ("kept", "unsynced", "unnamed"):
                descriptor = os.open(place / name, os.O_WRONLY | os.O_CREAT)
                os.write(descriptor, b"x" * 1500)
                if name != "unsynced":
                    os.fsync(descriptor)
                os.close(descriptor)
                if name != "unnamed":
                    _sync(place)
        machine.audit()
        machine.power_cut(after, Random(seed))
        assert (after / "kept").read_bytes() == b"x" * 1500
        unsynced = (after / "unsynced").read_bytes()
        states |= {("unsynced", len(unsynced), b"\0" in unsynced), ("unnamed", (after / "unnamed").exists())}
    assert {("unnamed", True), ("unnamed", False), ("unsynced", 0, False), ("unsynced", 1500, False)} <= states
    assert ("unsynced", 1500, True) in states


def test_after_a_failed_fsync_the_next_one_lies(tmp_path: Path) -> None:
    """The model: the bytes of a failed fsync are in the cache and nowhere else, though a second fsync succeeds."""
    place, after = tmp_path / "before", tmp_path / "after"
    place.mkdir()
    after.mkdir()
    machine = Machine(place)
    with machine.running(Fault(1, "fsync", "error", errno.EIO)):
        descriptor = os.open(place / "file", os.O_WRONLY | os.O_CREAT)
        os.write(descriptor, b"lost")
        with pytest.raises(OSError, match="Input/output"):
            os.fsync(descriptor)
        os.write(descriptor, b"kept")
        os.fsync(descriptor)
        os.close(descriptor)
        _sync(place)
    assert (place / "file").read_bytes() == b"lostkept"
    machine.power_cut(after, Random(0))
    assert (after / "file").read_bytes() == b"\0\0\0\0kept"


def test_who_was_killed_does_nothing_more(tmp_path: Path) -> None:
    """The model: half of the write is there, and no `finally` changes anything after it."""
    machine = Machine(tmp_path)
    with machine.running(Fault(1, "write", "kill")):
        descriptor = os.open(tmp_path / "file", os.O_WRONLY | os.O_CREAT)
        with pytest.raises(Killed):
            os.write(descriptor, b"half of it")
        with pytest.raises(Killed):
            os.unlink(tmp_path / "file")
    os.close(descriptor)
    assert (tmp_path / "file").read_bytes() == b"half "


def test_what_the_model_does_not_see_is_an_error(tmp_path: Path) -> None:
    """The model: a file that came by another call than those of `os`, or by one it does not know, fails the test."""
    machine = Machine(tmp_path)
    with machine.running():
        (tmp_path / "by open").write_bytes(b"")
        with pytest.raises(AssertionError, match=r"os\.symlink"):
            os.symlink("by open", tmp_path / "link")
    with pytest.raises(AssertionError, match="by which call"):
        machine.audit()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
