"""The sealer process: carries prediction records from the spools into the log. Runs in the `sealer` jail.

No network. The spools are read-only, the log's folder writable; the key comes once, through an inherited socket,
and is never on a path that this jail can see. The gateway, which wrote the spools, is not trusted: a record that is
not the next one of its own gateway is not sealed, and that spool is followed no further.
"""

from __future__ import annotations

import select
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from lockgate.audit.log import Log
from lockgate.audit.predictions import PredictionIndex
from lockgate.audit.seal import Sealer
from lockgate.audit.spool import read_spool
from lockgate.contract.jail import outcome
from lockgate.core.records import parse_record
from lockgate.errors import LockgateError, Unavailable, VerificationFailed
from lockgate.serve import control
from lockgate.serve.seen import MemorySeen
from lockgate.serve.settings import CONTROL_FD, PREDICTIONS, SPOOL, SealerSettings

PAUSE_SECONDS = 0.5
BUSY = 1000
PART_BYTES = 1 << 20


def main(arguments: Sequence[str]) -> None:
    """Entry point of the jail. After the supervisor closes the control socket: one last pass, then the end."""
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
        try:
            carried = carrier.carry()
        except Unavailable as error:
            if last:
                raise
            control.tell(link, "failed", finding=error.finding, message=error.message)
            carried = 0
        if last and not carried:
            return
        for message in carrier.complaints():
            if not last:
                control.tell(link, "failed", finding="LG633", message=message)
        last = last or bool(select.select([link], [], [], 0 if carried >= BUSY else PAUSE_SECONDS)[0])


@dataclass
class _Place:
    """How far a gateway's spool is carried: bytes read, the next sequence number, and why it is not followed."""

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
    ) -> None:
        """Starts the log up, or founds it, and reads how far each gateway has come. Raises LockgateError."""
        self._spools = spools
        self._sealer = Sealer(
            log_dir,
            origin=settings.origin,
            sign=sign,
            public_key=bytes.fromhex(settings.public_key),
            seen=seen,
        )
        self._sealer.append([])
        log = Log.open(log_dir, public_key=self._sealer.public_key, origin=self._sealer.origin, seen=seen)
        index = PredictionIndex(log)
        self._places = {gateway: _Place(next=index.next_seq(gateway)) for gateway in index.gateways()}

    def carry(self) -> int:
        """Seal what waits, at most PART_BYTES of each spool; gives how many records.

        Raises LockgateError; then none of them counts as sealed.
        """
        entries: list[bytes] = []
        moved: dict[str, _Place] = {}
        for path in sorted(self._spools.glob("*.spool")):
            records, moved[path.stem] = _waiting(path, self._places.get(path.stem, _Place()))
            entries += records
        if entries:
            self._sealer.append(entries)
        self._places |= moved
        return len(entries)

    def complaints(self) -> list[str]:
        """What is wrong with a spool, once each."""
        found = [place for place in self._places.values() if place.broken and not place.told]
        for place in found:
            place.told = True
        return [place.broken for place in found]


def _waiting(path: Path, place: _Place) -> tuple[list[bytes], _Place]:
    """Records of one spool that are not in the log yet, and the place after them.

    1. Each is a prediction record.   2. It is of the gateway that the file is named by.   3. It is the next one, or
    one that the log has already, as after a restart.
    """
    if place.broken:
        return [], place
    number = place.next
    found: list[bytes] = []
    try:
        part = read_spool(path, place.offset, limit=PART_BYTES)
        for data in part.records:
            record = parse_record(data)
            if record.gateway != path.stem or record.seq > number:
                raise ValueError(f"record {record.seq} of {record.gateway} where {number} was due")
            if record.seq == number:
                found.append(data)
                number += 1
    except (ValueError, VerificationFailed) as error:
        return found, _Place(place.offset, number, f"spool {path.stem} is not followed any further: {error}")
    return found, _Place(part.offset, number)
