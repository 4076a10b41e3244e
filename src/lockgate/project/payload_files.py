"""The files of kept payloads, read without any key: which slots hold whose keys, and which payloads they open."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.audit.erasures import TAG_BYTES, erasures
from lockgate.audit.spool import read_spool
from lockgate.core.record_kinds import Of
from lockgate.errors import LockgateError, VerificationFailed
from lockgate.serve.recording import payload_format as form
from lockgate.serve.recording.payloads import PART_SECONDS

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence

NOBODY = bytes(form.TAG_BYTES)
"""The tag of a slot whose payload says of nobody."""
_CLOCK = 3600.0
"""How far the clocks of record and part may be apart; a part may grow for a while after its hour."""


@dataclass(frozen=True)
class Part:
    """The two files of a part, and its slots as they lie there."""

    keys: Path
    slots: tuple[bytes, ...]

    @property
    def name(self) -> str:
        """`<gateway>.<n>`."""
        return self.keys.stem

    @property
    def data(self) -> Path:
        """The file with the payloads."""
        return self.keys.with_suffix(form.DATA_ENDING)

    @property
    def began(self) -> int:
        """Since when it is kept, seconds since the epoch; 0 where it does not say."""
        return form.began(self.slots[0]) if self.slots else 0

    @property
    def erased(self) -> tuple[int, ...]:
        """The slots whose keys were destroyed for a person."""
        return tuple(at for at, slot in enumerate(self.slots) if form.erased_day(slot) is not None)

    def keys_of(self) -> Iterator[tuple[int, form.DataKey]]:
        """The data keys that are there. Raises VerificationFailed LG671."""
        for at, slot in enumerate(self.slots):
            found = read(self.keys, slot)
            if isinstance(found, form.DataKey):
                yield at, found

    def places(self) -> Iterator[tuple[Of, int]]:
        """Each payload's place, and the slot of its key. Raises VerificationFailed LG731, Unavailable LG732."""
        gateway = self.name.partition(".")[0]
        for body in bodies(self.data):
            seq, row, slot = form.PLACE.unpack_from(body)
            yield Of(gateway, seq, row), slot


def parts(folder: Path, gateway: str = "*") -> Iterator[Part]:
    """All parts that lie in `folder`, by name; only those of one gateway. Raises OSError."""
    for keys in sorted(folder.glob(f"{gateway}.*{form.KEYS_ENDING}")):
        if form.NAME.match(keys.stem):
            data = keys.read_bytes()
            # The last slot may be half written.
            ends = range(form.SLOT_BYTES, len(data) + 1, form.SLOT_BYTES)
            yield Part(keys, tuple(data[end - form.SLOT_BYTES : end] for end in ends))


def bodies(data: Path) -> Iterator[bytes]:
    """The sealed payloads of a part, each behind its place and nonce. Raises as `read_spool`."""
    offset = 0
    while (found := read_spool(data, offset)).records:
        offset = found.offset
        yield from (body for body in found.records if len(body) > form.PLACE.size + form.NONCE_BYTES)


def read(keys: Path, slot: bytes) -> bytes | form.DataKey | None:
    """`payload_format.read_slot`. Raises VerificationFailed LG671, naming the file."""
    try:
        return form.read_slot(slot)
    except ValueError as error:
        raise broken(str(error), keys) from None


def slot_tag(name: str, slot: int) -> bytes:
    """What an erasure of one payload goes by: the place of its key, which nobody but the holder of the files knows."""
    return hashlib.sha256(b"lockgate erased slot " + form.bound(name, slot)).digest()[:TAG_BYTES]


def what_became(home: Path, of: Of, time: float, statements: Sequence[Evidence]) -> str:
    """One sentence about a prediction's payload, for whoever has its receipt; "" where nothing is known of one.

    `time`: of its record, seconds since the epoch: parts of other hours are not read. Believes the files: what they say
    of a day is held against the log.
    """
    try:
        for part in parts(home / "state" / "payloads", of.gateway):
            if not part.began or part.began - _CLOCK <= time <= part.began + PART_SECONDS + _CLOCK:
                slot = next((slot for found, slot in part.places() if found == of), None)
                if slot is not None:
                    return _became(part.slots[slot] if slot < len(part.slots) else b"", statements)
    except (OSError, LockgateError):
        return "its payload cannot be read: lockgate log verify says why"
    return ""


def _became(slot: bytes, statements: Sequence[Evidence]) -> str:
    day = form.erased_day(slot)
    if day is not None:
        date = datetime.fromtimestamp(day * form.DAY_SECONDS, UTC).date()
        entries = [one.evidence.index for one in erasures(statements) if one.began.date() == date]
        told = f"log entries of that day: {', '.join(map(str, entries))}" if entries else "and the log does not say so"
        return f"its payload was erased on {date.isoformat()}; {told}"
    return "its payload is kept" if slot[:1] == bytes((form.DATA,)) else "the key of its payload was destroyed"


def broken(why: str, keys: Path) -> VerificationFailed:
    """A kept payload that is not what it should be."""
    return VerificationFailed("LG671", f"a kept payload: {why}", seen={"keys": str(keys)}, next="lockgate log verify")
