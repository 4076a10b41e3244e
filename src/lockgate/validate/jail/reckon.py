"""Counts what the contract jail wrote, and makes the baseline. Runs in the `parse` jail: no user code is near.

The jail that runs the user's contract could drop, invent or double rows. Here each row of the snapshot must be found
exactly once: among the accepted rows, or in the quarantine with at least one reason. Counts per rule, examples and
the baseline are made here from the files themselves, so that nothing in the report rests on the contract's word.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.contract.findings import clean
from lockgate.contract.jail._lean import settle_without_pandas
from lockgate.contract.jail.columns import ARROW
from lockgate.contract.jail.outcome import data_dir, guarded, out_dir, read_task
from lockgate.contract.jail.rows import DIGEST, QUARANTINE_SCHEMA, WITHHELD
from lockgate.contract.spec import ACCEPTED, FIELDS_KEY, QUARANTINE, ROW, SOURCE, FieldTable, parse_table
from lockgate.core.encoding import encode
from lockgate.errors import Refused
from lockgate.validate.jail._sketch import Sketch

RECKONING = "reckoning.json"
BASELINE = "baseline.json"

_ROWS = 65_536
_UNSEEN, _ACCEPTED, _QUARANTINED = 0, 1, 2
_MOST_RULES = 200
_EXAMPLES = 3


def main(arguments: Sequence[str]) -> None:
    """Entry point of the jail. Takes no arguments."""
    del arguments
    settle_without_pandas()
    task = read_task()
    guarded(lambda: reckon(task, data_dir(), out_dir()), out_dir(), unexpected="LG213")


def reckon(task: Mapping[str, Any], data: Path, out: Path) -> None:
    """Check both tables in `data` against the manifest's `files` and the field table. Raises Refused LG213."""
    table = parse_table(task["table"])
    names = [file["name"] for file in task["files"]]
    counts = [file["rows"] for file in task["files"]]
    ledger = _Ledger(names, counts)
    baseline = _accepted(data / ACCEPTED, table, frozenset(task["sensitive"]), ledger)
    rules = _quarantine(data / QUARANTINE, ledger)
    accepted, quarantined = ledger.settle()
    said = {
        "rows": sum(counts),
        "accepted": accepted,
        "quarantined": quarantined,
        "by_rule": rules[:_MOST_RULES],
        "rules": len(rules),
        "by_source": ledger.by_source(),
    }
    (out / RECKONING).write_bytes(encode(said))
    (out / BASELINE).write_bytes(encode({"v": 1, "rows": accepted, "columns": baseline}))


class _Ledger:
    """Which rows were found, one byte per row of the snapshot."""

    def __init__(self, names: Sequence[str], counts: Sequence[int]) -> None:
        self._names, self._counts = names, counts
        self._index = {name: number for number, name in enumerate(names)}
        self._starts = [sum(counts[:number]) for number in range(len(counts))]
        self._found = bytearray(sum(counts))

    def accept(self, source: int | None, row: int | None) -> None:
        """Note an accepted row, which was not seen before."""
        place = self._place(source, row)
        if self._found[place] != _UNSEEN:
            raise _unequal("a row is among the accepted ones twice", source=source, row=row)
        self._found[place] = _ACCEPTED

    def quarantine(self, name: str | None, row: int | None) -> None:
        """Note one reason of a quarantined row, which was not accepted."""
        source = self._index.get(name or "")
        place = self._place(source, row)
        if self._found[place] == _ACCEPTED:
            raise _unequal("a row is both accepted and quarantined", source=name, row=row)
        self._found[place] = _QUARANTINED

    def settle(self) -> tuple[int, int]:
        """Accepted and quarantined rows, which are together all rows. Raises Refused LG213."""
        missing = self._found.find(_UNSEEN)
        if missing >= 0:
            source = max(number for number, start in enumerate(self._starts) if start <= missing)
            row = missing - self._starts[source]
            raise _unequal("a row is neither accepted nor quarantined", source=self._names[source], row=row)
        return self._found.count(_ACCEPTED), self._found.count(_QUARANTINED)

    def by_source(self) -> list[dict[str, object]]:
        """Rows and quarantined rows per file."""
        parts = [self._found[start : start + count] for start, count in zip(self._starts, self._counts, strict=True)]
        return [
            {"source": name, "rows": len(part), "quarantined": part.count(_QUARANTINED)}
            for name, part in zip(self._names, parts, strict=True)
        ]

    def _place(self, source: int | None, row: int | None) -> int:
        if source is None or row is None or not 0 <= source < len(self._counts):
            raise _unequal("a row comes from no source", source=source, row=row)
        if not 0 <= row < self._counts[source]:
            raise _unequal("a row is beyond its source", source=source, row=row)
        return self._starts[source] + row


def _accepted(
    path: Path, table: FieldTable, sensitive: frozenset[str], ledger: _Ledger
) -> dict[str, dict[str, object]]:
    wanted: list[pa.Field[Any]] = [pa.field(field.name, ARROW[field.kind]) for field in table.columns]
    schema = pa.schema([*wanted, pa.field(SOURCE, pa.int32()), pa.field(ROW, pa.int64())])
    sketches = {field.name: Sketch(field.kind, field.name in sensitive) for field in table.columns}
    for batch in _batches(path, schema, {FIELDS_KEY: encode(table.as_json())}):
        for source, row in zip(batch.column(SOURCE).to_pylist(), batch.column(ROW).to_pylist(), strict=True):
            ledger.accept(source, row)
        for name, sketch in sketches.items():
            sketch.add(batch.column(name))
    return {name: sketch.as_json() for name, sketch in sketches.items()}


def _quarantine(path: Path, ledger: _Ledger) -> list[dict[str, object]]:
    """One entry per field and rule, commonest first; `message` is that of the first row, `rows` the first few."""
    counts: Counter[tuple[str, str]] = Counter()
    messages: dict[tuple[str, str], str] = {}
    examples: dict[tuple[str, str], list[dict[str, object]]] = {}
    for batch in _batches(path, QUARANTINE_SCHEMA, {}):
        for source, row, field, rule, message in zip(*(c.to_pylist() for c in batch.columns), strict=True):
            ledger.quarantine(source, row)
            key = (clean(field or "", 200), clean(rule or "", 100))
            counts[key] += 1
            if counts[key] == 1:
                messages[key], examples[key] = _example(message or ""), []
            if counts[key] <= _EXAMPLES:
                examples[key].append({"source": source, "row": row})
    return [
        {"count": number, "field": field, "rule": rule, "message": messages[field, rule], "rows": examples[field, rule]}
        for (field, rule), number in sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    ]


def _example(message: str) -> str:
    """A message for the report, which more people see than the quarantine: no digest of a single value."""
    return WITHHELD if message.startswith(DIGEST) else clean(message)


def _batches(path: Path, schema: pa.Schema, metadata: Mapping[bytes, bytes]) -> Iterator[pa.RecordBatch]:
    try:
        file = pq.ParquetFile(path)
        found = file.schema_arrow
        if not found.equals(schema) or any((found.metadata or {}).get(k) != v for k, v in metadata.items()):
            raise _unequal(f"{path.name} does not have the columns of the contract")
        yield from file.iter_batches(batch_size=_ROWS, use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise _unequal(f"{path.name} cannot be read: {str(error).splitlines()[0]}") from None


def _unequal(what: str, **seen: object) -> Refused:
    return Refused("LG213", f"the contract's jail gave an account that does not add up: {what}", seen=seen)
