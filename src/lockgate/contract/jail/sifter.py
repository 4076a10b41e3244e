"""What a worker of a cluster runs: one unit of a snapshot, sifted by a plan. No user's code, no key of Lockgate's.

A worker trusts its scheduler, which can have it run anything: it is a machine, or an account, that does nothing else.
What it was not asked in form, or cannot do, it says in words; it raises nothing that would have to be carried back.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import polars as pl
import pyarrow as pa

import lockgate
from lockgate.contract.dates import check_dates
from lockgate.contract.jail._carried import pack_sifted, pack_unfit
from lockgate.contract.jail.sift import prepared, sift
from lockgate.contract.jail.snapshot import Snapshot, Unit
from lockgate.contract.numbers import check_numbers
from lockgate.contract.plan import parse_plan
from lockgate.core.digest import from_hex
from lockgate.core.encoding import encode


class _Copy:
    """A verified snapshot without a name, open for as long as somebody holds this."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.path = Path(f"/proc/self/fd/{fd}")

    def __del__(self) -> None:
        os.close(self._fd)


_CHUNK = 1 << 20
_MOST_HELD = 2
_held: dict[str, _Copy] = {}
_lock = threading.Lock()


class UnlikeSnapshotError(Exception):
    """The file on the share is not the one that was asked for."""


def sift_unit(
    plan: bytes, path: str, digest: str, first: int, count: int, dates: str, versions: str, numbers: str = ""
) -> bytes:
    """`count` row groups, from `first` on, of the snapshot at `path`, sifted by `plan`: a frame of `_carried`.

    1. Both sides run the same versions.   2. The plan is in its one spelling.   3. The bytes that are read have the
    digest; those very bytes are used.   4. They are sifted.
    """
    ours = said_versions()
    if versions != ours:  # 1
        return pack_unfit("versions", {"worker": ours, "asked": versions})
    try:
        return _sifted(plan, path, digest, range(first, first + count), (dates, numbers))
    except UnlikeSnapshotError as error:
        return pack_unfit("snapshot", {"said": str(error), "path": path})
    except Exception as error:  # noqa: BLE001 - an exception would travel as a pickle, and ask nobody's leave
        return pack_unfit("failed", {"said": f"{type(error).__name__}: {error}"})


@cache
def said_versions() -> str:
    """What decides a verdict on a worker, in one spelling: versions, and the digest of Lockgate's own code."""
    return encode(_versions()).decode()


def _versions() -> Mapping[str, str]:
    try:
        ours = version("lockgate")
    except PackageNotFoundError:
        ours = ""
    return {"lockgate": ours, "code": _code(), "polars": pl.__version__, "pyarrow": pa.__version__}


def _code() -> str:
    """SHA-256 over the files that sift and what they rest on: two machines with one version may still differ."""
    root = Path(lockgate.__file__).parent
    state = hashlib.sha256()
    for path in sorted([*root.glob("contract/**/*.py"), *root.glob("core/*.py")]):
        data = path.read_bytes()
        state.update(f"{path.relative_to(root).as_posix()} {len(data)}\n".encode() + data)
    return state.hexdigest()


def _sifted(plan: bytes, path: str, digest: str, groups: range, spelled: tuple[str, str]) -> bytes:
    parsed = parse_plan(plan)  # 2
    held = _verified(path, digest)  # 3
    snapshot = Snapshot(held.path)
    binding = prepared(snapshot, parsed, check_dates(spelled[0]), check_numbers(spelled[1]))
    if binding.rows:
        raise ValueError("the plan leaves every record to Pydantic")
    asked = _unit(snapshot, groups)
    found = sift(binding, snapshot.read(asked), asked.rows)  # 4
    respelled = snapshot.respelling.cells if snapshot.respelling else 0
    return pack_sifted(replace(found, respelled=respelled))


def _unit(snapshot: Snapshot, groups: range) -> Unit:
    singles = list(snapshot.units(1))
    asked = [singles[number] for number in groups]
    return Unit(asked[0].start, sum(unit.rows for unit in asked), tuple(groups))


def _verified(path: str, digest: str) -> _Copy:
    """A private copy of the snapshot, hashed as it was made: nobody can change it once it was verified."""
    with _lock:
        if digest not in _held:
            copy = _copied(path, digest)
            while len(_held) >= _MOST_HELD:
                _held.pop(next(iter(_held)))
            _held[digest] = copy
        return _held[digest]


def _copied(path: str, digest: str) -> _Copy:
    state = hashlib.sha256()
    with tempfile.TemporaryFile() as copy:
        try:
            source = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise UnlikeSnapshotError(error.strerror or "unreadable") from None
        try:
            if not stat.S_ISREG(os.fstat(source).st_mode):
                raise UnlikeSnapshotError("not a regular file")
            while piece := os.read(source, _CHUNK):
                state.update(piece)
                copy.write(piece)
        finally:
            os.close(source)
        copy.flush()
        if from_hex(state.hexdigest()) != digest:
            raise UnlikeSnapshotError(f"its bytes have the digest {from_hex(state.hexdigest())}")
        return _Copy(os.dup(copy.fileno()))
