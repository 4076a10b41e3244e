"""What the processes of a chain do in one life, in one order that they may do it in."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING

from lockgate.audit.cosigned import attach
from lockgate.audit.seal import Sealer
from lockgate.audit.spool import Spool, frame
from lockgate.core.checkpoint import parse_note
from lockgate.core.record_scan import place_of
from lockgate.errors import LockgateError
from lockgate.serve.control import Told
from lockgate.serve.recording.parts import part_path
from lockgate.serve.recording.spools import clear_carried
from lockgate.serve.recording.writing import Writer
from lockgate.serve.sealer import Carrier
from lockgate.trust.note import cosign
from tests.support.recording import entry

if TYPE_CHECKING:
    from tests.faults.chain import Chain

GATEWAYS = 4


class Gateway:
    """What `serve.recording.keeping.Keeper` does with a disk, without its thread."""

    def __init__(self, chain: Chain, name: str) -> None:
        self._chain, self.name, self._part = chain, name, 0
        self._next, self.held = 0, list[bytes]()
        self._writer = Writer(name, b"p" * 32)
        self._spool: Spool | None = chain.kinds.spool(part_path(chain.spools, name, 0), disk=chain.kinds.disk())

    def put(self, count: int) -> None:
        """Write and sync `count` records; what the disk does not take is written anew, into another part."""
        rows = [entry(self._chain.random.random()) for _ in range(count)]
        written = self._writer.write(rows, self._next, 1_000 + self._next, self._chain.random.randbytes)
        records = records_of(written.frames)
        self._chain.promised.tried.update(records)
        self._next = written.next
        self.held += records
        if self._spool is not None:
            try:
                self._spool.write(written.frames)
                self._spool.sync()
            except LockgateError:
                self.close()
        if self._spool is None:
            self._renew()
        if self._spool is not None:
            own = self._chain.promised.records.setdefault(self.name, {})
            own.update((place_of(record)[1], record) for record in self.held)
            self.held.clear()

    def close(self) -> None:
        """Let go of the file, as the end of a process does."""
        if self._spool is not None:
            self._spool.close()
        self._spool = None

    def _renew(self) -> None:
        self._part += 1
        spool = None
        try:
            path = part_path(self._chain.spools, self.name, self._part)
            spool = self._chain.kinds.spool(path, disk=self._chain.kinds.disk())
            spool.write(b"".join(map(frame, self.held)))
            spool.sync()
        except LockgateError:
            if spool is not None:
                spool.close()
            return
        self._spool = spool


class Doings:
    """The processes. Each may fail on its own, and the others go on."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._random = chain.random
        self._gateways: dict[int, Gateway] = {}
        self._writer: Sealer | None = None
        self._carrier: Carrier | None = None

    def draw(self, count: int) -> list[Callable[[], None]]:
        """So many of them."""
        often = {
            self.log_events: 4,
            self.record: 5,
            self.carry: 5,
            self.look: 3,
            self.cosign: 2,
            self.beat: 0.5,
            self.restart: 0.4,
        }
        return self._random.choices(list(often), list(often.values()), k=count)

    def log_events(self) -> None:
        """Somebody logs events, and is told that they are in the log."""
        if self._writer is None or self._random.random() < 0.3:
            self._writer = self._chain.writer()
        size = self._writer.append([]).size
        entries = [b"%d %d" % (self._random.getrandbits(48), i) for i in range(_batch(self._random, size))]
        self._chain.promised.tried.update(entries)
        after = self._writer.append(entries)
        self._chain.promised.entries.update(enumerate(entries, start=after.size - len(entries)))

    def record(self) -> None:
        """A gateway answers requests."""
        number = self._random.randrange(GATEWAYS)
        with suppress(LockgateError):
            if number not in self._gateways:
                self._gateways[number] = Gateway(self._chain, f"{self._random.getrandbits(64):016x}")
            self._gateways[number].put(self._random.choice((1, 1, 2, 5, 40)))

    def carry(self) -> None:
        """The sealer's round; and files that it needs no more go."""
        if self._carrier is None or self._random.random() < 0.2:
            self._carrier = self._chain.carrier()
        carried = self._carrier.carry()
        if carried and self._random.random() < 0.3:
            running = {gateway.name for gateway in self._gateways.values()}
            ended = {name: due for name, due in carried.items() if name not in running}
            with suppress(OSError):
                clear_carried(self._chain.spools, ended)

    def look(self) -> None:
        """Somebody reads, on this machine or elsewhere."""
        name = self._random.choice(self._chain.logs)
        store = self._chain.seen(name) if self._random.random() < 0.5 else None
        with suppress(LockgateError):
            self._chain.promised.shown[name].append(self._chain.open(name, store).note)

    def cosign(self) -> None:
        """A witness has seen a tree; its line comes back, and is attached by the sealer or by another process."""
        from tests.faults.chain import WITNESS, WITNESS_KEY

        name = self._random.choice(self._chain.logs)
        with suppress(LockgateError):
            note = self._chain.open(name).note
            self._chain.promised.shown[name].append(note)
            line = cosign(parse_note(note).text, WITNESS, int(self._chain.clock()), WITNESS_KEY.sign)
            if self._random.random() < 0.4:
                attach(self._chain.folder(name), [line], [WITNESS], disk=self._chain.kinds.disk())
            elif name == "events" and self._writer is not None:
                self._writer.attach([line], [WITNESS])
            elif name == "predictions" and self._carrier is not None:
                header = {"tell": "cosigned", "witnesses": [WITNESS.line()]}
                self._carrier.heartbeat.cosigned(Told(header, (line.line() + "\n").encode()))

    def beat(self) -> None:
        """The log says that it is there."""
        if self._writer is not None:
            self._writer.beat()

    def restart(self) -> None:
        """All processes end, in order."""
        self.close()
        self._writer = self._carrier = None

    def close(self) -> None:
        """Gateways let go of their files."""
        for gateway in self._gateways.values():
            gateway.close()
        self._gateways.clear()


def _batch(random: Random, size: int) -> int:
    """A few entries, or as many as end a tile, or one more."""
    to_end = 256 - size % 256
    if to_end > 40 and random.random() < 0.8:  # seldom that far: it is what a round costs
        to_end = 2
    return random.choice((1, 2, 3, 3, 17, to_end, to_end + 1))


def records_of(frames: bytes) -> list[bytes]:
    """The records in frames."""
    found, at = [], 0
    while at < len(frames):
        length = int.from_bytes(frames[at : at + 4], "little")
        found.append(frames[at + 4 : at + 4 + length])
        at += length + 8
    return found
