"""`INDEX.html`: for a person who knows no machine learning and has to decide whether to sign. Pure.

    what this is -> the picture -> questions -> how to check -> what is not proved

Every sentence that is said of the model leads to the statement that says it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lockgate.export.evidence import words
from lockgate.export.evidence.cites import Cites
from lockgate.export.evidence.ending import ending
from lockgate.export.evidence.html import Markup, alert, document, heading, paragraph, table
from lockgate.export.evidence.picture import picture
from lockgate.export.evidence.questions_made import made
from lockgate.export.evidence.questions_run import used

if TYPE_CHECKING:
    from lockgate.export.evidence.spec import Case


@dataclass(frozen=True)
class Page:
    """The page, and the log entries that it links to: their payloads must be in the archive."""

    content: bytes
    cited: frozenset[int]


def page(case: Case) -> Page:
    """The page about a model."""
    cites = Cites()
    content = document(f"Evidence about {case.ref}", list(_parts(case, cites)))
    return Page(content, frozenset(cites.indexes))


def _parts(case: Case, cites: Cites) -> Iterator[Markup]:
    yield heading(f"Evidence about {case.ref}", 1)
    if case.revoked is not None:
        reason = str(case.revoked.predicate.get("reason", "")) or "no reason was given"
        yield alert(
            f"REVOKED on {words.moment(case.revoked.time)}: {reason}. Nobody should use this model.",
            cites.of(case.revoked),
        )
    yield paragraph(
        f"This archive tells how one model, a program that learned from examples and is called {case.ref}, was made "
        "and is used: by whom, from what, and on whose word. Each step left a signed statement, and all statements "
        "stand in a signed log: whoever has seen an earlier state of it sees when something was taken out or changed. "
        "You need not believe the people who gave you this: you can check it, and at the end it says what nobody can "
        "prove.",
    )
    yield paragraph(
        f"Made on {words.moment(case.made)}, from a log of {words.many(case.events.size, 'statement')}. The small "
        "links lead to the statement behind a sentence, once to be read and once as it was signed."
    )
    yield table(
        ("to compare", ""),
        (
            ("the model: digest of its manifest", case.manifest),
            ("the log of events", f"{words.many(case.events.size, 'entry', 'entries')}, root {case.events.root.hex()}"),
            ("the project, as this archive claims", f"sha256:{case.project}"),
        ),
    )
    for one in case.warnings:
        yield paragraph(f"{one.finding}: {one.message}", mark="warn")
    yield heading("The picture", anchor="picture")
    yield picture(case, cites)
    yield heading("Questions you may have", anchor="questions")
    yield from made(case, cites)
    yield from used(case, cites)
    yield from ending(case, cites)
