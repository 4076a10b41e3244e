"""train.reproduction: what counts as the same model, and who may say so."""

from __future__ import annotations

from typing import Any

import pytest

from lockgate.core.digest import digest_of
from lockgate.core.moments import parse_rfc3339
from lockgate.errors import VerificationFailed
from lockgate.train.reproduction import Outcome, compare, same_files, statement
from lockgate.trust.authority import check_authority

A, B = digest_of(b"a"), digest_of(b"b")
MADE = {"model.onnx": A, "io.json": B}


def _metrics(**values: Any) -> dict[str, Any]:
    return {name: {"value": value, "low": None, "high": None} for name, value in values.items()}


@pytest.mark.parametrize(
    ("recorded", "again", "tolerance", "reproduced", "beyond"),
    [
        ({"roc_auc": 0.8}, {"roc_auc": 0.8}, 0.0, "metrics", ()),
        ({"roc_auc": 0.8}, {"roc_auc": 0.8049}, 0.005, "metrics", ()),
        ({"roc_auc": 0.8}, {"roc_auc": 0.8051}, 0.005, "no", ("roc_auc",)),
        ({"roc_auc": 0.8, "brier": 0.1}, {"roc_auc": 0.8, "brier": 0.2}, 0.005, "no", ("brier",)),
        ({"mae": 1000.0}, {"mae": 1004.0}, 0.005, "metrics", ()),
        ({"mae": 1000.0}, {"mae": 1006.0}, 0.005, "no", ("mae",)),
        ({"rmse": 0.0001}, {"rmse": 0.0002}, 0.005, "no", ("rmse",)),
        ({"roc_auc": 0.8}, {"roc_auc": 0.8, "f1": 0.5}, 1.0, "no", ("f1",)),
        ({"roc_auc": 0.8, "f1": 0.5}, {"roc_auc": 0.8}, 1.0, "no", ("f1",)),
        ({}, {"roc_auc": 0.8}, 1.0, "no", ("roc_auc",)),
        ({"roc_auc": True}, {"roc_auc": 1.0}, 1.0, "no", ("roc_auc",)),
        ({}, {}, 1.0, "no", ()),
    ],
)
def test_metrics_within_the_tolerance_are_the_same(
    recorded: dict[str, Any], again: dict[str, Any], tolerance: float, reproduced: str, beyond: tuple[str, ...]
) -> None:
    """Absolute for shares, a part of the value for errors in the label's unit; a metric that one run lacks differs."""
    outcome = compare(("model.onnx",), _metrics(**recorded), _metrics(**again), tolerance)
    assert (outcome.reproduced, outcome.beyond) == (reproduced, beyond)


def test_equal_bytes_need_no_judge() -> None:
    """Both files must be the same, and both must be there."""
    assert same_files(MADE, MADE) == ()
    assert same_files(MADE, {**MADE, "io.json": A}) == ("io.json",)
    assert same_files({"model.onnx": A}, {"model.onnx": A}) == ("io.json",)
    assert compare((), {}, {}, 0.0) == Outcome("bytes", (), {})


@pytest.mark.parametrize(
    ("reproduced", "result", "passed", "failed"),
    [
        ("bytes", "PASSED", ["bytes"], []),
        ("metrics", "PASSED", ["metrics"], []),
        ("no", "FAILED", [], ["bytes", "metrics"]),
    ],
)
def test_only_the_judge_may_say_it(reproduced: Any, result: str, passed: list[str], failed: list[str]) -> None:
    """The statement is about the recorded files and names both runs; a trainer cannot vouch for itself."""
    found = statement(
        Outcome(reproduced, (), {}),
        made=MADE,
        again=MADE,
        train=A,
        rerun=B,
        judge=None,
        heldout=A,
        tolerance=0.005,
        changed={},
        jails={},
        attempts=0,
        time=parse_rfc3339("2026-11-25T00:00:00Z"),
    )
    said = found.predicate
    assert (found.claim, said["result"], said["passedTests"], said["failedTests"]) == (
        *("reproduce", result),
        *(passed, failed),
    )
    assert (said["train"], said["rerun"], found.is_about(A)) == (A, B, True)
    assert check_authority(found, "judge", ["*"]) is None
    with pytest.raises(VerificationFailed) as raised:
        check_authority(found, "trainer", ["*"])
    assert raised.value.finding == "LG817"
