"""Data poisoning at the door: rows and code that try to get past the contract, or around the count of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockgate.errors import LockgateError, Refused
from tests.support.sources import CSV, FLIGHT, SourceProject, reasons


@pytest.fixture(name="place")
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SourceProject:
    return SourceProject(tmp_path, monkeypatch)


def test_poisoned_rows_do_not_reach_training(place: SourceProject) -> None:
    """Rows out of range, of another type or with hostile text are quarantined with their reason; honest ones pass."""
    place.write("data/honest.csv", CSV)
    place.write(
        "data/poison.csv",
        'distance,carrier,late\n999999999,UA,true\nNaN,UA,true\n1400,\u202eAU,true\n1400,UA,2\n1400,"UA\n",true\n',
    )
    place.ingest("data/*.csv")
    found = place.validate()
    assert (found.reckoning.accepted, found.reckoning.quarantined) == (3, 5)
    assert set(place.table(found.accepted)["__source__"].to_pylist()) == {0}
    assert reasons(place.table(found.quarantine)) == [
        ("data/poison.csv", 0, "distance", "less_than_equal"),
        ("data/poison.csv", 1, "distance", "int_parsing"),
        ("data/poison.csv", 2, "carrier", "string_pattern_mismatch"),
        ("data/poison.csv", 3, "late", "bool_parsing"),
        ("data/poison.csv", 4, "carrier", "string_pattern_mismatch"),
    ]


def test_a_flood_of_bad_rows_closes_the_gate(place: SourceProject) -> None:
    """A source that turns bad does not shrink the training data silently: LG203. At the share allowed it passes."""
    place.write("a.csv", CSV + "-1,UA,true\n")
    place.ingest("a.csv")
    with pytest.raises(Refused) as caught:
        place.validate(max_quarantined_share=0.2)
    assert caught.value.finding == "LG203"
    assert place.claims() == ["roles", "policy", "ingest"]
    assert place.validate(max_quarantined_share=0.25).reckoning.quarantined == 1


def test_a_file_swapped_after_it_was_pinned(place: SourceProject) -> None:
    """One flipped label in a pinned file is LG120; the file as pinned is taken."""
    honest = place.write("a.csv", CSV)
    found = place.ingest("a.csv")
    pins = {"a.csv": found.files[0].digest}
    honest.write_text(CSV.replace("1400,UA,true", "1400,UA,false"))
    with pytest.raises(Refused) as caught:
        place.ingest("a.csv", pins=pins)
    assert caught.value.finding == "LG120"
    honest.write_text(CSV)
    assert place.ingest("a.csv", pins=pins).snapshot == found.snapshot


_TAMPER = """
import pyarrow
from pydantic import model_validator
from lockgate.contract.jail import cells, rows

class Flight(Flight):
    @model_validator(mode="after")
    def whole(self):
        return self

evaluate = rows.Evaluator.evaluate
def tampered(self, batch):
    found = evaluate(self, batch)
    accepted = found.accepted
    return rows.Verdicts({change}, found.quarantine)
rows.Evaluator.evaluate = tampered
"""
CHANGES = {
    "drops a row": "accepted.slice(1)",
    "doubles a row": "pyarrow.concat_batches([accepted, accepted.slice(0, 1)])",
    "turns the order": "accepted.take(pyarrow.array([2, 1, 0]))",
    "adds a column": "accepted.append_column('trigger', accepted.column(0))",
    "forges a row": "accepted.set_column(4, accepted.schema.field(4), pyarrow.array([0, 1, 7]))",
    "says nothing": "None",
    "nothing": "accepted",
}


BY_NIGHT = ("doubles a row", "turns the order", "adds a column")
"""As "drops a row" and "forges a row", which go through the jails by day: another number of rows, another row, another
form. `test_contract_jail_stays` has a doubled row in CI too."""


@pytest.mark.parametrize(
    "change", [pytest.param(change, marks=pytest.mark.nightly) if change in BY_NIGHT else change for change in CHANGES]
)
def test_a_contract_that_interferes_with_the_count(place: SourceProject, change: str) -> None:
    """The contract's code may change what its jail answers; the jail that counts is another, and refuses it."""
    place.write("a.csv", CSV)
    place.ingest("a.csv")
    contract = FLIGHT + _TAMPER.format(change=CHANGES[change])
    if change == "nothing":
        assert place.validate(contract).reckoning.accepted == 3
        return
    with pytest.raises(LockgateError) as caught:
        place.validate(contract)
    assert caught.value.finding == ("LG212" if change == "says nothing" else "LG213")
    assert place.claims() == ["roles", "policy", "ingest"]


def test_a_contract_sees_nothing_of_the_host(place: SourceProject) -> None:
    """Importing the contract reaches no network, key or file of the project; what it tries is a finding."""
    place.write("a.csv", CSV)
    place.write("secret.txt", "the project's secret")
    place.ingest("a.csv")
    for attempt in (
        "import socket; socket.create_connection(('127.0.0.1', 9))",
        f"open({str(place.root / 'secret.txt')!r})",
        "open('/job/contract.py', 'a')",
    ):
        with pytest.raises(LockgateError) as caught:
            place.validate(FLIGHT + attempt + "\n")
        assert caught.value.finding == "LG207", attempt
    assert place.validate().reckoning.accepted == 3
