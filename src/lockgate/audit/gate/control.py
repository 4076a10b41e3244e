"""Rules about what single rows do to a model: the control without the doubtful ones, rows on both sides. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lockgate.audit import joins
from lockgate.audit.evidence import Evidence
from lockgate.audit.gate import facts
from lockgate.audit.gate.asked import Asked, broken, remark
from lockgate.core.verdict import Reason
from lockgate.trust.policy_values import BETTER

_REVIEW = "lockgate review --screen"
_TRAIN = 'lockgate train   # with [train] control = "flagged"'


def control(asked: Asked) -> Iterator[Reason]:
    """LG456: what the doubtful rows do is not known, or more than allowed. LG457: it is within, a note.

    Met where the screen ran and doubts nothing, or training saw nothing of what it doubts.
    """
    wanted, validate, judge = asked.policy.control, asked.get("validate"), asked.get("judge")
    count = None if validate is None else facts.field(validate.predicate, "screen", "doubtful")
    if not wanted.asked or (type(count) is int and count == 0):
        return
    found = None if judge is None else judge.predicate.get("control")
    why = _unknown(found, validate)
    if why or not isinstance(found, Mapping):
        message = f"what the doubtful rows do to the model is not known: {why}; {asked.place} asks for {wanted}"
        yield broken("LG456", message, seen=None, wanted=str(wanted), following=_TRAIN)
        return
    if found["left_out"] == 0:
        return
    over = [*_over(asked, found)]
    yield from over
    if not over:
        changed = facts.measured(facts.field(found, "flagged", "changed"))
        message = f"the control without the {found['left_out']} doubtful rows of training is within bounds"
        yield remark("LG457", message, seen=changed and vars(changed), wanted=str(wanted))


def leak(asked: Asked) -> Iterator[Reason]:
    """LG332: held-out rows are among the training rows, or nobody looked."""
    train = asked.get("train")
    found = None if train is None else facts.field(train.predicate, "buildDefinition", "internalParameters", "leak")
    beyond = facts.field(found, "beyond")
    if beyond is False:
        return
    seen = f"{facts.field(found, 'rows')} held-out rows are" if beyond is True else "it is not stated whether rows are"
    message = f"{seen} among the training rows too; {asked.place} enforces that none are"
    rows = facts.field(found, "rows") if beyond is True else None
    yield broken("LG332", message, seen=rows, wanted="none beyond chance", screen="leak", following=_TRAIN)


def _over(asked: Asked, found: Mapping[str, Any]) -> Iterator[Reason]:
    """The bounds that do not hold. A number that is not stated in form holds none."""
    wanted, name = asked.policy.control, facts.field(found, "headline")
    if wanted.max_loss is not None:
        loss = _loss(found, name)
        if loss is None or loss > wanted.max_loss:
            how = "is not stated" if loss is None else f"is worse by {loss:.4g} than without its doubtful rows"
            message = f"{name} {how}; {asked.place} allows {wanted.max_loss:g}"
            bound = f"at most {wanted.max_loss:g} worse"
            yield broken("LG456", message, seen=loss, wanted=bound, metric=name, following=_REVIEW)
    if wanted.max_changed is not None:
        changed = facts.measured(facts.field(found, "flagged", "changed"))
        if changed is None or changed.value > wanted.max_changed:
            how = "it is not stated how many" if changed is None else f"{changed.value:.2%}"
            message = f"{how} of the doubtful rows are answered otherwise by a model that never saw them"
            message = f"{message}; {asked.place} allows {wanted.max_changed:.2%}"
            seen, bound = changed and vars(changed), f"at most {wanted.max_changed:g}"
            yield broken("LG456", message, seen=seen, wanted=bound, following=_REVIEW)


def _loss(found: Mapping[str, Any], name: Any) -> float | None:
    """By how much the candidate is worse, on all held-out rows or on those that nobody doubts; the larger one.

    A planted row that was held out flatters the model that follows it.
    """
    if not isinstance(name, str) or name not in BETTER:
        return None
    places: list[tuple[str, ...]] = [("difference", name)]
    if isinstance(facts.field(found, "without", "difference"), Mapping):
        places.append(("without", "difference", name))
    gains = [facts.measured(facts.field(found, *place)) for place in places]
    sign = 1 if BETTER[name] == "lower" else -1
    losses = [sign * gain.value for gain in gains if gain is not None]
    return max(losses) if len(losses) == len(gains) else None


def _unknown(found: Any, validate: Evidence | None) -> str:
    """Why the judge's word on a control does not count; "" when it does."""
    if not isinstance(found, Mapping):
        return "no control was judged"
    if "why" in found:
        return str(found["why"])
    doubted = None if validate is None else joins.doubts(validate.statement)
    if doubted is None or found.get("screen") != doubted:
        return "the control was made for other doubts than those of validation"
    return "" if type(found.get("left_out")) is int else "it is not stated what was left out"
