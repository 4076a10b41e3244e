"""What the supervisor hands to a controller to read the event log with: blobs, found by the digest of their bytes.

    u32 length, bytes; u32 length, bytes; ...      in a memfd that is sealed against every change

Nothing of it is believed: a statement counts when the log names its digest and the right key has signed it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

from lockgate.core.digest import Digest, digest_of
from lockgate.core.wire import WireError
from lockgate.errors import VerificationFailed
from lockgate.store.blobs import MOST, BlobStore
from lockgate.store.layout import RegistryStore

IO = "io.json"
MOST_BYTES = 512 << 20
_LENGTH = struct.Struct(">I")


def packed(blobs: Iterable[bytes]) -> bytes:
    """As they are handed over."""
    return b"".join(_LENGTH.pack(len(blob)) + blob for blob in blobs)


def unpacked(data: bytes) -> Iterator[bytes]:
    """What `packed` took. Raises WireError on anything else."""
    place = 0
    while place < len(data):
        start = place + _LENGTH.size
        if start > len(data):
            raise WireError("a length is cut off")
        (length,) = _LENGTH.unpack_from(data, place)
        place = start + length
        if place > len(data):
            raise WireError("a blob is cut off")
        yield data[start:place]


class Handed(RegistryStore):
    """A registry to read from that holds what was handed over, and has no folder."""

    def __init__(self) -> None:
        super().__init__(Path("handed"))
        self.held: dict[Digest, bytes] = {}
        self.blobs = _Held(self.held)

    def take(self, data: bytes) -> None:
        """Hold these as well. Raises WireError."""
        for blob in unpacked(data):
            self.held[digest_of(blob)] = blob


class _Held(BlobStore):
    def __init__(self, held: dict[Digest, bytes]) -> None:
        super().__init__(Path("handed"), Path("handed"))
        self._held = held

    def read(self, digest: Digest, most: int = MOST) -> bytes:
        """The bytes with this digest. Raises VerificationFailed LG805, LG806."""
        found = self._held.get(digest)
        if found is None or len(found) > most:
            raise VerificationFailed(
                "LG805" if found is None else "LG806",
                "a statement that the log names was not handed over",
                seen={"digest": digest},
                next="lockgate log verify",
            )
        return found
