"""The ZIP of an archive of evidence, read whole into memory: files of one form, and an index that lists them all.

Trusts nothing; of what is read, it promises that it is what index.json says, once, and no more than MOST bytes.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

from lockgate.core.digest import digest_of, hex_of
from lockgate.core.encoding import decode_exact
from lockgate.core.moments import parse_rfc3339
from lockgate.errors import Unavailable, VerificationFailed
from lockgate.store.files import read_regular

INDEX: Final = "index.json"
MOST: Final = 1 << 30
MOST_FILES: Final = 20_000
MOST_PAPER: Final = 8 << 20
"""Of a file that is parsed whole: as objects, JSON takes some thirty times as much memory."""
_NAME: Final = re.compile(r"[A-Za-z0-9_.+@=,() -]+(?:/[A-Za-z0-9_.+@=,() -]+)*")
_TOPS: Final = {
    *("INDEX.html", "access-matrix.json", INDEX, "mapping.json", "policy.toml", "tlog-policy", "verify.py"),
    *("facts/", "log/", "model/", "proofs/", "readable/", "records/", "report/", "statements/"),
}
_LARGE: Final = ("model/", "log/events/leaves")
_FIRST_DAY: Final = (1980, 1, 1, 0, 0, 0)
_DOS_DAY: Final = 0x21
_UNIX, _ZIP_2 = 3 << 8 | 20, 20
_KEYS: Final = {"v", "kind", "project", "model", "made", "events", "predictions", "files"}
_MODEL: Final = {"ref", "name", "version", "manifest"}
_FILE: Final = {"path", "sha256", "bytes", "what", "proved"}
_FACT: Final = {"statement", "index", "path", "value"}


@dataclass(frozen=True)
class Opened:
    """Every file by its path, index.json apart."""

    files: Mapping[str, bytes]
    index: Mapping[str, Any]

    def read(self, name: str) -> bytes:
        """A file that must be there. Raises VerificationFailed LG7032."""
        if name not in self.files:
            lies(name, "it is missing")
        return self.files[name]

    def facts(self, name: str) -> list[Mapping[str, Any]]:
        """The facts in a file of them. Raises VerificationFailed LG7031."""
        try:
            found = decode_exact(self.files[name])
            if set(found) != {"v", "facts"} or not all(set(one) == _FACT for one in found["facts"]):
                raise ValueError("a fact has exactly statement, index, path and value")
        except (ValueError, TypeError) as error:
            _malformed(f"{name}: {error}")
        return list(found["facts"])


def read_archive(path: Path) -> Opened:
    """Read an archive. Raises VerificationFailed LG7031, LG7032; Unavailable LG713; FileNotFoundError."""
    try:
        data = read_regular(path, MOST)
    except FileNotFoundError:
        raise Unavailable("LG713", f"{path} is not there", seen={"file": str(path)}, next="ls") from None
    try:
        files = _read(data)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, ValueError, EOFError, RuntimeError) as error:
        _malformed(f"not a ZIP in the form of an archive of evidence: {error}")
    for name, content in files.items():
        if "".join(name.partition("/")[:2]) not in _TOPS:
            # Whoever unpacks the archive to read it may run Python in that folder: an `argparse.py` would run too.
            lies(name, "no archive of evidence has such a file")
        if len(content) > MOST_PAPER and not name.startswith(_LARGE):
            _malformed(f"{name} is larger than it can be")
    try:
        index = _index(decode_exact(files.pop(INDEX)))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        _malformed(f"index.json is missing or malformed: {error}")
    listed = {one["path"]: (one["sha256"], one["bytes"]) for one in index["files"]}
    for name in sorted({*listed, *files}):
        found = (hex_of(digest_of(files[name])), len(files[name])) if name in files else None
        if listed.get(name) != found:
            lies(name, "index.json lists something else under this name")
    return Opened(files, index)


def _read(data: bytes) -> dict[str, bytes]:
    """The files of a ZIP in which every byte belongs to one of them. Raises ValueError and what zipfile raises."""
    found: dict[str, bytes] = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        listed, place = archive.infolist(), 0
        if archive.comment or not 0 < len(listed) <= MOST_FILES or sum(one.file_size for one in listed) > MOST:
            raise ValueError("a comment, no files, or too many")
        for one in listed:
            _check_form(one, place)
            if found and one.filename <= next(reversed(found)):
                raise ValueError(f"{one.filename!a} stands twice, or out of order")
            found[one.filename] = _content(one, data, place)
            place += 30 + len(one.filename) + one.compress_size
        # What `zipfile` has read may not be all that stands there.
        directory = b"".join(map(_entry, listed))
        end = (b"PK\x05\x06", 0, 0, len(listed), len(listed), len(directory), place, 0)
        if data[place:] != directory + struct.pack("<4s4H2LH", *end):
            raise ValueError("its directory has another form than evidence has, or bytes that belong to no file")
    return found


def _content(one: zipfile.ZipInfo, data: bytes, place: int) -> bytes:
    """The bytes of a file, whose own header says what the directory says. `zipfile` does not compare the two, and stops
    unpacking where the file should end: something could lie behind. Raises ValueError, zlib.error.
    """
    name = one.filename.encode("ascii")
    numbers = (_ZIP_2, 0, one.compress_type, 0, _DOS_DAY, one.CRC, one.compress_size, one.file_size)
    header = struct.pack("<4s5H3L2H", b"PK\x03\x04", *numbers, len(name), 0) + name
    start = place + len(header)
    raw = data[start : start + one.compress_size]
    if data[place:start] != header:
        raise ValueError(f"{one.filename!a} says something else of itself than the directory")
    found = raw
    if one.compress_type:
        unpack = zlib.decompressobj(-zlib.MAX_WBITS)
        found = unpack.decompress(raw, one.file_size + 1)
        if not unpack.eof or unpack.unused_data or unpack.unconsumed_tail:
            raise ValueError(f"{one.filename!a} is not unpacked to its end")
    if len(found) != one.file_size or zlib.crc32(found) != one.CRC:
        raise ValueError(f"{one.filename!a} has other bytes than it says")
    return found


def _entry(one: zipfile.ZipInfo) -> bytes:
    """The entry of a file in the directory, as it must stand there."""
    name = one.filename.encode("ascii")
    sizes = (one.CRC, one.compress_size, one.file_size)
    form = (_UNIX, _ZIP_2, 0, one.compress_type, 0, _DOS_DAY, *sizes, len(name), 0, 0, 0, 0)
    return struct.pack("<4s6H3L5H2L", b"PK\x01\x02", *form, one.external_attr, one.header_offset) + name


def _check_form(one: zipfile.ZipInfo, place: int) -> None:
    """One file as the exporter writes it. Raises ValueError."""
    attributes = (
        one.flag_bits,
        one.extra,
        one.comment,
        one.volume,
        one.internal_attr,
        one.date_time,
        one.header_offset,
    )
    if attributes != (0, b"", b"", 0, 0, _FIRST_DAY, place) or one.compress_type not in (0, 8):
        raise ValueError(f"{one.filename!a} has another form than evidence has")
    if one.external_attr != 0o100644 << 16:
        raise ValueError(f"{one.filename!a} is no plain file")
    safe = _NAME.fullmatch(one.filename) and not {".", ".."} & {*one.filename.split("/")}
    if not safe or one.orig_filename != one.filename:
        raise ValueError(f"{one.filename!a} is no safe name")


def _index(index: Any) -> Mapping[str, Any]:
    """index.json, in its one form. Raises ValueError, KeyError, TypeError."""
    if set(index) != _KEYS or (index["v"], index["kind"]) != (1, "lockgate-evidence") or set(index["model"]) != _MODEL:
        raise ValueError("it has exactly the fields of version 1")
    parse_rfc3339(index["made"])
    paths = [one["path"] for one in index["files"]]
    if not all(set(one) == _FILE for one in index["files"]) or paths != sorted(set(paths)):
        raise ValueError("it lists each file once, in order")
    return dict(index)


def lies(name: str, why: str) -> NoReturn:
    """Raises VerificationFailed LG7032 about a file of the archive."""
    raise VerificationFailed(
        "LG7032",
        f"{name}: {why}",
        seen={"file": name},
        next="get the archive again from the project's owner: lockgate export evidence REF",
    )


def _malformed(why: str) -> NoReturn:
    raise VerificationFailed("LG7031", why, next="get the archive again: lockgate export evidence REF")
