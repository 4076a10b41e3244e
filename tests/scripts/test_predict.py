"""A file scored and proved by the real command line, on the phishing example."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.support.shell import Done, Ready


@pytest.fixture(name="copy", scope="module")
def _copy(ready: Ready, tmp_path_factory: pytest.TempPathFactory) -> Ready:
    """A project of its own, with the example's own sample as rows, and one row that the contract refuses."""
    copy = ready.copy(tmp_path_factory.mktemp("predict"))
    records = json.loads((copy.root / "sample.json").read_bytes())["records"]
    (copy.root / "rows.jsonl").write_text("".join(json.dumps(each) + "\n" for each in [*records, {"nonsense": 1}]))
    return copy


@pytest.fixture(name="scored", scope="module")
def _scored(copy: Ready) -> Done:
    """`lockgate predict`, run once."""
    return copy.shell("predict", copy.ref, "rows.jsonl", "--out", "out.csv", "--json", at=copy.root)


def _records(copy: Ready) -> int:
    return len((copy.root / "rows.jsonl").read_text().splitlines()) - 1


def test_a_file_is_scored_and_proved(copy: Ready, scored: Done) -> None:
    """Exit 0, counts that add up, one line for each row, and `verify --rows` takes it back to the root."""
    assert scored.code == 0, scored.err
    said, count = scored.json, _records(copy)
    assert (said["schema"], said["ref"], said["rung"]) == ("lockgate.predict/v1", copy.ref, "live")
    assert (said["scored"], said["refused"], said["record"]) == (count, 1, "sealed")
    assert f"{count} scored + 1 refused = {count + 1} rows" in scored.err
    assert "lockgate verify --rows out.csv" in scored.err
    with (copy.root / "out.csv").open(newline="") as file:
        assert [row["row"] for row in csv.DictReader(file)] == [str(number) for number in range(count)]
    done = copy.shell("verify", "--rows", "out.csv", "--input", "rows.jsonl", at=copy.root)
    assert done.code == 0, done.err
    assert f"the file of {count} rows that you gave is the one in the record" in done.out
    assert copy.shell.here("verify", "--all", at=copy.root).code == 0


def test_a_changed_prediction_is_exit_3(copy: Ready, scored: Done, tmp_path: Path) -> None:
    """With the row, and nothing that looks like a fault of Lockgate."""
    assert scored.code == 0
    for name in ("out.csv", "out.csv.receipt.json"):
        (tmp_path / name).write_bytes((copy.root / name).read_bytes())
    lines = (tmp_path / "out.csv").read_text().splitlines()
    cells = lines[1].split(",")
    lines[1] = ",".join([cells[0], "false" if cells[1] == "true" else "true", *cells[2:]])
    (tmp_path / "out.csv").write_text("\n".join(lines) + "\n")
    done = copy.shell("verify", "--rows", tmp_path / "out.csv", "--json", at=copy.root)
    assert (done.code, done.json["finding"], done.json["seen"]["row"]) == (3, "LG678", 0)


@pytest.mark.parametrize(
    ("arguments", "code", "finding"),
    [
        (("latest", "rows.jsonl", "--out", "out.txt"), 2, "LG675"),
        (("latest", "rows.jsonl", "--out", "out.csv"), 2, "LG675"),
        (("latest", "absent.csv", "--out", "new.csv"), 1, "LG102"),
        (("latest", "\udcff.csv", "--out", "new.csv"), 1, "LG102"),
        (("nobody", "rows.jsonl", "--out", "new.csv"), 2, "LG502"),
        (("latest", "rows.jsonl", "--out", "new.csv", "--env", "prod"), 1, "LG673"),
        (("latest", "rows.jsonl", "--out", "no/such/folder/new.csv"), 4, "LG801"),
        (("latest", "rows.jsonl", "--out", "new.csv", "--env", "nowhere"), 2, "LG843"),
    ],
)
def test_what_cannot_be_done_is_said(
    copy: Ready, scored: Done, arguments: tuple[str, ...], code: int, finding: str
) -> None:
    """Each with its finding and exit code; nothing is written."""
    assert scored.code == 0
    done = copy.shell.here("predict", *arguments, "--json", at=copy.root)
    assert (done.code, done.json["finding"]) == (code, finding)
    assert not (copy.root / "new.csv").exists()
