"""The evidence of alarms in the log of predictions: what gateways counted, and what alarms and acceptances tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from lockgate.audit import entries
from lockgate.audit.alarm_recount import AlarmRecount, PlansOf, said_acceptances, said_alarms, uncounted
from lockgate.audit.answered import Answered
from lockgate.audit.watched import planned, plans_of
from lockgate.audit.windows import window_in
from lockgate.core.verdict import Level, Reason
from lockgate.errors import VerificationFailed
from lockgate.project.alarm_report import AlarmReport
from lockgate.store.layout import RegistryStore

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence
    from lockgate.audit.ledger import Ledger
    from lockgate.audit.log import Log
    from lockgate.core.digest import Digest
    from lockgate.monitor.plan import Plan
    from lockgate.project.steps import Steps

_EFFECT = "what was done on these alarms, and that there were no others, is not proved"
_ELSEWHERE = "the log of predictions that it is of is not here"


class AlarmPass:
    """Gets each record of the log of predictions, in its order, and says in the end what holds."""

    def __init__(self, ledger: Ledger, log: Log, steps: Steps, *, own: bool = False) -> None:
        """`own`: the log is this machine's, in a mirror: the project's alarms are not of it.

        Raises VerificationFailed LG777, LG778.
        """
        self._steps, self._statements = steps, ledger.statements()
        self._answered = Answered()
        self._elsewhere = without_log(ledger, steps) if own else None
        self._recount: AlarmRecount | None = None
        if not own:
            with steps.step("the alarms", _EFFECT, None, self._statements):
                self._recount = AlarmRecount(self._statements, log, _plans(ledger))

    def take(self, index: int, gateway: bytes, entry: bytes) -> None:
        """The record at `index`, which `place_of` took."""
        record = window_in(entry)
        if record is None:
            self._answered.take(gateway, entry)
            return
        self._answered.window(index, gateway, record)
        if self._recount is not None:
            self._recount.take(index, entry, record)

    def check(self) -> AlarmReport:
        """Raises VerificationFailed LG773 for what gateways told, LG777 for what an alarm told."""
        with self._steps.step("the rows that gateways counted", _EFFECT):
            windows = self._answered.check()
        unseen = tuple(_unseen(self._answered, self._statements))
        if self._recount is None:
            found = self._elsewhere or AlarmReport()
            return AlarmReport(windows, found.alarms, 0, (*found.notes, *unseen), bool(unseen))
        with self._steps.step("the numbers of alarms", _EFFECT, None, self._statements):
            notes = self._recount.check()
        alarms = len(said_alarms(self._statements))
        return AlarmReport(windows, alarms, self._recount.counted, (*notes, *unseen), bool(unseen))


def without_log(ledger: Ledger, steps: Steps) -> AlarmReport:
    """What can be said where the log of predictions is not here. Raises VerificationFailed LG777."""
    statements = ledger.statements()
    with steps.step("the alarms", _EFFECT, None, statements):
        alarms, accepted = said_alarms(statements), said_acceptances(statements)
    notes = [*(uncounted(one, _ELSEWHERE) for one in alarms), *(uncounted(one, _ELSEWHERE) for one in accepted)]
    return AlarmReport(alarms=len(alarms), notes=tuple(notes))


def _unseen(answered: Answered, statements: Sequence[Evidence]) -> Iterator[Reason]:
    """LG779, a note, of each model with a plan of which too few rows are in windows."""
    for one in entries.registrations(statements):
        told = answered.unseen(one.manifest) if planned(one) else None
        if told is not None:
            yield Reason(
                "LG779",
                Level.WARN,
                f"of {told[0]:,} rows that {one.ref} answered, {told[1]:,} are in windows: of the others nobody would"
                " have seen a change",
                {"model": one.ref, "manifest": one.manifest, "answered": told[0], "seen": told[1]},
                "lockgate explain LG779",
            )


def _plans(ledger: Ledger) -> PlansOf:
    registry = RegistryStore(ledger.home / "registry")
    known = {one.manifest: one for one in entries.registrations(ledger.statements())}

    @lru_cache(maxsize=16)
    def found(manifest: Digest) -> tuple[Plan, ...]:
        if manifest not in known:
            raise VerificationFailed("LG774", "no model of this log has its manifest", seen={"manifest": manifest})
        return plans_of(known[manifest], registry.blobs)

    return found
