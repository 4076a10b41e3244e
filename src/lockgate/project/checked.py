"""What `lockgate check` found, and what it guesses of the whole training. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from lockgate.core.shown_html import MARKS, Heading, Next, Part, Shown, Table
from lockgate.errors import LockgateError

Level = Literal["ok", "warn", "bad", "skipped"]


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        level: `skipped` where something before it failed; then nobody knows.
        finding, seen, next: of what is not as it should be.
        more: further lines for a person.
    """

    name: str
    level: Level
    says: str
    finding: str = ""
    seen: Mapping[str, Any] = field(default_factory=dict)
    next: str = ""
    more: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {**vars(self), "seen": dict(self.seen), "more": list(self.more)}


@dataclass(frozen=True, repr=False)
class Checked(Shown):
    """All checks in order. `estimate`: of the whole training, where it could be made."""

    checks: tuple[Check, ...]
    estimate: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether a training can be begun."""
        return all(check.level in ("ok", "warn") for check in self.checks)

    def view(self) -> Iterator[Part]:
        """What it shows of itself."""
        yield Heading("ready to train" if self.ok else "not ready to train")
        rows = []
        for one in self.checks:
            says = "; ".join((f"{one.finding}  {one.says}" if one.finding else one.says, *one.more))
            rows.append((MARKS[one.level], one.name, says, one.next if one.level in ("bad", "warn") else ""))
        yield Table([("", "check", "what", "next"), *rows])
        yield Next((self.next,))

    @property
    def next(self) -> str:
        """What to run next."""
        bad = next((check for check in self.checks if check.level == "bad"), None)
        return "lockgate run" if bad is None else bad.next or f"lockgate explain {bad.finding}"

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "ok": self.ok,
            "checks": [check.as_json() for check in self.checks],
            "estimate": dict(self.estimate),
            "next": self.next,
        }


def failed(name: str, error: LockgateError) -> Check:
    """A check that ended with a finding."""
    return Check(name, "bad", error.message, error.finding, dict(error.seen), error.next)


def skipped(name: str, because: str) -> Check:
    """A check that could not be made."""
    return Check(name, "skipped", f"not looked at: {because}")


@dataclass(frozen=True)
class Point:
    """What a training on `rows` took, or gave: seconds, bytes."""

    rows: int
    value: float


def estimate(few: Point, more: Point, rows: int) -> tuple[float, float]:
    """Between which values the same of `rows` lies, if it goes on as from `few` to `more`: an estimate, no promise.

    The lower one adds for each row what each row added; the upper one grows by the same factor again, where that is
    more. What stops growing, as a model of bounded depth does, ends below both.
    """
    if more.rows <= few.rows or rows <= more.rows:
        return more.value, more.value
    slope = max(0.0, more.value - few.value) / (more.rows - few.rows)
    by_row = more.value + slope * (rows - more.rows)
    if few.value <= 0 or more.value <= few.value:
        return by_row, by_row
    power = min(3.0, math.log(more.value / few.value) / math.log(more.rows / few.rows))
    return by_row, max(by_row, more.value * (rows / more.rows) ** power)


def seconds_words(low: float, high: float) -> str:
    """`4 s`, `40 s to 3 min`."""
    one, other = _duration(low), _duration(high)
    return one if one == other else f"{one} to {other}"


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    if seconds < 6000:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.0f} h"
