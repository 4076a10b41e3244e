"""What changed between a statement and now, in a person's words: a file, a setting, or that it was never done. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from lockgate.core.digest import Digest
from lockgate.core.encoding import alike

FIRST: Final = "it was never done before"
ASKED: Final = "it is asked for, changed or not"
NOT_JUDGED: Final = "its judging is missing, or other attacks are to be tried now"
NEW_CANDIDATE: Final = "the candidate was never registered"
UNSURPRISING: Final = frozenset({FIRST, ASKED, NEW_CANDIDATE})
"""What nobody needs to be told at a terminal; `--json` has it."""
_MOST = 5


def code(
    now: Mapping[str, Digest], then: Mapping[str, Digest], *, there: frozenset[str] = frozenset()
) -> tuple[str, ...]:
    """Which captured files are others: `train.py changed`, `b.py is new`, `c.py is gone`.

    there: files that lie in the project, whether they are captured or not.
    """
    found = [f"{name} changed" for name in sorted(now.keys() & then.keys()) if now[name] != then[name]]
    found += [f"{name} is new" for name in sorted(now.keys() - then.keys())]
    lost = sorted(then.keys() - now.keys())
    found += [f"{name} is not looked at any more" if name in there else f"{name} is gone" for name in lost]
    return few(found)


def settings(then: Any, now: Any, table: str) -> tuple[str, ...]:
    """Which settings are others, with both values: `[train] params.C was 1.0, is 2.0`. `table` is told before each.

    Nothing only where both are alike, to the type of each number: what differs and has no words is told all the same.
    """
    if alike(then, now):
        return ()
    return few([f"{table} {words}" for words in _differing(then, now)]) or (f"{table} changed",)


def few(found: list[str]) -> tuple[str, ...]:
    """The first of `found`, and how many more there are."""
    more = len(found) - _MOST
    return (*found[:_MOST], f"and {more} more") if more > 0 else tuple(found)


def flat(value: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of nested tables, each with its dotted key."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from flat(inner, f"{before}.{key}" if before else str(key))
    elif before:
        yield before, value


def flat_pair(then: Any, now: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both as `flat` has them; an empty table is no leaf where the other one has keys below it."""
    one, other = dict(flat(then)), dict(flat(now))
    return _without_hollow(one, other), _without_hollow(other, one)


def _without_hollow(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: value
        for key, value in one.items()
        if not (isinstance(value, Mapping) and any(each.startswith(f"{key}.") for each in other))
    }


def _differing(then: Any, now: Any) -> Iterator[str]:
    one, other = flat_pair(then, now)
    for key in sorted(one.keys() | other.keys()):
        if key not in other:
            yield f"{key} was {short_value(one[key])}, and is not set"
        elif key not in one:
            yield f"{key} is {short_value(other[key])}, and was not set"
        elif not alike(one[key], other[key]):
            was, now_is = short_value(one[key]), short_value(other[key])
            yield f"{key} was {was}, is {now_is}" if was != now_is else f"{key} was {one[key]!r}, is {other[key]!r}"


def short_value(value: Any) -> str:
    """A value as a line of talk has it; of a long one the beginning."""
    text = value if isinstance(value, str) and value else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
