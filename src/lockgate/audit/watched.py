"""A model's windows in the log of predictions, counted into the test. Trusts the log that it is given, a verified one.

Whoever follows the same records of the same life, by the same plans and settings, comes to the same numbers: the
watcher that proposes an alarm, the supervisor that signs it, `verify`, `lockgate monitor`. What a gateway counted is
its word; what cannot be (LG774) is left out, and told.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from lockgate.audit.alarms import Balls
from lockgate.audit.lives import Life
from lockgate.audit.sight import Sight
from lockgate.audit.standing import environment_policy
from lockgate.audit.windows import Windows, impossible, window_in, windows_in
from lockgate.core.digest import Digest
from lockgate.core.record_window import WindowRecord
from lockgate.core.verdict import Reason
from lockgate.errors import VerificationFailed
from lockgate.monitor.plan import INPUTS, MOST_PLAN, OUTPUTS, Plan, Stream, parse_plan

if TYPE_CHECKING:
    from lockgate.audit.entries import Registration
    from lockgate.audit.evidence import Evidence
    from lockgate.audit.log import Log
    from lockgate.monitor.detector import Detector, StreamStanding, TestSettings
    from lockgate.monitor.recut import Recut
    from lockgate.store.blobs import BlobStore
    from lockgate.trust.policy_monitor import MonitorPolicy

LATE: Final = timedelta(minutes=10)
"""A gateway knows that a new life has begun well before that."""
_MOST_REFUSED: Final = 20
"""So many of what cannot be are told one by one."""


@dataclass(frozen=True)
class Reference:
    """What an acceptance makes the reference: the balls of each bin, from so many rows."""

    rows: int
    balls: Balls


def plans_of(registration: Registration, blobs: BlobStore) -> tuple[Plan, ...]:
    """The plans in a model's closure: of its inputs, then of its outputs; none where it was made without.

    Raises VerificationFailed LG774, and as reading a blob does.
    """
    found = []
    for name in planned(registration):
        try:
            found.append(parse_plan(blobs.read(registration.file(name).digest, MOST_PLAN)))
        except ValueError as error:
            raise VerificationFailed(
                "LG774",
                f"{name} of {registration.ref} is no plan: {error}",
                seen={"manifest": registration.manifest, "file": name},
                next=f"lockgate verify {registration.ref}",
            ) from None
    return tuple(found)


def planned(registration: Registration) -> tuple[str, ...]:
    """The names of its plans, in their order."""
    names = {entry.name for entry in registration.files}
    return tuple(name for name in (INPUTS, OUTPUTS) if name in names)


def monitor_policy(statements: Sequence[Evidence], environment: str, index: int | None = None) -> MonitorPolicy:
    """What holds for alarms in `environment` now, or as it was at the log index `index`.

    Raises as `environment_policy`.
    """
    return environment_policy(statements, environment, index).monitor


def settings_of(policy: MonitorPolicy) -> TestSettings:
    """The test's settings by a policy."""
    from lockgate.monitor.detector import TestSettings

    return TestSettings(false_alarms=policy.false_alarms, band=policy.band, run_length=policy.run_length)


def reference_of(
    log: Log, plans: Sequence[Plan], environment: str, manifest: Digest, start: int, stop: int
) -> Reference:
    """What the records in [start, stop) of a model make the reference, where they are accepted.

    Of whatever life: gateways bin by the model's own plan, always. Raises VerificationFailed LG778 when there is a
    stream without a row; Refused LG714 outside of the log.
    """
    rows, recut = _recut(log, plans, environment, manifest, start, stop)
    return Reference(rows, _balls(recut))


class Watched:
    """Follows the windows of one model in one environment, in one life, as the log grows.

    Attributes:
        detector: the test, with all that was counted.
        rows, seen, dropped, labelled: of the records that count; `windows`: how many; `stride`: of the newest.
        last: when the newest was written, milliseconds since 1970; 0 before the first.
        totals: rows in each bin since the life began, by stream and stratum, in the bins of the model's own plan.
        sight: whether enough of what was asked is compared.
        refused: of what cannot be, the first ones: LG774. `others`: how many more there were.
        late: rows that were counted in a life that was over, long after this one began.
    """

    def __init__(
        self, plans: Sequence[Plan], environment: str, manifest: Digest, life: Life, settings: TestSettings
    ) -> None:
        self.plans = tuple(plans)
        self.life = life
        self.settings = settings
        self.rows = self.seen = self.dropped = self.labelled = self.windows = self.last = self.others = self.late = 0
        self.stride = 1
        self.refused: list[Reason] = []
        self.size = 0
        self._place = environment, manifest
        self._windows = Windows(plans)
        self.sight = Sight(frozenset(at for at, one in enumerate(self._windows.streams) if one.kind != "loss"))
        self._indices: list[int] = []
        self._recut: Recut | None = None
        self.totals = self._windows.nothing()
        if life.accept is None:
            self._begin(tuple(tuple(cuts.balls for cuts in stream.cuts) for stream in self._windows.streams))

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The plans' streams, in the order of their numbers."""
        return self._windows.streams

    def extend(self, log: Log, until: int | None = None) -> None:
        """Take in what `log`, a later view of the same log, has more, up to the entry `until` (exclusive).

        Raises VerificationFailed LG778 where the life's reference is not what the log has.
        """
        end = log.size if until is None else until
        if self.life.accept is not None and self._recut is None:
            self._accepted(log)
        for index, entry in enumerate(log.entries(self.size, end), self.size):
            record = window_in(entry)
            if record is not None:
                self.take(index, entry, record)
        self.size = max(self.size, end)

    def take(self, index: int, entry: bytes, record: WindowRecord) -> None:
        """The record at `index`: it counts if it is of this model, place and life."""
        if (record.environment, record.model) != self._place:
            return
        flaw = self._windows.flaw(record)
        if not flaw and record.life > self.life.sequence and record.life not in self.life.over:
            flaw = "it counts in a life that has not begun"
        elif not flaw and record.life == self.life.sequence and index < self.life.since:
            flaw = "it counts in a life that began after it"
        if flaw:
            self._refuse(index, record, flaw)
        elif record.life == self.life.sequence:
            self._count(index, entry, record)
        elif self._is_late(record):
            self.late += record.rows

    @property
    def counted(self) -> int:
        """How many records count."""
        return len(self._indices)

    def standings(self) -> list[StreamStanding]:
        """Of every stream, by the test."""
        return self.detector.standings()

    def raised(self, test: str) -> list[StreamStanding]:
        """The streams that ever alarmed, as they stood then: by the test of the whole life, or by `restart`."""
        return self.detector.restarts() if test == "restart" else self.detector.alarms()

    def index_of(self, number: int) -> int:
        """Which entry of the log the `number`th counted record is, from 0."""
        return self._indices[number] if number < len(self._indices) else self.size

    def _begin(self, balls: Balls) -> None:
        from lockgate.monitor.detector import Detector, shares_of

        self.balls = balls
        self.detector: Detector = Detector(balls, self.settings, shares_of(self.plans))

    def _accepted(self, log: Log) -> None:
        """The reference of an accepted life, made again from the records that were accepted."""
        accept = self.life.accept
        if accept is None:
            return
        if accept.stop > log.size:
            raise _other_reference("the log is shorter than that", self._place)
        _, recut = _recut(log, self.plans, *self._place, accept.start, accept.stop)
        if _balls(recut) != accept.balls:
            raise _other_reference("its records give another one", self._place)
        self._recut = recut
        self._begin(accept.balls)

    def _count(self, index: int, entry: bytes, record: WindowRecord) -> None:
        bins = record.bins if self._recut is None else self._recut.apply(record.bins, seed_of(entry))
        for stratum, stream, counts in record.bins:
            total = self.totals[stream][stratum]
            for place, count in enumerate(counts):
                total[place] += count
        self.detector.add(bins, record.rows)
        self.sight.add(record)
        self._indices.append(index)
        self.rows += record.rows
        self.seen += record.seen
        self.dropped += record.dropped
        self.labelled += record.labelled
        self.windows += bool(record.rows or record.seen)
        self.stride, self.last = record.stride, max(self.last, record.time)

    def _is_late(self, record: WindowRecord) -> bool:
        """Whether it was begun in a life that was over for long: its gateway does not see the event log grow."""
        began = self.life.began
        return began is not None and record.since > (began + LATE).timestamp() * 1000

    def _refuse(self, index: int, record: WindowRecord, why: str) -> None:
        if len(self.refused) < _MOST_REFUSED:
            self.refused.append(impossible(index, record, why))
        else:
            self.others += 1


def seed_of(said: bytes) -> int:
    """A seed that whoever has the same bytes has."""
    return int.from_bytes(hashlib.sha256(said).digest()[:8])


def _recut(
    log: Log, plans: Sequence[Plan], environment: str, manifest: Digest, start: int, stop: int
) -> tuple[int, Recut]:
    from lockgate.monitor import recut

    windows, rows = Windows(plans), 0
    counts = windows.nothing()
    for record in windows_in(log.entries(start, stop)):
        if (record.environment, record.model) != (environment, manifest) or windows.flaw(record):
            continue
        rows += record.rows
        for stratum, stream, bins in record.bins:
            counts[stream][stratum] = [one + more for one, more in zip(counts[stream][stratum], bins, strict=True)]
    return rows, recut.recut(counts, seed_of(f"{environment} {manifest} {start} {stop}".encode()))


def _balls(recut: Recut) -> Balls:
    return tuple(tuple(tuple(int(one) for one in bins) for bins in strata) for strata in recut.balls)


def _other_reference(why: str, place: tuple[str, Digest]) -> VerificationFailed:
    return VerificationFailed(
        "LG778",
        f"what was accepted as the reference is not what the log of predictions has: {why}",
        seen={"environment": place[0], "manifest": place[1]},
        next="lockgate log verify",
    )
