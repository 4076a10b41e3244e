"""Removes the spools of whoever has ended, while the house goes on. Off the supervisor's path, in a thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

from lockgate.serve.recording import spools

SECONDS = 300.0


class Tidying:
    """Knows who has a spool, and how far the log has it. What is not wholly there is looked at again next time."""

    def __init__(
        self, folder: Path, clear: Callable[[Path, Mapping[str, int]], list[str]] = spools.clear_carried
    ) -> None:
        self._folder = folder
        self._clear = clear
        self._carried: dict[str, int] = {}
        self._due: float | None = None
        self._thread: threading.Thread | None = None

    def carried(self, found: Mapping[object, object]) -> None:
        """The sealer's word: the number after the last record in the log, by gateway."""
        for gateway, number in found.items():
            if isinstance(gateway, str) and type(number) is int and number >= 0:
                self._carried[gateway] = number

    def step(self, now: float, running: set[str]) -> None:
        """Begin a round when one is due. `running`: the gateways of this house, whose files are their own."""
        for gateway in filter(None, running):
            # Also one that ends before it records: its empty file goes with the others.
            self._carried.setdefault(gateway, 0)
        if self._due is None:
            self._due = now + SECONDS
        if now < self._due or (self._thread is not None and self._thread.is_alive()):
            return
        self._due = now + SECONDS
        ended = {gateway: number for gateway, number in self._carried.items() if gateway not in running}
        if ended:
            self._thread = threading.Thread(target=partial(self._round, ended), name="tidying", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Wait for the round that runs."""
        if self._thread is not None:
            self._thread.join()

    def _round(self, ended: Mapping[str, int]) -> None:
        with suppress(OSError):
            left = self._clear(self._folder, ended)
            for gateway in ended.keys() - set(left):
                self._carried.pop(gateway, None)
