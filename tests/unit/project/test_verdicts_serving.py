"""What an environment's serving cannot do for a model is said with its verdict, and refuses nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from lockgate.audit.entries import Registration
from lockgate.audit.evidence import Evidence
from lockgate.core.digest import digest_of
from lockgate.core.statement import TEST_RESULT, Statement, Subject
from lockgate.core.verdict import Level
from lockgate.project.verdicts import _unserved
from lockgate.trust.policy import Policy

NOW = datetime(2026, 11, 26, tzinfo=UTC)
DIGEST = digest_of(b"it")


def _evidence(said: dict[str, Any]) -> Evidence:
    statement = Statement((Subject("it", DIGEST),), TEST_RESULT, said)
    return Evidence(1, DIGEST, b"", statement, "judge", "judge", "mara", "k", NOW)


@pytest.mark.parametrize(
    ("task", "least", "told"),
    [("regression", 0.1, ["LG672"]), ("regression", 0.0, []), ("binary", 0.1, [])],
)
def test_abstaining_is_not_available_for_regression(task: str, least: float, told: list[str]) -> None:
    """A warning with the kinds of clients, where the policy asks for it and the model gives numbers."""
    text = f"version = 1\n[environment.prod.serve.output.external]\nabstain_below = {least}\n"
    rules = Policy.from_text(text).environment("prod")
    one = Registration(_evidence({}), "cars", 1, DIGEST, 1, (), DIGEST, 1, {}, DIGEST)
    found = _unserved(one, {"judge": _evidence({"task": task})}, rules)
    assert [reason.finding for reason in found] == told
    assert all((reason.level, reason.seen["kinds"]) == (Level.WARN, ["external"]) for reason in found)
