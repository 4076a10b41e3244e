"""A person's word on single rows: good, or bad. The shell around one statement, and the file with the rows."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lockgate.audit.marks import MARKS, Word, mark, marks_in_force
from lockgate.audit.models import of_model
from lockgate.contract.findings import clean
from lockgate.core.moments import rfc3339
from lockgate.core.screen import FINDINGS
from lockgate.core.shown_html import Shown
from lockgate.core.statement import MARK, Statement, Subject, claim_uri
from lockgate.deploy.turn import turn
from lockgate.deploy.words import check_reason
from lockgate.errors import Usage
from lockgate.project.mark_rows import rows_of
from lockgate.project.marks_carried import carry_out
from lockgate.project.under_review import Told, under_review
from lockgate.validate.reviewing import Pick, Picked, Row, look

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence
    from lockgate.audit.workplace import Workplace
    from lockgate.core.digest import Digest

_PRIVATE: Final = 0o400
_SALT: Final = 32
_MOST_FIELDS: Final = 5


@dataclass(frozen=True)
class Wanted:
    """Which rows: named one by one, all that a finding flags, or those of an earlier mark (log index or digest)."""

    rows: tuple[str, ...] = ()
    finding: str = ""
    again: str = ""


@dataclass(frozen=True, repr=False)
class Marked(Shown):
    """A mark that was signed; or (`cached`) all of the rows had that word already, and nothing was.

    `index`: in the log; PENDING where it went to a file.
    """

    word: Word
    rows: int
    findings: tuple[str, ...]
    index: int
    marks: Digest | None
    cached: bool = False

    def text(self) -> str:
        """One line."""
        rows = f"{self.rows:,} row{'' if self.rows == 1 else 's'}"
        if self.cached:
            return f"{rows} {'is' if self.rows == 1 else 'are'} marked {self.word} already; nothing was signed"
        return f"{rows} marked {self.word}"

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        rest = {"findings": list(self.findings), "log_index": self.index}
        return {**{name: value for name, value in vars(self).items() if name not in {"index", "findings"}}, **rest}


@dataclass(frozen=True)
class _Chosen:
    """Rows whose mark may be signed: their file, and how the statement tells them."""

    rows: int
    findings: tuple[str, ...]
    validate: Digest
    lines: tuple[str, ...]
    said: int
    file: Path | None
    marks: Digest | None = None


def asked_lines(place: Workplace, wanted: Wanted, word: Word) -> tuple[str, ...]:
    """What a mark would say, a line each. Signs and keeps nothing. Raises as `sign_mark`."""
    with place.scratch() as scratch:
        return _choose(place, wanted, word, scratch).lines


def sign_mark(
    place: Workplace, wanted: Wanted, word: Word, *, reason: str, show: Callable[[str], None], to_file: Path | None
) -> Marked:
    """Sign, as approver, that rows are good, or bad; first show which.

    1. There is a reason, and each of the rows is an accepted one of the newest validate statement.
    2. What is signed is shown. Rows that have that word already are not marked again.
    3. The file with the rows is kept before the statement that names it, for this user only.

    Raises Usage LG533, LG244 to LG246, LG248 (1); what `under_review` and `look` raise.
    """
    # 1.
    check_reason(reason)
    with place.scratch() as scratch:
        chosen = _choose(place, wanted, word, scratch)
        # 2.
        for line in chosen.lines:
            show(line)
        if chosen.said == chosen.rows:
            return Marked(word, chosen.rows, chosen.findings, -1, None, cached=True)
        with turn(place, "approver"):
            # 3.
            digest = chosen.marks or _keep(place, chosen)
            statement = mark_statement(chosen, word, digest, reason=reason, now=place.now())
            evidence = place.record("approver", statement)
            if to_file is not None:
                carry_out(place.data, digest, to_file)
            return Marked(word, chosen.rows, chosen.findings, evidence.index, digest)


def mark_statement(chosen: _Chosen, word: Word, marks: Digest, *, reason: str, now: datetime) -> Statement:
    """An approver's word on the rows in the file `marks`. Pure."""
    predicate = {
        "claim": claim_uri("mark"),
        "time": rfc3339(now),
        "reason": reason,
        "mark": word,
        "rows": chosen.rows,
        "marks": marks,
        "validate": chosen.validate,
        "findings": list(chosen.findings),
    }
    return Statement((Subject(MARKS, marks),), MARK, predicate)


def _choose(place: Workplace, wanted: Wanted, word: Word, scratch: Path) -> _Chosen:
    found = under_review(place)
    if wanted.again:
        return _again(place, wanted.again, word)
    asked = found.asked(wanted.finding) if wanted.finding else None
    rule = asked.rule if asked else None
    rows = None if asked else rows_of(wanted.rows, found.files.sources)
    pick = Pick(rows, rule, secrets.token_hex(_SALT))
    picked = look(found.files, scratch / "marked", pick=pick, number=asked.place if asked else None).picked
    for digest in found.digests:
        # What the jail read is what was signed, not what somebody put there meanwhile.
        place.data.check(digest)
    if picked is None or (not picked.rows and not picked.missing):
        raise Usage(
            "LG248",
            f"{wanted.finding} flags no row of which nobody has said anything" if rule else "no row was named",
            seen={"finding": wanted.finding},
            next="lockgate review --screen",
        )
    if picked.missing:
        raise Usage(
            "LG244",
            f"not among the accepted rows: {', '.join(picked.unknown)}"
            + (f" and {picked.missing - len(picked.unknown):,} more" if picked.missing > len(picked.unknown) else "")
            + "; nothing was marked",
            seen={"rows": list(picked.unknown), "validate": found.validate.digest},
            next="lockgate review   # rows count from 0; those of an earlier mark: --again INDEX",
        )
    findings = (FINDINGS[rule],) if rule else picked.findings  # type: ignore[index]
    lines = _lines(found.validate, picked, word, findings, found.findings)
    return _Chosen(picked.rows, findings, found.validate.digest, lines, picked.said[word], picked.file)


def _again(place: Workplace, what: str, word: Word) -> _Chosen:
    """The rows of an earlier mark, whoever took that back: what is quarantined by one has no other name here."""
    known = of_model("mark", place.model, place.ledger.statements())
    fits = [mark(one) for one in known if what == str(one.index) or one.digest == what]
    if not fits:
        listed = [f"{one.index}: {mark(one).word}, {mark(one).rows:,} rows" for one in known]
        raise Usage(
            "LG248", f"no mark has the log index {what!r}", seen={"marks": listed[-10:]}, next="lockgate review"
        )
    found = fits[0]
    place.data.check(found.marks)
    last = [one for one in marks_in_force(place.ledger.statements(), place.model) if one.marks == found.marks][-1:]
    said = found.rows if last and last[0].word == word else 0
    lines = (
        f"{found.rows:,} rows, those of the mark of log entry {found.evidence.index}: {_WHAT[word]}",
        f"they were marked {found.word}: {found.reason}",
    )
    return _Chosen(found.rows, found.findings, found.validate, lines, said, None, found.marks)


_WHAT: Final = {
    "bad": "BAD, quarantined from the next run on, and with them every row that is equal to one of them",
    "good": "GOOD, no longer doubtful from the next run on, as long as there are no more equal rows than now",
}


def _lines(
    head: Evidence, picked: Picked, word: Word, findings: Sequence[str], told: Sequence[Told]
) -> tuple[str, ...]:
    """What somebody signs, before it is signed."""
    rows = [f"  {row_line(row)}" for row in picked.first]
    more, equal = picked.rows - len(rows), picked.rows - picked.asked
    of = dict(picked.found)
    about = [
        f"  {one.name}  {of[one.place]:,} of {one.rows:,} rows: {clean(str(one.value.get('what', '')), 400)}"
        for one in told
        if one.place in of and FINDINGS[one.rule] in findings  # type: ignore[index]
    ]
    return (
        f"{picked.rows:,} row{'' if picked.rows == 1 else 's'}: {_WHAT[word]}",
        f"as validate judged them in log entry {head.index} of {rfc3339(head.time)}",
        *([f"{equal:,} of them are not named and equal to one that is"] if equal else []),
        f"flagged by {', '.join(findings) or 'nothing'}",
        *about,
        *rows,
        *([f"  and {more:,} more"] if more > 0 else []),
    )


def row_line(row: Row) -> str:
    """A row on one line: where it is, and its first values."""
    values = [f"{name}={value}" for name, value in list(row.fields.items())[:_MOST_FIELDS]]
    more = len(row.fields) - len(values)
    return "  ".join([row.place, *values, *([f"and {more} more"] if more > 0 else [])])


def _keep(place: Workplace, chosen: _Chosen) -> Digest:
    if chosen.file is None:
        raise AssertionError("rows that were picked have a file")
    with chosen.file.open("rb") as file:
        return place.data.put(file, mode=_PRIVATE)
