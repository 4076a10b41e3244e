"""Arrow columns as what is watched sees them."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lockgate.monitor.values import Array
from lockgate.runtime.serving import NULL_TIMESTAMP, Kind


def kind_of(kind: pa.DataType) -> Kind | None:
    """The kind of an Arrow type; None for what no model input can hold."""
    if pa.types.is_boolean(kind):
        return "bool"
    if pa.types.is_integer(kind):
        return "int"
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "float"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return "string"
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return "timestamp"
    return None


def column(found: pa.ChunkedArray[Any], kind: str) -> Array:
    """One column as `monitor.values` describes them. `kind`: one of those that `kind_of` gives."""
    if pa.types.is_dictionary(found.type):
        found = found.cast(found.type.value_type)
    if kind == "string":
        # One object for each different text, not for each row.
        coded: Any = found.cast(pa.large_string()).combine_chunks()
        coded = coded.dictionary_encode()
        texts = np.array([*coded.dictionary.to_pylist(), None], object)
        places: Array = pc.fill_null(coded.indices, len(texts) - 1).to_numpy(zero_copy_only=False)
        return texts[places]
    if kind == "timestamp":
        moments = found.cast(pa.timestamp("us", getattr(found.type, "tz", None)), safe=False)
        counted: Any = pc.fill_null(cast("Any", moments.cast(pa.int64())), NULL_TIMESTAMP)
        return np.asarray(counted.to_numpy())
    if kind == "bool":
        found = found.cast(pa.int8())
    return np.asarray(found.cast(pa.float64(), safe=False).to_numpy(), np.float64)
