"""What is inside a file that does not come in, as far as it can be told with little work. For the message alone.

No verdict rests on what is found here: the file is refused before anybody looks. What a hostile file hides from this
reader, it hides from a sentence.
"""

from __future__ import annotations

import bz2
import io
import json
import lzma
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final

from lockgate.register.jail.archive_signs import FIRST, sign_of
from lockgate.register.jail.archive_zip import Member, directory, entries
from lockgate.register.jail.findings import NotAllowed
from lockgate.register.jail.pickle_walk import walk

MOST_DEPTH: Final = 3
MOST_EXPANDED: Final = 8 << 20
MOST_MEMBERS: Final = 20
MOST_LISTED: Final = 1000
_BLOCK = 512
_LAMBDAS = (b'"Lambda"', b'"__lambda__"')


@dataclass
class Inside:
    """`title`: what it is, from outside to inside; `names`: what a reader of its pickles would reach for."""

    title: str
    code: bool = False
    names: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def inside(stream: BinaryIO, size: int, depth: int = 0) -> Inside | None:
    """What is there; None where nothing is recognised. Raises nothing for what is in the bytes."""
    stream.seek(0)
    sign = sign_of(stream.read(FIRST))
    if sign is None or "pickle" in sign.title:
        seen = walk(stream, size)
        return Inside("a Python pickle", names=seen.names) if seen.found or seen.endless else None
    found = Inside(sign.title, sign.code)
    try:
        _look(found, stream, size, depth)
    except (ValueError, struct.error, zlib.error, lzma.LZMAError, OSError, EOFError, NotAllowed, RecursionError):
        found.notes.append("what is inside could not be read to its end")
    return found


def _look(found: Inside, stream: BinaryIO, size: int, depth: int) -> None:
    opener = next((open_ for word, open_ in _STREAMS.items() if word in found.title), None)
    if "HDF5" in found.title:
        _hdf5(found, stream)
    elif "zip archive" in found.title:
        _zip(found, stream, size, depth)
    elif "tar archive" in found.title:
        _tar(found, stream, depth)
    elif opener and depth < MOST_DEPTH:
        stream.seek(0)
        data = opener().decompress(stream.read(MOST_EXPANDED), MOST_EXPANDED)
        _take(found, io.BytesIO(data), len(data), depth)


def _take(found: Inside, stream: BinaryIO, size: int, depth: int, of: str = "") -> None:
    inner = inside(stream, size, depth + 1) if depth < MOST_DEPTH else None
    if inner is None:
        return
    found.names += [name for name in inner.names if name not in found.names]
    found.notes.append(f"{of or 'inside'}: {inner.title}")
    found.notes += inner.notes


class _Inflate:
    """zlib and gzip streams alike, with the interface of the other decompressors."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(32 + zlib.MAX_WBITS)

    def decompress(self, data: bytes, most: int) -> bytes:
        return self._inner.decompress(data, most)


def _xz() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(memlimit=MOST_EXPANDED * 16)


_STREAMS: Final[dict[str, Callable[[], Any]]] = {
    "gzip": _Inflate,
    "zlib": _Inflate,
    "bzip2": bz2.BZ2Decompressor,
    "xz": _xz,
    "LZMA": _xz,
}


def _hdf5(found: Inside, stream: BinaryIO) -> None:
    stream.seek(0)
    data = stream.read(2 * MOST_EXPANDED)
    if b"keras_version" in data or b"model_config" in data:
        found.title = "a Keras model (HDF5)"
    if any(one in data for one in _LAMBDAS):
        found.notes.append("a Lambda layer, which is Python code")


def _zip(found: Inside, stream: BinaryIO, size: int, depth: int) -> None:
    where = directory(stream, size)
    if where is None:
        found.notes.append("it has no directory at its end")
        return
    members = entries(stream, where, most=MOST_LISTED)
    names = [one.name for one in members]
    found.title, found.code = _kind(names)
    for one in [one for one in members if _worth(one.name)][:MOST_MEMBERS]:
        data = Member(stream, one, most=MOST_EXPANDED).read()
        if one.name.rpartition("/")[2] in ("config.json", "metadata.json", "schema.json"):
            _configuration(found, data)
        else:
            _take(found, io.BytesIO(data), len(data), depth, of=one.name[:80])


def _worth(name: str) -> bool:
    """Weights and texts tell nothing."""
    return not name.endswith(("/", ".txt", ".md", ".py", ".npy", ".class")) and "/data/" not in f"/{name}"


def _kind(names: list[str]) -> tuple[str, bool]:
    """What such an archive is called, and whether it is code."""
    lasts = {name.rpartition("/")[2] for name in names}
    if any(name.startswith("META-INF/") for name in names) or any(name.endswith(".class") for name in names):
        return "a Java archive", True
    if "constants.pkl" in lasts or any("/code/" in name for name in names):
        return "a TorchScript model (zip)", False
    if "data.pkl" in lasts:
        return "a torch checkpoint (zip)", False
    if "model.weights.h5" in lasts:
        return "a Keras model (zip)", False
    if "schema.json" in lasts:
        return "a skops file (zip)", False
    if "__main__.py" in names:
        return "a program (Python zip)", True
    return "a zip archive", False


def _configuration(found: Inside, data: bytes) -> None:
    if any(one in data for one in _LAMBDAS):
        found.notes.append("a Lambda layer, which is Python code")
    for one in _objects(json.loads(data)):
        module = one.get("module") or one.get("__module__")
        if isinstance(module, str) and not module.startswith("keras") and len(found.names) < MOST_MEMBERS:
            name = f"{module}.{one.get('class_name') or one.get('__class__') or '?'}"[:200]
            found.names += [name] if name not in found.names else []


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one


def _tar(found: Inside, stream: BinaryIO, depth: int) -> None:
    at, looked = 0, 0
    for _ in range(MOST_LISTED):
        stream.seek(at)
        header = stream.read(_BLOCK)
        if len(header) < _BLOCK or not header.strip(b"\0"):
            return
        size = int(header[124:136].strip(b"\0 ") or b"0", 8)
        if header[156:157] in b"0\0" and looked < MOST_MEMBERS:
            name = header[:100].rstrip(b"\0").decode("utf-8", "replace")
            data = stream.read(min(size, MOST_EXPANDED))
            _take(found, io.BytesIO(data), len(data), depth, of=name[:80])
            looked += 1
        at += _BLOCK + -(-size // _BLOCK) * _BLOCK
