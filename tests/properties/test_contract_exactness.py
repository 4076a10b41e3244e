"""The proof of exactness: whatever the contract and whatever the table, each row has plain Pydantic's verdict.

150 pairs of contract and table each time; with `--hypothesis-profile=nightly` 12,000, and more in the others.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from lockgate.contract.jail.rows import Verdicts
from lockgate.contract.spec import SOURCE_KINDS, SourceKind
from tests.support.contract_values import Table, tables
from tests.support.contracts import contracts
from tests.support.exactness import check_exact
from tests.support.verdicts import engine, judge, snapshot

_CALLS = settings.default.max_examples if settings.default is not None else 100
PAIRS = _CALLS if _CALLS <= 100 else 4 * _CALLS
"""Per kind of source: 50, nightly 4,000."""

TIMES = 2000
"""How often a drawn table is repeated to be longer than what is asked of Pydantic at once."""

_SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large, HealthCheck.large_base_example]
_SHRUNK = [phase for phase in Phase if phase is not Phase.explain]


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", SOURCE_KINDS)
@settings(max_examples=PAIRS, suppress_health_check=_SLOW, phases=_SHRUNK)
@given(data=st.data())
def test_each_row_has_the_verdict_of_pydantic(kind: SourceKind, data: st.DataObject) -> None:
    """Verdict, reasons in their order and coerced values, for any contract and any table of this kind of source."""
    built = data.draw(contracts())
    table = data.draw(tables(built, kind))
    check_exact(built.model, table, judge(built.model, kind, table.columns))


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", SOURCE_KINDS)
@settings(max_examples=max(5, PAIRS // 40), suppress_health_check=_SLOW, phases=_SHRUNK)
@given(data=st.data())
def test_a_long_table_is_judged_like_a_short_one(kind: SourceKind, data: st.DataObject) -> None:
    """Values that come back, and more rows than are asked about at once, change no verdict and no order."""
    built = data.draw(contracts())
    short = data.draw(tables(built, kind))
    table = Table(kind, {name: pa.concat_arrays([column] * TIMES) for name, column in short.columns.items()})
    once = check_exact(built.model, short, judge(built.model, kind, short.columns))
    found = judge(built.model, kind, table.columns)
    assert once * TIMES == found.accepted.num_rows
    check_exact(built.model, _last(table, len(short.records)), _tail(found, len(short.records), TIMES))


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", SOURCE_KINDS)
@settings(max_examples=PAIRS // 4, suppress_health_check=[*_SLOW, HealthCheck.function_scoped_fixture], phases=_SHRUNK)
@given(data=st.data())
def test_the_quarantine_alone_is_the_same(kind: SourceKind, data: st.DataObject, tmp_path: Path) -> None:
    """Whoever asks only for what is refused gets the very same reasons."""
    built = data.draw(contracts())
    table = data.draw(tables(built, kind))
    path = snapshot(tmp_path / "snapshot.parquet", kind, table.columns)
    whole = [found.quarantine for found in engine(built.model, path).verdicts()]
    alone = list(engine(built.model, path).refused())
    assert _rows(whole) == _rows(alone)


def _rows(batches: list[pa.RecordBatch]) -> list[dict[str, Any]]:
    return [row for batch in batches for row in batch.to_pylist()]


def _last(table: Table, rows: int) -> Table:
    return Table(table.kind, {name: column[-rows:] for name, column in table.columns.items()})


def _tail(found: Verdicts, rows: int, times: int) -> Verdicts:
    """What was found of the last repetition, its rows counted from zero."""
    start = rows * (times - 1)

    def cut(batch: pa.RecordBatch, name: str) -> pa.RecordBatch:
        numbers: list[Any] = batch.column(name).to_pylist()
        kept = batch.take(pa.array([place for place, number in enumerate(numbers) if number >= start], pa.int64()))
        moved = pa.array([number - start for number in numbers if number >= start], pa.int64())
        return kept.set_column(kept.schema.get_field_index(name), kept.schema.field(name), moved)

    return Verdicts(cut(found.accepted, "__row__"), cut(found.quarantine, "row"))


class Plain(BaseModel):
    """A contract for the comparison itself."""

    x: float = Field(ge=0)
    y: int


TABLE = Table("parquet", {"x": pa.array([-0.0, 0.1, -1.0, 2.0]), "y": pa.array([1, 2, None, None])})


def _accepted(found: Verdicts, **columns: list[Any]) -> Verdicts:
    given = {**found.accepted.to_pydict(), **columns}
    schema = found.accepted.schema
    arrays = [pa.array(given[field.name], field.type) for field in schema]
    return Verdicts(pa.RecordBatch.from_arrays(arrays, schema=schema), found.quarantine)


def _quarantine(found: Verdicts, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> Verdicts:
    rows = change(found.quarantine.to_pylist())
    return Verdicts(found.accepted, pa.RecordBatch.from_pylist(rows, schema=found.quarantine.schema))


FALSIFIED: dict[str, Callable[[Verdicts], Verdicts]] = {
    "the sign of zero": lambda found: _accepted(found, x=[0.0, 0.1]),
    "the last bit of a float": lambda found: _accepted(found, x=[-0.0, 0.10000000000000002]),
    "a value that is null": lambda found: _accepted(found, y=[1, None]),
    "the order of rows": lambda found: _accepted(found, x=[0.1, -0.0], y=[2, 1], __row__=[1, 0]),
    "a row twice": lambda found: _accepted(found, __row__=[0, 0]),
    "an accepted row that is missing": lambda found: Verdicts(found.accepted[:1], found.quarantine),
    "a refused row that is missing": lambda found: _quarantine(found, lambda rows: rows[:-1]),
    "a reason that is missing": lambda found: _quarantine(found, lambda rows: rows[1:]),
    "the order of reasons": lambda found: _quarantine(found, lambda rows: [rows[1], rows[0], *rows[2:]]),
    "a message": lambda found: _quarantine(found, lambda rows: [{**row, "message": "no"} for row in rows]),
    "a rule": lambda found: _quarantine(found, lambda rows: [{**row, "rule": "no"} for row in rows]),
    "a place": lambda found: _quarantine(found, lambda rows: [{**row, "field": "z"} for row in rows]),
    "a refused row that is accepted": lambda found: _accepted(found, __row__=[0, 2]),
}


@pytest.mark.parametrize("falsified", FALSIFIED.values(), ids=FALSIFIED)
def test_each_kind_of_difference_is_seen(falsified: Callable[[Verdicts], Verdicts]) -> None:
    """The comparison refuses verdicts that are wrong in one thing; as they are, it lets them through."""
    found = judge(Plain, "parquet", TABLE.columns)
    assert check_exact(Plain, TABLE, found) == 2
    with pytest.raises(AssertionError):
        check_exact(Plain, TABLE, falsified(found))
