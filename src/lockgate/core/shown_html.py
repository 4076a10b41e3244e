"""A result that shows itself: lines in plain Python, plain HTML in a notebook. Pure.

    @dataclass(frozen=True, repr=False)
    class Page(Shown):
        def view(self) -> Iterable[Part]:
            yield Heading("flights@1")
            yield Table((("metric", "value"), ("roc_auc", "0.87")))     # the first row is its head
            yield Next(("lockgate serve",))

Promises: one description gives both, so that they cannot tell different things. The HTML has no script, no style, no
colour, no address and no id: it takes a notebook's own look, dark or light, and loads nothing. What others wrote is
escaped, and nothing in it steers a terminal (`core.shown`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Final, TypeAlias, TypeVar

from lockgate.core.shown import Lines, block, json_line, visible

MARKS: Final = {"ok": "✓", "warn": "!", "bad": "✗", "skipped": "·", "note": "·", "none": "·"}
MOST_ROWS: Final = 200
"""Rows of one table that are drawn; how many more there are is said."""


@dataclass(frozen=True)
class Heading:
    """What the rest is about."""

    text: str


@dataclass(frozen=True)
class Words:
    """A sentence, or `Lines`."""

    text: str


@dataclass(frozen=True)
class Table:
    """Rows of texts; the first one is the head, where `head`."""

    rows: Sequence[Sequence[str]]
    head: bool = True


@dataclass(frozen=True)
class Next:
    """The commands that a person runs next."""

    commands: Sequence[str]


_One = TypeVar("_One")
Part: TypeAlias = Heading | Words | Table | Next


class Shown:
    """Base of results that show themselves: by their `view`, else by their `text()`, else by what `as_json` says."""

    def view(self) -> Iterable[Part]:
        """What there is to show, in order."""
        text, said = getattr(self, "text", None), getattr(self, "as_json", None)
        if callable(text):
            yield Words(text())
        else:
            yield Heading(type(self).__name__)
            yield facts(said() if said else vars(self))

    def __repr__(self) -> str:
        return as_text(self.view())

    def _repr_html_(self) -> str:
        return as_html(self.view())


class Listed(tuple[_One, ...], Shown):  # noqa: SLOT001 - a base beside it has no slots
    """A tuple of results that shows itself as a table: by what each says, unless it has a `view`."""

    def view(self) -> Iterable[Part]:
        """A row for each, with what its `as_json` says."""
        said = [one.as_json() if hasattr(one, "as_json") else vars(one) for one in self]
        yield Table([tuple(said[0]), *(tuple(map(_plain, one.values())) for one in said)]) if said else Words("none")

    __repr__ = Shown.__repr__


def facts(values: Mapping[str, Any]) -> Table:
    """Names and values, one below the other; what is nested is JSON."""
    rows = [(name, _plain(value)) for name, value in values.items() if value not in (None, "", (), [], {})]
    return Table(rows, head=False)


def as_text(parts: Iterable[Part]) -> Lines:
    """For plain Python: lines."""
    return block(line for part in parts for line in _lines(part))


def as_html(parts: Iterable[Part]) -> str:
    """For a notebook: headings, tables, paragraphs."""
    html = "".join(map(_html, parts))
    # Not every notebook leaves room between two tables.
    return f"<div>{html.replace('</table><table>', '</table><br><table>')}</div>"


def _lines(part: Part) -> Iterable[str]:
    match part:
        case Heading(text):
            yield visible(text)
        case Words(text):
            yield visible(text)
        case Next(commands):
            for number, command in enumerate(commands):
                yield ("next:  " if number == 0 else "       ") + command
        case Table(rows):
            kept = [[visible(cell) for cell in row] for row in rows[:MOST_ROWS]]
            columns = max(map(len, kept), default=0)
            widths = [max((len(row[n]) for row in kept if n < len(row)), default=0) for n in range(columns)]
            for row in kept:
                yield "    " + "  ".join(cell.ljust(widths[n]) for n, cell in enumerate(row)).rstrip()
            if len(rows) > MOST_ROWS:
                yield f"    and {len(rows) - MOST_ROWS:,} more"


def _html(part: Part) -> str:
    match part:
        case Heading(text):
            return f"<h4>{_safe(text)}</h4>"
        case Words(text):
            return f"<pre>{_safe(text)}</pre>" if isinstance(text, Lines) else f"<p>{_safe(text)}</p>"
        case Next(commands):
            shown = "<br>".join(f"<code>{_safe(command)}</code>" for command in commands)
            return f"<p>next: {shown}</p>" if commands else ""
        case Table(rows, head):
            return _table(rows, head=head) if rows else ""


def _table(rows: Sequence[Sequence[str]], *, head: bool) -> str:
    top = "".join(f"<th>{_safe(cell)}</th>" for cell in rows[0]) if head else ""
    kept = rows[1 if head else 0 : MOST_ROWS]
    body = "".join("<tr>" + "".join(f"<td>{_safe(cell)}</td>" for cell in row) + "</tr>" for row in kept)
    more = f"<p>and {len(rows) - MOST_ROWS:,} more</p>" if len(rows) > MOST_ROWS else ""
    return f"<table>{f'<thead><tr>{top}</tr></thead>' if head else ''}<tbody>{body}</tbody></table>{more}"


def _safe(text: str) -> str:
    return escape(visible(text))


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) or value is None:
        return str(value)
    text = json_line(value)
    return text if len(text) <= _MOST_JSON else text[:_MOST_JSON] + "..."


_MOST_JSON = 300
