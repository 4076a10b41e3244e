"""The sealer process: carries prediction records from the spools into the log. Runs in the `sealer` jail.

No network. The spools are read-only, the log's folder writable; the key comes once, through an inherited socket,
and is never on a path that this jail can see. The gateway, which wrote the spools, is not trusted: a record that is
not the next one of its own gateway is not sealed, and that spool is followed no further.
"""

from __future__ import annotations

import os
import select
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from lockgate.audit.disk import Disk
from lockgate.audit.log import Log
from lockgate.audit.predictions import PredictionIndex
from lockgate.audit.seal import Sealer
from lockgate.audit.spool import CutBack, SpoolPart, read_spool
from lockgate.contract.jail import outcome
from lockgate.core.record_scan import place_of
from lockgate.errors import LockgateError, Unavailable, VerificationFailed
from lockgate.serve import control, logs
from lockgate.serve.recording.parts import HURRY, part_path, parts
from lockgate.serve.seen import MemorySeen
from lockgate.serve.settings import CONTROL_FD, PREDICTIONS, SPOOL, SealerSettings

PAUSE_SECONDS, HURRIED_SECONDS = 0.5, 0.01
BUSY = 1000
PART_BYTES = 4 << 20
NICENESS = 10
"""It gives way to what answers requests: records wait in the spool, durable, for as long as they must."""


def main(arguments: Sequence[str]) -> None:
    """Entry point of the jail. After the supervisor closes the control socket: one last pass, then the end."""
    logs.setup("sealer")
    with suppress(OSError):
        os.nice(NICENESS)
    try:
        settings = SealerSettings.parse(arguments)
        with socket.socket(fileno=CONTROL_FD) as link:
            handed = control.expect(link, "key", "seen")
            key = signing_key(handed.pop("key"))
            seen = MemorySeen(handed["seen"], lambda note: control.tell(link, "sealed", note))
            run(settings, key.sign, seen, link, outcome.place(SPOOL), outcome.place(PREDICTIONS))
    except LockgateError as error:
        sys.stderr.write(f"sealer: {error.finding} {error.message}\n")
        sys.exit(error.exit_code)
    except OSError as error:
        sys.stderr.write(f"sealer: the supervisor is gone: {error.strerror}\n")


def signing_key(pem: bytes) -> Ed25519PrivateKey:
    """The sealer's key. Raises VerificationFailed LG632 when it is no Ed25519 private key."""
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise VerificationFailed("LG632", "the supervisor did not hand over the sealer's key", next="lockgate serve")
    return key


def run(
    settings: SealerSettings,
    sign: Callable[[bytes], bytes],
    seen: MemorySeen,
    link: socket.socket,
    spools: Path,
    log_dir: Path,
) -> None:
    """Seal until `link` ends, and then what is left. A disk that fails for a while delays, no more.

    Raises LockgateError.
    """
    carrier = Carrier(settings, sign, seen, spools, log_dir)
    last = False
    while True:
        carried: dict[str, int] = {}
        carrier.count, carrier.moved = 0, False
        try:
            carried = carrier.carry()
        except Unavailable as error:
            if last:
                raise
            control.tell(link, "failed", finding=error.finding, message=error.message)
        if carried:
            control.tell(link, "carried", next=carried)
        if last and not carrier.moved:
            return
        for message in carrier.complaints():
            if not last:
                control.tell(link, "failed", finding="LG633", message=message)
        last = last or bool(select.select([link], [], [], carrier.pause())[0])


@dataclass
class _Place:
    """How far a gateway's spool is carried: the part, bytes read of it, the next number, why it is not followed."""

    part: int = 0
    offset: int = 0
    next: int = 0
    broken: str = ""
    told: bool = False


class Carrier:
    """Follows every spool in a folder and appends what is new to the log, each record once and in order."""

    def __init__(
        self,
        settings: SealerSettings,
        sign: Callable[[bytes], bytes],
        seen: MemorySeen,
        spools: Path,
        log_dir: Path,
        *,
        disk: Disk | None = None,
    ) -> None:
        """Starts the log up, or founds it, and reads how far each gateway has come. Raises LockgateError."""
        self._spools = spools
        self._sealer = Sealer(
            log_dir,
            origin=settings.origin,
            sign=sign,
            public_key=bytes.fromhex(settings.public_key),
            seen=seen,
            disk=disk,
        )
        self._sealer.append([])
        log = Log.open(log_dir, public_key=self._sealer.public_key, origin=self._sealer.origin, seen=seen)
        index = PredictionIndex(log)
        self._places = {gateway: _Place(next=index.next_seq(gateway)) for gateway in index.gateways()}
        self._told: dict[str, int] = {}
        self.count, self.moved = 0, False
        """How many records the last `carry` sealed, and whether it read any, be it such as the log had."""

    def carry(self) -> dict[str, int]:
        """Seal what waits, at most PART_BYTES of each spool; the next number of each gateway for which it has changed.

        Raises LockgateError; then none of it counts as sealed.
        """
        entries: list[bytes] = []
        moved: dict[str, _Place] = {}
        for gateway, numbers in parts(self._spools).items():
            records, place = _waiting(self._spools, gateway, numbers, self._places.get(gateway, _Place()))
            moved[gateway] = place
            entries += records
        if entries:
            self._sealer.append(entries)
        self.moved = any(place != self._places.get(gateway) for gateway, place in moved.items())
        self._places |= moved
        self.count = len(entries)
        # After a restart as well: a gateway may wait for a word that the sealer before did not live to say.
        carried = {gateway: place.next for gateway, place in moved.items() if place.next != self._told.get(gateway, 0)}
        self._told |= carried
        return carried

    def complaints(self) -> list[str]:
        """What is wrong with a spool, once each."""
        found = [place for place in self._places.values() if place.broken and not place.told]
        for place in found:
            place.told = True
        return [place.broken for place in found]

    def pause(self) -> float:
        """Seconds until the next look: none when much waits, few when a gateway's answers wait for the log."""
        if self.count >= BUSY:
            return 0.0
        return HURRIED_SECONDS if any(self._spools.glob(f"*{HURRY}")) else PAUSE_SECONDS


def _waiting(folder: Path, gateway: str, numbers: Sequence[int], place: _Place) -> tuple[list[bytes], _Place]:
    """Records of one gateway's spool that are not in the log yet, and the place after them.

    `numbers`: its parts, as they lay there before any is read: one that another follows is not written any more, and
    what is torn at its end was never acknowledged, or stands in the next.
    """
    ahead = [number for number in numbers if number >= place.part]
    if place.broken or not ahead:
        return [], place
    offset = place.offset if ahead[0] == place.part else 0
    try:
        part = _read(part_path(folder, gateway, ahead[0]), offset)
        while not part.records and len(ahead) > 1:
            ahead = ahead[1:]
            part = _read(part_path(folder, gateway, ahead[0]), 0)
    except VerificationFailed as error:
        return [], _broken(place, gateway, error)
    found: list[bytes] = []
    after = _Place(ahead[0], part.offset, place.next)
    try:
        after.next = _taken(part.records, gateway.encode(), place.next, found)
    except ValueError as error:
        return found, _broken(replace(place, next=place.next + len(found)), gateway, error)
    return found, after


def _read(path: Path, offset: int) -> SpoolPart:
    """What a part has from `offset` on; all of it where it was cut back, for what was taken of it counts once anyway.

    Raises LockgateError.
    """
    try:
        return read_spool(path, offset, limit=PART_BYTES)
    except CutBack:
        return read_spool(path, 0, limit=PART_BYTES)


def _taken(records: Sequence[bytes], gateway: bytes, due: int, found: list[bytes]) -> int:
    """Put into `found` the records that are due, from number `due` on; the number after them.

    1. Each is a record.   2. It is of the gateway that the file is named by.   3. It is the next one, or one that the
    log has already, as after a restart or a fault of the disk. Raises ValueError at the first that is none of that.
    """
    for data in records:
        name, number = place_of(data)
        if name != gateway or number > due:
            raise ValueError(f"record {number} of {name.decode()} where {due} was due")
        if number == due:
            found.append(data)
            due += 1
    return due


def _broken(place: _Place, gateway: str, error: Exception) -> _Place:
    return replace(place, broken=f"spool {gateway} is not followed any further: {error}")
