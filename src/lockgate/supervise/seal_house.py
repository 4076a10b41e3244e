"""`lockgate log seal`: the sealing side of a house alone, for appenders elsewhere. Nobody is answered here."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lockgate.audit.seen import SeenStore
from lockgate.audit.workplace import Workplace
from lockgate.errors import Unavailable
from lockgate.sandbox.launch import Target
from lockgate.sandbox.settings import JailSettings
from lockgate.serve.settings import CONTROL_FD
from lockgate.store.lock import lock
from lockgate.supervise.house import MOST_FALLS, SEALER_SECONDS, TICK_SECONDS, Launch, launch
from lockgate.supervise.post import Post
from lockgate.supervise.preparing import Listen, prepare, taking
from lockgate.supervise.process import Kept, Process
from lockgate.supervise.sealing import Sealing
from lockgate.supervise.sealing_side import SealingSide
from lockgate.supervise.signals import signals
from lockgate.supervise.taking import Taking


@dataclass(frozen=True)
class Own:
    """Whose log it is."""

    home: Path
    predictions_origin: str
    sealer_public: bytes
    predictions_seen: SeenStore
    sealer_key: Callable[[], bytes]


class SealHouse:
    """Keeps sealer and intake up."""

    def __init__(self, own: Own, taking: Taking, *, say: Callable[[str], None], launch: Launch = launch) -> None:
        self._say = say
        self._launch = launch
        self._post = Post(say)
        self._side = SealingSide(
            own, self._post, say, self._start, sealed=lambda _: None, carried=lambda _: None, taking=taking
        )

    def step(self, now: float) -> None:
        """Start what is due, hear what is said. Raises Unavailable LG625 when a process does not stay up."""
        for kept in self._side.kept.values():
            self._tick(kept, now)
        self._side.step(now)
        for name, told in self._post.collect(TICK_SECONDS):
            told.drop()
            self._side.hear(name, told, now)

    def stop(self, clock: Callable[[], float]) -> None:
        """The intake first; the sealer last, so that all that was taken is sealed."""
        for kept in reversed(self._side.kept.values()):
            self._post.hang_up(kept.name)
            deadline = clock() + SEALER_SECONDS
            while clock() < deadline and kept.process is not None and kept.process.poll() is None:
                self._words()
            kept.stop()
            self._words()
        self._side.close()
        self._post.close()

    def _words(self) -> None:
        for name, told in self._post.collect(TICK_SECONDS):
            told.drop()
            self._side.hear(name, told, 0.0)

    def _tick(self, kept: Kept, now: float) -> None:
        if not kept.tick(now) or not kept.codes:
            return
        if kept.falls > MOST_FALLS:
            raise Unavailable(
                "LG625",
                f"the {kept.name} process does not stay up",
                seen={"process": kept.name, "exit_codes": kept.codes},
                next="lockgate doctor",
            )
        self._say(f"{kept.name} ended with code {kept.codes[-1]}; it was started again (LG625)")

    def _start(
        self, name: str, jail: JailSettings, target: Target, descriptors: dict[int, int], *, spoken: bool = True
    ) -> Process:
        talk = self._post.talk(name)
        try:
            if not spoken:
                return self._launch(jail, target, {2: talk, **descriptors})
            with self._post.connect(name) as theirs:
                return self._launch(jail, target, {2: talk, CONTROL_FD: theirs.fileno(), **descriptors})
        finally:
            os.close(talk)


def seal(
    workplace: Workplace,
    listen: Listen,
    *,
    ready: Callable[[str], None] = lambda _: None,
    stop: threading.Event | None = None,
) -> None:
    """Seal what others append until SIGINT, SIGTERM or `stop`. `ready` gets the address of the port, or the socket's.

    Raises Unavailable LG626, LG625, LG807 where this log is sealed by another process; Refused LG639, LG831; what
    the log and the sealer's key raise.
    """
    stop = stop or threading.Event()
    found = Sealing.of(workplace)
    home = workplace.home
    with lock(home / "state" / "locks" / "serve", wait=False), taking(workplace, listen) as doors, signals(stop):
        if doors is None:
            raise AssertionError("there is always a socket")
        found.key()  # asks for its passphrase before all else
        spool = home / "state" / "spool"
        spool.mkdir(parents=True, exist_ok=True, mode=0o700)
        prepare(home, found)
        own = Own(home, found.origin, found.public, found.seen, found.key)
        house = SealHouse(own, doors, say=workplace.say)
        try:
            house.step(time.monotonic())
            ready(f"{listen.host}:{doors.listener.port}" if doors.listener is not None else f"unix:{doors.socket}")
            while not stop.is_set():
                house.step(time.monotonic())
        finally:
            with suppress(OSError):
                house.stop(time.monotonic)
