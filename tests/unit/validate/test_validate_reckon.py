"""validate.jail.reckon: what the contract's jail wrote is counted, not believed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockgate.contract.jail.rows import QUARANTINE_SCHEMA
from lockgate.contract.spec import ACCEPTED, FIELDS_KEY, QUARANTINE, ContractField, FieldTable
from lockgate.core.encoding import decode, encode
from lockgate.errors import Refused
from lockgate.validate.jail.reckon import BASELINE, RECKONING, reckon
from lockgate.validate.rules import decide, read_reckoning, suggestion

TABLE = FieldTable("M", (ContractField("x", "float"), ContractField("town", "string", optional=True)))
FILES = [{"name": "a.csv", "rows": 3}, {"name": "b.csv", "rows": 2}]
KEPT = [(0, 0), (0, 2), (1, 0), (1, 1)]
REFUSED = [("a.csv", 1)]


def count(
    folder: Path,
    kept: Sequence[tuple[int, int]] = KEPT,
    refused: Sequence[tuple[str | None, int | None]] = REFUSED,
    **changes: Any,
) -> tuple[Any, Any]:
    """Reckoning and baseline of these tables; `changes`: metadata, sensitive."""
    data, out = folder / "in", folder / "out"
    data.mkdir()
    out.mkdir()
    columns: dict[str, pa.Array[Any]] = {
        "x": pa.array([float(row) for _, row in kept], pa.float64()),
        "town": pa.array(["Ulm"] * len(kept), pa.string()),
        "__source__": pa.array([source for source, _ in kept], pa.int32()),
        "__row__": pa.array([row for _, row in kept], pa.int64()),
    }
    metadata = changes.get("metadata", {FIELDS_KEY: encode(TABLE.as_json())})
    pq.write_table(pa.table(columns).replace_schema_metadata(metadata), data / ACCEPTED)
    entries = [(source, row, "x", "r", "m") for source, row in refused]
    arrays = [pa.array([e[n] for e in entries], f.type) for n, f in enumerate(QUARANTINE_SCHEMA)]
    pq.write_table(pa.Table.from_arrays(arrays, schema=QUARANTINE_SCHEMA), data / QUARANTINE)
    task = {"table": TABLE.as_json(), "files": FILES, "sensitive": changes.get("sensitive", [])}
    reckon(task, data, out)
    return decode((out / RECKONING).read_bytes()), decode((out / BASELINE).read_bytes())


def test_an_honest_account(tmp_path: Path) -> None:
    """Counts, counts per source and rule, and a baseline over the accepted rows."""
    said, baseline = count(tmp_path, refused=[*REFUSED, *REFUSED])
    assert (said["rows"], said["accepted"], said["quarantined"]) == (5, 4, 1)
    assert said["by_source"][0] == {"source": "a.csv", "rows": 3, "quarantined": 1}
    assert said["by_rule"][0]["count"] == 2
    assert baseline["columns"]["town"]["top"] == [{"value": "Ulm", "count": 4}]
    assert read_reckoning(encode(said), 5).share == 0.2


def test_a_sensitive_baseline_has_no_values(tmp_path: Path) -> None:
    """Of a sensitive field the baseline keeps counts."""
    _, baseline = count(tmp_path, sensitive=["town"])
    assert "Ulm" not in str(baseline)


LIES: dict[str, tuple[Sequence[tuple[int, int]], Sequence[tuple[str | None, int | None]], str]] = {
    "a row dropped": (KEPT[1:], REFUSED, "neither accepted nor quarantined"),
    "a reason dropped": (KEPT, [], "neither accepted nor quarantined"),
    "a row twice": ([*KEPT, KEPT[0]], REFUSED, "twice"),
    "a row invented": ([*KEPT, (1, 2)], REFUSED, "beyond its source"),
    "a negative row": ([*KEPT, (1, -1)], REFUSED, "beyond its source"),
    "a source invented": ([*KEPT, (2, 0)], REFUSED, "no source"),
    "a refused row kept": ([*KEPT, (0, 1)], REFUSED, "both"),
    "a reason for another file": (KEPT, [*REFUSED, ("c.csv", 0)], "no source"),
    "a reason for no row": (KEPT, [*REFUSED, ("a.csv", None)], "no source"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_contract_that_drops_or_invents_rows(tmp_path: Path, lie: str) -> None:
    """Each row of the snapshot is found exactly once, or it is LG213."""
    kept, refused, says = LIES[lie]
    with pytest.raises(Refused) as caught:
        count(tmp_path, kept, refused)
    assert caught.value.finding == "LG213"
    assert says in caught.value.message


def test_other_columns_than_the_contract_has(tmp_path: Path) -> None:
    """Columns, types and the field table in the file are those that the contract's jail announced."""
    with pytest.raises(Refused) as caught:
        count(tmp_path, metadata={FIELDS_KEY: b"{}"})
    assert caught.value.finding == "LG213"


def test_no_parquet(tmp_path: Path) -> None:
    """Bytes that are not Parquet are LG213 too."""
    data, out = tmp_path / "in", tmp_path / "out"
    data.mkdir()
    out.mkdir()
    (data / ACCEPTED).write_bytes(b"PAR1 nonsense PAR1")
    (data / QUARANTINE).write_bytes(b"")
    with pytest.raises(Refused) as caught:
        reckon({"table": TABLE.as_json(), "files": FILES, "sensitive": []}, data, out)
    assert caught.value.finding == "LG213"


@pytest.mark.parametrize(
    "change",
    [{"accepted": 5}, {"rows": 6}, {"quarantined": -1}, {"accepted": True}, {"more": 1}],
    ids=["sum", "rows", "negative", "truth", "key"],
)
def test_the_account_is_read_strictly(tmp_path: Path, change: dict[str, Any]) -> None:
    """The host believes only counts that add up to the snapshot's rows."""
    said, _ = count(tmp_path)
    with pytest.raises(ValueError, match=r"."):
        read_reckoning(encode({**said, **change}), 5)


def test_the_share_decides(tmp_path: Path) -> None:
    """At the share the rows pass, above it they do not; a warning lets them through and says so."""
    said, _ = count(tmp_path)
    reckoning = read_reckoning(encode(said), 5)
    assert decide(reckoning, TABLE, max_share=0.2, enforce=True).result == "PASSED"
    refused = decide(reckoning, TABLE, max_share=0.19, enforce=True)
    assert [reason.finding for reason in refused.refusals] == ["LG203"]
    assert decide(reckoning, TABLE, max_share=0.19, enforce=False).result == "WARNED"


def test_what_a_person_can_do_about_it() -> None:
    """A missing value may be declared; a missing label may not, for nothing can be learned from it."""
    assert suggestion("int_type", "seats").endswith("seats: ... | None = None")
    assert "cannot train" in suggestion("bool_type", "late", label=True)
    assert "[data] null" in suggestion("date_from_datetime_parsing", "when")
    assert suggestion("something_new", "x") == ""
