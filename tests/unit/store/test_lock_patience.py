"""Waiting for a lock, but not for ever."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from lockgate.errors import Unavailable
from lockgate.store.lock import lock


def test_who_waits_for_a_while_gets_the_lock_when_it_is_free_and_else_gives_up(tmp_path: Path) -> None:
    """LG807 after that time; as soon as the other lets go, it is held: nobody else gets it."""
    path, go = tmp_path / "lock", threading.Event()

    def holds() -> None:
        with lock(path):
            taken.set()
            go.wait(10)

    taken = threading.Event()
    other = threading.Thread(target=holds)
    other.start()
    taken.wait(10)
    began = time.monotonic()
    with pytest.raises(Unavailable) as no, lock(path, patience=0.1):
        pass
    assert (no.value.finding, time.monotonic() - began >= 0.1) == ("LG807", True)
    threading.Timer(0.1, go.set).start()
    with lock(path, patience=10), pytest.raises(Unavailable), lock(path, wait=False):
        pass
    other.join()
