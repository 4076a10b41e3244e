"""The event log as the supervisor has verified it: how far, who is where, and what of it others may be handed.

It is looked at once a second, on the supervisor's own path: a look at an unchanged log reads one small file.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from lockgate.audit import deployments
from lockgate.audit.cosigned import witnesses_of
from lockgate.audit.ledger import Ledger
from lockgate.audit.origins import registration_of
from lockgate.audit.standings import Standing
from lockgate.audit.watched import planned
from lockgate.core.checkpoint import MAX_NOTE_BYTES
from lockgate.core.digest import Digest
from lockgate.errors import LockgateError
from lockgate.monitor.plan import MOST_PLAN
from lockgate.store.files import read_regular
from lockgate.store.layout import RegistryStore
from lockgate.supervise.handed import IO
from lockgate.trust.policy_witness import Witness

LOOK_SECONDS = 1.0
_MOST_IO = 4 << 20


class Book:
    """Verified again whenever the checkpoint on disk is another one. Trusts what the ledger trusts, nothing else.

    `lately`: whether what is on disk is known to be the newest; a mirror asks its registry for that.
    """

    def __init__(
        self,
        ledger: Ledger,
        environment: str,
        name: str,
        say: Callable[[str], None],
        lately: Callable[[], bool] = lambda: True,
    ) -> None:
        self.standing: Standing | None = None
        self._ledger = ledger
        self._environment = environment
        self._name = name
        self._say = say
        self._lately = lately
        self._registry = RegistryStore(ledger.home / "registry")
        self._note = b""
        self._due = 0.0
        self._told = ""
        self._plans: list[Digest] = []
        self._read()

    def look(self, now: float) -> tuple[bool, int | None]:
        """Whether the log has changed since the look before; its size, at most once a second, when it is sure.

        A log that does not verify is told once, and is not vouched for.
        """
        if now < self._due:
            return False, None
        self._due = now + LOOK_SECONDS
        try:
            note = read_regular(self._checkpoint, MAX_NOTE_BYTES)
            changed = note != self._note
            if changed:
                self._ledger.refresh()
                self._read()
                # Only now: what does not hold is looked at, and told, again.
                self._note = note
        except (LockgateError, OSError) as error:
            self._tell(f"{error.finding} {error.message}" if isinstance(error, LockgateError) else f"LG623 {error}")
            return False, None
        self._told = ""
        return changed, self._ledger.checkpoint.size if self._lately() else None

    @property
    def size(self) -> int:
        """How many statements the log had when it was last read."""
        return self._ledger.checkpoint.size

    @property
    def witnesses(self) -> tuple[Witness, ...]:
        """Those that the policy in force names."""
        return tuple(witnesses_of(self._ledger.statements()).values())

    def hurry(self) -> None:
        """The next look is due at once: something was appended just now."""
        self._due = 0.0

    @property
    def climbing(self) -> bool:
        """Whether a model is on the ladder."""
        return self.standing is not None and self.standing.candidate is not None

    def blobs(self, handed: set[Digest]) -> list[bytes]:
        """What the controller reads the log with and was not `handed` yet: statements, and what the models answer."""
        found = {one.digest: one.envelope for one in self._ledger.statements() if one.digest not in handed}
        found |= {digest: data for digest, data in self._described() if digest not in handed}
        handed.update(found)
        return list(found.values())

    @property
    def planned(self) -> bool:
        """Whether the live model has a plan of what is watched."""
        return bool(self._plans)

    def watched(self, handed: set[Digest]) -> list[bytes]:
        """What the watcher reads the log with and was not `handed` yet: statements, and the plans of what is live."""
        found = {one.digest: one.envelope for one in self._ledger.statements() if one.digest not in handed}
        for digest in self._plans:
            # A plan that is not to be had is none that anything can be judged by: the watcher says so.
            with suppress(LockgateError):
                if digest not in handed:
                    found[digest] = self._registry.blobs.read(digest, MOST_PLAN)
        handed.update(found)
        return list(found.values())

    @property
    def _checkpoint(self) -> Path:
        return self._ledger.log_dir / "checkpoint"

    def _read(self) -> None:
        statements = self._ledger.statements()
        self.standing = deployments.standing_of(self._environment, self._name, statements)
        self._plans = []
        if self.standing is not None:
            with suppress(LockgateError):
                live = registration_of(self.standing.live, statements)
                self._plans = [live.file(name).digest for name in planned(live)]

    def _described(self) -> list[tuple[Digest, bytes]]:
        standing = self.standing
        moves = [] if standing is None or standing.candidate is None else [standing.candidate]
        found = []
        for move in moves:
            # A model that is not to be had is not answered from either: the controller then has nothing to judge.
            with suppress(LockgateError):
                digest = registration_of(move, self._ledger.statements()).file(IO).digest
                found.append((digest, self._registry.blobs.read(digest, _MOST_IO)))
        return found

    def _tell(self, words: str) -> None:
        if words != self._told:
            self._told = words
            self._say(f"the event log does not hold: {words}")
