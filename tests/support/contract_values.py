"""Tables that are made to break a contract: a Hypothesis strategy per kind of source, near the verdicts of each field.

Per field a pool of candidates is made: values of the Arrow type, or spellings, near its bounds and from all that
engines are known to read differently. Most cells come from the part of the pool that Pydantic accepts, because a row
with six hostile cells never shows a coerced value.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from lockgate.contract.spec import JSON_COLUMN, SourceKind
from tests.support.contract_spellings import BROKEN_LINES, SPELLINGS, TOKENS
from tests.support.contracts import COLUMN_NAMES, Built, Item


@dataclass(frozen=True)
class Table:
    """A batch as the reader of its kind would give it: typed columns, texts, or lines."""

    kind: SourceKind
    columns: Mapping[str, pa.Array[Any]]

    def __repr__(self) -> str:
        cells = {name: f"pa.array({column.to_pylist()}, {column.type})" for name, column in self.columns.items()}
        return f"{self.kind}: {cells}"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Hypothesis would print the fields."""
        printer.text(repr(self))

    @property
    def records(self) -> list[Any]:
        """What Pydantic is asked, row by row (docs/adr/0007)."""
        if self.kind == "jsonl":
            return list(self.columns[JSON_COLUMN].to_pylist())
        cells = [python_values(column) for column in self.columns.values()]
        return [dict(zip(self.columns, row, strict=True)) for row in zip(*cells, strict=True)]


def python_values(column: pa.Array[Any]) -> list[Any]:
    """The Python objects of a typed column; of nanoseconds the part below a microsecond is cut."""
    kind: Any = column.type
    if getattr(kind, "unit", None) != "ns":
        return list(column.to_pylist())
    coarse: Any = pa.duration("us")
    if pa.types.is_timestamp(kind):
        coarse = pa.timestamp("us", kind.tz)
    elif pa.types.is_time(kind):
        coarse = pa.time64("us")
    whole: Any = column.view(pa.int64())
    cut = [None if n is None else -(-n // 1000) if n < 0 else n // 1000 for n in whole.to_pylist()]
    view: Any = pa.array(cut, pa.int64()).view(coarse)
    return list(view.to_pylist())


# --- Arrow types and what to put in them ---

_DAY = 86_400 * 10**6
_MOMENTS = (
    *(0, 1, -1, 999_999, -_DAY, 19_782 * _DAY, 19_782 * _DAY + _DAY // 2, 1_700_000_000 * 10**6),
    *(
        1_711_846_799 * 10**6,
        1_711_846_800 * 10**6,
        1_729_989_000 * 10**6,
        1_729_992_600 * 10**6,
    ),  # Berlin's clock turns
    *(-62_135_510_400 * 10**6, 253_402_214_400 * 10**6, 2**31 * 10**6, -(2**31) * 10**6, -11_644_473_600 * 10**6 - 1),
)
"""Microseconds since the epoch; the first and the last whole day of Python's calendar are left to zones."""

_EDGES = (-62_135_596_800 * 10**6, 253_402_300_799_999_999)
_DAYS = (0, -1, 1, 19_782, -719_162, 2_932_896, 24_855)
_INTEGERS = (
    0,
    1,
    -1,
    2,
    3,
    13,
    2**53,
    2**53 + 1,
    -(2**53) - 1,
    2**63 - 1,
    -(2**63),
    2**63,
    2**64 - 1,
    2**31,
    255,
    1_700_000_000,
)
_FLOATS = (
    *(0.0, -0.0, 1.0, 1.5, -1.0, 2.5, 13.0, 0.1, 0.3, 10.5, 5e-324, 1e300, -1e300, 1e22, 2.0**53, 2.0**53 + 2, 2.0**63),
    *(math.nan, math.inf, -math.inf, 1_700_000_000.5, math.nextafter(2.0**63, 0)),
)
_DECIMALS = tuple(
    map(Decimal, ("0", "-0", "1", "1.00", "1.5", "0.1", "99.9", "12345.67", "-1.5", "123456789012345678"))
)
_UNITS = {"s": 10**6, "ms": 10**3, "us": 1}


def _raw(kind: Any) -> list[int]:
    """Moments, days, times or durations as the integers that Arrow keeps."""
    if pa.types.is_date(kind):
        return [day * 86_400_000 for day in _DAYS] if kind == pa.date64() else list(_DAYS)
    unit, zone = kind.unit, getattr(kind, "tz", None)
    if pa.types.is_time(kind):
        micros: list[int] = [0, 1, 43_200 * 10**6, _DAY - 1]
    elif pa.types.is_duration(kind):
        micros = [0, 1, -1, 1_500_000, -_DAY, 10**15]
    else:
        micros = [*_MOMENTS, *(() if zone else _EDGES)]
    if unit == "ns":
        near = [n * 1000 + more for n in micros for more in (0, 999)] + ([] if pa.types.is_time(kind) else [-1, -1001])
        return [n for n in near if -(2**63) < n < 2**63]
    return [n // _UNITS[unit] for n in micros]


def _fitting(values: Sequence[Any], kind: pa.DataType) -> list[pa.Scalar[Any]]:
    fit = []
    for value in values:
        if value is None:  # a null is drawn by its place
            continue
        try:
            fit.append(pa.scalar(value, kind))
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            continue
    return fit


def _pool(kind: pa.DataType, more: Sequence[Any]) -> pa.Array[Any]:
    """Candidates of this type: those of `more` that it can hold, then what is odd about the type itself."""
    if pa.types.is_temporal(kind):
        more = [value for value in more if isinstance(value, dt.date | dt.time | dt.timedelta)]
        raw = pa.array(_raw(kind), pa.int32() if kind.bit_width == 32 else pa.int64()).view(kind)
        return pa.array([*_fitting(more, kind), *raw], kind)
    listed: Sequence[Any]
    if pa.types.is_integer(kind):
        listed = _INTEGERS
    elif pa.types.is_floating(kind):
        listed = _FLOATS
    elif pa.types.is_decimal(kind):
        listed = _DECIMALS
    elif pa.types.is_map(kind):
        more, listed = (), ([("x", 1)], [], [("a", 1), ("a", 2)], [("k", None)])
    elif pa.types.is_nested(kind):
        listed = _NESTED
    else:
        listed = (True, False, *SPELLINGS["any"], b"AB", b"\xff", b"", b"abcdefghijklmnop")
    return pa.array(_fitting([*more, *listed], kind), kind)


_NESTED: Sequence[Any] = (
    *([], [1], [1, 2, 3], [None], [1.5], ["a"], ["1", "x"], {"x": 1, "y": 0.5}, {"x": None}, {"x": "1"}, [("k", 1)]),
    *([dt.datetime(2024, 2, 29)], {"kind": "cat", "lives": 9}),  # noqa: DTZ001 - as files hold them
)
_ZONES = (None, None, "UTC", "Europe/Berlin", "+05:30", "America/New_York")
_NATURAL: Mapping[str, Sequence[pa.DataType]] = {
    "int": (
        *(pa.int64(), pa.int64(), pa.int64(), pa.int64(), pa.int8(), pa.int16(), pa.int32(), pa.uint8(), pa.uint32()),
        *(pa.uint64(), pa.uint64(), pa.float64(), pa.float64()),
    ),
    "float": (
        *(pa.float64(), pa.float64(), pa.float64(), pa.float64(), pa.float32(), pa.float16(), pa.int64()),
        pa.decimal128(38, 10),
    ),
    "str": (pa.string(),),
    "bool": (pa.bool_(), pa.int8(), pa.float64(), pa.string()),
    "date": (pa.date32(), pa.date64(), *(pa.timestamp(unit) for unit in ("s", "ms", "us", "ns"))),
    "datetime": (*(pa.timestamp(unit, zone) for unit in ("s", "ms", "us", "ns") for zone in _ZONES), pa.date32()),
    "time": (pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns")),
    "timedelta": tuple(pa.duration(unit) for unit in ("s", "ms", "us", "ns")),
    "decimal": (pa.decimal128(38, 10), pa.decimal128(5, 2), pa.decimal128(20, 0), pa.decimal256(50, 5), pa.float64()),
    "uuid": (pa.string(), pa.binary(16)),
    "choice": (pa.string(), pa.int64(), pa.bool_(), pa.float64()),
    "bytes": (pa.binary(), pa.string(), pa.binary(2)),
    "list": (pa.list_(pa.int64()), pa.list_(pa.string()), pa.list_(pa.float64()), pa.list_(pa.int64(), 1)),
    "nested": (
        pa.struct([("x", pa.int64()), ("y", pa.float64())]),
        pa.struct([("x", pa.string())]),
        pa.struct([("kind", pa.string()), ("lives", pa.int64())]),
        pa.map_(pa.string(), pa.int64()),
    ),
    "any": (pa.null(), pa.list_(pa.timestamp("us"))),
}
TYPES = tuple(dict.fromkeys(kind for kinds in _NATURAL.values() for kind in kinds))


# --- drawing ---


def _accepted(built: Built, kind: SourceKind, item: Item, column: str, cells: Sequence[Any]) -> list[int]:
    """Positions of the candidates about which this field has nothing to say."""
    names = {item.name, *item.columns}
    found = []
    for position, cell in enumerate(cells):
        try:
            _ask(built.model, kind, column, cell)
        except ValidationError as error:
            errors = error.errors(include_url=False)
            if any(e["type"] == "json_invalid" or (e["loc"] and e["loc"][0] in names) for e in errors):
                continue
        except Exception:  # noqa: BLE001 - a validator raises what it likes
            continue
        found.append(position)
    return found


def _ask(model: type[BaseModel], kind: SourceKind, column: str, cell: Any) -> None:
    if kind == "jsonl":
        model.model_validate_json(f"{{{json.dumps(column)}: {cell}}}")
    else:
        model.model_validate({column: cell})


def _indices(draw: st.DrawFn, size: int, good: Sequence[int], rows: int, *, tame: bool) -> list[int | None]:
    """Positions in a pool, whose first are the nearest to a bound. Tame: good ones only, where there are any."""
    one: st.SearchStrategy[int | None] = st.sampled_from(good) if good else st.integers(0, size - 1)
    if not tame or not good:
        nearest = st.integers(0, min(size - 1, 5))
        one = st.one_of(one, nearest, nearest, st.integers(0, size - 1), st.integers(0, size - 1), st.none())
    return draw(st.lists(one, min_size=rows, max_size=rows))


def _free(base: str, kind: pa.DataType) -> st.SearchStrategy[Any]:
    """Values that nobody listed."""
    if pa.types.is_integer(kind):
        return st.integers(-1 if kind.bit_width == 8 else -(2**15), 120) | st.integers(-(2**63), 2**64 - 1)
    if pa.types.is_floating(kind):
        return st.floats(width=32 if kind.bit_width <= 32 else 64)
    return st.text(max_size=4) if pa.types.is_string(kind) else st.nothing()


@st.composite
def _typed(draw: st.DrawFn, built: Built, item: Item, column: str, rows: int, tame: bool) -> pa.Array[Any]:
    natural = draw(st.integers(0, 4)) > 0
    kind = draw(st.sampled_from(_NATURAL[item.drawn.base] if natural else TYPES))
    free = draw(st.lists(_free(item.drawn.base, kind), max_size=2)) if not _free(item.drawn.base, kind).is_empty else []
    texts = SPELLINGS[item.drawn.base] if pa.types.is_string(kind) else ()
    pool: Any = _pool(kind, [*item.drawn.near, *free, *texts])
    good = _accepted(built, "parquet", item, column, python_values(pool))
    places = _indices(draw, len(pool), good, rows, tame=tame) if len(pool) else [None] * rows
    found: pa.Array[Any] = pool.take(pa.array(places, pa.int64()))
    return found


def _spelled(value: Any) -> list[str]:
    text = str(value.value if hasattr(value, "value") else value)
    return [text, f" {text}", f"{text}\n", f"{text}.0", f"+{text}", f"0{text}", text.replace(" ", "T"), text.upper()]


@st.composite
def _written(draw: st.DrawFn, built: Built, item: Item, column: str, rows: int, tame: bool) -> pa.Array[Any]:
    free = draw(st.lists(st.text(max_size=4), max_size=2))
    near = [text for form in zip(*map(_spelled, item.drawn.near), strict=True) for text in form]
    pool = list(dict.fromkeys([*near, *free, *SPELLINGS[item.drawn.base], *SPELLINGS["any"]]))
    good = _accepted(built, "csv", item, column, pool)
    cells = [None if n is None else pool[n] for n in _indices(draw, len(pool), good, rows, tame=tame)]
    return pa.array(cells, pa.string())


@st.composite
def _pieces(draw: st.DrawFn, built: Built, item: Item, column: str, rows: int, tame: bool) -> list[str | None]:
    """One JSON token per row; None leaves the member out."""
    near = [_token(value) for value in item.drawn.near]
    texts = [json.dumps(text, ensure_ascii=False) for text in (*SPELLINGS[item.drawn.base], *SPELLINGS["any"][:12])]
    pool = list(dict.fromkeys([*near, *TOKENS.get(item.drawn.base, ()), *TOKENS["any"], *texts]))
    good = _accepted(built, "jsonl", item, column, pool)
    return [None if n is None else pool[n] for n in _indices(draw, len(pool), good, rows, tame=tame)]


def _token(value: Any) -> str:
    plain = value.value if hasattr(value, "value") else value
    return json.dumps(plain) if isinstance(plain, int | float | str | bool | None) else json.dumps(str(plain))


def _names(draw: st.DrawFn, built: Built) -> list[tuple[Item, str]]:
    """A column per field, mostly by its first name; those with a default may be left out, others seldom are."""
    named: dict[str, Item] = {}
    for item in built.contract.items:
        place = draw(st.sampled_from((0, 0, 0, 0, 1, 2)))
        chosen = item.columns[min(place, len(item.columns) - 1)]
        absent = draw(st.integers(0, 3 if "default" in item.arguments else 29)) == 3
        if not absent and chosen not in named:
            named[chosen] = item
    return [(item, name) for name, item in named.items()]


def _faulty(draw: st.DrawFn, named: Sequence[tuple[Item, str]]) -> set[str]:
    """Columns whose cells may be anything: mostly one, because a second fault in a row would hide the first."""
    names = [name for _, name in named]
    if not names or draw(st.integers(0, 4)) == 4:
        return set(names)
    return {draw(st.sampled_from(names))}


@st.composite
def tables(draw: st.DrawFn, built: Built, kind: SourceKind) -> Table:
    """A table for this contract: 1 to 10 rows, columns missing, renamed, further ones, in any order."""
    rows, named = draw(st.integers(1, 10)), _names(draw, built)
    if kind == "jsonl":
        return Table(kind, {JSON_COLUMN: pa.array(draw(_lines(built, named, rows)), pa.string())})
    make: Callable[..., st.SearchStrategy[pa.Array[Any]]] = _typed if kind == "parquet" else _written
    faulty = _faulty(draw, named)
    columns = {name: draw(make(built, item, name, rows, name not in faulty)) for item, name in named}
    further = draw(st.sampled_from(COLUMN_NAMES)) if draw(st.integers(0, 4)) == 0 else None
    if not columns or (further is not None and further not in columns):
        columns[further or "z"] = pa.array(
            draw(st.lists(st.sampled_from(("", "x", "1", None)), min_size=rows, max_size=rows)), pa.string()
        )
    return Table(kind, dict(draw(st.permutations(list(columns.items())))) if draw(st.booleans()) else columns)


_FORMS = (" {{ {} }} ", "{{{}}}\r", "{{{}}} x", "[{{{}}}]", "{{{}", "\ufeff{{{}}}")


@st.composite
def _lines(draw: st.DrawFn, built: Built, named: Sequence[tuple[Item, str]], rows: int) -> list[str]:
    faulty = _faulty(draw, named)
    columns = [(name, draw(_pieces(built, item, name, rows, name not in faulty))) for item, name in named]
    lines = []
    for row in range(rows):
        members = [f"{_key(draw, name)}: {tokens[row]}" for name, tokens in columns if tokens[row] is not None]
        if members and draw(st.integers(0, 11)) == 0:  # the last of two wins, or does it
            members.append(draw(st.sampled_from(members)).split(":")[0] + ": " + draw(st.sampled_from(TOKENS["any"])))
        form = draw(st.sampled_from(_FORMS)) if draw(st.integers(0, 11)) == 0 else "{{{}}}"
        line = form.format(", ".join(members))
        lines.append(draw(st.sampled_from(BROKEN_LINES)) if draw(st.integers(0, 15)) == 15 else line)
    return lines


def _key(draw: st.DrawFn, name: str) -> str:
    plain = json.dumps(name, ensure_ascii=False)
    if draw(st.integers(0, 15)) == 15 and name.isalnum():
        return '"' + "".join(f"\\u{ord(c):04x}" for c in name) + '"'
    return plain
