"""Customers: what honest clients of a model send, day by day, from a seed.

    independent   rows of the population, each once
    bursts        twenty to two hundred rows at a time that belong together: neighbours by one field
    retries       a fifth is sent again, exactly, at once or later
    edits10       a person asks "what if": a tenth of the rows is another one with a field or two edited
    edits30       the same, a third
    rescore       the same book every night, in which one to three of a hundred rows moved a little since
    segment       rows of one segment: a category, or a band, that holds some hundredths of the population

Beside these six kinds (both shares of edits are one), customers that a detector of near rows can hardly tell from an
attacker; they are reported apart:

    sensor        a process that drifts: each row lies near the one before
    ticking       the same book every night, in which all rows moved a little
    small-book    the same with 20 to 120 rows, which is little enough for a key to know them all
    one-case      a person who looks at one row nearly all day: 60 to 150 edits of it
    slider        a form that asks again at each step of a slider: twenty to sixty small steps of one field
    reprinted     retries of which some were printed with six digits on the way

An edit is what people do: another row's value, a round number, a step of a round size, a neighbouring whole number,
another category; a field swept over ten values; two fields toggled; one edit kept and another added; then, often, the
row as it was. Each customer edits one to four fields of those that can be changed. Half of them do so in a form that
computes other fields from these (of `credit`: the installment; balance and utilisation).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from bench.abuse.datasets import DAY_MICROSECONDS, Array, Columns, Data, Places, take

LEAST, MOST, USUAL = 200, 2000, 600
"""Rows of a day: the fewest, the most, and the median."""

Draw: TypeAlias = np.random.Generator
Block: TypeAlias = dict[str, Array]
Days: TypeAlias = Iterator[Block]


@dataclass(frozen=True)
class Shop:
    """What a customer draws from: its data set, the places of rows for traffic, and its own randomness."""

    data: Data
    places: Places
    draw: Draw

    def size(self) -> int:
        """Rows of a day."""
        return int(np.clip(USUAL * np.exp(0.6 * self.draw.normal()), LEAST, MOST))

    def fresh(self, rows: int) -> Places:
        """Places of rows, each at most once."""
        return self.draw.choice(self.places, rows, replace=False, shuffle=False)

    def floats(self) -> list[str]:
        """The fields that are floats, those that can be changed first."""
        names = [name for name in self.data.mutable if self.data.kinds[name] == "float"]
        return names or list(self.data.mutable)


def days(kind: str, data: Data, places: Places, seed: tuple[int, ...]) -> Days:
    """One block of rows for each day, without end. Raises KeyError of an unknown kind."""
    return KINDS[kind](Shop(data, places, np.random.default_rng(seed)))


def independent(shop: Shop) -> Days:
    """Rows of the population, each once."""
    while True:
        yield take(shop.data.columns, shop.fresh(shop.size()))


def bursts(shop: Shop) -> Days:
    """Runs of rows that are neighbours by one field (a date, a place, an amount)."""
    names = list(shop.data.columns)
    orders: dict[str, Places] = {}
    while True:
        runs: list[Places] = []
        rows = shop.size()
        while sum(map(len, runs)) < rows:
            name = names[int(shop.draw.integers(len(names)))]
            if name not in orders:
                some = shop.fresh(min(len(shop.places), 40_000))
                orders[name] = some[np.argsort(_ordered(shop.data.columns[name][some]), kind="stable")]
            order, long = orders[name], int(shop.draw.integers(20, 200))
            first = int(shop.draw.integers(max(1, len(order) - long)))
            runs.append(shop.draw.permutation(order[first : first + long]))
        yield take(shop.data.columns, np.concatenate(runs)[:rows])


def _ordered(column: Array) -> Array:
    return column.astype(str) if column.dtype == object else column


def retries(shop: Shop) -> Days:
    """A fifth of the rows again: at once (as a client that timed out), or later the same day."""
    while True:
        places = shop.fresh(int(shop.size() * 0.8) + 1)
        yield take(shop.data.columns, _repeated(places, shop.draw))


def _repeated(places: Places, draw: Draw) -> Places:
    again = draw.random(len(places)) < 0.2
    times = np.where(again, draw.integers(1, 3, len(places)), 0)
    later = draw.random(len(places)) < 0.4
    when = np.arange(len(places), dtype=float)
    extra = np.repeat(np.arange(len(places)), times)
    moved = when[extra] + np.where(later[extra], draw.random(len(extra)) * len(places), 0.1)
    order = np.argsort(np.concatenate((when, moved)), kind="stable")
    return np.asarray(places[np.concatenate((np.arange(len(places)), extra))][order], np.intp)


def rescore(shop: Shop) -> Days:
    """The same book every night; of one to three of a hundred rows, one to four numbers moved since yesterday."""
    book = take(shop.data.columns, shop.fresh(shop.size()))
    share = shop.draw.uniform(0.01, 0.03)
    while True:
        yield {name: column.copy() for name, column in book.items()}
        _move(book, shop, np.flatnonzero(shop.draw.random(_rows(book)) < share), int(shop.draw.integers(1, 5)))


def ticking(shop: Shop) -> Days:
    """The same book every night, of which one or two numbers of all rows moved a little."""
    return _ticking(shop, shop.size())


def small_book(shop: Shop) -> Days:
    """The same, and few of them."""
    return _ticking(shop, int(shop.draw.integers(20, 120)))


def _ticking(shop: Shop, rows: int) -> Days:
    book = take(shop.data.columns, shop.fresh(rows))
    while True:
        yield {name: column.copy() for name, column in book.items()}
        _move(book, shop, np.arange(rows), int(shop.draw.integers(1, 3)))


def _move(book: Block, shop: Shop, rows: npt.NDArray[np.intp], fields: int) -> None:
    """A balance after a day: a few hundredths of the field's spread, up or down."""
    names = shop.floats()
    for name in shop.draw.choice(names, min(fields, len(names)), replace=False).tolist():
        column = shop.data.columns[name]
        spread, digits = float(np.nanstd(column[shop.places[:2000]])), _digits(shop.data, name)
        moved = book[name][rows] + shop.draw.normal(scale=0.04 * spread, size=len(rows))
        low, high = np.nanmin(column), np.nanmax(column)
        book[name][rows] = np.round(np.clip(moved, low, high), digits)


def segment(shop: Shop) -> Days:
    """Rows of one segment only."""
    inside = _segment(shop)
    order = shop.draw.permutation(inside)
    while True:
        rows = min(shop.size(), len(order))
        yield take(shop.data.columns, order[:rows])
        order = np.roll(order, -rows)


def _segment(shop: Shop) -> Places:
    """A category or a band of one field, and a wider band of another: at least 1,000 rows, where there are any."""
    while True:
        inside = shop.places
        for share in (0.15, 0.4):
            names = list(shop.data.columns)
            column = shop.data.columns[names[int(shop.draw.integers(len(names)))]][inside]
            if column.dtype == object:
                found = inside[column == column[int(shop.draw.integers(len(column)))]]
            else:
                low = float(shop.draw.uniform(0, 1 - share))
                least, most = np.nanquantile(column, [low, low + share])
                found = inside[(column >= least) & (column <= most)]
            inside = found if len(found) >= 1000 else inside
        if len(inside) < len(shop.places) * 0.5:
            return inside


def reprinted(shop: Shop) -> Days:
    """Retries, of which a tenth come by another way, on which floats are printed with six digits."""
    for day in retries(shop):
        some = np.flatnonzero(shop.draw.random(_rows(day)) < 0.1)
        for name, kind in shop.data.kinds.items():
            if kind == "float":
                day[name][some] = [float(f"{value:.6g}") for value in day[name][some].tolist()]
        yield day


def sensor(shop: Shop) -> Days:
    """A process: numbers drift by a hundredth of their range of ranks from row to row; the rest changes rarely."""
    some = take(shop.data.columns, shop.fresh(min(len(shop.places), 20_000)))
    numbers = [name for name, kind in shop.data.kinds.items() if kind in {"float", "int"}]
    ranks, rest = shop.draw.random(len(numbers)), 0
    known = {name: np.sort(some[name][~np.isnan(some[name])]) for name in numbers}
    while True:
        rows = shop.size()
        steps = np.cumsum(shop.draw.normal(scale=0.01, size=(rows, len(numbers))), axis=0) + ranks
        folded = np.abs((steps + 1) % 2 - 1)
        ranks = folded[-1]
        day = take(some, (rest + np.arange(rows) // 300) % _rows(some))
        rest += 7
        for place, name in enumerate(numbers):
            value = np.quantile(known[name], folded[:, place])
            day[name] = np.round(value, 0 if shop.data.kinds[name] == "int" else _digits(shop.data, name))
        yield day


def edits10(shop: Shop) -> Days:
    """A tenth is edited."""
    return _edited(shop, 0.10)


def edits30(shop: Shop) -> Days:
    """A third (three of ten rows) is edited."""
    return _edited(shop, 0.30)


def slider(shop: Shop) -> Days:
    """Three of ten rows are steps of a slider."""
    return _edited(shop, 0.30, slides=True)


def one_case(shop: Shop) -> Days:
    """A tenth or so, all of one row."""
    return _edited(shop, 0.10, cases=1)


def _edited(shop: Shop, share: float, *, slides: bool = False, cases: int = 0) -> Days:
    names, computes = list(shop.data.mutable), shop.draw.random() < 0.5
    own = shop.draw.choice(names, min(len(names), int(shop.draw.integers(1, 5))), replace=False).tolist()
    editor, yesterday = Editor(shop, own), shop.places[:0]
    while True:
        plain = shop.fresh(int(shop.size() * (1 - share)))
        if len(yesterday):  # people come back to a case
            plain[:2] = shop.draw.choice(yesterday, 2)
        bases, edits, wanted = [plain], 0, len(plain) * share / (1 - share)
        sessions: list[tuple[int, list[dict[str, Any]]]] = []
        if cases:
            wanted = float(shop.draw.integers(60, 150))
        while edits < wanted:
            base = int(shop.draw.integers(cases or len(plain)))
            asked = editor.slide(int(plain[base])) if slides else editor.session(int(plain[base]))
            sessions.append((base, asked))
            edits += len(asked)
        sessions.sort(key=lambda one: one[0])
        order = np.concatenate([*bases, *(np.full(len(asked), plain[base]) for base, asked in sessions)])
        when = np.concatenate(
            [np.arange(len(plain), dtype=float), *(base + 0.001 * (1 + np.arange(len(a))) for base, a in sessions)]
        )
        day = take(shop.data.columns, order)
        row = len(plain)
        for _, asked in sessions:
            for changed in asked:
                for name, value in changed.items():
                    day[name][row] = value
                row += 1
        if computes and shop.data.name == "credit":
            _compute(day, take(shop.data.columns, order))
        yesterday = plain[np.array([base for base, _ in sessions], np.intp)]
        yield take(day, np.argsort(when, kind="stable"))


def _compute(day: Block, base: Columns) -> None:
    """What a form for loans computes of what somebody changed, against the rows as they were."""
    asked = (day["amount"] != base["amount"]) | (day["term"] != base["term"])
    installment = day["amount"] * (1 + day["rate"] / 100 * day["term"] / 24) / day["term"]
    day["installment"] = np.where(asked, np.round(installment, 2), day["installment"])
    used = base["utilisation"] * day["balance"] / np.maximum(base["balance"], 1)
    owed = base["balance"] * day["utilisation"] / np.maximum(base["utilisation"], 1e-4)
    balance, utilisation = day["balance"] != base["balance"], day["utilisation"] != base["utilisation"]
    day["utilisation"] = np.where(balance & ~utilisation, np.round(used, 4), day["utilisation"])
    day["balance"] = np.where(utilisation & ~balance, np.round(owed, 2), day["balance"])


class Editor:
    """Somebody who asks "what if" with `names`."""

    def __init__(self, shop: Shop, names: list[str]) -> None:
        self._shop, self._names = shop, names
        some = take(shop.data.columns, shop.places[:4000])
        numbers = [name for name, kind in shop.data.kinds.items() if kind not in {"string", "bool"}]
        self._spread = {name: float(np.nanstd(some[name].astype(float))) for name in numbers}
        self._ends = {name: (float(np.nanmin(some[name])), float(np.nanmax(some[name]))) for name in numbers}

    def session(self, base: int) -> list[dict[str, Any]]:
        """What is changed in each row that is asked after the row at `base`; nothing: that row again."""
        draw = self._shop.draw
        drawn, name = draw.random(), self._name()
        if drawn < 0.45:
            asked = [{name: self.value(name, base)}]
        elif drawn < 0.70:
            asked = [{one: self.value(one, base)} for one in (self._name() for _ in range(int(draw.integers(2, 6))))]
        elif drawn < 0.85:  # one edit is kept, another added
            asked = [{name: self.value(name, base)}]
            for _ in range(int(draw.integers(1, 3))):
                other = self._name()
                asked.append({**asked[-1], other: self.value(other, base)})
        elif drawn < 0.93:
            asked = [{name: value} for value in self.sweep(name, base)]
        else:
            other = self._name()
            one, two = self.value(name, base), self.value(other, base)
            asked = [{name: one}, {other: two}, {name: one, other: two}]
        return [*asked, {}] if draw.random() < 0.5 else asked

    def slide(self, base: int) -> list[dict[str, Any]]:
        """Twenty to sixty steps of one field, in one direction."""
        draw, name = self._shop.draw, self._name()
        if self._shop.data.kinds[name] in {"string", "bool"}:
            return [{name: self.value(name, base)}]
        step = _nice(self._spread[name] / 40) * (1 if draw.random() < 0.5 else -1)
        return [{name: self._at(name, base, step * count)} for count in range(1, int(draw.integers(20, 60)))]

    def sweep(self, name: str, base: int) -> list[Any]:
        """Ten values of one field: steps of a round size about the row's, or the range of the field in ten."""
        draw, column = self._shop.draw, self._shop.data.columns[name]
        if self._shop.data.kinds[name] in {"string", "bool"}:
            return [self.value(name, base) for _ in range(10)]
        if draw.random() < 0.5:
            step = _nice(self._spread[name] * float(draw.choice([0.1, 0.25, 0.5])))
            return [self._at(name, base, step * count) for count in range(-5, 6) if count]
        low, high = np.nanquantile(column[self._shop.places[:2000]].astype(float), [0.05, 0.95])
        return [round(value, _digits(self._shop.data, name)) for value in np.linspace(low, high, 10).tolist()]

    def value(self, name: str, base: int) -> Any:
        """A natural value of a field that is not the row's own, where chance gives one."""
        draw, column, kind = self._shop.draw, self._shop.data.columns[name], self._shop.data.kinds[name]
        drawn = draw.random()
        if kind in {"string", "bool"} or drawn < 0.4:
            return column[self._shop.places[int(draw.integers(len(self._shop.places)))]]
        if kind == "int" and drawn < 0.7:
            return self._at(name, base, float(draw.choice([-3, -2, -1, 1, 2, 3])))
        step = _nice(self._spread[name] * float(draw.choice([0.1, 0.25, 0.5, 1.0])))
        moved = self._at(name, base, step * (1 if draw.random() < 0.5 else -1))
        return moved if drawn < 0.8 else round(moved / step) * step  # "what if it were 40,000?"

    def _name(self) -> str:
        return str(self._names[int(self._shop.draw.integers(len(self._names)))])

    def _at(self, name: str, base: int, moved: float) -> Any:
        column, kind = self._shop.data.columns[name], self._shop.data.kinds[name]
        if kind == "timestamp":
            return int(column[base]) + round(moved / DAY_MICROSECONDS) * DAY_MICROSECONDS
        low, high = self._ends[name]
        value = min(max(float(np.nan_to_num(column[base])) + moved, low), high)
        return round(value) if kind == "int" else round(value, _digits(self._shop.data, name))


def _nice(size: float) -> float:
    """The next smaller of 1, 2, 5 times a power of ten."""
    power = float(10.0 ** np.floor(np.log10(max(size, 1e-9))))
    return max(one * power for one in (1, 2, 5) if one * power <= max(size, 1e-9) * 1.0001)


def _digits(data: Data, name: str) -> int:
    """Digits behind the point that the field has in real rows, at most 12."""
    if (data.name, name) not in _KNOWN_DIGITS:
        values = data.columns[name][:200].astype(float)
        values = values[~np.isnan(values)]
        _KNOWN_DIGITS[data.name, name] = next(
            (one for one in range(12) if np.allclose(values, np.round(values, one), rtol=0, atol=1e-13)), 12
        )
    return _KNOWN_DIGITS[data.name, name]


_KNOWN_DIGITS: dict[tuple[str, str], int] = {}


def _rows(block: Columns) -> int:
    return len(next(iter(block.values())))


KINDS: dict[str, Callable[[Shop], Days]] = {
    "independent": independent,
    "bursts": bursts,
    "retries": retries,
    "edits10": edits10,
    "edits30": edits30,
    "rescore": rescore,
    "segment": segment,
    "sensor": sensor,
    "ticking": ticking,
    "small-book": small_book,
    "one-case": one_case,
    "slider": slider,
    "reprinted": reprinted,
}
CLAIMED = ("independent", "bursts", "retries", "edits10", "edits30", "rescore", "segment")
APART = ("sensor", "ticking", "small-book", "one-case", "slider", "reprinted")
