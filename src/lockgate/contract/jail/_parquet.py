"""Parquet with its own types. Encodings that do not change a value (dictionaries, large strings) are undone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.errors import Refused

_ROWS = 16_384


class ParquetReader:
    """One Parquet file: `schema` (plain types), then `batches`. Raises Refused LG108, LG111."""

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        try:
            self._file = pq.ParquetFile(path)
            schema = self._file.schema_arrow
        except (pa.ArrowException, OSError, ValueError) as error:
            raise self._damaged(error, None) from None
        names = schema.names
        twice = sorted({column for column in names if names.count(column) > 1})
        if twice:
            raise Refused(
                "LG111",
                f"{name} has the column {twice[0]!r} twice",
                seen={"file": name, "columns": twice},
                next=f"rename one of them in {name}",
            )
        self.schema = pa.schema([pa.field(field.name, plain_type(field.type)) for field in schema])

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, in order, in batches of bounded length."""
        rows = 0
        try:
            for batch in self._file.iter_batches(batch_size=_ROWS, use_threads=False):
                arrays = [_plain(array, field.type) for array, field in zip(batch.columns, self.schema, strict=True)]
                rows += batch.num_rows
                yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise self._damaged(error, rows) from None
        if rows != self._file.metadata.num_rows:
            raise self._damaged(ValueError(f"the footer promises {self._file.metadata.num_rows} rows"), rows)

    def _damaged(self, error: Exception, rows: int | None) -> Refused:
        where = "" if rows is None else f" after row {rows}"
        detail = str(error).split("\n")[0]
        return Refused(
            "LG108",
            f"{self.name} is not a Parquet file that can be read{where}: {detail}",
            seen={"file": self.name, **({} if rows is None else {"rows_read": rows})},
            next=f"fetch {self.name} again",
        )


def plain_type(kind: pa.DataType) -> pa.DataType:
    """`kind` without dictionary encoding, extension or a large or view layout."""
    if isinstance(kind, pa.BaseExtensionType):
        return plain_type(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return plain_type(kind.value_type)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return pa.binary()
    return kind


def _plain(array: pa.Array[Any], kind: pa.DataType) -> pa.Array[Any]:
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    return array if array.type == kind else array.cast(kind)
