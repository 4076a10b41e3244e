"""Zip and tar archives that lie, break, explode or hold what does not come in."""

from __future__ import annotations

import functools
import io
import struct
import tarfile
import zlib
from collections.abc import Iterator

from tests.support.hostile import opcodes as op
from tests.support.hostile.arrays import npy
from tests.support.hostile.case import Hostile
from tests.support.hostile.pickles import CALL, SYSTEM
from tests.support.hostile.wrapped import gzipped, tarred
from tests.support.hostile.zips import DEFLATED, Member, end, lying, packed, plain

GOOD = npy("<f8", (2,), bytes(16))
PAIR = (Member("a.npy", GOOD), Member("b.npy", GOOD))
PICKLE = op.fourth(*SYSTEM)


def _lies() -> Iterator[tuple[str, bytes, str]]:
    yield "other local name", lying(PAIR, 0, local_name="a.pkl"), "one reader sees a.npy, another a.pkl"
    yield "other local bytes", lying(PAIR, 0, local_data=PICKLE), "the sizes of the records are not those of the bytes"
    yield "wrong CRC", lying(PAIR, 1, crc=7), "the bytes are not those that were packed"
    yield "encrypted", lying(PAIR, 0, flags=1), "says that it is encrypted"
    yield "strongly encrypted", lying(PAIR, 0, flags=0x41), "says that it is encrypted otherwise"
    yield "masked headers", lying(PAIR, 0, flags=0x2000), "its local header is masked"
    yield "patched data", lying(PAIR, 0, flags=0x20), "a patch of other data"
    yield "unknown method", lying(PAIR, 0, method=99), "nobody can unpack it"
    yield "implode", lying(PAIR, 0, method=6), "a method that no library of today reads"
    yield "longer than told", lying(PAIR, 0, unpacked=4), "more bytes come out than told"
    yield "shorter than told", lying(PAIR, 0, unpacked=1 << 31), "fewer bytes come out than told"
    yield "packed size lies", lying(PAIR, 1, packed=1 << 31), "reaches beyond the file"
    yield "offset lies", lying(PAIR, 1, offset=1 << 31), "lies beyond the file"
    yield "offset within", lying(PAIR, 1, offset=7), "points into the middle of another member"
    yield "overlapping", lying(PAIR, 1, offset=0), "two members are the same bytes"
    yield "duplicate names", packed([Member("a.npy", GOOD), Member("a.npy", npy("|O", (1,), PICKLE))]), "which one?"
    yield "names of two cases", packed([Member("a.npy", GOOD), Member("A.npy", GOOD)]), "one file on some systems"
    yield "name with ..", packed([Member("../../a.npy", GOOD)]), "unpacks outside"
    yield "absolute name", packed([Member("/tmp/lockgate.npy", GOOD)]), "unpacks where it likes"
    yield "backslashes", packed([Member("..\\..\\a.npy", GOOD)]), "unpacks outside on some systems"
    yield "drive letter", packed([Member("C:a.npy", GOOD)]), "unpacks elsewhere on some systems"
    yield "NUL in name", packed([Member(b"a.npy\0.pkl", GOOD)]), "its name ends where the reader likes"
    yield "empty name", packed([Member("", GOOD)]), "no name"
    yield "name not UTF-8", packed([Member(b"\xff\xfe.npy", GOOD, flags=0x800)]), "says UTF-8 and is not"
    yield "link", packed([Member("a.npy", b"/etc/passwd", attributes=0o120777 << 16)]), "a link to a file of the host"
    yield "device", packed([Member("a.npy", GOOD, attributes=0o060666 << 16)]), "a device"
    yield "prefix", packed(PAIR, prefix=CALL), "a pickle before the archive: two files in one"
    yield "prefix, unshifted", packed(PAIR, prefix=PICKLE, shifted=False), "readers that look at the end do not see it"
    yield "script prefix", packed(PAIR, prefix=b"#!/bin/sh\ntrue\n"), "runs, and is an archive"
    yield "comment", packed(PAIR, comment=PICKLE), "a payload in the comment"
    yield "comment with end", packed(PAIR, comment=end(0, 0, 0)), "two ends: readers differ about which counts"
    yield "member comment", packed([Member("a.npy", GOOD, comment=CALL)]), "a payload in a member's comment"
    yield "trailing bytes", packed(PAIR) + PICKLE, "bytes after the end"
    yield "gap", _gap(), "bytes between the members that nobody accounts for"
    yield (
        "descriptor lies",
        lying((Member("a.npy", GOOD, descriptor=True),), 0, unpacked=1 << 30),
        "told too late, and wrong",
    )
    yield "zip64 lies", _zip64(), "its own sizes are overruled by an extra field"
    yield "extra field", packed([Member("a.npy", GOOD, extra=struct.pack("<2H", 0xCAFE, len(CALL)) + CALL)]), "payload"
    yield (
        "extra beyond",
        packed([Member("a.npy", GOOD, extra=struct.pack("<2H", 1, 60_000))]),
        "an extra longer than it is",
    )
    yield "count lies", packed(PAIR)[:-22] + end(60_000, 94, len(packed(PAIR)) - 116), "promises 60,000 members"
    yield "no members", end(0, 0, 0), "an empty archive"
    yield "no end", packed(PAIR)[:-22], "no central directory can be found"
    yield "end alone", b"PK\5\6" + b"\xff" * 18, "an end of nothing"
    yield "spanned", b"PK\7\10" + packed(PAIR), "one volume of several"
    yield "directory only", packed([Member("a/", b"")]), "nothing in it"
    yield "directory with bytes", packed([Member("a.npy/", GOOD)]), "a folder that has bytes"
    yield "many members", packed([Member(f"{n}.npy", b"") for n in range(12_000)]), "12,000 members"
    yield "version 255", packed(PAIR).replace(b"PK\1\2\x14\3\x14\0", b"PK\1\2\x14\3\xff\0"), "of a future version"


def _gap() -> bytes:
    body = b"PK\3\4" + packed([PAIR[0]])[4:]
    central = body.index(b"PK\1\2")
    shifted = body[:central] + PICKLE + body[central:]
    return shifted[:-6] + struct.pack("<I", central + len(PICKLE)) + shifted[-2:]


def _zip64() -> bytes:
    extra = struct.pack("<2H2Q", 1, 16, 1 << 40, 1 << 40)
    return packed([Member("a.npy", GOOD, extra=extra, packed=0xFFFFFFFF, unpacked=0xFFFFFFFF)])


def _bomb(blocks: int) -> bytes:
    """An honest array of zeros, `blocks` MiB out of as many KiB: each block of the stream is the same bytes."""
    head, block = npy("<f8", (blocks << 17,), b""), bytes(1 << 20)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    stream = packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    stream += (packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)) * blocks + b"\3\0"
    crc = functools.reduce(lambda one, _: zlib.crc32(block, one), range(blocks), zlib.crc32(head))
    size = len(head) + (blocks << 20)
    return packed([Member("a.npy", head, DEFLATED, crc=crc, packed=len(stream), unpacked=size, local_data=stream)])


def _bombs() -> Iterator[tuple[str, bytes, str]]:
    zeros = npy("<f8", (1 << 20,), bytes(8 << 20))
    big = plain({"a.npy": zeros}, method=DEFLATED)
    yield "bomb.npz", _bomb(128), "128 MiB out of 128 KiB"
    yield "layers.zip", plain({f"{n}.zip": big for n in range(8)}, method=DEFLATED), "an archive of bombs"
    nested = CALL
    for depth in range(40):
        nested = plain({f"{depth}.zip": nested})
    yield "deep.zip", nested, "40 archives within each other"
    quoted = [Member(f"{n}.npy", zeros if n == 0 else b"", DEFLATED, offset=0, crc=0) for n in range(200)]
    yield "quoted.npz", packed(quoted), "200 members share one stream of 8 MiB"
    yield "bomb.gz", gzipped(bytes(8 << 20)), "8 MiB out of 8 KiB"
    yield "members.gz", gzipped(b"") * 20_000, "20,000 empty members"
    yield "bomb.tar", tarred({"a": bytes(1 << 20)}), "a tar archive"
    yield "sparse.tar", _sparse(), "promises 8 GiB of holes"
    yield "link.tar", _link(), "a link out of the folder, then a file through it"
    yield "dots.tar", tarred({"../../lockgate": b"x"}), "unpacks outside"
    for spelled in ("octal", "signed", "binary"):
        yield "tar.txt", _other_sum(spelled), f"the sum of its first block is spelled otherwise: {spelled}"
    yield "size.tar", tarred({"a": b"x"}).replace(b"00000000001\0", b"77777777777\0", 1), "says it has 8 GiB"
    yield "mixed.7z", b"7z\xbc\xaf\x27\x1c\0\4" + bytes(40), "an archive of a kind that does not come in"
    yield "old.rar", b"Rar!\x1a\7\1\0" + bytes(40), "an archive of a kind that does not come in"
    yield "cab.cab", b"MSCF" + bytes(60), "an archive of a kind that does not come in"
    yield "disk.iso", bytes(32769) + b"CD001\1\0" + bytes(2048), "an image of a disk"
    yield (
        "unix.ar",
        b"!<arch>\nmodel.pkl/      0           0     0     644     4         `\nevil",
        "an archive of a linker",
    )
    yield "cpio.cpio", b"070701" + b"0" * 104 + b"model.pkl\0", "an archive of a kind that does not come in"


def _other_sum(spelled: str) -> bytes:
    """A text, to who reads texts; a tar archive to Python's tarfile, which is not strict about the sum."""
    name = "\u00f6l".encode() if spelled == "signed" else b"pickle"
    header = bytearray(name.ljust(100) + b"0000644 0000000 0000000 00000000005 00000000000 ".ljust(412))
    header[156:157] = b"0"
    header[148:156] = b" " * 8
    total = sum(header)
    if spelled == "signed":
        total -= 256 * sum(byte > 127 for byte in header)
    digits = {"octal": f"0o{total:o} ", "signed": f"{total:o} "}.get(spelled, "").encode()
    header[148:156] = digits.ljust(8) if digits else b"\x80" + total.to_bytes(7, "big")
    return bytes(header) + b"hello".ljust(512) + b" " * 512


def _sparse() -> bytes:
    body = bytearray(tarred({"a": b"x"}))
    body[156:157] = b"S"
    return bytes(body)


def _link() -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        one = tarfile.TarInfo("out")
        one.type, one.linkname = tarfile.SYMTYPE, "/nonexistent"
        archive.addfile(one)
        archive.addfile(tarfile.TarInfo("out/lockgate"))
    return held.getvalue()


def _held() -> Iterator[tuple[str, bytes, str]]:
    held: dict[str, bytes] = {
        "pickle": PICKLE,
        "text pickle": CALL,
        "program": b"\x7fELF\2\1\1" + bytes(57),
        "module": b"import os\nos.getcwd()\n",
        "torch archive": plain({"archive/data.pkl": PICKLE}),
        "npz within": packed(PAIR),
        "objects": npy("|O", (1,), PICKLE),
        "broken array": npy("<f8", (9,), bytes(16)),
    }
    for what, data in held.items():
        yield f"{what.replace(' ', '-')}.npz", packed([PAIR[0], Member("b.npy", data)]), f"{what} as a member b.npy"
        name = {"module": "b.py", "program": "b.so"}.get(what, "b.pkl")
        yield f"{what.replace(' ', '-')}.zip", packed([PAIR[0], Member(name, data, DEFLATED)]), f"{what} as {name}"


def all_of_them() -> Iterator[Hostile]:
    """Every archive."""
    for number, (what, data, why) in enumerate(_lies()):
        name = ("arrays.npz", "model.zip", "arrays.npz", "data.npy", "model.onnx")[number % 5]
        yield Hostile("archive that lies", name, data, f"{what}: {why}")
    for name, data, why in _bombs():
        yield Hostile("archive that explodes or links", name, data, why)
    for name, data, why in _held():
        yield Hostile("archive that holds what stays out", name, data, why)
    yield Hostile("archive that holds what stays out", "good.jar", plain({"META-INF/MANIFEST.MF": b"x"}), "a program")
    yield Hostile("archive that holds what stays out", "p.whl", plain({"p/__init__.py": b"1 + 1\n"}), "a package")
    yield Hostile(
        "archive that holds what stays out", "__main__.zip", plain({"__main__.py": b"1 + 1\n"}), "python runs it"
    )
