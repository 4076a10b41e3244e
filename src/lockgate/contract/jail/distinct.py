"""The distinct values of a column, bit for bit: -0.0 and 0.0 are two, and so are two NaN."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

_BITS = {pa.float32(): pa.int32(), pa.float64(): pa.int64()}


def distinct(cells: pa.Array[Any]) -> tuple[pa.Array[Any], pa.Array[Any] | None]:
    """Distinct cells, null among them, and for each cell its place there; the cells themselves where Arrow cannot."""
    bits = _BITS.get(cells.type)
    try:
        encoded: Any = (cells.view(bits) if bits else cells).dictionary_encode(null_encoding="encode")
    except pa.ArrowException:
        return cells, None
    found = encoded.dictionary
    return (found.view(cells.type) if bits else found), encoded.indices
