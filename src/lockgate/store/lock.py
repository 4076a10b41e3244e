"""One writer at a time, across processes: `flock` on an empty file. The kernel lets go when the process dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lockgate.errors import Unavailable
from lockgate.store.files import writing

_AGAIN_SECONDS = 0.02


@contextmanager
def lock(path: Path, *, wait: bool = True, patience: float | None = None, shared: bool = False) -> Iterator[None]:
    """Hold the lock of `path` (made when missing, never removed). Not reentrant: a second call waits for the first.

    shared: several hold it beside each other, and nobody beside them holds it alone.

    Raises Unavailable (LG807) when another process holds it: without `wait` at once, else after `patience` seconds.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            how = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
            if patience is not None:
                _ask(fd, how, patience)
            fcntl.flock(fd, how | (0 if wait and patience is None else fcntl.LOCK_NB))
        except BlockingIOError:
            raise Unavailable(
                "LG807",
                f"another lockgate process is at work here (it holds {path.name})",
                seen={"lock": str(path)},
                next="wait until it ends, then run the same command again",
            ) from None
        yield
    finally:
        os.close(fd)


def _ask(fd: int, how: int, patience: float) -> None:
    """Take the lock, or come back without it when time is up."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        with suppress(BlockingIOError):
            fcntl.flock(fd, how | fcntl.LOCK_NB)
            return
        time.sleep(_AGAIN_SECONDS)
