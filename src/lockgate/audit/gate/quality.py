"""Rules about what the judge measured: on all rows, by slice, with disturbed inputs, beside the live model. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from lockgate.audit.evidence import Evidence
from lockgate.audit.gate import facts, robust
from lockgate.audit.gate.asked import Asked, broken, remark
from lockgate.audit.gate.facts import Measured
from lockgate.core.verdict import Reason
from lockgate.trust.policy_values import Bounds, Parity

_TRAIN = "lockgate train   # after changing data, features or training"


def metrics(asked: Asked) -> Iterator[Reason]:
    """LG434: a metric is out of bounds, or was not measured."""
    yield from _within(asked, asked.policy.metrics, "LG434", facts.metric, _TRAIN)


def robustness(asked: Asked) -> Iterator[Reason]:
    """LG449: a robustness fact is out of bounds, or not stated, or tried too little. LG400, LG408: `robust.drop`."""
    yield from _within(asked, asked.policy.robustness, "LG449", facts.robust, "lockgate explain LG449")
    yield from robust.tried(asked)
    yield from robust.drop(asked)


def slices(asked: Asked) -> Iterator[Reason]:
    """LG448: in a slice with enough rows a metric is out of bounds or not measured, or no such slice is stated."""
    judge = asked.get("judge")
    found = None if judge is None else facts.slices(judge)
    for name, floor in asked.policy.slices.items():
        if not any(part.rows >= floor.rows for part in found or ()):
            none = "did not state" if found is None else "had no slice with enough rows to state"
            message = f"the judge {none} {name} by slice; {asked.place} asks for {floor}"
            yield broken("LG448", message, seen=None, wanted=str(floor), metric=name, following=_TRAIN)
        for part in found or ():
            value = facts.measured(part.metrics.get(name))
            if part.rows < floor.rows or _holds(floor.bounds, value):
                continue
            seen = f"{name} was not measured" if value is None else f"{name} is {value}"
            message = f"{seen} where {part.name} ({part.rows} rows); {asked.place} asks for {floor}"
            yield broken(
                "LG448",
                message,
                seen=value and vars(value),
                wanted=str(floor),
                metric=name,
                slice=part.name,
                rows=part.rows,
                following=_TRAIN,
            )


def parity(asked: Asked) -> Iterator[Reason]:
    """LG450: worse than the live model by too much, or not comparable. LG451: compared on other rows, a note."""
    live, judge = (asked.live or {}).get("judge"), asked.get("judge")
    for name, rule in asked.policy.parity.items() if asked.live is not None else ():
        now, then = (None if one is None else facts.metric(one, name) for one in (judge, live))
        same = _same_rows(judge, live)
        wanted = {"metric": name, "wanted": str(rule), "following": _TRAIN}
        pair = {"this": now and vars(now), "live": then and vars(then), "same_rows": same}
        if now is None or then is None:
            who = "this model" if now is None else "the live model"
            message = f"{name} of {who} was not measured; {asked.place} asks for {rule}"
            yield broken("LG450", message, seen=pair, **wanted)
        elif not rule.holds(now.value, then.value):
            rows = "" if same else ", on other held-out rows"
            message = f"{name} is {now}, of the live model {then}{rows}; {asked.place} asks for {rule}"
            yield broken("LG450", message, seen=pair, **wanted)
        elif not same:
            yield _other_rows(asked, name, rule, pair)


def _other_rows(asked: Asked, name: str, rule: Parity, pair: Mapping[str, object]) -> Reason:
    message = f"{name} was measured on other held-out rows than the live model's"
    if not rule.same_rows:
        return remark("LG451", message, seen=dict(pair), wanted=str(rule), metric=name)
    message = f"{message}; {asked.place} asks for the same"
    return broken("LG450", message, seen=dict(pair), wanted=str(rule), metric=name)


def _same_rows(judge: Evidence | None, live: Evidence | None) -> bool:
    mine = None if judge is None else facts.heldout(judge)
    return live is not None and mine is not None and mine == facts.heldout(live)


def _within(
    asked: Asked,
    bounds: Mapping[str, Bounds],
    finding: str,
    read: Callable[[Evidence, str], Measured | None],
    following: str,
) -> Iterator[Reason]:
    judge = asked.get("judge")
    for name, bound in bounds.items():
        value = None if judge is None else read(judge, name)
        if not _holds(bound, value):
            seen = f"the judge did not measure {name}" if value is None else f"{name} is {value}"
            message = f"{seen}; {asked.place} asks for {bound}"
            yield broken(
                finding, message, seen=value and vars(value), wanted=str(bound), metric=name, following=following
            )


def _holds(bounds: Bounds, value: Measured | None) -> bool:
    return value is not None and bounds.holds(value.value, value.low, value.high)
