"""Spools that gateways left behind, and those of labels from files: each has files of its own, and goes when sealed."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from lockgate.audit.log import Log
from lockgate.audit.predictions import PredictionIndex
from lockgate.audit.spool import read_spool
from lockgate.core.record_scan import place_of
from lockgate.errors import LockgateError
from lockgate.serve.recording.parts import HURRY, hurry_path, part_path, parts

_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def clear(spools: Path, log: Log, running: Container[str] = ()) -> int:
    """Remove the files whose every record is in `log`, but those of gateways that are `running`; how many.

    A file that is damaged, that somebody has open for writing, or that holds a record that the log does not, stays: it
    may be all that is left of it. Raises VerificationFailed for the log, or for damage in a file's middle.
    """
    index = PredictionIndex(log)
    take_down(spools, keep=running)
    return sum(
        _clear(spools, gateway, numbers, index.next_seq(gateway))
        for gateway, numbers in parts(spools).items()
        if gateway not in running
    )


def clear_carried(spools: Path, carried: Mapping[str, int]) -> list[str]:
    """`clear` for those gateways alone of which the sealer says how far the log has them; which are left.

    That is what a gateway's own parts are removed by as well. What cannot be read stays. Raises OSError.
    """
    left = []
    for gateway, numbers in parts(spools).items():
        if gateway not in carried:
            continue
        try:
            removed = _clear(spools, gateway, numbers, carried[gateway])
        except (LockgateError, OSError):
            removed = 0
        if removed < len(numbers):
            left.append(gateway)
    marked = {path.stem for path in spools.iterdir() if path.suffix == HURRY}
    for gateway in marked & carried.keys():
        _unmark(spools, gateway)
    return left


def take_down(spools: Path, keep: Container[str] = ()) -> None:
    """Remove every gateway's mark that its answers wait, but those to `keep`, also of one that recorded nothing.

    Raises OSError.
    """
    for path in list(spools.iterdir()):
        if path.suffix == HURRY and path.stem not in keep:
            _unmark(spools, path.stem)


def _unmark(spools: Path, gateway: str) -> None:
    with suppress(OSError):
        hurry_path(spools, gateway).unlink(missing_ok=True)


def _clear(spools: Path, gateway: str, numbers: Sequence[int], due: int) -> int:
    removed = 0
    for number in numbers:
        path = part_path(spools, gateway, number)
        with _ours(path) as ours:
            if ours and _is_sealed(path, gateway, due, torn=number != numbers[-1]):
                path.unlink()
                removed += 1
    return removed


@contextmanager
def _ours(path: Path) -> Iterator[bool]:
    """Whether this is a file that nobody writes, nor begins to in this block."""
    try:
        descriptor = os.open(path, _OPEN)
    except OSError:
        yield False
        return
    try:
        yield stat.S_ISREG(os.fstat(descriptor).st_mode) and _locked(descriptor)
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_sealed(path: Path, gateway: str, due: int, *, torn: bool) -> bool:
    """Whether the log has every record of a file. `torn`: its end may be half written, for another part followed."""
    offset = 0
    while True:
        part = read_spool(path, offset)
        if part.torn and not torn:
            return False
        if not part.records:
            return True
        try:
            places = [place_of(data) for data in part.records]
        except ValueError:
            return False
        if any(name.decode() != gateway or seq >= due for name, seq in places):
            return False
        offset = part.offset
