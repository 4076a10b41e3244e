"""`lockgate validate DATA --contract FILE:MODEL --out DIR`: the same verdict without a project."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from lockgate.cli.main import run
from tests.support.sources import CSV, FLIGHT, parquet, reasons

BAD = "-5,UA,true\n9,ua,x\n"
LINES = '{"distance": 1400, "carrier": "UA", "late": true}\n{"distance": -5, "carrier": "UA", "late": 1}\nnonsense\n'
SOURCES: dict[str, tuple[bytes, int, list[tuple[str, int, str, str]]]] = {
    "rows.csv": (
        (CSV + BAD).encode(),
        3,
        [
            ("rows.csv", 3, "distance", "greater_than"),
            ("rows.csv", 4, "carrier", "string_pattern_mismatch"),
            ("rows.csv", 4, "late", "bool_parsing"),
        ],
    ),
    "rows.jsonl": (
        LINES.encode(),
        1,
        [("rows.jsonl", 1, "distance", "greater_than"), ("rows.jsonl", 2, "", "json_invalid")],
    ),
    "rows.parquet": (
        parquet({"distance": [1400, -5, 1], "carrier": ["UA", "UA", None], "late": [True, False, True]}),
        1,
        [("rows.parquet", 1, "distance", "greater_than"), ("rows.parquet", 2, "carrier", "string_type")],
    ),
}


@pytest.fixture(name="folder")
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "contract.py").write_text(FLIGHT)
    return tmp_path


def validate(*more: str) -> int:
    """The command."""
    return run(["validate", *more, "--contract", "contract.py:Flight", "--out", "out"])


# JSON Lines by day: tests/properties/test_contract_exactness.py, and tests/unit/ingest/test_ingest_run.py in the jail.
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.nightly) if name == "rows.jsonl" else name for name in SOURCES]
)
def test_three_files_come_out(folder: Path, capfd: pytest.CaptureFixture[str], name: str) -> None:
    """Accepted rows, quarantine and report for each format, private, with counts that add up; --json says the same."""
    data, accepted, wanted = SOURCES[name]
    (folder / name).write_bytes(data)
    assert validate(name, "--json") == 0
    said: dict[str, Any] = json.loads(capfd.readouterr().out)
    assert sorted(path.name for path in (folder / "out").iterdir()) == [
        "accepted.parquet",
        "quarantine.parquet",
        "report.json",
    ]
    report = json.loads((folder / "out" / "report.json").read_bytes())
    assert {key: said[key] for key in report} == report
    assert report["accepted"] + report["quarantined"] == report["rows"]
    assert pq.read_table(folder / "out" / "accepted.parquet").num_rows == report["accepted"] == accepted
    assert reasons(pq.read_table(folder / "out" / "quarantine.parquet")) == wanted
    assert all(path.stat().st_mode & 0o077 == 0 for path in (folder / "out").iterdir())
    assert not (folder / ".lockgate").exists()


def test_what_a_person_sees(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Counts on stdout; on stderr the commonest reasons with what mends them, and the next command."""
    (folder / "rows.csv").write_text(CSV + BAD)
    assert validate("rows.csv") == 0
    said = capfd.readouterr()
    assert said.out == "3 accepted + 2 quarantined = 5 rows\n"
    assert "1  distance       Input should be greater than 0   -> if such values are right, widen the bound" in said.err
    assert "next:  ls out" in said.err


def test_options_of_csv(folder: Path) -> None:
    """Delimiter, encoding and null spellings are the person's."""
    (folder / "contract.py").write_text(
        "from pydantic import BaseModel\nclass M(BaseModel):\n    a: int | None\n    b: str\n"
    )
    (folder / "rows.csv").write_bytes("a;b\nNA;Köln\n1;x\n".encode("cp1252"))
    options = ("--delimiter", ";", "--encoding", "cp1252", "--null", "NA")
    assert run(["validate", "rows.csv", "--contract", "contract.py:M", "--out", "out", *options]) == 0
    table = pq.read_table(folder / "out" / "accepted.parquet")
    assert table.select(["a", "b"]).to_pylist() == [{"a": None, "b": "Köln"}, {"a": 1, "b": "x"}]


def test_again_into_the_same_folder(folder: Path) -> None:
    """Outputs of an earlier call are replaced, also what a killed call left; anything else is left alone: LG216."""
    (folder / "rows.csv").write_text(CSV)
    (folder / "out" / ".lockgate-killed").mkdir(parents=True)
    assert validate("rows.csv") == validate("rows.csv") == 0
    (folder / "out" / "mine.txt").write_text("keep")
    assert validate("rows.csv") == 2
    assert (folder / "out" / "mine.txt").read_text() == "keep"


@pytest.mark.parametrize(
    ("arguments", "code", "finding"),
    [
        (["rows.csv", "--contract", "contract.py:Flight"], 2, "LG940"),
        (["nothing.csv", "--contract", "contract.py:Flight", "--out", "out"], 1, "LG102"),
        (["*.tsv", "--contract", "contract.py:Flight", "--out", "out"], 1, "LG101"),
        (["rows.csv", "--contract", "contract.py:Flights", "--out", "out"], 2, "LG208"),
        (["rows.csv", "--contract", "none.py:Flight", "--out", "out"], 2, "LG205"),
        (["rows.csv", "--contract", "contract", "--out", "out"], 2, "LG205"),
        (["rows.csv", "--contract", "broken.py:Flight", "--out", "out"], 2, "LG206"),
    ],
)
def test_wrong_calls(
    folder: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], code: int, finding: str
) -> None:
    """Each has its finding and exit code, a next step, no traceback and no output."""
    (folder / "rows.csv").write_text(CSV)
    (folder / "broken.py").write_text("class Flight(:\n")
    assert run(["validate", *arguments, "--json"]) == code
    said = capfd.readouterr()
    assert json.loads(said.out)["finding"] == finding
    assert "Traceback" not in said.err
    assert "next:" in said.err
    assert not (folder / "out").exists() or not any((folder / "out").iterdir())


def test_a_contract_in_another_folder(folder: Path) -> None:
    """The code beside the contract comes along, from wherever the contract lies."""
    (folder / "models").mkdir()
    (folder / "models" / "limits.py").write_text("MOST = 1410\n")
    text = FLIGHT.replace("from pydantic", "from limits import MOST\nfrom pydantic").replace("20_000", "MOST")
    (folder / "models" / "flight.py").write_text(text)
    (folder / "rows.csv").write_text(CSV)
    assert run(["validate", "rows.csv", "--contract", "models/flight.py:Flight", "--out", "out"]) == 0
    assert pq.read_table(folder / "out" / "accepted.parquet").num_rows == 2


DATED = "from datetime import date\nfrom pydantic import BaseModel\n\nclass Flight(BaseModel):\n    day: date\n"


def test_dates_as_declared(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A declared spelling mends what is refused without it, and the refusal named it; a wrong one is LG116."""
    (folder / "contract.py").write_text(DATED)
    (folder / "rows.csv").write_text("day\n31.12.2024\n30.11.2024\n")
    assert validate("rows.csv") == 0
    said = capfd.readouterr()
    assert said.out == "0 accepted + 2 quarantined = 2 rows\n"
    assert '[data] dates = "%d.%m.%Y" mends all' in said.err
    assert validate("rows.csv", "--dates", "%d.%m.%Y", "--explain") == 0
    said = capfd.readouterr()
    assert said.out == "2 accepted + 0 quarantined = 2 rows\n"
    assert "2 rows accepted by the plan, 0 more by single cells, 0 judged as whole records" in said.err
    assert validate("rows.csv", "--dates", "%d.%m.%y") == 2
    assert "LG116" in capfd.readouterr().err
