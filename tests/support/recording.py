"""A gateway's recorder, the folder it writes to, and the sealer that follows it: no jails, no processes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lockgate.audit.disk import Disk
from lockgate.audit.ledger import PREDICTIONS, origin
from lockgate.audit.log import Log
from lockgate.audit.predictions import PredictionIndex
from lockgate.core.digest import Digest
from lockgate.core.encoding import encode
from lockgate.core.record_kinds import AnyRecord, parse_any
from lockgate.serve.recording.entry import Entry
from lockgate.serve.recording.recorder import SpoolRecorder
from lockgate.serve.sealer import Carrier
from lockgate.serve.seen import MemorySeen
from lockgate.serve.settings import SealerSettings
from lockgate.serve.spec import Client, Served, ServePolicy
from lockgate.serve.tally import Tally
from tests.support.sealing import Fast

ROOT = "ab" * 32
GATEWAY = "0123456789abcdef"
SERVED = Served("flights", 1, Digest("sha256:" + "a" * 64), "dev", "live", "regression", "delay", (), ())
ADA = Client(name="ada", digest="", kind="external", created="", rate=1.0, burst=1)
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
PUBLIC = KEY.public_key().public_bytes_raw()
ORIGIN = origin(ROOT, PREDICTIONS)
SETTINGS = SealerSettings(ORIGIN, PUBLIC.hex())
PSEUDONYM = b"p" * 32

Result = TypeVar("Result")


class Bench:
    """Folders, and what is told. `open` makes a gateway's recorder, in a running loop."""

    def __init__(self, place: Path) -> None:
        self.spools, self.log_dir = place / "spool", place / "predictions"
        for folder in (self.spools, self.log_dir):
            folder.mkdir(exist_ok=True)
        self.tally = Tally()
        self.alarms: list[str] = []

    def open(self, gateway: str = GATEWAY, *, disk: Disk | None = None, **more: Any) -> SpoolRecorder:
        """A gateway that has just started."""
        policy, key = more.pop("policy", ServePolicy()), more.pop("key", PSEUDONYM)
        recorder = SpoolRecorder(
            self.spools,
            gateway,
            pseudonym_key=key,
            tally=self.tally,
            alarm=lambda finding, _: self.alarms.append(finding),
            disk=disk or Fast(),
            **more,
        )
        recorder.policy = policy
        return recorder

    def play(self, scene: Callable[[SpoolRecorder], Awaitable[Result]], **more: Any) -> Result:
        """A gateway's life."""

        async def life() -> Result:
            recorder = self.open(**more)
            try:
                return await scene(recorder)
            finally:
                recorder.close()

        return asyncio.run(life())

    def carrier(self) -> Carrier:
        """A sealer's hands, come up anew."""
        return Carrier(SETTINGS, KEY.sign, MemorySeen(b""), self.spools, self.log_dir, disk=Fast())

    def seal(self) -> Log:
        """Everything that waits is sealed."""
        carrier = self.carrier()
        while carrier.carry() or carrier.moved:
            pass
        assert carrier.complaints() == []
        return self.log()

    def log(self) -> Log:
        """The log, verified."""
        return Log.open(self.log_dir, public_key=PUBLIC, origin=ORIGIN)

    def records(self) -> list[AnyRecord]:
        """What is in the log once all is sealed; numbers without a gap or a repeat."""
        log = self.seal()
        assert PredictionIndex(log).reasons() == ()
        return [parse_any(entry) for entry in log.entries(0, log.size)]


def entry(*rows: float, id: str = "", client: Client = ADA) -> Entry:  # noqa: A002 - as the request calls it
    """A request of these rows, and what was answered."""
    return Entry(SERVED, client, [encode(given(row)) for row in rows], [encode(made(row)) for row in rows], id)


def given(row: float) -> dict[str, float]:
    """A row as it was sent."""
    return {"x": row}


def made(row: float) -> dict[str, float]:
    """Its prediction."""
    return {"value": row}


def write(recorder: SpoolRecorder, *rows: float) -> Sequence[str]:
    """One request; its receipts."""
    return recorder.write([entry(*rows)])[0]
