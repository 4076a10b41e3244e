"""CSV as strings, cell by cell as written: nothing is guessed, trimmed or cast here.

Quoting is RFC 4180. pyarrow parses; because it swallows a quote that never closes, a file whose quotation marks are
not evidently sound (`QuoteScan`) is first read by Python's strict `csv`, which says where the quoting breaks. A quoted
cell is null only where `[data] null` lists its spelling in quotes.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.csv as pc

from lockgate.contract.jail._bounds import MAX_RECORD, check_names, too_long
from lockgate.contract.jail._quotes import QuoteScan
from lockgate.contract.jail._text import TextOptions, check_text
from lockgate.errors import Refused

_SHOWN = 5
_BLOCKS = (1 << 20, MAX_RECORD)
"""pyarrow reads some thirty blocks ahead, and a record must not span three: small blocks first, as they mostly do."""

_CONVERTED, _LEAST = 96 << 20, 1 << 16
"""It also sets the bytes of a whole block aside for each column: the more columns, the smaller the first blocks."""

_WIDE = 32
"""Columns from which on what was set aside and not needed is given back at once."""


class _StraddleError(Exception):
    """A record is longer than the block that it is read with."""


class CsvReader:
    """One CSV file: `schema` (all strings), then `batches`. Raises Refused LG104, LG107, LG109 to LG111, LG114,
    LG141.
    """

    def __init__(self, path: Path, name: str, options: TextOptions) -> None:
        self.path, self.name, self.options = path, name, options
        quotes = QuoteScan(options.delimiter)
        check_text(path, name, options, quotes)
        csv.field_size_limit(MAX_RECORD)
        self._names = self._header()
        if not quotes.close():
            self._check_quotes()
        self.schema = pa.schema([pa.field(column, pa.string()) for column in self._names])

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The records, in order. Blank lines are no records."""
        rows = 0
        first = min(_BLOCKS[0], max(_CONVERTED // len(self._names), _LEAST))
        for block in sorted({first, *_BLOCKS}):
            try:
                for batch in self._parsed(block, rows):
                    yield batch
                    rows += batch.num_rows
            except _StraddleError:
                continue
            return
        raise too_long(self.name)

    def _parsed(self, block: int, skip: int) -> Iterator[pa.RecordBatch]:
        """The records after the first `skip`, read `block` bytes at a time. Raises _StraddleError at a longer one."""
        ragged: list[pc.InvalidRow] = []

        def keep(row: pc.InvalidRow) -> Literal["skip", "error"]:
            if len(ragged) < _SHOWN:
                ragged.append(row)
            return "skip"

        try:
            with self._open(keep, block) as reader:
                if reader.schema.names != self._names:
                    raise self._broken(1, "its first line cannot be read as column names")
                for batch in reader:
                    if ragged:
                        break
                    new = batch.slice(skip)
                    skip = max(skip - batch.num_rows, 0)
                    if new.num_rows:
                        yield pa.RecordBatch.from_arrays(_lean(new.columns), schema=self.schema)
        except pa.ArrowInvalid as error:
            if "straddl" in str(error):
                raise _StraddleError from None
            raise self._broken(None, str(error).split("\n")[0]) from None
        if ragged:
            raise self._ragged(ragged)

    def _open(self, keep: Callable[[pc.InvalidRow], Literal["skip", "error"]], block: int) -> pc.CSVStreamingReader:
        return pc.open_csv(
            self.path,
            read_options=pc.ReadOptions(use_threads=False, block_size=block, encoding=self.options.encoding),
            parse_options=pc.ParseOptions(
                delimiter=self.options.delimiter,
                newlines_in_values=True,
                invalid_row_handler=keep,
            ),
            convert_options=pc.ConvertOptions(
                column_types=dict.fromkeys(self._names, pa.string()),
                null_values=list(self.options.bare),
                strings_can_be_null=True,
                quoted_strings_can_be_null=self.options.quoted,
            ),
        )

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        """Line on which each record starts, and its cells. Raises csv.Error, with the line as second argument."""
        with self.path.open(encoding=self.options.codec, newline="") as file:
            reader = csv.reader(file, delimiter=self.options.delimiter, strict=True)
            start = 1
            try:
                for cells in reader:
                    yield start, cells
                    start = reader.line_num + 1
            except csv.Error as error:
                raise csv.Error(str(error), start) from None

    def _header(self) -> list[str]:
        try:
            names = next((cells for _, cells in self._records() if cells), None)
        except csv.Error as error:
            raise self._broken(error.args[1], error.args[0]) from None
        if names is None:
            raise Refused("LG104", f"{self.name} holds no records", seen={"file": self.name}, next="give more data")
        check_names(self.name, names)
        return names

    def _check_quotes(self) -> None:
        try:
            for _ in self._records():
                pass
        except csv.Error as error:
            raise self._broken(error.args[1], error.args[0]) from None

    def _broken(self, line: int | None, detail: str) -> Refused:
        if "field larger" in detail:
            return too_long(self.name, **({} if line is None else {"line": line}))
        what = "a quote opens and never closes" if "end of data" in detail else f"the quoting breaks: {detail}"
        where = f" in the record that starts on line {line}" if line else ""
        return Refused(
            "LG109",
            f"{self.name} is not CSV: {what}{where}",
            seen={"file": self.name, **({"line": line} if line else {})},
            next=f'look at {self.name}{f", line {line}" if line else ""}; a quote inside a cell is written ""',
        )

    def _ragged(self, rows: list[pc.InvalidRow]) -> Refused:
        line = next((n for n, cells in self._records() if cells and len(cells) != len(self._names)), 0)
        first = rows[0]
        return Refused(
            "LG110",
            f"{self.name}, line {line}: {first.actual_columns} cells where the header has {first.expected_columns}",
            seen={"file": self.name, "line": line, "expected": first.expected_columns, "found": first.actual_columns},
            next=f"mend {self.name}, line {line}; a cell that holds a delimiter needs quotes",
        )


def _lean(columns: Sequence[pa.Array[Any]]) -> Sequence[pa.Array[Any]]:
    """Many columns in buffers of their own size: to join two arrays is to copy what they hold."""
    if len(columns) <= _WIDE:
        return columns
    return [pa.concat_arrays([column, column.slice(0, 0)]) for column in columns]
