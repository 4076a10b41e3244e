"""validate.run in the real jails: counts, quarantine, the policy's share, and what a contract's code may do."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from lockgate.contract.spec import FIELDS_KEY
from lockgate.core.digest import digest_of
from lockgate.core.encoding import encode
from lockgate.errors import Refused, VerificationFailed
from lockgate.monitor.asked import Asked
from lockgate.monitor.plan import parse_plan
from lockgate.pipeline.unchanged import changed_contract
from lockgate.sandbox.settings import Limits
from lockgate.validate import examine
from lockgate.validate.spec import ValidateSpec
from tests.support.sources import CSV, FLIGHT, SourceProject, reasons

MIXED = CSV + "-5,UA,true\n99999,ua,true\nfar,B6,maybe\n200,,\n300,DL,false\n"
HEAD = "from pydantic import BaseModel, Field, model_validator, field_validator, computed_field\nimport lockgate\n"
FIELDS = "    distance: int\n    carrier: str\n    late: bool\n"


@pytest.fixture(name="place")
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SourceProject:
    return SourceProject(tmp_path, monkeypatch)


def test_every_row_is_accepted_or_quarantined(place: SourceProject) -> None:
    """Counts add up in result, report, statement and tables; each refused row has source, row, field and rule."""
    place.write("data/a.csv", CSV)
    place.write("data/b.csv", MIXED)
    place.ingest("data/*.csv")
    found = place.validate()
    accepted, quarantine = place.table(found.accepted), place.table(found.quarantine)
    assert accepted.column_names == ["distance", "carrier", "late", "__source__", "__row__"]
    assert [str(kind) for kind in accepted.schema.types] == ["int64", "string", "bool", "int32", "int64"]
    assert accepted.schema.metadata[FIELDS_KEY] == encode(found.table.as_json())
    kept = list(zip(accepted["__source__"].to_pylist(), accepted["__row__"].to_pylist(), strict=True))
    assert kept == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (1, 7)]
    assert accepted["distance"].to_pylist()[-1] == 300
    assert quarantine.column_names == ["source", "row", "field", "rule", "message"]
    assert reasons(quarantine) == [
        ("data/b.csv", 3, "distance", "greater_than"),
        ("data/b.csv", 4, "distance", "less_than_equal"),
        ("data/b.csv", 4, "carrier", "string_pattern_mismatch"),
        ("data/b.csv", 5, "distance", "int_parsing"),
        ("data/b.csv", 5, "late", "bool_parsing"),
        ("data/b.csv", 6, "carrier", "string_type"),
        ("data/b.csv", 6, "late", "bool_type"),
    ]
    assert quarantine["message"][0].as_py() == "Input should be greater than 0"
    said = found.evidence.predicate
    for counts in (said, found.details, place.json(found.report)):
        assert (counts["rows"], counts["accepted"], counts["quarantined"]) == (11, 7, 4)
    assert found.details["by_source"][1] == {"source": "data/b.csv", "rows": 8, "quarantined": 4}
    assert (said["result"], found.evidence.role) == ("PASSED", "validator")
    assert place.claims() == ["roles", "policy", "ingest", "validate"]


def test_what_a_person_is_told_of_each_rule(place: SourceProject) -> None:
    """Commonest first: count, field, rule, Pydantic's wording, the first rows, what to do."""
    place.write("a.csv", CSV + "-5,UA,true\n" * 5 + "300,united,true\n")
    place.ingest("a.csv")
    found = place.validate()
    assert found.details["by_rule"] == [
        {
            "count": 5,
            "field": "distance",
            "rule": "greater_than",
            "message": "Input should be greater than 0",
            "rows": [{"source": "a.csv", "row": row} for row in (3, 4, 5)],
            "suggestion": "if such values are right, widen the bound",
        },
        {
            "count": 1,
            "field": "carrier",
            "rule": "string_pattern_mismatch",
            "message": "String should match pattern '^[A-Z0-9]{2}$'",
            "rows": [{"source": "a.csv", "row": 8}],
            "suggestion": "if the spelling is right, widen the pattern",
        },
    ]


def test_results_are_private_and_signed(place: SourceProject) -> None:
    """The five files are subjects of the statement, and the data store keeps them for this user only."""
    place.write("a.csv", MIXED)
    place.ingest("a.csv")
    found = place.validate()
    subjects = {one.name: one.digest for one in found.evidence.statement.subjects}
    assert subjects == {
        "accepted.parquet": found.accepted,
        "quarantine.parquet": found.quarantine,
        "baseline.json": found.baseline,
        "plan.json": found.plan,
        "report.json": found.report,
    }
    assert all(place.project.data.path(digest).stat().st_mode & 0o077 == 0 for digest in subjects.values())
    assert found.evidence.predicate["contract"]["name"] == "contract.py:Flight"
    assert found.evidence.predicate["contract"]["digest"]["sha256"] == digest_of(FLIGHT.encode()).removeprefix(
        "sha256:"
    )
    assert place.left_over() == sorted(
        str(place.project.data.path(digest))
        for digest in {*subjects.values(), *(s.digest for s in place.project.ledger.head("ingest").statement.subjects)}  # type: ignore[union-attr]
    )


def test_what_will_be_watched_is_made_of_the_accepted_rows(place: SourceProject) -> None:
    """Where there are rows enough: a sixth file, from the same jail, of the fields that a model is given.

    Settings that name no field of theirs are refused; others are another plan, so validation is done again for them.
    """
    draw = Random(1)
    lines = [f"{draw.randrange(1, 5000)},{draw.choice(('UA', 'B6'))},true\n" for _ in range(450)]
    place.write("a.csv", "distance,carrier,late\n" + "".join(lines) + "-1,UA,true\n")
    place.ingest("a.csv")
    found = place.validate()
    assert found.monitor is not None
    plan = parse_plan(place.project.data.read(found.monitor))
    assert [(stream.name, stream.kind) for stream in plan.streams] == [("distance", "number"), ("carrier", "category")]
    assert (plan.rows, plan.pilot, found.evidence.predicate["monitor"]) == (250, 200, found.monitor)
    assert "monitor.json" in {one.name for one in found.evidence.statement.subjects}
    assert [*found.evidence.predicate["jails"]] == ["contract", "rows"]
    with pytest.raises(Refused) as caught:
        place.validate(monitor=Asked(exclude=("gone",)))
    assert caught.value.finding == "LG229"
    spec = ValidateSpec("contract.py", "Flight", "late", max_quarantined_share=1.0)
    asked = replace(spec, monitor=Asked(exclude=("carrier",)))
    workplace = place.project.workplace()
    assert [not changed_contract(found.evidence, one, workplace) for one in (spec, asked)] == [True, False]


def test_above_the_share(place: SourceProject) -> None:
    """Enforced, a share above the policy's is LG203 with the commonest reasons; as a warning it is signed as one."""
    place.write("a.csv", MIXED)
    place.ingest("a.csv")
    with pytest.raises(Refused) as caught:
        place.validate(max_quarantined_share=0.3, enforce=True)
    assert caught.value.finding == "LG203"
    assert caught.value.seen["share"] == 0.5
    assert "distance" in str(caught.value.seen["commonest"])
    assert place.claims() == ["roles", "policy", "ingest"]
    assert place.validate(max_quarantined_share=0.5, enforce=True).evidence.predicate["result"] == "PASSED"
    warned = place.validate(max_quarantined_share=0.3, enforce=False)
    assert warned.evidence.predicate["result"] == "WARNED"
    assert [one["finding"] for one in warned.details["findings"]] == ["LG203", "LG227", "LG228"]


def test_no_row_accepted(place: SourceProject) -> None:
    """A contract that accepts nothing is LG204, whatever share the policy allows, and nothing is signed."""
    place.write("a.csv", "distance,carrier,late\n-1,UA,true\n")
    place.ingest("a.csv")
    with pytest.raises(Refused) as caught:
        place.validate(enforce=False)
    assert caught.value.finding == "LG204"
    assert place.claims() == ["roles", "policy", "ingest"]


def test_nothing_was_ingested(place: SourceProject) -> None:
    """Validation without a signed snapshot is LG201."""
    with pytest.raises(Refused) as caught:
        place.validate()
    assert caught.value.finding == "LG201"


def test_a_swapped_snapshot(place: SourceProject) -> None:
    """Bytes in the data store that the ingester did not sign are exit code 3; the contract never sees them."""
    place.write("a.csv", MIXED)
    snapshot = place.project.data.path(place.ingest("a.csv").snapshot)
    good = snapshot.read_bytes()
    snapshot.chmod(0o644)
    snapshot.write_bytes(good[:40] + bytes([good[40] ^ 1]) + good[41:])
    with pytest.raises(VerificationFailed):
        place.validate()
    snapshot.write_bytes(good)
    assert place.validate().reckoning.accepted == 4


def test_a_contract_that_loops(place: SourceProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """A validator that never ends is stopped at the jail's limit: LG212, nothing is signed, the next run goes on."""
    text = (
        HEAD
        + "class Flight(BaseModel):\n"
        + FIELDS
        + '    @field_validator("carrier")\n    @classmethod\n    def loop(cls, value):\n'
        + "        while value:\n            pass\n        return value\n"
    )
    place.write("a.csv", CSV)
    place.ingest("a.csv")
    with monkeypatch.context() as patch:
        patch.setattr(examine, "CONTRACT_LIMITS", Limits(cpu_seconds=2, wall_seconds=20))
        with pytest.raises(Refused) as caught:
            place.validate(text)
    assert caught.value.finding == "LG212"
    assert caught.value.seen["ended"] == "time"
    assert place.claims() == ["roles", "policy", "ingest"]
    assert place.validate().reckoning.accepted == 3


def test_a_declared_reader_of_the_label(place: SourceProject) -> None:
    """With @label_only the validator judges the rows of training; inference leaves it out."""
    text = (
        "from pydantic import BaseModel, model_validator\nfrom lockgate import label_only\n"
        "class Flight(BaseModel):\n"
        + FIELDS
        + '    @label_only\n    @model_validator(mode="after")\n    def near(self):\n'
        + "        if self.late and self.distance == 1400:\n"
        + "            raise ValueError('too near')\n        return self\n"
    )
    place.write("a.csv", CSV)
    place.ingest("a.csv")
    assert place.validate(text).reckoning.quarantined == 1


def test_a_validator_that_raises_what_it_likes(place: SourceProject) -> None:
    """A KeyError in the contract's code quarantines its row under a rule of ours, and LG215 says so."""
    text = (
        HEAD
        + "class Flight(BaseModel):\n"
        + FIELDS
        + '    @field_validator("carrier")\n    @classmethod\n    def known(cls, value):\n'
        + '        return {"UA": "UA", "B6": "B6"}[value]\n'
    )
    place.write("a.csv", CSV)
    place.ingest("a.csv")
    found = place.validate(text)
    assert reasons(place.table(found.quarantine)) == [("a.csv", 1, "", "lockgate_raised")]
    assert [one["finding"] for one in found.details["findings"]] == ["LG215", "LG227", "LG228"]


def test_a_contract_imports_its_neighbours(place: SourceProject) -> None:
    """Captured code beside the contract can be imported, and its digests are in the report."""
    place.write("limits.py", "MOST = 1410\n")
    text = FLIGHT.replace("from pydantic", "from limits import MOST\nfrom pydantic").replace("20_000", "MOST")
    place.write("a.csv", CSV)
    place.ingest("a.csv")
    found = place.validate(text)
    assert found.reckoning.quarantined == 1
    assert [name for name, _ in found.details["contract"]["files"]] == ["contract.py", "limits.py"]


def test_sensitive_fields_leave_no_value(place: SourceProject) -> None:
    """No value, nor what the contract's own code says of a row, is in quarantine, report, baseline or statement."""
    text = (
        HEAD
        + "class Flight(BaseModel):\n    distance: int\n    carrier: str = Field(max_length=2)\n    late: bool\n"
        + '    @field_validator("late")\n    @classmethod\n    def gossip(cls, value, info):\n'
        + "        if value:\n            raise ValueError(f'{info.data}')\n        return value\n"
    )
    place.write("a.csv", "distance,carrier,late\n1,Secret-One,false\n2,Secret-One,false\n3,ZQ,true\n4,DL,false\n")
    place.ingest("a.csv")
    open_ = place.validate(text, label="distance")
    assert "ZQ" in str(place.table(open_.quarantine)["message"].to_pylist())
    found = place.validate(text, label="distance", sensitive=("carrier",))
    quarantine = place.table(found.quarantine)
    assert [rule for *_, rule in reasons(quarantine)] == ["string_too_long", "string_too_long", "value_error"]
    words = [str(message) for message in quarantine["message"].to_pylist()]
    assert words[0] == words[1]
    assert words[0].startswith("hmac-sha256:")
    said = [str(quarantine.to_pylist()), str(place.json(found.report)), str(place.json(found.baseline))]
    said.append(str(found.evidence.statement))
    assert not any(value in text for value in ("Secret-One", "ZQ", "'DL'") for text in said)
    assert "hmac" not in said[1]
    again = place.table(place.validate(text, label="distance", sensitive=("carrier",)).quarantine)
    assert again["message"].to_pylist()[0] != words[0], "the key is of one run: no dictionary of all carriers helps"


def test_the_same_rows_and_contract_give_the_same_files(place: SourceProject) -> None:
    """Accepted rows, quarantine, baseline and report are functions of snapshot and contract."""
    place.write("a.csv", MIXED)
    place.ingest("a.csv")
    one, two = place.validate(), place.validate()
    assert (one.accepted, one.quarantine, one.baseline, one.report) == (
        two.accepted,
        two.quarantine,
        two.baseline,
        two.report,
    )
    assert Counter(place.claims())["validate"] == 2
