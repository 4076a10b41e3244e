"""The log's whole chain in one process, on a `Machine`: gateways, the sealer, who writes events, and who reads.

What is done is drawn from a seed. What was promised is written down as it is promised, outside the machine: entries
and records that were acknowledged, and every text that a key was asked to sign. `check` is asked after each restart.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lockgate.audit.disk import Disk
from lockgate.audit.folder import CHECKPOINT
from lockgate.audit.log import Log
from lockgate.audit.seal import Sealer
from lockgate.audit.seen import SeenStore
from lockgate.audit.spool import Spool
from lockgate.audit.verify import full_verify
from lockgate.core.checkpoint import COSIGNATURE, VerifierKey, parse_checkpoint
from lockgate.core.record_scan import place_of
from lockgate.errors import Unavailable
from lockgate.serve.recording.writing import Writer
from lockgate.serve.sealer import Carrier
from lockgate.serve.seen import MemorySeen
from lockgate.serve.settings import SealerSettings
from tests.faults.doings import Doings, Gateway, records_of
from tests.faults.held import Fault, Killed
from tests.faults.machine import Machine
from tests.support.recording import entry

ORIGIN = "lockgate/test/"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
WITNESS_KEY = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
WITNESS = VerifierKey("witness.example/w", WITNESS_KEY.public_key().public_bytes_raw(), COSIGNATURE)
LOGS = ("events", "predictions")


@dataclass(frozen=True)
class Kinds:
    """What is under test: the product's own, or a mutant of it."""

    sealer: type[Sealer] = Sealer
    spool: type[Spool] = Spool
    disk: type[Disk] = Disk
    carrier: type[Carrier] = Carrier


@dataclass
class Promised:
    """What was promised to somebody, and must be true for ever."""

    entries: dict[int, bytes] = field(default_factory=dict)
    """Events that a writer was told are in the log, by index."""
    records: dict[str, dict[int, bytes]] = field(default_factory=dict)
    """Records that are durable, by gateway and number; empty bytes: whatever record has that number."""
    tried: set[bytes] = field(default_factory=set)
    """Everything that anybody ever tried to log."""
    asked: dict[str, list[bytes]] = field(default_factory=lambda: {name: [] for name in LOGS})
    """Every text that the key of a log was asked to sign."""
    shown: dict[str, list[bytes]] = field(default_factory=lambda: {name: [] for name in LOGS})
    """Every checkpoint that somebody outside has read, or could have: it was published, be it for a moment."""


class Chain:
    """All of it. `live` is one life of the processes, with a fault in it; `check` looks at what is left."""

    def __init__(self, place: Path, random: Random, template: Path | None = None, kinds: Kinds | None = None) -> None:
        """`template`: logs that were there before (see `templates`)."""
        self.place, self.random, self.kinds = place, random, kinds or Kinds()
        self.promised = Promised()
        self.exact = True
        """Whether everything that was tried is known, and not only what was acknowledged."""
        self.logs = LOGS
        self.lives = self._cuts = 0
        self._now = 1_800_000_000.0
        root = place / "0"
        if template is not None:
            shutil.copytree(template, root)
        for folder in ("log", "spool", "state"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        self.machine = Machine(root)
        self.before = dict.fromkeys(LOGS, 0)
        if template is not None:
            self.before = {name: self.open(name).size for name in LOGS}

    @property
    def spools(self) -> Path:
        """Where gateways write."""
        return self.machine.root / "spool"

    def seen(self, name: str) -> SeenStore:
        """What the user's own folder remembers of a log."""
        return SeenStore(self.machine.root / "state" / "seen" / name, disk=self.kinds.disk())

    def folder(self, name: str) -> Path:
        """A log's."""
        return self.machine.root / "log" / name

    def sign(self, name: str) -> Callable[[bytes], bytes]:
        """The key of a log, which remembers what it was asked."""

        def signed(text: bytes) -> bytes:
            if not text.startswith(b"cosignature/"):  # a heartbeat, over a checkpoint that this key has signed
                self.promised.asked[name].append(text)
            return KEY.sign(text)

        return signed

    def open(self, name: str, seen: SeenStore | None = None) -> Log:
        """For reading. Raises LockgateError."""
        return Log.open(self.folder(name), public_key=PUBLIC, origin=ORIGIN + name, seen=seen)

    def live(self, fault: Fault, actions: int = 8) -> bool:
        """One life, with everything that runs. False: the processes died, or the power went, and it has come back."""
        self.lives += 1
        doings = Doings(self)
        self.machine.renamed = self._published
        try:
            with self.machine.running(fault):
                for action in doings.draw(actions):
                    with suppress(Unavailable):
                        action()
        except Killed:
            if fault.kind == "cut":
                self.cut_power()
            return False
        finally:
            doings.close()
        if self.random.random() < 0.1:
            self.machine.audit()
        return True

    def cut_power(self) -> None:
        """Now."""
        target = self.place / f"{self.lives}-{self._cuts}"
        self._cuts += 1
        target.mkdir()
        old, self.machine = self.machine.root, self.machine.power_cut(target, self.random)
        shutil.rmtree(old)

    def settle(self) -> None:
        """Everything that waits is carried, nothing disturbs. Raises LockgateError when something does not come up."""
        self.machine.renamed = self._published
        with self.machine.running():
            self.writer().append([])
            carrier = self.carrier()
            while carrier.carry() or carrier.moved:
                pass

    def writer(self) -> Sealer:
        """A new one, of events."""
        return self.kinds.sealer(
            self.folder("events"),
            origin=ORIGIN + "events",
            sign=self.sign("events"),
            public_key=PUBLIC,
            seen=self.seen("events"),
            disk=self.kinds.disk(),
            clock=self.clock,
        )

    def clock(self) -> float:
        """A second later each time."""
        self._now += 1
        return self._now

    def carrier(self) -> Carrier:
        """A new sealer of predictions, as the house starts one: what was seen is handed over and kept outside."""
        store = self.seen("predictions")
        seen = MemorySeen(store.load() or b"", store.advance)
        settings = SealerSettings(ORIGIN + "predictions", PUBLIC.hex())
        sign, folder = self.sign("predictions"), self.folder("predictions")
        return self.kinds.carrier(settings, sign, seen, self.spools, folder, disk=self.kinds.disk())

    def _published(self, path: str) -> None:
        for name in LOGS:
            if Path(path) == self.folder(name) / CHECKPOINT:
                self.promised.shown[name].append(Path(path).read_bytes())

    def check(self) -> None:
        """Everything has come up and was carried: what was promised is there. Raises AssertionError, LockgateError."""
        self.settle()
        for name in LOGS:
            full_verify(
                self.folder(name), public_key=PUBLIC, origin=ORIGIN + name, seen=self.seen(name), witnesses=[WITNESS]
            )
            log = self.open(name)
            for note in dict.fromkeys(self.promised.shown[name]):
                log.check_extends(note, PUBLIC, ORIGIN + name)
        events, predictions = self.open("events"), self.open("predictions")
        found = list(events.entries(self.before["events"], events.size))
        assert len(found) == len(set(found)), "an event twice"
        assert not self.exact or set(found) <= self.promised.tried, "an event that nobody logged"
        for index, data in self.promised.entries.items():
            place = index - self.before["events"]
            assert found[place : place + 1] == [data], f"event {index}, acknowledged, is lost"
        sealed = {}
        due: dict[bytes, int] = {}
        for data in predictions.entries(self.before["predictions"], predictions.size):
            gateway, number = place_of(data)
            assert number == due.get(gateway, 0), f"record {number} of {gateway.decode()} is missing or repeated"
            due[gateway] = number + 1
            sealed[gateway, number] = data
        assert not self.exact or set(sealed.values()) <= self.promised.tried, "a record that nobody logged"
        for name, records in self.promised.records.items():
            there = {number: sealed.get((name.encode(), number)) for number in records}
            lost = [
                number
                for number, data in records.items()
                if there[number] is None or there[number] != (data or there[number])
            ]
            assert not lost, f"records {lost} of {name}, acknowledged, are lost"

    def forks(self) -> list[str]:
        """Which trees a key signed that are no part of the log as it is, once that has outgrown all of them."""
        forked = []
        with self.machine.running():
            self._outgrow()
        for name in LOGS:
            log = self.open(name)
            for text in self.promised.asked[name]:
                old = parse_checkpoint(text)
                if old.root != log.subtree(0, old.size):
                    forked.append(f"{name} {old.size}")
        return sorted(set(forked))

    def _outgrow(self) -> None:
        for name in LOGS:
            most = max((parse_checkpoint(text).size for text in self.promised.asked[name]), default=0)
            missing = max(0, most - self.open(name).size)
            if missing and name == "events":
                self.writer().append([b"outgrown %d" % i for i in range(missing)])
            elif missing:
                gateway = Gateway(self, f"{self.random.getrandbits(64):016x}")
                gateway.put(missing)
                gateway.close()
                self.carrier().carry()


def templates(place: Path, sizes: Mapping[str, int]) -> dict[str, Path]:
    """Logs of these sizes, to begin rounds with."""
    made = {}
    for name, size in sizes.items():
        root = place / name
        (root / "log").mkdir(parents=True)
        for log in LOGS:
            sealer = Sealer(root / "log" / log, origin=ORIGIN + log, sign=KEY.sign, public_key=PUBLIC)
            sealer.append(_entries(log, size))
        made[name] = root
    return made


def _entries(log: str, size: int) -> Sequence[bytes]:
    if log == "events":
        return [b"before %d" % i for i in range(size)]
    rows = [entry(float(i)) for i in range(size)]
    written = Writer("00" * 8, b"p" * 32).write(rows, 0, 1_000, bytes) if rows else None
    return records_of(written.frames) if written else []
