"""The checks as a deployment statement tells them, and whether somebody who counts again finds the same. Pure.

    {"log": {"size": N, "root": HEX}, "since": n, "rows": n, "labels": n,
     "results": [{"check", "log_e", "threshold", "alarm", "rows", "seen": {...}, ["available"]}, ...]}

`log`: of which state of the prediction log these are the numbers. `since`: the sequence of the ladder's first
statement. `rows`, `labels`: of the current rung. Numbers have six digits after the point.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from lockgate.audit.ladder.checks import WEIGHTS, Result

NEAR = 2e-6
"""How far two numbers of the same evidence may be apart: another machine's logarithms, and the last digit told."""
_WHOLE = ("since", "rows", "labels")
_FORM = frozenset({"log", *_WHOLE, "results"})
_RESULT = frozenset({"check", "log_e", "threshold", "alarm", "rows", "seen"})
_ROOT = re.compile(r"[0-9a-f]{64}")
_FIGURE = re.compile(r"[a-z][a-z_.-]{0,31}")
_MOST_COUNT = 2**62
_MOST_FIGURES = 16
_MOST_TEXT = 200


def told(results: Iterable[Result], size: int, root: bytes, *, since: int, rows: int, labels: int) -> dict[str, Any]:
    """The `checks` of a deployment statement."""
    return {
        "log": {"size": size, "root": root.hex()},
        "since": since,
        "rows": rows,
        "labels": labels,
        "results": [_result(one) for one in results],
    }


def differs(said: object, found: Mapping[str, Any]) -> str:
    """What a statement says otherwise than what `told` made of the log's own records; empty when it is the same.

    `said` may be anything: it came out of a statement.
    """
    if not isinstance(said, Mapping) or set(said) != set(found):
        return "the checks have another form"
    for name in ("log", *_WHOLE):
        if said[name] != found[name] or isinstance(said[name], bool | float):
            return f"{name} is {str(said[name])[:80]}, counted again {found[name]}"
    listed = said["results"]
    if not isinstance(listed, list) or len(listed) != len(found["results"]):
        return "other checks are told than the policy asks for"
    for one, other in zip(listed, found["results"], strict=True):
        flaw = _apart(one, other, f"{other['check']}: ")
        if flaw:
            return flaw
    return ""


def well_formed(said: object) -> bool:
    """Whether something has the form that `told` gives, and its size. What it says may be wrong all the same."""
    if not isinstance(said, Mapping) or set(said) != _FORM:
        return False
    log, results = said["log"], said["results"]
    if not isinstance(log, Mapping) or set(log) != {"size", "root"} or not isinstance(results, list):
        return False
    if not isinstance(log["root"], str) or not _ROOT.fullmatch(log["root"]):
        return False
    whole = all(map(_is_count, (log["size"], *(said[name] for name in _WHOLE))))
    if not whole or len(results) > len(WEIGHTS) or not all(map(_is_result, results)):
        return False
    return len({one["check"] for one in results}) == len(results)


def _is_result(said: object) -> bool:
    if not isinstance(said, Mapping) or set(said) - {"available"} != _RESULT:
        return False
    available, check, seen = said.get("available", ""), said["check"], said["seen"]
    if not isinstance(available, str) or len(available) > _MOST_TEXT:
        return False
    return (
        isinstance(check, str)
        and check in WEIGHTS
        and _is_number(said["log_e"])
        and _is_number(said["threshold"])
        and isinstance(said["alarm"], bool)
        and _is_count(said["rows"])
        and isinstance(seen, Mapping)
        and len(seen) <= _MOST_FIGURES
        and all(isinstance(name, str) and _FIGURE.fullmatch(name) and _is_number(seen[name]) for name in seen)
    )


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value <= _MOST_COUNT


def _is_number(value: object) -> bool:
    """Small enough, too, that a whole number can be a float."""
    return type(value) in {int, float} and -_MOST_COUNT <= value <= _MOST_COUNT  # type: ignore[operator]


def _result(result: Result) -> dict[str, Any]:
    one = {
        "check": result.check,
        "log_e": round(result.log_e, 6),
        "threshold": round(result.threshold, 6),
        "alarm": result.alarm,
        "rows": result.rows,
        "seen": {name: round(value, 6) for name, value in sorted(result.seen.items())},
    }
    return one | ({"available": result.available} if result.available else {})


def _apart(said: object, found: Mapping[str, Any], where: str) -> str:
    """What is not the same in two objects of the same form."""
    if not isinstance(said, Mapping) or set(said) != set(found):
        return f"{where}another form"
    for name, wanted in found.items():
        value = said[name]
        if isinstance(wanted, Mapping):
            flaw = _apart(value, wanted, f"{where}{name} ")
            if flaw:
                return flaw
        elif not _same(value, wanted):
            return f"{where}{name} is {str(value)[:80]}, counted again {wanted}"
    return ""


def _same(value: object, wanted: object) -> bool:
    if isinstance(wanted, float):
        # A whole number may come back from JSON without its point.
        number = type(value) in {int, float}
        return number and math.isclose(value, wanted, rel_tol=1e-9, abs_tol=NEAR)  # type: ignore[arg-type]
    return type(value) is type(wanted) and value == wanted
