"""What a population of rows is like, as far as abuse is looked for: numbers, part of monitor.json. Pure, without numpy.

    fields    those that are compared: where values of a number lie among the population's; categories are hashed
    near      how near rows of the population lie to each other by nature
    novel     how odd rows of the population are by nature

No value of a sensitive field is in it, and no text of any.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from itertools import pairwise
from math import isfinite
from typing import Any, Literal, get_args

from lockgate.monitor.abuse.novel_facts import NovelFacts

MOST_FIELDS, LEAST_FIELDS, CUTS = 48, 3, 250
LEAST_ROWS = 400
CATEGORIES = 251
"""Codes of categories are 0 to 250; so are ranks of numbers."""
TIERS = 3
MOST_POINTS = 255
"""No two rows have so many: then none are near."""

FieldKind = Literal["number", "category"]

_LONGEST_NAME = 4_096
_MILLION = 1_000_000


@dataclass(frozen=True)
class CodedField:
    """A field that is compared.

    `cuts`: of a number, ascending: 250 places that part the population's values evenly. None of a category.
    """

    name: str
    kind: FieldKind
    cuts: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in get_args(FieldKind) or not 0 < len(self.name) <= _LONGEST_NAME:
            raise ValueError("a field that is compared has a name, and is a number or a category")
        if len(self.cuts) != (CUTS if self.kind == "number" else 0) or not all(map(isfinite, self.cuts)):
            raise ValueError(f"a number has {CUTS} finite cuts, a category none")
        if any(one > other for one, other in pairwise(self.cuts)):
            raise ValueError("cuts must be in order")


@dataclass(frozen=True)
class NearFacts:
    """How near two rows of the population lie by nature.

    Two rows are given points for each field in which they agree more than most pairs do: one for each of the three of
    `within` that their ranks differ by less than, and `same` (0 to 2) more if the value is exactly the same.

    Attributes:
        points: with so many two rows are near: so are few pairs of the population, even where it is densest.
        share, edits: of pairs of the population, per million, that are near, and those that are but for a field or two.
    """

    within: tuple[tuple[int, int, int], ...]
    same: tuple[int, ...]
    points: int
    share: int
    edits: int

    def __post_init__(self) -> None:
        if len(self.within) != len(self.same) or not all(0 <= one <= CATEGORIES for row in self.within for one in row):
            raise ValueError(f"a field has {TIERS} distances of ranks")
        if not all(0 <= one <= 2 for one in self.same) or not 1 <= self.points <= MOST_POINTS:
            raise ValueError("a field gives two points at most for the same value")
        if not all(0 <= one <= _MILLION for one in (self.share, self.edits)):
            raise ValueError("a share per million")


@dataclass(frozen=True)
class Population:
    """What rows are like. `near` has an entry for each of `fields`."""

    fields: tuple[CodedField, ...]
    near: NearFacts
    novel: NovelFacts | None = None

    def __post_init__(self) -> None:
        if not LEAST_FIELDS <= len(self.fields) <= MOST_FIELDS or len({one.name for one in self.fields}) != len(
            self.fields
        ):
            raise ValueError(f"{LEAST_FIELDS} to {MOST_FIELDS} fields of distinct names are compared")
        if len(self.near.same) != len(self.fields):
            raise ValueError("each field that is compared has points")
        if self.novel is not None and max((*self.novel.fields, *self.novel.numbers), default=0) >= len(self.fields):
            raise ValueError("what is novel is said of fields that are compared")

    @property
    def silent(self) -> tuple[str, ...]:
        """The rules by which nobody can be raised: no two rows can be near, or nothing is known of what is odd."""
        near = self.near
        most = sum(same + sum(1 for each in tiers if each) for tiers, same in zip(near.within, near.same, strict=True))
        return (("near",) if most < near.points else ()) + (("novel",) if self.novel is None else ())

    def served(self, names: Collection[str]) -> Population:
        """As far as it says something of a model that is given these fields only; a column of no other can come.

        What all rows lack is no coincidence. How odd a row is can be said of all fields together or not at all.
        Raises LookupError where less than LEAST_FIELDS of the fields are given.
        """
        given = [one.name in names for one in self.fields]
        if all(given):
            return self
        if sum(given) < LEAST_FIELDS:
            raise LookupError("too few of the population's fields are given to the model")
        within = tuple(one if here else (0, 0, 0) for one, here in zip(self.near.within, given, strict=True))
        same = tuple(one if here else 0 for one, here in zip(self.near.same, given, strict=True))
        used = () if self.novel is None else (*self.novel.fields, *self.novel.numbers)
        novel = self.novel if all(given[place] for place in used) else None
        return replace(self, near=replace(self.near, within=within, same=same), novel=novel)

    def as_json(self) -> dict[str, Any]:
        """As it stands in monitor.json."""
        return {
            "fields": [vars(one) for one in self.fields],
            "near": vars(self.near),
            "novel": None if self.novel is None else vars(self.novel),
        }
