"""JSON Lines: each line is kept verbatim, for Pydantic to read. A blank line is a record that Pydantic refuses.

So `row` is the zero-based line number. A line ends with LF or CR LF; the last one needs no end.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from lockgate.contract.jail._text import TextOptions, check_text
from lockgate.contract.spec import JSON_COLUMN

_HINT = 4 << 20


class JsonLinesReader:
    """One JSON Lines file: `schema` (one string column), then `batches`. Raises Refused LG107, LG114."""

    def __init__(self, path: Path, name: str, options: TextOptions) -> None:
        self.path, self.name, self.options = path, name, options
        check_text(path, name, options)
        self.schema = pa.schema([pa.field(JSON_COLUMN, pa.string())])

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The lines, in order."""
        with self.path.open(encoding=self.options.codec, newline="\n") as file:
            while lines := file.readlines(_HINT):
                texts = [line.rstrip("\n").removesuffix("\r") for line in lines]
                yield pa.RecordBatch.from_arrays([pa.array(texts, pa.string())], schema=self.schema)
