"""Parts of a page about drift: one file, no script, nothing fetched, light or dark as the reader's machine is. Pure.

Every text that is given becomes text of the page: whatever it holds is no markup, and steers nothing. A histogram is a
table whose bars are drawings beside the numbers, so that it can be read aloud.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import Final, Literal

from lockgate.core.shown import visible

Mark = Literal["", "bad", "warn", "ok"]

STYLE: Final = """
:root{color-scheme:light dark;--paper:#fff;--ink:#1b1f24;--soft:#57606a;--line:#d0d7de;--before:#3b6ea8;--now:#c2571a;\
--bad:#b3261e;--warn:#8a5a00;--ok:#1a7f37}
@media (prefers-color-scheme:dark){:root{--paper:#14171b;--ink:#e6edf3;--soft:#9aa4ae;--line:#3a424b;--before:#79aee8;\
--now:#f0904f;--bad:#ff7b72;--warn:#e3b341;--ok:#56d364}}
body{margin:2rem auto;padding:0 1rem;max-width:64rem;background:var(--paper);color:var(--ink);\
font:16px/1.5 system-ui,sans-serif}
h1,h2{line-height:1.25;overflow-wrap:anywhere}
h2{margin-top:2.5rem;border-top:1px solid var(--line);padding-top:1rem;font-size:1.25rem}
p,li,td,th{overflow-wrap:anywhere}
.bad{color:var(--bad)}.warn{color:var(--warn)}.ok{color:var(--ok)}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--soft);padding:.3rem 0}
th,td{text-align:left;padding:.15rem .8rem .15rem 0;border-bottom:1px solid var(--line);vertical-align:middle}
th{font-weight:600}
svg{display:block;max-width:100%}
svg[viewBox]{height:auto}
.bar{display:inline-block;vertical-align:middle;margin-right:.5rem}
.before{fill:var(--before)}.now{fill:var(--now)}.rail{fill:var(--line)}
.track{fill:none;stroke:var(--now);stroke-width:2}
.axis{stroke:var(--line)}.limit{stroke:var(--bad);stroke-dasharray:6 4}
.note{fill:var(--soft);font:12px system-ui,sans-serif}
"""

_BAR: Final = 140
_WIDE, _HIGH, _LEFT, _BELOW, _ABOVE = 720, 220, 56, 30, 14
_BEYOND: Final = 3
"""So many times the threshold are drawn: what is beyond says nothing more."""


def document(title: str, lead: str, parts: Iterable[str]) -> str:
    """The whole page of `parts`, which functions of this module made."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    allowed = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    head = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{allowed}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer">',
        f"<title>{_text(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>",
        f"<h1>{_text(title)}</h1>\n<p>{_text(lead)}</p>",
    ]
    return "\n".join([*head, *parts, "</main>\n</body>\n</html>\n"])


def section(heading: str, *parts: str, mark: Mark = "") -> str:
    """A heading and what belongs to it."""
    return "\n".join([f"<section>\n<h2{_class(mark)}>{_text(heading)}</h2>", *parts, "</section>"])


def words(text: str, mark: Mark = "") -> str:
    """A paragraph."""
    return f"<p{_class(mark)}>{_text(text)}</p>"


def listing(items: Iterable[str]) -> str:
    """A list; nothing without items."""
    entries = [f"<li>{_text(item)}</li>" for item in items]
    return "\n".join(["<ul>", *entries, "</ul>"]) if entries else ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "") -> str:
    """A table of texts; the first cell of each row names it."""
    named = f"<caption>{_text(caption)}</caption>" if caption else ""
    lines = [f'<div class="wide"><table>{named}<thead><tr>{_heads(head)}</tr></thead>\n<tbody>']
    for first, *more in rows:
        cells = "".join(f"<td>{_text(cell)}</td>" for cell in more)
        lines.append(f'<tr><th scope="row">{_text(first)}</th>{cells}</tr>')
    return "\n".join([*lines, "</tbody></table></div>"])


def histogram(name: str, labels: Sequence[str], reference: Sequence[float], current: Sequence[int]) -> str:
    """Reference (shares) and current (rows) side by side, a line a bin, on one scale."""
    rows = sum(current) or 1
    shares = [count / rows for count in current]
    most = max((*reference, *shares), default=0.0) or 1.0
    caption = f"{name}: of {sum(current):,} rows since the change, beside the reference"
    head = _heads(("values", "reference", "current"))
    lines = [f'<div class="wide"><table><caption>{_text(caption)}</caption><thead><tr>{head}</tr></thead>\n<tbody>']
    for label, before, now in zip(labels, reference, shares, strict=True):
        bars = _bar(before / most, "before", before) + _bar(now / most, "now", now)
        lines.append(f'<tr><th scope="row">{_text(label)}</th>{bars}</tr>')
    return "\n".join([*lines, "</tbody></table></div>"])


def track(name: str, points: Sequence[tuple[float, float]], threshold: float) -> str:
    """The log e-value over the rows, with the line at which it alarms. Nothing without points.

    Args:
        points: row and natural logarithm of the e-value, ascending.
        threshold: a natural logarithm too, above 0.
    """
    if not points:
        return ""
    last = max(points[-1][0], 1.0)
    highest = min(max(threshold * 1.2, *(log for _, log in points)), threshold * _BEYOND)
    lowest = max(min(0.0, *(log for _, log in points)), -threshold)
    drawn = [(_across(row, last), _upward(log, lowest, highest)) for row, log in points]
    # A point alone would be no line.
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in [drawn[0], *drawn])
    limit, bottom, right = _upward(threshold, lowest, highest), _HIGH - _BELOW, _WIDE - 8
    told = (
        f"e-value of {name} over {last:,.0f} rows: ends at {_power(points[-1][1])}, "
        f"an alarm from {_power(threshold)} on; highest {_power(max(log for _, log in points))}"
    )
    return "\n".join(
        [
            f'<svg viewBox="0 0 {_WIDE} {_HIGH}" width="{_WIDE}" height="{_HIGH}" role="img">',
            f"<title>{_text(told)}</title>",
            f'<line class="axis" x1="{_LEFT}" y1="{bottom}" x2="{right}" y2="{bottom}"/>',
            f'<line class="axis" x1="{_LEFT}" y1="{_ABOVE}" x2="{_LEFT}" y2="{bottom}"/>',
            f'<line class="limit" x1="{_LEFT}" y1="{limit:.1f}" x2="{right}" y2="{limit:.1f}"/>',
            f'<text class="note" x="{_LEFT + 6}" y="{limit - 5:.1f}">alarm: {_power(threshold)}</text>',
            f'<text class="note" x="{_LEFT - 6}" y="{_ABOVE + 4}" text-anchor="end">{_power(highest)}</text>',
            f'<text class="note" x="{_LEFT - 6}" y="{bottom}" text-anchor="end">{_power(lowest)}</text>',
            f'<text class="note" x="{_LEFT}" y="{_HIGH - 10}">row 0</text>',
            f'<text class="note" x="{right}" y="{_HIGH - 10}" text-anchor="end">row {last:,.0f}</text>',
            f'<polyline class="track" points="{path}"/>',
            "</svg>",
        ]
    )


def _bar(share: float, kind: str, value: float) -> str:
    filled = min(max(share, 0.0), 1.0) * _BAR
    return (
        f'<td><svg class="bar" width="{_BAR}" height="12" aria-hidden="true"><rect class="rail" width="{_BAR}" '
        f'height="12" opacity=".35"/><rect class="{kind}" width="{filled:.1f}" height="12"/></svg>'
        f"{value * 100:.1f} %</td>"
    )


def _across(row: float, last: float) -> float:
    return _LEFT + row / last * (_WIDE - 8 - _LEFT)


def _upward(log: float, lowest: float, highest: float) -> float:
    share = (min(max(log, lowest), highest) - lowest) / ((highest - lowest) or 1.0)
    return _HIGH - _BELOW - share * (_HIGH - _BELOW - _ABOVE)


def _power(log: float) -> str:
    return f"1e{log / math.log(10):.1f}"


def _heads(names: Sequence[str]) -> str:
    return "".join(f'<th scope="col">{_text(name)}</th>' for name in names)


def _class(mark: Mark) -> str:
    return f' class="{mark}"' if mark else ""


def _text(text: str) -> str:
    return escape(visible(text))
