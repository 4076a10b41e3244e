"""The records of a file that was scored: into a spool first, then into the log, by whoever seals here.

Where a gateway serves, its sealer carries the spool like any other. Where nobody serves, this process seals, and holds
the lock under which one serves meanwhile: two sealers would carry the same records twice.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from lockgate.audit.ledger import PREDICTIONS
from lockgate.audit.log import Log
from lockgate.audit.seal import Sealer
from lockgate.audit.spool import Spool
from lockgate.core.records import Record
from lockgate.errors import Unavailable
from lockgate.serve.recording.parts import ENDING
from lockgate.serve.sealer import signing_key
from lockgate.store.lock import lock
from lockgate.supervise.ids import Ids
from lockgate.supervise.sealing import Sealing

LOOKS_SECONDS = 0.2


@dataclass(frozen=True)
class Place:
    """Where records go: the `.lockgate` folder, and who seals its predictions."""

    home: Path
    sealing: Sealing

    @property
    def log(self) -> Path:
        """The predictions log."""
        return self.home / "log" / PREDICTIONS


def fresh_id() -> str:
    """The id under which one file is recorded, as a gateway's is at each start."""
    return os.urandom(8).hex()


def ask_for_key(place: Place) -> None:
    """Where nobody serves, the sealer's key will be needed: its passphrase is asked for before the work, not after."""
    with suppress(_Busy), _alone(place):
        place.sealing.key()


def enter(place: Place, records: Sequence[Record], *, seconds: float) -> bool:
    """Bring the records of one id, all new, into the log in their order; whether they are there in time.

    When this returns, they are durable in any case.

    1. Into a spool of their own, whose id is in the book before it begins.   2. Where nobody serves, they are sealed
    here.   3. Where somebody does, whoever seals there is waited for, at most `seconds`.
    Raises Unavailable LG732, LG7028 (1); what sealing raises (2): then they stay in their spool, for the next sealer.
    """
    looking = _Looking(place, [record.encode() for record in records])
    # 1.
    Ids(place.home).add(records[0].gateway, by="predict", log=place.sealing.origin)
    spool = _spooled(place, records[0].gateway, looking.missing)
    deadline = time.monotonic() + seconds
    while True:
        # 2.
        with suppress(_Busy), _alone(place):
            if not looking.found():
                _seal(place, looking.missing)
            spool.unlink(missing_ok=True)
            return True
        # 3.
        if looking.found():
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(LOOKS_SECONDS)


class _Busy(Exception):
    """Somebody serves here."""


@contextmanager
def _alone(place: Place) -> Iterator[None]:
    """Nobody serves here in this block. Raises _Busy."""
    with ExitStack() as stack:
        try:
            stack.enter_context(lock(place.home / "state" / "locks" / "serve", wait=False))
        except Unavailable as busy:
            if busy.finding != "LG807":
                raise
            raise _Busy from None
        yield


def _spooled(place: Place, gateway: str, records: Sequence[bytes]) -> Path:
    folder = place.home / "state" / "spool"
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    path = folder / f"{gateway}{ENDING}"
    with Spool(path) as spool:
        spool.append(list(records))
    return path


def _seal(place: Place, records: Sequence[bytes]) -> None:
    sealing = place.sealing
    Sealer(
        place.log,
        origin=sealing.origin,
        sign=signing_key(sealing.key()).sign,
        public_key=sealing.public,
        seen=sealing.seen,
        former=sealing.former,
    ).append(list(records))


class _Looking:
    """Looks for records among the entries that came since this was made. `missing`: those not seen yet, in order."""

    def __init__(self, place: Place, records: list[bytes]) -> None:
        self._place = place
        self.missing = records
        log = log_of(place)
        self._size = log.size if log else 0

    def found(self) -> bool:
        """Whether all are there."""
        log = log_of(self._place)
        if log:
            start, self._size = self._size, log.size
            came = set(log.entries(start, log.size))
            self.missing = [data for data in self.missing if data not in came]
        return not self.missing


def log_of(place: Place) -> Log | None:
    """The predictions log, verified; None where nothing was ever sealed. Raises VerificationFailed."""
    if not (place.log / "checkpoint").is_file():
        return None
    sealing = place.sealing
    return Log.open(
        place.log, public_key=sealing.public, origin=sealing.origin, seen=sealing.seen, former=sealing.former
    )
