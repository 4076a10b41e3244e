"""train.jail.parity and what the launcher makes of it: a right graph passes, a wrong one is refused with its cause."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from lockgate.core.encoding import encode
from lockgate.core.verdict import Level
from lockgate.errors import Refused
from lockgate.runtime.jail.predict import Model, Outputs
from lockgate.runtime.serving import ServingSpec
from lockgate.train import parity, rules
from lockgate.train.jail import fit, judged_parity
from lockgate.train.jail import parity as asked
from lockgate.train.jail.exporters import scikit_model, steps
from lockgate.train.jail.exporters.base import Answers, Fitted
from lockgate.train.jail.exporters.choose import fitted_of
from lockgate.train.jail.exporters.dumping import dumped
from lockgate.train.jail.exporters.graph import Table
from lockgate.train.jail.frame import Rows
from lockgate.train.jail.in_32_bits import in_32_bits
from lockgate.train.jail.spread import spread
from lockgate.train.spec import Denied

SPLIT = 0.1  # which 32 bits do not hold
WHOLE = 5.0  # which they do


@dataclass
class Tree:
    """An estimator of one split in 64 bits: above `at` it is 90 % sure."""

    at: float
    features: tuple[str, ...] = ("x",)

    def answers(self, data: pd.DataFrame) -> Answers:
        """`x > at`."""
        right = data["x"].to_numpy(float) > self.at
        sure = np.where(right, 0.9, 0.1)
        return Answers(right, np.stack([1 - sure, sure], axis=1), None)


@dataclass
class Graph:
    """Its graph in 32 bits; a wrong one takes the other branch at the split itself."""

    at: float
    wrong: bool = False
    off: float = 0.0

    def predict(self, columns: Mapping[str, Any]) -> Outputs:
        """`x > at`, or `x >= at`."""
        numbers, at = columns["x"].astype(np.float32), np.float32(self.at)
        right = numbers >= at if self.wrong else numbers > at
        sure = np.where(right, 0.9, 0.1) + self.off
        return Outputs(right, np.stack([1 - sure, sure], axis=1), None)


def _rows(numbers: Any) -> Rows:
    data = pd.DataFrame({"x": numbers, "y": np.arange(len(numbers)) % 2 == 0})
    return Rows(data, {"x": "float"}, "y", "bool", ())


def _compared(tree: Tree, graph: Graph, numbers: Any, limit: float = 0.0) -> asked.Compared:
    return asked.compare(cast("Fitted", tree), cast("Model", graph), _rows(numbers), limit)


def _close(at: float, count: int = 400) -> Any:
    """Numbers far from a split, and 40 within a few steps of 64 bits of it."""
    numbers = np.linspace(0, 10, count)
    numbers[:40] = at + np.arange(-20, 20) * np.spacing(at) * 1e6
    return numbers


def test_rows_on_the_other_side_of_a_split_in_32_bits_are_explained() -> None:
    """Where the estimator itself, asked for the number in 32 bits, says what the graph says, no limit is touched."""
    found = _compared(Tree(SPLIT), Graph(SPLIT), _close(SPLIT))
    assert 0 < found.facts["beyond"] == found.facts["explained"] < 40
    asked.judge(found, 0.0)


def test_a_graph_that_takes_the_wrong_branch_at_a_whole_number_is_refused() -> None:
    """32 bits hold the number exactly, so nothing explains it: LG313, with the worst row for the person at work."""
    numbers = np.where(np.arange(400) % 10 == 0, WHOLE, np.linspace(0, 4, 400))
    assert _compared(Tree(WHOLE), Graph(WHOLE), numbers).facts["beyond"] == 0
    found = _compared(Tree(WHOLE), Graph(WHOLE, wrong=True), numbers)
    assert (found.facts["beyond"], found.facts["explained"]) == (40, 0)
    with pytest.raises(Refused, match="in 40 of 400 rows") as raised:
        asked.judge(found, 0.09)
    assert (raised.value.finding, raised.value.seen["record"]) == ("LG313", "{'x': '5.0'}")
    assert "5.0" not in str(found.facts)
    asked.judge(found, 0.1)


def test_a_wrong_conversion_is_refused_with_the_step_that_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exporter of scalers that forgets the mean: LG313 names step and class; the right one passes."""
    numbers = np.linspace(90, 110, 400)
    data = pd.DataFrame({"x": numbers, "z": numbers**2, "y": numbers + np.sin(numbers) * 5 > 100})
    rows = Rows(data, {"x": "float", "z": "float"}, "y", "bool", ())
    model = make_pipeline(StandardScaler(), MinMaxScaler(), LogisticRegression()).fit(data[["x", "z"]], data["y"])
    task = {"task": "auto", "parity": 0.0}
    assert "model.onnx" in fit.finish(model, rows, task)
    right = steps.TRANSFORMS["sklearn.StandardScaler"]

    def forgets(writer: steps.Steps, step: Any, table: Table) -> Table:
        plain = copy.copy(step)
        plain.mean_ = step.mean_ * 0
        return right(writer, plain, table)

    monkeypatch.setitem(steps.TRANSFORMS, "sklearn.StandardScaler", forgets)
    with pytest.raises(Refused, match="step 1 of 3, standardscaler: StandardScaler") as raised:
        fit.finish(model, rows, task)
    assert raised.value.finding == "LG313"


def test_a_right_graph_that_is_another_model_in_32_bits_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What tells the classes apart is lost in 32 bits: each row is explained, and the metric says at what cost.

    Of a graph as it was before inputs had 64 bits; with these, no row differs.
    """
    second = np.arange(400) % 2 == 1
    data = pd.DataFrame({"x": 0.1 + 1e-9 * second, "y": second})
    rows = Rows(data, {"x": "float"}, "y", "bool", ())
    fitted = fitted_of(HistGradientBoostingClassifier(max_iter=3).fit(data[["x"]], data["y"]), rows, "auto")
    assert asked.compare(fitted, asked.loaded(fitted.export()), rows, 0.0).facts["beyond"] == 0
    monkeypatch.setattr(scikit_model, "input_type", lambda _: "float32")
    exported = fitted.export()
    found = asked.compare(fitted, asked.loaded(exported), rows, 0.0)
    asked.judge(found, 0.0)
    assert found.facts["beyond"] == found.facts["explained"] >= 200
    metric = judged_parity.headline_of(exported.spec, data["y"].to_numpy(), found.wanted, found.said, found.beyond)
    assert metric == {"name": "roc_auc", "estimator": 1.0, "graph": 0.5, "change": -0.5, "apart": 0.0}
    with pytest.raises(Refused, match="roc_auc is 1 of the estimator") as raised:
        parity.refuse({**found.facts, "metric": metric}, {}, share=0.0, metric=0.001)
    assert raised.value.finding == "LG383"
    told = parity.many(found.facts)[0]
    assert (told.finding, told.level, told.seen["rows"]) == ("LG383", Level.WARN, 400)
    assert parity.many({**found.facts, "explained": 40}) == ()


def test_an_answer_that_no_neighbour_gives_is_not_explained() -> None:
    """A graph that is off by little everywhere is wrong also where the numbers lie at a split."""
    found = _compared(Tree(SPLIT), Graph(SPLIT, off=0.05), _close(SPLIT), limit=1.0)
    assert found.facts["beyond"] == 400
    assert found.facts["explained"] <= 40


@pytest.mark.parametrize(("sure", "explained"), [(0.3, 0), (0.4999, 400)])
def test_an_answer_between_answers_that_lie_far_apart_is_not_explained(sure: float, explained: int) -> None:
    """A constant is between both sides of every split: that excuses nothing but rounding, among answers all alike."""

    class Steep(Tree):
        def answers(self, data: pd.DataFrame) -> Answers:
            left = data["x"].to_numpy(float) // 128 % 2 == 0
            second = np.where(left, 0.1, 0.9) if sure == 0.3 else 0.4998 + 4e-4 * (~left)
            return Answers(second > 0.5, np.stack([1 - second, second], axis=1), None)

    class Constant(Graph):
        def predict(self, columns: Mapping[str, Any]) -> Outputs:
            second = np.full(len(columns["x"]), sure)
            return Outputs(second > 0.5, np.stack([1 - second, second], axis=1), None)

    found = _compared(Steep(0), Constant(0), 1.7e9 + np.arange(400) * 128.0 + 0.5, limit=1.0)
    assert (found.facts["beyond"], found.facts["explained"]) == (400, explained)


def test_looking_ends_where_the_refusal_is_certain() -> None:
    """Of very many wrong rows only some are asked for again."""
    calls: list[int] = []

    class Counted(Tree):
        def answers(self, data: pd.DataFrame) -> Answers:
            calls.append(len(data))
            return super().answers(data)

    found = _compared(Counted(SPLIT), Graph(SPLIT, off=0.05), np.linspace(0, 10, 40_000) + 1e-9)
    assert found.facts["explained"] == 0
    assert calls[0] == 40_000
    assert sum(calls[1:]) < 40_000


def test_numbers_that_32_bits_hold_stay_as_they_are() -> None:
    """Only what changes in 32 bits is varied, by neighbours of 32 bits; whole numbers, nulls and infinities are not."""
    data = pd.DataFrame({"a": [1.0, 0.1, np.nan, np.inf, 1e300], "b": [1, 2, 3, 4, 2**24 + 1]})
    variants = list(in_32_bits(data, ["a", "b"]))
    for name, varied in (("a", 1), ("b", 4)):
        others = [place for place in range(5) if place != varied]
        for one in variants:
            assert one[name].iloc[others].equals(data[name].iloc[others])
            assert np.float32(one[name].iloc[varied]) == one[name].iloc[varied]
        assert len({one[name].iloc[varied] for one in variants}) > 2
    assert list(in_32_bits(data, [])) == []


class Line(Tree):
    """Says the number itself."""

    def answers(self, data: pd.DataFrame) -> Answers:
        """`x`."""
        return Answers(None, None, data["x"].to_numpy(float))


class LineGraph(Graph):
    """Its graph, a little off."""

    def predict(self, columns: Mapping[str, Any]) -> Outputs:
        """`x + off`."""
        return Outputs(None, None, columns["x"].astype(np.float64) + self.off)


@pytest.mark.parametrize("outlier", [0.5, 1e9, 1e200, -1e200])
def test_regression_is_compared_by_its_spread(outlier: float) -> None:
    """A thousandth of the spread is beyond, a millionth is not, and one answer that lies far out excuses no other."""
    numbers = np.linspace(0, 1, 100)
    numbers[50] = outlier
    for off, beyond in ((1e-6, 0), (1e-3, 99)):
        found = _compared(Line(0), LineGraph(0, off=off), numbers, limit=1.0).facts["beyond"]
        assert found - (outlier == 0.5 and off == 1e-3) == beyond


@pytest.mark.parametrize("numbers", [[np.nan, np.inf], [-1.7e308] * 5 + [1.7e308] * 5])
def test_answers_without_a_spread_are_refused(numbers: list[float]) -> None:
    """A tolerance that is no number would let everything pass."""
    with pytest.raises(Refused, match="cannot be compared") as raised:
        _compared(Line(0), LineGraph(0), np.array(numbers))
    assert raised.value.finding == "LG312"


def test_a_spread_is_not_that_of_the_outliers() -> None:
    """Quartiles; where they are one number, points further out; never the ends. What is not finite does not count."""
    assert spread(np.array([0.0, 1, 2, 3, 1e9])) == 2
    assert spread(np.array([0.0] * 90 + [5.0] * 10)) == 5
    assert spread(np.array([0.0] * 199 + [1e9])) == spread(np.array([3.0])) == 0
    assert spread(np.array([0.0, 1, 2, 3, 4, np.nan, np.inf])) == 2


def test_the_headline_is_the_judges_own() -> None:
    """ROC AUC of two classes, accuracy of several, the mean error of numbers; a change of the error is a part of it."""
    truth = np.array([False, False, True, True])
    scores = np.array([[0.9, 0.1], [0.4, 0.6], [0.6, 0.4], [0.1, 0.9]])
    spec = ServingSpec("binary", "y", (False, True), (), (), "l", "s", None)
    said = Outputs(truth, scores[::-1], None)
    found = judged_parity.headline_of(spec, truth, Answers(truth, scores, None), said, np.arange(4))
    assert found == {"name": "roc_auc", "estimator": 0.75, "graph": 0.25, "change": -0.5, "apart": 0.0}
    numbers = ServingSpec("regression", "y", None, (), (), None, None, "v")
    one, two = np.array([2.0, 0.0]), np.array([3.0, 0.0])
    said = Outputs(None, None, two)
    error = judged_parity.headline_of(numbers, np.zeros(2), Answers(None, None, one), said, np.array([0]))
    assert error == {"name": "mae", "estimator": 1.0, "graph": 1.5, "change": 0.5, "apart": 1.0}


@pytest.mark.parametrize("wrong", ["half of the rows", "each fifth row", "the other sign", "nothing but rounding"])
def test_another_model_of_numbers_is_found_whatever_an_outlier_does_to_the_mean(wrong: str) -> None:
    """One error of a milliard hides 500 in every other row, errors of the other sign have the same size: LG383."""
    spec = ServingSpec("regression", "y", None, (), (), None, None, "v")
    truth = np.arange(2000.0)
    wanted = truth + 5
    wanted[3] = 1e9
    said = {
        "half of the rows": wanted + 500.0 * (np.arange(2000) % 2),
        "each fifth row": wanted + 500.0 * (np.arange(2000) % 5 == 0),
        "the other sign": np.where(truth == 3, wanted, truth - 5),
        "nothing but rounding": wanted + 1e-3 * np.cos(truth),
    }[wrong]
    beyond = np.flatnonzero(np.abs(wanted - said) > 0.1)
    found = judged_parity.headline_of(spec, truth, Answers(None, None, wanted), Outputs(None, None, said), beyond)
    assert abs(found["change"]) <= 0.001
    facts, _ = parity.read(encode({"facts": {**FACTS, "explained": 5, "metric": found}, "record": {}}), 1000)
    if wrong == "nothing but rounding":
        parity.refuse(facts, {}, share=0.0, metric=0.001)
        return
    with pytest.raises(Refused, match="without the outliers") as raised:
        parity.refuse(facts, {}, share=0.0, metric=0.001)
    assert raised.value.finding == "LG383"


FACTS = {
    "rows": 1000,
    "tolerance": 1e-5,
    "beyond": 5,
    "share": 0.005,
    "explained": 3,
    "worst": {"row": 17, "difference": 0.8},
    "metric": {"name": "roc_auc", "estimator": 0.7, "graph": 0.7005, "change": 0.0005, "apart": 0.0},
}


def test_what_the_jail_says_is_read_strictly() -> None:
    """Numbers about these rows and no other key; everything else is refused, so that no text reaches a statement."""
    facts, record = parity.read(encode({"facts": FACTS, "record": {"x": "5.0"}}), 1000)
    assert (facts, record) == (FACTS, {"x": "5.0"})
    hidden = {"worst": {"row": 17, "difference": 0.8000000360521}}
    metric = {**FACTS["metric"], "graph": 0.70050000360521, "change": 3.6}  # type: ignore[dict-item]
    assert parity.read(encode({"facts": {**FACTS, **hidden, "metric": metric}, "record": {}}), 1000)[0] == FACTS
    wrong: tuple[dict[str, Any], ...] = (
        {"rows": 999},
        {"beyond": 2000},
        {"explained": 6},
        {"explained": 3.0},
        {"share": "Ada, 36"},
        {"share": 0.0050360521},
        {"worst": {"row": 17, "difference": 0.8, "record": {"x": "5.0"}}},
        {"worst": {"row": 1000, "difference": 0.8}},
        {"worst": {"row": 17, "difference": -0.8}},
        {"tolerance": 0.36},
        {"metric": {**FACTS["metric"], "graph": 36052.1}},  # type: ignore[dict-item]
        {"metric": {**FACTS["metric"], "apart": 0.36}},  # type: ignore[dict-item]
        {"metric": {**FACTS["metric"], "name": "Ada"}},  # type: ignore[dict-item]
        {"metric": {**FACTS["metric"], "change": None}},  # type: ignore[dict-item]
        {"metric": None},
        {"more": 1},
    )
    for change in wrong:
        with pytest.raises(ValueError, match=r"parity|metric"):
            parity.read(encode({"facts": {**FACTS, **change}, "record": {}}), 1000)


def test_held_out_rows_speak_for_or_against_the_conversion() -> None:
    """Two limits, each with its finding: the share that nothing explains, and the change of the metric."""
    parity.refuse(FACTS, {}, share=0.002, metric=0.001)
    for limits, finding in (
        ({"share": 0.001, "metric": 0.001}, "LG313"),
        ({"share": 0.002, "metric": 0.0001}, "LG383"),
    ):
        with pytest.raises(Refused) as raised:
            parity.refuse(FACTS, {"x": "5.0"}, **limits)
        assert (raised.value.finding, raised.value.seen["record"]) == (finding, {"x": "5.0"})
    worse = {**FACTS, "metric": {"name": "mae", "estimator": 1.0, "graph": 0.9, "change": -0.1, "apart": 0.0}}
    with pytest.raises(Refused, match="mae is 1 of the estimator"):
        parity.refuse(worse, {}, share=1.0, metric=0.05)


def test_an_estimator_is_dumped_within_bounds(tmp_path: Any) -> None:
    """What joblib can save comes back; what it cannot, or is too large, is None and costs no more than the bound."""
    data = dumped({"weights": np.arange(1000)})
    assert data is not None
    (tmp_path / "x").write_bytes(data)
    assert joblib.load(tmp_path / "x")["weights"].sum() == 499_500
    assert dumped(lambda: 0) is None
    assert dumped(np.zeros(1 << 20), most=1 << 20) is None


def test_words_of_code_that_saw_held_out_rows_are_not_signed() -> None:
    """A path may hold a row's values, an order a number: of these attempts only how many and of which kind remain."""
    own = Denied("network", "tracker.example:80", "tracker", "train.py:3")
    seen = tuple(Denied("file", f"/label={row % 2},age={row}", "Ada", f"features.py:{row}") for row in range(30))
    phoned = Denied("network", "age36.example:80", "", "features.py:1")
    signed = rules.recorded((own,), (*seen, own, phoned))
    assert signed == rules.recorded((own,), (phoned, *reversed(seen)))
    assert signed[0] == own
    assert [one.what for one in signed] == ["network", "network", *["file"] * 30]
    assert len(set(signed)) == 3
    assert not {"36", "Ada", "label"} & set(str(signed[1:]).replace("=", " ").split())
    assert rules.recorded((own, own), ()) == (own,)
