"""Parts of the page about drift: whatever is given is text, and the page fetches and runs nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from lockgate.export.drift_html import document, histogram, listing, section, table, track, words

EVIL = '</style><script>alert(1)</script>"><img src=http://x.example onerror=1>\x1b[31m\u202e'
VOID = {"meta", "line", "rect", "polyline"}


class Seen(HTMLParser):
    """Tags in order, whether each is closed, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: D102 - the interface of HTMLParser
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: D102 - the interface of HTMLParser
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:  # noqa: D102 - the interface of HTMLParser
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:  # noqa: D102 - the interface of HTMLParser
        self.text += data


def whole(name: str) -> str:
    """A page with each part, in which all is called `name`."""
    return document(
        name,
        name,
        [
            section(name, words(name), listing([name]), mark="bad"),
            table((name, name), [(name, name)], name),
            histogram(name, [name, "b"], (0.25, 0.75), (3, 1)),
            track(name, [(999, 0.5), (1999, 20.0)], 4.6),
        ],
    )


def test_a_page_is_whole() -> None:
    """Every tag that opens closes, in order; the numbers are text of the page."""
    seen = Seen(whole("amount"))
    assert seen.open == []
    assert {"svg", "table", "h1", "h2", "li"} <= {tag for tag, _ in seen.tags}
    for told in ("25.0 %", "75.0 %", "row 1,999", "alarm: 1e2.0"):
        assert told in seen.text
    assert "prefers-color-scheme:dark" in seen.text


def test_the_policy_of_the_page() -> None:
    """Nothing may be fetched or run; the one style that is allowed is that of the page, by its digest."""
    page = whole("amount")
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    (style,) = re.findall("<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    attributes = {name for _, attrs in Seen(page).tags for name in attrs}
    assert not attributes & {"src", "href", "style", "onload", "onerror"}
    assert "http" not in page.replace("http-equiv", "")
    assert page.index("Content-Security-Policy") < page.index("<style>")


def test_words_of_others_are_text() -> None:
    """A name that holds markup, escapes or marks of direction makes the same tags as any other."""
    evil, plain = Seen(whole(EVIL)), Seen(whole("amount"))
    assert [tag for tag, _ in evil.tags] == [tag for tag, _ in plain.tags]
    assert [sorted(attrs) for _, attrs in evil.tags] == [sorted(attrs) for _, attrs in plain.tags]
    assert "<script>alert(1)</script>" in evil.text
    assert not re.search("[\x1b\u202e]", whole(EVIL))


def test_a_drawing_is_told_too() -> None:
    """Whoever cannot see the line hears where it ends, and where the alarm is."""
    assert "e-value of amount over 1,999 rows: ends at 1e8.7, an alarm from 1e2.0 on" in track(
        "amount", [(999, 0.5), (1999, 20.0)], 4.6
    )
    assert 'role="img"' in track("amount", [(999, 0.5)], 4.6)


@pytest.mark.parametrize("log", [-1e9, -3.0, 0.0, 4.6, 1e9])
def test_the_line_stays_in_its_frame(log: float) -> None:
    """However large or small an e-value is, the line is drawn inside the picture."""
    (points,) = re.findall(r'points="([^"]+)"', track("x", [(0, log), (10, log / 2)], 4.6))
    for point in points.split():
        across, down = map(float, point.split(","))
        assert 0 <= across <= 720
        assert 0 <= down <= 220


def test_nothing_is_drawn_of_nothing() -> None:
    """Without points, rows or items there is no picture, no division by zero, and no empty list."""
    assert track("x", [], 4.6) == ""
    assert listing([]) == ""
    assert "0.0 %" in histogram("x", ["a"], (0.0,), (0,))
