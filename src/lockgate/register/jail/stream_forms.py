"""Does a file unpack, as a compressed stream from its byte 0, to what nobody may load?

Readers such as joblib's go by the first bytes and unpack as they read: what came out before a stream breaks has been
read, and perhaps run. So this takes what comes out, not whether all of it does.

Sources: RFC 1950 and 1952; the description of LZMA's "alone" format in the LZMA SDK, and liblzma for what it accepts.
"""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from typing import Final, Protocol

from lockgate.register.jail.archive_signs import FIRST, sign_of
from lockgate.register.jail.findings import NotAllowed
from lockgate.register.jail.pickle_walk import walk

TRIED: Final = 1 << 16
_MOST_OUT: Final = 1 << 20
_HEADER: Final = 13
_DICTIONARY: Final = slice(1, 5)
_MOST_PROPERTIES: Final = 9 * 5 * 5


class _Unpacker(Protocol):
    def decompress(self, data: bytes, most: int, /) -> bytes: ...


def refuse_streams(data: bytes) -> None:
    """`data`: the first TRIED bytes. Raises NotAllowed LG470.

    1. Streams with a sign of at least two bytes: they unpack without an error, or to something that is loaded.
    2. LZMA without a container has no sign, and any of its bytes are chance in honest data, which may even unpack.
       Only what comes out tells.
    """
    # 1.
    if data.startswith((b"\x1f\x8b", b"\x78")) and _is_there(zlib.decompressobj(47), data):
        raise NotAllowed("LG470", "it is a gzip or zlib stream too", offset=0)
    if data.startswith(b"BZh") and _is_there(bz2.BZ2Decompressor(), data):
        raise NotAllowed("LG470", "it is a bzip2 stream too", offset=0)
    # 2.
    if len(data) > _HEADER and data[0] < _MOST_PROPERTIES and not data[_HEADER]:
        alone, ordinary = _alone(data), data.startswith(b"\x5d\x00\x00")
        if _is_there(lzma.LZMADecompressor(lzma.FORMAT_ALONE), alone, certain=ordinary):
            raise NotAllowed("LG470", "it is an LZMA stream too", offset=0)


def _alone(data: bytes) -> bytes:
    """The same stream, in whose header the dictionary is as large as what is unpacked here, not 4 GiB."""
    return data[: _DICTIONARY.start] + _MOST_OUT.to_bytes(4, "little") + data[_DICTIONARY.stop :]


def _is_there(unpacker: _Unpacker, data: bytes, *, certain: bool = True) -> bool:
    """`certain`: that it unpacks is enough."""
    out, whole = _unpacked(unpacker, data)
    return bool(out) and ((certain and whole) or _is_loaded(out, whole=whole))


def _unpacked(unpacker: _Unpacker, data: bytes) -> tuple[bytes, bool]:
    """What comes out before an error, and whether there was none."""
    out = bytearray()
    try:
        for at in range(len(data)):
            out += unpacker.decompress(data[at : at + 1], _MOST_OUT)
            if len(out) >= _MOST_OUT or getattr(unpacker, "eof", False):
                break
    except (zlib.error, OSError, EOFError, ValueError, lzma.LZMAError):
        return bytes(out), False
    return bytes(out), True


def _is_loaded(out: bytes, *, whole: bool) -> bool:
    """A pickle, or the beginning of one where more would come out; or what others take for an archive or a program."""
    seen = walk(io.BytesIO(out), len(out))
    sign = sign_of(out[:FIRST])
    return seen.found or seen.endless or (whole and seen.cut) or (sign is not None and not sign.short)
