"""How a reader checks it himself, and what nobody has proved. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lockgate.export.evidence import words
from lockgate.export.evidence.cites import Cites
from lockgate.export.evidence.facts import empty
from lockgate.export.evidence.html import Markup, code, heading, listing, paragraph
from lockgate.export.evidence.mappings import CAVEAT, FRAMEWORKS
from lockgate.export.evidence.tlog_policy import quorum

if TYPE_CHECKING:
    from lockgate.export.evidence.spec import Case


def ending(case: Case, cites: Cites) -> Iterator[Markup]:
    """The last three parts of the page."""
    yield heading("How to check this yourself", anchor="check")
    yield paragraph(
        "Do not believe this page: whoever made the archive could write anything here. Believe the verifier: a single "
        "file, lockgate_verify.py, that needs Python 3.11 and its package cryptography (python3 -m pip install "
        "cryptography), and nothing of Lockgate. Get two things by another way than this archive, from the owner's own "
        "mouth or a page that you trust:"
    )
    yield listing(
        [
            "the root: 64 letters and digits that stand for the owner's first key. Below is what this archive claims;",
            (
                "the verifier, or at least its digest, which is published with each release of Lockgate. Its copy here "
                "is called verify.py: one that came with a forged archive may be forged too. Keep what you run in a "
                "folder of its own, never in the one where you unpacked this."
            ),
        ]
    )
    yield code(
        [
            "sha256sum lockgate_verify.py",
            f"python3 -I lockgate_verify.py --root {case.project} ARCHIVE.evidence.zip",
        ]
    )
    named = " ".join(f"--witness {one.key.line()}" for one in case.policy.witnesses.values())
    if named:
        yield paragraph(
            "The policy names outside witnesses. Ask each of them for its key, compare it with the one here, and have "
            "the verifier count them:"
        )
        yield code([f"python3 -I lockgate_verify.py --root ROOT {named} ARCHIVE.evidence.zip"])
    yield paragraph(
        "It says what it proved and what it did not, and ends with 0 only when everything verified. Where the root "
        "can be had from nobody but the one who gave you this, nothing here is proved. With Lockgate itself: lockgate "
        "verify ARCHIVE.evidence.zip."
    )
    yield heading("What is not proved", anchor="not-proved")
    yield listing(_not_proved(case))
    nothing = empty(case)
    yield heading("How this maps to outside frameworks", anchor="mappings")
    yield paragraph(CAVEAT, cites.files("mapping.json"))
    for one in FRAMEWORKS:
        given = sum(1 for row in one.rows if {*row.files} - nothing)
        yield paragraph(f"{one.name}: {words.many(given, 'row')} with a file that says something here. {one.note}")


def _not_proved(case: Case) -> Iterator[str]:
    yield "This page itself: it is the exporter's reading. Each sentence leads to what was signed."
    yield "That the labels and the data are right: only that they are the ones that were used."
    yield "What the training code meant to do: it was shut in, not understood."
    yield "That whoever holds a key is who they say. The names are those of the roles file."
    yield f"Separation of persons: {case.separation}. One person who holds all keys can sign all of this alone."
    yield (
        "That the machines did what the statements say. The statements are signed by keys on those machines; whoever "
        "had all of them could have signed a story."
    )
    yield "That the machine's clock was right. Times are those that it had when the log took an entry."
    named, seen = case.policy.witnesses, case.witnesses
    if seen:
        told = ", ".join(
            f"{name} ({words.moment(datetime.fromtimestamp(at, UTC))})" for name, at in sorted(seen.items())
        )
        yield f"That no second version of the log exists, beyond what these outside witnesses have seen: {told}."
    elif named:
        yield "That no second version of the log exists: witnesses are named, and none has signed this checkpoint."
    else:
        yield (
            "That no second version of the log exists: no outside witness is named in the policy, so the owner could "
            "show another log to somebody else."
        )
    wanted = quorum(case)
    if wanted:
        asked = words.many(wanted, "witness", "witnesses")
        yield f"The policy asks for {asked}; verify.py counts them when it is told their keys."
    yield "That nothing came after: this is the state of the moment named above, and a later revocation is not in it."
    if case.predictions is not None:
        yield (
            "That every answer left a record: a gateway that lies could leave one out. Whoever was answered without a "
            "receipt, or with one that is never sealed, has noticed."
        )
        yield "What was asked and answered: the records hold commitments, which only the parties can open."
    else:
        yield "Anything about answers: no log of them is in this archive."
    yield (
        "The access matrix: the calls were made by the exporter's own program on copies. It shows what the code does, "
        "not what somebody on the machine could do around it; and what the running gateway's own process could reach "
        "was not tried."
    )
    yield "The monitoring numbers: computed by the exporter from the log of answers."
    yield "That files that are not here are harmless: they are named by digest only."
    # What is not proved of any registered model stands above, at more length.
    more = case.not_proved if case.imported is not None else ()
    yield from (f"{each[0].upper()}{each[1:]}." for each in more)
