"""train.jail.metrics and judge: the numbers are scikit-learn's, the intervals hold what they promise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import metrics as reference

from lockgate.errors import Refused
from lockgate.runtime.jail.predict import Outputs
from lockgate.runtime.serving import ServingSpec, Task
from lockgate.train.jail import judge as judging
from lockgate.train.jail import metrics as ours

DRAW = np.random.default_rng(5)


def _spec(task: Task, classes: tuple[Any, ...] | None) -> ServingSpec:
    return ServingSpec(task, "y", classes, (), (), "l", "s", None)


def test_binary_metrics_are_scikit_learn_s() -> None:
    """AUC with ties, accuracy, log loss and Brier score agree."""
    truth = DRAW.random(500) < 0.3
    score: ours.Floats = np.round(np.clip(DRAW.normal(0.4 + 0.2 * truth, 0.2), 0.01, 0.99), 2).astype(np.float64)
    found = ours.binary(truth.astype(np.int64), (score > 0.5).astype(np.int64), score).values
    assert found["roc_auc"].value == pytest.approx(reference.roc_auc_score(truth, score))
    assert found["accuracy"].value == pytest.approx(np.mean(truth == (score > 0.5)))
    assert found["log_loss"].value == pytest.approx(reference.log_loss(truth, score))
    assert found["brier"].value == pytest.approx(reference.brier_score_loss(truth, score))


def test_delong_covers() -> None:
    """About 95 of 100 intervals hold the true area (normal scores one apart: 0.7602)."""
    draw = np.random.default_rng(1)
    held = 0
    for _ in range(300):
        found = ours.delong(draw.normal(1, 1, 60), draw.normal(0, 1, 80))
        held += (found.low or 0) <= 0.76025 <= (found.high or 0)
    assert 0.9 <= held / 300 <= 0.99


def test_multiclass_and_regression_metrics_are_scikit_learn_s() -> None:
    """Macro F1, log loss, MAE, RMSE and R2 agree, inside their intervals."""
    right = DRAW.integers(0, 3, 400)
    scores = DRAW.dirichlet([1, 1, 1], 400) + np.eye(3)[right] * 0.5
    scores /= scores.sum(axis=1, keepdims=True)
    said = scores.argmax(axis=1)
    found = ours.multiclass(right, said, scores).values
    assert found["macro_f1"].value == pytest.approx(reference.f1_score(right, said, average="macro"))
    assert found["log_loss"].value == pytest.approx(reference.log_loss(right, scores))
    truth = DRAW.normal(0, 5, 400)
    value = truth + DRAW.normal(0, 1, 400)
    number = ours.regression(truth, value).values
    assert number["mae"].value == pytest.approx(reference.mean_absolute_error(truth, value))
    assert number["rmse"].value == pytest.approx(reference.root_mean_squared_error(truth, value))
    assert number["r2"].value == pytest.approx(reference.r2_score(truth, value))
    for interval in (*found.values(), *number.values()):
        assert interval.low is not None
        assert interval.high is not None
        assert interval.low < interval.value < interval.high


def test_what_rows_do_not_allow_is_named() -> None:
    """An AUC of one class and an R2 of a constant are missing, with the reason."""
    ones = np.ones(5, np.int64)
    assert ours.binary(ones, ones, np.full(5, 0.9)).missing == {"roc_auc": "the rows are all of one class"}
    assert "r2" in ours.regression(np.ones(5), np.ones(5)).missing


def test_an_unknown_class_is_refused() -> None:
    """A held-out label that training never saw is told, not counted as wrong."""
    spec = _spec("binary", ("a", "b"))
    outputs = Outputs(np.array(["a"], object), np.array([[0.9, 0.1]]), None)
    assert ours.metrics(spec, np.array(["b"], object), outputs).values["accuracy"].value == 0
    with pytest.raises(ValueError, match="never saw"):
        ours.metrics(spec, np.array(["c"], object), outputs)


def test_the_judge_refuses_fields_it_does_not_have() -> None:
    """A candidate whose io.json asks for another field or label: LG320."""
    import pandas as pd

    from lockgate.runtime.serving import Field, Input
    from lockgate.train.jail.frame import Rows

    class Model:
        spec = ServingSpec(
            "regression", "y", None, (Field("z", "int"),), (Input("z", ("z",), "float32"),), None, None, "v"
        )

    rows = Rows(pd.DataFrame({"x": [1.0], "y": [1.0]}), {"x": "float"}, "y", "float", ())
    with pytest.raises(Refused) as raised:
        judging.judge(Model(), rows)  # type: ignore[arg-type]
    assert raised.value.finding == "LG320"
