"""What the judge's fact `control` says, in one line; for runs, pages and cards. Pure.

Trusts nothing but that it was signed: what is missing or not in form is left out, and an old statement says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def control_line(judge: Mapping[str, Any]) -> str:
    """A sentence about the control without the doubtful rows; "" where the judge's predicate has none."""
    found = judge.get("control")
    if not isinstance(found, Mapping):
        return ""
    left, rows = found.get("left_out"), found.get("rows")
    if type(left) is not int or type(rows) is not int:
        return ""
    if isinstance(found.get("why"), str):
        return f"no clean control without {_doubtful(left)}: {found['why']}"
    if left == 0:
        return f"{_doubtful(rows)}, none of which training saw{_beside(found)}"
    told = [_followed(found, rows), _lost(found)]
    return f"clean control without {_doubtful(left)}: {'; '.join(part for part in told if part)}{_beside(found)}"


def _doubtful(rows: int) -> str:
    return "1 doubtful row" if rows == 1 else f"{rows:,} doubtful rows"


def _followed(found: Mapping[str, Any], rows: int) -> str:
    changed, elsewhere = (_number(found, "flagged", key, "value") for key in ("changed", "elsewhere"))
    kept, control = _number(found, "kept"), _number(found, "control_kept")
    if changed is None:
        return ""
    others = "" if elsewhere is None else f" ({elsewhere:.1%} of others)"
    label = "" if kept is None or control is None else f", the doubted label to {control:.0%}, this model to {kept:.0%}"
    return f"it answers {changed:.0%} of the {rows:,} otherwise{others}{label}"


def _lost(found: Mapping[str, Any]) -> str:
    name = found.get("headline")
    value, low, high = (_number(found, "difference", str(name), key) for key in ("value", "low", "high"))
    if value is None:
        return ""
    bounds = "" if low is None or high is None else f" [{low:+.3g}, {high:+.3g}]"
    return f"{name} of this model is {value:+.3g}{bounds} off the control's"


def _beside(found: Mapping[str, Any]) -> str:
    without = found.get("without")
    metrics = without.get("metrics") if isinstance(without, Mapping) else None
    if not isinstance(metrics, Mapping) or not metrics:
        return ""
    name = next(iter(metrics))
    value = _number(metrics, name, "value")
    return "" if value is None else f"; {name} {value:.3f} on the held-out rows that nobody doubts"


def _number(value: Any, *path: str) -> float | None:
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
