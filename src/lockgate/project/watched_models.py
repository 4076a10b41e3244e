"""What the two logs say of every model that answers: the test, counted again from the records of its windows.

Nothing is asked of a running gateway, so it is the same whether one runs or not, and for whoever has the logs. What is
not sealed yet is not seen yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from lockgate.audit import deployments
from lockgate.audit.alarm_told import threshold, told
from lockgate.audit.alarms import acknowledgements
from lockgate.audit.entries import registrations
from lockgate.audit.follow_up import undone
from lockgate.audit.lives import alarms_of_reference, life_of
from lockgate.audit.watched import Watched, monitor_policy, plans_of, settings_of
from lockgate.audit.windows import window_in
from lockgate.project.monitor_bins import bin_words
from lockgate.project.monitor_page import MonitorPage
from lockgate.project.monitor_values import AlarmView, Counted, ModelWatch, SideBySide, StreamAlarm, StreamWatch
from lockgate.project.prediction_log import log_here
from lockgate.store.layout import RegistryStore

if TYPE_CHECKING:
    from lockgate.audit.alarms import Acknowledgement, Alarm
    from lockgate.audit.entries import Deployment, Registration
    from lockgate.audit.evidence import Evidence
    from lockgate.audit.lives import Life
    from lockgate.audit.log import Log
    from lockgate.core.digest import Digest
    from lockgate.monitor.detector import StreamStanding
    from lockgate.monitor.plan import Plan, Stream
    from lockgate.project.folder import Folder
    from lockgate.project.monitor_values import Estimate, Risk
    from lockgate.trust.policy_monitor import MonitorPolicy

NO_LOG: Final = "nothing was served yet: there is no log of predictions"
NO_PLAN: Final = "it was registered without a reference (`lockgate run` makes one, of a new version)"
TOO_FEW: Final = "its reference has too few rows, or no field that can be watched"
MOST_STREAMS: Final = 50
"""Streams that are told one by one, the farthest first."""


@dataclass
class _Kept:
    """A model's plans, and its test as far as the log was read."""

    plans: tuple[Plan, ...]
    watched: Watched | None


@dataclass
class Watching:
    """Looks again and again: what was read and counted is kept, so that a look costs what is new."""

    project: Folder
    _kept: dict[tuple[str, Digest, Life, MonitorPolicy], _Kept] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._ledger = self.project.ledger()

    def look(self) -> MonitorPage:
        """Where every model stands that is live or on the ladder.

        1. The event log verifies, and says what answers where, in which life, and what was answered to alarms.
        2. The log of predictions verifies.
        3. Of each model its records are counted, by the test that the policy in force asks for.

        Raises VerificationFailed; Unavailable as `Log.open`.
        """
        # 1.
        self._ledger.refresh()
        statements = self._ledger.statements()
        # 2.
        log = log_here(self.project, self._ledger)
        # 3.
        models = tuple(self._model(move, statements, log) for move in answering(statements))
        return MonitorPage(models, self.project.now(), 0 if log is None else log.size, NO_LOG if log is None else "")

    def _model(self, move: Deployment, statements: Sequence[Evidence], log: Log | None) -> ModelWatch:
        registered = next(one for one in registrations(statements) if one.manifest == move.manifest)
        life = life_of(statements, move.environment, move.manifest)
        policy = monitor_policy(statements, move.environment)
        kept = self._of(registered, move.environment, life, policy)
        found = ModelWatch(move.environment, registered.ref, move.manifest, move.rung, life.sequence)
        found = replace(found, accepted=life.accept is not None)
        if kept.watched is None:
            return replace(found, absent=TOO_FEW if kept.plans else NO_PLAN)
        if log is not None:
            kept.watched.extend(log)
            found = measured(found, kept.watched, policy, log)
        views = alarm_views(move, statements, {one.name: one for one in kept.watched.streams}, log)
        return replace(found, alarms=views, false_alarms=policy.false_alarms, band=policy.band)

    def _of(self, one: Registration, environment: str, life: Life, policy: MonitorPolicy) -> _Kept:
        key = (environment, one.manifest, life, policy)
        if key not in self._kept:
            plans = plans_of(one, RegistryStore(self.project.home / "registry").blobs)
            streams = [stream for plan in plans for stream in plan.streams]
            watched = Watched(plans, environment, one.manifest, life, settings_of(policy)) if streams else None
            self._kept[key] = _Kept(plans, watched)
        return self._kept[key]


def answering(statements: Sequence[Evidence]) -> Iterator[Deployment]:
    """What is live under each name in each environment, and who is on the ladder beside it. Raises as `chain`."""
    environments = dict.fromkeys(str(one.predicate.get("environment")) for one in statements if one.claim == "deploy")
    for environment in environments:
        for name in deployments.deployed_names(environment, statements):
            yield from deployments.standing_now(environment, name, statements)


def measured(found: ModelWatch, watched: Watched, policy: MonitorPolicy, log: Log) -> ModelWatch:
    """`found` with what was counted of it."""
    raised = {one.stream for one in watched.raised(policy.test)}
    noticed = {one.stream for one in watched.detector.notices()}
    order = sorted(watched.standings(), key=lambda one: (one.stream not in raised, -_evidence(one)))
    first = order[:MOST_STREAMS]
    said = told(watched, first, policy, log.size, log.root)["streams"]
    streams = tuple(
        replace(
            _stream(watched.streams[one.stream], each, one.log_restart, recut=watched.life.accept is not None),
            since=began(log, each["since"]) if each["log_e"] > 0 else None,
            alarm=one.stream in raised,
            notice=one.stream in noticed,
        )
        for one, each in zip(first, said, strict=True)
    )
    estimate, risk = _worth(watched)
    return replace(
        found,
        reference_rows=reference_rows(watched),
        counted=_counted(watched),
        threshold=threshold(watched, policy),
        streams=streams,
        more=len(order) - len(first),
        estimate=estimate,
        risk=risk,
        unwatched={name: why for plan in watched.plans for name, why in plan.unwatched.items()},
        refused=tuple(reason.message for reason in watched.refused),
        little=watched.sight.little(),
        late=watched.late,
    )


def alarm_views(
    move: Deployment, statements: Sequence[Evidence], streams: Mapping[str, Stream], log: Log | None
) -> tuple[AlarmView, ...]:
    """The alarms since the reference is what it is, oldest first, with what was said of each."""
    said = {one.alarm: one for one in acknowledgements(statements, move.environment)}
    recut = life_of(statements, move.environment, move.manifest).accept is not None
    return tuple(
        replace(_alarm(one, said.get(one.digest), streams, log, recut=recut), undone=undone(one, statements))
        for one in alarms_of_reference(statements, move.environment, move.manifest)
    )


def reference_rows(watched: Watched) -> int:
    """How many rows the reference has, by the stream that has most: balls are one more than rows, in each stratum."""
    return max((sum(sum(bins) - 1 for bins in strata) for strata in watched.balls), default=0)


def began(log: Log, index: int) -> datetime | None:
    """When the window of the record at `index` began, by its gateway's clock."""
    record = window_in(log.entry(index)) if index < log.size else None
    return None if record is None else datetime.fromtimestamp(record.since / 1000, UTC)


def _stream(stream: Stream, said: Mapping[str, Any], log_restart: float, *, recut: bool) -> StreamWatch:
    shown = _side_by_side(stream, said["reference"], said["current"], recut=recut)
    numbers = said["log_e"], said["log_band"], log_restart, said["effect"]
    return StreamWatch(
        stream.name, stream.kind, stream.of, *numbers, since=None, alarm=False, notice=False, shown=shown
    )


def _evidence(one: StreamStanding) -> float:
    return one.log_e if one.log_band is None else min(one.log_e, one.log_band)


def _side_by_side(
    stream: Stream | None, reference: Sequence[float], current: Sequence[int], *, recut: bool
) -> SideBySide:
    bins = len(reference)
    words = tuple(f"part {place + 1} of {bins}" for place in range(bins))
    if stream is not None:
        words = bin_words(stream, bins, recut=recut)
    return SideBySide(words, tuple(reference), tuple(current))


def _alarm(
    one: Alarm, said: Acknowledgement | None, streams: Mapping[str, Stream], log: Log | None, *, recut: bool
) -> AlarmView:
    told_streams = tuple(
        StreamAlarm(
            each.name,
            each.kind,
            each.log_e,
            each.effect,
            began(log, each.since) if log is not None else None,
            _side_by_side(streams.get(each.name), each.reference, each.current, recut=recut),
        )
        for each in sorted(one.streams, key=lambda each: -each.log_e)
    )
    answered = f"acknowledged by {said.evidence.person}: {said.reason}" if said is not None else ""
    evidence = one.evidence
    return AlarmView(
        one.digest, evidence.index, evidence.time, one.rows, one.threshold, one.action, told_streams, answered
    )


def _counted(watched: Watched) -> Counted:
    strata = watched.plans[0].strata
    newest = datetime.fromtimestamp(watched.last / 1000, UTC) if watched.last else None
    numbers = watched.rows, watched.windows, watched.dropped, watched.seen, watched.labelled, watched.stride
    return Counted(*numbers, len(strata.names), strata.by, newest)


def _worth(watched: Watched) -> tuple[Estimate | None, Risk | None]:
    # Both need the counts of a whole life: a change that is over still was one for those who were answered.
    from lockgate.project.monitor_worth import estimate_of, risk_of

    estimate: Estimate | None = None
    risk: Risk | None = None
    number = 0
    for plan in watched.plans:
        for place, stream in enumerate(plan.streams):
            totals = watched.totals[number]
            if stream.kind == "margin":
                estimate = estimate_of(plan, totals)
            elif stream.kind == "loss":
                risk = risk_of(plan, place, totals)
            number += 1
    return estimate, risk
