"""The evidence as the gateway sees it on disk, looked at again and again: what is live, and whether it still may be.

The folder that it reads may be tampered with by anybody, also while it reads.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from lockgate.audit.ledger import Ledger
from lockgate.audit.load import load_decision, refuse_revoked
from lockgate.audit.standing import refuse_withdrawn
from lockgate.core.checkpoint import MAX_NOTE_BYTES
from lockgate.errors import LockgateError
from lockgate.serve import evidence
from lockgate.serve.evidence import Loadable
from lockgate.serve.policies import serve_policy
from lockgate.serve.seen import MemorySeen
from lockgate.serve.settings import GatewaySettings
from lockgate.store.files import read_regular
from lockgate.store.layout import RegistryStore

_TRIES = 3


class Library:
    """The evidence as it stands on disk, looked at again and again. Blocking: the gateway calls it in a thread."""

    def __init__(
        self,
        settings: GatewaySettings,
        home: Path,
        seen: bytes,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._home = home
        self._now = now
        self.reading = False
        """Whether the bytes of a model are being read just now."""
        self._seen = MemorySeen(seen)
        self._registry = RegistryStore(home / "registry")
        self._ledger: Ledger | None = None
        self._read: bytes | None = None

    def look(self, loaded: Loadable | None) -> Loadable | None:
        """What is live now; None when the log has not changed since the last look that went well, and no waiver ended.

        For the manifest of `loaded` no file is read again: its verified bytes are in memory. A look that meets a
        writer at work is repeated. Raises LockgateError, OSError: then nothing may be answered.
        """
        for _ in range(_TRIES - 1):
            with suppress(LockgateError):
                return self._look(loaded)
            time.sleep(0.1)
        return self._look(loaded)

    def _look(self, loaded: Loadable | None) -> Loadable | None:
        last, self._read = self._read, None
        note = read_regular(self._home / "log" / "events" / "checkpoint", MAX_NOTE_BYTES)
        until = loaded.decision.until if loaded is not None else None
        if note == last and (until is None or self._now() < until):
            self._read = last
            return None
        if self._ledger is None:
            self._ledger = evidence.open_ledger(self._home, self._settings.root, self._seen)
        else:
            self._ledger.refresh()
        found = self._decide(self._ledger, loaded)
        self._read = note
        return found

    def fallen(self, loaded: Loadable) -> bool:
        """Whether a model that was loaded before may not be answered from while the next one loads.

        The log, as last read, revokes it or a word on which it was live; or the waiver that it rests on has ended.
        """
        if self._ledger is None:
            return True
        statements, decision = self._ledger.statements(), loaded.decision
        try:
            refuse_revoked(decision.registration, statements)
            refuse_withdrawn(decision.deployment, statements)
        except LockgateError:
            return True
        return decision.until is not None and self._now() >= decision.until

    def _decide(self, ledger: Ledger, loaded: Loadable | None) -> Loadable:
        environment, name, now = self._settings.environment, self._settings.name, self._now()
        if loaded is not None:
            decision = load_decision(ledger.statements(), environment, now, name=name)
            if decision.manifest == loaded.decision.manifest:
                return evidence.redeployed(loaded, decision, serve_policy(ledger.statements(), environment))
        self.reading = True
        try:
            return evidence.load(ledger, self._registry, environment, name, now)
        finally:
            self.reading = False
