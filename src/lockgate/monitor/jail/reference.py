"""monitor.json from accepted rows. Runs in the jail that judged them, in which no user code is.

The rows are taken in the order of time, if a field says it, else in that of the files. They are looked at as a gateway
looks at what it is asked: a stream in which neighbours depend on each other counts one of so many rows. A file whose
rows are sorted or grouped has neighbours that are alike at any distance; where no field says the time that says nothing
of it, and no row is left out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from lockgate.errors import Refused
from lockgate.monitor import making, strata
from lockgate.monitor.abuse import population
from lockgate.monitor.asked import Asked
from lockgate.monitor.binning import Binner
from lockgate.monitor.dependence import MOST, Steps, Thinner
from lockgate.monitor.jail.reading import column, kind_of
from lockgate.monitor.making import DEPENDS, LEAST_ROWS, Wanted
from lockgate.monitor.plan import Plan
from lockgate.monitor.values import Array

Places: TypeAlias = npt.NDArray[np.intp]

MOST_ROWS, MOST_CELLS = 200_000, 8_000_000
"""Of the sample that is looked at: rows, and rows times streams."""

_FIRST_ROWS = 20_000
_WINDOW, _WINDOWS = 4_000, 8
_MOST_NAMED = 20


@dataclass(frozen=True)
class Made:
    """The plan, and why it has no streams, if it has none."""

    plan: Plan
    why: str = ""

    def as_json(self) -> dict[str, Any]:
        """For the account of the jail."""
        apart = sorted((-one.stride, one.name) for one in self.plan.streams if one.stride > 1)
        thinned = [[name, -stride] for stride, name in apart[:_MOST_NAMED]]
        left = sorted(name for name, why in self.plan.unwatched.items() if why == DEPENDS)[:_MOST_NAMED]
        return {
            "why": self.why,
            "rows": self.plan.rows,
            "thinned": thinned,
            "more": len(apart) - len(thinned),
            "dependent": left,
        }


def reference(path: Path, kinds: Mapping[str, str], sensitive: Collection[str], asked: Asked, seed: int) -> Made:
    """The plan of the rows in `path`; `kinds`: of what a model can be given. Raises Refused LG229."""
    check(kinds, sensitive, asked)
    unwatched = dict.fromkeys((name for name in kinds if name in sensitive), "it is sensitive")
    unwatched |= dict.fromkeys(asked.exclude, "lockgate.toml leaves it out")
    watched = [name for name, kind in kinds.items() if name not in unwatched and kind != "timestamp"]
    needed = dict.fromkeys([*watched, *sorted(strata.needs(asked.strata, asked.time, asked.site))])
    rows = Rows(path, {name: kinds[name] for name in needed if kinds[name] != "other"})
    ordered = rows.ordered(asked.order)
    randomness = np.random.default_rng(seed)
    most = min(MOST_ROWS, MOST_CELLS // (len(watched) + 40))

    wanted = Wanted(asked.strata, asked.time, asked.site, unwatched, max(asked.stride, 1))
    sample = _some(ordered, min(most, _FIRST_ROWS), randomness)
    taken, *windows = rows.at([sample, *stretches(ordered)])
    # Its own stride is not asked for: this plan says what the streams are, and where neighbours are alike.
    plan = making.make(taken, kinds, seed=seed, wanted=replace(wanted, stride=1))
    found = {} if asked.stride else strides(plan, windows, timed=bool(asked.order))
    if found or asked.stride or len(ordered) > len(next(iter(taken.values()), ())):
        wanted = replace(wanted, strides=found)
        places, steps = apart(ordered, {wanted.stride, *found.values()}, most, randomness)
        plan = making.make(rows.at([places])[0], kinds, seed=seed, wanted=wanted, steps=steps)
    if not plan.streams:
        return Made(plan, _why(len(ordered), plan))
    # Near rows show in fields that are not watched for drift as well, but no value of a sensitive one is in the plan.
    more = {name: kinds[name] for name in asked.exclude if name not in sensitive and name not in taken}
    taken |= Rows(path, {name: kind for name, kind in more.items() if kind != "other"}).at([sample])[0]
    made = population.make(taken, kinds, left_out=sensitive, moving=asked.exclude, timed=bool(asked.order), seed=seed)
    return Made(replace(plan, population=made))


def check(kinds: Mapping[str, str], sensitive: Collection[str], asked: Asked) -> None:
    """That the settings name fields. Raises Refused LG229."""
    wanted = {"time": ("timestamp",), "site": ("string", "int", "bool")}
    flaws = [
        f"exclude names {name!r}, which is no field that a model is given"
        for name in asked.exclude
        if name not in kinds
    ]
    for unit in asked.strata:
        setting = "site" if unit == "site" else "time"
        name: str = getattr(asked, setting)
        if kinds.get(name) not in wanted[setting]:
            flaws.append(
                f"{setting} = {name!r} is no field of kind {' or '.join(wanted[setting])} that a model is given"
            )
        elif name in sensitive:
            flaws.append(f"{setting} = {name!r} is sensitive, and its values would be in the plan")
    if flaws:
        raise Refused(
            "LG229",
            f"what is to be watched cannot be: {flaws[0]}",
            seen={"fields": list(kinds)[:20]},
            next="edit lockgate.toml: [monitor]",
        )


def strides(plan: Plan, windows: Sequence[Mapping[str, Array]], *, timed: bool) -> dict[str, int]:
    """Of the streams whose neighbours depend: one of how many rows is as good as independent of the one before, as a
    gateway would find; 0 where none is, however far apart. Only of rows in the order of time is that said: `timed`.
    """
    if not plan.streams:
        return {}
    randomness = np.random.default_rng(0)
    binner, thinner = Binner(plan, randomness), Thinner([1] * len(plan.streams), randomness)
    for columns in windows:
        bins, _ = binner.bins(columns)
        again = np.ones(len(plan.streams), bool)
        while again.any():
            before = thinner.strides.copy()
            thinner.window(np.where(again, bins, np.int8(-1)))
            again = thinner.strides > before
    endless = thinner.doubted & (thinner.strides >= MOST)
    found = np.where(endless, 0, thinner.strides)
    if not timed:
        found[thinner.strides >= MOST] = 1
    return {one.name: int(stride) for one, stride in zip(plan.streams, found, strict=True) if stride != 1}


def apart(
    ordered: Places, wanted: Collection[int], most: int, randomness: np.random.Generator
) -> tuple[Places, dict[int, Places]]:
    """Rows for streams of these strides, and of each stride the places of its own among them.

    Where there are more than `most`, each stride gets its share of those that lie so far apart.
    """
    strides = sorted({one for one in wanted if one})
    limit = most if len(ordered) <= most else most // len(strides)
    chosen = {each: _some(Steps(each, randomness).take(len(ordered)), limit, randomness) for each in strides}
    if len(ordered) <= most:
        return ordered, chosen
    union = np.unique(np.concatenate(list(chosen.values())))
    return ordered[union], {each: np.searchsorted(union, places) for each, places in chosen.items()}


class Rows:
    """A file of accepted rows, of which columns are read one by one."""

    def __init__(self, path: Path, kinds: Mapping[str, str]) -> None:
        self._path = path
        self._kinds = kinds

    def ordered(self, by: str) -> Places:
        """The places of all rows in the order that the column `by` says; as they are, where it says none."""
        described = pq.read_schema(self._path)
        kind = kind_of(described.field(by).type) if by in described.names else None
        if kind not in ("timestamp", "int", "float"):
            return np.arange(pq.read_metadata(self._path).num_rows)
        return np.argsort(column(self._read(by), kind), kind="stable")

    def at(self, parts: Sequence[Places]) -> list[dict[str, Array]]:
        """Of each part the columns of its rows; a column is read once for all."""
        found: list[dict[str, Array]] = [{} for _ in parts]
        for name, kind in self._kinds.items():
            whole = self._read(name)
            for columns, places in zip(found, parts, strict=True):
                columns[name] = column(whole.take(places), kind)
        return found

    def _read(self, name: str) -> Any:
        return pq.read_table(self._path, columns=[name], use_threads=False).column(0)


def _some(places: Places, most: int, randomness: np.random.Generator) -> Places:
    if len(places) <= most:
        return places
    return places[np.sort(randomness.choice(len(places), most, replace=False))]


def stretches(ordered: Places) -> list[Places]:
    """Some stretches of neighbours, evenly from all of them."""
    number = min(max(len(ordered) // _WINDOW, 1), _WINDOWS)
    starts = np.linspace(0, max(len(ordered) - _WINDOW, 0), number).astype(int)
    return [ordered[start : start + _WINDOW] for start in starts.tolist()]


def _why(rows: int, plan: Plan) -> str:
    if rows < LEAST_ROWS:
        return f"there are {rows} accepted rows: {LEAST_ROWS} are needed"
    if DEPENDS in plan.unwatched.values():
        return DEPENDS
    return "none of the fields can be watched"
