"""The other side of a house without a sealer: its gateways' records go to a sealer on another machine.

The forwarder's jail has no network: the supervisor makes the connection and hands it over, and reads nothing of it.
What comes back as a checkpoint has to be one of the project's log, by the key that its roles file names; that the log
has a record the forwarder says once it was proved to it.
"""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable

from lockgate.audit.log import verify_checkpoint
from lockgate.errors import LockgateError, Refused
from lockgate.serve.control import Told
from lockgate.serve.settings import ForwarderSettings
from lockgate.supervise import jails
from lockgate.supervise.announcing import Announcing, Records
from lockgate.supervise.doors import Start
from lockgate.supervise.household import finding_of, words_of
from lockgate.supervise.post import Post
from lockgate.supervise.process import Kept, Process
from lockgate.supervise.sending import Sending

FORWARDER = "forwarder"
UNREACHED = "LG7026"
AGAIN_SECONDS, LATEST_SECONDS = 0.5, 15.0


class Forwarding:
    """Keeps the forwarder up and connected. `sealed`, `carried`: as of a sealing side."""

    name = FORWARDER

    def __init__(
        self,
        own: Records,
        post: Post,
        say: Callable[[str], None],
        start: Start,
        *,
        sealed: Callable[[bytes], None],
        carried: Callable[[Told], None],
        sending: Sending,
    ) -> None:
        """Raises Refused LG639, LG831 for files that TLS cannot be spoken with."""
        self._own = own
        self._post = post
        self._say = say
        self._start = start
        self._sealed_to = sealed
        self._carried_to = carried
        self._sending = sending
        self._announcing = Announcing(own.home, FORWARDER, own.predictions_origin, post, say)
        self._kept = Kept(FORWARDER, self._start_forwarder)
        self._made: queue.SimpleQueue[socket.socket | str] = queue.SimpleQueue()
        self._due: float | None = None
        self._pause = AGAIN_SECONDS
        self._said = ""
        sending.material()

    @property
    def kept(self) -> dict[str, Kept]:
        """The forwarder."""
        return {FORWARDER: self._kept}

    def begun(self, gateway: str, by: str) -> None:
        """A gateway is about to begin: into the book, and the forwarder is told. Raises LockgateError."""
        self._announcing.begun(gateway, by)

    def step(self, now: float) -> None:
        """Hand over a connection that was made, begin one that is due."""
        self._announcing.step(now)
        while not self._made.empty():
            made = self._made.get_nowait()
            if isinstance(made, str):
                self._lost(made, now)
            else:
                with made:
                    self._post.tell(FORWARDER, "peer", files=(made.fileno(),))
        if self._due is not None and now >= self._due:
            self._due = None
            threading.Thread(target=self._connect, name="sealer elsewhere", daemon=True).start()

    def hear(self, name: str, told: Told, now: float) -> bool:
        """What the forwarder said."""
        if name != FORWARDER:
            return False
        if told.what == "lost":
            self._lost(words_of(told, "why"), now)
        elif told.what == "joined":
            self._pause = AGAIN_SECONDS
            self._tell("")
        elif told.what == "sealed":
            self._sealed(told.payload)
        elif told.what == "carried":
            self._carried_to(told)
        elif told.what == "unknown":
            self._announcing.asked(told, now)
        elif told.what == "failed":
            self._say(f"{FORWARDER}: {finding_of(told)} {words_of(told, 'message')}")
        return True

    def close(self) -> None:
        """Let go of what nobody took."""
        while not self._made.empty():
            made = self._made.get_nowait()
            if not isinstance(made, str):
                made.close()

    def _start_forwarder(self) -> Process:
        own = self._own
        settings = ForwarderSettings(own.predictions_origin, own.sealer_public.hex(), self._sending.host)
        process = self._start(FORWARDER, *jails.forwarder(self._own.home, settings), {})
        try:
            material = self._sending.material()
        except Refused as error:
            self._say(f"{FORWARDER}: {error.finding} {error.message}")
            material = b""
        self._post.tell(FORWARDER, "tls", material)
        self._announcing.lying()
        self._due = 0.0
        return process

    def _connect(self) -> None:
        try:
            self._made.put(self._sending.connect())
        except OSError as error:
            self._made.put(error.strerror or str(error) or type(error).__name__)

    def _lost(self, why: str, now: float) -> None:
        self._due = now + self._pause
        self._pause = min(LATEST_SECONDS, self._pause * 2)
        self._tell(why)

    def _tell(self, why: str) -> None:
        """Each change once."""
        if why == self._said:
            return
        self._said = why
        if why:
            self._say(
                f"{UNREACHED} the sealer at {self._sending.said} is not reached: {why}; records wait in the spool here"
            )
        else:
            self._say(f"records are sealed at {self._sending.said}")

    def _sealed(self, note: bytes) -> None:
        try:
            verify_checkpoint(note, self._own.sealer_public, self._own.predictions_origin)
            self._own.predictions_seen.advance(note)
        except (LockgateError, ValueError) as error:
            told = f"{error.finding} {error.message}" if isinstance(error, LockgateError) else str(error)
            self._say(f"{FORWARDER}: what the sealer signed is no checkpoint of this project's log: {told}")
            return
        self._sealed_to(note)
