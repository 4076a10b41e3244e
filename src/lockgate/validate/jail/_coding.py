"""Texts of accepted rows as codes. Free text is long and never the same twice: of it no more is held than is needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from lockgate.validate.screen.column import Words

pc: Any = pyarrow.compute  # its stubs do not know that a function of an array gives an array

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LEAST_ROWS = 6
"""A text that fewer rows have is told to nobody: it is likely to be about one person, and a rule cannot accuse it."""

LONGEST_WORD = 60
_SHORT = 200
_BATCH = 2_000


def parts(path: Path, name: str, places: Ints) -> Iterator[Any]:
    """The values of one field at `places`, which are in order, some rows at a time."""
    begin = 0
    for batch in pq.ParquetFile(path).iter_batches(batch_size=_BATCH, columns=[name], use_threads=False):
        end = begin + batch.num_rows
        low, high = np.searchsorted(places, [begin, end])
        if low < high:
            yield batch.column(0).take(_indices(places[low:high] - begin))
        begin = end


def texts(path: Path, name: str, places: Ints, seed: int) -> Any:
    """As one array; a text of more than 200 bytes as its beginning and a number that stands for all of it."""
    found = [_short(part.cast(pa.string()), seed) for part in parts(path, name, places)]
    return pa.chunked_array(found, pa.string())


def coded(found: Any, least: int = LEAST_ROWS) -> tuple[Floats, Words]:
    """Codes by falling frequency, equal ones by the text; NaN where there is none. Words are those of `least` rows."""
    whole = found.cast(pa.large_string()).combine_chunks().dictionary_encode()
    codes = pc.fill_null(whole.indices, -1).to_numpy(zero_copy_only=False)
    counts = np.bincount(codes[codes >= 0], minlength=len(whole.dictionary))
    columns: Any = {"rows": counts, "word": whole.dictionary}
    table = pa.table(columns)
    order = pc.sort_indices(table, sort_keys=[("rows", "descending"), ("word", "ascending")]).to_numpy()
    rank = np.full(len(counts) + 1, np.nan)
    rank[order] = np.arange(len(counts))
    kept = whole.dictionary.take(pa.array(order[: int((counts >= least).sum())]))
    words = pc.utf8_slice_codeunits(kept, 0, LONGEST_WORD).to_pylist()
    return rank[codes], Words(tuple(words), len(counts))


def _indices(places: Ints) -> Any:
    return pa.array(places)


def _short(part: Any, seed: int) -> Any:
    long = pc.fill_null(pc.greater(pc.binary_length(part), _SHORT), fill_value=False)
    if not pc.any(long).as_py():
        return part
    import polars as pl

    # Of the seed, so that nobody can write two texts that are taken for one.
    taken: Any = pl.from_arrow(part.filter(long))
    whole = pl.Series(taken).hash(seed).cast(pl.String).to_arrow().cast(pa.string())
    begin = pc.utf8_slice_codeunits(part.filter(long), 0, LONGEST_WORD)
    return pc.replace_with_mask(part, long, pc.binary_join_element_wise(begin, whole, " "))
