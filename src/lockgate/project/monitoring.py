"""Watching what answers, and answering its alarms, as the library and the command line see them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.project.opened import Opened

if TYPE_CHECKING:
    from lockgate.audit.alarms import Alarm
    from lockgate.audit.workplace import Workplace
    from lockgate.project.acknowledging import Answered, Reference
    from lockgate.project.monitor_page import MonitorPage
    from lockgate.project.watched_models import Watching

LATEST = "latest"


class Monitoring(Opened):
    """Drift and alarms of what is live or on the ladder."""

    def monitor(self) -> MonitorPage:
        """Where each model stands: what was compared, how far each stream is, its alarms. Needs no running gateway."""
        return self.watching().look()

    def watching(self) -> Watching:
        """The same again and again: each look costs what came since the one before."""
        from lockgate.project.watched_models import Watching

        return Watching(self)

    def acknowledge(
        self,
        alarm: str = LATEST,
        *,
        reason: str,
        show: Callable[[str], None] = lambda _: None,
        to_file: Path | None = None,
    ) -> Answered:
        """Sign, as approver, that an alarm was seen: the reference stays, the test begins anew.

        `show` gets what is signed, before it is.

        `alarm`: the first digits of its digest; or the newest that nobody answered. Raises Usage LG980, LG981, LG533.
        """
        from lockgate.project.acknowledging import acknowledge

        with self.workplace(to_file=to_file) as place:
            return acknowledge(place, alarm, reason=reason, show=show)

    def accept(
        self,
        alarm: str = LATEST,
        *,
        reason: str,
        since: int | datetime | timedelta | None = None,
        show: Callable[[str], None] = lambda _: None,
        to_file: Path | None = None,
    ) -> Answered:
        """Sign, as approver, that what came since the alarm's change is the reference from now on: a new life.

        `since`: so many of the newest rows, or those since a time, instead. Raises as `acknowledge`; Refused LG982.
        """
        from lockgate.project.acknowledging import accept

        with self.workplace(to_file=to_file) as place:
            return accept(place, alarm, reason=reason, reference=self._reference(place, since), show=show)

    def asked_of_alarm(
        self, alarm: str = LATEST, *, accept: bool = False, since: int | datetime | timedelta | None = None
    ) -> tuple[str, ...]:
        """What an answer to an alarm would say, a line each. Signs nothing. Raises as `accept`."""
        from lockgate.project.acknowledging import asked_lines, check_rows, find_acceptable, find_alarm

        place = self.unlocked()
        if not accept:
            return asked_lines(find_alarm(alarm, place.ledger.statements(), answered=False))
        found = find_acceptable(alarm, place.ledger.statements())
        reference = self._reference(place, since)(found)
        check_rows(reference.rows, alarm)
        return asked_lines(found, reference)

    def _reference(self, place: Workplace, since: int | datetime | timedelta | None) -> Callable[[Alarm], Reference]:
        from lockgate.project.new_reference import reference_since

        moment = self.now() - since if isinstance(since, timedelta) else since
        return lambda alarm: reference_since(self, place.ledger, alarm, moment)
