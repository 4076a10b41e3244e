"""Pydantic's verdict on each row of a batch: the columns of the accepted ones, the reasons for the others.

What is asked of Pydantic depends on the source (docs/adr/0007): typed Parquet rows and CSV cells as Python values
(`model_validate`), JSON Lines as JSON (`model_validate_json`). One Python call per row; the batch is the seam for
a faster engine, which must give the same `Verdicts`.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, get_args

import pyarrow as pa
from pydantic import BaseModel, ValidationError
from pydantic_core.core_schema import ErrorType

from lockgate.contract.findings import clean
from lockgate.contract.jail.columns import ARROW, MISFITS, column, misfit
from lockgate.contract.jail.values import python_values
from lockgate.contract.spec import BOOKKEEPING, FIELDS_KEY, JSON_COLUMN, ROW, SOURCE, FieldTable, SourceKind
from lockgate.core.encoding import encode

_COLUMNS: list[pa.Field[Any]] = [
    pa.field("source", pa.string()),
    pa.field("row", pa.int64()),
    pa.field("field", pa.string()),
    pa.field("rule", pa.string()),
    pa.field("message", pa.string()),
]
QUARANTINE_SCHEMA = pa.schema(_COLUMNS)
RAISED = "lockgate_raised"
DIGEST = "hmac-sha256:"
WITHHELD = "withheld: the contract has sensitive fields"
LOST = "lockgate_value"
_LOST = "the value is beyond what Python can hold, such as a day outside the years 1 to 9999"
_OWN = frozenset({"lockgate_type", "lockgate_int64", LOST})
_WORDED_BY_PYDANTIC = (frozenset(get_args(ErrorType)) - {"value_error", "assertion_error"}) | _OWN


def accepted_schema(table: FieldTable) -> pa.Schema:
    """The columns of accepted rows: the fields, the computed fields, the bookkeeping."""
    columns: list[pa.Field[Any]] = [pa.field(entry.name, ARROW[entry.kind]) for entry in table.columns]
    return pa.schema(
        [*columns, pa.field(SOURCE, pa.int32()), pa.field(ROW, pa.int64())],
        metadata={FIELDS_KEY: encode(table.as_json())},
    )


@dataclass(frozen=True)
class Verdicts:
    """What became of one batch: rows that were accepted, and one quarantine row per error of the others."""

    accepted: pa.RecordBatch
    quarantine: pa.RecordBatch


@dataclass(frozen=True)
class Secrecy:
    """Fields whose values never enter the quarantine, and the key of the digests that stand in their place."""

    fields: Collection[str] = ()
    key: bytes = b""

    def path(self, path: Sequence[int | str]) -> str:
        """The place of an error, dotted. Below a sensitive field it could be the key of a mapping: it ends there."""
        kept = path[:1] if self.fields and path and path[0] in self.fields else path
        return clean(".".join(map(str, kept)))

    def word(self, path: Sequence[int | str], rule: str, message: str, value: object) -> str:
        """The message to keep. What the contract's own code says may quote any field, so it is withheld too."""
        if not self.fields:
            return clean(message)
        if path and path[0] in self.fields:
            return DIGEST + hmac.new(self.key, repr(value).encode(errors="replace"), hashlib.sha256).hexdigest()
        if not path or rule not in _WORDED_BY_PYDANTIC:
            return WITHHELD
        return clean(message)


@dataclass
class Evaluator:
    """Judges batches of a snapshot. `sources` are the names of its files, by index.

    `bound`: columns that may decide a verdict; None means all. A value there that Python cannot hold, such as a day
    of the year 10000, refuses its row.
    """

    model: type[BaseModel]
    table: FieldTable
    kind: SourceKind
    sources: Sequence[str]
    secrecy: Secrecy = Secrecy()
    bound: Collection[str] | None = None
    schema: pa.Schema = field(init=False)

    def __post_init__(self) -> None:
        self.schema = accepted_schema(self.table)
        self._validator = self.model.__pydantic_validator__
        names = [entry.name for entry in self.table.fields]
        self._take: Callable[[Any], tuple[Any, ...]] = (
            itemgetter(*names) if len(names) > 1 else lambda values: (values[names[0]],)
        )
        self._computed = [entry.name for entry in self.table.computed]

    def evaluate(self, batch: pa.RecordBatch) -> Verdicts:
        """The verdict on every row of `batch`, in order."""
        sources: list[Any] = batch.column(SOURCE).to_pylist()
        rows: list[Any] = batch.column(ROW).to_pylist()
        refused: list[tuple[int, str, str, str]] = []
        kept: list[int] = []
        values: list[tuple[Any, ...]] = []
        judge, take = self._judge(), self._take_all if self._computed else self._taken
        records, lost = self._records(batch)
        for position, record in enumerate(records):
            if position in lost:
                refused += [(position, self.secrecy.path((name,)), LOST, _LOST) for name in lost[position]]
                continue
            try:
                values.append(take(judge(record)))
            except ValidationError as error:
                refused += self._reasons(position, error)
            except Exception as error:  # noqa: BLE001 - a validator raises what it likes
                refused.append((position, "", RAISED, self._raised(error)))
            else:
                kept.append(position)
        arrays, kept = self._columns(values, kept, refused)
        numbers = pa.array(kept, pa.int64())
        accepted = [*arrays, batch.column(SOURCE).take(numbers), batch.column(ROW).take(numbers)]
        return Verdicts(
            pa.RecordBatch.from_arrays(accepted, schema=self.schema),
            self._quarantine(refused, sources, rows),
        )

    def _judge(self) -> Callable[[Any], Any]:
        return self._validator.validate_json if self.kind == "jsonl" else self._validator.validate_python

    def _records(self, batch: pa.RecordBatch) -> tuple[Any, dict[int, list[str]]]:
        """What Pydantic is given, record by record; and, by record, the columns whose value Python cannot hold."""
        if self.kind == "jsonl":
            return batch.column(JSON_COLUMN).to_pylist(), {}
        names = [name for name in batch.schema.names if name not in BOOKKEEPING]
        columns: list[list[Any]] = []
        lost: dict[int, list[str]] = {}
        for name in names:
            values, unheld = python_values(batch.column(name))
            columns.append(values)
            if self.bound is None or name in self.bound:
                for position in unheld:
                    lost.setdefault(position, []).append(name)
        if not columns:
            return [{} for _ in range(batch.num_rows)], lost
        return (dict(zip(names, cells, strict=True)) for cells in zip(*columns, strict=True)), lost

    def _taken(self, record: Any) -> tuple[Any, ...]:
        if not isinstance(record, self.model):
            raise TypeError(f"a validator made a {type(record).__name__} of the record")
        return self._take(record.__dict__)

    def _take_all(self, record: Any) -> tuple[Any, ...]:
        return (*self._taken(record), *(getattr(record, name) for name in self._computed))

    def _reasons(self, position: int, error: ValidationError) -> list[tuple[int, str, str, str]]:
        return [
            (
                position,
                self.secrecy.path(entry["loc"]),
                entry["type"] if entry["type"] in _WORDED_BY_PYDANTIC else clean(entry["type"]),
                self.secrecy.word(entry["loc"], entry["type"], entry["msg"], entry["input"]),
            )
            for entry in error.errors(include_url=False, include_context=False)
        ]

    def _raised(self, error: Exception) -> str:
        said = f": {error}" if not self.secrecy.fields else ""
        return clean(f"the contract's code raised {type(error).__name__}{said}")

    def _columns(
        self, values: list[tuple[Any, ...]], kept: list[int], refused: list[tuple[int, str, str, str]]
    ) -> tuple[list[pa.Array[Any]], list[int]]:
        """Arrow columns of the accepted values. Rows with a value that no column can hold are refused here."""
        fields = self.table.columns
        by_field: list[Sequence[Any]] = list(zip(*values, strict=True)) if values else [() for _ in fields]
        try:
            return [column(entry, cells) for entry, cells in zip(fields, by_field, strict=True)], kept
        except MISFITS:
            bad: set[int] = set()
            for entry, cells in zip(fields, by_field, strict=True):
                for index, cell in enumerate(cells):
                    found = misfit(entry, cell)
                    if found is not None:
                        bad.add(index)
                        message = self.secrecy.word((entry.name,), *found, cell)
                        refused.append((kept[index], entry.name, found[0], message))
        good = [index for index in range(len(kept)) if index not in bad]
        refused.sort(key=itemgetter(0))
        by_field = [[cells[index] for index in good] for cells in by_field]
        arrays = [column(entry, cells) for entry, cells in zip(fields, by_field, strict=True)]
        return arrays, [kept[index] for index in good]

    def _quarantine(
        self, refused: list[tuple[int, str, str, str]], sources: list[int], rows: list[int]
    ) -> pa.RecordBatch:
        columns: tuple[list[Any], ...] = ([], [], [], [], [])
        for position, path, rule, message in refused:
            entry = (self.sources[sources[position]], rows[position], path, rule, message)
            for cells, cell in zip(columns, entry, strict=True):
                cells.append(cell)
        arrays = [pa.array(cells, f.type) for cells, f in zip(columns, QUARANTINE_SCHEMA, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, schema=QUARANTINE_SCHEMA)
