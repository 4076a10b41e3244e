"""Logs, records and clocks for the benchmarks of the log. The key is one of this file's: nothing here is secret."""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, process_time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lockgate.audit.disk import Disk
from lockgate.audit.log import Log
from lockgate.audit.seal import Sealer
from lockgate.core.digest import Digest
from lockgate.core.encoding import encode
from lockgate.serve.recording.entry import Entry
from lockgate.serve.recording.writing import Writer
from lockgate.serve.spec import Client, Served

ORIGIN = "lockgate/bench/predictions"
KEY = Ed25519PrivateKey.from_private_bytes(b"b" * 32)
PUBLIC = KEY.public_key().public_bytes_raw()
PSEUDONYM = b"p" * 32
SERVED = Served("bench", 1, Digest("sha256:" + "a" * 64), "dev", "live", "regression", "delay", (), ())
CLIENT = Client(name="ada", digest="", kind="external", created="", rate=1.0, burst=1)
TIME = 1_800_000_000_000
"""Milliseconds: the time that made records say."""


class Unsynced(Disk):
    """For building what is measured afterwards."""

    def sync(self, descriptor: int) -> None:
        """Nothing."""

    def sync_data(self, descriptor: int) -> None:
        """Nothing."""


def entries(count: int) -> list[Entry]:
    """Requests of one row each."""
    return [Entry(SERVED, CLIENT, [encode({"x": float(i)})], [encode({"value": float(i)})]) for i in range(count)]


def records(gateway: str, count: int) -> list[bytes]:
    """The first `count` prediction records of a gateway."""
    writer, asked, made = Writer(gateway, PSEUDONYM), entries(64), list[bytes]()
    while len(made) < count:
        frames, at = writer.write(asked, len(made), TIME, os.urandom).frames, 0
        while at < len(frames):
            end = at + 4 + int.from_bytes(frames[at : at + 4], "little")
            made.append(frames[at + 4 : end])
            at = end + 4
    return made[:count]


def sealed(log_dir: Path, leaves: Iterator[Sequence[bytes]]) -> None:
    """A log of these batches, each one commit, without waiting for the disk."""
    sealer = Sealer(log_dir, origin=ORIGIN, sign=KEY.sign, public_key=PUBLIC, disk=Unsynced())
    sealer.append([])
    for batch in leaves:
        sealer.append(batch)


def opened(log_dir: Path) -> Log:
    """The log, verified."""
    return Log.open(log_dir, public_key=PUBLIC, origin=ORIGIN)


def alarm(finding: str, message: str) -> None:
    """A recorder's."""
    sys.stderr.write(f"{finding} {message}\n")


@contextmanager
def place(folder: str) -> Iterator[Path]:
    """A folder of its own below `folder`, which chooses the disk; it is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="lockgate-bench-", dir=folder) as made:
        yield Path(made)


def cost(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of wall and of this process's CPU that `work` takes."""
    wall, cpu = perf_counter(), process_time()
    work()
    return perf_counter() - wall, process_time() - cpu


def told(rounds: Sequence[float]) -> dict[str, float]:
    """Median, least and most."""
    return {
        "n": len(rounds),
        "median": float(f"{statistics.median(rounds):.4g}"),
        "least": float(f"{min(rounds):.4g}"),
        "most": float(f"{max(rounds):.4g}"),
    }
