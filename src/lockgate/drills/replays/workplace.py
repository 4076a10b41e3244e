"""A folder for a twin and its copies: gone when the drills have ended, however they end.

Ctrl-C, SIGTERM and SIGHUP end them in order. After SIGKILL a watcher ends what was started and removes the folder
(`Children.watched`). Where that was killed too, as with all of a container, whoever drills next removes the folder.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import stat
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lockgate.errors import Unavailable

if TYPE_CHECKING:
    from lockgate.drills.replays.program import Program

_ROOM: Final = 1 << 30
_PREFIX: Final = "lockgate-drill-"
_PLAYER: Final = "player"
"""Locked by whoever plays in the folder, for as long as they live: the kernel lets go of it."""


@contextmanager
def workplace(program: Program, *others: Path) -> Iterator[Path]:
    """A folder, gone with all that was started when the block is left, however it is left.

    It is where the machine keeps what is temporary; where that has no room, in the first of `others` that has.
    Raises Unavailable LG9004 where none has.
    """
    places = [one for one in (Path(tempfile.gettempdir()), *others) if one.is_dir()]
    for one in places:
        _clear(one)
    place = next((one for one in places if shutil.disk_usage(one).free >= _ROOM), None)
    if place is None:
        raise Unavailable(
            "LG9004",
            "there is no room for a twin of the project",
            seen={"places": [str(one) for one in places], "bytes": _ROOM},
            next="TMPDIR=/a/larger/disk lockgate drill",
        )
    with (
        _terminated(),
        tempfile.TemporaryDirectory(prefix=_PREFIX, dir=place, ignore_cleanup_errors=True) as folder,
        program.children.watched(Path(folder)),
        _played(Path(folder)),
    ):
        try:
            yield Path(folder)
        finally:
            program.children.close()


@contextmanager
def _played(folder: Path) -> Iterator[None]:
    """Say in the folder that somebody plays in it. It has its name only once it is locked."""
    fd = os.open(folder / "new", os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        (folder / "new").rename(folder / _PLAYER)
        yield
    finally:
        os.close(fd)


def _clear(place: Path) -> None:
    """Remove what dead players left: folders of this user alone, of whom nobody holds the lock."""
    for folder in place.glob(f"{_PREFIX}*"):
        if _is_left(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _is_left(folder: Path) -> bool:
    try:
        seen = folder.lstat()
        if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.geteuid() or seen.st_mode & 0o077:
            return False
        fd = os.open(folder / _PLAYER, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


@contextmanager
def _terminated() -> Iterator[None]:
    """A signal that would end this process at once ends it as Ctrl-C does: in order."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
