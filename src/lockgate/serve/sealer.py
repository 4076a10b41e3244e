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
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from lockgate.audit.disk import Disk
from lockgate.audit.log import Log
from lockgate.audit.predictions import PredictionIndex
from lockgate.audit.seal import Sealer
from lockgate.contract.jail import outcome
from lockgate.core.record_scan import place_of
from lockgate.errors import LockgateError, Unavailable, VerificationFailed
from lockgate.serve import control, logs
from lockgate.serve.appending.announced import INTAKE as TAKEN
from lockgate.serve.appending.announced import SPOOL as SPOOLED
from lockgate.serve.appending.announced import Announced
from lockgate.serve.appending.following import Place, waiting
from lockgate.serve.heartbeat import Heartbeat
from lockgate.serve.recording.parts import parts
from lockgate.serve.recording.waking import Bells, inherited
from lockgate.serve.seen import MemorySeen
from lockgate.serve.settings import BELL_FD, CONTROL_FD, INTAKE, PREDICTIONS, SPOOL, SealerSettings

PAUSE_SECONDS, HURRIED_SECONDS = 0.5, 0.1
"""Between two looks: where no answer waits, and where one does and may not be heard."""
GROUP_SECONDS = 0.001
BUSY = 1000
NICENESS = 10
"""It gives way to what answers requests: records wait in the spool, durable, for as long as they must. Not while
answers wait for it: then it is what answers requests."""


def main(arguments: Sequence[str]) -> None:
    """Entry point of the jail. After the supervisor closes the control socket: one last pass, then the end."""
    bell = inherited(BELL_FD)
    logs.setup("sealer")
    try:
        settings = SealerSettings.parse(arguments)
        with socket.socket(fileno=CONTROL_FD) as link:
            handed = control.expect(link, "key", "seen")
            key = signing_key(handed.pop("key"))
            seen = MemorySeen(handed["seen"], lambda note: control.tell(link, "sealed", note))
            folders = {SPOOLED: outcome.place(SPOOL), TAKEN: outcome.place(INTAKE)}
            run(settings, key.sign, seen, link, Announced(folders), outcome.place(PREDICTIONS), bell)
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
    announced: Announced,
    log_dir: Path,
    bell: int | None = None,
) -> None:
    """Seal until `link` ends, and then what is left. A disk that fails for a while delays, no more. `bell`: where
    gateways ring.

    Sealed is what gateways wrote that the supervisor announced over `link`, in files of this user.

    Raises LockgateError.
    """
    bells = Bells(announced.folders[SPOOLED], bell)
    with ThreadPoolExecutor(1, "polite", initializer=_give_way) as polite:
        carrier = polite.submit(
            partial(Carrier, settings, sign, seen, announced.folders[SPOOLED], log_dir, announced=announced)
        ).result()
        _follow(carrier, bells, seen, link, announced, polite)


def _give_way() -> None:
    """Of this thread alone: there is no way back from it."""
    with suppress(OSError):
        os.nice(NICENESS)


def _follow(
    carrier: Carrier,
    bells: Bells,
    seen: MemorySeen,
    link: socket.socket,
    announced: Announced,
    polite: ThreadPoolExecutor,
) -> None:
    last = False
    bells.look()
    while True:
        carried: dict[str, int] = {}
        carrier.count, carrier.moved = 0, False
        try:
            carried = carrier.carry() if bells.hang else polite.submit(carrier.carry).result()
            carrier.heartbeat.beat()
        except Unavailable as error:
            if last:
                raise
            control.tell(link, "failed", finding=error.finding, message=error.message)
        if carried:
            control.tell(link, "carried", seen.load() or b"", next=carried, at=carrier.newest(carried))
        if last and not carrier.moved:
            return
        for finding, message in carrier.complaints():
            if not last:
                control.tell(link, "failed", finding=finding, message=message)
        unknown = announced.to_ask(time.monotonic())
        if unknown and not last:
            control.tell(link, "unknown", spool=unknown.get(SPOOLED, []), intake=unknown.get(TAKEN, []))
        last = last or (_woken(link, bells, carrier) and not _heard(link, carrier))


def _woken(link: socket.socket, bells: Bells, carrier: Carrier) -> bool:
    """Wait for the supervisor, for a bell, or for the time to look again; whether it is the supervisor."""
    if not carrier.moved:  # whoever rings for nothing has one look for it
        time.sleep(GROUP_SECONDS)
    ringing = bells.look()
    ready = select.select([link.fileno(), *ringing], [], [], carrier.pause(hurried=bells.hang))[0]
    bells.heard(ready)
    return link.fileno() in ready


def _heard(link: socket.socket, carrier: Carrier) -> bool:
    """Take one message of the supervisor's; whether there was one. Whatever else it says wakes, and no more.

    Raises WireError, OSError.
    """
    told = control.hear(link)
    if told is not None and told.what == "announce":
        gateways = list(told.header["gateways"])
        carrier.announce(gateways, told.text("folder"))
        if told.text("folder") == TAKEN:
            control.tell(link, "carried", next=carrier.places(gateways), at=carrier.newest(gateways))
    elif told is not None and told.what == "cosigned":
        try:
            carrier.heartbeat.cosigned(told)
        except Unavailable as error:
            control.tell(link, "failed", finding=error.finding, message=error.message)
    return told is not None


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
        announced: Announced | None = None,
    ) -> None:
        """Starts the log up, or founds it, and reads how far each gateway has come. Raises LockgateError.

        `announced`: whose files are followed; without it whatever lies in `spools`, for a caller that made it all.
        """
        self._spools = spools
        self._announced = announced
        self._owner = None if announced is None else os.geteuid()
        self._sealer = Sealer(
            log_dir,
            origin=settings.origin,
            sign=sign,
            public_key=bytes.fromhex(settings.public_key),
            seen=seen,
            disk=disk,
            clock=time.time,
        )
        self._sealer.append([])
        self.heartbeat = Heartbeat(self._sealer, time.monotonic)
        self._seen = seen
        log = self._log()
        index = PredictionIndex(log)
        self._size = log.size
        self._unsure = False
        """Whether a commit failed: nobody knows whether its entries are in the log."""
        self._places = {gateway: Place(next=index.next_seq(gateway)) for gateway in index.gateways()}
        self._newest = {gateway: at for gateway in index.gateways() if (at := index.newest(gateway)) is not None}
        """Where in the log each gateway's last record stands."""
        self._told: dict[str, int] = {}
        self.count, self.moved = 0, False
        """How many records the last `carry` sealed, and whether it read any, be it such as the log had."""

    def carry(self) -> dict[str, int]:
        """Seal what waits, at most PART_BYTES of each spool; the next number of each gateway for which it has changed.

        Raises LockgateError; then nobody knows whether it is sealed, and the next call looks first.
        """
        if self._unsure:
            self._catch_up()
        entries: list[bytes] = []
        moved: dict[str, Place] = {}
        newest: dict[str, int] = {}
        for gateway, (folder, numbers) in self._files().items():
            before = self._places.get(gateway, Place())
            records, place = waiting(folder, gateway, numbers, before, owner=self._owner)
            moved[gateway] = place
            entries += records
            if records:
                newest[gateway] = len(entries) - 1
        if entries:
            self._unsure = True
            self._size = self._sealer.append(entries).size
            self._unsure = False
            before_these = self._size - len(entries)
            self._newest |= {gateway: before_these + at for gateway, at in newest.items()}
            self.heartbeat.sealed()
        self.moved = any(place != self._places.get(gateway) for gateway, place in moved.items())
        self._places |= moved
        self.count = len(entries)
        # After a restart as well: a gateway may wait for a word that the sealer before did not live to say.
        carried = {gateway: place.next for gateway, place in moved.items() if place.next != self._told.get(gateway, 0)}
        self._told |= carried
        return carried

    def _catch_up(self) -> None:
        """Take what the log has more than was known here as sealed. Raises LockgateError."""
        self._sealer.append([])
        log = self._log()
        for index, entry in enumerate(log.entries(self._size, log.size), self._size):
            gateway, number = place_of(entry)
            self._newest[gateway.decode()] = index
            place = self._places.setdefault(gateway.decode(), Place())
            place.next = max(place.next, number + 1)
        self._size, self._unsure = log.size, False

    def _log(self) -> Log:
        sealer = self._sealer
        return Log.open(sealer.log_dir, public_key=sealer.public_key, origin=sealer.origin, seen=self._seen)

    def _files(self) -> dict[str, tuple[Path, list[int]]]:
        if self._announced is not None:
            return self._announced.files()
        return {gateway: (self._spools, numbers) for gateway, numbers in parts(self._spools).items()}

    def announce(self, gateways: Sequence[str], folder: str) -> None:
        """The supervisor's word that somebody who may append began these."""
        if self._announced is not None:
            self._announced.add(gateways, folder)

    def places(self, gateways: Sequence[str]) -> dict[str, int]:
        """The number after the last that the log has of each."""
        return {gateway: self._places.get(gateway, Place()).next for gateway in gateways}

    def newest(self, gateways: Iterable[str]) -> dict[str, int]:
        """The index in the log of the last record of each that has one."""
        return {gateway: self._newest[gateway] for gateway in gateways if gateway in self._newest}

    def complaints(self) -> list[tuple[str, str]]:
        """What is wrong with a spool, once each: the finding, and a sentence."""
        found = [place for place in self._places.values() if place.broken and not place.told]
        for place in found:
            place.told = True
        return [(place.finding, place.broken) for place in found]

    def pause(self, *, hurried: bool = False) -> float:
        """Seconds until the next look: none when much waits. `hurried`: a gateway's answers wait for the log."""
        if self.count >= BUSY:
            return 0.0
        return HURRIED_SECONDS if hurried else PAUSE_SECONDS
