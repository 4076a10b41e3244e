"""Which parameters to try: what `--set` and a sweep file say. Pure.

random = 4                   # only so many of the grid, drawn by `seed`; without it: all

[grid]                       # every combination
C = [0.1, 1.0, 10.0]
penalty = ["l1", "l2"]

[[try]]                      # and these
C = 0.03
"""

from __future__ import annotations

import math
import sys
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from lockgate.core.strict import nearest
from lockgate.errors import Usage
from lockgate.project.drafts.record import is_parameter

MOST: Final = 1000
_KEYS = ("grid", "try", "random", "seed")


def settings(given: Sequence[str]) -> dict[str, Any]:
    """`NAME=VALUE`, each; the value as TOML has it, else as a text. Raises Usage LG3101."""
    found = {}
    for one in given:
        name, equals, text = one.partition("=")
        name = name.strip()
        if not equals or not name:
            raise Usage(
                "LG3101", f"--set {one} names no parameter", seen={"set": one}, next="lockgate try --set NAME=VALUE"
            )
        found[name] = _value(name, text)
    return found


def sweep(text: str, filename: str) -> list[dict[str, Any]]:
    """The parameters of each draft, in order. Raises Usage LG3100, LG3101."""
    try:
        value = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise _flaw(filename, f"it is no TOML: {error}") from None
    for name in value:
        if name not in _KEYS:
            near = nearest(name, _KEYS)
            raise _flaw(filename, f"it has {name!r}" + (f": did you mean {near}?" if near else ""))
    tries, grid = value.get("try", []), _grid(value.get("grid", {}), filename)
    if not isinstance(tries, list) or not all(isinstance(one, dict) for one in tries):
        raise _flaw(filename, "a try is a table of parameters: [[try]]")
    found = [*_drawn(grid, value, filename), *tries]
    if not found:
        raise _flaw(filename, "it names nothing to try")
    if len(found) > MOST:
        raise _flaw(filename, f"it names {len(found):,} drafts; at most {MOST:,} are tried: random = {MOST}")
    return [checked(one) for one in found]


def checked(params: Mapping[str, Any]) -> dict[str, Any]:
    """`params`, which lockgate.toml could hold. Raises Usage LG3101."""
    for name, value in params.items():
        if not is_parameter(name) or not name or not is_parameter(value):
            raise _no_parameter(str(name), value)
    return dict(params)


def _value(name: str, text: str) -> Any:
    if not is_parameter(text):
        raise _no_parameter(name, text)
    try:
        read = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    if set(read) != {"value"} or "\n" in text.strip():
        return text
    value = read["value"]
    if isinstance(value, float | dict | list | int) and not is_parameter(value):
        raise _no_parameter(name, value)
    return value if is_parameter(value) else text


def _grid(value: Any, filename: str) -> Mapping[str, list[Any]]:
    if not isinstance(value, dict) or not all(isinstance(one, list) and one for one in value.values()):
        raise _flaw(filename, "[grid] gives a list of values for each parameter")
    return value


def _drawn(grid: Mapping[str, list[Any]], value: Mapping[str, Any], filename: str) -> list[dict[str, Any]]:
    """All combinations of the grid, or as many of them as are asked for."""
    import random

    total = math.prod(len(one) for one in grid.values()) if grid else 0
    wanted, seed = value.get("random", total), value.get("seed", 0)
    if type(wanted) is not int or wanted < 1 - (not grid) or type(seed) is not int:
        raise _flaw(filename, "random and seed are whole numbers, random at least 1")
    if min(wanted, total) > MOST:
        many = f"{total:,}" if total < 10**15 else "more than 10^15"
        raise _flaw(filename, f"its grid has {many} combinations; at most {MOST:,} are tried: random = {MOST}")
    places: Sequence[int] = range(total)
    if wanted < total:
        draw = random.Random(seed)  # noqa: S311 - which are tried, no secret
        if total <= sys.maxsize:
            places = sorted(draw.sample(places, wanted))
        else:
            found: set[int] = set()  # a range of so many has no length for `sample`
            while len(found) < wanted:
                found.add(draw.randrange(total))
            places = sorted(found)
    return [_combination(grid, place) for place in places]


def _combination(grid: Mapping[str, list[Any]], place: int) -> dict[str, Any]:
    """The combination of this number, as `itertools.product` counts: the last parameter varies fastest."""
    found = {}
    for name, values in reversed(list(grid.items())):
        place, at = divmod(place, len(values))
        found[name] = values[at]
    return dict(reversed(found.items()))


def _flaw(filename: str, what: str) -> Usage:
    return Usage(
        "LG3100",
        f"{filename}: {what}",
        seen={"file": filename},
        next=f"edit {filename}: lockgate explain LG3100",
    )


def _no_parameter(name: str, value: object) -> Usage:
    return Usage(
        "LG3101",
        f"{name} = {str(value)[:80]} is no parameter: a text, a finite number, true or false, or a list of these",
        seen={"parameter": name},
        next="lockgate explain LG3101",
    )
