"""Rules about the environment's packages: what is known against them, and under which licences they come. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from lockgate.audit.gate import facts
from lockgate.audit.gate.asked import Asked, broken
from lockgate.core.licences import acceptable
from lockgate.core.moments import rfc3339
from lockgate.core.verdict import Reason

_CLOCKS = timedelta(days=1)
_ASK = "lockgate run   # with a fresh [environment] osv in lockgate.toml"


def max_vulnerabilities(asked: Asked) -> Iterator[Reason]:
    """LG358: more is known against the packages than the policy allows. Nobody asked: nothing is known."""
    train, most = asked.get("train"), asked.policy.max_vulnerabilities
    known = facts.known_vulnerabilities(train) if train is not None else None
    if known is not None and len(known.found) > most:
        count = len(known.found)
        message = f"{count} known vulnerabilities in the environment; {asked.place} allows {most}"
        following = f"lockgate lock --upgrade-package {known.found[0].partition(' ')[0]}"
        yield broken(
            "LG358", message, seen=list(known.found[:20]), wanted=f"at most {most}", count=count, following=following
        )


def max_osv_age_days(asked: Asked) -> Iterator[Reason]:
    """LG359: no database was asked, or an old one, or one whose age nobody can tell."""
    train, most = asked.get("train"), asked.policy.max_osv_age_days
    if train is None or most is None:
        return
    known = facts.known_vulnerabilities(train)
    wanted = f"at most {most:g} days old"
    if known is None:
        message = f"no database of known vulnerabilities was asked; {asked.place} wants one"
        yield broken("LG359", message, seen=None, wanted=wanted, following=_ASK)
        return
    age, modified = asked.now - known.modified, rfc3339(known.modified)
    if age < -_CLOCKS:
        message = "the newest entry of the database of known vulnerabilities is of the future: nobody can tell its age"
        yield broken("LG359", message, seen=modified, wanted=wanted)
    elif age > timedelta(days=most):
        message = f"the database of known vulnerabilities is {age.days} days old; {asked.place} allows {most:g}"
        yield broken("LG359", message, seen=modified, wanted=wanted, days=age.days, following=_ASK)


def licences(asked: Asked) -> Iterator[Reason]:
    """LG452: a package under a licence that is not acceptable. LG453: packages of whose licence nobody knows."""
    rule = asked.policy.licences
    if rule.unknown is None:
        return
    train = asked.get("train")
    wheels = () if train is None else facts.wheels(train)
    if not wheels:
        message = f"the train statement names no packages; {asked.place} asks for their licences"
        yield broken("LG453", message, seen=None, wanted=str(rule), following="lockgate train")
        return
    unknown = []
    for wheel in wheels:
        verdict = acceptable(wheel.licence, rule.allowed, rule.refused) if wheel.licence else None
        if verdict is None:
            unknown.append(f"{wheel.name} {wheel.version}")
        elif not verdict:
            message = f"{wheel.name} {wheel.version} is under {wheel.licence}; {asked.place} asks for {rule}"
            yield broken(
                "LG452",
                message,
                seen=wheel.licence,
                wanted=str(rule),
                package=wheel.name,
                following=f"remove {wheel.name} from requirements.in, then lockgate lock",
            )
    if len(unknown) > rule.unknown:
        some = ", ".join(unknown[:3]) + (", ..." if unknown[3:] else "")
        message = (
            f"{len(unknown)} packages state no licence that can be read ({some}); {asked.place} allows {rule.unknown}"
        )
        yield broken("LG453", message, seen=unknown[:20], wanted=f"at most {rule.unknown}", count=len(unknown))
