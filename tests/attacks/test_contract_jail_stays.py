"""A contract's jail that will not end, or that answers otherwise than it may: the run ends, with the true reason."""

from __future__ import annotations

import time

import pytest

from lockgate.errors import LockgateError
from lockgate.validate import examine
from tests.support.sources import CSV, FLIGHT, SourceProject
from tests.support.sources import SourceProject as Place

pytestmark = pytest.mark.usefixtures("place")

_WHOLE = """
from pydantic import model_validator

class Flight(Flight):
    @model_validator(mode="after")
    def whole(self):
        return self
"""
_PATCH = (
    _WHOLE
    + """
import time
from lockgate.contract.jail import judge
honest = judge.Judge.answer
def answer(self, frame):
    {body}
judge.Judge.answer = answer
"""
)


@pytest.fixture(name="place")
def _place(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> SourceProject:
    made = Place(tmp_path, monkeypatch)  # type: ignore[arg-type]
    made.write("a.csv", CSV)
    made.ingest("a.csv")
    return made


def test_a_thread_that_outlives_the_work_is_no_error(place: SourceProject) -> None:
    """An honest contract whose library leaves a thread behind is judged, and nobody waits for the thread."""
    contract = FLIGHT + "\nimport threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\n"
    begun = time.monotonic()
    assert place.validate(contract).reckoning.accepted == 3
    assert time.monotonic() - begun < 60


def test_a_wrong_answer_and_then_silence(place: SourceProject) -> None:
    """What the counting jail refuses is said, though the other jail hangs: it is ended after a moment."""
    contract = FLIGHT + _PATCH.format(
        body="time.sleep(600) if hasattr(self, 'said') else setattr(self, 'said', 1); return {'op': 'nonsense'}, b''"
    )
    begun = time.monotonic()
    with pytest.raises(LockgateError) as caught:
        place.validate(contract)
    assert caught.value.finding == "LG213"
    assert time.monotonic() - begun < 60
    assert place.claims() == ["roles", "policy", "ingest"]


@pytest.mark.parametrize(
    "accepted",
    # By day test_poison_rows.py sees a dropped row refused.
    [
        pytest.param("accepted.slice(1)", marks=pytest.mark.nightly),
        "pyarrow.concat_batches([accepted, accepted.slice(0, 1)])",
    ],
    ids=["drops a row", "doubles a row"],
)
def test_several_jails_and_one_lie(place: SourceProject, monkeypatch: pytest.MonkeyPatch, accepted: str) -> None:
    """With several jails, too, the finding is that of the jail that counts, not of those whose sockets broke."""
    monkeypatch.setattr(examine, "_ROWS_PER_JAIL", 1)
    body = (
        "header, payload = honest(self, frame); import pyarrow; from lockgate.contract.ask import packed, unpacked\n"
        "    cut = header['accepted']; accepted = unpacked(payload[:cut])\n"
        f"    accepted = packed({accepted})\n"
        "    return {'op': 'rows', 'accepted': len(accepted)}, accepted + payload[cut:]"
    )
    assert place.validate(FLIGHT + _WHOLE).reckoning.accepted == 3
    with pytest.raises(LockgateError) as caught:
        place.validate(FLIGHT + _PATCH.format(body=body))
    assert caught.value.finding == "LG213"


def test_a_subclass_of_int_is_not_counted_through(place: SourceProject) -> None:
    """A validator that gives a subclass of int is judged like one that gives an int."""
    contract = FLIGHT.replace(
        "distance: int = Field(gt=0, le=20_000)", "distance: Annotated[int, AfterValidator(ByteSize)]"
    )
    found = place.validate("from typing import Annotated\nfrom pydantic import AfterValidator, ByteSize\n" + contract)
    assert place.table(found.accepted)["distance"].to_pylist() == [1400, 1416, 1089]
