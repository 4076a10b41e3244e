"""A node of the plan on a column, as polars expressions: what Pydantic surely accepts, and what it makes of it.

One-sided: a spelling filter stands before every cast, and no cast is a verdict (docs/adr/0014). No user code is near.
A column type that is not named for a node is left to Pydantic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from lockgate.contract.plan import Choice, Day, FieldPlan, Moment, Node, Real, Text, Truth, Whole
from lockgate.contract.spec import Kind

TYPES: Mapping[Kind, pl.DataType] = {
    "float": pl.Float64(),
    "int": pl.Int64(),
    "bool": pl.Boolean(),
    "string": pl.String(),
    "timestamp": pl.Datetime("us"),
    "other": pl.String(),
}

SIGNED = (pl.Int8, pl.Int16, pl.Int32, pl.Int64)
UNSIGNED = (pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64)
FLOATS = (pl.Float32, pl.Float64)

_EXACT = 2**53
_INT64_MAX = 2**63 - 1
_WHOLE = r"^-?[0-9]{1,17}$"
_REAL = r"^[+-]?[0-9]{1,15}(\.[0-9]{1,15})?([eE][+-]?[0-9]{1,2})?$"
_YEAR = r"([0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)"
_DAY = rf"^{_YEAR}-[0-9]{{2}}-[0-9]{{2}}$"
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
_MOMENT = rf"^{_YEAR}-[0-9]{{2}}-[0-9]{{2}}[T ]{_CLOCK}(\.[0-9]{{3}}([0-9]{{3}})?)?(Z|\+00:00)?$"
_MICROSECONDS = (26, 27, 32)
"""How long a text of that form is with six digits of a second: alone, with Z, with an offset."""

_TRUE, _FALSE = ("true", "True", "TRUE", "1"), ("false", "False", "FALSE", "0")
_DAY_LENGTH = 86_400_000_000
_YEAR_1, _YEAR_2, _YEAR_9998 = ((date(year, 1, 1) - date(1970, 1, 1)).days * _DAY_LENGTH for year in (1, 2, 9998))
_YEAR_10000 = _YEAR_9998 + 730 * _DAY_LENGTH


@dataclass(frozen=True)
class Accepted:
    """What is made of a column, and where that is what Pydantic surely makes of it.

    `value`: as the column of its kind holds it, from the column as it was read. `sure`: from that column and from
    `value` under the name that `made` gives it, which is thus reckoned once; null where nothing is known.
    """

    sure: pl.Expr
    value: pl.Expr


def made(field: str) -> str:
    """The name of the column that holds what is made of `field`."""
    return f"={field}"


def exactly(name: str) -> pl.Expr:
    """The column of this name, whatever the name is: `pl.col` takes `*` and `^...$` for patterns."""
    return pl.selectors.by_name(name).as_expr()


def accepts(field: FieldPlan, column: str, kind: pl.DataType) -> Accepted | None:
    """What is surely accepted of `column`, which is of type `kind`; None when nothing is."""
    rule = _RULES.get(type(field.node))
    found = rule(field.node, exactly(column), pl.col(made(field.name)), kind) if rule is not None else None
    if found is None:
        if not field.nullable:
            return None
        found = Accepted(pl.lit(value=False), pl.lit(None, TYPES[field.kind]))
    return Accepted(exactly(column).is_null() | found.sure, found.value) if field.nullable else found


def _whole(node: Whole, col: pl.Expr, got: pl.Expr, kind: pl.DataType) -> Accepted | None:
    if isinstance(kind, SIGNED):
        sure, value = None, col.cast(pl.Int64)
    elif isinstance(kind, UNSIGNED):
        sure, value = col <= _INT64_MAX, col.cast(pl.Int64, strict=False)
    elif isinstance(kind, FLOATS) and not node.strict:
        number = col.cast(pl.Float64)
        sure = number.is_finite() & (number == number.floor()) & (number.abs() < _EXACT)
        value = number.cast(pl.Int64, strict=False)
    elif isinstance(kind, pl.String) and not node.strict:
        sure, value = col.str.contains(_WHOLE), col.cast(pl.Int64, strict=False)
    else:
        return None
    if node.multiple_of is not None:
        sure = _both(sure, got % node.multiple_of == 0)
    return Accepted(_within(node, got, sure), value)


def _real(node: Real, col: pl.Expr, got: pl.Expr, kind: pl.DataType) -> Accepted | None:
    sure: pl.Expr | None = None
    if isinstance(kind, FLOATS):
        value = col.cast(pl.Float64)
    elif isinstance(kind, SIGNED + UNSIGNED):
        sure, value = col.is_between(-_EXACT if isinstance(kind, SIGNED) else 0, _EXACT), col.cast(pl.Float64)
    elif isinstance(kind, pl.String) and not node.strict:
        sure, value = col.str.contains(_REAL), col.cast(pl.Float64, strict=False)
    else:
        return None
    bounded = any(bound is not None for bound in (node.ge, node.gt, node.le, node.lt))
    if node.finite:
        sure = _both(sure, got.is_finite())
    elif bounded:
        sure = _both(sure, got.is_not_nan())
    return Accepted(_within(node, got, sure), value)


def _both(one: pl.Expr | None, other: pl.Expr) -> pl.Expr:
    return other if one is None else one & other


def _within(node: Whole | Real | Day | Moment, got: pl.Expr, sure: pl.Expr | None) -> pl.Expr:
    if node.ge is not None:
        sure = _both(sure, got >= node.ge)
    if node.gt is not None:
        sure = _both(sure, got > node.gt)
    if node.le is not None:
        sure = _both(sure, got <= node.le)
    if node.lt is not None:
        sure = _both(sure, got < node.lt)
    return got.is_not_null() if sure is None else sure


def _text(node: Text, col: pl.Expr, got: pl.Expr, kind: pl.DataType) -> Accepted | None:
    if not isinstance(kind, pl.String):
        return None
    text = col.str.strip_chars() if node.strip else col
    sure: pl.Expr | None = None
    if node.min_length is not None:
        sure = got.str.len_chars() >= node.min_length
    if node.max_length is not None:
        sure = _both(sure, got.str.len_chars() <= node.max_length)
    if node.pattern is not None:
        sure = _both(sure, got.str.contains(node.pattern))
    if node.lower or node.upper:
        # Beyond ASCII, case depends on the version of Unicode's tables, which polars and Pydantic may not share; within
        # it, a change of case changes no length.
        sure = _both(sure, text.str.len_bytes() == text.str.len_chars())
        text = text.str.to_lowercase() if node.lower else text.str.to_uppercase()
    return Accepted(got.is_not_null() if sure is None else sure, text)


def _truth(node: Truth, col: pl.Expr, got: pl.Expr, kind: pl.DataType) -> Accepted | None:
    if isinstance(kind, pl.Boolean):
        return Accepted(got.is_not_null(), col)
    if node.strict:
        return None
    if isinstance(kind, pl.String):
        return Accepted(col.is_in([*_TRUE, *_FALSE]), col.is_in(list(_TRUE)))
    if isinstance(kind, SIGNED + UNSIGNED):
        return Accepted(col.is_between(0, 1), col == 1)
    return None


def _day(node: Day, col: pl.Expr, got: pl.Expr, kind: pl.DataType) -> Accepted | None:
    if isinstance(kind, pl.Date):
        # Python knows the years 1 to 9999; a column of days knows more.
        found, sure = col, col.is_between(date.min, date.max)
    elif isinstance(kind, pl.String) and not node.strict:
        found = col.str.to_date("%Y-%m-%d", strict=False)
        sure = col.str.contains(_DAY) & got.is_not_null()
    else:
        return None
    return Accepted(_within(node, got.to_physical() // _DAY_LENGTH, sure), found.cast(pl.Datetime("us")))


def _moment(node: Moment, col: pl.Expr, got: pl.Expr, kind: pl.DataType) -> Accepted | None:
    if isinstance(kind, pl.Datetime):
        aware = kind.time_zone is not None
        if not {node.zone, node.bounds} <= {"any", "aware" if aware else "naive"}:
            return None
        number = col.to_physical()
        if kind.time_unit == "ns":  # which cannot leave the years 1677 to 2262
            sure, value = number % 1000 == 0, number // 1000
        else:
            tick = 1 if kind.time_unit == "us" else 1000
            # With an offset, the local time may lie beyond the years that Python knows where UTC does not.
            least, most = (_YEAR_2, _YEAR_9998) if aware else (_YEAR_1, _YEAR_10000)
            sure, value = number.is_between(least // tick, most // tick, closed="left"), number * tick
        return Accepted(_within(node, got.to_physical(), sure), value.cast(pl.Datetime("us")))
    if isinstance(kind, pl.String) and not node.strict:
        return _moment_of(node, col, got)
    return None


def _moment_of(node: Moment, col: pl.Expr, got: pl.Expr) -> Accepted:
    """A text of the form of `_MOMENT`. Other offsets are left to Pydantic."""
    start = col.str.slice(0, 19)
    found = pl.coalesce(
        start.str.to_datetime("%Y-%m-%dT%H:%M:%S", strict=False, time_unit="us"),
        start.str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False, time_unit="us"),
    )
    milliseconds = col.str.slice(20, 3).cast(pl.Int64, strict=False).fill_null(0)
    more = col.str.slice(23, 3).cast(pl.Int64, strict=False)
    microseconds = pl.when(col.str.len_bytes().is_in(_MICROSECONDS)).then(more).otherwise(0)
    sure = col.str.contains(_MOMENT) & got.is_not_null()
    aware = col.str.ends_with("Z") | col.str.ends_with("+00:00")
    for zone in {node.zone, node.bounds} - {"any"}:
        sure &= aware if zone == "aware" else ~aware
    value = found.to_physical() + milliseconds * 1000 + microseconds
    return Accepted(_within(node, got.to_physical(), sure), value.cast(pl.Datetime("us")))


def _choice(node: Choice, col: pl.Expr, got: pl.Expr, kind: pl.DataType) -> Accepted | None:
    if isinstance(node.values[0], str):
        return Accepted(col.is_in(list(node.values)), col) if isinstance(kind, pl.String) else None
    if isinstance(kind, SIGNED):
        value = col.cast(pl.Int64)
        return Accepted(got.is_in(list(node.values)), value)
    return None


_RULES: Mapping[type[Node], Callable[[Any, pl.Expr, pl.Expr, pl.DataType], Accepted | None]] = {
    Whole: _whole,
    Real: _real,
    Text: _text,
    Truth: _truth,
    Day: _day,
    Moment: _moment,
    Choice: _choice,
}


def literal(field: FieldPlan) -> pl.Expr:
    """The default of `field` as a column."""
    value = (field.missing or {})["value"]
    if field.kind == "timestamp" and value is not None:
        return pl.lit(value, pl.Int64).cast(pl.Datetime("us"))
    return pl.lit(value, TYPES[field.kind])


def usable(field: FieldPlan) -> bool:
    """Whether polars can match the field's pattern: it refuses what is too large for it."""
    if not isinstance(field.node, Text) or field.node.pattern is None:
        return True
    try:
        pl.Series([""]).str.contains(field.node.pattern)
    except pl.exceptions.PolarsError:
        return False
    return True
