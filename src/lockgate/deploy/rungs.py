"""Which rung is next, and whether its time has come. Pure.

nothing live                      live: there is nothing to compare it with
no ladder in the policy           live
another model is live             the first rung
it is on the ladder already       the rung after its own, once that one has its evidence and no check alarms
a rung is named                   that one; with a reason where evidence is missing, rungs are left out, or an alarm
                                  stands
"""

from __future__ import annotations

from dataclasses import dataclass

from lockgate.audit.climbing import rungs_of
from lockgate.audit.entries import LIVE, Registration
from lockgate.audit.ladder.decide import remaining
from lockgate.audit.standings import Standing
from lockgate.deploy.spec import DeploySpec, Facts
from lockgate.errors import Refused, Usage
from lockgate.trust.policy import EnvironmentPolicy
from lockgate.trust.policy_ladder import LadderPolicy, Rung


@dataclass(frozen=True)
class Step:
    """Where a model goes, and what is said of it to whoever moves it."""

    rung: str = LIVE
    share: float = 1.0
    why: str = ""


def next_step(
    spec: DeploySpec,
    registration: Registration,
    standing: Standing | None,
    policy: EnvironmentPolicy,
    facts: Facts | None,
    *,
    usable: bool = True,
) -> Step:
    """Where `registration` goes from here.

    Args:
        facts: what the log of predictions says of it, where it is on the ladder.
        usable: whether what is live may be answered from; where not, there is nothing to compare with either.

    Raises:
        Usage: LG510 no such rung.
        Refused: LG546 another model is on the ladder; LG543 not enough evidence, LG544 an alarm, without a reason.
    """
    ladder = policy.ladder
    known = dict(rungs_of(ladder))
    if spec.to and spec.to not in known:
        raise Usage(
            "LG510",
            f"the policy of {policy.name} has no rung called {spec.to!r}",
            seen={"rungs": list(known)},
            next=f"lockgate deploy {spec.ref} --env {policy.name} --to {next(iter(known))}",
        )
    if standing is None or not usable or standing.live.manifest == registration.manifest:
        return _straight(spec, registration, standing, policy)
    candidate = standing.candidate
    if candidate is None or candidate.manifest != registration.manifest:
        _check_alone(spec, standing, policy)
        first = ladder.next(None)
        wanted = spec.to or first
        if wanted != first:
            _demand_reason(spec, "LG543", f"{wanted} is not the first rung of {policy.name}, which is {first}")
        return Step(wanted, known[wanted], "" if ladder.rungs else f"{policy.name} has no ladder")
    return _further(spec, registration, candidate.rung, candidate.share, ladder, facts)


def missing(rung: Rung, facts: Facts | None) -> str:
    """What a rung has not seen yet: `412 of 2,000 rows, at this rate 31 days`; "" when it has seen enough."""
    rows, labels, waited = (0, 0, 0.0) if facts is None else (facts.rows, facts.labels, facts.waited)
    return "; ".join(
        remaining(seen, wanted, seen / waited if waited > 0 else 0.0).replace("rows", what)
        for seen, wanted, what in ((rows, rung.rows, "rows"), (labels, rung.labels, "labels"))
        if seen < wanted
    )


def _straight(
    spec: DeploySpec, registration: Registration, standing: Standing | None, policy: EnvironmentPolicy
) -> Step:
    """To live, at once."""
    if spec.to not in ("", LIVE):
        raise Usage(
            "LG510",
            f"{registration.ref} cannot stand on {spec.to} in {policy.name}: no other model is live beside it",
            seen={"environment": policy.name},
            next=f"lockgate deploy {spec.ref} --env {policy.name}",
        )
    if standing is None:
        return Step(
            why=f"the first {registration.name} in {policy.name}: there is nothing to compare it with;"
            " it goes live by approval"
        )
    if standing.live.manifest == registration.manifest:
        _check_alone(spec, standing, policy)
        return Step()
    return Step(why=f"what was live in {policy.name} must not be used any more: it goes live by approval")


def _check_alone(spec: DeploySpec, standing: Standing, policy: EnvironmentPolicy) -> None:
    candidate = standing.candidate
    if candidate is None or spec.replace:
        return
    raise Refused(
        "LG546",
        f"{candidate.name}@{candidate.version} is on {candidate.rung} in {policy.name}, and this move takes it off",
        seen={"on_the_ladder": f"{candidate.name}@{candidate.version}", "rung": candidate.rung},
        next=f"lockgate deploy {spec.ref} --env {policy.name} --replace",
    )


def _further(
    spec: DeploySpec, registration: Registration, rung: str, share: float, ladder: LadderPolicy, facts: Facts | None
) -> Step:
    """From the rung on which it stands."""
    shares = dict(rungs_of(ladder))
    known = rung in ladder.names
    following = ladder.next(rung) if known else ""
    wanted = spec.to or (rung if spec.stay and known else following)
    if not wanted:
        raise Refused(
            "LG547",
            f"{registration.ref} is on {rung}, a rung that the policy in force does not have",
            seen={"rungs": list(shares)},
            next=f"lockgate deploy {spec.ref} --env {spec.environment} --to {next(iter(shares))} --reason ...",
        )
    if shares[wanted] <= share:
        return Step(wanted, shares[wanted])
    alarms = [one.check for one in facts.results if one.alarm] if facts is not None else []
    if alarms:
        _demand_reason(spec, "LG544", f"{registration.ref} is worse than what is live, says {' and '.join(alarms)}")
    if wanted != following:
        _demand_reason(spec, "LG543", f"{wanted} is not the rung after {rung}")
    lacking = missing(ladder.rung(rung), facts) if known else ""
    if lacking:
        _demand_reason(spec, "LG543", f"{registration.ref} has not seen enough on {rung}: {lacking}", to=wanted)
    why = "; ".join([*(f"although {one} alarms" for one in alarms), *([f"with {lacking}"] if lacking else [])])
    return Step(wanted, shares[wanted], why)


def _demand_reason(spec: DeploySpec, finding: str, why: str, to: str = "") -> None:
    if spec.reason.strip() and spec.to:
        return
    raise Refused(
        finding,
        why,
        seen={"environment": spec.environment},
        next=f"lockgate deploy {spec.ref} --env {spec.environment} --to {spec.to or to or LIVE} --reason ...",
    )
