"""Payloads, where the policy keeps them: sealed for the holder of a key that this process never has.

One wrapping key a minute is sealed to the public key, and data keys are wrapped under it: for a subject one, or for a
record one where no subject is declared. A minute later they are forgotten here; the key of a person who was erased
meanwhile within a second, and nothing more of theirs is kept in that minute. Off the path of requests, in a thread.
"""

from __future__ import annotations

import hmac
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lockgate.audit.spool import frame
from lockgate.core.encoding import decode, encode
from lockgate.core.records import parse_receipt
from lockgate.serve.recording import payload_format as form
from lockgate.serve.recording.entry import Entry
from lockgate.serve.recording.payload_format import DataKey

KEY_SECONDS = 60.0
LOOK_SECONDS = 1.0
PART_SECONDS = 3600.0
PART_BYTES = 64 << 20
MOST_ROWS, MOST_BYTES = 20_000, 16 << 20
"""The most that waits to be sealed; one request that is larger than that waits alone."""


@dataclass(frozen=True)
class Keeping:
    """Whom payloads are sealed to (X25519, 32 bytes), and the field that says whom a record is about, if any."""

    public: bytes
    subject_field: str = ""


def subject_tag(pseudonym_key: bytes, value: object) -> bytes:
    """What a key file says of a subject: 16 bytes that mean nothing without the key."""
    return hmac.digest(pseudonym_key, b"subject\x00" + encode(value), "sha256")[: form.TAG_BYTES]


def of_nobody(subject_field: str, fields: Sequence[str], days: int) -> str:
    """Why no kept payload will say whom it is about, for `log erase SUBJECT` to find; "" where each can."""
    if not days or subject_field in fields:
        return ""
    if not subject_field:
        return "payloads are kept, and no [serve] subject_field says which field names whom they are about"
    return (
        f"payloads are kept, and the subject_field {subject_field!r} is no field of the model: none says of whom it is"
    )


class _Part:
    """Two files that grow, and the keys that are in use."""

    def __init__(self, folder: Path, name: str, public: X25519PublicKey, days: int) -> None:
        self._name = name
        self.days = days
        self._public = public
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        self._keys = os.open(folder / f"{name}{form.KEYS_ENDING}", flags, 0o600)
        try:
            self._data = os.open(folder / f"{name}{form.DATA_ENDING}", flags, 0o600)
        except OSError:
            os.close(self._keys)
            raise
        _write(self._keys, form.kept_slot(days, int(time.time())))
        self.began = time.monotonic()
        self.bytes = 0
        self._slots = 1
        self._wrapping: AESGCM | None = None
        self._wrapping_slot, self._since = 0, 0.0
        self._by_subject: dict[bytes, tuple[int, AESGCM] | None] = {}
        """Of this minute; None: they were erased in it."""

    def add(self, rows: Sequence[tuple[bytes, int, int, bytes]]) -> None:
        """Rows as (subject's tag or nothing, record, row, payload). Keys are on the disk before what they open."""
        keys: list[bytes] = []
        frames: list[bytes] = []
        for subject, seq, row, payload in rows:
            found = self._key(subject, keys)
            if found is None:
                continue
            slot, key = found
            place, nonce = form.PLACE.pack(seq, row, slot), os.urandom(form.NONCE_BYTES)
            frames.append(frame(place + nonce + key.encrypt(nonce, payload, self._name.encode() + place)))
        _write(self._keys, b"".join(keys))
        _write(self._data, b"".join(frames))
        self.bytes += sum(map(len, frames))

    @property
    def is_old(self) -> bool:
        """Whether keys are held whose minute is over."""
        return self._wrapping is not None and time.monotonic() - self._since > KEY_SECONDS

    def forget(self) -> None:
        """Drop what was destroyed on the disk meanwhile, and everything once its minute is over. Raises OSError."""
        if self.is_old:
            self._wrapping = None
            self._by_subject.clear()
        for subject, found in self._by_subject.items():
            if found is not None and self._is_destroyed(found[0]):
                self._by_subject[subject] = None

    def _is_destroyed(self, slot: int) -> bool:
        # One that is not written yet is nothing there.
        found = os.pread(self._keys, 1, slot * form.SLOT_BYTES)
        return found not in (b"", bytes((form.DATA,)))

    def _key(self, subject: bytes, keys: list[bytes]) -> tuple[int, AESGCM] | None:
        """The data key to use, and its slot; None: this person was erased a moment ago, and nothing is kept."""
        wrapping = self._wrapping
        if wrapping is None or time.monotonic() - self._since > KEY_SECONDS:
            wrapping = self._renew(keys)
        if subject in self._by_subject:
            found = self._by_subject[subject]
            if found is not None and self._is_destroyed(found[0]):
                found = self._by_subject[subject] = None
            return found
        key, nonce, slot = os.urandom(form.KEY_BYTES), os.urandom(form.NONCE_BYTES), self._slots
        wrapped = wrapping.encrypt(nonce, key, form.bound(self._name, slot))
        keys.append(form.data_slot(DataKey(self._wrapping_slot, subject or bytes(form.TAG_BYTES), nonce, wrapped)))
        self._slots += 1
        made = slot, AESGCM(key)
        if subject:
            self._by_subject[subject] = made
        return made

    def _renew(self, keys: list[bytes]) -> AESGCM:
        key, self._wrapping_slot = os.urandom(form.KEY_BYTES), self._slots
        sealed = form.SUITE.encrypt(key, self._public, info=form.bound(self._name, self._slots))
        keys.append(form.wrapping_slot(sealed))
        self._slots += 1
        self._wrapping, self._since = AESGCM(key), time.monotonic()
        self._by_subject.clear()
        return self._wrapping

    def close(self) -> None:
        """Make durable and close both."""
        for descriptor in (self._keys, self._data):
            with suppress(OSError):
                os.fsync(descriptor)
            os.close(descriptor)


class PayloadKeeper:
    """One gateway's payloads. What cannot be kept is counted by `lost`: an answer does not depend on it."""

    def __init__(
        self,
        folder: Path,
        gateway: str,
        keeping: Keeping,
        *,
        pseudonym_key: bytes,
        lost: Callable[[int, str], None],
    ) -> None:
        self._folder = folder
        self._gateway = gateway
        self._keeping = keeping
        self._pseudonym_key = pseudonym_key
        self._public = X25519PublicKey.from_public_bytes(keeping.public)
        self._lost = lost
        self._thread = ThreadPoolExecutor(1, "payloads")
        self._part: _Part | None = None
        self._number = 0
        self._given, self._given_bytes = 0, 0
        self._looked, self._stamp = 0.0, 0
        self._done, self._done_bytes = 0, 0
        """Rows and bytes that were given, counted in the loop, and that are over, counted in the thread."""
        self.tidy()

    def keep(self, entries: Sequence[Entry], tokens: Sequence[Sequence[str]], days: int) -> None:
        """Keep the rows of entries that have receipts, for `days`. Returns at once."""
        rows = sum(map(len, tokens))
        size = sum([sum(map(len, entry.canonical)) + sum(map(len, entry.encoded)) for entry in entries])
        waiting = self._given_bytes - self._done_bytes
        if self._given - self._done + rows > MOST_ROWS or (waiting and waiting + size > MOST_BYTES):
            self._lost(rows, "they come faster than they are sealed")
            return
        self._given += rows
        self._given_bytes += size
        self._thread.submit(self._keep, entries, tokens, (rows, size), days)

    def tidy(self) -> None:
        """Destroy the parts whose days are over, whichever gateway kept them. Returns at once."""
        self._thread.submit(self._tidy)

    def look(self) -> None:
        """Forget whom somebody erased: to be called a few times a second. Returns at once."""
        if time.monotonic() - self._looked >= LOOK_SECONDS:
            self._looked = time.monotonic()
            self._thread.submit(self._look)

    def _look(self) -> None:
        try:
            stamp = self._folder.stat().st_mtime_ns
            if self._part is not None and (stamp != self._stamp or self._part.is_old):
                self._part.forget()
            self._stamp = stamp
        except OSError as error:
            self._lost(0, f"whether somebody was erased cannot be seen: {error}")

    def _tidy(self) -> None:
        try:
            expire(self._folder, time.time())
        except OSError as error:
            self._lost(0, f"what is over cannot be destroyed: {error}")

    def close(self) -> None:
        """All that was given is written when this returns."""
        self._thread.shutdown()
        if self._part is not None:
            self._part.close()

    def _keep(
        self, entries: Sequence[Entry], tokens: Sequence[Sequence[str]], cost: tuple[int, int], days: int
    ) -> None:
        """`cost`: rows and bytes."""
        try:
            part = self._turn(days)
            pairs = zip(entries, tokens, strict=True)
            part.add([row for entry, own in pairs if own for row in self._rows(entry, own)])
        except (OSError, ValueError) as error:
            if self._part is not None:
                self._part.close()
                self._part = None
            self._lost(cost[0], str(error))
        finally:
            self._done += cost[0]
            self._done_bytes += cost[1]

    def _rows(self, entry: Entry, tokens: Sequence[str]) -> list[tuple[bytes, int, int, bytes]]:
        found = []
        for given, made, token in zip(entry.canonical, entry.encoded, tokens, strict=True):
            receipt = parse_receipt(token)
            payload = b'{"input":%b,"output":%b,"receipt":"%b"}' % (given, made, token.encode())
            found.append((self._subject(given), receipt.seq, receipt.row or 0, payload))
        return found

    def _subject(self, given: bytes) -> bytes:
        """The tag of whom a record is about; nothing where it does not say: then it has a key of its own."""
        field = self._keeping.subject_field
        value = decode(given).get(field) if field else None
        return b"" if value is None else subject_tag(self._pseudonym_key, value)

    def _turn(self, days: int) -> _Part:
        """A fresh part when this one is old or large, or is kept for another time."""
        part = self._part
        young = part is not None and time.monotonic() - part.began < PART_SECONDS
        if part is not None and young and part.bytes < PART_BYTES and part.days == days:
            return part
        if part is not None:
            part.close()
            self._part = None
        name = f"{self._gateway}.{self._number}"
        # The number moves on first: a part that was begun and failed is not taken up again.
        self._number += 1
        self._part = _Part(self._folder, name, self._public, days)
        return self._part


def expire(folder: Path, now: float) -> int:
    """Destroy the parts to which nothing was added for as many days as they are kept; how many. Raises OSError.

    Each part says for how long: a gateway of another environment, whose policy keeps less, does not end it. Keys first.
    """
    removed = 0
    for keys in sorted(folder.glob(f"*{form.KEYS_ENDING}")):
        if is_over(keys, now):
            destroy(keys)
            keys.unlink()
            keys.with_suffix(form.DATA_ENDING).unlink(missing_ok=True)
            removed += 1
    return removed


def is_over(keys: Path, now: float) -> bool:
    """Whether a part's days are over. Raises OSError."""
    data = keys.with_suffix(form.DATA_ENDING)
    # By what was kept, not by its keys: whoever destroys one of those does not keep the others longer.
    last = (data if data.exists() else keys).lstat().st_mtime
    with keys.open("rb") as file:
        days = form.kept_days(file.read(form.SLOT_BYTES))
    return bool(form.NAME.match(keys.stem)) and days is not None and now - last > days * form.DAY_SECONDS


def destroy(keys: Path, slots: Sequence[int] | None = None, *, day: int | None = None) -> None:
    """Overwrite keys, all or those in `slots`, and make that durable. Raises OSError.

    With zeros; with `day` (since the epoch) by what says that they were destroyed on that day.
    """
    empty = bytes(form.SLOT_BYTES) if day is None else form.erased_slot(day)
    descriptor = os.open(keys, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        count = os.fstat(descriptor).st_size // form.SLOT_BYTES
        for slot in range(count) if slots is None else slots:
            os.pwrite(descriptor, empty, slot * form.SLOT_BYTES)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def tell_gateways(folder: Path) -> None:
    """Let running gateways look which of the keys that they hold were destroyed. Raises OSError."""
    os.utime(folder)


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
