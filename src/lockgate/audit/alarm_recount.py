"""The numbers of alarms, and the references that persons accepted, counted again from the log of predictions.

An alarm tells of which state of that log its numbers are: so many entries, with this root. Whoever has the log comes to
the same numbers from the same entries, or the alarm was not raised on them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from lockgate.audit.alarm_rules import check_alarm, refuted
from lockgate.audit.alarm_told import differs, told
from lockgate.audit.alarms import COUNTING, Acknowledgement, Alarm, acknowledgements, alarms
from lockgate.audit.lives import life_of
from lockgate.audit.watched import Watched, monitor_policy, reference_of, settings_of
from lockgate.audit.windows import Windows, impossible
from lockgate.core.digest import Digest
from lockgate.core.verdict import Level, Reason
from lockgate.errors import LockgateError, VerificationFailed

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence
    from lockgate.audit.log import Log
    from lockgate.core.record_window import WindowRecord
    from lockgate.monitor.plan import Plan

PlansOf = Callable[[Digest], tuple["Plan", ...]]


def said_alarms(statements: Sequence[Evidence]) -> tuple[Alarm, ...]:
    """Every alarm that was not taken back, each by `check_alarm`. Raises VerificationFailed LG777, LG526."""
    found = [one for place in _places(statements, "alarm") for one in alarms(statements, place)]
    for one in found:
        check_alarm(one, statements)
    return tuple(sorted(found, key=lambda one: one.evidence.index))


def said_acceptances(statements: Sequence[Evidence]) -> tuple[Acknowledgement, ...]:
    """Every acceptance that was not taken back."""
    found = [one for place in _places(statements, "acknowledge") for one in acknowledgements(statements, place)]
    return tuple(one for one in found if one.accept is not None)


def uncounted(found: Alarm | Acknowledgement, why: str) -> Reason:
    """LG779, a note: what cannot be counted again here."""
    one = found.evidence
    return Reason(
        "LG779",
        Level.WARN,
        f"the numbers of the {one.claim} statement of log entry {one.index} are not counted again: {why}",
        {"statement": one.digest, "log_index": one.index, "model": f"{found.name}@{found.version}"},
        "lockgate explain LG779",
    )


class AlarmRecount:
    """Takes each window of the log of predictions with its place, and counts again for every alarm."""

    def __init__(self, statements: Sequence[Evidence], log: Log, plans_of: PlansOf) -> None:
        """Raises VerificationFailed: LG777 as `said_alarms`, or where the log has not the state that an alarm names;
        LG778 where what was accepted is not what the log has.
        """
        self.notes: list[Reason] = []
        self.counted = 0
        self._statements, self._log, self._plans_of = statements, log, plans_of
        self._windows: dict[Digest, Windows | None] = {}
        self._waiting: list[tuple[Alarm, Watched]] = []
        self._watched: list[Watched] = []
        for acceptance in said_acceptances(statements):
            self._check_accepted(acceptance)
        for one in said_alarms(statements):
            self._expect(one)

    def take(self, index: int, entry: bytes, record: WindowRecord) -> None:
        """The window at `index`."""
        self._settle(index)
        windows = self._windows_of(record.model)
        flaw = windows.flaw(record) if windows is not None else ""
        if flaw and sum(note.finding == "LG774" for note in self.notes) < _MOST_TOLD:
            self.notes.append(impossible(index, record, flaw))
        for one in self._watched:
            one.take(index, entry, record)

    def check(self) -> tuple[Reason, ...]:
        """Every alarm is borne out; what is to be said beside. Raises VerificationFailed LG777."""
        self._settle(self._log.size)
        return tuple(self.notes)

    def _check_accepted(self, one: Acknowledgement) -> None:
        accept, plans = one.accept, self._plans(one)
        if accept is None or not plans:
            return
        if accept.stop > self._log.size:
            raise _other_reference(one, "the log of predictions is shorter than that")
        found = reference_of(self._log, plans, one.environment, one.manifest, accept.start, accept.stop)
        if found.balls != accept.balls:
            raise _other_reference(one, "its records give another one")

    def _expect(self, one: Alarm) -> None:
        if one.counting != COUNTING:
            self.notes.append(uncounted(one, "another version of Lockgate counted them in another way"))
            return
        root = None if one.size > self._log.size else self._log.subtree(0, one.size)
        if root is None:
            seen: dict[str, object] = {"told": one.size, "found": self._log.size}
            raise refuted(one, "the log of predictions has fewer entries than it tells of", seen)
        if root != one.root:
            seen = {"told": one.root.hex(), "found": root.hex()}
            raise refuted(one, "the log of predictions is not the one that it tells of", seen)
        plans = self._plans(one)
        if plans:
            policy = monitor_policy(self._statements, one.environment, one.evidence.index)
            # What was taken back later was the life of then all the same.
            before = [each for each in self._statements if each.index < one.evidence.index]
            life = life_of(before, one.environment, one.manifest)
            watched = Watched(plans, one.environment, one.manifest, life, settings_of(policy))
            watched.extend(self._log, 0)
            self._waiting.append((one, watched))
            self._watched.append(watched)

    def _settle(self, index: int) -> None:
        """Alarms of states of the log that end before the entry `index` have all that they were raised on."""
        waiting = []
        for one, watched in self._waiting:
            if one.size > index:
                waiting.append((one, watched))
                continue
            self._watched.remove(watched)
            self._count(one, watched)
        self._waiting = waiting

    def _count(self, one: Alarm, watched: Watched) -> None:
        policy = monitor_policy(self._statements, one.environment, one.evidence.index)
        raised = watched.raised(policy.test)
        found = told(watched, raised, policy, one.size, one.root)
        difference = differs(one.evidence.predicate, found)
        if difference:
            raise refuted(one, f"counted again it tells other numbers: {difference}", {"difference": difference})
        self.counted += 1

    def _plans(self, one: Alarm | Acknowledgement) -> tuple[Plan, ...]:
        try:
            plans = self._plans_of(one.manifest)
        except LockgateError as error:
            self.notes.append(uncounted(one, f"{error.finding} {error.message}"))
            return ()
        if not plans:
            self.notes.append(uncounted(one, "its model has no plan of what is watched"))
        return plans

    def _windows_of(self, manifest: Digest) -> Windows | None:
        if manifest not in self._windows:
            try:
                plans = self._plans_of(manifest)
            except LockgateError:
                plans = ()
            self._windows[manifest] = Windows(plans) if plans else None
        return self._windows[manifest]


_MOST_TOLD = 10


def _places(statements: Iterable[Evidence], claim: str) -> list[str]:
    return list(dict.fromkeys(str(one.predicate.get("environment")) for one in statements if one.claim == claim))


def _other_reference(one: Acknowledgement, why: str) -> VerificationFailed:
    return VerificationFailed(
        "LG778",
        f"what was accepted as the reference is not what the log of predictions has: {why}",
        seen={"statement": one.evidence.digest, "log_index": one.evidence.index, "manifest": one.manifest},
        next="lockgate explain LG778",
    )
