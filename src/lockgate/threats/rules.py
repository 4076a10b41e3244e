"""How each threat stands, from facts. Pure: the same facts give the same table.

    OUT        out of scope by design, or of a part that was never used
    BROKEN     an attack got through, a control was switched off, or a statement shows that it did not hold
    UNPROVEN   a statement or a drill's result is missing, or nobody asked for the control
    STALE      everything was shown, and something of it is too old, or of another program or policy
    HELD       each control has its fresh statement, and each drill was stopped, at least in part
    ACCEPTED   none of the four above, and a person signed that they take the risk until a date

A threat is as good as the worst of its controls and drills: nothing that is missing is made up for by something else.
No fact can get worse and a status better by it (`tests/properties/test_threat_rules.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal, get_args

from lockgate.core.moments import rfc3339
from lockgate.threats.spec import DRILL_DAYS

if TYPE_CHECKING:
    from lockgate.threats.facts import Accepted, Facts, Played
    from lockgate.threats.spec import Catalogue, Control, Threat

Status = Literal["BROKEN", "UNPROVEN", "STALE", "ACCEPTED", "HELD", "OUT"]
State = Literal["proved", "stale", "unproven", "off", "broken", "inapplicable"]
STATUSES: Final[tuple[Status, ...]] = get_args(Status)
CLOCKS: Final = timedelta(minutes=5)

_STATUS: Final[Mapping[State, Status]] = {
    "inapplicable": "HELD",
    "proved": "HELD",
    "stale": "STALE",
    "unproven": "UNPROVEN",
    "off": "BROKEN",
    "broken": "BROKEN",
}
_UNUSED: Final[Mapping[str, str]] = {
    "run": "no model was registered yet",
    "deployed": "nothing is deployed in {environment} yet",
    "served": "nothing was served yet",
    "imported": "no model was imported yet",
}
_BEGIN: Final[Mapping[str, str]] = {
    "run": "lockgate run",
    "deployed": "lockgate deploy latest --env {environment}",
    "served": "lockgate serve --env {environment}",
    "imported": "",
}
_AGAIN: Final[Mapping[str, str]] = {
    "import": "lockgate import",
    "deploy": "lockgate deploy latest --env {environment}",
    "policy": "lockgate policy sign",
    "roles": "lockgate trust show",
    "log": "lockgate log verify",
}
_PLAY: Final = "lockgate drill"
_RUN: Final = "lockgate run --fresh, then lockgate deploy latest --env {environment}"


@dataclass(frozen=True)
class Shown:
    """How one control or drill stands: `why` in words, `next` to make it better, and the log entry it rests on."""

    id: str
    state: State
    why: str
    next: str = ""
    index: int | None = None
    at: datetime | None = None


@dataclass(frozen=True)
class Stands:
    """How one threat stands. `worst`: what it would be without a waiver."""

    threat: Threat
    status: Status
    why: str
    next: str
    controls: tuple[Shown, ...] = ()
    drills: tuple[Shown, ...] = ()
    played: Mapping[str, Played] | None = None
    worst: Status = "OUT"
    accepted: Accepted | None = None


def judge(catalogue: Catalogue, facts: Facts, only: Iterable[str] = ()) -> tuple[Stands, ...]:
    """How each threat stands, in the catalogue's order; of `only` these where some are named."""
    names = tuple(only) or tuple(catalogue.threats)
    return tuple(_threat(catalogue.threats[name], catalogue, facts) for name in names)


def _threat(threat: Threat, catalogue: Catalogue, facts: Facts) -> Stands:
    if threat.out:
        return Stands(threat, "OUT", threat.out, "")
    if threat.needs != "always" and threat.needs not in facts.used:
        why, following = _UNUSED[threat.needs], _BEGIN[threat.needs]
        return Stands(threat, "OUT", _in(why, facts), _in(following, facts))
    controls = tuple(_control(catalogue.controls[name], facts) for name in threat.controls)
    drills = tuple(_drill(name, facts) for name in threat.drills)
    shown = [*controls, *drills]
    if all(one.state == "inapplicable" for one in drills):
        shown.append(Shown(threat.id, "unproven", "none of its drills can be played on this project", _explain(threat)))
    first = min(shown, key=_badness)
    worst, played = _STATUS[first.state], {name: facts.drills[name] for name in threat.drills if name in facts.drills}
    found = Stands(
        threat, worst, _why(threat, shown, first), _next(threat, drills, first), controls, drills, played, worst
    )
    return _accepted(found, facts)


def _accepted(found: Stands, facts: Facts) -> Stands:
    waiver = facts.accepted.get(found.threat.id)
    shown = (*found.controls, *found.drills)
    if waiver is None or found.worst == "HELD" or not all(_covered(one, waiver, facts) for one in shown):
        return found
    why = f"{waiver.by} takes the risk until {rfc3339(waiver.until)}: {waiver.reason}; without that {found.worst}"
    return Stands(
        found.threat,
        "ACCEPTED",
        f"{why}: {found.why}",
        found.next,
        found.controls,
        found.drills,
        found.played,
        found.worst,
        waiver,
    )


def _covered(one: Shown, waiver: Accepted, facts: Facts) -> bool:
    """Whether who took the risk could know of it: what is missing or old; what failed, or was switched off, before.

    What a statement contradicts (a revoked model that is live, a jail below what is demanded) nobody can accept.
    """
    policy = facts.proofs.get("policy")
    if one.state == "off":
        return policy is not None and policy.index < waiver.index
    if one.state == "broken":
        return one.id in facts.drills and one.index is not None and one.index < waiver.index
    return True


def _next(threat: Threat, drills: tuple[Shown, ...], first: Shown) -> str:
    to_play = [one for one in drills if one.state in ("stale", "unproven", "broken")]
    if (first in drills and len(to_play) > 1) or first.next == _PLAY:
        _, by, environment = first.next.partition(" --env ")
        return f"lockgate drill --threat {threat.id}{by}{environment}"
    return first.next or _explain(threat)


def _why(threat: Threat, shown: list[Shown], first: Shown) -> str:
    if _STATUS[first.state] != "HELD":
        same = [one for one in shown if one.state == first.state]
        more = f" (and {len(same) - 1} more)" if len(same) > 1 else ""
        return f"{first.id}: {first.why}{more}"
    parts = [one for one in shown if one.why.startswith(_IN_PART)]
    notes = [f"{one.id}: {one.why}" for one in shown if one.id in threat.controls and one.why and one.state == "proved"]
    limit = f"; in part: {threat.limit}" if parts and threat.limit else ""
    many = len(threat.drills)
    told = f"{len(threat.controls)} controls proved, {many} {'drill' if many == 1 else 'drills'} stopped"
    return f"{told}{limit}" + (f"; {notes[0]}" if notes else "")


def _control(control: Control, facts: Facts) -> Shown:
    """The worst of: what the policy makes of it, what is particular to it, the statement that shows that it was on."""
    lever = facts.levers.get(control.rule) if control.rule is not None else None
    checks = (_OWN.get(control.id), _RULED.get(control.rule or ""))
    found = [check(control, facts) for check in checks if check is not None]
    others = (facts.levers[name] for name in control.also if name in facts.levers)
    pulled = [one for one in others if one.state in ("weak", "off")]
    for one in (*([lever] if lever is not None and lever.state != "on" else []), *pulled):
        state: State = "off" if one.state == "off" else "unproven"
        found.append(Shown(control.id, state, one.why, one.next(facts.environment)))
    refused = [facts.refused[name] for name in (control.rule or "", *control.also) if name in facts.refused]
    found.extend(Shown(control.id, "broken", why, "lockgate policy check") for why in refused)
    found.append(_proved(control, facts, "" if lever is None else lever.why))
    return min((one for one in found if one is not None), key=_badness)


def _badness(one: Shown) -> int:
    return STATUSES.index(_STATUS[one.state])


def _proved(control: Control, facts: Facts, note: str) -> Shown:
    if control.proof == "drill":
        played = [one for one in facts.drills.values() if one.control == control.id and not one.inapplicable]
        if not played:
            return Shown(control.id, "unproven", "no drill of it was played here", _PLAY)
        return Shown(control.id, "proved", note)
    proof, again = facts.proofs.get(control.proof), _in(_AGAIN.get(control.proof, _RUN), facts)
    if proof is None:
        return Shown(control.id, "unproven", f"no {control.proof} statement shows that it was on", again)
    told = note or proof.note
    if proof.wrong:
        return Shown(control.id, "broken", proof.wrong, again, proof.index, proof.at)
    if proof.at > facts.asked + CLOCKS:
        why = f"the {control.proof} statement is dated in the future"
        return Shown(control.id, "unproven", why, again, proof.index, proof.at)
    age, days = facts.asked - proof.at, control.fresh_days
    if days is not None and age > timedelta(days=days):
        why = f"the {control.proof} statement is {_days(age)} old, and holds for {days:g}"
        return Shown(control.id, "stale", why, again, proof.index, proof.at)
    return Shown(control.id, "proved", told, "", proof.index, proof.at)


def _levels(control: Control, facts: Facts) -> Shown | None:
    """The jail in which it happened was no weaker than the policy demands."""
    claims = [control.proof] if control.proof in facts.jails else list(facts.jails)
    for claim in claims:
        level = facts.jails[claim]
        if level is None or level < facts.least_level:
            seen = "no level at all" if level is None else f"level {level}"
            why = f"the {claim} statement proves {seen}, and {facts.environment} demands level {facts.least_level}"
            return Shown(control.id, "broken", why, "lockgate doctor")
    return None


def _screened(control: Control, facts: Facts) -> Shown | None:
    """The screen really looked at the rows of this model."""
    if "validate" not in facts.proofs:
        return None
    left = sorted(name for name, state in (facts.screen or {}).items() if state == "off")
    if facts.screen is None or left:
        what = ", ".join(left) or "the screen"
        why = f"{what} did not look at the rows of {facts.model}"
        return Shown(control.id, "unproven", why, _in(_RUN, facts))
    return None


def _pinned(control: Control, facts: Facts) -> Shown | None:
    if facts.pinned:
        return None
    why = "the root was given for this once, and is not pinned: what lies here decides whom you trust"
    return Shown(control.id, "broken", why, f"lockgate trust pin {facts.root or 'FINGERPRINT'}")


_OTHER_HANDS: Final = "lockgate trust add-key --role approver --person NAME --key FILE"


def _apart(control: Control, facts: Facts) -> Shown | None:
    if not facts.alone:
        return None
    who = f"{facts.alone[0]} alone" if len(facts.alone) == 1 else f"each of {', '.join(facts.alone)} alone"
    why = f"{who} can put a model live in {facts.environment}; separation of persons: {facts.separation}"
    return Shown(control.id, "unproven", f"{why}: give approver or deployer to another person", _OTHER_HANDS)


_RULED: Final[Mapping[str, Callable[[Control, Facts], Shown | None]]] = {
    "min_jail_level": _levels,
    "screen": _screened,
}
_OWN: Final[Mapping[str, Callable[[Control, Facts], Shown | None]]] = {"pinned-root": _pinned, "roles-apart": _apart}

_IN_PART: Final = "stopped in part"


def _drill(name: str, facts: Facts) -> Shown:
    """1. It was played. 2. It was stopped; a failure stays one until it is played again. 3. Lately, as things are."""
    played, again = facts.drills.get(name), f"lockgate drill {name}"
    # 1.
    if played is None:
        return Shown(name, "unproven", "never played here", again)
    if played.at > facts.asked + CLOCKS:
        return Shown(name, "unproven", "its result is dated in the future", again, played.index, played.at)
    # 2.
    if played.stopped is False:
        # Only the rules by which it got through can show that it does no more.
        by = f" --env {played.environment}" if played.environment else ""
        return Shown(name, "broken", "the attack was not stopped", again + by, played.index, played.at)
    # 3.
    aged = facts.asked - played.at
    old = [
        words
        for words, is_old in (
            (f"played {_days(aged)} ago", aged > timedelta(days=DRILL_DAYS)),
            ("of another version of Lockgate", played.program != facts.program),
            ("under another policy", played.policy != facts.policy),
            (f"by the rules of {played.environment}, which let more pass", not _as_strict(played, facts)),
        )
        if is_old
    ]
    if old:
        by = "" if _as_strict(played, facts) else f" --env {facts.environment}"
        return Shown(name, "stale", f"its result is {', '.join(old)}", again + by, played.index, played.at)
    if played.inapplicable:
        return Shown(name, "inapplicable", played.inapplicable, "", played.index, played.at)
    how = _IN_PART if played.stopped == "part" else "stopped"
    aside = [f"by the rules of {played.environment}"] if played.environment not in ("", facts.environment) else []
    aside += [f"on {played.rows:,} rows"] if played.rows else []
    aside += [f"without {', '.join(played.left_out)}"] if played.left_out else []
    return Shown(name, "proved", ", ".join([how, *aside]), "", played.index, played.at)


def _as_strict(played: Played, facts: Facts) -> bool:
    """Whether it was played by the rules that are asked about, or by those of an environment no looser."""
    return played.environment in {"", facts.environment, *facts.enforcing}


def _days(age: timedelta) -> str:
    return f"{age / timedelta(days=1):.0f} days"


def _explain(threat: Threat) -> str:
    return f"lockgate threats {threat.id}"


def _in(words: str, facts: Facts) -> str:
    return words.format(environment=facts.environment)
