"""serve.witnessing: how long a gateway answers on while its event log is not cosigned, and what it says of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lockgate.errors import Refused
from lockgate.serve.witnessing import TELL_SECONDS, Witnessing
from tests.support.project import SignedProject, signed_project
from tests.support.witnesses import key_of

START = datetime(2026, 11, 27, 12, tzinfo=UTC)
POLICY = f"""version = 1
[environment.dev]
enforce = "{{weight}}"
min_witnesses = 1
[environment.dev.serve]
max_staleness = "600 s"
[witness.one]
key = "{key_of().verifier.line()}"
"""


def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weight: str = "enforce") -> SignedProject:
    return signed_project(tmp_path, monkeypatch, policy=POLICY.format(weight=weight))


def test_a_wait_for_witnesses_is_said_with_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not of the seconds that a witness takes; then in the same words each time, with when answers end: so they do."""
    ledger, found = _project(tmp_path, monkeypatch).ledger, Witnessing("dev")
    assert not found.look(ledger, START, first=False)
    assert found.waiting(START + timedelta(seconds=TELL_SECONDS - 1)) == ""
    words = found.waiting(START + timedelta(seconds=TELL_SECONDS))
    assert ("0 of the 1" in words, "2026-11-27 12:10:00 UTC" in words) == (True, True)
    assert not found.look(ledger, START + timedelta(seconds=599), first=False)
    assert words == found.waiting(START + timedelta(seconds=599))
    with pytest.raises(Refused, match="0 of the 1") as raised:
        found.look(ledger, START + timedelta(seconds=601), first=False)
    assert raised.value.finding == "LG7010"


def test_nothing_is_said_where_nothing_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rule only warns: the log is acted upon."""
    ledger, found = _project(tmp_path, monkeypatch, "warn").ledger, Witnessing("dev")
    assert found.look(ledger, START, first=False)
    assert found.waiting(START + timedelta(hours=1)) == ""
