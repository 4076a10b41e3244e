"""What attacks on rows came to: flips against queries, with and without the detectors. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from lockgate.core.stats import clopper_pearson
from lockgate.drills.controls import Rules, Stream
from lockgate.train.jail.attacks import Trail

EARLY_SHARE, EARLY_LEAST = 0.1, 64
"""Seen early: before a tenth of the queries that the flip needs, or before so many, whichever is more."""


@dataclass(frozen=True)
class Tried:
    """One attack on one row. `stream`: what the detectors made of its queries; None without a population."""

    row: int
    trail: Trail
    stream: Stream | None = None

    def flip(self, distance: float | None) -> int | None:
        """How many queries the first flip took: at all, or within `distance`."""
        flips = self.trail.flips
        return (flips[0][0] if flips else None) if distance is None else self.trail.queries_within(distance)

    @property
    def seen(self) -> int | None:
        """After how many queries it was seen."""
        return None if self.stream is None else self.stream.first

    @property
    def held(self) -> int | None:
        """After how many it would be held back, if the policy says so."""
        return None if self.stream is None else self.stream.held

    def unseen(self, distance: float | None) -> bool:
        """Whether it was flipped before anything was seen of it: what is seen afterwards is seen too late."""
        return _first(self.flip(distance), self.seen)

    def unheld(self, distance: float | None) -> bool:
        """Whether it was flipped before it would have been held back."""
        return _first(self.flip(distance), self.held)

    def early(self) -> bool | None:
        """Whether it was seen early, by the first flip of all; None of a row that was never flipped."""
        flip = self.flip(None)
        if flip is None or self.stream is None:
            return None
        return self.seen is not None and self.seen <= max(EARLY_SHARE * flip, EARLY_LEAST)


def _first(flip: int | None, control: int | None) -> bool:
    return flip is not None and (control is None or flip <= control)


@dataclass(frozen=True)
class ByAttack:
    """All rows under one attack."""

    attack: str
    tried: tuple[Tried, ...]

    @property
    def ran(self) -> tuple[Tried, ...]:
        """The rows that it was tried on: one on which it failed was not tested, and is not robust."""
        return tuple(one for one in self.tried if one.trail.ran)

    def flipped(self, distance: float | None, *, held: bool = False) -> list[int]:
        """Queries of each row that is flipped; with `held`, of those alone that are before it is held back."""
        counted = [one for one in self.ran if not held or one.unheld(distance)]
        return sorted(flip for one in counted if (flip := one.flip(distance)) is not None)

    def unseen(self, distance: float | None) -> int:
        """How many rows were flipped before anything was seen."""
        return sum(one.unseen(distance) for one in self.ran)

    @property
    def end(self) -> int | None:
        """After how many queries the last of its clients would be held back; None where one never is."""
        held = [one.held for one in self.ran]
        return None if None in held else max((one for one in held if one is not None), default=None)

    def share(self, queries: float, distance: float | None, *, held: bool = False) -> float:
        """The share of rows that are flipped within so many queries."""
        return sum(flip <= queries for flip in self.flipped(distance, held=held)) / max(1, len(self.ran))

    def changes(self) -> list[float]:
        """Of a regression: the largest change of each row's value."""
        return sorted(one.trail.change() for one in self.ran)

    def failures(self) -> dict[str, int]:
        """Why rows were not tested, and how many."""
        found: dict[str, int] = {}
        for one in self.tried:
            if not one.trail.ran:
                found[one.trail.status] = found.get(one.trail.status, 0) + 1
        return found

    def as_json(self, distance: float, rules: Rules) -> dict[str, Any]:
        """For reports."""
        ran, near = len(self.ran), self.flipped(distance)
        early = [early for one in self.ran if (early := one.early()) is not None]
        needed = middle(near)
        return {
            "attack": self.attack,
            "rows": len(self.tried),
            "ran": ran,
            "failed": self.failures(),
            "flipped": len(self.flipped(None)),
            "flipped_within": len(near),
            "flipped_within_interval": clopper_pearson(len(near), ran).as_json() if ran else None,
            "flipped_before_seen": self.unseen(None),
            "flipped_before_held": len(self.flipped(None, held=True)),
            "flipped_within_before_seen": self.unseen(distance),
            "flipped_within_before_held": len(self.flipped(distance, held=True)),
            "queries_to_flip": middle(self.flipped(None)),
            "queries_to_flip_within": needed,
            "seconds_to_flip_within": None if needed is None else round(rules.seconds(needed), 1),
            "seen": sum(one.seen is not None for one in self.ran),
            "seen_after": middle([one.seen for one in self.ran if one.seen is not None]),
            "seen_early": sum(early),
            "seen_early_of": len(early),
            "held_after": middle([one.held for one in self.ran if one.held is not None]),
            "change": middle(self.changes()) if any(one.trail.changes for one in self.ran) else None,
            "rows_by_row": [
                {
                    "row": one.row,
                    "status": one.trail.status,
                    "queries": one.trail.queries,
                    "flip": one.flip(None),
                    "flip_within": one.flip(distance),
                    "nearest": one.trail.flips[-1][1] if one.trail.flips else None,
                    "seen_after": one.seen,
                    "held_after": one.held,
                    "change": one.trail.change() if one.trail.changes else None,
                }
                for one in self.tried
            ],
        }


def middle(values: Sequence[float]) -> float | None:
    """The median; None of nothing."""
    return median(values) if values else None
