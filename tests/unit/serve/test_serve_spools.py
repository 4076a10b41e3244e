"""Spools whose writer fails, ends, or goes on meanwhile: the sealer follows, and only what the log has is cleared."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from pathlib import Path

import pytest

from lockgate.audit.spool import Spool
from lockgate.errors import Unavailable
from lockgate.serve import sealer
from lockgate.serve.appending import following
from lockgate.serve.appending.announced import Announced
from lockgate.serve.recording import keeping, spools
from lockgate.serve.recording.parts import hurry_path, part_path
from lockgate.serve.recording.recorder import SpoolRecorder
from lockgate.serve.sealer import Carrier
from lockgate.serve.seen import MemorySeen
from lockgate.serve.spec import ServePolicy
from tests.support.recording import GATEWAY, KEY, SETTINGS, Bench, entry, write
from tests.support.sealing import Fast

OTHER = "f" * 16


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Empty folders."""
    return Bench(tmp_path)


class _LookedAt(Fast):
    """Fills up in the middle of a write, and the sealer looks just then."""

    def __init__(self, carrier: Carrier) -> None:
        self.carrier = carrier
        self.full = False

    def write(self, descriptor: int, data: bytes) -> None:
        if self.full:
            self.full = False
            os.write(descriptor, data[: len(data) // 2 + 8])
            assert self.carrier.carry() == {GATEWAY: 2}
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().write(descriptor, data)


def test_the_sealer_goes_on_behind_a_write_that_was_taken_back(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It read whole frames of it. All of it stands in the next part, each record is sealed once, nothing is told."""
    monkeypatch.setattr(keeping, "RETRY_SECONDS", 0.005)
    carrier = bench.carrier()
    disk = _LookedAt(carrier)

    async def scene(recorder: SpoolRecorder) -> None:
        write(recorder, 1)
        carrier.carry()
        disk.full = True
        recorder.write([entry(2), entry(3)])
        await asyncio.sleep(0.05)
        write(recorder, 4)
        assert await recorder.durable()
        while carrier.carry() or carrier.moved:
            pass
        assert carrier.complaints() == []

    bench.play(scene, disk=disk)
    assert bench.log().size == 4
    assert len(bench.records()) == 4


def test_a_spool_that_is_cut_back_and_ends_does_not_stop_its_sealer(bench: Bench) -> None:
    """`lockgate feedback` on a full disk: nothing follows. What it writes there later is sealed, too."""

    async def scene(recorder: SpoolRecorder) -> None:
        for row in range(3):
            write(recorder, row)

    bench.play(scene)
    path, carrier = part_path(bench.spools, GATEWAY, 0), bench.carrier()
    whole = path.read_bytes()
    length = len(whole) // 3
    path.write_bytes(whole[: 2 * length])
    assert carrier.carry() == {GATEWAY: 2}
    path.write_bytes(whole[:length])
    assert (carrier.carry(), carrier.complaints()) == ({}, [])
    path.write_bytes(whole)
    assert (carrier.carry(), carrier.complaints()) == ({GATEWAY: 3}, [])


def test_the_last_pass_goes_on_past_what_the_log_has(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sealer that came up anew, and the house ends at once: what it only passes over is not the end of the spool."""
    monkeypatch.setattr(following, "PART_BYTES", 1)
    monkeypatch.setattr("lockgate.audit.spool.MAX_RECORD_BYTES", 500)

    async def scene(recorder: SpoolRecorder) -> None:
        for row in range(5):
            write(recorder, row)
            if row == 2:
                bench.seal()

    bench.play(scene)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.shutdown(socket.SHUT_WR)
        announced = Announced({"spool": bench.spools})
        announced.add([GATEWAY], "spool")
        sealer.run(SETTINGS, KEY.sign, MemorySeen(b""), theirs, announced, bench.log_dir)
    assert bench.log().size == 5


def _lived(bench: Bench, *gateways: str) -> dict[str, int]:
    async def scene(recorder: SpoolRecorder) -> None:
        write(recorder, 1)
        write(recorder, 2)

    for gateway in gateways:
        bench.play(scene, gateway=gateway, policy=ServePolicy(record="written"))
    return bench.carrier().carry()


def _left(bench: Bench) -> list[str]:
    return sorted(path.name for path in bench.spools.iterdir())


def test_what_has_ended_and_is_in_the_log_is_cleared(bench: Bench) -> None:
    """By what the sealer said, with the mark that it should hurry; of nobody else, and not twice."""
    carried = _lived(bench, GATEWAY, OTHER)
    hurry_path(bench.spools, OTHER).touch()
    hurry_path(bench.spools, GATEWAY).touch()
    assert spools.clear_carried(bench.spools, {OTHER: carried[OTHER]}) == []
    assert [f"{GATEWAY}.hurry", f"{GATEWAY}.spool"] == _left(bench)
    assert spools.clear_carried(bench.spools, {OTHER: carried[OTHER]}) == []


def test_a_mark_without_a_spool_goes_too(bench: Bench) -> None:
    """Of a gateway that ended before it recorded anything; and before a house comes up, whatever lies there."""
    for gateway in (GATEWAY, OTHER):
        hurry_path(bench.spools, gateway).touch()
    assert spools.clear_carried(bench.spools, {OTHER: 0}) == []
    assert [f"{GATEWAY}.hurry"] == _left(bench)
    spools.take_down(bench.spools, keep={GATEWAY})
    assert [f"{GATEWAY}.hurry"] == _left(bench)
    spools.take_down(bench.spools)
    assert _left(bench) == []


@pytest.mark.parametrize("due", [0, 1])
def test_what_the_log_has_not_stays(due: int, bench: Bench) -> None:
    """One record too many is enough; nothing of it is lost, and it is cleared once all is carried."""
    _lived(bench, OTHER)
    assert spools.clear_carried(bench.spools, {OTHER: due}) == [OTHER]
    assert spools.clear_carried(bench.spools, {OTHER: 2}) == []


def test_a_file_that_is_still_written_stays(bench: Bench) -> None:
    """`lockgate feedback` between two of its appends: all that it wrote so far is sealed, and more comes."""
    _lived(bench, OTHER)
    with Spool(part_path(bench.spools, OTHER, 0)):
        assert spools.clear_carried(bench.spools, {OTHER: 2}) == [OTHER]
        assert spools.clear(bench.spools, bench.log()) == 0
    assert spools.clear(bench.spools, bench.log()) == 1
    assert _left(bench) == []


def test_one_damaged_spool_does_not_keep_the_others(bench: Bench) -> None:
    """Damage, a folder, a pipe and a link under such names: they stay, and an honest one beside them goes."""
    _lived(bench, OTHER)
    data = part_path(bench.spools, OTHER, 0).read_bytes()
    part_path(bench.spools, "a" * 16, 0).write_bytes(b"\xff" * 9 + data * 200)
    part_path(bench.spools, "b" * 16, 0).mkdir()
    os.mkfifo(part_path(bench.spools, "c" * 16, 0))
    part_path(bench.spools, "d" * 16, 0).symlink_to(part_path(bench.spools, "a" * 16, 0))
    hurry_path(bench.spools, OTHER).mkdir()
    names = [sign * 16 for sign in "abcd"]
    assert spools.clear_carried(bench.spools, dict.fromkeys([*names, OTHER], 2)) == names
    assert [f"{name}.spool" for name in names] + [f"{OTHER}.hurry"] == _left(bench)


def test_a_spool_that_is_cleared_between_its_opening_and_its_lock_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records in a file without a name would be lost in silence: LG732."""
    path = tmp_path / "g.spool"
    monkeypatch.setattr("lockgate.audit.spool.fcntl.flock", lambda *_: path.unlink())
    with pytest.raises(Unavailable) as error:
        Spool(path)
    assert error.value.finding == "LG732"
