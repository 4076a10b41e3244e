"""store.lock: one holder at a time, and the kernel lets go of the dead."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from lockgate.errors import Unavailable
from lockgate.store.lock import lock


def test_a_second_holder_is_turned_away(tmp_path: Path) -> None:
    """While held, another asks in vain; afterwards it is free again."""
    path = tmp_path / "locks" / "project"
    with lock(path), pytest.raises(Unavailable) as caught, lock(path, wait=False):
        pass
    assert caught.value.finding == "LG807"
    with lock(path, wait=False):
        pass


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    """A kill -9 frees the lock: nobody has to remove a file."""
    path = tmp_path / "lock"
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        with lock(path):
            os.write(writer, b"x")
            time.sleep(60)
        os._exit(0)
    assert os.read(reader, 1) == b"x"
    with pytest.raises(Unavailable), lock(path, wait=False):
        pass
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with lock(path, wait=False):
        pass
    os.close(reader)
    os.close(writer)
