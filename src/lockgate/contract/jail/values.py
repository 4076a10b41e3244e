"""Arrow values <-> the Python objects that Pydantic is asked about, and defaults as a column holds them."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from lockgate.contract.jail.columns import misfit, plain_value
from lockgate.contract.spec import ContractField

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def python_values(array: pa.Array[Any]) -> tuple[list[Any], set[int]]:
    """The Python object of each value, and the places of those that Python cannot hold (None stands there).

    Times finer than a microsecond, which Python does not have, are cut.
    """
    kind = array.type
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        array = array.cast(pa.timestamp("us", kind.tz), safe=False)
    elif pa.types.is_duration(kind) and kind.unit == "ns":
        array = array.cast(pa.duration("us"), safe=False)
    elif pa.types.is_time64(kind) and kind.unit == "ns":
        array = array.cast(pa.time64("us"), safe=False)
    try:
        return array.to_pylist(), set()
    except (ValueError, OverflowError, pa.ArrowException):
        return _one_by_one(array)


def microseconds(value: datetime) -> int:
    """Microseconds since the epoch; a time without an offset is taken as UTC."""
    aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    return (aware - _EPOCH) // _MICROSECOND


def as_default(field: ContractField, value: Any) -> Any:
    """A default as JSON carries it and the column holds it. Raises ValueError when it cannot be kept."""
    if misfit(field, value) is not None:
        raise ValueError("its default is not of its own kind")
    plain = plain_value(field.kind, value)
    if isinstance(plain, datetime):
        return microseconds(plain)
    if isinstance(plain, float) and not math.isfinite(plain):
        raise ValueError("its default is not finite")
    if field.kind == "float" and plain is not None:
        return float(plain)
    if isinstance(plain, str):
        plain.encode()
    return plain


def _one_by_one(array: pa.Array[Any]) -> tuple[list[Any], set[int]]:
    values: list[Any] = []
    lost: set[int] = set()
    for number, scalar in enumerate(array):
        try:
            values.append(scalar.as_py())
        except (ValueError, OverflowError, pa.ArrowException):
            values.append(None)
            lost.add(number)
    return values, lost
