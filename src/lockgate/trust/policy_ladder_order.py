"""What became looser and what stricter between two ladders of one environment. Pure.

Looser: a new model may come to more people, sooner, on less evidence, or with fewer persons asked. Where nothing is
said, the setting decides nothing: without rungs there is no ladder, and its other settings are not compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from lockgate.trust.policy_ladder import LadderPolicy, Rung
from lockgate.trust.policy_order import Difference, Direction

_MORE: Final[Mapping[str, Direction]] = {
    # A test that may stop more models that are no worse stops the others sooner.
    "false_stops": "stricter",
    "errors_margin": "looser",
    "latency_margin": "looser",
    "most_disagreement": "looser",
    "outputs_margin": "looser",
    "risk_margin": "looser",
    "longest_authorisation": "looser",
    "replay": "looser",
}
"""What a larger value of a setting makes of the ladder."""

_MORE_OF_RUNG: Final[Mapping[str, Direction]] = {
    "share": "looser",
    "rows": "stricter",
    "labels": "stricter",
    # After its wait a rung holds: a longer one lets evidence come that would have come too late.
    "wait": "looser",
    "pairs": "stricter",
}

_STRICTER: Final[Mapping[str, tuple[str, ...]]] = {
    # By a header callers choose which model answers. Of few clients a share is what the draw makes of it.
    "sticky": ("key", "client", "request"),
    "climb": ("authorised", "deployer"),
}
"""The words of a setting, each stricter than the one before."""


def differences(old: LadderPolicy, new: LadderPolicy) -> Iterator[Difference]:
    """Every difference that decides something, in words."""
    yield from _rungs(old, new)
    if not (old.rungs and new.rungs):
        return
    for name, more in _MORE.items():
        yield from _number(f"ladder {name}", getattr(old, name), getattr(new, name), more)
    for name, ranks in _STRICTER.items():
        was, now = getattr(old, name), getattr(new, name)
        if was != now:
            yield Difference(f"ladder {name}", was, now, _way(stricter=ranks.index(now) > ranks.index(was)))
    yield from _checks(old.checks, new.checks)
    if old.latency_quantile != new.latency_quantile:
        # Another quantile is another question.
        yield Difference(f"ladder latency at the quantile {old.latency_quantile:g}", "asked", "not asked", "looser")
        yield Difference(f"ladder latency at the quantile {new.latency_quantile:g}", "not asked", "asked", "stricter")
    yield from _scale(old.scale, new.scale)


def _rungs(old: LadderPolicy, new: LadderPolicy) -> Iterator[Difference]:
    was, now = ({rung.name: rung for rung in each.rungs} for each in (old, new))
    for name in dict.fromkeys((*was, *now)):
        before, after = was.get(name), now.get(name)
        if before is None or after is None:
            words = ("on the way", "left out") if before else ("not there", "on the way")
            yield Difference(f"ladder rung {name}", *words, _way(stricter=before is None))
            continue
        for setting, more in _MORE_OF_RUNG.items():
            yield from _number(f"ladder rung {name} {setting}", *_values(before, after, setting), more)


def _values(before: Rung, after: Rung, setting: str) -> tuple[float, float]:
    return getattr(before, setting), getattr(after, setting)


def _checks(old: tuple[str, ...], new: tuple[str, ...]) -> Iterator[Difference]:
    gone, added = ([each for each in one if each not in other] for one, other in ((old, new), (new, old)))
    yield from (Difference(f"ladder check {each}", "asked", "not asked", "looser") for each in gone)
    yield from (Difference(f"ladder check {each}", "not asked", "asked", "stricter") for each in added)
    # They share false_stops between them: what one more check gets, the others lose.
    kept = ", ".join(each for each in old if each in new)
    if kept and added:
        yield Difference(f"ladder share of false_stops for {kept}", "as it was", "less: they alarm later", "looser")
    if kept and gone:
        yield Difference(f"ladder share of false_stops for {kept}", "as it was", "more: they alarm sooner", "stricter")


def _scale(old: float | None, new: float | None) -> Iterator[Difference]:
    """Without a scale disagreement, outputs and risk are not asked of a regression."""
    if old is None or new is None:
        if old != new:
            words = [*("none: not asked" if each is None else f"{each:g}" for each in (old, new))]
            yield Difference("ladder scale (regression)", words[0], words[1], _way(stricter=old is None))
    else:
        yield from _number("ladder scale (regression)", old, new, "looser")


def _number(what: str, old: float, new: float, more: Direction) -> Iterator[Difference]:
    if old != new:
        yield Difference(what, _shown(old), _shown(new), _way(stricter=(new > old) == (more == "stricter")))


def _shown(value: float) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.15g}"


def _way(*, stricter: bool) -> Direction:
    return "stricter" if stricter else "looser"
