"""The jails with the contract's code, each started when it is first asked something. The host's side.

Another jail holds the other ends of their sockets, asks, and is not told anything by the host. A jail that nobody
asks never starts: most rows need no Python.
"""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from lockgate.contract.jailed import Task, run_task
from lockgate.errors import LockgateError
from lockgate.sandbox.launch import Jail
from lockgate.sandbox.report import JailReport
from lockgate.sandbox.settings import JailSettings

FIRST = 3
"""The descriptor of the first socket in the jail that asks, and of the only one in each jail that answers."""


GRACE = 5.0
"""Seconds that a jail gets to end by itself once nobody can ask it any more."""


@dataclass
class _Seat:
    """One socket, and the jail that answers on it, once there is one. What a `dismissed` jail ends with is no error."""

    ours: socket.socket
    asking: socket.socket
    jail: Jail
    dismissed: bool = False
    reports: list[JailReport] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)


class ContractJails:
    """Up to `number` jails of the same `settings` for the same `task`; leaving the block ends them."""

    def __init__(self, settings: JailSettings, task: Task, scratch: Path, number: int) -> None:
        self._settings, self._task, self._scratch = settings, task, scratch
        self._seats = [_Seat(*socket.socketpair(), Jail(settings)) for _ in range(number)]
        self._threads = [
            threading.Thread(target=self._attend, args=(number, seat), name=f"contract jail {number}", daemon=True)
            for number, seat in enumerate(self._seats)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        self.handed_over()
        # A refusal may be the jails' own doing, which they are about to say; an interruption waits for nobody.
        orderly = kind is None or issubclass(kind, LockgateError)
        deadline = time.monotonic() + (GRACE if orderly else 0.0)
        for seat, thread in zip(self._seats, self._threads, strict=True):
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                seat.dismissed = True
                seat.jail.stop()
                thread.join()

    @property
    def descriptors(self) -> Mapping[int, int]:
        """The ends for the jail that asks."""
        return {FIRST + number: seat.asking.fileno() for number, seat in enumerate(self._seats)}

    def handed_over(self) -> None:
        """The jail that asks has its ends: when it ends, so do they."""
        for seat in self._seats:
            seat.asking.close()

    @property
    def reports(self) -> Mapping[str, JailReport]:
        """The reports of those that were started."""
        found = [report for seat in self._seats for report in seat.reports]
        return {f"contract-{number}" if number else "contract": report for number, report in enumerate(found)}

    @contextmanager
    def blamed_first(self) -> Iterator[None]:
        """Around the block: what a jail of these was refused for comes before what the jail that asked says of it."""
        try:
            yield
        except LockgateError:
            self._raise()
            raise
        self._raise()

    def _raise(self) -> None:
        for seat in self._seats:
            for error in seat.errors:
                raise error from None

    def _attend(self, number: int, seat: _Seat) -> None:
        try:
            asked = select.poll()
            asked.register(seat.ours, select.POLLIN)
            asked.poll()
            if not seat.ours.recv(1, socket.MSG_PEEK):
                return
            _, report = run_task(
                self._settings,
                self._task,
                self._scratch / f"contract-{number}",
                started=seat.ours.close,
                descriptors={FIRST: seat.ours.fileno()},
                jail=seat.jail,
            )
            seat.reports.append(report)
        except Exception as error:  # noqa: BLE001 - a thread's error is told by the thread that started it
            if not seat.dismissed:
                seat.errors.append(error)
        finally:
            seat.ours.close()
