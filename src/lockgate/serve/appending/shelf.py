"""Where the intake keeps records until they are sealed: a spool folder like a gateway's, written by the intake alone.

A record is acknowledged when it is on the disk. The newest file of a gateway is never removed, be it empty, so that no
part's number is used twice; those of ended gateways go at the next start of whoever seals.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from lockgate.audit.disk import Disk
from lockgate.audit.spool import Spool, read_spool
from lockgate.core.record_scan import place_of
from lockgate.errors import Refused, Unavailable
from lockgate.serve.recording.parts import part_path, parts

PART_BYTES = 8 << 20


class Shelf:
    """One gateway's files. Only one thread at a time; what it does waits for the disk.

    `next`: the number after the last that lies here or is sealed; `sealed`: the one after the last in the log.
    """

    def __init__(self, folder: Path, gateway: str, sealed: int, *, disk: Disk | None = None) -> None:
        """Reads what lies there, and goes on after it. `sealed`: how far the log has this gateway.

        Raises LockgateError LG731, LG732, LG7021.
        """
        self.gateway = gateway
        self._folder = folder
        self._disk = disk
        self.next = self.sealed = sealed
        self._spool: Spool | None = None
        self._newest = -1
        self._done: list[tuple[int, int, int]] = []
        """Parts that are written no more: the number, its bytes, and the number after its last record."""
        for number in parts(folder).get(gateway, []):
            size, after = _read_through(part_path(folder, gateway, number), gateway)
            self.next = max(self.next, after)
            self._done.append((number, size, self.next))
            self._newest = number

    @property
    def size(self) -> int:
        """How much lies there."""
        return (self._spool.size if self._spool else 0) + sum(size for _, size, _ in self._done)

    @property
    def is_open(self) -> bool:
        """Whether a file is open."""
        return self._spool is not None

    def put(self, first: int, records: Sequence[bytes]) -> int:
        """Take records from number `first` on, durable on return; the number after the last.

        What is there already is passed over. Raises Refused LG7021 for a gap, and for what is no record of this
        gateway: then none of them is taken; Unavailable LG732.
        """
        if first > self.next:
            raise self._no(f"record {first} came where {self.next} was due")
        for number, data in enumerate(records, start=first):
            try:
                name, seq = place_of(data)
            except ValueError:
                raise self._no(f"what came as record {number} is none") from None
            if name.decode() != self.gateway or seq != number:
                raise self._no(f"record {seq} of {name.decode()} came where {number} was due")
        fresh = records[self.next - first :]
        if fresh:
            spool = self._open()
            try:
                spool.append(fresh)
            except Unavailable:
                self.rest()  # what was written is not known to be on the disk: the next part has it again
                raise
            self.next += len(fresh)
        return self.next

    def seal(self, number: int) -> None:
        """Everything below `number` is in the log: files of nothing else are removed, but for the newest.

        Raises Unavailable LG732.
        """
        self.sealed = max(self.sealed, number)
        self.next = max(self.next, self.sealed)
        if self.sealed >= self.next and self.size:
            was_open = self.is_open
            self._begin()
            if not was_open:
                self.rest()
        kept = 0 if self._spool else 1
        while len(self._done) > kept and self._done[0][2] <= self.sealed:
            part, _, _ = self._done.pop(0)
            with suppress(OSError):
                part_path(self._folder, self.gateway, part).unlink(missing_ok=True)

    def rest(self) -> None:
        """Close the file; the next record begins another."""
        if self._spool:
            self._done.append((self._newest, self._spool.size, self.next))
            self._spool.close()
            self._spool = None

    def _open(self) -> Spool:
        if self._spool is None or self._spool.size >= PART_BYTES:
            return self._begin()
        return self._spool

    def _begin(self) -> Spool:
        self.rest()
        # The number moves on first: a part that was begun and failed is not taken up again.
        self._newest += 1
        self._spool = Spool(part_path(self._folder, self.gateway, self._newest), disk=self._disk)
        return self._spool

    def _no(self, why: str) -> Refused:
        return Refused("LG7021", why, seen={"gateway": self.gateway}, next="lockgate explain LG7021")


def _read_through(path: Path, gateway: str) -> tuple[int, int]:
    """Bytes of a file, and the number after its last record. Raises LockgateError LG731, LG732, Refused LG7021."""
    offset, after = 0, 0
    while records := (part := read_spool(path, offset)).records:
        offset = part.offset
        try:
            name, seq = place_of(records[-1])
        except ValueError:
            name, seq = b"", 0
        if name.decode() != gateway:
            raise Refused("LG7021", f"{path.name} holds what is none of its records", next="lockgate explain LG7021")
        after = max(after, seq + 1)
    return offset, after
