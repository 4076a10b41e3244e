"""No toys: the contracts of the examples really are compiled, as the report of a real run counts it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockgate.validate.standalone import validate_files

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.mark.parametrize(
    ("name", "data"), [("flights", "data/flights-2013-0[1-3].parquet"), ("phishing", "data/*.csv")]
)
def test_clean_rows_take_the_compiled_path(name: str, data: str, tmp_path: Path) -> None:
    """At least 99 % of the accepted rows are accepted by the plan alone; no field is left to Python."""
    found = validate_files([data], "contract.py", tmp_path / "out", folder=EXAMPLES / name)
    report = found.details
    assert report["paths"]["compiled"] >= 0.99 * report["accepted"] > 0
    assert sum(report["paths"].values()) == report["rows"]
    assert {entry["how"] for entry in report["explain"]["fields"]} == {"compiled"}
    assert report["explain"]["records"] == ""
