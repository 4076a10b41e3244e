"""A person's answer to an alarm: seen, or accepted as how it is now. The shell around one statement.

Either begins a new life of the test, with an error budget of its own. Accepted, the counts of recent windows become
the reference: what somebody accepts, later rows are compared with, so it takes an approver's key and stays in the log.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from lockgate.audit.alarms import acknowledgements, alarms
from lockgate.audit.lives import alarms_of_reference, standing_alarms
from lockgate.core.digest import Digest
from lockgate.core.moments import rfc3339
from lockgate.core.shown import shown
from lockgate.core.shown_html import Shown
from lockgate.core.statement import ACKNOWLEDGEMENT, Statement, Subject, claim_uri
from lockgate.deploy.turn import turn
from lockgate.deploy.words import check_reason
from lockgate.errors import Refused, Usage
from lockgate.project.monitor_values import named

if TYPE_CHECKING:
    from lockgate.audit.alarms import Alarm
    from lockgate.audit.evidence import Evidence
    from lockgate.audit.workplace import Workplace

LATEST: Final = "latest"
LEAST_ROWS: Final = 1000
"""The fewest rows of a new reference."""
_PREFIX: Final = re.compile(r"(?:sha256:)?([0-9a-f]{4,64})")


@dataclass(frozen=True)
class Reference:
    """What is accepted: the window records in [start, stop) of the log of predictions, their rows, and the balls."""

    start: int
    stop: int
    rows: int
    balls: Sequence[Sequence[Sequence[int]]]

    def as_predicate(self) -> dict[str, Any]:
        """As the statement says it."""
        balls = [[list(stratum) for stratum in stream] for stream in self.balls]
        return {"from": self.start, "to": self.stop, "balls": balls}


@dataclass(frozen=True, repr=False)
class Answered(Shown):
    """An answer that was signed, or was there (`cached`).

    Attributes:
        alarm: the digest of its statement; `streams`: what alarmed.
        accepted: what became the reference; None where the reference stays. The life that begins with it is `index`.
    """

    ref: str
    manifest: Digest
    environment: str
    alarm: Digest
    streams: tuple[str, ...]
    person: str
    index: int
    cached: bool = False
    accepted: Reference | None = None

    def text(self) -> str:
        """One line."""
        what = f"alarm {named(self.alarm)} of {self.ref} in {self.environment}"
        if self.cached:
            return f"{what} was acknowledged by {self.person} already"
        if self.accepted is None:
            return f"{what} is acknowledged by {self.person}; the reference stays, the test begins anew"
        return f"{what} is acknowledged by {self.person}; {self.accepted.rows:,} rows are the reference from now on"

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        accepted = None
        if self.accepted is not None:
            accepted = {"from": self.accepted.start, "to": self.accepted.stop, "rows": self.accepted.rows}
        rest = {"streams": list(self.streams), "log_index": self.index, "accepted": accepted}
        said = {name: value for name, value in vars(self).items() if name not in {"index", "accepted", "streams"}}
        return {**said, **rest}


def find_alarm(what: str, statements: Sequence[Evidence], *, answered: bool) -> Alarm:
    """The one alarm that `what` names: the first digits of its digest; or `latest`, with the reference of now.

    Args:
        answered: whether `latest` may be one that somebody answered.

    Raises Usage LG980 there is none, LG981 there are several.
    """
    environments = dict.fromkeys(str(one.predicate.get("environment")) for one in statements if one.claim == "alarm")
    known = [one for environment in environments for one in alarms(statements, environment)]
    known.sort(key=lambda one: one.evidence.index)
    if what == LATEST:
        stand = alarms_of_reference if answered else standing_alarms
        fits = [one for one in known if one in stand(statements, one.environment, one.manifest)][-1:]
    else:
        prefix = _PREFIX.fullmatch(what)
        fits = [one for one in known if prefix and one.digest.removeprefix("sha256:").startswith(prefix[1])]
    if len(fits) == 1:
        return fits[0]
    listed = {named(one.digest): f"{one.model} in {one.environment}" for one in fits or known}
    if fits:
        raise Usage("LG981", f"{len(fits)} alarms begin with {what!r}", seen=listed, next="lockgate monitor")
    message = "no alarm is open" if what == LATEST else f"no alarm is called {what!r}"
    raise Usage("LG980", message, seen=listed, next="lockgate monitor")


def find_acceptable(what: str, statements: Sequence[Evidence]) -> Alarm:
    """The same, of a life with the reference of now, answered or not: an older one was answered by a new reference.

    Raises as `find_alarm`; Usage LG980 for one of a life that is over.
    """
    found = find_alarm(what, statements, answered=True)
    _check_life(found, statements)
    return found


def asked_lines(alarm: Alarm, reference: Reference | None = None) -> tuple[str, ...]:
    """What somebody signs, before it is signed."""
    where = f"{alarm.model}  {alarm.manifest}, in {alarm.environment}"
    of = f"log entry {alarm.evidence.index} of {rfc3339(alarm.evidence.time)}"
    strongest = sorted(alarm.streams, key=lambda one: -one.log_e)
    streams = [f"  {shown(one.name)}  {one.effect:+.2f} sd" for one in strongest]
    what = "it was seen; the reference stays what it is, and the test begins anew: what goes on alarms again"
    if reference is not None:
        what = (
            f"{reference.rows:,} rows, entries {reference.start} to {reference.stop - 1} of the predictions, are the"
            " reference from then on: a later return to what was before is then an alarm"
        )
    return (f"alarm {alarm.digest}", where, of, *streams, what)


def acknowledge_statement(alarm: Alarm, *, reason: str, now: datetime, reference: Reference | None = None) -> Statement:
    """A person's word that an alarm was seen; with `reference`, that this is the reference from then on. Pure."""
    predicate = {
        "claim": claim_uri("acknowledge"),
        "time": rfc3339(now),
        "environment": alarm.environment,
        "name": alarm.name,
        "version": alarm.version,
        "manifest": alarm.manifest,
        "alarm": alarm.digest,
        "reason": reason,
        "accept": None if reference is None else reference.as_predicate(),
    }
    return Statement((Subject(alarm.model, alarm.manifest),), ACKNOWLEDGEMENT, predicate)


def acknowledge(place: Workplace, what: str, *, reason: str, show: Callable[[str], None]) -> Answered:
    """Sign, as approver, that an alarm was seen; first show which. A second answer to it is not signed.

    Raises Usage LG980, LG981; LG533 no reason.
    """
    check_reason(reason)
    alarm = find_alarm(what, place.ledger.statements(), answered=False)
    _show(show, asked_lines(alarm))
    with turn(place, "approver"):
        given = [
            one for one in acknowledgements(place.ledger.statements(), alarm.environment) if one.alarm == alarm.digest
        ]
        if given:
            return _done(alarm, given[0].evidence, cached=True)
        statement = acknowledge_statement(alarm, reason=reason, now=place.now())
        return _done(alarm, place.record("approver", statement))


def accept(
    place: Workplace,
    what: str,
    *,
    reason: str,
    reference: Callable[[Alarm], Reference],
    show: Callable[[str], None],
) -> Answered:
    """Sign, as approver, that what `reference` gives for the alarm is the reference from then on.

    1. There is a reason, and the alarm is of a life with the reference of now.
    2. There are rows enough.
    3. What is signed is shown. Since then nobody accepted another one.

    Raises Usage LG533, LG981, LG980 (1, 3); Refused LG982 (2); what `reference` raises.
    """
    # 1.
    check_reason(reason)
    alarm = find_acceptable(what, place.ledger.statements())
    # 2.
    found = reference(alarm)
    check_rows(found.rows, what)
    # 3.
    _show(show, asked_lines(alarm, found))
    with turn(place, "approver"):
        _check_life(alarm, place.ledger.statements())
        statement = acknowledge_statement(alarm, reason=reason, now=place.now(), reference=found)
        return _done(alarm, place.record("approver", statement), accepted=found)


def check_rows(rows: int, what: str) -> None:
    """Raises Refused LG982 for too few rows."""
    if rows < LEAST_ROWS:
        raise Refused(
            "LG982",
            f"a new reference needs at least {LEAST_ROWS:,} rows, and there are {rows:,}",
            seen={"rows": rows, "needed": LEAST_ROWS},
            next=f'lockgate monitor accept {what} --since TIME --reason "..."   # or wait for more rows',
        )


def _check_life(alarm: Alarm, statements: Sequence[Evidence]) -> None:
    if alarm.digest in {one.digest for one in alarms_of_reference(statements, alarm.environment, alarm.manifest)}:
        return
    raise Usage(
        "LG980",
        f"alarm {named(alarm.digest)} is of a life that is over: a new reference was accepted since",
        seen={"alarm": alarm.digest, "life": alarm.life},
        next="lockgate monitor",
    )


def _show(show: Callable[[str], None], lines: Sequence[str]) -> None:
    for line in lines:
        show(line)


def _done(alarm: Alarm, said: Evidence, *, cached: bool = False, accepted: Reference | None = None) -> Answered:
    streams = tuple(one.name for one in alarm.streams)
    where = (alarm.model, alarm.manifest, alarm.environment, alarm.digest, streams)
    return Answered(*where, said.person, said.index, cached, accepted)
