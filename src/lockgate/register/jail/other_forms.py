"""Does another reader find something in a file that is, perhaps, wholly of the form that its name promises?

Formats are read from several places: a zip archive from its end, HDF5 also behind a block of the user's, a pickle and
a compressed stream from byte 0. A file can be two of these at once, and whoever is handed it may take the other one.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import BinaryIO, Final

from lockgate.register.jail.archive_zip import directory
from lockgate.register.jail.findings import NotAllowed
from lockgate.register.jail.pickle_walk import MOST_OPCODES, walk

_HDF5: Final = b"\x89HDF\r\n\x1a\n"
_FIRST_BLOCK = 512
_TRIED = 1 << 16


def refuse_other_forms(stream: BinaryIO, size: int, form: str) -> None:
    """Raises NotAllowed: LG410 a pickle; LG470 anything else that is there too."""
    seen = walk(stream, size)
    if seen.found:
        reached = f", which reaches for {', '.join(seen.names[:3])}" if seen.names else ""
        raise NotAllowed("LG410", f"it is a Python pickle{reached}", offset=0, reaches=seen.names[:20], end=seen.end)
    if seen.endless:
        raise NotAllowed(
            "LG410", f"it goes on as a Python pickle for more than {MOST_OPCODES:,} steps", offset=0, end=seen.end
        )
    if form != "npz" and (found := directory(stream, size)):
        raise NotAllowed("LG470", "it is a zip archive too", offset=found.end)
    at = _FIRST_BLOCK
    while at + len(_HDF5) <= size:
        stream.seek(at)
        if stream.read(len(_HDF5)) == _HDF5:
            raise NotAllowed("LG470", "it is an HDF5 file too", offset=at)
        at *= 2
    _refuse_stream(stream)


def _refuse_stream(stream: BinaryIO) -> None:
    """A compressed stream of whose sign two bytes are, or are not, chance: it unpacks, or it does not."""
    stream.seek(0)
    data = stream.read(_TRIED)
    if data.startswith((b"\x1f\x8b", b"\x78")) and _unpacks(lambda: zlib.decompressobj(47).decompress(data, _TRIED)):
        raise NotAllowed("LG470", "it is a gzip or zlib stream too", offset=0)
    if data.startswith(b"BZh") and _unpacks(lambda: bz2.BZ2Decompressor().decompress(data, _TRIED)):
        raise NotAllowed("LG470", "it is a bzip2 stream too", offset=0)
    if data.startswith(b"\x5d\x00\x00") and _unpacks(
        lambda: lzma.LZMADecompressor(memlimit=1 << 27).decompress(data, _TRIED)
    ):
        raise NotAllowed("LG470", "it is an LZMA stream too", offset=0)


def _unpacks(unpacked: Callable[[], bytes]) -> bool:
    try:
        return bool(unpacked())
    except (zlib.error, OSError, EOFError, ValueError, lzma.LZMAError):
        return False
