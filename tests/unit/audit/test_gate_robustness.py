"""The gate's rule about robustness beside the live model: significant drops are refused, and what nobody measured."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from lockgate.audit.evidence import Evidence
from lockgate.audit.gate import judge_inputs
from lockgate.core.digest import Digest, digest_of
from lockgate.core.statement import TEST_RESULT, Statement, Subject
from lockgate.core.verdict import Level
from lockgate.trust.policy import Policy

NOW = datetime(2026, 11, 26, tzinfo=UTC)
MINE, LIVE, OTHER = (digest_of(name) for name in (b"mine", b"live", b"another"))
SMALL = {"value": 0.02, "low": -0.01, "high": 0.05}
LARGE = {"value": 0.08, "low": 0.04, "high": 0.12}


def _judge(digest: Digest, **said: Any) -> Evidence:
    statement = Statement((Subject("model.onnx", digest),), TEST_RESULT, said)
    return Evidence(1, digest, b"", statement, "judge", "judge", "mara", "k", NOW)


def _beside(judge: Digest, **more: Any) -> dict[str, Any]:
    return {"attacked": {"live": [{"judge": judge, **more}]}}


def _refused(rule: str, mine: dict[str, Any], live: dict[str, Any] | None, digest: Digest = MINE) -> list[str]:
    """What refuses, after a check that it says what was seen, what was wanted and what to do."""
    policy = Policy.from_text(f"version = 1\n[environment.prod]\nrequire = []\n{rule}\n").environment("prod")
    running = None if live is None else {"judge": _judge(LIVE, **live)}
    told = judge_inputs({"judge": _judge(digest, **mine)}, policy, NOW, live=running)
    found = [one for one in told if one.seen["rule"] == "robustness" and one.level is Level.REFUSE]
    assert all({"seen", "wanted"} <= set(one.seen) and one.next for one in found)
    return [one.finding for one in found]


@pytest.mark.parametrize(
    ("rule", "drop", "refused"),
    [
        ("max_robustness_drop = 0", {"0.5": SMALL}, []),
        ("max_robustness_drop = 0", {"0.5": LARGE}, ["LG400"]),
        ("max_robustness_drop = 0.05", {"0.5": LARGE}, []),
        ("max_robustness_drop = 0.03", {"0.25": SMALL, "0.5": LARGE, "1": LARGE}, ["LG400", "LG400"]),
        ("max_robustness_drop = 0", {"0.5": {**LARGE, "low": None}}, ["LG408"]),
        ("max_robustness_drop = 0", {"0.5": {**LARGE, "low": "0"}}, ["LG408"]),
        ("max_robustness_drop = 0", {"0.5": {**LARGE, "low": 0.2}}, ["LG408"]),
        ("max_robustness_drop = 0", {"0.25": SMALL, "0.5": None}, ["LG408"]),
        ("max_robustness_drop = 0", {}, ["LG408"]),
        ("max_robustness_drop = 0", [SMALL], ["LG408"]),
        ("", {"0.5": LARGE}, []),
    ],
)
def test_a_drop_beyond_chance_and_bound_is_refused(rule: str, drop: Any, refused: list[str]) -> None:
    """Only where the whole interval lies above; at each distance by itself; without an interval nobody knows."""
    assert _refused(rule, _beside(LIVE, drop=drop), {}) == refused


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"attacked": None},
        {"attacked": {"why": "attacking ended with LG398"}},
        {"attacked": {"live": []}},
        {"attacked": {"live": "none"}},
        _beside(OTHER, drop={"0.5": SMALL}),
        _beside(LIVE, why="it takes or predicts what these rows do not have: ['gone']"),
        {"attacked": {"live": [{"judge": LIVE, "drop": {"0.5": SMALL}}] * 2}},
    ],
)
def test_what_was_not_measured_beside_the_live_model_is_refused(said: dict[str, Any]) -> None:
    """No attack, another live model, one that cannot be compared, two words on one; where the policy asks for it."""
    assert _refused("max_robustness_drop = 1", said, {}) == ["LG408"]
    assert _refused("", said, {}) == []


def test_where_nothing_is_live_nothing_is_asked() -> None:
    """The first model has nothing to be held against; nor has the live model itself, when it is judged again."""
    assert _refused("max_robustness_drop = 0", {}, None) == []
    assert _refused("max_robustness_drop = 0", {}, {}, digest=LIVE) == []


@pytest.mark.parametrize(
    ("drop", "refused"),
    [
        (SMALL, []),
        (LARGE, []),
        ({"value": -0.02, "low": -0.05, "high": 0.01}, []),
        ({"value": -0.08, "low": -0.12, "high": -0.04}, ["LG400"]),
    ],
)
def test_the_way_back_is_measured_by_the_live_models_own_judge(drop: Any, refused: list[str]) -> None:
    """A model from before was never attacked beside the one that is live; that one was, beside it: the other way round.

    Nothing keeps a more robust one from coming back.
    """
    assert _refused("max_robustness_drop = 0", {}, _beside(MINE, drop={"0.5": drop})) == refused
    assert _refused("max_robustness_drop = 0", {}, _beside(OTHER, drop={"0.5": drop})) == ["LG408"]


def test_bounds_on_the_facts_themselves() -> None:
    """A name with a distance is written in quotes; a brittle model is refused, and one whose attack failed."""
    rule = 'robustness = { "robust_accuracy_0.5" = { min = 0.6, interval = true } }'
    brittle = {"robustness": {"robust_accuracy_0.5": {"value": 0.5, "low": 0.45, "high": 0.55}}}
    robust = {"robustness": {"robust_accuracy_0.5": {"value": 0.8, "low": 0.75, "high": 0.85}}}
    assert _refused(rule, robust, None) == []
    assert _refused(rule, brittle, None) == ["LG449"]
    assert _refused(rule, {"robustness": {"clean_accuracy": robust}}, None) == ["LG449"]


def _tried(rows: object = 400, queries: object = 1000, **statuses: str) -> dict[str, Any]:
    listed = {"hop-skip-jump": "ran", "boundary": "ran", "square": "ran", **statuses}
    tried = [{"attack": name, "status": status} for name, status in listed.items() if status]
    return {"attacked": {"rows": rows, "queries": queries, "tried": tried}}


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        (_tried(), 0),
        (_tried(zoo="failed: flat"), 0),
        ({"attacked": {"rows": 400, "queries": 1000, "tried": [{"attack": "change", "status": "ran"}]}}, 0),
        (_tried(rows=399), 1),
        (_tried(queries=999), 1),
        (_tried(rows="400"), 1),
        (_tried(queries=True), 1),
        (_tried(square=""), 1),
        (_tried(boundary="failed: no answer"), 1),
        ({"attacked": {"rows": 400, "queries": 1000, "tried": [{"attack": "change", "status": "failed"}]}}, 1),
        ({"attacked": {"rows": 400, "queries": 1000, "tried": "all of them"}}, 1),
        ({"attacked": {"rows": 400, "queries": 1000, "why": "attacking ended with LG398"}}, 1),
        ({"attacked": None}, 3),
        ({}, 3),
    ],
)
def test_how_hard_was_tried_can_be_demanded(said: dict[str, Any], refused: int) -> None:
    """Rows, queries, and each of the default attacks; what nobody stated is refused. Where none asks, nothing is."""
    assert _refused("min_robustness_rows = 400\nmin_robustness_queries = 1000", said, None) == ["LG449"] * refused
    assert _refused("min_robustness_rows = 0", said, None) == []


def test_either_demand_is_one_for_all_default_attacks() -> None:
    """One weak attack on many rows is little; so is one with many queries."""
    for rule in ("min_robustness_rows = 1", "min_robustness_queries = 1"):
        assert _refused(rule, _tried(), None) == []
        assert _refused(rule, _tried(square=""), None) == ["LG449"]
