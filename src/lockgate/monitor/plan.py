"""monitor.json: what is watched, and what the reference was. Pure, and without numpy: the gateway reads it first.

    streams   one for each feature, pair, projection or output that is watched: a value of each row
    cuts      at most 15 places that cut a stream's values into at most 16 bins, for each stratum
    balls     how many of the spacings between the reference's ordered values lie in each bin: their sum is rows + 1

A cut is an order statistic of the reference at a rank that was fixed before its rows were looked at: a pair of value
and share, where the share (0 to 1) orders equal values by chance. So the true masses of the bins have the Dirichlet
distribution with exactly these balls, whatever the values are distributed as (Wilks, "Mathematical Statistics", 1962,
section 8.7), and the bins of later rows, drawn alike, follow a Polya urn that starts with these balls.

What is chosen by looking at rows (categories, ranks, pairs, places of cuts) is chosen on the pilot: rows of the
reference that are counted nowhere.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal, TypeAlias, get_args

from lockgate.core.encoding import encode
from lockgate.monitor.abuse.facts import Population

BINS = 16
INPUTS, OUTPUTS = "monitor.json", "monitor-outputs.json"
"""Their names in a model's closure: of what it is asked, and of what it answers."""
MOST_STREAMS, MOST_STRATA = 1024, 256
MOST_CUT = 12_000
"""Streams times strata: each has 15 cuts, and a gateway holds them."""
MOST_PLAN, MOST_PARTS = 16 << 20, 1_500_000
"""The size of monitor.json, and the values in it: what is larger is not looked at."""
MOST_STRIDE, MOST_CHOSEN = 10_000, 64
"""Of a stream: the largest stride that somebody may say, and that is chosen by how rows depend on each other."""
MOST_KNOWN, MOST_RANKED, MOST_UNWATCHED = 500, 512, 16_384
LONGEST_TEXT, LONGEST_NAME = 100, 4_096
MISSING = -1.0
"""The code of a missing category; of a known one its place, of an unseen one how many are known."""

_MOST_ROWS = 1 << 53

StreamKind = Literal["number", "category", "pair", "projection", "class", "margin", "confidence", "value", "loss"]
Unit = Literal["hour", "weekday", "site"]
Category: TypeAlias = str | bool | int

STREAM_KINDS: tuple[str, ...] = get_args(StreamKind)
UNITS: tuple[str, ...] = get_args(Unit)


@dataclass(frozen=True)
class Cuts:
    """Where the bins of a stream end in one stratum, ascending by (value, share), and the balls of each bin.

    A value belongs to the first bin whose cut is not below (value, a number drawn from 0 to 1), else to the last.
    `values` are finite; a missing number is below every cut.
    """

    values: tuple[float, ...]
    shares: tuple[float, ...]
    balls: tuple[int, ...]

    def __post_init__(self) -> None:
        places = list(zip(self.values, self.shares, strict=True))
        if len(self.balls) != len(places) + 1 or len(self.balls) > BINS or any(ball < 1 for ball in self.balls):
            raise ValueError("a stream has a positive number of balls for each bin")
        if not all(math.isfinite(value) and 0 <= share <= 1 for value, share in places):
            raise ValueError("a cut is a finite value, and a share from 0 to 1")
        if max(self.balls) > _MOST_ROWS:
            raise ValueError("no reference has so many rows")
        if any(one > other for one, other in pairwise(places)):
            raise ValueError("cuts must be in order")


@dataclass(frozen=True)
class Stream:
    """One value of each row, watched.

    Attributes:
        name: for people; of a field its own name. Distinct within a plan.
        of: the fields that it is computed from; none for what the model answers.
        weights: of a projection, one for each of `of`, 1 or -1.
        categories: the known values; None where the value is a number.
        cuts: one for each stratum.
        stride: one of so many rows of its reference was counted, since neighbours depend on each other; 1: each.
    """

    name: str
    kind: StreamKind
    of: tuple[str, ...]
    cuts: tuple[Cuts, ...]
    weights: tuple[float, ...] = ()
    categories: tuple[Category, ...] | None = None
    stride: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.stride <= MOST_STRIDE:
            raise ValueError("a stride is at least 1")
        _check_names([self.name, *self.of], "a stream")
        if len(self.categories or ()) > MOST_KNOWN or not all(map(_known, self.categories or ())):
            raise ValueError(f"a stream has at most {MOST_KNOWN} categories, of {LONGEST_TEXT} signs")
        if len(self.of) > MOST_RANKED or not all(abs(weight) == 1 for weight in self.weights):
            raise ValueError("a projection adds fields, or takes them off")

    @property
    def bins(self) -> int:
        """The most bins that it has in a stratum."""
        return max(len(one.balls) for one in self.cuts)


@dataclass(frozen=True)
class Strata:
    """By what rows are told apart before they are compared: `names` in the order of the numbers, one "" without any.

    A name is what `by` says, joined by a space: "07" of the hour (UTC), "mon" of the weekday, the text of the site.
    `rest`: the number of the stratum for names that are not there, or None: such rows are counted with the first.
    """

    by: tuple[Unit, ...] = ()
    time: str = ""
    site: str = ""
    names: tuple[str, ...] = ("",)
    rest: int | None = None

    def __post_init__(self) -> None:
        if not 0 < len(self.names) <= MOST_STRATA or len(self.by) > len(UNITS):
            raise ValueError(f"a plan has at most {MOST_STRATA} strata, and one at least")
        _check_names([*self.names, self.time, self.site], "a stratum")


@dataclass(frozen=True)
class Plan:
    """A parsed monitor.json.

    Attributes:
        rows: of the reference, of all strata, of which each stream counted some; `pilot`: rows that only chose.
        ranks: of each field that a pair or projection is computed from: 15 ascending cuts, from the pilot.
        unwatched: fields, and streams of several, that are not watched, and why.
        about: what else the reader is told: for outputs `accuracy`, `threshold` and `rows` of ATC.
        population: by what abuse is seen. A file without it has the bytes that it had before there was any.
    """

    streams: tuple[Stream, ...]
    rows: int
    pilot: int
    strata: Strata = field(default_factory=Strata)
    ranks: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    unwatched: Mapping[str, str] = field(default_factory=dict)
    about: Mapping[str, float] = field(default_factory=dict)
    population: Population | None = None

    def __post_init__(self) -> None:
        names = [stream.name for stream in self.streams]
        if len({*names}) != len(names) or len(names) > MOST_STREAMS:
            raise ValueError(f"a plan has at most {MOST_STREAMS} streams, of distinct names")
        if any(len(stream.cuts) != len(self.strata.names) for stream in self.streams):
            raise ValueError("a stream has cuts for each stratum")
        if len(names) * len(self.strata.names) > MOST_CUT:
            raise ValueError(f"streams times strata are at most {MOST_CUT}")
        if not all(0 <= count <= _MOST_ROWS for count in (self.rows, self.pilot)):
            raise ValueError("rows and pilot are counts")
        self._check_texts()

    def _check_texts(self) -> None:
        if len(self.ranks) > MOST_RANKED or len(self.unwatched) > MOST_UNWATCHED or len(self.about) > MOST_CUT:
            raise ValueError("a plan says more than there can be")
        _check_names([*self.ranks, *self.unwatched, *self.unwatched.values(), *self.about], "a plan")
        if not all(len(cuts) < BINS and all(map(math.isfinite, cuts)) for cuts in self.ranks.values()):
            raise ValueError(f"a field is scored by at most {BINS - 1} finite cuts")
        if not all(map(math.isfinite, self.about.values())):
            raise ValueError("what is said about a plan are numbers")

    @property
    def stride(self) -> int:
        """The largest one of a stream."""
        return max((stream.stride for stream in self.streams), default=1)

    def encode(self) -> bytes:
        """The bytes of monitor.json."""
        return encode(
            {
                "v": 1,
                "rows": self.rows,
                "pilot": self.pilot,
                "strata": {**vars(self.strata), "by": list(self.strata.by), "names": list(self.strata.names)},
                "ranks": {name: list(cuts) for name, cuts in self.ranks.items()},
                "unwatched": dict(self.unwatched),
                "about": dict(self.about),
                "streams": [_said(stream) for stream in self.streams],
                **({} if self.population is None else {"population": self.population.as_json()}),
            }
        )


def _said(stream: Stream) -> dict[str, Any]:
    return {
        "name": stream.name,
        "kind": stream.kind,
        "of": list(stream.of),
        "weights": list(stream.weights),
        "categories": None if stream.categories is None else list(stream.categories),
        "stride": stream.stride,
        "cuts": [
            {"values": list(one.values), "shares": list(one.shares), "balls": list(one.balls)} for one in stream.cuts
        ],
    }


def parse_plan(data: bytes) -> Plan:
    """Read what `Plan.encode` wrote. Raises ValueError on everything else.

    It comes from a jail that looked at anybody's rows: what is too large is refused before it is read.
    """
    import msgspec  # jails that make plans run in environments of others, which do not have it

    if len(data) > MOST_PLAN or data.count(b",") > MOST_PARTS:
        raise ValueError("larger than a plan can be")
    try:
        plan = msgspec.json.decode(data, type=Plan)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"not a plan: {error}") from None
    if plan.encode() != data:
        raise ValueError("not in the one accepted form")
    return plan


def population_of(inputs: Plan | None, outputs: Plan | None, given: Collection[str]) -> Population | None:
    """By which population a model that is given these fields is looked at; None where it has none.

    monitor.json has that of all fields of the contract: it is made before there is a model. Where a model takes only
    some of them, the judge makes another one, of these alone. Raises LookupError where too few fields are given.
    """
    own = None if outputs is None else outputs.population
    if own is not None and all(one.name in given for one in own.fields):
        return own
    whole = None if inputs is None else inputs.population
    return None if whole is None else whole.served(given)


def ready() -> None:
    """Read a plan once, before threads do. Two that read the first one of a process at the same time end it: msgspec
    looks at the type, and half of what it has found is in its cache already.
    """
    parse_plan(Plan((), 0, 0).encode())


def _check_names(names: list[str], what: str) -> None:
    if any(len(name) > LONGEST_NAME for name in names):
        raise ValueError(f"{what} says more than {LONGEST_NAME} signs in one text")


def _known(category: Category) -> bool:
    return len(category) <= LONGEST_TEXT if isinstance(category, str) else abs(category) <= _MOST_ROWS
