"""What a person has to look at: rows that the contract refused, and rows that the screen flags."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from lockgate.contract.findings import clean
from lockgate.core.screen import FINDINGS
from lockgate.core.shown_html import Heading, Next, Part, Shown, Table, Words
from lockgate.errors import Refused, Usage
from lockgate.project.under_review import Told, UnderReview, under_review
from lockgate.validate.reviewing import Group, Refusal, Row, look

if TYPE_CHECKING:
    from lockgate.audit.workplace import Workplace

MOST_ROWS: Final = 10_000
"""The most rows of one finding that are shown."""


@dataclass(frozen=True)
class Flagged:
    """One finding of the screen: `what` was seen, of how many rows, from which sources, how many are marked good.

    `name`: as `--finding` takes it, LG234.2 where its rule has several.
    """

    name: str
    finding: str
    rule: str
    rows: int
    good: int
    what: str
    sources: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Spoken:
    """A mark in force. `applied`: not where the contract's fields are others than those of its rows (LG243)."""

    index: int
    word: str
    rows: int
    person: str
    reason: str
    applied: bool


@dataclass(frozen=True, repr=False)
class Review(Shown):
    """What the newest validate statement leaves to a person.

    Attributes:
        index: its place in the log.
        refused: the first reasons for which rows are quarantined; `by_rule`: all of them, counted.
        screened: whether the screen ran; `absent`: what it could not look for, and why; `notes`: what it left out.
        groups: by rule, how many rows it flags and the most doubtful of them.
        marks: the words that hold now, oldest first.
    """

    index: int
    rows: int
    accepted: int
    quarantined: int
    by_rule: tuple[Mapping[str, Any], ...]
    refused: tuple[Refusal, ...]
    screened: bool
    flagged: int
    doubtful: int
    good: int
    findings: tuple[Flagged, ...]
    groups: Mapping[str, Group]
    absent: Mapping[str, str]
    notes: Mapping[str, str]
    withheld: tuple[str, ...]
    marks: tuple[Spoken, ...]

    def view(self) -> Iterator[Part]:
        """What it shows of itself."""
        yield Heading(f"{self.accepted:,} accepted + {self.quarantined:,} quarantined = {self.rows:,} rows")
        if self.by_rule:
            names = tuple(self.by_rule[0])
            yield Table([names, *(tuple(str(each.get(name, "")) for name in names) for each in self.by_rule)])
        if self.groups:
            rows = [(rule, f"{one.found:,}") for rule, one in self.groups.items()]
            yield Table([("the screen flags", "rows"), *rows])
        elif not self.screened:
            yield Words("the screen did not run")
        if self.marks:
            marks = [(one.word, f"{one.rows:,}", one.person, one.reason) for one in self.marks]
            yield Table([("marked", "rows", "by", "reason"), *marks])
        yield Next(("lockgate review --screen",))

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        groups = {rule: {"rows": one.found, "shown": [_row(row) for row in one.rows]} for rule, one in
                  self.groups.items()}  # fmt: skip
        said = {name: value for name, value in vars(self).items() if name != "index"}
        return {
            **said,
            "log_index": self.index,
            "refused": [vars(one) for one in self.refused],
            "findings": [{**vars(one), "sources": [list(each) for each in one.sources]} for one in self.findings],
            "groups": groups,
            "absent": dict(self.absent),
            "notes": dict(self.notes),
            "marks": [vars(one) for one in self.marks],
        }


def review(place: Workplace, *, screen: bool, finding: str, limit: int) -> Review:
    """What is to be looked at; `screen`: what the screen flags alone; `finding`: what this one of it does.

    Raises Usage LG248 no such finding, LG246 too many rows; Refused LG242 the screen did not run, where it was asked
    for; what `under_review` and `look` raise.
    """
    if not 0 <= limit <= MOST_ROWS:
        raise Usage(
            "LG246", f"--limit is 0 to {MOST_ROWS:,}", seen={"limit": limit}, next="lockgate review --screen --limit 20"
        )
    found = under_review(place)
    if found.screen is None and (screen or finding):
        raise Refused(
            "LG242",
            f"the screen did not run when validate made its statement of log entry {found.validate.index}",
            seen={"environment": place.environment, "rows": found.report.get("accepted")},
            next="lockgate policy diff   # which rules are off; then: lockgate validate",
        )
    only = found.asked(finding) if finding else None
    listed = [_flagged(one) for one in (only.told if only else found.findings)]
    rules = list(dict.fromkeys(one.rule for one in listed))
    with place.scratch() as scratch:
        seen = look(
            found.files,
            scratch / "review",
            rules=rules,
            limit=limit,
            quarantined=not (screen or finding),
            number=only.place if only else None,
        )
    return _page(found, listed, seen.groups, seen.quarantine, seen.unreadable)


def _page(
    found: UnderReview,
    listed: Sequence[Flagged],
    groups: Mapping[str, Group],
    refused: tuple[Refusal, ...],
    unreadable: Sequence[int],
) -> Review:
    screen, report = found.screen or {}, found.report
    spoken = [
        Spoken(one.evidence.index, one.word, one.rows, one.evidence.person, one.reason, place not in unreadable)
        for place, one in enumerate(found.marks)
    ]
    return Review(
        index=found.validate.index,
        rows=_count(report, "rows"),
        accepted=_count(report, "accepted"),
        quarantined=_count(report, "quarantined"),
        by_rule=tuple(one for one in report.get("by_rule") or () if isinstance(one, Mapping)),
        refused=refused,
        screened=found.screen is not None,
        flagged=_count(screen, "flagged"),
        doubtful=_count(screen, "doubtful"),
        good=_count(screen, "good"),
        findings=tuple(listed),
        groups=groups,
        absent=_texts(screen.get("absent")),
        notes=_texts(screen.get("notes")),
        withheld=tuple(found.files.sensitive),
        marks=tuple(spoken),
    )


def _texts(value: Any) -> dict[str, str]:
    """Of the report, where both are objects: the statement's `notes` are names alone."""
    return {str(rule): clean(str(why), 200) for rule, why in value.items()} if isinstance(value, Mapping) else {}


def _flagged(told: Told) -> Flagged:
    one = told.value
    sources = one.get("sources")
    pairs = [pair for pair in sources if isinstance(pair, list) and len(pair) == 2] if isinstance(sources, list) else []
    named = tuple((clean(str(name), 200), count) for name, count in pairs if type(count) is int)
    what = clean(str(one.get("what", "")), 600)
    finding = FINDINGS[told.rule]  # type: ignore[index]
    return Flagged(told.name, finding, told.rule, _count(one, "rows"), _count(one, "good"), what, named)


def _count(value: Mapping[str, Any], key: str) -> int:
    found = value.get(key)
    return found if type(found) is int else 0


def _row(row: Row) -> dict[str, Any]:
    return {**vars(row), "findings": list(row.findings), "fields": dict(row.fields)}
