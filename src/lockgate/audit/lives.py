"""Which life a model's test is in, by the event log: the alarms of each, and those that stand. Pure.

A *life* of the test begins with the model's own plan (its number is 0), and anew with its own error budget, and nothing
won, by

    acknowledge   of an alarm of the life that the test is in: the reference stays
    acknowledge   with `accept`: what was accepted is the reference from then on
    deploy        of a model that is made live after an alarm of the life that its test is in: the reference stays

Its number is that statement's index in the event log. Without an alarm no life begins, so nobody can have the test
begin anew again and again to keep it from ever alarming. Without numpy: gateways read this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from lockgate.audit.alarms import Accepted, Acknowledgement, Alarm, acknowledgements, alarms
from lockgate.audit.entries import LIVE, Deployment, deployments
from lockgate.audit.withdrawn import withdrawn

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence
    from lockgate.core.digest import Digest


@dataclass(frozen=True)
class Life:
    """Which life a model's test is in.

    Attributes:
        since: the first record of the log of predictions that may count in it.
        accept: what a person accepted as its reference; None: the model's own plan.
        began: when; None for the first one.
        over: numbers of lives that may have begun later, and that were taken back since.
    """

    sequence: int = 0
    since: int = 0
    accept: Accepted | None = None
    began: datetime | None = None
    over: frozenset[int] = frozenset()


def lives(statements: Sequence[Evidence], environment: str, manifest: Digest) -> list[Life]:
    """Every life of a model's test in `environment`, oldest first; the last one is the one that it is in."""
    answers = [one for one in acknowledgements(statements, environment) if one.manifest == manifest]
    said = {one.digest: one for one in alarms(statements, environment) if one.manifest == manifest}
    found = [Life()]
    events: list[Acknowledgement | Deployment]
    events = [*answers, *_made_live(statements, environment, manifest)] if said else []
    for one in sorted(events, key=lambda each: each.evidence.index):
        now, index, time = found[-1], one.evidence.index, one.evidence.time
        if isinstance(one, Deployment):
            if any(each.life == now.sequence and each.evidence.index < index for each in said.values()):
                found.append(Life(index, now.since, now.accept, time))
        elif one.accept is not None:
            found.append(Life(index, one.accept.stop, one.accept, time))
        elif said[one.alarm].life == now.sequence:
            found.append(Life(index, now.since, now.accept, time))
    return found


def life_of(statements: Sequence[Evidence], environment: str, manifest: Digest) -> Life:
    """The life that the test of a model is in."""
    now = lives(statements, environment, manifest)[-1]
    over = (
        one.index
        for one in statements
        if one.index > now.sequence
        and one.claim in {"acknowledge", "deploy"}
        and (one.predicate.get("environment"), one.predicate.get("manifest")) == (environment, manifest)
    )
    return Life(now.sequence, now.since, now.accept, now.began, frozenset(over))


def alarms_of_life(statements: Sequence[Evidence], environment: str, manifest: Digest) -> list[Alarm]:
    """The alarms of a model in the life that its test is in, oldest first, answered or not."""
    now = lives(statements, environment, manifest)[-1]
    return _of(statements, environment, manifest, [now])


def alarms_of_reference(statements: Sequence[Evidence], environment: str, manifest: Digest) -> list[Alarm]:
    """The alarms of a model in all lives that have the reference of now, oldest first, answered or not."""
    known = lives(statements, environment, manifest)
    same = [one for one in known if one.accept is known[-1].accept]
    return _of(statements, environment, manifest, same)


def standing_alarms(statements: Sequence[Evidence], environment: str, manifest: Digest) -> list[Alarm]:
    """Those of them that nobody has acknowledged. With a new reference there are none."""
    answered = {one.alarm for one in acknowledgements(statements, environment)}
    return [one for one in alarms_of_reference(statements, environment, manifest) if one.digest not in answered]


def _made_live(statements: Sequence[Evidence], environment: str, manifest: Digest) -> list[Deployment]:
    gone = withdrawn(statements)
    return [
        one
        for one in deployments(statements)
        if (one.environment, one.manifest, one.rung) == (environment, manifest, LIVE) and not gone.hits(one.evidence)
    ]


def _of(statements: Sequence[Evidence], environment: str, manifest: Digest, among: Sequence[Life]) -> list[Alarm]:
    numbers = {one.sequence for one in among}
    return [one for one in alarms(statements, environment) if one.manifest == manifest and one.life in numbers]
