"""How far an estimator and its graph differ, in one line; for runs and pages. Pure.

Trusts nothing but that it was signed: what is missing or not in form is left out, and an old statement says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def parity_line(judge: Mapping[str, Any]) -> str:
    """A sentence about the judge's fact `parity`; "" where the predicate has none."""
    found = judge.get("parity")
    if not isinstance(found, Mapping):
        return ""
    judged = found.get("judged")
    if not isinstance(judged, Mapping):
        return f"graph and estimator not compared on the judged rows: {found.get('why')}"
    rows, beyond, explained = (judged.get(key) for key in ("rows", "beyond", "explained"))
    if not (isinstance(rows, int) and isinstance(beyond, int) and isinstance(explained, int)):
        return ""
    return f"graph and estimator agree {_where(rows, beyond, explained)}{_metric(judged.get('metric'))}"


def _where(rows: int, beyond: int, explained: int) -> str:
    if not beyond:
        return f"on all {rows:,} judged rows"
    told = f"on all but {beyond:,} of {rows:,} judged rows"
    fall = "falls" if explained == 1 else "fall"
    parts = [f"{explained:,} {fall} on the other side of a split in 32 bits"] if explained else []
    if beyond > explained:
        parts.append(f"{beyond - explained:,} beyond the tolerance")
    return f"{told} ({', '.join(parts)})"


def _metric(found: Any) -> str:
    if not isinstance(found, Mapping) or not isinstance(found.get("change"), int | float):
        return ""
    return f"; {found.get('name')} changes by {found['change']:+.1g}" if found["change"] else ""
