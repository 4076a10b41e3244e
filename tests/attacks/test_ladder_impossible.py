"""Threat: a gateway writes counts that cannot be true, for a model or against it. They count for nothing, and show."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockgate.audit.load import load_standing
from lockgate.deploy.spec import Facts
from lockgate.project.ladder_facts import looks_here
from tests.support.laddered import Laddered, on_shadow

IMPOSSIBLE = {"candidate.requests": 1, "candidate.errors": 9, "pairs.requests": 900, "pairs.failed": 900}


def _facts(house: Laddered) -> Facts:
    loaded = load_standing(house.signed.ledger.statements(), "dev", house.signed.clock(), name="flights")
    found = looks_here(house.reader(), house.signed.ledger)(loaded)
    assert found is not None
    return found


def test_a_record_that_cannot_be_true_is_told_by_verify_and_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The honest log says nothing of the kind. With the record, a warning names it, and no check has moved."""
    house = on_shadow(tmp_path, monkeypatch)
    before = _facts(house)
    assert before.notes == ()
    assert [one for one in house.verify()[0].logs.warnings if one.finding == "LG550"] == []
    house.gateway.observed(IMPOSSIBLE)
    house.seal()
    after = _facts(house)
    (note,) = after.notes
    (warning,) = [one for one in house.verify()[0].logs.warnings if one.finding == "LG550"]
    assert note == warning
    assert "candidate.errors is more than candidate.requests" in warning.message
    assert (before.results, before.rows) == (after.results, after.rows)
