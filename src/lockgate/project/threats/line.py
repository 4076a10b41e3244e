"""What `status` tells of drills: an attack that got through, or results that are too old. Pure, and costs nothing.

`lockgate threats` says the rest: which program and policy they are of, and what else is not held.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from lockgate.audit.drilled import newest
from lockgate.errors import LockgateError

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence

_DAYS = 30
_NAMED = 3


def drill_line(statements: Sequence[Evidence], now: datetime) -> str:
    """One line; "" where no drill was ever played, or all is well."""
    try:
        found = newest(statements)
    except LockgateError as error:
        return f"{error.finding} {error.message}"
    failed = sorted(name for name, (_, result) in found.items() if result is not None and result.stopped is False)
    old = sum(1 for said, _ in found.values() if now - said.at > timedelta(days=_DAYS))
    if failed:
        more = f" and {len(failed) - _NAMED} more" if len(failed) > _NAMED else ""
        return f"not stopped: {', '.join(failed[:_NAMED])}{more}   lockgate threats"
    return f"{old} of {len(found)} drills were played more than {_DAYS} days ago   lockgate drill" if old else ""
