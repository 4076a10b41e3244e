"""Times in their one spelling: RFC 3339, UTC, whole seconds, `2026-11-23T09:30:00Z`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_FORM = "%Y-%m-%dT%H:%M:%SZ"


def rfc3339(time: datetime) -> str:
    """`time` in UTC to the second. Raises ValueError for a time without zone."""
    if time.tzinfo is None:
        raise ValueError("a time without a zone")
    return time.astimezone(UTC).strftime(_FORM)


def parse_rfc3339(text: object) -> datetime:
    """Read exactly what `rfc3339` wrote. Raises ValueError."""
    if not isinstance(text, str):
        raise ValueError("a time is a text")
    found = datetime.strptime(text, _FORM).replace(tzinfo=UTC)
    if rfc3339(found) != text:
        raise ValueError(f"not in the one accepted spelling: {text!r}")
    return found


def age(then: datetime, now: datetime) -> str:
    """How long ago, in words: `3 min`, `5 h`, `12 d`."""
    seconds = max(0, int((now - then) / timedelta(seconds=1)))
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
