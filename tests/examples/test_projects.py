"""Each example is a project as a user would write it: it stands alone, its data are what its README says."""

from __future__ import annotations

import csv
import importlib.util
import json
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pydantic import BaseModel, ValidationError

from lockgate.config import Config, load_config
from lockgate.trust.policy import Policy

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted(path.parent for path in ROOT.glob("examples/*/lockgate.toml"))

each_example = pytest.mark.parametrize("project", EXAMPLES, ids=lambda path: path.name)


def contract_of(project: Path, config: Config) -> type[BaseModel]:
    """The example's contract, imported as Python would."""
    spec = importlib.util.spec_from_file_location(f"contract_of_{project.name}", project / config.data.contract_file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: type[BaseModel] = getattr(module, config.data.contract_class)
    assert issubclass(found, BaseModel)
    return found


def rows_of(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a CSV or Parquet file."""
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as lines:
            yield from csv.DictReader(lines)
    else:
        for batch in pq.ParquetFile(path).iter_batches():
            yield from batch.to_pylist()


def verdicts(contract: type[BaseModel], rows: Iterator[dict[str, Any]]) -> Counter[str]:
    """How many rows the contract accepts, and how many it refuses for which reason."""
    seen: Counter[str] = Counter()
    for row in rows:
        try:
            contract(**row)
        except ValidationError as error:
            seen.update(f"{flaw['loc'][0]}: {flaw['type']}" for flaw in error.errors(include_url=False))
        else:
            seen["accepted"] += 1
    return seen


def test_there_are_three() -> None:
    """Flights, its regression variant, and phishing."""
    assert [path.name for path in EXAMPLES] == ["flights", "flights-minutes", "phishing"]


@each_example
def test_it_is_a_whole_project(project: Path) -> None:
    """Configuration and policy are accepted, and each file that a project has is there."""
    config = load_config(project)
    policy = Policy.from_text((project / "policy.toml").read_text(encoding="utf-8"))
    assert config.name == project.name
    assert sorted(policy.environments) == ["dev", "prod"]
    assert [name for name in ("train.py", "sample.json", "README.md") if not (project / name).is_file()] == []


@each_example
def test_its_lock_is_the_one_that_new_projects_get(project: Path) -> None:
    """The training environment is resolved in one place (`make lock`)."""
    assert (project / "requirements.lock").read_bytes() == (ROOT / "requirements" / "project.txt").read_bytes()


@each_example
def test_the_sample_is_what_a_client_sends(project: Path) -> None:
    """Each record of sample.json is accepted by the contract once the label is no longer asked for."""
    config = load_config(project)
    contract = contract_of(project, config)
    records = json.loads((project / "sample.json").read_text(encoding="utf-8"))["records"]
    errors = []
    for record in records:
        with pytest.raises(ValidationError) as refused:
            contract.model_validate(record)
        errors += [(flaw["loc"], flaw["type"]) for flaw in refused.value.errors()]
    assert errors == [((config.data.label,), "missing")] * len(records)
    assert len(records) >= 3


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("flights", {"accepted": 160_678, "late: bool_type": 5_480}),
        ("flights-minutes", {"accepted": 77_911, "delay: int_type": 2_878}),
        ("phishing", {"accepted": 1_250}),
    ],
)
def test_the_contract_refuses_what_is_not_known(name: str, expected: dict[str, int]) -> None:
    """Every row of the sources is accepted, but for the flights that never arrived: they have no answer."""
    project = ROOT / "examples" / name
    config = load_config(project)
    files = [path for pattern in config.data.sources for path in sorted(project.glob(pattern))]
    assert verdicts(contract_of(project, config), (row for path in files for row in rows_of(path))) == expected


def test_the_flights_are_all_there() -> None:
    """Twelve months, 336,776 flights, 9,430 without an answer, a few megabytes."""
    files = sorted((ROOT / "examples" / "flights" / "data").glob("*.parquet"))
    answers = [pq.read_table(path, columns=["late"]).column("late") for path in files]
    assert (len(files), sum(map(len, answers)), sum(a.null_count for a in answers)) == (12, 336_776, 9_430)
    assert sum(path.stat().st_size for path in files) < 4_000_000


def test_no_field_is_known_only_after_departure() -> None:
    """The columns are the timetable's, and the label."""
    timetable = ["scheduled", "month", "day", "weekday", "hour", "minute", "carrier", "origin", "dest", "distance"]
    for name, label in (("flights", "late"), ("flights-minutes", "delay")):
        for path in sorted((ROOT / "examples" / name / "data").glob("*.parquet")):
            assert pq.read_schema(path).names == [*timetable, label]


@each_example
def test_the_configuration_says_where_the_answer_is(project: Path) -> None:
    """Label, contract and training function are named, not guessed."""
    settings = tomllib.loads((project / "lockgate.toml").read_text(encoding="utf-8"))
    assert {"sources", "contract", "label"} <= set(settings["data"])
    assert settings["train"]["function"] == "train.py:train"
