"""The page's pieces: text stays text, links stay inside, and numbers become words."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.export.evidence import html, words
from lockgate.export.evidence.style import STYLE

ACCURACY = (
    "Accuracy: of 100 answers, about 70.0 were right; with other such rows it is likely between 69.0 and 71.0 "
    "(95 % interval)."
)
AUC = (
    "ROC AUC 0.65: shown one case of either kind, it rates the right one higher about 65 times of 100 (50 is "
    "guessing, 100 is perfect); with other such rows it is likely between 0.64 and 0.66 (95 % interval)."
)
COMMON = (
    "Whoever always gives the commoner answer is right on 72.0 of 100: counted in right answers alone, the model is "
    "no better than that."
)


class Seen(HTMLParser):
    """What a browser would find."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag."""
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        """Text."""
        self.words += data


@given(st.text(max_size=60))
def test_every_text_is_text(given_text: str) -> None:
    """Whatever somebody writes: no tag comes of it, in a paragraph, a table, a list, a heading or a command."""
    for made, tags in (
        (html.paragraph("x", given_text), ["p"]),
        (html.listing([given_text]), ["ul", "li"]),
        (html.heading(given_text), ["h2"]),
        (html.code([given_text]), ["pre", "code"]),
        (html.table((given_text,), [(given_text, given_text)], "x" + given_text),
         ["div", "table", "caption", "thead", "tr", "th", "tbody", "tr", "th", "td"]),
    ):  # fmt: skip
        seen = Seen()
        seen.feed(made)
        assert tags == seen.tags
        assert seen.words.isprintable() or "\n" in made


@pytest.mark.parametrize(
    "path", ["javascript:alert(1)", "https://example.org", "//example.org/a", "../a", "/etc/passwd"]
)
def test_a_link_leads_nowhere_else(path: str) -> None:
    """Only to a file that an archive may have."""
    with pytest.raises(ValueError, match="no file"):
        html.link(path, "here")
    assert html.link("model/README.md", "here") == '<a href="model/README.md">here</a>'


def test_the_page_may_load_and_run_nothing() -> None:
    """One style, by its digest; nothing else is allowed, and nothing in it asks for more."""
    page = html.document("a <b>", [html.paragraph("c")]).decode()
    found = re.search(r"sha256-([^']+)'", page)
    assert found is not None
    assert base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode() == found[1]
    assert "default-src 'none'" in page
    assert "<title>a &lt;b&gt;</title>" in page
    assert not re.search(r"url\(|@import|https?:", STYLE)
    for medium in ("prefers-color-scheme:dark", "@media print"):
        assert medium in STYLE


@pytest.mark.parametrize(
    ("value", "word", "said"),
    [(0, "file", "no files"), (1, "file", "1 file"), (2, "file", "2 files"), (1234, "row", "1,234 rows")],
)
def test_counts_in_words(value: int, word: str, said: str) -> None:
    """One, none, many."""
    assert said == words.many(value, word)


def test_metrics_in_words() -> None:
    """What somebody understands who never heard of them; and what the commoner answer would do."""
    found = list(
        words.metrics(
            {
                "roc_auc": {"value": 0.65, "low": 0.64, "high": 0.66},
                "accuracy": {"value": 0.7, "low": 0.69, "high": 0.71},
                "positive_rate": {"value": 0.28},
                "made_up": {"value": 3.5},
                "strange": "no number",
            }
        )
    )
    assert found == [
        ACCURACY,
        AUC,
        "Of 100 of these rows, about 28.0 really were a yes.",
        "made_up: 3.5.",
        COMMON,
    ]


def test_a_moment_in_words() -> None:
    """With its zone."""
    assert words.moment(datetime(2026, 5, 1, 9, 5, tzinfo=UTC)) == "1 May 2026, 09:05 UTC"
