"""A log with a key of its own, for tests that write, read and damage one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lockgate.audit.disk import Disk
from lockgate.audit.log import Log
from lockgate.audit.seal import Sealer, seal
from lockgate.audit.seen import SeenStore
from lockgate.audit.verify import LogReport, full_verify
from lockgate.core.checkpoint import Checkpoint

ORIGIN = "lockgate/test/events"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
OTHER_PUBLIC = OTHER_KEY.public_key().public_bytes_raw()


class Fast(Disk):
    """Promises nothing to anybody: no fsync."""

    def sync(self, descriptor: int) -> None:
        """Nothing."""

    def sync_data(self, descriptor: int) -> None:
        """Nothing."""


def leaves(count: int, start: int = 0) -> list[bytes]:
    """Entries that differ in content and length; the first is empty."""
    return [b"%d," % i * (i % 7) for i in range(start, start + count)]


def sealer(log_dir: Path, seen: SeenStore | None = None, disk: Disk | None = None) -> Sealer:
    """A writer with the right key."""
    return Sealer(log_dir, origin=ORIGIN, sign=KEY.sign, public_key=PUBLIC, seen=seen, disk=disk or Fast())


def write(log_dir: Path, entries: Sequence[bytes], seen: SeenStore | None = None) -> Checkpoint:
    """Append in one call, as the event log does."""
    return seal(log_dir, entries, origin=ORIGIN, sign=KEY.sign, public_key=PUBLIC, seen=seen)


def read(log_dir: Path, seen: SeenStore | None = None) -> Log:
    """Open for reading."""
    return Log.open(log_dir, public_key=PUBLIC, origin=ORIGIN, seen=seen)


def check(log_dir: Path, seen: SeenStore | None = None) -> LogReport:
    """Verify every byte."""
    return full_verify(log_dir, public_key=PUBLIC, origin=ORIGIN, seen=seen)
