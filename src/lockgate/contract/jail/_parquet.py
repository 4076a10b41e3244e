"""Parquet with its own types. Encodings that do not change a value (dictionaries, large layouts) are undone.

A footer is judged before a page is unpacked (`_footer`). A page whose checksum is in the file is checked against it;
most writers leave none, and then only the file's digest tells that a byte changed: pin it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lockgate.contract.jail._bounds import check_depth, check_names, pieces
from lockgate.contract.jail._footer import check_footer, check_footer_size, check_ratio, damaged
from lockgate.contract.jail._plain import plain, plain_type

_ROWS = 65_536
_BATCH_BYTES = 16 << 20
_BUFFERS, _LEAST_BUFFER, _MOST_BUFFER = 64 << 20, 16 << 10, 1 << 20


class ParquetReader:
    """One Parquet file: `schema` (plain types), then `batches`. Raises Refused LG108, LG111, LG114, LG140 to LG144."""

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        check_footer_size(path, name)
        with self._reading(None):
            metadata = pq.read_metadata(path)
            self._size = path.stat().st_size
            check_footer(metadata, self._size, name)
            self._metadata = metadata
            self._file = pq.ParquetFile(
                path,
                metadata=metadata,
                # Otherwise whole column chunks are held, however long, until the last row is read.
                pre_buffer=False,
                buffer_size=min(_MOST_BUFFER, max(_LEAST_BUFFER, _BUFFERS // max(metadata.num_columns, 1))),
                # Nanoseconds would wrap around in the years before 1678 and after 2261.
                coerce_int96_timestamp_unit="us",
                page_checksum_verification=True,
            )
            schema = self._file.schema_arrow
            check_names(name, schema.names)
        check_depth(name, schema)
        self.schema = pa.schema([pa.field(field.name, plain_type(field.type)) for field in schema])

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, in order, in batches of bounded length."""
        rows = unpacked = 0
        for batch in self._read():
            for piece in pieces(batch, self.name, rows, _weight):
                unpacked += _weight(piece)
                # A dictionary's one long value can be meant a million times: no footer tells.
                check_ratio(self.name, self._size, unpacked, rows)
                with self._reading(rows):
                    piece.validate(full=True)
                    arrays = [plain(array, field.type) for array, field in zip(piece.columns, self.schema, strict=True)]
                    whole = pa.RecordBatch.from_arrays(arrays, schema=self.schema)
                yield whole
                rows += piece.num_rows
        if rows != self._metadata.num_rows:
            raise damaged(self.name, f"the footer promises {self._metadata.num_rows} rows", rows)

    def _read(self) -> Iterator[pa.RecordBatch]:
        rows = 0
        with self._reading(0):
            batches = self._file.iter_batches(batch_size=self._batch_rows(), use_threads=False)
        while True:
            with self._reading(rows):
                batch = next(batches, None)
            if batch is None:
                return
            yield batch
            rows += batch.num_rows

    def _batch_rows(self) -> int:
        groups = [self._metadata.row_group(n) for n in range(self._metadata.num_row_groups)]
        widest = max((group.total_byte_size / group.num_rows for group in groups if group.num_rows), default=0)
        return max(1, min(_ROWS, int(_BATCH_BYTES / max(widest, 1))))

    @contextmanager
    def _reading(self, rows: int | None) -> Iterator[None]:
        """Memory that runs out is passed on; all else that the reader raises means that the file is damaged."""
        try:
            yield
        except MemoryError:
            raise
        except (pa.ArrowException, OSError, ValueError) as error:
            raise damaged(self.name, str(error).split("\n")[0], rows) from None


def _weight(batch: pa.RecordBatch) -> int:
    """Bytes of `batch` once its dictionaries are undone."""
    return sum(_undone(array) if pa.types.is_dictionary(array.type) else array.nbytes for array in batch.columns)


def _undone(array: Any) -> int:
    kind = plain_type(array.type)
    if not (pa.types.is_string(kind) or pa.types.is_binary(kind)):
        return int(array.nbytes)
    lengths = pc.binary_length(array.dictionary).cast(pa.int64()).take(array.indices)
    return int(array.nbytes - array.dictionary.nbytes + (pc.sum(lengths).as_py() or 0))
