"""ZIPs that are read in two ways, or at great cost: refused at step 1, by the verifier and by the product."""

from __future__ import annotations

import io
import struct
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from lockgate.errors import LockgateError
from lockgate.project.offline_zip import _read as product_reads
from lockgate.project.offline_zip import read_archive
from tests.support.evidence_archive import Made, indexed, made_archive, packed
from tests.support.verifier import judged, verifier

V = verifier()
SMALL = {"a.txt": b"first" * 20, "b/c.txt": b"second" * 20, "d.txt": b""}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """A real archive."""
    with made_archive(tmp_path_factory.mktemp("evidence")) as found:
        yield found


def written(
    files: Mapping[str, bytes] | list[tuple[str, bytes]],
    change: Callable[[zipfile.ZipInfo], object] = lambda _: None,
    comment: bytes = b"",
) -> bytes:
    """A ZIP of these files, with each entry changed before it is written."""
    stream = io.BytesIO()
    listed = sorted(files.items()) if isinstance(files, Mapping) else files
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in listed:
            info = zipfile.ZipInfo(name)
            info.external_attr, info.compress_type, info.create_system = 0o100644 << 16, zipfile.ZIP_DEFLATED, 3
            change(info)
            archive.writestr(info, data)
        archive.comment = comment
    return stream.getvalue()


def _set(**fields: object) -> Callable[[zipfile.ZipInfo], object]:
    def change(info: zipfile.ZipInfo) -> None:
        for name, value in fields.items():
            setattr(info, name, value)

    return change


def patched(data: bytes, signature: bytes, offset: int, new: bytes, which: int = 0) -> bytes:
    """With bytes at `offset` of the record number `which` with this signature changed."""
    place = -1
    for _ in range(which + 1):
        place = data.index(signature, place + 1)
    return data[: place + offset] + new + data[place + offset + len(new) :]


LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"


def _twice() -> bytes:
    with pytest.warns(UserWarning, match="Duplicate"):
        return written([("a.txt", b"one"), ("a.txt", b"two")])


def _streamed() -> bytes:
    """With data descriptors, as a stream that cannot seek is written."""

    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.data = b""

        def writable(self) -> bool:
            return True

        def write(self, data: object) -> int:
            self.data += bytes(data)  # type: ignore[call-overload]
            return len(bytes(data))  # type: ignore[call-overload]

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("a.txt"), b"one")
    return pipe.data


def _overlapping() -> bytes:
    """Two names for the same bytes: the second entry of the directory points at the first file."""
    data = written({"a.txt": b"x" * 50, "b.txt": b"x" * 50})
    return patched(data, CENTRAL, 42, struct.pack("<L", 0), which=1)


def _hidden(*, last: bool = False) -> bytes:
    """A file between two others, or behind them, which the directory does not list."""
    data = written({"a.txt": b"1", "b.txt": b"2", "c.txt": b"3"})
    place, start = data.index(CENTRAL), data.index(CENTRAL)
    second = data.index(CENTRAL, place + 1)
    third = data.index(CENTRAL, second + 1)
    end = data.index(END)
    directory = data[place:third] if last else data[place:second] + data[third:end]
    return data[:start] + directory + struct.pack("<4s4H2LH", END, 0, 0, 2, 2, len(directory), start, 0)


def _longer(hidden: bytes = b"hidden", crc: int | None = None) -> bytes:
    """A deflated stream with bytes behind its end, counted into the file; `crc` in the file's own header only."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed_data = packer.compress(b"hello") + packer.flush() + hidden
    raw = b"a.txt"
    true = zlib.crc32(b"hello")
    header = (LOCAL, 20, 0, 8, 0, 0x21, true if crc is None else crc, len(packed_data), 5, 5, 0)
    local = struct.pack("<4s5H3L2H", *header) + raw + packed_data
    fields = (CENTRAL, 0x314, 20, 0, 8, 0, 0x21, true, len(packed_data), 5, 5, 0, 0, 0, 0, 0o100644 << 16, 0)
    directory = struct.pack("<4s6H3L5H2L", *fields) + raw
    return local + directory + struct.pack("<4s4H2LH", END, 0, 0, 1, 1, len(directory), len(local), 0)


HOSTILE: Mapping[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "no zip": lambda: b"x" * 100,
    "no files": lambda: written({}),
    "a comment": lambda: written(SMALL, comment=b"hello"),
    "bytes before": lambda: b"#!/bin/sh\n" + written(SMALL),
    "bytes behind": lambda: written(SMALL) + b"\n",
    "cut off": lambda: written(SMALL)[:-1],
    "cut in the middle": lambda: written(SMALL)[:60],
    "a name twice": _twice,
    "names out of order": lambda: written([("b.txt", b""), ("a.txt", b"")]),
    "a name that leads out": lambda: written({"../a.txt": b"x"}),
    "a name with a dot in it": lambda: written({"b/./a.txt": b"x"}),
    "an absolute name": lambda: written({"/etc/passwd": b"x"}),
    "a name of Windows": lambda: patched(patched(written({"a/b": b"x"}), LOCAL, 31, b"\\"), CENTRAL, 47, b"\\"),
    "a name with a NUL": lambda: patched(patched(written({"a/b": b"x"}), LOCAL, 31, b"\0"), CENTRAL, 47, b"\0"),
    "a name beyond ASCII": lambda: written({"\u0430.txt": b"x"}),
    "a folder": lambda: written({"a/": b""}),
    "a link": lambda: written(SMALL, _set(external_attr=0o120777 << 16)),
    "a program": lambda: written(SMALL, _set(external_attr=0o100755 << 16)),
    "a date": lambda: written(SMALL, _set(date_time=(2026, 11, 27, 0, 0, 0))),
    "an extra field": lambda: written(SMALL, _set(extra=b"\x01\x02\x02\x00hi")),
    "a comment of a file": lambda: written(SMALL, _set(comment=b"hi")),
    "bzip2": lambda: written(SMALL, _set(compress_type=zipfile.ZIP_BZIP2)),
    "encrypted": lambda: patched(patched(written(SMALL), LOCAL, 6, b"\x01"), CENTRAL, 8, b"\x01"),
    "data descriptors": _streamed,
    "two files in one place": _overlapping,
    "a file that is not listed": _hidden,
    "the last file not listed": lambda: _hidden(last=True),
    "bytes behind a file's end": _longer,
    "another CRC inside": lambda: _longer(b"", 7),
    "an empty file that is none": lambda: written({"a": b""}).replace(b"a\x03\x00", b"a\x59\x00"),
    "another name inside": lambda: patched(written(SMALL), LOCAL, 30, b"z"),
    "another size inside": lambda: patched(written(SMALL), LOCAL, 22, b"\x07"),
    "another method inside": lambda: patched(written(SMALL), LOCAL, 8, b"\x00"),
    "a wrong CRC": lambda: patched(patched(written(SMALL), LOCAL, 14, b"\0\0"), CENTRAL, 16, b"\0\0"),
    "a wrong size": lambda: patched(patched(written(SMALL), LOCAL, 22, b"\x09"), CENTRAL, 24, b"\x09"),
    "more files than there are": lambda: patched(written(SMALL), END, 8, b"\x04\x00\x04\x00"),
    "several disks": lambda: patched(written(SMALL), END, 4, b"\x01"),
    "a directory elsewhere": lambda: patched(written(SMALL), END, 16, b"\x00\x00"),
}


def _read_zip(data: bytes) -> dict[str, bytes]:
    """As the product does; whatever it raises for a ZIP is a ValueError here."""
    try:
        return product_reads(data)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, RuntimeError, struct.error) as error:
        raise ValueError(f"{error!r}") from None


def _read(data: bytes) -> object:
    return V.read_archive(io.BytesIO(data))


def test_the_one_form_is_read() -> None:
    """The positive control: stored or deflated, each byte of each file."""
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        found = V.read_archive(io.BytesIO(packed(SMALL, method=method)))
        assert {name: one.data for name, one in found.items()} == SMALL


def test_the_one_form_is_that_of_the_damaged_ones() -> None:
    """The positive control of those that are made by hand."""
    assert V.read_archive(io.BytesIO(_longer(b"")))["a.txt"].data == b"hello"


def test_large_files_are_unpacked_piece_by_piece() -> None:
    """However input and output fall on the borders of the pieces: sizes around a MiB, from all zeros to noise."""
    mib = 1 << 20
    noise = bytes(range(256)) * 40 + b"".join(struct.pack("<Q", n * 0x9E3779B97F4A7C15 % 2**64) for n in range(9000))
    for size in (mib - 1, mib, mib + 1, 2 * mib, 2 * mib + 258, 3 * mib):
        for unit in (b"\0", b"ab", noise):
            data = (unit * (size // len(unit) + 1))[:size]
            found = V.read_archive(io.BytesIO(packed({"a": data})))
            assert found["a"].data == data


@pytest.mark.parametrize("name", HOSTILE)
def test_another_form_is_refused(name: str, tmp_path: Path) -> None:
    """By both readers, and never with anything but a refusal."""
    data = HOSTILE[name]()
    with pytest.raises((V.Fault, ValueError, struct.error, zlib.error)):
        _read(data)
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(LockgateError) as no:
        read_archive(tmp_path / "a.zip")
    assert no.value.finding == "LG7031"


def test_a_bomb_costs_little(made: Made, tmp_path: Path) -> None:
    """What would be more than a GiB is not unpacked; a file says its size, and is not unpacked beyond it."""
    begun = time.process_time()
    one = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = one.compress(bytes(64 << 20)) + one.flush()
    raw = b"a.txt"
    for size in (3 << 30, 10):
        local = struct.pack("<4s5H3L2H", LOCAL, 20, 0, 8, 0, 0x21, 0, len(bomb), size, 5, 0) + raw + bomb
        fields = (CENTRAL, 0x314, 20, 0, 8, 0, 0x21, 0, len(bomb), size, 5, 0, 0, 0, 0, 0o100644 << 16, 0)
        directory = struct.pack("<4s6H3L5H2L", *fields) + raw
        data = local + directory + struct.pack("<4s4H2LH", END, 0, 0, 1, 1, len(directory), len(local), 0)
        with pytest.raises(V.Fault):
            _read(data)
    assert time.process_time() - begun < 3
    assert judged(made, packed(SMALL), tmp_path)[0] == 3


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_no_bit_of_a_zip_changes_unseen(method: int) -> None:
    """Every single bit: refused by both. Deflated data has a few that mean nothing: read by both as the same files."""
    files = {"a.txt": b"one" * 5, "b.txt": b""}
    data = packed(files, method=method)
    neutral = 0
    for bit in range(len(data) * 8):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        found: list[dict[str, Any] | None] = []
        for read in (_members, _read_zip):
            try:
                found.append(read(bytes(changed)))
            except (V.Fault, ValueError, struct.error, zlib.error):
                found.append(None)
        assert found in ([None, None], [files, files])
        neutral += found[0] is not None
    assert neutral == 0 if method == zipfile.ZIP_STORED else neutral < 30


def _members(data: bytes) -> dict[str, bytes | None]:
    return {name: one.data for name, one in V.read_archive(io.BytesIO(data)).items()}


@pytest.mark.parametrize(
    "index",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"a":1,"a":1}',
        b"[" * 100_000,
        b'{"files":' + b"9" * 5000 + b"}",
        b"\xff",
        b'{"v":NaN}',
    ],
)
def test_hostile_json_is_refused(index: bytes, made: Made, tmp_path: Path) -> None:
    """Deep, huge, double, in no encoding: exit 3 at step 1, and no traceback."""
    code, why = judged(made, {**made.files, "index.json": index}, tmp_path)
    assert (code, "step 1, the archive" in why) == (3, True)
    for name in ("log/events/leaves", "records/0.json", "facts/quarantine.json", "model/model.sig"):
        code, why = judged(made, indexed({**made.files, name: index}), tmp_path)
        assert (code, why.startswith("step ")) == (3, True)


def test_a_file_that_cannot_be_read(made: Made, tmp_path: Path) -> None:
    """Exit 4, or 2 for what is not there: nothing was verified, for another reason than what stands in it."""
    from tests.support.verifier import asked

    assert asked(made.root, tmp_path / "nowhere.zip")[0] == 2
    assert asked(made.root, tmp_path)[0] == 4
    assert asked("ab", tmp_path / "nowhere.zip")[0] == 2
    assert asked(made.root, "proof")[0] == 2
