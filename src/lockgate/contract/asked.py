"""The jails with the contract's code, each started when it is first asked something. The host's side.

Another jail holds the other ends of their sockets, asks, and is not told anything by the host. A jail that nobody
asks never starts: most rows need no Python.
"""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from lockgate.contract.jailed import Task, run_task
from lockgate.errors import LockgateError
from lockgate.sandbox.report import JailReport
from lockgate.sandbox.settings import JailSettings

FIRST = 3
"""The descriptor of the first socket in the jail that asks, and of the only one in each jail that answers."""


@dataclass
class _Seat:
    """One socket, and the jail that answers on it, once there is one."""

    ours: socket.socket
    asking: socket.socket
    reports: list[JailReport] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)


class ContractJails:
    """Up to `number` jails of the same `settings` for the same `task`; leaving the block waits for their end."""

    def __init__(self, settings: JailSettings, task: Task, scratch: Path, number: int) -> None:
        self._settings, self._task, self._scratch = settings, task, scratch
        self._seats = [_Seat(*socket.socketpair()) for _ in range(number)]
        self._threads = [
            threading.Thread(target=self._attend, args=(number, seat), name=f"contract jail {number}")
            for number, seat in enumerate(self._seats)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, _k: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        self.handed_over()
        for thread in self._threads:
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
            select.select([seat.ours], [], [])
            if not seat.ours.recv(1, socket.MSG_PEEK):
                return
            _, report = run_task(
                self._settings,
                self._task,
                self._scratch / f"contract-{number}",
                started=seat.ours.close,
                descriptors={FIRST: seat.ours.fileno()},
            )
            seat.reports.append(report)
        except (LockgateError, OSError) as error:
            seat.errors.append(error)
        finally:
            with suppress(OSError):
                seat.ours.close()
