"""Who said it, and where: each sentence of the page leads to its statement. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from lockgate.core.digest import hex_of
from lockgate.export.evidence.html import Markup, join, link, note
from lockgate.export.evidence.words import listed, moment

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence


class Cites:
    """The statements that the page has cited so far, by log entry."""

    def __init__(self) -> None:
        self.indexes: set[int] = set()

    def of(self, *statements: Evidence) -> Markup:
        """`[log entry 7, as signed]`, with links to what can be read and to the exact bytes."""
        parts: list[str] = []
        for one in statements:
            self.indexes.add(one.index)
            parts.append(link(f"readable/{one.index}.json", f"log entry {one.index}"))
            parts.append(link(f"statements/{hex_of(one.digest)}.json", "as signed"))
        return note(*parts) if parts else Markup("")

    def files(self, *paths: str) -> Markup:
        """`[facts/judge.json]`."""
        return note(*(link(path, path) for path in paths))


def signed(one: Evidence) -> Markup:
    """`signed by mara (as trainer) on 27 November 2026, 00:04 UTC`; the time is the log's."""
    persons = listed(list(one.persons or (one.person,)))
    return join([f"Signed by {persons}, as {one.role}; in the log since {moment(one.time)}."])


def names(statements: Iterable[Evidence]) -> str:
    """Everybody who signed any of them, each once."""
    return listed(list(dict.fromkeys(name for one in statements for name in one.persons or (one.person,))))
