"""What is counted beyond one process: the seam behind which one gateway counts alone, and several count together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from lockgate.serve.spec import Client


class Later(Exception):
    """The counters are being asked elsewhere. `then(retry)` calls `retry` in the loop when to charge again."""

    def __init__(self, then: Callable[[Callable[[], None]], None]) -> None:
        super().__init__("the shared counters are being asked")
        self.then = then


class Budgets(Protocol):
    """Rows a day. Asked in the event loop: it answers from memory."""

    def take(self, client: Client, rows: int) -> int:
        """How many rows are left today after these; -1 when there are not so many, and none is taken.

        Raises Declined 503 when it cannot be known.
        """


class Rates(Protocol):
    """Rates that several gateways share. Asked in the event loop, after this gateway's own rate has passed."""

    def take(self, key: str, rows: int, rate: float, burst: int) -> float:
        """0.0 when they were taken, else in how many seconds it is worth trying again. Raises Declined 503.

        `key`: `client:NAME` or `model:NAME`.
        """


Ready = Callable[[Client, int, int, Sequence[tuple[str, float, int]]], None]
"""Called before anything is charged, with what it costs of the client's rate, the rows that the budget and every other
rate count, and (key, rate, burst) of each of those rates. Raises Later.
"""
