"""What became looser and what stricter between two versions of one environment's rules. Pure.

Looser: something that was refused may pass. A rule's comparison must name each such difference; a property test holds
it against the gate. Each comparison takes two values with the attributes of EnvironmentPolicy.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from lockgate.core.licences import acceptable
from lockgate.trust.policy_values import Bounds

Direction = Literal["looser", "stricter"]
INFINITE = float("inf")


@dataclass(frozen=True)
class Difference:
    """One difference, in words."""

    what: str
    before: str
    after: str
    direction: Direction


Compare = Callable[[Any, Any], Iterator[Difference]]


def nothing(_old: Any, _new: Any) -> Iterator[Difference]:
    """For a rule without settings: its weight is all that can change."""
    return iter(())


def at_most(name: str) -> Compare:
    """A setting of which less is stricter; None: no limit."""
    return lambda old, new: _number(name, _limit(getattr(old, name)), _limit(getattr(new, name)), more="looser")


def at_least(name: str) -> Compare:
    """A setting of which more is stricter."""
    return lambda old, new: _number(name, getattr(old, name), getattr(new, name), more="stricter")


def both(*parts: Compare) -> Compare:
    """All of them."""

    def compare(old: Any, new: Any) -> Iterator[Difference]:
        for part in parts:
            yield from part(old, new)

    return compare


def required(old: Any, new: Any) -> Iterator[Difference]:
    """Statements that must exist."""
    for claim in sorted({*old.require} ^ {*new.require}):
        dropped = claim in old.require
        words = ("required", "not required") if dropped else ("not required", "required")
        yield Difference(f"{claim} statement", *words, "looser" if dropped else "stricter")


def signers(old: Any, new: Any) -> Iterator[Difference]:
    """Who may have signed; a claim that is not named may be signed by anybody who holds the role."""
    for claim in sorted({*old.signers, *new.signers}):
        was, now = old.signers.get(claim), new.signers.get(claim)
        if was is None or now is None:
            yield _named(f"signers of {claim}", was, now, "anybody in the role")
        else:
            yield from _members(f"signers of {claim}", was, now, more="looser")


def ages(old: Any, new: Any) -> Iterator[Difference]:
    """The age of each statement: its own limit, or else the general one."""
    claims = sorted({*old.max_age_days_of, *new.max_age_days_of})
    yield from _number("max_age_days", _limit(old.max_age_days), _limit(new.max_age_days), more="looser")
    for claim in claims:
        was, now = (_limit(each.max_age_days_of.get(claim, each.max_age_days)) for each in (old, new))
        yield from _number(f"max_age_days of {claim}", was, now, more="looser")


def bounds(name: str) -> Compare:
    """A mapping of Bounds."""

    def compare(old: Any, new: Any) -> Iterator[Difference]:
        for key, was, now in _pairs(getattr(old, name), getattr(new, name)):
            yield from _asked(f"{name} {key}", was, now)
            yield from _bounds(f"{name} {key}", was, now)

    return compare


def slices(old: Any, new: Any) -> Iterator[Difference]:
    """Floors by slice: fewer rows make a slice count sooner, and one at least must count."""
    for key, was, now in _pairs(old.slices, new.slices):
        yield from _asked(f"slices {key}", was, now)
        yield from _bounds(f"slices {key}", was and was.bounds, now and now.bounds)
        if was and now:
            yield from _number(f"slices {key} from rows", was.rows, now.rows, more="looser")
            yield from _number(f"slices {key} one slice of rows", was.rows, now.rows, more="stricter")


def parity(old: Any, new: Any) -> Iterator[Difference]:
    """Parity with the live model; a metric of which the other way is better now is another rule."""
    was, now = ({(key, rule.better): rule for key, rule in each.parity.items()} for each in (old, new))
    for (key, better), before, after in _pairs(was, now):
        what = f"parity {key} ({better} is better)"
        yield from _asked(what, before, after)
        if before and after:
            yield from _number(f"{what} worse", before.worse, after.worse, more="looser")
            yield from _number(f"{what} same_rows", before.same_rows, after.same_rows, more="stricter")


def licences(old: Any, new: Any) -> Iterator[Difference]:
    """Allowed and refused licences, and packages that declare none."""
    was, now = old.licences, new.licences
    if bool(was.allowed) != bool(now.allowed):
        yield _named("licences allowed", was.allowed or None, now.allowed or None, "any")
        # A name in the list is allowed against a refused relative of it, and where nobody can tell; without it is not.
        new = [each for each in now.allowed if acceptable(each, was.allowed, was.refused) is not True]
        gone = [each for each in was.allowed if acceptable(each, now.allowed, now.refused) is not True]
        yield from _members("licences allowed", gone, new, more="looser")
    else:
        yield from _members("licences allowed", was.allowed, now.allowed, more="looser")
    yield from _members("licences refused", was.refused, now.refused, more="stricter")
    yield from _number("licences unknown", _limit(was.unknown), _limit(now.unknown), more="looser")


def _bounds(what: str, old: Bounds | None, new: Bounds | None) -> Iterator[Difference]:
    low = [-INFINITE if b is None or b.least is None else b.least for b in (old, new)]
    high = [INFINITE if b is None or b.most is None else b.most for b in (old, new)]
    yield from _number(f"{what} min", *low, more="stricter")
    yield from _number(f"{what} max", *high, more="looser")
    if old and new:
        yield from _number(f"{what} whole interval", old.interval, new.interval, more="stricter")


def _pairs(old: Mapping[Any, Any], new: Mapping[Any, Any]) -> Iterator[tuple[Any, Any, Any]]:
    for key in sorted({*old, *new}):
        yield key, old.get(key), new.get(key)


def _asked(what: str, old: object | None, new: object | None) -> Iterator[Difference]:
    if (old is None) != (new is None):
        yield Difference(what, *(("asked", "not asked") if old else ("not asked", "asked")), _way(new is not None))


def _members(what: str, old: Collection[str], new: Collection[str], *, more: Direction) -> Iterator[Difference]:
    """`more`: what a new member makes of it."""
    words = partial(Difference, what)
    yield from (words("-", f"+ {each}", more) for each in new if each not in old)
    yield from (words(each, "gone", _way(more == "looser")) for each in old if each not in new)


def _named(what: str, old: Collection[str] | None, new: Collection[str] | None, anything: str) -> Difference:
    before, after = (", ".join(each) if each is not None else anything for each in (old, new))
    return Difference(what, before, after, _way(new is not None))


def _number(what: str, old: float, new: float, *, more: Direction) -> Iterator[Difference]:
    if old != new:
        yield Difference(what, _shown(old), _shown(new), _way((new > old) == (more == "stricter")))


def _limit(value: float | None) -> float:
    return INFINITE if value is None else value


def _shown(value: float) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "no bound" if abs(value) == INFINITE else f"{value:g}"


def _way(stricter: bool) -> Direction:  # noqa: FBT001 - read as a sentence
    return "stricter" if stricter else "looser"
