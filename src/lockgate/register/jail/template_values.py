"""What is known of a value in a template without making it: how large it is, whether it is a number, where it is from.

A size is a sum: so many times each variable, and a constant, in units of a thousand letters. What comes with a request
counts as one unit. It is an upper bound for what the values are made of, not of their bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

Size: TypeAlias = Mapping[str, float]
UNIT: Final = 1000
CONSTANT: Final = ""
UNKNOWN_FACTOR: Final = 1000.0
"""For the product of two sizes that are both not spelled out."""


def constant(letters: float) -> Size:
    """What is spelled out."""
    return {CONSTANT: max(letters, 1) / UNIT}


def plus(sizes: Iterable[Size]) -> Size:
    """All of them together."""
    found: dict[str, float] = {}
    for size in sizes:
        for name, often in size.items():
            found[name] = found.get(name, 0) + often
    return found


def either(sizes: Iterable[Size]) -> Size:
    """One of them."""
    found: dict[str, float] = {}
    for size in sizes:
        for name, often in size.items():
            found[name] = max(found.get(name, 0), often)
    return found


def times(size: Size, factor: float) -> Size:
    """So many of it; never fewer than one."""
    return {name: often * max(factor, 1) for name, often in size.items()}


Kind: TypeAlias = int
OTHER: Final = 0
NUMBER: Final = 1
COUNT: Final = 2
"""A number no larger than what was counted."""


@dataclass(frozen=True)
class Value:
    """`text` and `number`: as it is spelled out. `path`: the variable and the names that lead to it, if that is all.

    `keys`, `pairs`: the path of that whose keys, or keys with their values, are what is in it. `part`: the size of one
    element.
    """

    size: Size = field(default_factory=lambda: constant(1))
    kind: Kind = OTHER
    text: str | None = None
    number: float | None = None
    path: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()
    part: Size | None = None
    is_range: bool = False

    def sized(self, size: Size, kind: Kind = OTHER, part: Size | None = None) -> Value:
        """Something made of it."""
        return Value(size, kind, part=part)

    def grown(self, factor: float) -> Value:
        """It, so many times as large."""
        return replace(self, size=times(self.size, factor))


def one_of(values: list[Value]) -> Value:
    """What may be any of them."""
    kind = min(value.kind for value in values)
    return Value(either(value.size for value in values), kind) if len(values) > 1 else values[0]


def all_of(values: list[Value], kind: Kind = OTHER) -> Value:
    """What is made of all of them."""
    return Value(plus(value.size for value in values), kind)
