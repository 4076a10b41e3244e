"""What a watcher makes of the two logs: which streams of the live model alarm, and what a person should hear. Pure.

    event log            what is live, its plans, the life of its test, the policy in force, what was alarmed already
    log of predictions   the windows that gateways counted

What it says is a proposal: the supervisor counts again before anything is signed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from lockgate.audit import deployments
from lockgate.audit.alarm_rules import SPELL
from lockgate.audit.lives import Life, alarms_of_life, life_of
from lockgate.audit.origins import registration_of
from lockgate.audit.sight import BLIND
from lockgate.audit.watched import Watched, monitor_policy, settings_of
from lockgate.core.digest import Digest
from lockgate.deploy.watch import AGAIN, DAILY, Judged

if TYPE_CHECKING:
    from lockgate.audit.entries import Registration
    from lockgate.audit.evidence import Evidence
    from lockgate.audit.log import Log
    from lockgate.monitor.plan import Plan
    from lockgate.trust.policy_monitor import MonitorPolicy


NOTICE, IMPOSSIBLE, NO_KEY, OVER = "LG694", "LG774", "LG695", "LG699"
MOST_AT_ONCE = 1_000_000
"""Entries that are read in one look: who reads a long log is not silent meanwhile."""
_MOST_NAMES = 5
_MOST_NAME = 60


@dataclass(frozen=True)
class Raise:
    """A proposal: streams of the model `manifest` alarm in this life. Which ones is counted again."""

    TOLD: ClassVar = "alarm"

    manifest: Digest
    life: int
    streams: int


@dataclass(frozen=True)
class Subject:
    """What is watched now. `alarmed`: the streams that need no alarm any more; `due`: when the next one may be."""

    registration: Registration
    life: Life
    policy: MonitorPolicy
    alarmed: frozenset[str]
    due: datetime | None


def subject_of(statements: Sequence[Evidence], environment: str, name: str) -> Subject | None:
    """What is live, and what the event log says of its test. None where nothing is live. Raises LockgateError."""
    standing = deployments.standing_of(environment, name, statements)
    if standing is None:
        return None
    registration = registration_of(standing.live, statements)
    said = alarms_of_life(statements, environment, registration.manifest)
    return Subject(
        registration,
        life_of(statements, environment, registration.manifest),
        monitor_policy(statements, environment),
        frozenset(stream.name for one in said for stream in one.streams),
        said[-1].evidence.time + SPELL if said else None,
    )


class Lookout:
    """Follows whatever model of `name` is live in `environment`. `plans` reads those of a model."""

    def __init__(
        self,
        environment: str,
        name: str,
        statements: Callable[[], Sequence[Evidence]],
        predictions: Callable[[], Log],
        plans: Callable[[Registration], tuple[Plan, ...]],
    ) -> None:
        self._environment = environment
        self._name = name
        self._statements = statements
        self._predictions = predictions
        self._plans = plans
        self._newest: Digest | None = None
        self._subject: Subject | None = None
        self._watched: Watched | None = None
        self._watched_key: tuple[object, ...] = ()
        self._asked: tuple[object, tuple[list[str], list[str]]] | None = None
        self._proposed: tuple[int, int] | None = None
        self._again: datetime | None = None
        self._told: dict[tuple[str, str], datetime] = {}

    def look(self, now: datetime) -> tuple[Raise | Judged, ...]:
        """What is to be proposed and told now.

        1. What is live, and what was alarmed already (the event log).
        2. What gateways counted of it (the log of predictions); where that is long, in several looks.
        3. Streams that alarm, once each in a life; suspicions, and counts that cannot be, as lines, once a day.

        Raises LockgateError: then nothing is judged.
        """
        # 1.
        statements = self._statements()
        newest = statements[-1].digest if statements else None
        if newest != self._newest:
            self._subject, self._newest = subject_of(statements, self._environment, self._name), newest
        subject = self._subject
        if subject is None:
            return ()
        # 2.
        watched = self._follow(subject)
        if watched is None:
            return ()
        # 3.
        raised, suspected = self._figures(subject, watched)
        fresh = sum(name not in subject.alarmed for name in raised)
        return (*self._propose(subject, fresh, now), *self._suspect(subject, watched, suspected, now))

    def refused(self, sequence: int, finding: str, now: datetime) -> None:
        """What was proposed for the life `sequence` was not done; without a key it is no use to ask soon."""
        if self._proposed is not None and sequence == self._proposed[0]:
            self._again = now + (DAILY if finding == NO_KEY else AGAIN)

    def _follow(self, subject: Subject) -> Watched | None:
        settings = settings_of(subject.policy)
        manifest = subject.registration.manifest
        key = (manifest, subject.life, subject.policy.test, settings)
        if self._watched is None or self._watched_key != key:
            plans = self._plans(subject.registration)
            if not any(plan.streams for plan in plans):
                return None
            self._watched, self._watched_key = Watched(plans, self._environment, manifest, subject.life, settings), key
            self._proposed = self._again = None
        log = self._predictions()
        self._watched.extend(log, min(log.size, self._watched.size + MOST_AT_ONCE))
        return self._watched if self._watched.size >= log.size else None

    def _propose(self, subject: Subject, raised: int, now: datetime) -> tuple[Raise, ...]:
        """Once for so many streams; again when it was refused, after a while."""
        wanted = (subject.life.sequence, raised)
        waits = subject.due is not None and now < subject.due
        if not raised or waits or (wanted == self._proposed and (self._again is None or now < self._again)):
            return ()
        self._proposed, self._again = wanted, None
        return (Raise(subject.registration.manifest, *wanted),)

    def _figures(self, subject: Subject, watched: Watched) -> tuple[list[str], list[str]]:
        """The names of the streams that alarmed, and of those suspected now; asked again when more was counted."""
        key = (self._watched_key, watched.counted)
        if self._asked is None or self._asked[0] != key:
            raised = [watched.streams[one.stream].name for one in watched.raised(subject.policy.test)]
            noticed = [watched.streams[one.stream].name for one in watched.detector.notices()]
            self._asked = (key, (raised, [] if subject.policy.test == "restart" else noticed))
        return self._asked[1]

    def _suspect(
        self, subject: Subject, watched: Watched, suspected: Sequence[str], now: datetime
    ) -> tuple[Judged, ...]:
        model = f"{self._name}@{subject.registration.version} in {self._environment}"
        lines: list[Judged] = []
        fresh = [name for name in suspected if name not in subject.alarmed and self._new(NOTICE, name, now)]
        if fresh:
            rest = f" and {len(fresh) - _MOST_NAMES} more" if len(fresh) > _MOST_NAMES else ""
            shown = ", ".join(name[:_MOST_NAME] for name in fresh[:_MOST_NAMES])
            lines.append(Judged(NOTICE, f"{model}: {shown}{rest} may differ from the reference; no alarm yet"))
        if watched.refused and self._new(IMPOSSIBLE, model, now):
            count = len(watched.refused) + watched.others
            lines.append(Judged(IMPOSSIBLE, f"{model}: {count} windows cannot be: {watched.refused[0].message}"))
        little = watched.sight.little()
        if little and self._new(BLIND, model, now):
            lines.append(Judged(BLIND, f"{model}: little or nothing is compared: {little}"))
        if watched.late and self._new(OVER, model, now):
            words = f"{watched.late:,} rows were counted in a life that was over: a gateway does not see the log grow"
            lines.append(Judged(OVER, f"{model}: {words}"))
        return tuple(lines)

    def _new(self, finding: str, what: str, now: datetime) -> bool:
        """Whether it was not told within a day."""
        self._told = {key: time for key, time in self._told.items() if now - time < DAILY}
        return self._told.setdefault((finding, what), now) == now
