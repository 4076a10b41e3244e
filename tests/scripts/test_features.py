"""A project with a features.py by the real command line: strings and moments, from the first run to a scored file."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.shell import Ready

SETTINGS = """
[project]
name = "phishing"
[data]
sources = ["data/trips.jsonl"]
contract = "contract.py:Trip"
label = "late"
[train]
code = ["*.py", "zones.csv"]
"""
CONTRACT = """
from typing import Literal
from pydantic import AwareDatetime, BaseModel
class Trip(BaseModel):
    leaves: AwareDatetime
    carrier: Literal["AA", "UA", "DL"]
    origin: str | None
    seats: int | None
    full: bool
    late: bool
"""
FEATURES = """
from pathlib import Path
import pandas as pd
ZONES = dict(line.split(",") for line in Path(__file__).with_name("zones.csv").read_text().split())
def features(batch: pd.DataFrame) -> pd.DataFrame:
    moments = pd.to_datetime(batch["leaves"], unit="us", utc=True)
    zone = batch["origin"].map(ZONES)
    return pd.DataFrame({
        "hour": moments.dt.hour,
        "leaves": batch["leaves"],
        "carrier_zone": batch["carrier"] + "_" + zone.fillna("none"),
        "seats": batch["seats"] / 100,
        "full": batch["full"],
    })
"""
TRAIN = """
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder
def train(data, params):
    columns = ColumnTransformer([
        ("words", OneHotEncoder(handle_unknown="ignore"), ["carrier_zone"]),
        ("numbers", SimpleImputer(), ["hour", "seats", "full"]),
    ])
    model = Pipeline([("columns", columns), ("model", LogisticRegression(max_iter=2000))])
    return model.fit(data[["carrier_zone", "hour", "seats", "full"]], data["late"])
"""


def _trips(count: int = 300) -> list[dict[str, Any]]:
    """Flights in the evening out of E are late; every seventh number is missing, every fifth origin."""
    found = []
    for one in range(count):
        leaves = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=67 * one)
        origin = None if one % 5 == 0 else ("EWR", "JFK", "LGA")[one % 3]
        late = leaves.hour >= 16 and origin != "LGA"
        found.append(
            {
                "leaves": leaves.isoformat(),
                "carrier": ("AA", "UA", "DL")[one // 3 % 3],
                "origin": origin,
                "seats": None if one % 7 == 0 else 100 + one % 50,
                "full": one % 2 == 0,
                "late": late if one % 31 else not late,
            }
        )
    return found


pytestmark = pytest.mark.nightly


@pytest.fixture(name="copy", scope="module")
def _copy(ready: Ready, tmp_path_factory: pytest.TempPathFactory) -> Ready:
    """A project that was run with features.py and deployed."""
    copy = ready.copy(tmp_path_factory.mktemp("features"))
    root = copy.root
    for name, text in (("contract", CONTRACT), ("features", FEATURES), ("train", TRAIN)):
        (root / f"{name}.py").write_text(text)
    (root / "zones.csv").write_text("EWR,E\nJFK,E\nLGA,L\n")
    (root / "lockgate.toml").write_text(SETTINGS)
    (root / "data" / "trips.jsonl").write_text("".join(json.dumps(each) + "\n" for each in _trips()))
    (root / "rows.jsonl").write_text("".join(json.dumps(_asked(each)) + "\n" for each in _trips(40)))
    ran = copy.shell("run", at=root)
    assert ran.code == 0, ran.err
    (copy.shell.home / "said.txt").write_text(ran.err)
    deployed = copy.shell("deploy", ran.out.strip(), at=root)
    assert deployed.code == 0, deployed.err
    return Ready(copy.shell, root, ran.out.strip())


def _asked(trip: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in trip.items() if name != "late"}


def test_the_run_says_what_features_cost(copy: Ready) -> None:
    """In one line: what makes how many columns, and microseconds for a row among others and alone."""
    said = (copy.shell.home / "said.txt").read_text()
    assert "features.py:features makes 5 columns: " in said
    assert " µs for one alone" in said


def test_records_are_scored_by_the_signed_function(copy: Ready) -> None:
    """The worker makes the features itself: late in the evening, not in the morning; what it ran is in the closure."""
    scored = copy.shell("predict", copy.ref, "rows.jsonl", "--out", "out.csv", "--json", at=copy.root)
    assert scored.code == 0, scored.err
    assert (scored.json["scored"], scored.json["refused"]) == (40, 0)
    with (copy.root / "out.csv").open(newline="") as file:
        labels = [row["label"] == "true" for row in csv.DictReader(file)]
    expected = [
        datetime.fromisoformat(trip["leaves"]).hour >= 16 and trip["origin"] != "LGA" for trip in _trips(len(labels))
    ]
    assert sum(label == late for label, late in zip(labels, expected, strict=True)) >= 34

    shown = copy.shell.here("show", copy.ref, at=copy.root)
    assert shown.code == 0, shown.err
    assert {"code/features.py", "code/zones.csv"} <= set(shown.out.split())
    assert copy.shell.here("verify", copy.ref, at=copy.root).code == 0
