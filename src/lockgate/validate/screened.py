"""What follows from what the screen found: reasons by the policy's weights, the facts of the statement. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lockgate.audit.gate.facts import field, screened
from lockgate.core.verdict import Level, Reason, Verdict
from lockgate.errors import Refused
from lockgate.trust.policy_values import Weight
from lockgate.validate.screen.account import ROWS_NOTE, WIDTH_NOTE, Account, Finding
from lockgate.validate.screen.spec import FINDINGS
from lockgate.validate.spec import Screening

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence

REVIEW = "lockgate review --screen"

_LEVELS: Mapping[Weight, Level] = {"off": Level.NOTE, "warn": Level.WARN, "enforce": Level.REFUSE}
_SHOWN = 3


def reasons(
    account: Account, asked: Screening, names: Sequence[str], earlier: Mapping[str, Any] | None = None
) -> tuple[Reason, ...]:
    """What a person is told, refusals first. `names`: of the files, by number; `earlier`: what `before` says."""
    found = [_found(each, asked, names) for each in account.findings]
    found.sort(key=lambda reason: reason.level is not Level.REFUSE)
    return (*found, *_unseen(account, asked, earlier or {}))


def before(earlier: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """What became of each rule when the screen last looked at rows of this model; `earlier`: oldest first."""
    found = [field(said, "screen", "rules") for said in earlier]
    return next((rules for rules in reversed(found) if isinstance(rules, Mapping)), {})


def refuse(found: Sequence[Reason]) -> None:
    """Raises Refused with the first of the reasons that refuse, if one does."""
    refusals = Verdict(tuple(found)).refusals
    if refusals:
        first, more = refusals[0], len(refusals) - 1
        said = first.message + (f"; and {more} more findings of the screen" if more else "")
        raise Refused(first.finding, said, seen=first.seen, next=first.next)


def unreadable(marks: Sequence[str]) -> tuple[Reason, ...]:
    """Of marks on rows of other fields: `marks` are the statements that say them."""
    if not marks:
        return ()
    count = "1 mark is" if len(marks) == 1 else f"{len(marks)} marks are"
    return (
        Reason(
            "LG243",
            Level.WARN,
            f"{count} not applied: the contract has other fields than the rows that were marked",
            {"marks": list(marks[:20])},
            f"{REVIEW}   # and mark those rows again",
        ),
    )


def facts(account: Account, asked: Screening, names: Sequence[str], seed: int) -> dict[str, Any]:
    """The statement's fact `screen`. No sentence of a rule: values of the rows stay out of the log."""
    return {
        "findings": [_listed(each, names) for each in account.findings],
        "flagged": account.flagged,
        "doubtful": account.doubtful,
        "good": account.good,
        "settled": account.settled,
        "more": account.more,
        "looked": account.looked,
        "rules": dict(account.rules),
        "notes": sorted(account.notes),
        "task": account.task,
        "origin": asked.origin,
        "seed": seed,
    }


def details(account: Account, names: Sequence[str]) -> dict[str, Any]:
    """The report's `screen`: the same findings, each with its sentence; why a rule could not look."""
    said = [{**_listed(each, names), "what": each.what, "seen": each.seen} for each in account.findings]
    return {
        "findings": said,
        "rules": dict(account.rules),
        "absent": dict(account.absent),
        "notes": dict(account.notes),
        "flagged": account.flagged,
        "doubtful": account.doubtful,
        "good": account.good,
        "settled": account.settled,
        "more": account.more,
        "looked": account.looked,
    }


def line(screen: Mapping[str, Any]) -> str:
    """What the screen did, in one line, from the report's `screen`."""
    ran = [rule for rule, state in screen["rules"].items() if state == "ran"]
    found = len(screen["findings"]) + screen["more"]
    rules = "1 rule" if len(ran) == 1 else f"{len(ran)} rules"
    said = [f"screened by {rules}: " + (f"{screen['flagged']:,} rows flagged" if found else "nothing found")]
    if screen["good"]:
        said.append(f"{screen['good']:,} that it would flag are marked good")
    said += [f"not by {rule}: {why}" for rule, why in screen["absent"].items()]
    return "; ".join(said)


def stands(one: Evidence, asked: Screening) -> bool:
    """Whether what a validate statement says of the screen is what would be said with `asked`.

    A weight between `warn` and `enforce` changes what follows, not what is looked for: it repeats the work only where
    the statement says FAILED for a finding that would refuse no more, or the reverse.
    """
    screen, read = one.predicate.get("screen"), screened(one)
    if not asked.rules:
        return screen is None
    if read is None:
        return False
    states, found = read
    ran = {rule for rule, state in states.items() if state != "off"}
    refuses = any(asked.weight(each.rule) == "enforce" for each in found)
    failed = one.predicate.get("result") == "FAILED"
    return ran == {*asked.rules} and field(screen, "origin") == asked.origin and refuses == failed


def seed_of(earlier: Sequence[Mapping[str, Any]], snapshot: str, drawn: int) -> int:
    """The seed that the first of the `earlier` validations of `snapshot` stated; `drawn` where there is none.

    Not of the rows, so that whoever writes them cannot know what will be drawn; and drawn once, so that nobody can
    validate again until a draw misses what is there.
    """
    for said in earlier:
        screen = said.get("screen")
        seed = screen.get("seed") if isinstance(screen, Mapping) else None
        if said.get("snapshot") == snapshot and type(seed) is int and 0 <= seed < 2**48:
            return seed
    return drawn


def _found(found: Finding, asked: Screening, names: Sequence[str]) -> Reason:
    weight = asked.weight(found.rule)
    shown = ", ".join(f"{names[file]} row {row}" for file, row in found.examples[:_SHOWN])
    marked = f"; {found.good:,} of them are marked good" if found.good else ""
    effect = "refused" if weight == "enforce" else "warns"
    return Reason(
        FINDINGS[found.rule],
        _LEVELS[weight],
        f"{found.what}{marked}, such as {shown} ({effect})",
        {key: value for key, value in _listed(found, names).items() if key != "finding"},
        REVIEW,
    )


def _listed(found: Finding, names: Sequence[str]) -> dict[str, Any]:
    return {
        "finding": FINDINGS[found.rule],
        "rule": found.rule,
        "rows": found.rows,
        "good": found.good,
        "sources": [[name, rows] for name, rows in found.sources],
        "examples": [[names[file], row] for file, row in found.examples],
    }


def _unseen(account: Account, asked: Screening, earlier: Mapping[str, Any]) -> list[Reason]:
    """What was not looked at, where somebody will ask for it, or it was before; the report says the rest."""
    told = []
    for rule, why in account.absent.items():
        if asked.weight(rule) == "enforce":
            message = f"the rule {rule} of the screen is enforced and could not look: {why}"
        elif earlier.get(rule) == "ran":
            message = f"the rule {rule} of the screen could look before, and cannot now: {why}"
        else:
            continue
        told.append(Reason("LG237", Level.WARN, message, {"rule": rule}, "lockgate explain LG237"))
    for rule, note in account.notes.items():
        message = f"the rule {rule} of the screen did not look at everything: {note}"
        if rule in (ROWS_NOTE, WIDTH_NOTE):
            message = f"the screen does not see everything: {note}" if rule == ROWS_NOTE else f"the screen sees {note}"
        level = Level.NOTE if rule == WIDTH_NOTE else Level.WARN
        told.append(Reason("LG238", level, message, {"rule": rule}, "lockgate explain LG238"))
    if account.looked < account.rows and account.task:
        message = f"the screen looked at {account.looked:,} of {account.rows:,} accepted rows"
        told.append(Reason("LG238", Level.NOTE, message, {"looked": account.looked, "rows": account.rows}))
    if account.more:
        message = f"{account.more} more findings of the screen are counted and not listed"
        told.append(Reason("LG238", Level.NOTE, message, {"more": account.more}, REVIEW))
    return told
