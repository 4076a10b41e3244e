"""What may be sealed: nothing after which the project would not verify any more. Pure.

A log never forgets. Whoever holds a role's key can sign nonsense: an approval without a manifest, a deployment out of
order, a registration of files that nobody has. Sealed, each of these would stop every reader from then on, and no later
statement could take it out again. So the statement is read as every reader will read it, on the log as it is with this
statement at its end, before the sealer's key signs anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from lockgate.audit import alarms, deployments, drilled, entries, erasures, imports, marks
from lockgate.audit.heads import pick_head
from lockgate.audit.load import load_standing
from lockgate.audit.models import model_of
from lockgate.audit.origins import inputs_of
from lockgate.audit.said import check_fields, check_names
from lockgate.errors import LockgateError, Refused
from lockgate.trust.roles import Roles

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence
    from lockgate.core.digest import Digest

FROM_ELSEWHERE: Final = frozenset(
    {
        "roles",
        "policy",
        "approve",
        "waive",
        "revoke",
        "promote",
        "deploy",
        "authorise",
        "acknowledge",
        "mark",
        "erase",
        "drill",
        "head",
    }
)
"""The claims that stand on their own, so that they may come from another machine."""

OLDEST: Final = timedelta(days=30)
"""The oldest word that is taken from elsewhere: whoever kept it back may not choose when it counts."""

CLOCKS: Final = timedelta(minutes=5)

_ALWAYS: Final = frozenset({"roles", "revoke"})
"""Claims that may be made under an expired roles file: a new one, and that something must not be used any more."""


def check_admissible(new: Evidence, before: Sequence[Evidence]) -> None:
    """Raises Refused (LG864) when the log `before` would not be read any more with `new` at its end.

    `new` has been verified against the roles file in force, and has the index that it will get.
    """
    check = _CHECKS.get(new.claim)
    if check is None:
        return
    try:
        check_fields(new)
        check_names(new, entries.registrations(before))
        check(new, [*before, new])
    except LockgateError as error:
        raise Refused(
            "LG864",
            f"this {new.claim} statement was not sealed, for with it the project would not verify: {error.message}",
            seen={"because": error.finding, **error.seen},
            next=_NEXT.get(new.claim, "lockgate status"),
        ) from None


def check_replay(new: Evidence, said: Mapping[tuple[Digest | None, str], int]) -> None:
    """Raises Refused (LG753) when a key that signed `new` has said exactly this in the log already.

    Compared is what was signed, never the envelope: a signature can be written in two ways, and one of several can be
    left out, so that an old statement comes back under another digest.
    """
    for keyid in new.keyids:
        if (new.payload, keyid) in said:
            raise Refused(
                "LG753",
                "this very statement is in the event log already",
                seen={"statement": new.digest, "entry": said[new.payload, keyid]},
                next="lockgate log show",
            )


def check_fresh(new: Evidence, roles: Roles, now: datetime, before: Sequence[Evidence]) -> None:
    """Raises Refused (LG824) when the roles file has expired and `new` is not what takes something away.

    Beside the next roles file and a revocation, that is a deployment that really takes traffic from a newer model,
    after the log `before`: a lower version, a lower rung, or off the ladder. What it says of itself does not count.
    """
    if new.claim in _ALWAYS:
        return
    try:
        roles.check_fresh(now)
    except Refused:
        if not deployments.goes_down(new, before):
            raise


def check_from_elsewhere(new: Evidence, now: datetime) -> None:
    """What holds besides for a statement that was made on another machine.

    1. It stands on its own: it is about nothing that only the machine that made it has.
    2. It is neither of the future nor older than a month. A roles file has its version instead.

    Raises Refused: LG865 (1), LG864 (2).
    """
    # 1.
    check_stands_alone(new.claim)
    # 2.
    age = now - replace(new, time=now + CLOCKS * 2).said_at
    if new.claim != "roles" and not -CLOCKS <= age <= OLDEST:
        when = "in the future" if age < -CLOCKS else f"more than {OLDEST.days} days ago"
        raise Refused(
            "LG864",
            f"this {new.claim} statement was signed {when}, so it was not sealed",
            seen={"now": now.isoformat(), "days": age.days},
            next=_NEXT.get(new.claim, "sign it anew"),
        )


def check_stands_alone(claim: str) -> None:
    """Raises Refused (LG865) for a claim that is about what only the machine that made it has."""
    if claim not in FROM_ELSEWHERE:
        raise Refused(
            "LG865",
            f"a {claim} statement is about data that only the machine that made it has",
            seen={"claim": claim, "accepted": sorted(FROM_ELSEWHERE)},
            next="carry the model with all its evidence: lockgate push, lockgate pull",
        )


def _policy(new: Evidence, log: Sequence[Evidence]) -> None:
    from lockgate.trust.policy import Policy

    policy = Policy.from_predicate(new.predicate)
    if [subject.digest for subject in new.statement.subjects] != [policy.digest]:
        raise Refused("LG841", "its subject is another policy than its text", seen={"digest": policy.digest})
    earlier = [one for one in log if one.claim == "policy" and one.index < new.index]
    if earlier:
        policy.check_follows(Policy.from_predicate(earlier[-1].predicate))


def _register(new: Evidence, log: Sequence[Evidence]) -> None:
    found = entries.registration(new)
    known = [one for one in entries.registrations(log) if one.evidence.index < new.index and one.name == found.name]
    following = max((one.version for one in known), default=0) + 1
    if found.version != following:
        taken = next((one.manifest for one in known if one.version == found.version), None)
        raise Refused(
            "LG864",
            f"{found.ref} is another model already" if taken else f"{found.ref} is not the next version, {following}",
            seen={"version": found.version, "next": following, "manifest": taken},
            next="lockgate models",
        )
    imports.refuse_imported(found.name, log)
    inputs_of(found, log)


def _deploy(new: Evidence, log: Sequence[Evidence]) -> None:
    """It continues its chain, whoever loads would load what it moves, and `verify` can count what it tells."""
    # Only who appends needs it, and the checks of a ladder come with it.
    from lockgate.audit.recount import check_told

    found = entries.deployments([new])[0]
    loaded = load_standing(log, found.environment, new.time, name=found.name)
    if found.rung != entries.LIVE and loaded.problem is not None:
        raise loaded.problem
    check_told(found, deployments.standing_of(found.environment, found.name, log[:-1]), log)


def _acknowledge(new: Evidence, log: Sequence[Evidence]) -> None:
    """It answers an alarm of its model that the log has. Whether the balls are the log's own, `verify` counts."""
    found = alarms.acknowledgement(new)
    if new.digest not in {one.evidence.digest for one in alarms.acknowledgements(log, found.environment)}:
        raise Refused(
            "LG848",
            "it answers an alarm that this log does not have of this model",
            seen={"alarm": found.alarm, "manifest": found.manifest, "environment": found.environment},
            next="lockgate monitor",
        )


def _alarm(new: Evidence, log: Sequence[Evidence]) -> None:
    """It is what the event log lets an alarm be. That its numbers are those of the predictions, `verify` counts."""
    from lockgate.audit.alarm_rules import check_alarm

    check_alarm(alarms.alarm(new), log)


def _head(new: Evidence, log: Sequence[Evidence]) -> None:
    pick_head(str(new.predicate.get("stage")), log, model_of(new.statement))


def _model(new: Evidence, _: Sequence[Evidence]) -> None:
    model_of(new.statement)


def _validate(new: Evidence, log: Sequence[Evidence]) -> None:
    model_of(new.statement)
    marks.check_applied(new, log)


def _mark(new: Evidence, log: Sequence[Evidence]) -> None:
    """It says which rows, judged in this log before it. Whether the file with them is there, the next run asks."""
    marks.check_mark(marks.mark(new), log)


_CHECKS: Final[Mapping[str, Callable[[Evidence, Sequence[Evidence]], object]]] = {
    "policy": _policy,
    **dict.fromkeys(("ingest", "train", "judge"), _model),
    "validate": _validate,
    "register": _register,
    "import": lambda new, log: imports.check_follows(imports.imported(new), log),
    "deploy": _deploy,
    "head": _head,
    "promote": lambda new, _: entries.summary(new),
    "approve": lambda new, _: entries.approvals([new]),
    "waive": lambda new, _: entries.waiver(new),
    "authorise": lambda new, _: entries.authorisation(new),
    "alarm": _alarm,
    "acknowledge": _acknowledge,
    "mark": _mark,
    "erase": lambda new, _: erasures.erasure(new),
    "drill": lambda new, _: drilled.drilled(new),
    "revoke": lambda new, _: entries.revocations([new]),
}

_NEXT: Final[Mapping[str, str]] = {
    "policy": "lockgate policy diff",
    "register": "lockgate run",
    "head": "lockgate log show",
    "mark": "lockgate review --screen",
    "drill": "lockgate drill",
}
