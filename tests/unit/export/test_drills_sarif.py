"""What came of drills, for code hosts: in form whatever a project's names are, one alert for each drill."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from lockgate.export.drills_sarif import NotStopped, drills_sarif
from lockgate.export.sarif import encode_sarif

VECTORS = Path(__file__).resolve().parents[2] / "vectors"
OFFICIAL = jsonschema.Draft7Validator(json.loads((VECTORS / "sarif" / "sarif-schema-2.1.0.json").read_text("utf-8")))


def told(*names: str, why: str = "LG706 was not told", environment: str = "prod", place: str = "p.toml") -> Any:
    """The one run of drills that were not stopped."""
    rows = [NotStopped(name, "LT18", "edits the log", "LG706", why, limit="it has one") for name in names]
    return drills_sarif(
        rows, [("split-view", why)], version="1.0.0", environment=environment, place=place, exit_code=int(bool(rows))
    )


@given(why=st.text(), environment=st.from_regex(r"[a-z]{1,9}", fullmatch=True), place=st.text(min_size=1))
def test_it_is_in_form_whatever_is_told(why: str, environment: str, place: str) -> None:
    """By the published schema; and what a command said cannot steer whoever prints it."""
    document = told("edited-log", "forked-log", why=why, environment=environment, place=place)

    OFFICIAL.validate(document)
    assert encode_sarif(document).isascii()
    assert told()["runs"][0]["results"] == []


def test_each_drill_is_an_alert_of_its_own() -> None:
    """A code host looks at rule, place and category: they tell drills and environments apart, and nothing else does."""
    (run,) = told("edited-log", "forked-log")["runs"]
    (later,) = told("forked-log", why="other words")["runs"]
    (other,) = told("forked-log", environment="dev")["runs"]

    assert [one["ruleId"] for one in run["results"]] == ["edited-log", "forked-log"]
    assert [run["tool"]["driver"]["rules"][one["ruleIndex"]]["id"] for one in run["results"]] == [
        "edited-log",
        "forked-log",
    ]
    assert run["results"][1]["partialFingerprints"] == later["results"][0]["partialFingerprints"]
    assert run["results"][1]["partialFingerprints"] != other["results"][0]["partialFingerprints"]
    assert run["automationDetails"] != other["automationDetails"]
