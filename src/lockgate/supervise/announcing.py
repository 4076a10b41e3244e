"""Tells whoever follows the spools which gateways are in the book, and a person which are not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from lockgate.audit.seen import SeenStore
from lockgate.errors import LockgateError, Unavailable
from lockgate.serve.appending.announced import INTAKE, SPOOL
from lockgate.serve.control import Told
from lockgate.serve.recording.parts import parts
from lockgate.supervise.ids import APPENDER, Ids
from lockgate.supervise.post import Post

STRAY, STRAY_SECONDS = "LG7020", 5.0
"""A file may be there a little before its line in the book is read."""
MOST_STRAYS = 20
AGAIN_SECONDS = 1.0
_AT_ONCE = 1000


class Records(Protocol):
    """Whose records they are, and for which log."""

    @property
    def home(self) -> Path:
        """The `.lockgate` folder."""

    @property
    def predictions_origin(self) -> str:
        """The log's name."""

    @property
    def sealer_public(self) -> bytes:
        """Its key."""

    @property
    def predictions_seen(self) -> SeenStore:
        """The last checkpoint seen."""


class Announcing:
    """`name`: the process that follows. `log`: only gateways that were begun for this one are announced."""

    def __init__(self, home: Path, name: str, log: str, post: Post, say: Callable[[str], None]) -> None:
        self.ids = Ids(home)
        self._folders = {SPOOL: home / "state" / "spool", INTAKE: home / "state" / "intake"}
        self._name = name
        self.log = log
        self._post = post
        self._say = say
        self._unwritten: list[tuple[str, str]] = []
        self._due = 0.0
        self._strays: dict[tuple[str, str], float] = {}
        self._told: set[tuple[str, str]] = set()

    def begun(self, gateway: str, by: str) -> None:
        """A gateway of this house is about to begin: into the book, durable, and announced.

        While the disk fails it begins all the same, and its records wait in its spool.

        Raises VerificationFailed LG7028.
        """
        try:
            self.ids.add(gateway, by=by, log=self.log)
        except Unavailable as error:
            self._unwritten.append((gateway, by))
            self._say(f"{error.finding} {error.message}; what {by} records is sealed once it is written down")
        else:
            self.announce([gateway], SPOOL)

    def step(self, now: float) -> None:
        """Try once more what could not be written down."""
        if not self._unwritten or now < self._due:
            return
        self._due = now + AGAIN_SECONDS
        with suppress(Unavailable):
            while self._unwritten:
                gateway, by = self._unwritten[0]
                self.ids.add(gateway, by=by, log=self.log)
                self.announce([gateway], SPOOL)
                self._unwritten.pop(0)

    def announce(self, gateways: Iterable[str], folder: str) -> None:
        """These may be followed."""
        listed = list(gateways)
        for start in range(0, len(listed), _AT_ONCE):
            self._post.tell(self._name, "announce", folder=folder, gateways=listed[start : start + _AT_ONCE])

    def lying(self) -> None:
        """Announce everybody in the book who has files: to a process that was started just now."""
        for folder, path in self._folders.items():
            if path.is_dir():
                self.announce((one for one in parts(path) if self.is_known(one, folder)), folder)

    def asked(self, told: Told, now: float) -> None:
        """The process found files of gateways that nobody announced."""
        for folder in self._folders:
            asked = told.header.get(folder)
            gateways = [one for one in asked if isinstance(one, str)] if isinstance(asked, list) else []
            known = [one for one in gateways if self.is_known(one, folder)]
            if known:
                self.announce(known, folder)
            for stray in set(gateways) - set(known):
                self._stray(folder, stray, now)

    def is_known(self, gateway: str, folder: str) -> bool:
        """Whether the book has this gateway, for this log, and its files belong into this folder."""
        try:
            began = self.ids.find(gateway)
        except LockgateError as error:
            self._say(f"{error.finding} {error.message}")
            return False
        if began is None or began.log != self.log:
            return False
        return (INTAKE if began.by.startswith(APPENDER) else SPOOL) == folder

    def _stray(self, folder: str, gateway: str, now: float) -> None:
        """Told once of each, and of no more than MOST_STRAYS."""
        since = self._strays.setdefault((folder, gateway), now)
        if now - since < STRAY_SECONDS or (folder, gateway) in self._told or len(self._told) >= MOST_STRAYS:
            return
        self._told.add((folder, gateway))
        self._say(
            f"{STRAY} {folder}/{gateway}.spool was begun by nobody who may append here: it is not sealed, and stays"
            f" where it is. Next: lockgate explain {STRAY}"
        )
