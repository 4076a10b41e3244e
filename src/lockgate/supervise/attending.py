"""A process without keys that reads both logs for the supervisor and speaks: kept up, fed, and told that logs grew.

What it needs beside the logs it gets as sealed memory: statements and a few files of models, found by their digests.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from lockgate.core.digest import Digest
from lockgate.errors import LockgateError
from lockgate.runtime import channel
from lockgate.sandbox.launch import Target
from lockgate.sandbox.settings import JailSettings
from lockgate.serve.settings import ControllerSettings
from lockgate.supervise.doors import Doors
from lockgate.supervise.handed import packed
from lockgate.supervise.process import Kept, Process

Reader = Callable[[Path, ControllerSettings], tuple[JailSettings, Target]]


class Attendant:
    """It runs while it is `wanted`. `blobs` gives what it is to have and was not handed yet.

    `patience`: so many seconds after it was told of records it has looked at them, or at a part of them, or it hangs.
    """

    def __init__(
        self,
        doors: Doors,
        name: str,
        jail: Reader,
        wanted: Callable[[], bool],
        blobs: Callable[[set[Digest]], list[bytes]],
        patience: float = math.inf,
    ) -> None:
        self.name = name
        self._doors = doors
        self._jail = jail
        self._wanted = wanted
        self._blobs = blobs
        self._patience = patience
        self._kept: Kept | None = None
        self._handed: set[Digest] = set()
        self._looking = self._grown = False
        self._since: float | None = None

    @property
    def kept(self) -> Kept | None:
        """Its process and restarts, while there is one."""
        return self._kept

    def follow(self) -> None:
        """Start it, or end it, as it is wanted now."""
        if self._wanted() and self._kept is None:
            self._kept = Kept(self.name, self._start)
        elif not self._wanted() and self._kept is not None:
            self._kept.stop()
            self._kept = None
            self._doors.post.drop(self.name)

    def hand(self) -> None:
        """Hand over what it has not yet."""
        blobs = self._blobs(self._handed) if self._kept is not None else []
        if not blobs:
            return
        sealed = channel.seal(packed(blobs), "statements")
        try:
            self._doors.post.tell(self.name, "statements", files=(sealed.fd,), digest=sealed.digest)
        finally:
            sealed.close()

    def check(self, now: float) -> bool:
        """End one that spoke out of form, listens no more, or is silent: the next one is started in its place.

        True: it is one that is silent, and was ended just now. A stopped or a busy one listens, and never answers.
        """
        if self._kept is None or self._kept.process is None:
            return False
        if self._looking and self._since is None:
            self._since = now
        silent = self._since is not None and now - self._since >= self._patience
        if silent or not self._doors.post.hears(self.name):
            self._since = None
            self._kept.process.kill()
        return silent

    def sealed(self) -> None:
        """The log of predictions has grown. It is told once until it has looked, so that nothing piles up."""
        if self._looking:
            self._grown = True
        elif self._kept is not None:
            self._looking, self._grown = True, False
            self._doors.post.tell(self.name, "sealed")

    def looked(self) -> None:
        """It has looked."""
        self._looking, self._since = False, None
        if self._grown:
            self.sealed()

    def refuse(self, sequence: object, error: LockgateError) -> None:
        """What it asked for is not done."""
        number = sequence if type(sequence) is int else 0
        self._doors.post.tell(
            self.name, "refused", sequence=number, finding=error.finding, message=error.message
        )  # fmt: skip

    def stop(self) -> None:
        """End it."""
        if self._kept is not None:
            self._kept.stop()

    def _start(self) -> Process:
        own, post = self._doors.own, self._doors.post
        settings = ControllerSettings(
            own.root,
            own.environment,
            own.name,
            own.predictions_origin,
            own.sealer_public.hex(),
            tuple(key.hex() for key in own.former_sealers),
        )
        process = self._doors.start(self.name, *self._jail(own.home, settings), {})
        post.tell(self.name, "events", own.events_seen.load() or b"")
        post.tell(self.name, "predictions", own.predictions_seen.load() or b"")
        self._handed, self._looking, self._since = set(), False, None
        self.hand()
        return process
