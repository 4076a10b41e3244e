"""Curves as drawings inside a page: several lines over queries, and where a control acts. Pure.

As `export.drift_html`: no script, nothing fetched, every text escaped. Lines differ by their dashes and end in a
number, never by colour alone; a title says all of it to whoever does not see it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from lockgate.core.shown import visible

_WIDE, _HIGH, _LEFT, _RIGHT, _BELOW, _ABOVE = 760, 320, 56, 150, 44, 16
_COLOURS: Final = ("#2f7fc1", "#d2691e", "#2a9d63", "#a05cc4", "#8a7a1f", "#c2416c")
_DASHES: Final = ("", "7 4", "2 3", "10 3 2 3", "1 5", "14 4")
_STEP: Final = 13
"""Pixels between two names at the right."""


@dataclass(frozen=True)
class Line:
    """One line: points (x, y) by ascending x. `steps`: y holds until the next point."""

    name: str
    points: tuple[tuple[float, float], ...]
    steps: bool = False


@dataclass(frozen=True)
class Mark:
    """A vertical line: something happens at `x`."""

    name: str
    x: float


def chart(
    title: str, lines: Sequence[Line], marks: Sequence[Mark] = (), *, across: str = "queries", low: float = 0.0
) -> str:
    """The drawing; y from `low` to 1, x on a logarithmic scale from the smallest point on. Nothing without points."""
    drawn = [line for line in lines if line.points]
    xs = [x for line in drawn for x, _ in line.points if x > 0] + [mark.x for mark in marks if mark.x > 0]
    if not drawn or not xs:
        return ""
    plane = _Plane(min(xs), max(*xs, min(xs) * 2), low)
    told = "; ".join(f"{line.name} ends at {line.points[-1][1]:.3f}" for line in drawn)
    said = [f"{title}. {told}.", *(f"{mark.name}: {mark.x:,.0f} {across}." for mark in marks)]
    return "\n".join(
        [
            f'<svg viewBox="0 0 {_WIDE} {_HIGH}" width="{_WIDE}" height="{_HIGH}" role="img">',
            f"<title>{_text(' '.join(said))}</title>",
            *plane.axes(across),
            *_marks(marks, plane),
            *_lines(drawn, plane),
            "</svg>",
        ]
    )


@dataclass(frozen=True)
class _Plane:
    first: float
    last: float
    low: float

    def x(self, value: float) -> float:
        share = math.log(max(value, self.first) / self.first) / math.log(self.last / self.first)
        return _LEFT + min(share, 1.0) * (_WIDE - _RIGHT - _LEFT)

    def y(self, value: float) -> float:
        share = (min(max(value, self.low), 1.0) - self.low) / (1.0 - self.low)
        return _HIGH - _BELOW - share * (_HIGH - _BELOW - _ABOVE)

    def axes(self, across: str) -> Iterator[str]:
        bottom, right = _HIGH - _BELOW, _WIDE - _RIGHT
        yield f'<line class="axis" x1="{_LEFT}" y1="{bottom}" x2="{right}" y2="{bottom}"/>'
        yield f'<line class="axis" x1="{_LEFT}" y1="{_ABOVE}" x2="{_LEFT}" y2="{bottom}"/>'
        for part in range(5):
            value = self.low + part * (1.0 - self.low) / 4
            at = self.y(value)
            yield f'<line class="axis" x1="{_LEFT}" y1="{at:.1f}" x2="{right}" y2="{at:.1f}" opacity=".45"/>'
            yield f'<text class="note" x="{_LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{value:.3g}</text>'
        for value in _ticks(self.first, self.last):
            at = self.x(value)
            yield f'<line class="axis" x1="{at:.1f}" y1="{bottom}" x2="{at:.1f}" y2="{bottom + 4}"/>'
            yield f'<text class="note" x="{at:.1f}" y="{bottom + 17}" text-anchor="middle">{value:,.0f}</text>'
        yield f'<text class="note" x="{right}" y="{_HIGH - 8}" text-anchor="end">{_text(across)} (log)</text>'


def _ticks(first: float, last: float) -> list[float]:
    found = [
        digit * 10.0**power
        for power in range(math.floor(math.log10(first)), math.ceil(math.log10(last)) + 1)
        for digit in ((1, 2, 5) if last / first < 300 else (1,))
    ]
    return [value for value in found if first <= value <= last]


def _lines(lines: Sequence[Line], plane: _Plane) -> Iterator[str]:
    ends = sorted(range(len(lines)), key=lambda number: plane.y(lines[number].points[-1][1]))
    places = _apart([plane.y(lines[number].points[-1][1]) for number in ends])
    for number, line in enumerate(lines):
        colour, dash = _COLOURS[number % len(_COLOURS)], _DASHES[number % len(_DASHES)]
        path = list(_path(line, plane))
        spelled = " ".join(f"{x:.1f},{y:.1f}" for x, y in [path[0], *path])
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        yield f'<polyline points="{spelled}" fill="none" stroke="{colour}" stroke-width="2"{dashed}/>'
        at, end = places[ends.index(number)], line.points[-1][1]
        left = _WIDE - _RIGHT + 6
        look = f'stroke="{colour}" stroke-width="2"{dashed}'
        yield f'<line x1="{left}" y1="{at:.1f}" x2="{left + 22}" y2="{at:.1f}" {look}/>'
        yield f'<text class="note" x="{left + 27}" y="{at + 4:.1f}">{_text(line.name)} {end:.2f}</text>'


def _path(line: Line, plane: _Plane) -> Iterator[tuple[float, float]]:
    before: float | None = None
    for x, value in line.points:
        at, up = plane.x(x), plane.y(value)
        if line.steps and before is not None:
            yield at, before
        yield at, up
        before = up


def _marks(marks: Sequence[Mark], plane: _Plane) -> Iterator[str]:
    for number, mark in enumerate(sorted(marks, key=lambda one: one.x)):
        at = plane.x(mark.x)
        beyond = at > (_LEFT + _WIDE - _RIGHT) / 2
        side, anchor = (at - 4, "end") if beyond else (at + 4, "start")
        up = _HIGH - _BELOW - 8 - number * _STEP
        yield f'<line class="limit" x1="{at:.1f}" y1="{_ABOVE}" x2="{at:.1f}" y2="{_HIGH - _BELOW}"/>'
        yield f'<text class="note" x="{side:.1f}" y="{up:.1f}" text-anchor="{anchor}">{_text(mark.name)}</text>'


def _apart(places: Sequence[float]) -> list[float]:
    """Ascending places, moved down so far that no two names lie on each other, and up again at the end."""
    found: list[float] = []
    for place in places:
        found.append(max(place, found[-1] + _STEP) if found else place)
    over = max(0.0, (found[-1] if found else 0.0) - (_HIGH - _BELOW))
    return [place - over for place in found]


def _text(text: str) -> str:
    return escape(visible(text))
