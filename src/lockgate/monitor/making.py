"""Plans made of the rows of a reference.

The rows are parted by chance: the pilot chooses (which fields, categories, ranks, pairs, strata), the others are
counted, and choose nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from lockgate.monitor import joint, strata
from lockgate.monitor.cutting import cuts, shares
from lockgate.monitor.dependence import Steps
from lockgate.monitor.plan import (
    LONGEST_TEXT,
    MOST_CUT,
    MOST_KNOWN,
    MOST_STRATA,
    MOST_STREAMS,
    Plan,
    Strata,
    Stream,
    StreamKind,
    Unit,
)
from lockgate.monitor.values import Array, Floats, Valuer

Places: TypeAlias = npt.NDArray[np.intp]

LEAST_PILOT, MOST_PILOT, PILOT_SHARE = 200, 5_000, 0.1
LEAST_ROWS = 2 * LEAST_PILOT
"""Rows of a reference without which nothing is watched."""

LEAST_COUNTED = 100
"""Rows of a stream without which it is not watched: fewer say next to nothing."""
DEPENDS = "neighbouring rows depend on each other at any distance (sorted?)"
MOST_NEW = 0.5
"""The share of rows with a text that occurs once in the pilot, above which a field is no category."""

_BLOCK = 1 << 14
"""Rows that are valued at a time."""


@dataclass(frozen=True)
class Wanted:
    """By what rows are told apart, which fields are not to be watched (and why), and of which rows streams count one.

    `stride`: of all streams that `strides` does not name. 0: of none, it depends on its neighbours at any distance.
    """

    strata: tuple[Unit, ...] = ()
    time: str = ""
    site: str = ""
    unwatched: Mapping[str, str] = field(default_factory=dict)
    stride: int = 1
    strides: Mapping[str, int] = field(default_factory=dict)

    def of(self, name: str) -> int:
        """The stride of a stream."""
        return self.strides.get(name, self.stride)


@dataclass
class Reference:
    """Rows of a reference, parted: the places of the pilot's rows and of the counted ones, in the order of the rows.

    `steps`: of each stride the places of the rows that lie so far apart; without them all rows do.
    """

    columns: Mapping[str, Array]
    rows: int
    randomness: np.random.Generator
    steps: Mapping[int, Places] = field(default_factory=dict)
    pilot: Places = field(init=False)
    kept: Places = field(init=False)

    def __post_init__(self) -> None:
        size = min(max(round(self.rows * PILOT_SHARE), LEAST_PILOT), MOST_PILOT, self.rows)
        mixed = self.randomness.permutation(self.rows)
        self.pilot, self.kept = np.sort(mixed[:size]), np.sort(mixed[size:])

    def of_pilot(self) -> dict[str, Array]:
        """Its columns."""
        return {name: column[self.pilot] for name, column in self.columns.items()}

    def strata(self, wanted: Wanted, pilot: Mapping[str, Array], streams: int) -> tuple[Strata, list[Places]]:
        """The strata, and of each the places of its counted rows."""
        most = min(MOST_STRATA, max(MOST_CUT // max(streams, 1), 2))
        share = len(self.kept) / max(len(self.pilot), 1)
        chosen = strata.chosen(wanted.strata, wanted.time, wanted.site, pilot, share, most)
        needed = strata.needs(chosen.by, chosen.time, chosen.site)
        placed = strata.numbers(chosen, {name: self.columns[name][self.kept] for name in needed}, len(self.kept))
        return chosen, [self.kept[placed == number] for number in range(len(chosen.names))]

    def apart(self, parts: Sequence[Places], stride: int) -> list[Places]:
        """Those of `parts` that a stream of this stride counts."""
        if stride == 1:
            return list(parts)
        if not stride:
            return [part[:0] for part in parts]
        steps = self.steps.get(stride)
        chosen = np.zeros(self.rows, bool)
        chosen[Steps(stride, self.randomness).take(self.rows) if steps is None else steps] = True
        return [part[chosen[part]] for part in parts]


def make(
    columns: Mapping[str, Array],
    kinds: Mapping[str, str],
    *,
    seed: int,
    wanted: Wanted | None = None,
    steps: Mapping[int, Places] | None = None,
) -> Plan:
    """The plan of what a model is asked. `columns`: as `binning.columns_of` makes them, rows in their order; `kinds` of
    all fields; `steps`: of each stride the places of rows so far apart, where these are not neighbours themselves.

    A plan without streams where there are fewer rows than LEAST_ROWS, or nothing to watch.
    """
    wanted = wanted or Wanted()
    rows = len(next(iter(columns.values()), ()))
    if rows < LEAST_ROWS:
        return Plan((), 0, 0, unwatched=wanted.unwatched)
    reference = Reference(columns, rows, np.random.default_rng(seed), steps or {})
    pilot = reference.of_pilot()
    streams, unwatched = _fields(kinds, pilot, wanted.unwatched)
    ranked = joint.ranks(pilot, [one.name for one in streams if one.categories is None])
    streams += joint.streams(pilot, ranked, reference.randomness)
    chosen, parts = reference.strata(wanted, pilot, len(streams))
    cut, left = with_cuts(_distinct(streams), ranked, reference, parts, wanted)
    needed = {name for stream in cut if stream.kind in ("pair", "projection") for name in stream.of}
    return Plan(
        cut,
        sum(map(len, parts)),
        len(reference.pilot),
        chosen,
        {name: cuts for name, cuts in ranked.items() if name in needed},
        unwatched | left,
    )


def with_cuts(
    streams: Sequence[Stream],
    ranked: Mapping[str, Sequence[float]],
    reference: Reference,
    parts: Sequence[Places],
    wanted: Wanted,
    also: Mapping[str, float] | None = None,
) -> tuple[tuple[Stream, ...], dict[str, str]]:
    """`streams` with the cuts of each stratum, whose rows are `parts`, and why others are not watched.

    `also`: of a stream one more share to cut at.
    """
    values = _values(Valuer(streams, ranked), reference)
    made, left = [], {}
    counted = {stride: reference.apart(parts, stride) for stride in sorted({wanted.of(one.name) for one in streams})}
    for stream, row in zip(streams, values, strict=True):
        stride = wanted.of(stream.name)
        rows = counted[stride]
        if stride != 1 and sum(map(len, rows)) < LEAST_COUNTED:
            left[stream.name] = DEPENDS
            continue
        known = None if stream.categories is None else len(stream.categories)
        chosen = shares(row[reference.pilot], known=known, also=(also or {}).get(stream.name))
        found = tuple(cuts(row[part], chosen, reference.randomness) for part in rows)
        made.append(replace(stream, cuts=found, stride=stride))
    return tuple(made), left


def category(name: str, kind: StreamKind, of: tuple[str, ...], pilot: Array) -> Stream:
    """A stream of the values that are in `pilot` twice, commonest first, without cuts. Others are as good as unseen:

    a text that one row alone has may be about one person, and what is not known to come again cannot be counted on.
    """
    counts = Counter(value for value in pilot.tolist() if value is not None)
    twice = (value for value, count in counts.items() if count > 1)
    known = [value for value in twice if not isinstance(value, str) or len(value) <= LONGEST_TEXT]
    ranked = sorted(known, key=lambda value: (-counts[value], str(value)))
    return Stream(name, kind, of, (), categories=tuple(ranked[:MOST_KNOWN]))


def _values(valuer: Valuer, reference: Reference) -> Floats:
    blocks = []
    for at in range(0, reference.rows, _BLOCK):
        block = {name: column[at : at + _BLOCK] for name, column in reference.columns.items()}
        blocks.append(valuer.values(block, min(_BLOCK, reference.rows - at))[0])
    return np.concatenate(blocks, axis=1)


def _fields(
    kinds: Mapping[str, str], pilot: Mapping[str, Array], unwatched: Mapping[str, str]
) -> tuple[list[Stream], dict[str, str]]:
    streams: list[Stream] = []
    left = dict(unwatched)
    for name, kind in kinds.items():
        if name in left:
            continue
        if len(streams) == MOST_STREAMS - joint.MOST_PAIRS - joint.PROJECTIONS:
            left[name] = "there are too many fields"
        elif why := _unfit(kind, pilot.get(name)):
            left[name] = why
        else:
            streams.append(_field(name, kind, pilot[name]))
    return streams, left


def _unfit(kind: str, pilot: Array | None) -> str:
    """Why a field is not watched, or ""."""
    if kind == "timestamp":
        return "a moment that goes on is never what it was"
    if kind not in ("float", "int", "bool", "string") or pilot is None:
        return "values of its kind are not compared"
    if kind == "int" and (np.diff(pilot) > 0).all():
        return "it counts upward from row to row, as a number of a row does"
    if kind == "string":
        once = sum(count for count in Counter(pilot.tolist()).values() if count == 1)
        if once > MOST_NEW * len(pilot):
            return "nearly every row has a text of its own"
    return ""


def _field(name: str, kind: str, pilot: Array) -> Stream:
    if kind == "string":
        return category(name, "category", (name,), pilot)
    return Stream(
        name,
        "category" if kind == "bool" else "number",
        (name,),
        (),
        categories=(False, True) if kind == "bool" else None,
    )


def _distinct(streams: Iterable[Stream]) -> list[Stream]:
    """A field may be called as a projection is."""
    found: dict[str, Stream] = {}
    for stream in streams:
        name = stream.name
        while name in found:
            name += " (joint)"
        found[name] = replace(stream, name=name)
    return list(found.values())
