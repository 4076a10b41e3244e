"""Untrusted source files -> one snapshot. Runs in the `parse` jail; no user code is near.

Takes on standard input `{"files": [{"name", "path", "format"}], "null", "delimiter", "encoding"}`, where `path` is
relative to the jail's inputs. Gives `snapshot.parquet`, whose columns are those of the sources and then the two
bookkeeping columns, and `read.json`: kind, columns, and per file format and rows. The snapshot's bytes are a
function of the files' bytes and the pyarrow version.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from lockgate.contract.jail._bounds import bound_memory, too_much
from lockgate.contract.jail._csv import CsvReader
from lockgate.contract.jail._jsonl import JsonLinesReader
from lockgate.contract.jail._lean import settle_without_pandas
from lockgate.contract.jail._parquet import ParquetReader
from lockgate.contract.jail._sniff import sniff
from lockgate.contract.jail._table import TableWriter
from lockgate.contract.jail._text import TextOptions, check_options
from lockgate.contract.jail.outcome import data_dir, guarded, leave, out_dir, read_task
from lockgate.contract.spec import BOOKKEEPING, KIND_KEY, ROW, SOURCE, SourceKind
from lockgate.core.encoding import encode
from lockgate.errors import Refused

SNAPSHOT = "snapshot.parquet"
READ = "read.json"
_SHOWN = 10


class Reader(Protocol):
    """One open source file."""

    name: str
    schema: pa.Schema

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Its rows, in order."""


def main(arguments: Sequence[str]) -> None:
    """Entry point of the jail. Takes no arguments."""
    del arguments
    settle_without_pandas()
    bound_memory()
    task = read_task()
    guarded(lambda: read(task, data_dir(), out_dir()), out_dir(), unexpected="LG119")
    leave()


def read(task: Mapping[str, Any], data: Path, out: Path) -> None:
    """Read every file of `task` from `data` into `out`. Raises Refused and Usage LG103 to LG117, LG140 to LG144."""
    options = TextOptions(task["encoding"], task["delimiter"], tuple(task["null"]))
    check_options(options)
    kinds: list[SourceKind] = []
    for file in task["files"]:
        kinds.append(sniff(data / file["path"], file["name"], file["format"], options.encoding))
        _check_kind(file["name"], kinds[-1], kinds[0], task["files"][0]["name"])
    files = [(file["name"], data / file["path"]) for file in task["files"]]
    rows, schema = _write(files, kinds[0], options, out / SNAPSHOT)
    if not sum(rows):
        names = ", ".join(name for name, _ in files[:3])
        raise Refused("LG104", f"{names}: no records", seen={"files": len(files)}, next="give more data")
    described = {
        "kind": kinds[0],
        "columns": [{"name": field.name, "type": str(field.type)} for field in schema],
        "files": [{"name": name, "format": kinds[0], "rows": n} for (name, _), n in zip(files, rows, strict=True)],
        "rows": sum(rows),
    }
    (out / READ).write_bytes(encode(described))


def _write(
    files: Sequence[tuple[str, Path]], kind: SourceKind, options: TextOptions, target: Path
) -> tuple[list[int], pa.Schema]:
    """Stream every file into `target`; return rows per file and the columns that they share."""
    rows: list[int] = []
    first = _open(*files[0], kind, options)
    schema = _unify(files, kind, options, first.schema) if kind == "parquet" else first.schema
    _check_names(files[0][0], schema)
    full = pa.schema([*schema, pa.field(SOURCE, pa.int32()), pa.field(ROW, pa.int64())])
    try:
        with TableWriter(target, full.with_metadata({KIND_KEY: kind.encode()})) as writer:
            for index, (name, path) in enumerate(files):
                reader = first if index == 0 else _open(name, path, kind, options)
                _check_schema(name, reader.schema, files[0][0], schema)
                rows.append(_copy(reader, writer, schema, full, index))
    except MemoryError:  # the last group is written when all files are read
        raise too_much(files[-1][0], rows[-1] if rows else 0) from None
    return rows, schema


def _copy(reader: Reader, writer: TableWriter, schema: pa.Schema, full: pa.Schema, index: int) -> int:
    """All rows of one file, counted. Raises Refused LG140 when they do not fit the memory."""
    rows = 0
    places = [reader.schema.get_field_index(field.name) for field in schema]
    try:
        for batch in reader.batches():
            writer.add(_numbered(batch, places, full, index, rows))
            rows += batch.num_rows
    except MemoryError:
        raise too_much(reader.name, rows) from None
    return rows


def _open(name: str, path: Path, kind: SourceKind, options: TextOptions) -> Reader:
    try:
        if kind == "parquet":
            return ParquetReader(path, name)
        return CsvReader(path, name, options) if kind == "csv" else JsonLinesReader(path, name, options)
    except MemoryError:
        raise too_much(name, 0) from None


def _numbered(batch: pa.RecordBatch, places: Sequence[int], full: pa.Schema, source: int, start: int) -> pa.RecordBatch:
    """`batch` with its columns in the order of `full`, and the two that say where each row comes from."""
    arrays = [batch.column(place) for place in places]
    arrays = [a if a.type == f.type else a.cast(f.type) for a, f in zip(arrays, full, strict=False)]
    numbers = pa.array(np.arange(start, start + batch.num_rows, dtype=np.int64))
    sources = pa.repeat(pa.scalar(source, pa.int32()), batch.num_rows)
    return pa.RecordBatch.from_arrays([*arrays, sources, numbers], schema=full)


def _unify(files: Sequence[tuple[str, Path]], kind: SourceKind, options: TextOptions, schema: pa.Schema) -> pa.Schema:
    """A column without a single value in one file has no type of its own there; take it from the others."""
    for name, path in files[1:]:
        if not any(pa.types.is_null(field.type) for field in schema):
            break
        other = _open(name, path, kind, options).schema
        types = {field.name: field.type for field in other}
        schema = pa.schema(
            [pa.field(f.name, types.get(f.name, f.type) if pa.types.is_null(f.type) else f.type) for f in schema]
        )
    return schema


def _check_kind(name: str, kind: str, wanted: str, first: str) -> None:
    if kind != wanted:
        raise Refused(
            "LG113",
            f"{name} is {kind}, {first} is {wanted}: the files of one project have one format",
            seen={"file": name, "format": kind, "first_file": first, "first_format": wanted},
            next="narrow [data] sources in lockgate.toml",
        )


def _check_names(name: str, schema: pa.Schema) -> None:
    reserved = sorted(set(schema.names) & set(BOOKKEEPING))
    if reserved:
        raise Refused(
            "LG112",
            f"{name} has a column called {reserved[0]}, a name that Lockgate needs for itself",
            seen={"file": name, "columns": reserved},
            next=f"rename the column in {name}",
        )


def _check_schema(name: str, schema: pa.Schema, first: str, wanted: pa.Schema) -> None:
    """Same names in any order, same types; a column of nulls fits every type."""
    seen: dict[str, object] = {"file": name, "first_file": first}
    here, there = set(schema.names), set(wanted.names)
    missing = [column for column in wanted.names if column not in here]
    more = [column for column in schema.names if column not in there]
    if missing or more:
        what = f"lacks the column {missing[0]!r}" if missing else f"has the column {more[0]!r}"
        other = "which" if missing else "unlike"
        raise Refused(
            "LG113",
            f"{name} {what}, {other} {first}{' has' if missing else ''}",
            seen={**seen, "missing": json.dumps(missing[:_SHOWN]), "more": json.dumps(more[:_SHOWN])},
            next="narrow [data] sources in lockgate.toml, or give all files the same columns",
        )
    for field in wanted:
        found = schema.field(field.name).type
        if found != field.type and not pa.types.is_null(found):
            raise Refused(
                "LG113",
                f"column {field.name!r} is {found} in {name} and {field.type} in {first}",
                seen={**seen, "column": field.name, "found": str(found), "expected": str(field.type)},
                next="write all files with the same types",
            )
