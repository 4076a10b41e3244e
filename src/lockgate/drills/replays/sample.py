"""Some of a snapshot's rows as a file of the kind that they came from, so that the contract reads them as before.

Trusted: the snapshot, whose bytes are those that the ingester signed (checked by the caller).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.contract.spec import KIND_KEY

if TYPE_CHECKING:
    from lockgate.config import DataSettings

_BOOKKEEPING: Final = ("__source__", "__row__")
_BATCH: Final = 50_000


def write_sample(snapshot: Path, folder: Path, rows: int, data: DataSettings) -> str:
    """Write `rows` of the snapshot's rows into `folder`, evenly spaced and in their order; the name of the file.

    CSV cells and lines of JSON are written as they came, Parquet with its types. The order stays, so that a split by
    time is one here too.
    """
    with pq.ParquetFile(snapshot) as file:
        kind = (file.schema_arrow.metadata or {}).get(KIND_KEY, b"parquet").decode()
        name = f"sample.{kind}"
        kept = [column for column in file.schema_arrow.names if column not in _BOOKKEEPING]
        batches = _spaced(file, kept, rows)
        if kind == "csv":
            _write_csv(folder / name, kept, batches, data)
        elif kind == "jsonl":
            lines = (str(line) for batch in batches for line in batch.column(kept.index("json")).to_pylist())
            (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding=data.encoding)
        else:
            schema = pa.schema([file.schema_arrow.field(column) for column in kept])
            with pq.ParquetWriter(folder / name, schema) as writer:
                for batch in batches:
                    writer.write_batch(batch.cast(schema))
    return name


def _spaced(file: pq.ParquetFile, columns: Sequence[str], rows: int) -> Iterator[pa.RecordBatch]:
    """Each n-th row."""
    total = file.metadata.num_rows
    wanted = sorted({number * total // rows for number in range(min(rows, total))}) if rows < total else range(total)
    begin = 0
    at = iter(wanted)
    place = next(at, None)
    for batch in file.iter_batches(batch_size=_BATCH, columns=list(columns)):
        chosen = []
        while place is not None and place < begin + batch.num_rows:
            chosen.append(place - begin)
            place = next(at, None)
        begin += batch.num_rows
        yield batch.take(pa.array(chosen, pa.int64()))


def _write_csv(path: Path, columns: Sequence[str], batches: Iterator[pa.RecordBatch], data: DataSettings) -> None:
    nothing = data.null[0] if data.null else ""
    with path.open("w", encoding=data.encoding, newline="") as file:
        writer = csv.writer(file, delimiter=data.delimiter, lineterminator="\n")
        writer.writerow(columns)
        for batch in batches:
            cells = cast("list[list[Any]]", [column.to_pylist() for column in batch.columns])
            writer.writerows([nothing if cell is None else cell for cell in row] for row in zip(*cells, strict=True))
