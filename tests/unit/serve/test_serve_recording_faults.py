"""A disk that is full, fails, or ends with the process, at every step: what was promised of a record holds."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from functools import partial
from pathlib import Path

import pytest

from lockgate.core.record_kinds import UnrecordedRecord
from lockgate.core.records import PredictionRecord, parse_receipt
from lockgate.serve.declined import CannotRecord
from lockgate.serve.recording import keeping
from lockgate.serve.recording.recorder import SpoolRecorder
from lockgate.serve.spec import ServePolicy
from tests.support.faults import Faulty, die
from tests.support.recording import ADA, SERVED, Bench, write

WRITTEN, SYNCED = ServePolicy(record="written"), ServePolicy(record="synced")


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that was full is tried again soon."""
    monkeypatch.setattr(keeping, "RETRY_SECONDS", 0.005)
    monkeypatch.setattr(keeping, "SYNC_SECONDS", 0.001)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Empty folders."""
    return Bench(tmp_path)


async def _busy(recorder: SpoolRecorder, answered: list[int], pipe: int = -1) -> None:
    """Requests one after the other; what may be answered is noted at once, in a pipe where the process may die."""
    for _ in range(8):
        try:
            token = write(recorder, 1)[0]
            recorded = await recorder.durable()
        except CannotRecord:
            continue
        if recorded:
            answered.append(parse_receipt(token).seq)
            if pipe >= 0:
                os.write(pipe, bytes([answered[-1]]))


def _steps(folder: Path) -> int:
    disk = Faulty()
    Bench(folder).play(partial(_busy, answered=[]), disk=disk, part_bytes=1200)
    return disk.steps


def test_killed_at_every_step(tmp_path: Path) -> None:
    """A kill -9 before each write, in the middle of it, before each sync: no answered prediction is without record."""
    (tmp_path / "0").mkdir()
    steps = _steps(tmp_path / "0")
    assert steps > 18
    for step in range(3, steps + 1):
        bench = Bench(_fresh(tmp_path / str(step)))
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                disk = Faulty(step, die)
                bench.play(partial(_busy, answered=[], pipe=writing), disk=disk, part_bytes=1200, policy=SYNCED)
            finally:
                os._exit(1)
        os.close(writing)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) in {9, 1}
        with os.fdopen(reading, "rb") as pipe:
            answered = list(pipe.read())
        assert set(answered) <= {record.seq for record in bench.records()}
        shutil.rmtree(tmp_path / str(step))


def _fresh(place: Path) -> Path:
    place.mkdir()
    return place


@pytest.mark.parametrize("policy", [WRITTEN, SYNCED], ids=["written", "synced"])
def test_full_disk_at_every_step(policy: ServePolicy, tmp_path: Path) -> None:
    """ENOSPC once, anywhere: told, everything is answered all the same, each with its record, once, in order."""
    for step in range(3, _steps(_fresh(tmp_path / "0")) + 1):
        bench, answered = Bench(_fresh(tmp_path / str(step))), list[int]()
        bench.play(partial(_busy, answered=answered), disk=Faulty(step), part_bytes=1200, policy=policy)
        assert list(range(8)) == answered
        assert list(range(8)) == [record.seq for record in bench.records()]
        shutil.rmtree(tmp_path / str(step))


def test_while_the_disk_fails_nothing_is_answered_as_synced(bench: Bench) -> None:
    """The alarm is told once, with how much waits; when the disk is back all of it is written, in order."""
    disk = Faulty(at=4, for_good=True)

    async def scene(recorder: SpoolRecorder) -> None:
        waiting = []
        for row in range(5):
            write(recorder, row)
            waiting.append(asyncio.create_task(recorder.durable()))
        await asyncio.sleep(0.05)
        assert not any(task.done() for task in waiting)
        assert bench.alarms == ["LG664"]
        write(recorder, 5)
        assert bench.tally.now["buffered_records"] == 6
        disk.at = 0
        assert await asyncio.gather(*waiting) == [True] * 5
        assert bench.alarms == ["LG664", "LG665"]
        assert bench.tally.now["buffered_records"] == 0

    bench.play(scene, disk=disk)
    assert list(range(6)) == [record.seq for record in bench.records()]


def test_what_comes_while_all_is_written_anew_is_not_forgotten(bench: Bench) -> None:
    """A record that is taken while the next part is made in the thread goes into that part as well."""
    reached, release = threading.Event(), threading.Event()

    class Slow(Faulty):
        def sync_data(self, descriptor: int) -> None:
            reached.set()
            release.wait(5)
            super().sync_data(descriptor)

    async def scene(recorder: SpoolRecorder) -> None:
        write(recorder, 1)
        await asyncio.to_thread(reached.wait, 5)
        write(recorder, 2)
        waiting = asyncio.create_task(recorder.durable())
        await asyncio.sleep(0)
        release.set()
        assert await waiting

    bench.play(scene, disk=Slow(at=3))
    assert len(bench.records()) == 2


def test_a_sync_that_failed_is_not_believed_when_it_succeeds_later(bench: Bench) -> None:
    """After EIO the kernel forgets what was not written: all of it is written anew, into another file."""
    disk = Faulty(at=4)

    async def scene(recorder: SpoolRecorder) -> None:
        write(recorder, 1)
        assert await recorder.durable()
        (bench.spools / "0123456789abcdef.spool").write_bytes(b"")

    bench.play(scene, disk=disk)
    assert len(bench.records()) == 1


def test_what_no_memory_is_given_for_is_refused(bench: Bench) -> None:
    """Bounded: no number is given out for it, and the numbers go on afterwards."""
    disk = Faulty(at=3, for_good=True)

    async def scene(recorder: SpoolRecorder) -> None:
        write(recorder, 1)
        write(recorder, 2)
        for _ in range(3):
            with pytest.raises(CannotRecord):
                write(recorder, 3)
        assert recorder.refuse(SERVED, ADA, b"{}", "LG612") == ""
        disk.at = 0
        assert await recorder.durable()
        assert parse_receipt(write(recorder, 4)[0]).seq == 2

    bench.play(scene, disk=disk, most_bytes=600)
    assert len(bench.records()) == 3


def test_what_the_policy_lets_go_unrecorded_is_counted_in_the_log(bench: Bench) -> None:
    """Answers without receipts; as soon as the disk is back a record says how many there were, and since when."""
    disk = Faulty(at=3, for_good=True)

    async def scene(recorder: SpoolRecorder) -> None:
        write(recorder, 1)
        write(recorder, 2)
        assert write(recorder, 3, 4, 5) == ()
        assert write(recorder, 6) == ()
        assert bench.tally.rows["unrecorded"] == 4
        assert not await asyncio.wait_for(recorder.durable(), 0.5), "nobody waits for what is not to come"
        disk.at = 0
        await asyncio.sleep(0.05)
        assert await recorder.durable()

    policy = ServePolicy(record="synced", unrecorded="answer")
    bench.play(scene, disk=disk, most_bytes=600, policy=policy)
    records = bench.records()
    assert [PredictionRecord, PredictionRecord, UnrecordedRecord] == [type(record) for record in records]
    assert records[2].rows == 4  # type: ignore[union-attr]
    assert records[2].since >= records[1].time  # type: ignore[union-attr]


def test_patience_ends_as_the_policy_says(bench: Bench) -> None:
    """Not durable in time: refused, or given without a receipt; and whoever comes later does not wait as long again."""

    async def scene(recorder: SpoolRecorder) -> None:
        write(recorder, 1)
        with pytest.raises(CannotRecord):
            await recorder.durable()
        recorder.policy = ServePolicy(record="synced", unrecorded="answer")
        begin = asyncio.get_running_loop().time()
        assert not await recorder.durable()
        assert write(recorder, 2) == ()
        assert asyncio.get_running_loop().time() - begin < 0.1

    bench.play(scene, disk=Faulty(at=3, for_good=True), patience=0.2)


def test_what_could_not_be_written_at_the_end_is_told(bench: Bench) -> None:
    """The process ends while the disk fails: an alarm, no hang."""

    async def scene(recorder: SpoolRecorder) -> None:
        write(recorder, 1)
        await asyncio.sleep(0)

    bench.play(scene, disk=Faulty(at=3, for_good=True), policy=WRITTEN)
    assert bench.alarms[-1] == "LG664"
    assert bench.records() == []
