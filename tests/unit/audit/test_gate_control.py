"""The gate's rule about the control without doubtful rows, and that about rows on both sides of the split."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from lockgate.audit.evidence import Evidence
from lockgate.audit.gate import judge_inputs
from lockgate.core.digest import digest_of
from lockgate.core.statement import TEST_RESULT, Statement, Subject
from lockgate.core.verdict import Level, Reason
from lockgate.trust.policy import Policy

NOW = datetime(2026, 11, 26, tzinfo=UTC)
SCREEN, OTHER = str(digest_of(b"screen")), str(digest_of(b"another screen"))
FOUND: dict[str, Any] = {
    "screen": SCREEN,
    "left_out": 38,
    "headline": "roc_auc",
    "difference": {"roc_auc": {"value": -0.02, "low": -0.03, "high": -0.01}},
    "flagged": {"rows": 40, "changed": {"value": 0.3, "low": 0.2, "high": 0.4}},
}
BOTH = "{ max_loss = 0.02, max_changed = 0.3 }"


def _evidence(claim: str, said: dict[str, Any]) -> Evidence:
    statement = Statement((Subject("screen.parquet", digest_of(b"screen")),), TEST_RESULT, said)
    return Evidence(1, digest_of(claim.encode()), b"", statement, claim, claim, "mara", "k", NOW)


def _told(rule: str, control: Any, doubtful: Any = 40) -> list[Reason]:
    inputs = {
        "validate": _evidence("validate", {"screen": {"doubtful": doubtful}}),
        "judge": _evidence("judge", {} if control is None else {"control": control}),
    }
    policy = Policy.from_text(f"version = 1\n[environment.prod]\nrequire = []\n{rule}\n").environment("prod")
    return [one for one in judge_inputs(inputs, policy, NOW) if one.seen["rule"] == "control"]


@pytest.mark.parametrize(
    ("bounds", "refused"),
    [
        (BOTH, 0),
        ("{ max_loss = 0.019 }", 1),
        ("{ max_changed = 0.29 }", 1),
        ("{ max_loss = 0, max_changed = 0 }", 2),
        ("{}", 0),
    ],
)
def test_bounds_on_what_the_doubtful_rows_do(bounds: str, refused: int) -> None:
    """Each bound by itself; within them a note says what was compared, and nothing asked says nothing."""
    told = _told(f"control = {bounds}", FOUND)
    assert [one.finding for one in told if one.level is Level.REFUSE] == ["LG456"] * refused
    notes = [one for one in told if one.level is Level.NOTE]
    assert [one.finding for one in notes] == ([] if refused or bounds == "{}" else ["LG457"])


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"headline": "mae", "difference": {"mae": {"value": 0.02}}}, 0),
        ({"headline": "mae", "difference": {"mae": {"value": 0.03}}}, 1),
        ({"headline": "mae", "difference": {"mae": {"value": -9}}}, 0),
        ({"without": {"difference": {"roc_auc": {"value": -0.03}}}}, 1),
        ({"without": {"difference": {"roc_auc": {"value": 0.5}}}}, 0),
        ({"without": {"difference": {}}}, 1),
        ({"without": None}, 0),
        ({"headline": "positive_rate", "difference": {"positive_rate": {"value": 1}}}, 1),
        ({"headline": ["roc_auc"]}, 1),
        ({"difference": {}}, 1),
        ({"difference": {"roc_auc": {"value": "0"}}}, 1),
        ({"flagged": {"changed": {"value": None}}}, 1),
        ({"flagged": None}, 1),
        ({"left_out": 0, "difference": {}}, 0),
        ({"left_out": "0"}, 1),
        ({"why": "training without the doubtful rows ended with LG310"}, 1),
        ({"why": 3}, 1),
        ({"screen": OTHER}, 1),
        ({"screen": None}, 1),
    ],
)
def test_what_is_not_stated_in_form_is_not_met(change: dict[str, Any], refused: int) -> None:
    """A larger error is worse, a larger AUC better; the rows that nobody doubts count as well; a control of other
    doubts is none; where training saw no doubtful row there is nothing to bound.
    """
    told = _told(f"control = {BOTH}", {**FOUND, **change})
    assert [one.finding for one in told if one.level is Level.REFUSE] == ["LG456"] * refused


@pytest.mark.parametrize(
    ("control", "doubtful", "refused"),
    [(None, 0, 0), (None, 40, 1), (None, None, 1), (None, False, 1), (FOUND, None, 1), (7, 40, 1)],
)
def test_where_nothing_is_doubted_nothing_is_asked(control: Any, doubtful: Any, refused: int) -> None:
    """That the screen doubts nothing must be stated: a statement from before it says nothing, and is refused."""
    assert [one.finding for one in _told(f"control = {BOTH}", control, doubtful)] == ["LG456"] * refused


def test_a_policy_that_does_not_ask_never_refuses() -> None:
    """Old statements stay as good as they were."""
    assert _told("", None) == _told("", {**FOUND, "why": "x"}) == []


@pytest.mark.parametrize(
    ("leak", "weight", "refused"),
    [
        ({"rows": 3, "of": 9, "by_chance": 0.0, "beyond": False}, "enforce", []),
        ({"rows": 9, "of": 9, "by_chance": 0.0, "beyond": True}, "enforce", ["LG332"]),
        ({"rows": 9, "of": 9, "by_chance": 0.0, "beyond": True}, "warn", []),
        (None, "enforce", ["LG332"]),
        ({"beyond": 0}, "enforce", ["LG332"]),
    ],
)
def test_rows_on_both_sides(leak: Any, weight: str, refused: list[str]) -> None:
    """Where the environment enforces that there are none, it must be stated that somebody looked."""
    train = _evidence("train", {"buildDefinition": {"internalParameters": {"leak": leak}}})
    text = f'version = 1\n[environment.prod]\nrequire = []\n[environment.prod.screen]\nleak = "{weight}"\n'
    told = judge_inputs({"train": replace(train)}, Policy.from_text(text).environment("prod"), NOW)
    assert [one.finding for one in told if one.seen["rule"] == "screen"] == refused
