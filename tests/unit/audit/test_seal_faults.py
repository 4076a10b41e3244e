"""The writer is killed, refused, or unplugged at every step: nothing acknowledged is lost, nothing forks."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from random import Random, SystemRandom

import pytest

from lockgate.audit.log import verify_checkpoint
from lockgate.audit.seen import SeenStore
from lockgate.core.checkpoint import Checkpoint
from lockgate.errors import Unavailable, VerificationFailed
from tests.support.faults import Faulty, PowerCut, Unplugged, die
from tests.support.sealing import ORIGIN, PUBLIC, check, leaves, read, sealer

BATCHES = (2, 1, 254, 3, 300)  # from nothing, within a tile, over its end, over the next
TOTALS = [sum(BATCHES[: i + 1]) for i in range(len(BATCHES))]


def _steps() -> int:
    """How many steps an undisturbed run takes."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        disk = Faulty()
        _run(Path(folder), disk)
        return disk.steps


def _run(folder: Path, disk: Faulty, acknowledge: int | None = None) -> None:
    writer = sealer(folder / "log", SeenStore(folder / "seen" / "events", disk=disk), disk)
    for count in BATCHES:
        size = writer.append(leaves(count, writer.append([]).size)).size
        if acknowledge is not None:
            os.write(acknowledge, size.to_bytes(4, "big"))


def _signed(log_dir: Path) -> list[Checkpoint]:
    """Every checkpoint with a good signature that lies in the folder, published or not."""
    found = []
    for name in ("checkpoint", "checkpoint.next"):
        if (log_dir / name).exists():
            try:
                found.append(verify_checkpoint((log_dir / name).read_bytes(), PUBLIC, ORIGIN))
            except VerificationFailed:
                assert name == "checkpoint.next"
    return found


def _recovers(folder: Path, acknowledged: int, since: int = 0) -> None:
    """What must hold after any fault: readable as it is, nothing lost, nothing forked, writable, clean afterwards."""
    log_dir, seen = folder / "log", SeenStore(folder / "seen" / "events")
    signed = _signed(log_dir)
    if (log_dir / "checkpoint").exists():
        assert acknowledged <= check(log_dir, seen).checkpoint.size
    else:
        assert acknowledged == 0
    writer = sealer(log_dir, seen)
    size = writer.append([]).size
    assert acknowledged <= size
    assert size - since in {0, *TOTALS}
    end = writer.append([b"the next entry"]).size
    report = check(log_dir, seen)
    assert not report.leftovers
    log = read(log_dir, seen)
    assert [*leaves(size), b"the next entry"] == list(log.entries(0, end))
    for checkpoint in signed:
        assert checkpoint.root == log.subtree(0, checkpoint.size)


@pytest.mark.nightly  # fifteen seconds
def test_killed_at_every_step(tmp_path: Path) -> None:
    """A kill -9 before each write, in the middle of it, before each fsync, rename and unlink."""
    steps = _steps()
    assert steps > 80
    for step in range(1, steps + 1):
        folder = tmp_path / str(step)
        folder.mkdir()
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                _run(folder, Faulty(step, die), writing)
            finally:
                os._exit(1)
        os.close(writing)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
        with os.fdopen(reading, "rb") as pipe:
            acknowledged = pipe.read()
        _recovers(folder, int.from_bytes(acknowledged[-4:], "big"))
        shutil.rmtree(folder)


@pytest.mark.parametrize("each", [3, pytest.param(1, marks=pytest.mark.nightly)])
@pytest.mark.parametrize("for_good", [False, True])
def test_full_disk_at_every_step(for_good: bool, each: int, tmp_path: Path) -> None:
    """ENOSPC at each step, once or from then on: Unavailable LG713, and the log goes on when there is room again.

    By day at every third step, the first by chance.
    """
    for step in range(SystemRandom().randint(1, each), _steps() + 1, each):
        folder = tmp_path / str(step)
        disk = Faulty(step, for_good=for_good)
        seen = SeenStore(folder / "seen" / "events", disk=disk)
        writer = sealer(folder / "log", seen, disk)
        acknowledged = 0
        noticed = ""
        try:
            for count in BATCHES:
                acknowledged = writer.append(leaves(count, writer.append([]).size)).size
        except Unavailable as error:
            noticed = error.finding
        assert noticed == "LG713"
        disk.at = 0
        size = writer.append([]).size
        assert acknowledged <= size
        assert writer.append(leaves(1, size)).size == size + 1, "the same writer goes on"
        _recovers(folder, size + 1, since=1)
        shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("seed", "each"), [(0, 3), *(pytest.param(seed, 1, marks=pytest.mark.nightly) for seed in range(10))]
)
def test_power_cut_at_every_step(seed: int, each: int, tmp_path: Path) -> None:
    """What was not fsynced is lost or torn, name by name: what was acknowledged is there all the same.

    By day at every third step, the first by chance.
    """
    random, step, finished = Random(seed), SystemRandom().randint(1 - each, 0), False
    while not finished:
        step += each
        before, after = tmp_path / f"{step}-before", tmp_path / f"{step}-after"
        for folder in (before, after):
            (folder / "log").mkdir(parents=True)
            (folder / "seen").mkdir()
        disk = Unplugged(before, durable={"log": None, "seen": None}, cut_at=step)
        acknowledged = 0
        writer = sealer(before / "log", SeenStore(before / "seen" / "events", disk=disk), disk)
        try:
            for count in BATCHES:
                acknowledged = writer.append(leaves(count, acknowledged)).size
            finished = True
        except PowerCut:
            pass
        disk.after_power_cut(after, random)
        _recovers(after, acknowledged)
        shutil.rmtree(before)
        shutil.rmtree(after)
    assert step > 80
