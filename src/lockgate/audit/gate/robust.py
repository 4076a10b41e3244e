"""Robustness: how hard was tried, and beside the live model: the same attacks on the same rows. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lockgate.audit.evidence import Evidence
from lockgate.audit.gate import facts
from lockgate.audit.gate.asked import Asked, broken
from lockgate.audit.gate.facts import Measured
from lockgate.core.robustness_words import CHANGE, DEFAULT_ATTACKS
from lockgate.core.verdict import Reason

_TRAIN = "lockgate train   # after changing data, features or training"
_HARDER = "lockgate train   # with more rows, queries or attacks in [robustness] of lockgate.toml"
_AGAIN = "lockgate train   # with [robustness] in lockgate.toml, beside the model that is live now"


def tried(asked: Asked) -> Iterator[Reason]:
    """LG449: fewer rows or queries than the policy asks for, or not by all of the default attacks.

    Bounds on what was found say nothing without it: whoever tries little finds little.
    """
    least = {"rows": asked.policy.min_robustness_rows, "queries": asked.policy.min_robustness_queries}
    if not any(least.values()):
        return
    judge = asked.get("judge")
    attacked = None if judge is None else judge.predicate.get("attacked")
    for name, bound in least.items():
        seen = facts.field(attacked, name)
        if bound and (type(seen) is not int or seen < bound):
            found = f"attacks had {seen} {name}" if type(seen) is int else f"nobody said how many {name} attacks had"
            message = f"{found}; {asked.place} asks for at least {bound:,}"
            yield broken("LG449", message, seen=seen, wanted=bound, metric=name, following=_HARDER)
    ran = _ran(attacked)
    missing = [] if CHANGE in ran else [name for name in DEFAULT_ATTACKS if name not in ran]
    if missing:
        message = f"{', '.join(missing)} did not run; {asked.place} asks for all of the default attacks"
        yield broken("LG449", message, seen=ran, wanted=list(DEFAULT_ATTACKS), metric="attacks", following=_HARDER)


def _ran(attacked: Any) -> list[str]:
    listed = facts.field(attacked, "tried")
    found = [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
    return [str(one.get("attack")) for one in found if one.get("status") == "ran"]


def drop(asked: Asked) -> Iterator[Reason]:
    """LG400: significantly less robust than the live model. LG408: nobody knows whether it is.

    Significantly: at some distance the whole interval of the paired difference lies above what is allowed. A comparison
    with another model than the one that is live now, by the statement of its judge, is none. What was live before is
    held by what the live model's own judge said of the two, the other way round: the way back is measured too.
    """
    allowed, judge = asked.policy.max_robustness_drop, asked.get("judge")
    live = (asked.live or {}).get("judge")
    if allowed is None or asked.live is None or (judge and live and judge.digest == live.digest):
        return
    wanted = f"at most {allowed:g} less robust than the live model"
    why, found = _compared(judge, live)
    if why and _names(live, judge):
        why, turned = _compared(live, judge)
        found = {name: Measured(-each.value, _minus(each.high), _minus(each.low)) for name, each in turned.items()}
    if why:
        message = f"whether it is less robust than the live model is not known: {why}; {asked.place} asks for {wanted}"
        yield broken("LG408", message, seen=None, wanted=wanted, following=_AGAIN)
    for distance, each in found.items():
        if each.low is not None and each.low > allowed:
            message = f"within distance {distance} it is less robust than the live model by {each}"
            message = f"{message}; {asked.place} asks for {wanted}"
            yield broken("LG400", message, seen=vars(each), wanted=wanted, metric=f"drop_{distance}", following=_TRAIN)


def _compared(judge: Evidence | None, live: Evidence | None) -> tuple[str, Mapping[str, Measured]]:
    """Why the judge's word on this live model does not count, or the drop by distance."""
    attacked = None if judge is None else judge.predicate.get("attacked")
    if not isinstance(attacked, Mapping):
        return "the judge tried no attack", {}
    if isinstance(attacked.get("why"), str):
        return str(attacked["why"]), {}
    about = _about(judge, live)
    if len(about) != 1:
        return "it was not attacked beside the model that is live", {}
    drops = about[0].get("drop")
    found = {name: facts.measured(each) for name, each in drops.items()} if isinstance(drops, Mapping) else {}
    whole = {str(name): each for name, each in found.items() if each is not None and _has_interval(each)}
    if not found or len(whole) != len(found):
        why = about[0].get("why")
        return str(why) if isinstance(why, str) else "the drop is not stated with its interval", {}
    return "", whole


def _names(live: Evidence | None, judge: Evidence | None) -> bool:
    """Whether the live model was attacked beside this one."""
    return len(_about(live, judge)) == 1


def _about(judge: Evidence | None, live: Evidence | None) -> list[Mapping[str, Any]]:
    listed = None if judge is None else facts.field(judge.predicate, "attacked", "live")
    return [one for one in listed if _is_about(one, live)] if isinstance(listed, list) else []


def _minus(value: float | None) -> float | None:
    return None if value is None else -value


def _is_about(one: Any, live: Evidence | None) -> bool:
    return isinstance(one, Mapping) and live is not None and one.get("judge") == live.digest


def _has_interval(found: Measured) -> bool:
    return found.low is not None and found.high is not None and found.low <= found.value <= found.high
