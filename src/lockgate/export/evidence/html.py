"""Pieces of the page. Pure. Every text that is given becomes text: whatever it holds is no markup and steers nothing.

Only `Markup`, which functions of this module make, goes in as it is. A link leads to a file of the archive, by a path
that the archive itself may have; the page knows of no other.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from html import escape
from typing import Literal

from lockgate.core.shown import visible
from lockgate.export.evidence.style import STYLE
from lockgate.export.evidence.zipped import is_name

Mark = Literal["", "bad", "warn", "ok"]


class Markup(str):
    """HTML that was made here."""

    __slots__ = ()


def text(given: str) -> Markup:
    """`given` as text of the page; `Markup` as it is."""
    return given if isinstance(given, Markup) else Markup(escape(visible(given)))


def join(parts: Iterable[str], between: str = " ") -> Markup:
    """Parts after one another."""
    return Markup(text(between).join(text(part) for part in parts))


def link(path: str, words: str) -> Markup:
    """A link to a file of the archive. Raises ValueError for a path that no file of it may have."""
    if not is_name(path):
        raise ValueError(f"no file of an archive: {path!r}")
    return Markup(f'<a href="{escape(path.replace(" ", "%20"))}">{text(words)}</a>')


def paragraph(*parts: str, mark: Mark = "") -> Markup:
    """A paragraph; nothing without words."""
    words = join(parts)
    return Markup(f"<p{_class(mark)}>{words}</p>") if words else Markup("")


def alert(*parts: str) -> Markup:
    """What must be read first."""
    return Markup(f'<p class="alert bad" role="alert">{join(parts)}</p>')


def note(*parts: str) -> Markup:
    """Where something stands, in small letters."""
    return Markup(f'<span class="source">[{join(parts, ", ")}]</span>')


def heading(words: str, level: int = 2, anchor: str = "") -> Markup:
    """A heading of level 1 to 3."""
    named = f' id="{escape(anchor)}"' if anchor else ""
    return Markup(f"<h{level}{named}>{text(words)}</h{level}>")


def listing(items: Iterable[str]) -> Markup:
    """A list; nothing without items."""
    entries = [f"<li>{text(item)}</li>" for item in items]
    return Markup("\n".join(["<ul>", *entries, "</ul>"])) if entries else Markup("")


def boxes(items: Iterable[tuple[str, Sequence[str]]]) -> Markup:
    """Boxes in their order: a heading and paragraphs each."""
    drawn = [f"<li>{heading(name, 3)}{''.join(paragraph(part) for part in parts)}</li>" for name, parts in items]
    return Markup("\n".join(['<ol class="boxes">', *drawn, "</ol>"]))


def table(head: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "") -> Markup:
    """A table; the first cell of each row names it. Nothing without rows."""
    lines = [
        f'<tr><th scope="row">{text(first)}</th>{"".join(f"<td>{text(cell)}</td>" for cell in more)}</tr>'
        for first, *more in rows
    ]
    if not lines:
        return Markup("")
    named = f"<caption>{text(caption)}</caption>" if caption else ""
    heads = "".join(f'<th scope="col">{text(name)}</th>' for name in head)
    return Markup(
        "\n".join(
            [
                f'<div class="wide"><table>{named}<thead><tr>{heads}</tr></thead>\n<tbody>',
                *lines,
                "</tbody></table></div>",
            ]
        )
    )


def code(lines: Iterable[str]) -> Markup:
    """Commands, a line each."""
    return Markup(f"<pre><code>{Markup(chr(10)).join(text(line) for line in lines)}</code></pre>")


def document(title: str, parts: Iterable[Markup]) -> bytes:
    """The whole page: it loads nothing, runs nothing, and its one style is allowed by digest."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    allowed = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    head = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{allowed}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer">',
        f"<title>{text(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>",
    ]
    return "\n".join([*head, *(part for part in parts if part), "</main>\n</body>\n</html>\n"]).encode()


def _class(mark: Mark) -> str:
    return f' class="{mark}"' if mark else ""
