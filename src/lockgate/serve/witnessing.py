"""Whether enough witnesses cosigned the event log that a gateway reads, and since when not."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from lockgate.audit import cosigned
from lockgate.audit.standing import environment_policy
from lockgate.core.verdict import Level, Reason
from lockgate.errors import Refused

if TYPE_CHECKING:
    from lockgate.audit.ledger import Ledger


TELL_SECONDS = 15.0
"""How long a log may be uncosigned before that is said: a witness is asked some seconds after each commit."""


class Witnessing:
    """Asked at each look. A log that has just grown is not cosigned yet: whoever answers already may wait for that."""

    def __init__(self, environment: str) -> None:
        self._environment = environment
        self._until: datetime | None = None
        self._since: datetime | None = None
        self._reason: Reason | None = None
        self._end: datetime | None = None

    def holds(self, now: datetime) -> bool:
        """Whether what the last look found still counts: cosignatures grow old."""
        return self._since is None and (self._until is None or now < self._until)

    def look(self, ledger: Ledger, now: datetime, *, first: bool) -> bool:
        """Whether what `ledger` says may be acted upon. `first`: nothing is answered yet, so nothing can wait.

        Raises Refused LG7010: too few witnesses, at the first look, or for longer than the log may go unseen; and
        VerificationFailed LG7011 as `cosigned.judge`.
        """
        statements = ledger.statements()
        rules = environment_policy(statements, self._environment)
        witnesses = cosigned.witnesses_of(statements)
        reason = cosigned.judge(rules, witnesses, ledger.note, now)
        self._until = cosigned.lasts_until(rules, witnesses, ledger.note)
        if reason is None or reason.level is not Level.REFUSE:
            self._since = None
            return True
        self._reason = reason
        if self._since is None:
            self._since = now
        self._end = self._since + timedelta(seconds=rules.serve.max_staleness)
        if first or abs((now - self._since).total_seconds()) > rules.serve.max_staleness:
            raise self.refusal()
        return False

    def waiting(self, now: datetime) -> str:
        """What is not acted upon for want of witnesses, and until when answers go on; "" when nothing waits for long.

        The same words for as long as it is the same wait.
        """
        since, end, reason = self._since, self._end, self._reason
        if since is None or end is None or reason is None or (now - since).total_seconds() < TELL_SECONDS:
            return ""
        return (
            f"{reason.message}: what it says since {since:%H:%M:%S} UTC is not acted upon, but revocations; answers go "
            f"on from what was loaded before, until {end:%Y-%m-%d %H:%M:%S} UTC"
        )

    def refusal(self) -> Refused:
        """LG7010, as of the last look."""
        reason = self._reason
        if reason is None:
            return Refused(
                "LG7010", "the witnesses of this event log were not looked at yet", next="lockgate log cosign"
            )
        return Refused(reason.finding, reason.message, seen=reason.seen, next=reason.next)
