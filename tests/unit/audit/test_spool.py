"""audit.spool: what was appended is read back, whatever happens to the gateway."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.audit.disk import Disk
from lockgate.audit.spool import Spool, SpoolPart, read_spool
from lockgate.errors import Unavailable, VerificationFailed
from tests.support.faults import Faulty

RECORDS = [b"first", b"second record", b"\x00" * 30]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A spool with three records."""
    with Spool(tmp_path / "g.spool") as spool:
        spool.append(RECORDS[:1])
        spool.append(RECORDS[1:])
    return tmp_path / "g.spool"


def test_records_are_read_back_from_any_offset_that_was_returned(path: Path) -> None:
    """The sealer goes on where it stopped; private to the gateway's user."""
    everything = read_spool(path)
    assert everything == SpoolPart(tuple(RECORDS), path.stat().st_size, 0)
    with Spool(path) as spool:
        end = spool.append([b"later"])
    assert read_spool(path, everything.offset) == SpoolPart((b"later",), end, 0)
    assert read_spool(path, end) == SpoolPart((), end, 0)
    assert path.stat().st_mode & 0o777 == 0o600


def test_missing_spool_is_empty(tmp_path: Path) -> None:
    """A gateway that has not answered yet."""
    assert read_spool(tmp_path / "none.spool") == SpoolPart((), 0, 0)


def test_large_spool_is_read_in_parts(tmp_path: Path) -> None:
    """A limit bounds what one call returns; together the calls return all."""
    records = [b"%d" % index * 5000 for index in range(60)]
    with Spool(tmp_path / "g.spool") as spool:
        spool.append(records)
    found: list[bytes] = []
    offset, calls = 0, 0
    while (part := read_spool(tmp_path / "g.spool", offset, limit=1)).records:
        assert part.torn == 0
        found += part.records
        offset, calls = part.offset, calls + 1
    assert found == records
    assert calls > 3


def test_torn_tail_is_told_and_cut_off_by_the_next_writer(path: Path) -> None:
    """Cut anywhere within the last frame: the records before it are there, the torn one never was acknowledged."""
    whole = path.read_bytes()
    second = len(whole) - len(RECORDS[2]) - 8
    for length in range(second + 1, len(whole)):
        path.write_bytes(whole[:length])
        assert read_spool(path) == SpoolPart(tuple(RECORDS[:2]), second, length - second)
        with Spool(path) as spool:
            assert spool.torn == length - second
            spool.append([b"after"])
        assert read_spool(path).records == (*RECORDS[:2], b"after")


@pytest.mark.parametrize("tail", [bytes(1), bytes(5000), b"\x05\x00\x00\x00fir", b"\x01\x00\x00\x00x\x00\x00\x00\x00"])
def test_what_a_power_cut_leaves_at_the_end_is_a_torn_tail(tail: bytes, path: Path) -> None:
    """Zeros, half a frame, a frame with the wrong checksum."""
    path.write_bytes(path.read_bytes() + tail)
    part = read_spool(path)
    assert (part.records, part.torn) == (tuple(RECORDS), len(tail))


def test_damage_before_the_end_is_refused(path: Path) -> None:
    """Each flipped bit of the first two frames: never skipped, never cut off, never read as something else."""
    whole = path.read_bytes()
    for position in range(len(whole) - len(RECORDS[2]) - 8):
        changed = bytearray(whole)
        changed[position] ^= 1
        path.write_bytes(changed)
        with pytest.raises(VerificationFailed) as error:
            Spool(path)
        assert error.value.finding == "LG731"
        assert path.read_bytes() == changed


def test_spool_that_became_shorter_is_refused(path: Path) -> None:
    """What was read of it before is gone."""
    with pytest.raises(VerificationFailed) as error:
        read_spool(path, path.stat().st_size + 1)
    assert error.value.finding == "LG731"


@pytest.mark.parametrize("record", [b"", bytes(65_536)])
def test_record_that_no_frame_can_hold_is_refused(record: bytes, path: Path) -> None:
    """Before a byte is written."""
    with Spool(path) as spool, pytest.raises(ValueError, match="a record has"):
        spool.append([b"good", record])
    assert read_spool(path).records == tuple(RECORDS)


def test_spool_has_one_writer(path: Path) -> None:
    """A copied gateway would interleave two sequences."""
    with Spool(path), pytest.raises(Unavailable) as error:
        Spool(path)
    assert error.value.finding == "LG732"


def test_failed_append_leaves_no_trace_and_the_next_one_succeeds(path: Path) -> None:
    """A full disk before, within and after the write: LG732, nothing half-written."""
    for step in (1, 2):
        disk = Faulty()
        with Spool(path, disk=disk) as spool:
            before = path.read_bytes()
            disk.at = disk.steps + step
            with pytest.raises(Unavailable) as error:
                spool.append([b"lost"])
            assert error.value.finding == "LG732"
            assert path.read_bytes() == before
            spool.append([b"kept"])
    assert read_spool(path).records == (*RECORDS, b"kept", b"kept")


def test_record_is_synced_before_append_returns(tmp_path: Path) -> None:
    """An answer that waits for `append` waits for the disk."""
    steps: list[str] = []

    class Watched(Disk):
        def write(self, descriptor: int, data: bytes) -> None:
            steps.append("write")
            super().write(descriptor, data)

        def sync(self, descriptor: int) -> None:
            steps.append("sync")
            super().sync(descriptor)

        def sync_data(self, descriptor: int) -> None:
            steps.append("data")
            super().sync_data(descriptor)

    with Spool(tmp_path / "g.spool", disk=Watched()) as spool:
        assert steps == ["sync", "sync"], "the file and its name"
        spool.append([b"a", b"b"])
    assert steps[2:] == ["write", "data"]


def test_unusable_place_is_unavailable(tmp_path: Path) -> None:
    """A folder, a link, a missing parent: exit 4."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("folder", "link", "missing/g.spool"):
        with pytest.raises(Unavailable) as error:
            Spool(tmp_path / name)
        assert error.value.finding == "LG732"


def test_killed_gateway_leaves_what_it_acknowledged(tmp_path: Path) -> None:
    """A kill -9 in the middle of a write."""

    def die() -> None:
        os._exit(9)

    child = os.fork()
    if child == 0:
        try:
            disk = Faulty(fault=die)  # type: ignore[arg-type]
            spool = Spool(tmp_path / "g.spool", disk=disk)
            spool.append([b"acknowledged"])
            disk.at = disk.steps + 1
            spool.append([b"never acknowledged"])
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    part = read_spool(tmp_path / "g.spool")
    assert part.records == (b"acknowledged",)
    assert part.torn > 0


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=120))
def test_reader_of_anything_raises_our_errors_only(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """Whatever the file holds: records, or LG731."""
    path = tmp_path_factory.mktemp("spool") / "g.spool"
    path.write_bytes(data)
    told = ""
    try:
        part = read_spool(path)
        assert part.offset + part.torn == len(data)
    except VerificationFailed as error:
        told = error.finding
    assert told in {"", "LG731"}


def test_disk_error_while_reading_is_unavailable(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """EIO: exit 4."""

    def broken(*_: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "open", broken)
    with pytest.raises(Unavailable) as error:
        read_spool(path)
    monkeypatch.undo()
    assert error.value.finding == "LG732"
