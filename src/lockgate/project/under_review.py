"""What the newest validate statement leaves to a person: read from the data store, each file as it was signed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from lockgate.audit.joins import fact_digest, subject
from lockgate.audit.mark_files import mark_files
from lockgate.audit.marks import Mark, marks_in_force
from lockgate.contract.spec import ACCEPTED, QUARANTINE
from lockgate.core.encoding import decode_exact
from lockgate.core.screen import FINDINGS, RULES, bits_of
from lockgate.errors import Refused, Usage, VerificationFailed
from lockgate.validate.reviewing import SCREEN, Files

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence
    from lockgate.audit.workplace import Workplace
    from lockgate.core.digest import Digest

_MOST_REPORT: Final = 64 << 20
_RULE_OF: Final[Mapping[str, str]] = {finding: rule for rule, finding in FINDINGS.items()}


@dataclass(frozen=True)
class Told:
    """One finding of the screen: its place in the list, and its name, such as LG234.2 where its rule has several."""

    place: int
    rule: str
    name: str
    value: Mapping[str, Any]

    @property
    def rows(self) -> int:
        """How many it is about, as validate counted them."""
        found = self.value.get("rows")
        return found if type(found) is int else 0


@dataclass(frozen=True)
class Asked:
    """A rule of the screen, or (`place`) one finding of it; `told`: what that is."""

    rule: str
    place: int | None
    told: tuple[Told, ...]


@dataclass(frozen=True)
class UnderReview:
    """A validate statement, its report, the files that it names, by `digests`, and the marks that are in force now."""

    validate: Evidence
    report: Mapping[str, Any]
    files: Files
    marks: tuple[Mark, ...]
    digests: tuple[Digest, ...] = ()

    @property
    def screen(self) -> Mapping[str, Any] | None:
        """What the screen found: as the statement says it, with the sentences, which the log does not hold.

        None where it did not run.
        """
        parts = (self.validate.predicate.get("screen"), self.report.get("screen"))
        if self.files.screen is None or not all(isinstance(one, Mapping) for one in parts):
            return None
        return {name: value for part in parts if isinstance(part, Mapping) for name, value in part.items()}

    @property
    def findings(self) -> Sequence[Told]:
        """The findings of the screen, in the order in which its rules are told."""
        listed = (self.screen or {}).get("findings")
        known = [
            (place, one)
            for place, one in enumerate(listed if isinstance(listed, list) else [])
            if isinstance(one, Mapping) and one.get("rule") in RULES
        ]
        of, nth = Counter(one["rule"] for _, one in known), Counter[str]()
        told = []
        for place, one in sorted(known, key=lambda item: RULES.index(item[1]["rule"])):
            rule = one["rule"]
            nth[rule] += 1
            told.append(Told(place, rule, f"{FINDINGS[rule]}.{nth[rule]}" if of[rule] > 1 else FINDINGS[rule], one))
        return told

    def asked(self, name: str) -> Asked:
        """What `name` means: `LG234` all that this rule found, `LG234.2` its second finding. Raises Usage LG248."""
        finding, dot, _ = name.partition(".")
        if finding not in _RULE_OF:
            raise _unknown(f"{finding} is no finding of the screen", sorted(_RULE_OF))
        rule = _RULE_OF[finding]
        listed = [one for one in self.findings if one.rule == rule]
        if not dot:
            return Asked(rule, None, tuple(listed))
        fits = [one for one in listed if name in {one.name, f"{one.name}.1"}]
        if not fits:
            raise _unknown(f"the screen has no finding {name} now", [one.name for one in listed])
        return Asked(rule, fits[0].place, tuple(fits))


def under_review(place: Workplace) -> UnderReview:
    """What validate said last of the model at work.

    1. There is such a statement, and each file that it names has the signed bytes.
    2. So has each mark that is in force.

    Raises Refused LG242 nothing was validated; VerificationFailed LG802, LG805 a file; LG249 it is not in form.
    """
    # 1.
    head = place.head("validate")
    if head is None:
        raise Refused("LG242", "nothing was validated yet, so there is nothing to review", next="lockgate validate")
    accepted, quarantine = subject(head.statement, ACCEPTED), subject(head.statement, QUARANTINE)
    screen, named = subject(head.statement, SCREEN), fact_digest(head.statement, "report")
    if accepted is None or quarantine is None or named is None:
        raise _malformed(head, "it names no accepted rows, quarantine and report")
    digests = (accepted, quarantine, *((screen,) if screen else ()))
    for digest in digests:
        place.data.check(digest)
    report = _report(place.data.read(named, _MOST_REPORT), head)
    # 2.
    marks = marks_in_force(place.ledger.statements(), place.model)
    paths = mark_files(marks, place.data)
    files = Files(
        accepted=place.data.path(accepted),
        quarantine=place.data.path(quarantine),
        screen=place.data.path(screen) if screen else None,
        marks=tuple(zip((one.word for one in marks), paths, strict=True)),
        sources=[str(one["source"]) for one in report["by_source"]],
        sensitive=[str(name) for name in head.predicate.get("sensitive") or ()],
        label=str(head.predicate.get("label") or ""),
        named=[bits_of(one.findings) for one in marks],
    )
    return UnderReview(head, report, files, marks, digests)


def _unknown(what: str, known: Sequence[str]) -> Usage:
    return Usage("LG248", what, seen={"findings": list(known)}, next="lockgate review --screen")


def _report(data: bytes, head: Evidence) -> Mapping[str, Any]:
    try:
        found = decode_exact(data)
    except ValueError as error:
        raise _malformed(head, f"its report is not in form: {error}") from None
    sources = found.get("by_source") if isinstance(found, Mapping) else None
    if not isinstance(sources, list) or not all(isinstance(one, Mapping) and "source" in one for one in sources):
        raise _malformed(head, "its report names no sources")
    return dict(found)


def _malformed(head: Evidence, why: str) -> VerificationFailed:
    return VerificationFailed(
        "LG249",
        f"the validate statement cannot be reviewed: {why}",
        seen={"statement": head.digest, "log_index": head.index},
        next="lockgate validate",
    )
