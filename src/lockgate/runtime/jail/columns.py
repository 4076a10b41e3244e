"""What features() made becomes columns of known kinds, or is refused by name. Runs in the jail.

A kind is fixed once, by what came of the training rows; from then on values are read as that kind, however pandas
happens to hold them: one row alone with a missing number is `object`, the same row among others is `float64`.

    kind       from                                                     null
    bool       bool, boolean; numbers that are 0 or 1                   NaN
    int        integers; whole numbers held as floats                   NaN
    float      any number                                               NaN
    string     str, object with texts, categories that are texts        ""
    timestamp  datetime64, as microseconds; int64 of a timestamp field  -2**63
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from lockgate.runtime.jail.model_error import ModelError
from lockgate.runtime.serving import LONGEST_NAME, MAX_COLUMNS, Field, Kind

Array = npt.NDArray[Any]

_INFERRED: Final[Mapping[str, Kind]] = {
    "string": "string",
    "boolean": "bool",
    "integer": "float",
    "floating": "float",
    "mixed-integer-float": "float",
}
_NUMBERS = (bool, int, float, np.bool_, np.number)


def check_frame(made: object, batch: pd.DataFrame) -> pd.DataFrame:
    """That features() gave a table of the rows of `batch`, in their order, with named columns. Raises ModelError."""
    if not isinstance(made, pd.DataFrame):
        raise ModelError(f"features() returned {type(made).__name__}, not a pandas DataFrame")
    if len(made) != len(batch):
        raise ModelError(f"features() returned {len(made)} rows for {len(batch)}")
    if not made.index.equals(batch.index):
        raise ModelError("features() returned the rows in another order, or under another index")
    names: list[object] = list(made.columns)
    if not 0 < len(names) <= MAX_COLUMNS:
        raise ModelError(f"features() returned {len(names)} columns, not 1 to {MAX_COLUMNS}")
    wrong = [name for name in names if not isinstance(name, str) or not name.isidentifier() or len(name) > LONGEST_NAME]
    if wrong:
        raise ModelError(f"features() returned a column named {str(wrong[0])[:80]!r}: a name is like one of Python's")
    if len(set(names)) != len(names):
        raise ModelError(f"features() returned two columns named {next(n for n in names if names.count(n) > 1)!r}")
    return made


def kind_of(series: pd.Series[Any], given: Kind | None) -> Kind:
    """The kind of a column of the training rows; `given`: that of the field of this name. Raises ModelError."""
    series = _plain(series)
    kind = series.dtype
    if pd.api.types.is_bool_dtype(kind):
        return "bool"
    if pd.api.types.is_integer_dtype(kind):
        # A timestamp that is passed on must not become a float32, which cannot tell two minutes apart.
        return "timestamp" if given == "timestamp" else "int"
    if pd.api.types.is_datetime64_any_dtype(kind):
        return "timestamp"
    if pd.api.types.is_float_dtype(kind):
        return "float"
    inferred = pd.api.types.infer_dtype(series, skipna=True)
    found = _INFERRED.get(inferred)
    if found is None:
        raise _unlike(series, f"{kind}, which holds {inferred}: a column is numbers, booleans, texts or datetime64")
    return found


def values_of(series: pd.Series[Any], kind: Kind) -> Array:
    """The values as the model takes them, shape (n,). Raises ModelError when they are not of `kind`."""
    known = series.dtype.kind if isinstance(series.dtype, np.dtype) else ""
    if (known, kind) in (("i", "int"), ("b", "bool")):
        # Every request with one row passes here.
        values: Array = series.to_numpy()
        return values.astype(np.int64) if kind == "int" else values
    series = _plain(series)
    if kind == "string":
        return _texts(series)
    if kind == "timestamp":
        return _moments(series)
    numbers = _numbers(series, kind)
    if numbers.dtype.kind in "bi" and (kind == "int" or numbers.dtype.kind == "b"):
        return numbers.astype(np.int64) if kind == "int" else numbers if kind == "bool" else numbers.astype(np.float64)
    found = numbers.astype(np.float64)
    if np.isinf(found).any():
        raise _unlike(series, "not finite in some row: give NaN where there is no number")
    if kind == "float":
        return found
    whole = found[~np.isnan(found)]
    if kind == "bool" and not np.isin(whole, (0, 1)).all():
        raise _unlike(series, "a number other than 0 and 1 in some row, and was boolean in training")
    if kind == "int" and (whole != np.floor(whole)).any():
        raise _unlike(series, "not whole in some row, and was a whole number in training")
    return found


def arrays_of(made: pd.DataFrame, columns: tuple[Field, ...]) -> dict[str, Array]:
    """All columns by name. Raises ModelError when they are other columns, or not of their kinds."""
    names = {column.name for column in columns}
    if names != set(made.columns):
        other = sorted(names.symmetric_difference(made.columns))
        raise ModelError(f"features() returned other columns than in training: {other[0]!r} ({len(other)} differ)")
    return {column.name: values_of(made[column.name], column.kind) for column in columns}


def _plain(series: pd.Series[Any]) -> pd.Series[Any]:
    """Categories as what they are called."""
    return series.astype(object) if isinstance(series.dtype, pd.CategoricalDtype) else series


def _texts(series: pd.Series[Any]) -> Array:
    found: Array = series.to_numpy(object)
    if set(map(type, found.tolist())) <= {str}:
        return found
    null = np.asarray(pd.isna(found))
    found = np.where(null, "", found)
    if not all(isinstance(value, str) for value in found.tolist()):
        raise _unlike(series, f"{series.dtype}, and was text in training")
    return np.array([str(value) for value in found.tolist()], dtype=object)


def _moments(series: pd.Series[Any]) -> Array:
    if pd.api.types.is_datetime64_any_dtype(series.dtype):
        moments = series.dt.tz_convert("UTC").dt.tz_localize(None) if series.dt.tz is not None else series
        counted: Array = moments.to_numpy("datetime64[us]").astype(np.int64)
        return counted
    if not pd.api.types.is_integer_dtype(series.dtype) or series.isna().any():
        raise _unlike(series, f"{series.dtype}, and was a point in time in training")
    whole: Array = series.to_numpy(np.int64)
    return whole


def _numbers(series: pd.Series[Any], kind: Kind) -> Array:
    """bool, int64 or float64."""
    if isinstance(series.dtype, np.dtype) and series.dtype.kind == "f":
        return np.asarray(series.to_numpy(np.float64))
    if pd.api.types.is_numeric_dtype(series.dtype) and not pd.api.types.is_complex_dtype(series.dtype):
        if series.isna().any():
            floats: Array = series.to_numpy(np.float64, na_value=np.nan)
            return floats
        if pd.api.types.is_bool_dtype(series.dtype):
            return np.asarray(series.to_numpy(np.bool_))
        if pd.api.types.is_signed_integer_dtype(series.dtype):
            return np.asarray(series.to_numpy(np.int64))
        return np.asarray(series.to_numpy(np.float64))
    if series.dtype == object:
        null = series.isna().to_numpy()
        values = [np.nan if none else value for none, value in zip(null, series.tolist(), strict=True)]
        if all(isinstance(value, _NUMBERS) for value in values):
            return np.array(values, dtype=np.float64)
    raise _unlike(series, f"{series.dtype}, and was {kind} in training")


def _unlike(series: pd.Series[Any], why: str) -> ModelError:
    return ModelError(f"the column {str(series.name)!r} of features() is {why}")
