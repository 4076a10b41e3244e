"""What an environment's policy says about a model's statements. Pure: time is an argument.

Asked at registration (of every environment, so that one sees what is missing for the stricter one) and again at
deployment, when statements have aged and evidence may have been revoked. A fact that a statement does not
state, or states in another form, counts as not met.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from lockgate.audit.evidence import Evidence
from lockgate.core.digest import Digest
from lockgate.core.moments import parse_rfc3339, rfc3339
from lockgate.core.verdict import Level, Reason
from lockgate.trust.policy import Bounds, EnvironmentPolicy

_CLOCKS = timedelta(days=1)


def judge_inputs(
    inputs: Mapping[str, Evidence], policy: EnvironmentPolicy, now: datetime, revoked: Collection[Digest] = ()
) -> tuple[Reason, ...]:
    """Every rule that is broken, with the weight that the environment gives it; rules that are off are left out.

    Args:
        inputs: the statements by claim (ingest, validate, train, judge, scan).
        revoked: digests of manifests and statements that were revoked.
    """
    found = (
        *_missing(inputs, policy),
        *_quarantined(inputs.get("validate"), policy),
        *_jails(inputs, policy),
        *_metrics(inputs.get("judge"), policy),
        *_aged(inputs, policy, now),
        *_tainted(inputs, policy, revoked),
        *_denied(inputs.get("train"), policy),
        *_vulnerable(inputs.get("train"), policy, now),
    )
    return tuple(policy.judge(rule, False, reason) for rule, reason in found if policy.weight(rule) != "off")


def quarantined_share(validate: Evidence) -> float | None:
    """Refused rows as a share of all, from the validate statement's `rows` and `quarantined`."""
    rows, refused = validate.predicate.get("rows"), validate.predicate.get("quarantined")
    if type(rows) is not int or type(refused) is not int or rows <= 0 or not 0 <= refused <= rows:
        return None
    return refused / rows


def jail_level(one: Evidence) -> int | None:
    """The least isolation level that the statement's jail reports prove: `jail`, or `jails` by name.

    A provenance statement has them in its internal parameters.
    """
    definition = one.predicate.get("buildDefinition")
    holder: Any = definition.get("internalParameters") if isinstance(definition, Mapping) else one.predicate
    if not isinstance(holder, Mapping):
        return None
    named = holder.get("jails", {})
    reports = [*(named.values() if isinstance(named, Mapping) else [None])]
    reports += [holder["jail"]] if "jail" in holder else []
    fetchers = holder.get("fetchers", [])
    reports += fetchers if isinstance(fetchers, list) else [None]
    levels = [report.get("level") if isinstance(report, Mapping) else None for report in reports]
    found = [level for level in levels if type(level) is int]
    return min(found) if found and len(found) == len(levels) else None


def metric(judge: Evidence, name: str) -> float | None:
    """A metric's value from the judge statement."""
    metrics = judge.predicate.get("metrics")
    found = metrics.get(name) if isinstance(metrics, Mapping) else None
    value = found.get("value") if isinstance(found, Mapping) else found
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


@dataclass(frozen=True)
class Known:
    """What was known against an environment: `package version id` each, and when the newest entry was written."""

    found: tuple[str, ...]
    modified: datetime


def known_vulnerabilities(train: Evidence) -> Known | None:
    """What a train statement says of its environment; None when no database was asked, or it is not in form."""
    value: Any = train.predicate
    for key in ("buildDefinition", "internalParameters", "environment", "osv"):
        value = value.get(key) if isinstance(value, Mapping) else None
    if not isinstance(value, Mapping):
        return None
    try:
        found = tuple(f"{each['package']} {each['version']} {each['id']}" for each in value["found"])
        return Known(found, parse_rfc3339(value["modified"]))
    except (KeyError, TypeError, ValueError):
        return None


def _missing(inputs: Mapping[str, Evidence], policy: EnvironmentPolicy) -> Iterator[tuple[str, Reason]]:
    for claim in policy.require:
        if claim not in inputs:
            yield "require", _reason("LG431", f"there is no {claim} statement", claim=claim)


def _quarantined(validate: Evidence | None, policy: EnvironmentPolicy) -> Iterator[tuple[str, Reason]]:
    if validate is None:
        return
    share, most = quarantined_share(validate), policy.max_quarantined_share
    if share is None:
        yield "max_quarantined_share", _reason("LG432", "validate does not state how many rows it refused")
    elif share > most:
        message = f"{share:.2%} of the rows were refused by the contract; {policy.name} allows {most:.2%}"
        yield "max_quarantined_share", _reason("LG432", message, share=share, most=most)


def _jails(inputs: Mapping[str, Evidence], policy: EnvironmentPolicy) -> Iterator[tuple[str, Reason]]:
    for claim in ("ingest", "validate", "train", "judge", "scan"):
        if claim not in inputs:
            continue
        level = jail_level(inputs[claim])
        if level is None or level < policy.min_jail_level:
            seen = "no level at all" if level is None else f"level {level}"
            message = f"the jail of {claim} proves {seen}; {policy.name} asks for {policy.min_jail_level}"
            yield "min_jail_level", _reason("LG433", message, claim=claim, level=level, least=policy.min_jail_level)


def _metrics(judge: Evidence | None, policy: EnvironmentPolicy) -> Iterator[tuple[str, Reason]]:
    for name, bounds in policy.metrics.items():
        value = metric(judge, name) if judge is not None else None
        if value is None:
            yield "metrics", _reason("LG434", f"the judge did not measure {name}", metric=name)
        elif not bounds.holds(value):
            message = f"{name} is {value:.4g}; {policy.name} asks for {_words(bounds)}"
            yield "metrics", _reason("LG434", message, metric=name, value=value)


def _aged(inputs: Mapping[str, Evidence], policy: EnvironmentPolicy, now: datetime) -> Iterator[tuple[str, Reason]]:
    if policy.max_age_days is None:
        return
    for claim, one in inputs.items():
        age = now - one.time
        if age > timedelta(days=policy.max_age_days):
            message = f"the {claim} statement is {age.days} days old; {policy.name} allows {policy.max_age_days:g}"
            yield "max_age_days", _reason("LG435", message, claim=claim, days=age.days, most=policy.max_age_days)


def _tainted(
    inputs: Mapping[str, Evidence], policy: EnvironmentPolicy, revoked: Collection[Digest]
) -> Iterator[tuple[str, Reason]]:
    if not policy.refuse_tainted:
        return
    for claim, one in inputs.items():
        if one.digest in revoked or any(subject.digest in revoked for subject in one.statement.subjects):
            yield "refuse_tainted", _reason("LG436", f"it rests on a revoked {claim} statement", statement=one.digest)


def _denied(train: Evidence | None, policy: EnvironmentPolicy) -> Iterator[tuple[str, Reason]]:
    definition = train.predicate.get("buildDefinition") if train is not None else None
    internal = definition.get("internalParameters") if isinstance(definition, Mapping) else None
    denied = internal.get("denied") if isinstance(internal, Mapping) else None
    if policy.refuse_tainted and denied:
        count = len(denied) if isinstance(denied, list) else 1
        message = f"the training code tried {count} time(s) to reach what the jail does not give"
        yield "refuse_tainted", _reason("LG437", message, attempts=denied)


def _vulnerable(train: Evidence | None, policy: EnvironmentPolicy, now: datetime) -> Iterator[tuple[str, Reason]]:
    """What the train statement says is known against the packages, and how old that knowledge is."""
    known = known_vulnerabilities(train) if train is not None else None
    if known is not None and len(known.found) > policy.max_vulnerabilities:
        count = len(known.found)
        message = f"{count} known vulnerabilities in the environment; {policy.name} allows {policy.max_vulnerabilities}"
        seen = {"found": list(known.found[:20]), "most": policy.max_vulnerabilities}
        yield "max_vulnerabilities", _reason("LG358", message, **seen)
    most = policy.max_osv_age_days
    if train is None or most is None:
        return
    if known is None:
        message = f"no database of known vulnerabilities was asked; {policy.name} wants one"
        yield "max_osv_age_days", _reason("LG359", message, most=most)
    elif known.modified - now > _CLOCKS:
        message = "the newest entry of the database of known vulnerabilities is of the future: nobody can tell its age"
        yield "max_osv_age_days", _reason("LG359", message, modified=rfc3339(known.modified), most=most)
    elif now - known.modified > timedelta(days=most):
        days = (now - known.modified).days
        message = f"the database of known vulnerabilities is {days} days old; {policy.name} allows {most:g}"
        yield "max_osv_age_days", _reason("LG359", message, days=days, most=most)


def _reason(finding: str, message: str, **seen: object) -> Reason:
    return Reason(finding, Level.REFUSE, message, seen, f"lockgate explain {finding}")


def _words(bounds: Bounds) -> str:
    parts = [f"at least {bounds.least:g}"] if bounds.least is not None else []
    parts += [f"at most {bounds.most:g}"] if bounds.most is not None else []
    return " and ".join(parts)
