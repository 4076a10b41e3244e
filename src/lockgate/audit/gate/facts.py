"""The facts that statements state, each read in one form only; None: not stated, or in another form. Pure.

Trusts that the statement was signed by its role, and no more: whatever is missing or malformed is no fact.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lockgate.audit.evidence import Evidence
from lockgate.core.moments import parse_rfc3339

_WHEEL = "wheel/"
_EXACT = 2**53
"""The largest whole number up to which each has a floating-point number of its own; far larger ones have none."""


@dataclass(frozen=True)
class Measured:
    """A value and its 95 % interval; None: it has none."""

    value: float
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"{self.value:.4g}"
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]"


@dataclass(frozen=True)
class Slice:
    """One part of the held-out rows, and what the judge measured on it."""

    name: str
    rows: int
    metrics: Mapping[str, Any]


@dataclass(frozen=True)
class Known:
    """What was known against an environment: `package version id` each, and when the newest entry was written."""

    found: tuple[str, ...]
    modified: datetime


@dataclass(frozen=True)
class Wheel:
    """An installed package; `licence`: what its maker declares, as an SPDX expression, "" for nothing readable."""

    name: str
    version: str
    licence: str


def field(value: Any, *path: str) -> Any:
    """A nested field, or None."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def quarantined_share(validate: Evidence) -> float | None:
    """Refused rows as a share of all, from the validate statement's `rows` and `quarantined`."""
    rows, refused = validate.predicate.get("rows"), validate.predicate.get("quarantined")
    if type(rows) is not int or type(refused) is not int or rows <= 0 or not 0 <= refused <= rows:
        return None
    return refused / rows


def screen_findings(validate: Evidence) -> tuple[str, ...] | None:
    """The ids of what the poisoning screen found, but for findings of which a person marked every row good.

    The validate statement's `screen`: {"findings": [{"finding": id, "rule", "rows": n, "good": n, ...}], "flagged": n}.
    Each entry is one finding; `flagged` counts the accepted rows that at least one finding is about and nobody marked.
    """
    listed = field(validate.predicate, "screen", "findings")
    if not isinstance(listed, list):
        return None
    found = [field(each, "finding") for each in listed]
    return tuple(found) if all(isinstance(each, str) for each in found) else None


def more_findings(validate: Evidence) -> int:
    """Findings of the screen that its statement counts and does not list."""
    more = field(validate.predicate, "screen", "more")
    return more if type(more) is int and more > 0 else 0


@dataclass(frozen=True)
class Found:
    """A finding of the screen: the rule, how many rows, how many of them a person marked good."""

    finding: str
    rule: str
    rows: int
    good: int


def screened(validate: Evidence) -> tuple[Mapping[str, Any], tuple[Found, ...]] | None:
    """What became of each rule of the screen (`ran`, `off`, `absent`), and what was found."""
    rules, listed = field(validate.predicate, "screen", "rules"), field(validate.predicate, "screen", "findings")
    if not isinstance(rules, Mapping) or not isinstance(listed, list):
        return None
    found = []
    for each in listed:
        finding, rule, rows, good = (field(each, key) for key in ("finding", "rule", "rows", "good"))
        if not isinstance(finding, str) or not isinstance(rule, str):
            return None
        if type(rows) is not int or type(good) is not int or not 0 <= good < rows:
            return None
        found.append(Found(finding, rule, rows, good))
    return rules, tuple(found)


def flagged_share(validate: Evidence) -> float | None:
    """Accepted rows that the screen flagged and nobody marked good, as a share of those that it looked at."""
    flagged, rows = field(validate.predicate, "screen", "flagged"), looked(validate)
    if type(flagged) is not int or rows is None or not 0 <= flagged <= rows[0]:
        return None
    return flagged / rows[0]


def looked(validate: Evidence) -> tuple[int, int] | None:
    """How many accepted rows the screen looked at, and how many there are."""
    seen, accepted = field(validate.predicate, "screen", "looked"), validate.predicate.get("accepted")
    if type(seen) is not int or type(accepted) is not int or not 0 < seen <= accepted:
        return None
    return seen, accepted


def notes(validate: Evidence) -> tuple[str, ...]:
    """The rules of the screen that ran and left something out; `rows`: no rule saw every row whole."""
    listed = field(validate.predicate, "screen", "notes")
    return tuple(each for each in listed if isinstance(each, str)) if isinstance(listed, list) else ()


def left_bad(validate: Evidence) -> int | None:
    """How many marks that say bad could not be applied, which the log has been asked about; 0 where there are none."""
    found = validate.predicate.get("marks_left_bad", 0)
    return found if type(found) is int and found >= 0 else None


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


def denied(train: Evidence) -> list[Any] | None:
    """The attempts of the training code to reach what its jail denies."""
    found = field(train.predicate, "buildDefinition", "internalParameters", "denied")
    return found if isinstance(found, list) else None


def measured(found: Any) -> Measured | None:
    """A number, or {"value", "low", "high"}; all of them finite, each bound a number or nothing."""
    parts = [found.get(key) for key in ("value", "low", "high")] if isinstance(found, Mapping) else [found, None, None]
    if parts[0] is None or not all(part is None or _is_number(part) for part in parts):
        return None
    value, low, high = (None if part is None else float(part) for part in parts)
    return None if value is None else Measured(value, low, high)


def metric(judge: Evidence, name: str) -> Measured | None:
    """A metric from the judge statement."""
    return measured(field(judge.predicate, "metrics", name))


def robust(judge: Evidence, name: str) -> Measured | None:
    """A fact of the judge statement's `robustness`: {name: {"value", "low", "high"}}, with disturbed inputs."""
    return measured(field(judge.predicate, "robustness", name))


def slices(judge: Evidence) -> tuple[Slice, ...] | None:
    """The judge statement's `slices`; None when one of them is not in form."""
    listed = judge.predicate.get("slices")
    if not isinstance(listed, list):
        return None
    found = []
    for each in listed:
        rows, metrics = field(each, "rows"), field(each, "metrics")
        if type(rows) is not int or rows < 0 or not isinstance(metrics, Mapping):
            return None
        found.append(Slice(f"{field(each, 'field')} = {field(each, 'value')}", rows, metrics))
    return tuple(found)


def heldout(judge: Evidence) -> str | None:
    """The digest of the rows that the judge judged on."""
    found = judge.predicate.get("heldout")
    return found if isinstance(found, str) and found else None


def known_vulnerabilities(train: Evidence) -> Known | None:
    """What a train statement says of its environment; None when no database was asked, or it is not in form."""
    value = field(train.predicate, "buildDefinition", "internalParameters", "environment", "osv")
    if not isinstance(value, Mapping) or not isinstance(value.get("found"), list):
        return None
    try:
        found = tuple(f"{each['package']} {each['version']} {each['id']}" for each in value["found"])
        return Known(found, parse_rfc3339(value["modified"]))
    except (KeyError, TypeError, ValueError):
        return None


def wheels(train: Evidence) -> tuple[Wheel, ...]:
    """The packages of the environment in which training ran; none when the statement names none in form."""
    listed = field(train.predicate, "buildDefinition", "resolvedDependencies")
    found = []
    for each in listed if isinstance(listed, list) else ():
        name, version, licence = (
            field(each, *path) for path in (("name",), ("annotations", "version"), ("annotations", "licence"))
        )
        if isinstance(name, str) and name.startswith(_WHEEL):
            found.append(Wheel(name.removeprefix(_WHEEL), str(version), licence if isinstance(licence, str) else ""))
    return tuple(found)


def _is_number(value: Any) -> bool:
    if isinstance(value, int):
        return not isinstance(value, bool) and abs(value) <= _EXACT
    return isinstance(value, float) and math.isfinite(value)
