"""What people said of single rows: good, or bad. Read from the event log. Pure.

    mark        by an approver: the rows in `marks.parquet` (by their content, not by number) are good, or bad
    validate    fact `marks`: the mark statements that were applied; `marks_left`: those that could not be (LG243), of
                which `marks_left_bad` say bad; `marked_bad`: rows quarantined by marks

The last word on a row counts. A mark that was revoked, or signed by a revoked key, was never said.
Read strictly: a field that is missing, strange or not known raises VerificationFailed LG526, naming it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Literal, cast, get_args

from lockgate.audit.evidence import PENDING
from lockgate.audit.fields import count_of, digest_in, malformed, text_of
from lockgate.audit.models import is_for, model_of, of_model
from lockgate.audit.withdrawn import withdrawn
from lockgate.core.digest import Digest
from lockgate.errors import VerificationFailed

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence

Word = Literal["good", "bad"]
WORDS: Final[tuple[Word, ...]] = get_args(Word)
MARKS: Final = "marks.parquet"
MARK_FIELDS: Final = frozenset(
    {"claim", "time", "project", "reason", "model", "mark", "rows", "marks", "validate", "findings"}
)
_MOST_FINDINGS: Final = 50
_FINDING: Final = re.compile(r"LG[0-9]{3,4}")


@dataclass(frozen=True)
class Mark:
    """An approver's word on some rows.

    Attributes:
        marks: the digest of the file with the rows; `rows`: how many.
        validate: the validate statement that was under review; `findings`: by which its rows were flagged.
    """

    evidence: Evidence
    word: Word
    rows: int
    marks: Digest
    validate: Digest
    findings: tuple[str, ...]
    reason: str


def mark(one: Evidence) -> Mark:
    """Read one mark. Raises VerificationFailed LG526."""
    word, findings = one.predicate.get("mark"), one.predicate.get("findings")
    if word not in WORDS:
        raise malformed(one, "mark")
    if not isinstance(findings, list) or len(findings) > _MOST_FINDINGS:
        raise malformed(one, "findings")
    if not all(isinstance(each, str) and _FINDING.fullmatch(each) for each in findings):
        raise malformed(one, "findings")
    unknown = sorted(set(one.predicate) - MARK_FIELDS)
    if unknown:
        raise malformed(one, unknown[0])
    found = Mark(
        one,
        cast("Word", word),
        count_of(one, one.predicate.get("rows"), "rows"),
        digest_in(one, one.predicate.get("marks"), "marks"),
        digest_in(one, one.predicate.get("validate"), "validate"),
        tuple(findings),
        text_of(one, "reason"),
    )
    if [(each.name, each.digest) for each in one.statement.subjects] != [(MARKS, found.marks)]:
        raise malformed(one, "subject")
    return found


def marks_in_force(statements: Sequence[Evidence], model: str) -> tuple[Mark, ...]:
    """The marks that hold for rows of `model` now, oldest first: the later one wins. `statements`: the whole log."""
    said = of_model("mark", model, statements)
    if not said:
        return ()
    gone = withdrawn(statements)
    return tuple(mark(one) for one in said if not gone.hits(one))


def check_mark(found: Mark, statements: Sequence[Evidence]) -> None:
    """That a mark is about rows of its own model, which were judged before it.

    Raises VerificationFailed LG782.
    """
    validate = next((one for one in statements if one.digest == found.validate), None)
    about = found.evidence
    # What is not sealed yet stands after all that is.
    end = len(statements) if about.index == PENDING else about.index
    if validate is None or validate.claim != "validate" or validate.index >= end:
        raise _not_reviewed(found, "is about no validate statement that stands before it")
    if not is_for(validate, model_of(about.statement)):
        raise _not_reviewed(found, "is about rows of another model")


def check_applied(validate: Evidence, statements: Sequence[Evidence]) -> None:
    """That a validate statement rests on all marks that somebody gave, and on none that nobody did.

    1. `marks` lists digests, in the order of the log, each once; a statement from before there were marks has none.
    2. Each is of a mark that stands before the statement in the log, and is for its model. That it was said by an
       approver, for this project, the ledger has verified.
    3. It was not taken back before the statement.
    4. It passes over none that is in force before it: one that could not be applied is named in `marks_left`.
    5. Those that it leaves are of rows that another contract judged, and it says how many of them say bad.
    6. Rows are quarantined by marks only where one of them says bad.

    Raises VerificationFailed LG780 (1 to 5), LG781 (5, 6), LG526.
    """
    # 1.
    digests, left = _digests(validate, "marks"), _digests(validate, "marks_left")
    before = [one for one in statements if one.index < validate.index]
    # 2.
    known = {one.digest: one for one in before if one.claim == "mark"}
    words, gone = [], withdrawn(before) if digests else None
    for digest in digests:
        one = known.get(digest)
        if one is None:
            raise _not_applied(validate, "names a mark that nobody gave before it", digest)
        if not is_for(one, model_of(validate.statement)):
            raise _not_applied(validate, "names a mark on rows of another model", digest)
        # 3.
        if gone is not None and gone.hits(one):
            raise _not_applied(validate, "names a mark that was taken back before it", digest)
        words.append(mark(one).word)
    places = [known[digest].index for digest in digests]
    if any(later <= earlier for earlier, later in pairwise(places)):
        raise _not_applied(validate, "does not name its marks in the order of the log", digests[0])
    # 4.
    for each in marks_in_force(before, model_of(validate.statement)):
        if each.evidence.digest not in {*digests, *left}:
            raise _not_applied(validate, "passes over a mark that was in force before it", each.evidence.digest)
    # 5.
    _check_left(validate, left, before)
    # 6.
    _check_bad(validate, digests, words)


def _digests(validate: Evidence, key: str) -> list[Digest]:
    listed = validate.predicate.get(key, [])
    if not isinstance(listed, list):
        raise malformed(validate, key)
    return [digest_in(validate, each, key) for each in listed]


def _check_left(validate: Evidence, left: Sequence[Digest], before: Sequence[Evidence]) -> None:
    """That nobody leaves a mark out which could have been applied, or hides that it says bad."""
    said = {one.digest: one for one in before}
    bad = 0
    for digest in left:
        one = said.get(digest)
        if one is None or one.claim != "mark":
            raise _not_applied(validate, "leaves a mark that nobody gave before it", digest)
        found = mark(one)
        bad += found.word == "bad"
        reviewed = said.get(found.validate)
        if reviewed is not None and _same_fields(validate, reviewed):
            raise _not_applied(validate, "leaves a mark on rows that the same contract judged", digest)
    told = validate.predicate.get("marks_left_bad", 0)
    if type(told) is not int:
        raise malformed(validate, "marks_left_bad")
    if told != bad:
        raise VerificationFailed(
            "LG781",
            f"a validate statement says that {told} of the marks that it leaves say bad; it is {bad}",
            seen={"statement": validate.digest, "log_index": validate.index, "marks": list(left)},
            next="lockgate validate",
        )


def _same_fields(one: Evidence, other: Evidence) -> bool:
    """Whether the same code, in the same environment and read by the same programs, says which fields rows have."""
    keys = ("closure", "contract", "label", "lock", "versions")
    stated = all(isinstance(said.predicate.get("closure"), str) for said in (one, other))
    return stated and all(one.predicate.get(key) == other.predicate.get(key) for key in keys)


def _check_bad(validate: Evidence, digests: Sequence[Digest], words: Sequence[Word]) -> None:
    bad, quarantined = validate.predicate.get("marked_bad", 0), _count(validate, "quarantined")
    if type(bad) is not int or bad < 0:
        raise malformed(validate, "marked_bad")
    if bad and ("bad" not in words or bad > quarantined):
        raise VerificationFailed(
            "LG781",
            f"a validate statement says that {bad} rows were quarantined because somebody marked them bad, "
            + (f"of {quarantined} quarantined rows" if "bad" in words else "and names no mark that says so"),
            seen={"statement": validate.digest, "log_index": validate.index, "marked_bad": bad, "marks": list(digests)},
            next="lockgate log verify",
        )


def _count(validate: Evidence, key: str) -> int:
    value = validate.predicate.get(key)
    return value if type(value) is int else 0


def _not_reviewed(found: Mark, what: str) -> VerificationFailed:
    about = found.evidence
    return VerificationFailed(
        "LG782",
        f"a mark {what}",
        seen={"statement": about.digest, "log_index": about.index, "validate": found.validate},
        next="lockgate review mark ROWS good|bad, on what validate says now",
    )


def _not_applied(validate: Evidence, what: str, digest: Digest) -> VerificationFailed:
    return VerificationFailed(
        "LG780",
        f"a validate statement {what}",
        seen={"statement": validate.digest, "log_index": validate.index, "mark": digest},
        next="lockgate validate",
    )
