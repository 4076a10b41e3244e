"""One writer at a time, across processes: `flock` on an empty file. The kernel lets go when the process dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lockgate.errors import Unavailable
from lockgate.store.files import writing


@contextmanager
def lock(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock of `path` (made when missing, never removed). Not reentrant: a second call waits for the first.

    Without `wait`, raises Unavailable (LG807) at once when another process holds it.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
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
