"""Rules about the rows: how many the contract refused, and what the poisoning screen found. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lockgate.audit.gate import control, facts
from lockgate.audit.gate.asked import Asked, broken
from lockgate.core.verdict import Level, Reason
from lockgate.trust.policy_screen import LEAK, NAMES

_SCREEN = "lockgate validate   # with a rule of [environment.NAME.screen] that is not off"
_REVIEW = "lockgate review --screen"
_AGAIN = "lockgate review   # LG243: mark those rows anew, then lockgate revoke INDEX --reason WHY"
_LEFT_OUT = "lockgate explain LG238"
_ROWS = "rows"


def max_quarantined_share(asked: Asked) -> Iterator[Reason]:
    """LG432: too many rows were refused, or the statement does not say how many."""
    validate, most = asked.get("validate"), asked.policy.max_quarantined_share
    if validate is None:
        return
    share = facts.quarantined_share(validate)
    if share is None or share > most:
        seen = "it is not stated how many rows" if share is None else f"{share:.2%} of the rows"
        message = f"{seen} were refused by the contract; {asked.place} allows {most:.2%}"
        following = "lockgate validate   # after mending the data or the contract"
        yield broken("LG432", message, seen=share, wanted=f"at most {most:g}", following=following)


def max_screen_findings(asked: Asked) -> Iterator[Reason]:
    """LG446: the screen found more than allowed, or did not run."""
    most = asked.policy.max_screen_findings
    if most is None:
        return
    validate = asked.get("validate")
    found = None if validate is None else facts.screen_findings(validate)
    wanted = f"at most {most}"
    if found is None:
        message = f"the validate statement states no poisoning screen; {asked.place} asks for one"
        yield broken("LG446", message, seen=None, wanted=wanted, following=_SCREEN)
    elif validate is not None and (number := len(found) + facts.more_findings(validate)) > most:
        message = f"the poisoning screen has {number} findings; {asked.place} allows {most}"
        yield broken("LG446", message, seen=list(found[:20]), wanted=wanted, following=_REVIEW)


def max_flagged_share(asked: Asked) -> Iterator[Reason]:
    """LG447: the screen flagged too many rows, or did not run."""
    most = asked.policy.max_flagged_share
    if most is None:
        return
    validate = asked.get("validate")
    share = None if validate is None else facts.flagged_share(validate)
    if share is None or share > most:
        seen = "it is not stated how many rows" if share is None else f"{share:.2%} of the rows that it looked at"
        message = f"{seen} were flagged by the poisoning screen; {asked.place} allows {most:.2%}"
        following = _SCREEN if share is None else "lockgate explain LG447"
        yield broken("LG447", message, seen=share, wanted=f"at most {most:g}", following=following)


def screen(asked: Asked) -> Iterator[Reason]:
    """LG455: a rule that is enforced did not look, or found rows that nobody marked good; what others found is told.

    So is what an enforced rule left out. Rows that a person marked bad and that are there again refuse, whatever the
    weights: that is no finding, but somebody's word. Also what training says of held-out rows that it saw, where the
    environment enforces that.
    """
    yield from _left_bad(asked)
    yield from _screened(asked)
    yield from _unseen(asked)
    if asked.policy.screen.weight(LEAK) == "enforce":
        yield from control.leak(asked)


def _left_bad(asked: Asked) -> Iterator[Reason]:
    validate = asked.get("validate")
    left = 0 if validate is None else facts.left_bad(validate)
    if left != 0:
        what = "it is not stated how many marks" if left is None else "1 mark" if left == 1 else f"{left} marks"
        message = f"{what} could not be applied to rows that a person called bad: the contract has other fields now"
        yield broken("LG455", message, seen=left, wanted=0, screen="marks", following=_AGAIN)


def _unseen(asked: Asked) -> Iterator[Reason]:
    """What nobody looked at although an enforced rule ran: a warning, for no rule of many rows sees all of them."""
    validate, enforced = asked.get("validate"), [each for each in asked.policy.screen.at("enforce") if each != LEAK]
    if validate is None or not enforced:
        return
    told = [
        f"the rule {name} did not look at everything" if name in NAMES else "no rule saw every row whole"
        for name in facts.notes(validate)
        if name in enforced or name == _ROWS
    ]
    rows = facts.looked(validate)
    if rows is not None and rows[0] < rows[1]:
        told.append(f"it looked at {rows[0]:,} of {rows[1]:,} accepted rows")
    for what in told:
        message = f"the poisoning screen: {what}; {asked.place} enforces {', '.join(enforced)}"
        reason = broken("LG455", message, seen=what, wanted="all", screen="left out", following=_LEFT_OUT)
        yield replace(reason, level=Level.WARN)


def _screened(asked: Asked) -> Iterator[Reason]:
    weights, validate = asked.policy.screen, asked.get("validate")
    states, findings = (None if validate is None else facts.screened(validate)) or ({}, ())
    for rule in (each for each in weights.at("enforce") if each != LEAK):
        if states.get(rule) != "ran":
            how = {"off": "was off", "absent": "could not look"}.get(str(states.get(rule)), "is not stated")
            message = f"the rule {rule} of the poisoning screen {how}; {asked.place} enforces it"
            yield broken("LG455", message, seen=states.get(rule), wanted="ran", screen=rule, following=_SCREEN)
    for one in findings:
        weight = weights.weight(one.rule) if one.rule in NAMES else "enforce"
        if weight == "off":
            continue
        marked = f", of which {one.good} are marked good" if one.good else ""
        effect = "enforces that rule" if weight == "enforce" else "warns"
        message = f"{one.finding} ({one.rule}) is about {one.rows} rows{marked}; {asked.place} {effect}"
        reason = broken("LG455", message, seen=one.rows, wanted="none", screen=one.rule, following=_REVIEW)
        yield reason if weight == "enforce" else replace(reason, level=Level.WARN)
