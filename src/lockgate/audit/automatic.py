"""Approvals that count as given, because a model is shown to be no worse than what people approved before. Pure.

    [environment.prod.automatic] metric = "roc_auc", worse = 0.005, every = "7 d"

Asked by `deploy`, and again by every loader, on the log as it was before the verification summary. All that decides is
said by the judge, by persons and by the policy: the deployer's key alone makes none of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol

from lockgate.audit import entries
from lockgate.audit.approvals import Automatic, missing, named_approvals
from lockgate.audit.deployments import chain, revocation_of
from lockgate.audit.entries import LIVE
from lockgate.audit.evidence import signed_time
from lockgate.audit.gate import facts
from lockgate.audit.standing import ruled_by
from lockgate.audit.standings import standing
from lockgate.audit.withdrawn import withdrawn
from lockgate.errors import LockgateError

if TYPE_CHECKING:
    from lockgate.audit.entries import Deployment, Registration, Summary, Waiver
    from lockgate.audit.evidence import Evidence
    from lockgate.audit.gate.facts import Measured
    from lockgate.core.digest import Digest
    from lockgate.trust.policy import EnvironmentPolicy
    from lockgate.trust.policy_automatic import AutomaticPolicy


class Loaded(Protocol):
    """What a loader decided to load, as far as it is asked here."""

    @property
    def manifest(self) -> Digest:
        """Of the model."""

    @property
    def registration(self) -> Registration:
        """Of the model."""

    @property
    def deployment(self) -> Deployment:
        """By which it is live."""

    @property
    def summary(self) -> Summary:
        """On which that rests."""

    @property
    def waivers(self) -> tuple[Waiver, ...]:
        """Among it."""


class Load(Protocol):
    """`audit.load.load_decision`."""

    def __call__(
        self, statements: Sequence[Evidence], environment: str, now: datetime, *, name: str | None = None
    ) -> Loaded:
        """What is live. Raises LockgateError."""


MOST_IN_A_ROW: Final = 12
"""After so many moves to live in a row that no person approved, a person approves one. Each is asked anew by a loader,
from the newest to the last that a person approved."""

_ROUNDING: Final = 1e-9


def automatic(
    registration: Registration,
    policy: EnvironmentPolicy,
    statements: Sequence[Evidence],
    now: datetime,
    load: Load,
    *,
    waived: bool,
) -> Automatic | None:
    """Whether the approvals that `policy` asks for count as given for `registration`. None: the policy says no such.

    1. Another model is live here, and every loader would load it, as of `now`: not revoked, approved itself.
    2. Nothing is waived, neither for this model nor for the live one.
    3. This model was never taken back here: what was withdrawn comes again on a person's word only.
    4. The last models here were not all approved so, and no other one within the time that the policy says.
    5. The judge measured both on the same held-out rows, and it is shown that this one is worse by no more than the
       margin; so it is against each model that was live here before, judged on those rows and not revoked: many small
       steps down, or one back to a bad model, lead nowhere.

    Args:
        statements: the event log up to the verification summary.
        load: what every loader asks, `audit.load.load_decision`; it asks here again, about an earlier log.
        waived: whether the verdict rests on a waiver.
    """
    rule = policy.automatic
    if rule is None or policy.approvals == 0:
        return None
    moves = chain(policy.name, registration.name, statements)
    # 1.
    live = _loaded(registration.name, policy.name, statements, now, load)
    if isinstance(live, str):
        return Automatic(live)
    # 2.
    if waived or live.waivers:
        return Automatic(f"a finding is waived for {'it' if waived else 'the live model'}")
    # 3.
    if live.manifest == registration.manifest:
        return _again(live, moves, statements)
    if _taken_back(registration, moves):
        return Automatic("it was here before and was taken back")
    # 4.
    too_many = _too_many(registration, rule, moves, statements, now)
    if too_many:
        return Automatic(too_many)
    # 5.
    return _no_worse(registration, live.registration, rule, moves, statements)


def counted_at(
    summary: Summary,
    registration: Registration,
    trainer: Evidence,
    policy: EnvironmentPolicy,
    statements: Sequence[Evidence],
    load: Load,
) -> Automatic | None:
    """Whether approvals counted as given at a summary, decided anew on the log before it.

    None: the policy says no such, or persons approved. `load`: as `automatic`.
    """
    named = named_approvals(summary, registration, policy.name, statements)
    if policy.automatic is None or not missing(named, trainer, policy):
        return None
    before = [one for one in statements if one.index < summary.evidence.index]
    waived = any(one.claim == "waive" and one.digest in summary.inputs for one in statements)
    found = automatic(registration, policy, before, summary.evidence.said_at, load, waived=waived)
    if found is not None and not set(found.rests_on) <= set(summary.inputs):
        return Automatic("the verification summary does not name what it was compared with")
    return found


def no_worse(this: Measured, other: Measured, rule: AutomaticPolicy) -> bool:
    """Whether two measured values and their 95 % intervals show that `this` is worse by no more than the margin.

    The lower end of the difference's interval, made from the two by adding squares (Zou and Donner 2008), is above
    -worse. It is of the right width for independent rows; on the same rows the errors of both go together, and it is
    too wide: the careful side. Without intervals nothing is shown.
    """
    if this.low is None or this.high is None or other.low is None or other.high is None:
        return False
    if not (this.low <= this.value <= this.high and other.low <= other.value <= other.high):
        return False
    if rule.better == "higher":
        difference, mine, its = this.value - other.value, this.value - this.low, other.high - other.value
    else:
        difference, mine, its = other.value - this.value, this.high - this.value, other.value - other.low
    return difference - math.hypot(mine, its) >= -rule.worse - _ROUNDING


def is_automatic(move: Deployment, statements: Sequence[Evidence]) -> bool:
    """Whether persons whose approval was asked for at a move's summary are not among what that rests on.

    What cannot be read is taken for such a move: it counts against the next one.
    """
    with suppress(LockgateError, StopIteration, KeyError, IndexError):
        known = {one.digest: one for one in statements}
        summary = entries.summary(known[move.summary])
        policy = ruled_by(summary, statements)
        if policy.weight("approvals") != "enforce":
            return False
        said = [each for each in statements if each.claim == "register"]
        one = next(entries.registration(each) for each in said if each.statement.subjects[0].digest == move.manifest)
        named = named_approvals(summary, one, policy.name, statements)
        return missing(named, known[one.inputs["train"]], policy) > 0
    return True


def _loaded(name: str, environment: str, statements: Sequence[Evidence], now: datetime, load: Load) -> Loaded | str:
    try:
        return load(statements, environment, now, name=name)
    except LockgateError as no:
        if no.finding == "LG520":
            return "nothing is live that it could be compared with"
        return f"what is live could not be loaded: {no.finding}"


def _again(live: Loaded, moves: Sequence[Deployment], statements: Sequence[Evidence]) -> Automatic:
    """For the model that is live itself, by an approval that counted as given and still does."""
    if not is_automatic(live.deployment, statements):
        return Automatic("it is live itself, and there is nothing to compare it with")
    if len(_in_a_row(moves, statements)) >= MOST_IN_A_ROW:
        return Automatic(_ENOUGH)
    own = live.registration.inputs["judge"]
    judged = tuple(one.digest for one in statements if one.claim == "judge" and one.digest in live.summary.inputs)
    return Automatic("", "as when it went live", tuple(one for one in judged if one != own))


_ENOUGH: Final = f"the last {MOST_IN_A_ROW} moves here were approved by nobody; one by a person, and it goes on"


def _taken_back(registration: Registration, moves: Sequence[Deployment]) -> bool:
    now = standing(moves)
    stands = set() if now is None else {one.manifest for one in (now.live, now.candidate) if one is not None}
    return registration.manifest not in stands and any(one.manifest == registration.manifest for one in moves)


def _too_many(
    registration: Registration,
    rule: AutomaticPolicy,
    moves: Sequence[Deployment],
    statements: Sequence[Evidence],
    now: datetime,
) -> str:
    if len(_in_a_row(moves, statements)) >= MOST_IN_A_ROW:
        return _ENOUGH
    made = {one.digest: one for one in statements if one.claim == "promote"}
    for one in {one.summary: one for one in moves if one.manifest != registration.manifest}.values():
        summary = made.get(one.summary)
        # Whichever of both is later: neither the deployer's key nor the sealer's alone makes it older.
        when = (
            one.evidence.time if summary is None else max(summary.time, signed_time(summary.statement) or summary.time)
        )
        if now - when < timedelta(days=rule.every_days) and is_automatic(one, statements):
            return (
                f"{one.name}@{one.version} was approved automatically within {rule.every_days:g} days,"
                " and one in that time is enough"
            )
    return ""


def _times(one: Evidence) -> tuple[datetime, datetime]:
    return one.time, signed_time(one.statement) or one.time


def _in_a_row(moves: Sequence[Deployment], statements: Sequence[Evidence]) -> set[Digest]:
    """The summaries under which models went live since a person approved one. Each is asked in turn by a loader."""
    found: set[Digest] = set()
    for one in reversed([one for one in moves if one.rung == LIVE]):
        if not is_automatic(one, statements):
            break
        found.add(one.summary)
    return found


def _no_worse(
    registration: Registration,
    live: Registration,
    rule: AutomaticPolicy,
    moves: Sequence[Deployment],
    statements: Sequence[Evidence],
) -> Automatic:
    known = {one.digest: one for one in statements}
    mine, its = known[registration.inputs["judge"]], known[live.inputs["judge"]]
    gone = withdrawn(statements)
    if gone.hits(mine) or gone.hits(its):
        return Automatic("what the judge said of it, or of the live model, was taken back")
    this, other = facts.metric(mine, rule.metric), facts.metric(its, rule.metric)
    if this is None or other is None:
        return Automatic(f"{rule.metric} of {'it' if this is None else 'the live model'} was not measured")
    rows = facts.heldout(mine)
    if rows is None or rows != facts.heldout(its):
        return Automatic("it and the live model were judged on other held-out rows")
    compared = f"{rule.metric} {this} against {other} live, at most {rule.worse:g} worse allowed"
    if not no_worse(this, other, rule):
        return Automatic(f"{compared}, and the intervals do not show that it is no worse by more")
    for earlier, judged in _others(registration, moves, statements, rows):
        was = facts.metric(judged, rule.metric)
        if was is not None and not no_worse(this, was, rule):
            return Automatic(f"{rule.metric} {this} against {was} of {earlier.ref}, which was live before")
    return Automatic("", compared, (its.digest,))


def _others(
    registration: Registration, moves: Sequence[Deployment], statements: Sequence[Evidence], rows: str
) -> Iterator[tuple[Registration, Evidence]]:
    """The other models that were live here, judged on the same rows and not revoked."""
    were = {one.manifest for one in moves if one.rung == LIVE} - {registration.manifest}
    for one, judged in _judged(entries.registrations(statements), statements):
        if one.manifest in were and facts.heldout(judged) == rows and revocation_of(one, statements) is None:
            yield one, judged


def _judged(
    registrations: Iterable[Registration], statements: Sequence[Evidence]
) -> Iterator[tuple[Registration, Evidence]]:
    known = {one.digest: one for one in statements}
    yield from ((one, known[one.inputs["judge"]]) for one in registrations if one.inputs["judge"] in known)
