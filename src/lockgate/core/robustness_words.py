"""What the judge's facts about attacks say, in one line; for runs, pages and cards. Pure.

Trusts nothing but that it was signed: what is missing or not in form is left out, and an old statement says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

DEFAULT_ATTACKS: Final = ("hop-skip-jump", "boundary", "square")
"""What is tried on a classifier where nobody says otherwise, and what a policy that asks how hard was tried demands."""
CHANGE: Final = "change"
"""The attack on a regression."""


def robustness_line(judge: Mapping[str, Any]) -> str:
    """A sentence about attacks on the model; "" where the judge's predicate says nothing of any."""
    found = judge.get("attacked")
    if not isinstance(found, Mapping):
        return ""
    if isinstance(found.get("why"), str):
        return f"not attacked: {found['why']}"
    parts = [_robust(judge.get("robustness"), found), _queries(found), _tried(found), _drop(found), _took(found)]
    return f"under attack {'; '.join(part for part in parts if part)}" if any(parts) else ""


def _middle(found: Mapping[str, Any]) -> float | None:
    """The distance of which is told."""
    listed = found.get("distances")
    middle = listed[len(listed) // 2] if isinstance(listed, list) and listed else None
    return float(middle) if isinstance(middle, int | float) else None


def _robust(facts: Any, found: Mapping[str, Any]) -> str:
    """What is stated of the middle distance."""
    middle, rows = _middle(found), found.get("rows")
    if middle is None:
        return ""
    share, change = (_interval(facts, f"{name}_{middle:g}", form) for name, form in _FACTS)
    if share:
        return f"{share} of {rows} rows hold within {middle:g} sd"
    return f"the median of {rows} rows changes by {change} sd within {middle:g} sd" if change else "nothing is stated"


_FACTS = (("robust_accuracy", ".1%"), ("change", ".3g"))


def _interval(facts: Any, name: str, form: str) -> str:
    fact = facts.get(name) if isinstance(facts, Mapping) else None
    value, low, high = (_number(fact, key) for key in ("value", "low", "high"))
    if value is None:
        return ""
    return f"{value:{form}}" + ("" if low is None or high is None else f" [{low:{form}}, {high:{form}}]")


def _queries(found: Mapping[str, Any]) -> str:
    """Median queries until a flip, and what they take at a client's rate."""
    flips = found.get("found")
    within, median, most, rate = (
        _number(flips, "within"),
        _number(flips, "median"),
        _number(flips, "most"),
        found.get("rate"),
    )
    if within is None or most is None:
        return ""
    if median is None:
        return f"most do not flip within {within:g} sd in {most:,.0f} queries"
    took = f" ({_time(median / rate)})" if isinstance(rate, int | float) and rate > 0 else ""
    return f"flips within {within:g} sd take {median:,.0f} queries, the median{took}"


def _time(seconds: float) -> str:
    size, unit = next(each for each in ((3600, "h"), (60, "min"), (0, "s")) if seconds >= each[0])
    return f"{seconds / (size or 1):.2g} {unit} at a client's rate"


def _tried(found: Mapping[str, Any]) -> str:
    tried = found.get("tried")
    listed = [each for each in tried if isinstance(each, Mapping)] if isinstance(tried, list) else []
    ran = [str(each.get("attack")) for each in listed if each.get("status") == "ran"]
    failed = [str(each.get("attack")) for each in listed if each.get("status") != "ran"]
    return ", ".join(ran) + (f"; not tried: {', '.join(failed)}" if failed else "")


def _drop(found: Mapping[str, Any]) -> str:
    """Beside the first live model, at the middle distance."""
    lives, middle = found.get("live"), _middle(found)
    first = lives[0] if isinstance(lives, list) and lives and isinstance(lives[0], Mapping) else {}
    drop = "" if middle is None else _interval(first.get("drop"), f"{middle:g}", "+.3g")
    return f"less robust than {first.get('ref')} by {drop}" if drop else ""


def _took(found: Mapping[str, Any]) -> str:
    seconds = _number(found, "seconds")
    return "" if seconds is None else f"{seconds:.0f} s"


def _number(value: Any, key: str) -> float | None:
    found = value.get(key) if isinstance(value, Mapping) else None
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None
