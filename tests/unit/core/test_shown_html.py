"""Results show themselves: the same in plain Python and in a notebook, and nothing of a stranger's runs there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.core.shown import block
from lockgate.core.shown_html import MOST_ROWS, Heading, Listed, Next, Part, Shown, Table, Words, as_html, as_text

PLAIN = {"div", "h4", "p", "pre", "code", "br", "table", "thead", "tbody", "tr", "th", "td"}
HOSTILE = [
    "<script>alert(1)</script>",
    "\x1b[31mred",
    "a\u202eb",
    "<img src=//x onerror=y>",
    "&lt;",
    "line\nbreak",
    '"',
]


class Reader(HTMLParser):
    """Which tags and attributes a page has, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[object] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember both."""
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        """Remember the text."""
        self.text.append(data)


def read(html: str) -> Reader:
    """A page, parsed."""
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader


@dataclass(frozen=True, repr=False)
class Page(Shown):
    """A page of one text in every place where a text can stand."""

    text_of: str

    def view(self) -> Iterable[Part]:
        """All parts."""
        said = self.text_of
        yield from (Heading(said), Words(said), Words(block([said, said])), Next((said,)))
        yield Table([(said, "n"), (said, "1")])


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_of_a_stranger_becomes_markup_or_steers_a_terminal(text: str) -> None:
    """Tags, escapes and marks that turn the writing are shown as signs, in both views; no tag has an attribute."""
    page = Page(text)
    found = read(page._repr_html_())
    assert (set(), []) == (set(found.tags) - PLAIN, found.attributes)
    assert [line for line in repr(page).split("\n") if not line.isprintable()] == []
    assert "".join(found.text).replace("\n", "").isprintable()


@given(st.text(max_size=40))
def test_both_views_say_the_same(text: str) -> None:
    """Whatever is shown: no other tags, and what a notebook says stands in the lines of plain Python."""
    found, lines = read(as_html(Page(text).view())), repr(Page(text))
    assert set(found.tags) <= PLAIN
    assert not found.attributes
    words = [re.sub(r"\s+", " ", each).strip() for each in found.text]
    assert [each for each in words if each != "next:" and each not in re.sub(r"\s+", " ", lines)] == []


def test_a_long_table_is_cut_and_says_so() -> None:
    """The first rows are drawn, and how many more there are is told, in both views."""
    rows = [("n",), *((str(n),) for n in range(MOST_ROWS + 50))]
    assert "and 51 more" in as_text([Table(rows)])
    html = as_html([Table(rows)])
    assert "<p>and 51 more</p>" in html
    assert html.count("<tr>") == MOST_ROWS


def test_a_result_without_a_view_shows_its_text_or_its_json() -> None:
    """Lines where it has `text()`; else a table of what `--json` says; a secret field is no part of either."""

    @dataclass(frozen=True, repr=False)
    class Told(Shown):
        key: str = "lgk_secret"

        def as_json(self) -> dict[str, object]:
            return {"name": "web", "empty": "", "nested": {"a": [1, 2]}}

    @dataclass(frozen=True, repr=False)
    class Said(Shown):
        def text(self) -> str:
            return block(["one", "two"])

    assert repr(Told()).split("\n") == ["Told", "    name    web", '    nested  {"a": [1, 2]}']
    assert "secret" not in Told()._repr_html_()
    assert repr(Said()) == "one\ntwo"
    assert Said()._repr_html_() == "<div><pre>one\ntwo</pre></div>"


def test_a_tuple_of_results_is_a_table() -> None:
    """It stays a tuple; empty, it says so."""

    @dataclass(frozen=True)
    class Line:
        name: str
        rows: int

    found = Listed((Line("a", 1), Line("b", 22)))
    assert tuple(found) == (Line("a", 1), Line("b", 22))
    assert repr(found).split("\n") == ["    name  rows", "    a     1", "    b     22"]
    assert found._repr_html_().count("<tr>") == 3
    assert repr(Listed[Line]()) == "none"
