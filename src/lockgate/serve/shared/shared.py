"""Limits shared with other gateways: spent from slices in memory, fetched before they are spent.

Nothing here waits. A request that finds too little in hand is told `Later`, and comes back when the server has
answered, or when it has not for 50 ms. While the server cannot be reached, rates go on within this gateway's part of
them, and budgets are refused, unless the policy says otherwise. What is in hand is spent either way: it was granted.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Sequence
from typing import Any

from lockgate.errors import LockgateError
from lockgate.serve.admission.counters import Later
from lockgate.serve.admission.rules import Meter
from lockgate.serve.declined import Declined, unavailable
from lockgate.serve.shared.connection import Connection, Hearing, opened
from lockgate.serve.shared.leases import BudgetLease, Lease, RateLease
from lockgate.serve.shared.replies import Said
from lockgate.serve.shared.settings import SharedSettings
from lockgate.serve.spec import Client, ServePolicy

DEADLINE_SECONDS = 0.05
SWEEP_SECONDS = 0.25
IDLE_SECONDS = 30.0
LATE_SECONDS = 1.0
CLOSE_SECONDS = 0.3
_DAY = 86400
_SHORTEST_WAIT = 0.001

_log = logging.getLogger(__name__)


class Shared:
    """One gateway's part of what is shared. Made in the running loop; `tell` reaches the supervisor.

    `rates` and `budgets` are what admission asks; `ready` is asked before it charges anything.
    """

    def __init__(
        self, data: bytes, *, clock: Callable[[], float], wall: Callable[[], float], tell: Callable[..., None]
    ) -> None:
        """`data`: `SharedSettings`, as handed over. Raises VerificationFailed LG632."""
        self._settings = SharedSettings.parse(data)
        self._clock = clock
        self._wall = wall
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._connection: Connection | None = None
        self._opening: asyncio.Task[None] | None = None
        self._leases: dict[str, Lease] = {}
        self._waiting: dict[str, list[_Waiter]] = {}
        self._meters: dict[str, Meter] = {}
        self._rows: dict[str, int] = {}
        self._sweeping: asyncio.TimerHandle | None = None
        self._policy = ServePolicy()
        self.rates = _Rates(self)
        self.budgets = _Budgets(self)

    @property
    def reached(self) -> bool:
        """Whether the server answers, as far as is known."""
        return self._connection is not None and self._connection.up

    def policy(self, policy: ServePolicy) -> None:
        """What happens while the server cannot be reached."""
        self._policy = policy

    def reload(self, data: bytes) -> None:
        """Another server, or another login: it holds from the next connection on. Keeps what it had when malformed."""
        try:
            self._settings = SharedSettings.parse(data)
        except LockgateError as error:
            _log.warning("%s %s; limits are shared as before", error.finding, error.message)

    def connect(self, descriptor: int) -> None:
        """Take over a connection that the supervisor made. A gateway that has one already needs no other."""
        if self.reached or (self._opening is not None and not self._opening.done()):
            os.close(descriptor)
            return
        self._opening = self._loop.create_task(self._open(descriptor))

    def ready(self, client: Client, cost: int, rows: int, others: Sequence[tuple[str, float, int]]) -> None:
        """Whether all that a request is charged to can be decided now: its cost to the client's rate, its rows to the
        rest. Raises Later; Declined 503 LG686.
        """
        now = self._clock()
        asked: list[tuple[Lease, int]] = [(self._rate(f"client:{client.name}", client.rate, client.burst), cost)]
        asked += [(self._rate(*rate), rows) for rate in others]
        closed = self._policy.shared_rates == "closed"
        short = [(lease, count) for lease, count in asked if self._short(lease, count, now, closed=closed)]
        if client.budget is not None:
            day = self._budget(client.name, client.budget)
            if self._short(day, rows, now, closed=self._policy.shared_budgets == "closed"):
                short.append((day, rows))
        if short:
            for lease, count in short:
                self._fetch(lease, count, now)
            raise Later(lambda again: self._wait([lease for lease, _ in short], again))

    async def close(self) -> None:
        """Give back what was not spent, as far as the server takes it within a moment."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        if self._opening is not None:
            self._opening.cancel()
        connection = self._connection
        if connection is None or not connection.up:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._answered(connection)
                for lease in self._leases.values():
                    self._give_back(lease, lease.left)
                    lease.left = 0
                await self._answered(connection)
        connection.lost = _heed
        connection.lose("the gateway ends")

    def take_rate(self, name: str, rows: int, rate: float, burst: int) -> float:
        """0.0 when they were taken, else seconds to wait. Raises Declined 503 LG686."""
        now, lease = self._clock(), self._rate(name, rate, burst)
        if lease.holds(rows, now):
            if lease.spend(rows, now):
                self._fetch(lease, 1, now)
            return 0.0
        if self._answers(lease, now):
            return max(lease.wait(rows, now), _SHORTEST_WAIT)
        if self._policy.shared_rates == "closed":
            raise _unreached()
        return self._alone(name, rows, rate, burst, now)

    def take_budget(self, client: str, rows: int, budget: int) -> int:
        """Rows left today, or -1. Raises Declined 503 LG686."""
        now, lease = self._clock(), self._budget(client, budget)
        if lease.holds(rows, now):
            if lease.spend(rows, now):
                self._fetch(lease, 1, now)
            return lease.left + lease.rest
        if self._answers(lease, now):
            return -1
        if self._policy.shared_budgets == "closed":
            raise _unreached()
        share = budget // self._settings.gateways
        used = self._rows.get(lease.name, 0) + rows
        if used > share:
            return -1
        self._rows[lease.name] = used
        return share - used

    def _alone(self, name: str, rows: int, rate: float, burst: int, now: float) -> float:
        """By this gateway's part of the limit."""
        share = self._settings.gateways
        meter = self._meters.get(name)
        if meter is None or (meter.rate, meter.burst) != (rate / share, max(1, burst // share)):
            meter = self._meters[name] = Meter(rate / share, max(1, burst // share))
        wait = meter.wait(now, rows)
        if not wait:
            meter.take(now, rows)
        return wait

    def _rate(self, name: str, rate: float, burst: int) -> RateLease:
        lease = self._leases.get(name)
        if not isinstance(lease, RateLease):
            lease = self._leases[name] = RateLease(name, rate, burst)
        lease.rate, lease.burst = rate, burst
        return lease

    def _budget(self, client: str, budget: int) -> BudgetLease:
        name = f"budget:{client}:{int(self._wall() // _DAY)}"
        lease = self._leases.get(name)
        if not isinstance(lease, BudgetLease):
            lease = self._leases[name] = BudgetLease(name, budget)
        lease.budget = budget
        return lease

    def _answers(self, lease: Lease, now: float) -> bool:
        return self.reached and now >= lease.late

    def _short(self, lease: Lease, rows: int, now: float, *, closed: bool) -> bool:
        """Whether the server has to be asked before this limit can be decided. Raises Declined 503 LG686."""
        if lease.holds(rows, now):
            return False
        if not self._answers(lease, now):
            if closed:
                raise _unreached()
            return False
        return not lease.wait(rows, now)

    def _fetch(self, lease: Lease, rows: int, now: float) -> None:
        """Ask for the next slice, unless that is under way."""
        connection = self._connection
        if lease.asked or connection is None or not connection.up:
            return
        self._give_back(lease, lease.useless(rows, now))
        lease.least, lease.asked = rows, lease.wanted(rows, now)
        lease.serial += 1
        self._run(connection, lease, lease.asked, lambda said: self._heard(lease, connection, now, said))
        self._sweep_later()

    def _give_back(self, lease: Lease, rows: int) -> None:
        connection = self._connection
        if rows and connection is not None and connection.up:
            self._run(connection, lease, -rows, _heed)

    def _run(self, connection: Connection, lease: Lease, want: int, hear: Hearing) -> None:
        key = (self._settings.prefix + lease.name).encode()
        connection.run(self._clock(), lease.script, key, lease.arguments(want, lease.least), hear)

    def _heard(self, lease: Lease, connection: Connection, asked_at: float, said: Said | None) -> None:
        now, numbers = self._clock(), said.numbers if said is not None else None
        if numbers is None:
            lease.asked, lease.late = 0, now + LATE_SECONDS
            if said is not None:
                _log.warning("LG688 the server of the shared limits refused: %s", said.refused.partition(" ")[0])
        else:
            try:
                lease.heard(*numbers, asked_at, now)
            except ValueError as error:
                lease.asked, lease.late = 0, now + LATE_SECONDS
                connection.lose(str(error))
        self._wake(lease)

    def _wait(self, leases: Sequence[Lease], again: Callable[[], None]) -> None:
        """Call `again` when all of these leases have heard, or 50 ms have passed."""
        waiter = _Waiter(again, {lease.name for lease in leases if lease.asked})
        if not waiter.names:
            self._loop.call_soon(waiter.go)
        for lease in leases:
            if lease.asked:
                line = self._waiting.setdefault(lease.name, [])
                if not line:
                    self._loop.call_later(DEADLINE_SECONDS, self._overdue, lease, lease.serial)
                line.append(waiter)

    def _overdue(self, lease: Lease, serial: int) -> None:
        if lease.asked and lease.serial == serial:
            lease.late = self._clock() + LATE_SECONDS
            self._wake(lease)

    def _wake(self, lease: Lease) -> None:
        for waiter in self._waiting.pop(lease.name, ()):
            waiter.names.discard(lease.name)
            if not waiter.names:
                waiter.go()

    def _sweep_later(self) -> None:
        if self._sweeping is None:
            self._sweeping = self._loop.call_later(SWEEP_SECONDS, self._sweep)

    def _sweep(self) -> None:
        """Give back what ran out, forget who is idle, notice a server that is silent."""
        self._sweeping = None
        now = self._clock()
        if self._connection is not None:
            self._connection.check(now)
        for name, lease in list(self._leases.items()):
            self._give_back(lease, lease.expired(now))
            if not lease.asked and not lease.left and now - max(lease.used_at, lease.heard_at) > IDLE_SECONDS:
                del self._leases[name]
        if self._leases:
            self._sweep_later()

    async def _answered(self, connection: Connection) -> None:
        """Wait until all that was asked so far has its answer."""
        done: asyncio.Future[None] = self._loop.create_future()
        connection.load(self._clock(), lambda _said: None if done.done() else done.set_result(None))
        await done

    async def _open(self, descriptor: int) -> None:
        try:
            self._connection = await opened(descriptor, self._settings, self._lost, self._clock())
        except (OSError, TimeoutError, ValueError) as error:
            why = str(error) if isinstance(error, ValueError) else type(error).__name__
            self._tell("redis", state="lost", why=why)
            return
        for lease in self._leases.values():
            lease.late = 0.0
        self._tell("redis", state="up")

    def _lost(self, why: str) -> None:
        self._tell("redis", state="lost", why=why)


class _Waiter:
    """A request that is told `Later`: what it still waits for, and what is done then."""

    __slots__ = ("_again", "names")

    def __init__(self, again: Callable[[], None], names: set[str]) -> None:
        self._again = again
        self.names = names

    def go(self) -> None:
        """Try again; a fault of one request is no other's."""
        try:
            self._again()
        except Exception as error:  # noqa: BLE001 - the others in the line go on
            _log.error("a request that waited for its limit failed: %s", type(error).__name__)


class _Rates:
    """`admission.counters.Rates`."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    def take(self, key: str, rows: int, rate: float, burst: int) -> float:
        """0.0 when they were taken, else seconds to wait."""
        return self._shared.take_rate(key, rows, rate, burst)


class _Budgets:
    """`admission.counters.Budgets`."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    def take(self, client: Client, rows: int) -> int:
        """Rows left today; -1 when there are not so many. A client without a budget has no such limit."""
        if client.budget is None:
            return 0
        return self._shared.take_budget(client.name, rows, client.budget)


def _heed(_said: Any) -> None:
    """What was given back is gone either way."""


def _unreached() -> Declined:
    return unavailable("LG686", "the shared limits cannot be reached, so nothing is spent")
