"""JSON Lines: each line is kept verbatim, for Pydantic to read. A blank line is a record that Pydantic refuses.

So `row` is the zero-based line number. A line ends with LF or CR LF; the last one needs no end.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from lockgate.contract.jail._text import TextOptions, check_text
from lockgate.contract.spec import JSON_COLUMN

_CHUNK = 4 << 20
_LF, _CR, _CRLF = b"\n", b"\r", b"\r\n"


class JsonLinesReader:
    """One JSON Lines file: `schema` (one string column), then `batches`. Raises Refused LG107, LG114."""

    def __init__(self, path: Path, name: str, options: TextOptions) -> None:
        self.path, self.name, self.options = path, name, options
        check_text(path, name, options)
        self.schema = pa.schema([pa.field(JSON_COLUMN, pa.string())])

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The lines, in order."""
        rest = b""
        for chunk in self._chunks():
            whole, end, rest = (rest + chunk).rpartition(_LF)
            if end:
                yield self._lines(whole + end)
        if rest:
            yield self._lines(rest.removesuffix(_CR) + _LF)

    def _chunks(self) -> Iterator[bytes]:
        """The text in UTF-8, without a byte order mark. That it decodes was checked."""
        with self.path.open("rb") as file:
            if self.options.codec == "utf-8-sig":
                yield file.read(_CHUNK).removeprefix(codecs.BOM_UTF8)
                while chunk := file.read(_CHUNK):
                    yield chunk
                return
            decoder = codecs.getincrementaldecoder(self.options.codec)()
            while chunk := file.read(_CHUNK):
                yield decoder.decode(chunk).encode()
            yield decoder.decode(b"", final=True).encode()

    def _lines(self, text: bytes) -> pa.RecordBatch:
        """`text`, whose every line is ended, as one column: the ends are cut out and the offsets moved up."""
        plain = text.replace(_CRLF, _LF)
        ends = np.flatnonzero(np.frombuffer(plain, np.uint8) == ord(_LF))
        offsets = np.zeros(len(ends) + 1, np.int32)
        offsets[1:] = ends - np.arange(len(ends))
        data = pa.py_buffer(plain.replace(_LF, b""))
        lines = pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets.data), data)
        return pa.RecordBatch.from_arrays([lines], schema=self.schema)
