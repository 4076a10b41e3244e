"""The evidence as the gateway sees it on disk, looked at again and again: what is live, and whether it still may be.

The folder that it reads may be tampered with by anybody, also while it reads.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.audit.ledger import Ledger
from lockgate.audit.load import LoadDecision, load_standing, refuse_revoked
from lockgate.audit.standing import environment_policy, refuse_withdrawn
from lockgate.core.checkpoint import MAX_NOTE_BYTES
from lockgate.core.digest import Digest
from lockgate.errors import LockgateError, Refused
from lockgate.serve import evidence
from lockgate.serve.evidence import Loadable
from lockgate.serve.seen import MemorySeen
from lockgate.serve.settings import GatewaySettings
from lockgate.serve.shelf import Beside, Shelf
from lockgate.serve.standing import abstaining, standing
from lockgate.serve.witnessing import Witnessing
from lockgate.store.files import read_regular
from lockgate.store.layout import RegistryStore

if TYPE_CHECKING:
    from lockgate.trust.policy import EnvironmentPolicy

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
        self.size = 0
        """How many statements the log had when it was last read."""
        self._seen = MemorySeen(seen)
        self._registry = RegistryStore(home / "registry")
        self._ledger: Ledger | None = None
        self._witnessing = Witnessing(settings.environment)
        self._read: bytes | None = None

    def look(self, before: Shelf | None) -> Shelf | None:
        """What is to be here; None when the log has not changed since the last good look, and no waiver ended.

        Of a manifest that is in `before` no file is read again: it was verified, and is when it is loaded. A look that
        meets a writer at work is repeated. What fewer witnesses cosigned than the policy asks for waits, and what was
        there before answers on, for as long as an event log may go unseen (`max_staleness`); a revocation never waits.
        Raises LockgateError, OSError: then nothing may be answered.
        """
        for _ in range(_TRIES - 1):
            with suppress(LockgateError):
                return self._look(before)
            time.sleep(0.1)
        return self._look(before)

    def _look(self, before: Shelf | None) -> Shelf | None:
        last, self._read = self._read, None
        note = read_regular(self._home / "log" / "events" / "checkpoint", MAX_NOTE_BYTES)
        until = before.until if before is not None else None
        if note == last and (until is None or self._now() < until) and self._witnessing.holds(self._now()):
            self._read = last
            return None
        if self._ledger is None:
            self._ledger = evidence.open_ledger(self._home, self._settings.root, self._seen)
        else:
            self._ledger.refresh()
        self.size = self._ledger.checkpoint.size
        found = self._decide(self._ledger, before)
        if not self._witnessing.look(self._ledger, self._now(), first=before is None):
            # What is there answers on for a while, unless it must not: nothing new is taken before it is cosigned.
            if before is not None and self.fallen(before.live):
                raise self._witnessing.refusal()
            return None
        self._read = note
        return found

    def unwitnessed(self) -> str:
        """`Witnessing.waiting`, now."""
        return self._witnessing.waiting(self._now())

    def forget(self) -> None:
        """Whatever was read, the next look decides anew."""
        self._read = None

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

    def _decide(self, ledger: Ledger, before: Shelf | None) -> Shelf:
        environment, statements = self._settings.environment, ledger.statements()
        found = load_standing(statements, environment, self._now(), name=self._settings.name)
        policy = environment_policy(statements, environment)
        known = before.loaded() if before is not None else {}
        live = self._load(ledger, found.live, policy, known)
        problem = "" if found.problem is None else f"{found.problem.finding} {found.problem.message}"
        candidate = previous = None
        try:
            # What must not be loaded of these takes nothing away from what is live.
            if found.candidate is not None:
                loaded = self._load(ledger, found.candidate, policy, known)
                _check_same_task(live, loaded)
                ladder = found.candidate.policy.ladder
                candidate = Beside(loaded, live, ladder.rung(found.candidate.rung), ladder)
            if found.previous is not None:
                previous = self._load(ledger, found.previous, policy, known)
        except LockgateError as error:
            problem = problem or f"{error.finding} {error.message}"
        return Shelf(live, candidate, previous, problem)

    def _load(
        self, ledger: Ledger, decision: LoadDecision, policy: EnvironmentPolicy, known: Mapping[Digest, Loadable]
    ) -> Loadable:
        before = known.get(decision.manifest)
        stands = standing(ledger.statements(), self._settings.environment, decision.manifest)
        serving = abstaining(policy.serve, stands, policy.monitor)
        if before is not None:
            return replace(evidence.redeployed(before, decision, serving, stands), abuse=policy.abuse)
        self.reading = True
        try:
            return replace(evidence.load(decision, ledger, self._registry, serving, stands), abuse=policy.abuse)
        finally:
            self.reading = False


def _check_same_task(live: Loadable, candidate: Loadable) -> None:
    """Raises Refused LG659: models that answer another kind of question cannot be compared."""
    if candidate.spec.task != live.spec.task:
        raise Refused(
            "LG659",
            f"it answers {candidate.spec.task}, and what is live {live.spec.task}",
            seen={"live": live.decision.manifest, "candidate": candidate.decision.manifest},
            next=f"lockgate rollback {live.decision.environment}; the next step of another task is --to live",
        )
