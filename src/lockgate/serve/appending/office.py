"""What all connections of the intake share: whose a gateway is, what lies on its shelf, and who waits for the log.

The supervisor decides whose a gateway is and keeps that; here it is only asked. Runs in one event loop; what waits for
the disk runs in threads, one at a time for each gateway.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from lockgate.audit.disk import Disk
from lockgate.errors import LockgateError, Refused, Unavailable
from lockgate.serve.appending.proving import prove_last
from lockgate.serve.appending.shelf import Shelf
from lockgate.serve.appending.spec import Limits
from lockgate.serve.recording.parts import parts

CLAIM_SECONDS = 20.0
LOOK_SECONDS = 0.02


class Listener(Protocol):
    """Who is told how far the log has its gateways."""

    def sealed(self, gateway: str, number: int, proof: bytes) -> None:
        """The number after the last in the log, of its own gateways and of others, and the proof of that last one."""


@dataclass
class _Held:
    """A gateway's shelf, its owner, and who uses it."""

    shelf: Shelf
    appender: str
    users: set[int] = field(default_factory=set)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass
class _Purse:
    """An appender's bytes: `left` of its rate, as of `at`."""

    left: float
    at: float


class Office:
    """`tell` speaks to the supervisor. To be made in a running loop."""

    def __init__(
        self,
        folder: Path,
        tell: Callable[..., None],
        limits: Limits | None = None,
        *,
        disk: Disk | None = None,
        log: Path | None = None,
    ) -> None:
        """Reads what lies in `folder` from before, and asks whose it is. `log`: its folder, to prove from.

        Raises LockgateError for a damaged file.
        """
        self.limits = limits or Limits()
        self._folder = folder
        self.tell = tell
        self._disk = disk
        self._held: dict[str, _Held] = {}
        self._claims: dict[str, asyncio.Future[int]] = {}
        self._purses: dict[str, _Purse] = {}
        self._listeners: dict[int, Listener] = {}
        self._freed = asyncio.Event()
        self._log = log
        self._note = b""
        self._newest: dict[str, tuple[int, int]] = {}
        """The number after the last in the log, and that record's index there, by gateway."""
        self._unproved: set[str] = set()
        self._proving = False
        self._looking: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        for gateway in parts(folder):
            try:
                self._held[gateway] = _Held(Shelf(folder, gateway, 0, disk=disk), "")
            except LockgateError as error:
                tell("failed", finding=error.finding, message=error.message)
        if self._held:
            tell("lying", gateways=list(self._held))

    def join(self, listener: Listener) -> int:
        """Tell `listener` from now on; the number by which it is known here."""
        self._listeners[id(listener)] = listener
        return id(listener)

    def leave(self, number: int) -> None:
        """It is over: what it used is closed."""
        self._listeners.pop(number, None)
        for held in self._held.values():
            held.users.discard(number)
            if not held.users:
                self._soon(self._rest(held))

    async def open(self, gateway: str, appender: str, number: int) -> tuple[int, int]:
        """How far this gateway is kept, and sealed. Raises Refused LG7024, LG7025; Unavailable LG732."""
        sealed = await self._claim(gateway, appender)
        held = self._held.get(gateway)
        if held is None:
            shelf = await asyncio.to_thread(Shelf, self._folder, gateway, sealed, disk=self._disk)
            held = self._held.setdefault(gateway, _Held(shelf, appender))
        held.appender = appender
        held.users.add(number)
        await self._seal(held, sealed)
        return held.shelf.next, held.shelf.sealed

    async def put(self, gateway: str, first: int, records: Sequence[bytes]) -> int:
        """Keep records; the number after the last that is on the disk. Waits while its appender has too much here.

        Raises Refused LG7021 and Unavailable LG732 as `Shelf.put`.
        """
        held = self._held[gateway]
        while self._waiting(held.appender) >= self.limits.bytes_waiting or not await self._has_room(held):
            self._freed.clear()
            await self._freed.wait()
        async with held.turn:
            kept = await asyncio.to_thread(held.shelf.put, first, records)
        if self._looking is None:
            self._looking = self._loop.call_later(LOOK_SECONDS, self._look)
        return kept

    async def pay(self, appender: str, size: int) -> None:
        """Wait until the appender's rate allows so many bytes."""
        rate, now = self.limits.rate, time.monotonic()
        purse = self._purses.setdefault(appender, _Purse(rate, now))
        purse.left = min(rate, purse.left + rate * (now - purse.at)) - size
        purse.at = now
        if purse.left < 0:
            await asyncio.sleep(-purse.left / rate)

    def allowed(self, gateway: str, sealed: int) -> None:
        """The supervisor's word: it is this appender's, and the log has so many of its records."""
        claim = self._claims.get(gateway)
        if claim is not None and not claim.done():
            claim.set_result(sealed)

    def denied(self, gateway: str, finding: str, message: str) -> None:
        """The supervisor's word that it is not."""
        claim = self._claims.get(gateway)
        if claim is not None and not claim.done():
            claim.set_exception(Refused(finding, message, next=f"lockgate explain {finding}"))

    def owners(self, found: Mapping[str, str]) -> None:
        """Whose the files are that lay there at the start."""
        for gateway, appender in found.items():
            if gateway in self._held and not self._held[gateway].appender:
                self._held[gateway].appender = appender

    def sealed(self, found: Mapping[str, int], at: Mapping[str, int], note: bytes = b"") -> None:
        """The log has these; `at`: the index of the last record of each; `note`: its newest checkpoint."""
        self._note = note or self._note
        self._newest |= {gateway: (number, at[gateway]) for gateway, number in found.items() if gateway in at}
        for gateway, number in found.items():
            if gateway in self._held:
                self._soon(self._seal(self._held[gateway], number))
        self.prove(found)

    def prove(self, gateways: Iterable[str]) -> None:
        """Tell whoever is connected how far the log has these, as soon as it is proved."""
        self._unproved |= self._newest.keys() & set(gateways)
        if self._unproved and not self._proving:
            self._proving = True
            self._soon(self._prove())

    async def close(self) -> None:
        """Close every file."""
        for held in self._held.values():
            await self._rest(held)

    async def _claim(self, gateway: str, appender: str) -> int:
        if gateway in self._claims:
            raise Refused("LG7025", "this gateway is being asked for already", next="lockgate explain LG7025")
        claim: asyncio.Future[int] = self._loop.create_future()
        self._claims[gateway] = claim
        try:
            self.tell("claim", gateway=gateway, appender=appender)
            async with asyncio.timeout(CLAIM_SECONDS):
                return await claim
        except TimeoutError:
            raise Unavailable("LG732", "the sealer does not answer", next="lockgate doctor") from None
        finally:
            del self._claims[gateway]

    def _waiting(self, appender: str) -> int:
        return sum(held.shelf.size for held in self._held.values() if held.appender == appender)

    async def _prove(self) -> None:
        try:
            while self._unproved and self._log is not None:
                wanted = {gateway: self._newest[gateway] for gateway in self._unproved}
                self._unproved = set()
                try:
                    proofs = await asyncio.to_thread(prove_last, self._log, self._note, wanted)
                except LockgateError as error:
                    self.tell(
                        "failed", finding=error.finding, message=f"the log cannot be proved from: {error.message}"
                    )
                    continue
                for gateway, proof in proofs.items():
                    for listener in list(self._listeners.values()):
                        listener.sealed(gateway, wanted[gateway][0], proof)
        finally:
            self._proving = False

    async def _has_room(self, held: _Held) -> bool:
        """Whether one file more of its appender may be open: those of which the log has everything are closed for it.

        Of all connections together: each file is a descriptor, and the intake has not many.
        """
        others = [one for one in self._held.values() if one.appender == held.appender and one.shelf.is_open]
        if held.shelf.is_open or len(others) < self.limits.files:
            return True
        idle = [one for one in others if one.shelf.sealed >= one.shelf.next and not one.turn.locked()]
        for one in idle:
            await self._rest(one)
        return bool(idle)

    async def _seal(self, held: _Held, number: int) -> None:
        async with held.turn:
            try:
                await asyncio.to_thread(held.shelf.seal, number)
            except Unavailable as error:
                self.tell("failed", finding=error.finding, message=error.message)
        self._freed.set()
        if not held.users:
            await self._rest(held)

    async def _rest(self, held: _Held) -> None:
        async with held.turn:
            held.shelf.rest()
        self._freed.set()

    def _look(self) -> None:
        self._looking = None
        self.tell("kept")

    def _soon(self, work: object) -> None:
        task: asyncio.Task[None] = self._loop.create_task(work)  # type: ignore[arg-type]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def gone(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel tasks, and wait until they are over."""
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError, Exception):
            await task
