"""The verdict on rows as a test asks for it, beside plain Pydantic's."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from enum import Enum
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ValidationError

from lockgate.contract.findings import clean
from lockgate.contract.jail.cells import CellJudge
from lockgate.contract.jail.columns import field_table
from lockgate.contract.jail.compile import bound_columns, compile_plan
from lockgate.contract.jail.engine import Engine
from lockgate.contract.jail.rows import Evaluator, Secrecy, Verdicts
from lockgate.contract.jail.snapshot import Snapshot
from lockgate.contract.plan import Plan, parse_plan
from lockgate.contract.spec import KIND_KEY, ROW, SOURCE, FieldTable, SourceKind

AS_JSON = {"choice", "either", "money"}
Reason = tuple[str, str, str]


def judge(model: type[BaseModel], kind: SourceKind, columns: Mapping[str, Any], secrecy: Any = None) -> Verdicts:
    """The engine's verdicts on one file: the plan first, Pydantic for the rest, as in the jails."""
    with tempfile.TemporaryDirectory() as folder:
        path = snapshot(Path(folder) / "snapshot.parquet", kind, columns)
        found = list(engine(model, path, secrecy).verdicts())
    return Verdicts(
        pa.concat_batches([each.accepted for each in found]),  # type: ignore[attr-defined]  # unknown to the stubs
        pa.concat_batches([each.quarantine for each in found]),  # type: ignore[attr-defined]
    )


def snapshot(path: Path, kind: SourceKind, columns: Mapping[str, Any]) -> Path:
    """A snapshot of one file with these columns, as ingest writes it."""
    rows = len(next(iter(columns.values())))
    arrays = [value if isinstance(value, pa.Array) else pa.array(value) for value in columns.values()]
    arrays += [pa.array([0] * rows, pa.int32()), pa.array(range(rows), pa.int64())]
    schema = pa.schema(
        [pa.field(n, a.type) for n, a in zip([*columns, SOURCE, ROW], arrays, strict=True)],
        metadata={KIND_KEY: kind.encode()},
    )
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema), path)
    return path


def engine(model: type[BaseModel], path: Path, secrecy: Any = None, dates: str = "", numbers: str = "") -> Engine:
    """The engine on a snapshot, with Pydantic's word given in this process."""
    table = field_table(model, None)
    plan = parse_plan(compile_plan(model, table).encode())
    opened = Snapshot(path)
    truth = LocalTruth(model, table, plan, opened.kind, secrecy or Secrecy())
    return Engine(opened, plan, table, truth, dates, numbers=numbers)


class LocalTruth:
    """Pydantic's word without a jail: the code that answers there, called here."""

    def __init__(
        self, model: type[BaseModel], table: FieldTable, plan: Plan, kind: SourceKind, secrecy: Secrecy
    ) -> None:
        self._cells = CellJudge(model, table)
        self._rows = Evaluator(model, table, kind, ["rows"], secrecy, bound_columns(plan))

    def cells(self, field: str, cells: pa.Array[Any]) -> tuple[pa.Array[Any], pa.Array[Any]]:
        """See Truth."""
        return self._cells.judge(field, cells)

    def rows(self, batches: Iterable[pa.RecordBatch]) -> Iterator[Verdicts]:
        """See Truth."""
        return map(self._rows.evaluate, batches)


def plain(model: type[BaseModel], kind: SourceKind, record: Any) -> tuple[dict[str, Any] | None, list[Reason]]:
    """What Pydantic says when it is called as its documentation says: values, or its errors."""
    try:
        made = model.model_validate_json(record) if kind == "jsonl" else model.model_validate(record)
    except ValidationError as error:
        return None, [(".".join(map(str, e["loc"])), e["type"], clean(e["msg"])) for e in error.errors()]
    return {name: getattr(made, name) for name in (*model.model_fields, *model.model_computed_fields)}, []


def compare(model: type[BaseModel], kind: SourceKind, records: Sequence[Any], found: Verdicts) -> None:
    """Every row has Pydantic's verdict, values and reasons; only what no column can hold is refused beyond it."""
    reasons: dict[int, list[Reason]] = {}
    for entry in found.quarantine.to_pylist():
        assert entry["source"] == "rows"
        reasons.setdefault(entry["row"], []).append((entry["field"], entry["rule"], entry["message"]))
    accepted = {row[ROW]: row for row in found.accepted.to_pylist()}
    assert accepted.keys().isdisjoint(reasons)
    assert sorted([*accepted, *reasons]) == list(range(len(records)))
    for number, record in enumerate(records):
        values, errors = plain(model, kind, record)
        said = reasons.get(number, [])
        if values is None:
            assert said == errors, record
        elif number in accepted:
            kept = {name: _as_column(value) for name, value in values.items() if name not in AS_JSON}
            assert repr({name: accepted[number][name] for name in kept}) == repr(kept), record
        else:
            assert {rule for _, rule, _ in said} == {"lockgate_int64"}, (record, said)
            assert any(_beyond(value) for value in values.values()), record


def _as_column(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001 - a date has no zone
    return value


def _beyond(value: Any) -> bool:
    return isinstance(value, int) and not -(2**63) <= value < 2**63
