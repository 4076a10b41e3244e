"""monitor.making, joint, judged, outputs: what is watched, what is not and why, and what a model's answers say."""

from __future__ import annotations

import numpy as np
import pytest

from lockgate.monitor import judged, making
from lockgate.monitor import plan as plan_of
from lockgate.monitor.binning import Binner, counted
from lockgate.monitor.joint import MOST_PAIRS, PROJECTIONS
from lockgate.monitor.making import Wanted, make
from lockgate.monitor.outputs import estimated_accuracy, from_outputs, from_predictions, losses
from lockgate.monitor.plan import Plan, parse_plan
from lockgate.monitor.values import Array


def _columns(rows: int = 3000) -> dict[str, Array]:
    draw = np.random.default_rng(1)
    shared = draw.normal(size=rows)
    return {
        "a": shared + draw.normal(size=rows),
        "b": -shared + draw.normal(size=rows),
        "c": draw.normal(size=rows),
        "row": np.arange(rows, dtype=np.float64),
        "name": np.array([f"person {number}" for number in range(rows)], object),
        "when": np.arange(rows),
        "word": draw.choice(np.array(["x", "y", "z"], object), rows),
    }


KINDS = {
    **dict.fromkeys(("a", "b", "c"), "float"),
    "row": "int",
    "name": "string",
    "when": "timestamp",
    "word": "string",
    "nested": "other",
}


def test_each_field_is_watched_or_said_not_to_be() -> None:
    """Numbers of rows, texts of their own, moments, nested values, what a person leaves out: each with its reason."""
    plan = make(_columns(), KINDS, seed=4, wanted=Wanted(unwatched={"c": "lockgate.toml leaves it out"}))
    fields = [stream.name for stream in plan.streams if stream.kind in ("number", "category")]
    assert fields == ["a", "b", "word"]
    assert [*plan.unwatched] == ["c", "row", "name", "when", "nested"]
    assert "a moment" in plan.unwatched["when"]
    assert (plan.rows, plan.pilot) == (2700, 300)
    assert all(sum(one.balls) == 2701 for stream in plan.streams for one in stream.cuts)
    assert "person" not in plan.encode().decode()
    assert parse_plan(plan.encode()) == plan


def test_fields_are_watched_together() -> None:
    """Each with the one that it goes with most; and sums with signs, of three fields or more."""
    columns = {name: column for name, column in _columns().items() if name in "abc"}
    plan = make(columns, dict.fromkeys("abc", "float"), seed=4)
    assert ("a", "b") in [stream.of for stream in plan.streams if stream.kind == "pair"]
    assert sum(stream.kind == "projection" for stream in plan.streams) == PROJECTIONS
    assert {*plan.ranks} == {*"abc"}
    two = make({"a": columns["a"], "b": columns["b"]}, {"a": "float", "b": "float"}, seed=4)
    assert [stream.kind for stream in two.streams] == ["number", "number", "pair"]
    alone = make({"a": columns["a"]}, {"a": "float"}, seed=4)
    assert ([stream.kind for stream in alone.streams], dict(alone.ranks)) == (["number"], {})


def test_a_correlation_that_turns_is_seen_by_the_pair_alone() -> None:
    """Both fields stay what they were; their product does not."""
    columns = {name: column for name, column in _columns(20_000).items() if name in "ab"}
    plan = make(columns, {"a": "float", "b": "float"}, seed=4)
    later = {"a": columns["a"], "b": -columns["b"]}
    bins, _ = Binner(plan, np.random.default_rng(2)).bins(later)
    found = {stream.name: np.bincount(bins[:, place], minlength=16) for place, stream in enumerate(plan.streams)}
    balls = {stream.name: np.array(stream.cuts[0].balls) / plan.rows for stream in plan.streams}
    moved = {name: float(np.abs(found[name] / 20_000 - balls[name]).sum()) for name in found}
    pair = next(stream.name for stream in plan.streams if stream.kind == "pair")
    assert moved["a"] < 0.05
    assert moved["b"] < 0.05
    assert moved[pair] > 0.2


def test_a_field_may_be_called_as_a_projection_is() -> None:
    """Its stream keeps the name, the other gets another."""
    columns = dict(zip(("projection 1", "b", "c"), [_columns()[name] for name in "abc"], strict=True))
    plan = make(columns, dict.fromkeys(columns, "float"), seed=4)
    assert [stream.kind for stream in plan.streams if stream.name == "projection 1"] == ["number"]
    assert "projection 1 (joint)" in [stream.name for stream in plan.streams]


def test_many_fields_have_so_many_pairs() -> None:
    """No more than MOST_PAIRS, however many fields; and the same plan for the same seed, another for another."""
    draw = np.random.default_rng(3)
    columns = {f"f{number}": draw.normal(size=1000) for number in range(80)}
    kinds = dict.fromkeys(columns, "float")
    plan = make(columns, kinds, seed=4)
    assert sum(stream.kind == "pair" for stream in plan.streams) == MOST_PAIRS
    assert make(columns, kinds, seed=4) == plan
    assert make(columns, kinds, seed=5) != plan


def test_with_too_few_rows_nothing_is_watched() -> None:
    """One fewer than LEAST_ROWS gives a plan without streams; LEAST_ROWS give one with them."""
    columns = _columns(making.LEAST_ROWS)
    assert make({name: column[1:] for name, column in columns.items()}, KINDS, seed=1) == Plan((), 0, 0)
    assert make(columns, KINDS, seed=1).rows == making.LEAST_ROWS - making.LEAST_PILOT


CLASSES = ("no", "yes")


def _answers(rows: int = 4000, shift: float = 0.0) -> tuple[dict[str, Array], Array, Array]:
    draw = np.random.default_rng((2, int(shift * 10)))
    odds = draw.normal(size=rows) * 2 / (1 + shift)
    positive = 1 / (1 + np.exp(-odds))
    labels = np.array(CLASSES, object)[(positive > 0.5).astype(int)]
    truth = np.array(CLASSES, object)[(draw.random(rows) < positive).astype(int)]
    scores = np.stack([1 - positive, positive], axis=1)
    return from_outputs("binary", labels, scores, None), labels, truth


def test_the_gateway_and_the_judge_see_the_same_answers() -> None:
    """Of a class, its margin and its log-odds; of a number, itself: from answers as from outputs."""
    scores = np.array([[0.2, 0.8], [1.0, 0.0]])
    labels = np.array(["yes", "no"], object)
    told = [
        {"label": label, "scores": dict(zip(CLASSES, row, strict=True))}
        for label, row in zip(labels.tolist(), scores.tolist(), strict=True)
    ]
    one, other = from_predictions("binary", CLASSES, told), from_outputs("binary", labels, scores, None)
    assert {name: column.tolist() for name, column in one.items()} == {
        "class": ["yes", "no"],
        "margin": [1.3863, 16.1181],
        "confidence": [1.3863, -16.1181],
    }
    assert all((one[name] == other[name]).all() for name in one)
    three = from_outputs("multiclass", np.array([1]), np.array([[0.2, 0.7, 0.1]]), None)
    assert (three["margin"].tolist(), three["confidence"].tolist()) == ([1.2528], [0.8473])
    values = [3.0000001, -0.5, 0.0]
    numbers = from_predictions("regression", None, [{"value": value} for value in values])
    assert numbers["value"].tolist() == [3.0, -0.5, 0.0]
    assert (from_outputs("regression", None, None, np.array(values))["value"] == numbers["value"]).all()


def test_a_loss_is_an_error_or_its_size() -> None:
    """Wrong is 1 and right is 0, whatever a label is; of numbers the difference, rounded as they are."""
    assert losses("binary", [True, "a", 2], [True, "b", 2]).tolist() == [0, 1, 0]
    assert losses("regression", [1.5, 2, 3.0000001], [1, 4, 0]).tolist() == [0.5, 2, 3]


def test_the_accuracy_is_estimated_without_labels() -> None:
    """On rows like the held-out ones it is theirs; on rows of which the model is less sure it is less."""
    columns, labels, truth = _answers()
    plan = judged.make(columns, "binary", losses("binary", labels.tolist(), truth.tolist()), seed=1)
    assert [stream.name for stream in plan.streams] == ["class", "margin", "confidence", "loss"]
    assert plan.about["rows"] == 4000
    assert 0.7 < plan.about["accuracy"] < 0.9

    def estimated(shift: float) -> float:
        bins, strata = Binner(plan, np.random.default_rng(3)).bins(_answers(shift=shift)[0])
        totals = {stratum: counts for stratum, place, counts in counted(plan, bins, strata) if place == 1}
        return estimated_accuracy(plan, totals) or 0

    assert estimated(0) == pytest.approx(plan.about["accuracy"], abs=0.05)
    assert estimated(1.0) < plan.about["accuracy"] - 0.05
    assert estimated_accuracy(plan, {}) is None
    assert estimated_accuracy(plan, {7: [1, 2]}) is None


def test_of_numbers_there_is_no_accuracy() -> None:
    """A regression's value and error are watched; too few rows give no streams."""
    draw = np.random.default_rng(5)
    columns = from_outputs("regression", None, None, draw.normal(size=1000))
    plan = judged.make(columns, "regression", np.abs(draw.normal(size=1000)), seed=1)
    assert ([stream.name for stream in plan.streams], dict(plan.about)) == (["value", "loss"], {})
    few = {name: column[:399] for name, column in columns.items()}
    assert judged.make(few, "regression", np.zeros(399), seed=1).streams == ()


def test_a_long_text_is_no_known_category() -> None:
    """A sentence that came twice may say more of a person than a plan should; what is as long as allowed is known."""
    texts = [length * sign for length, sign in ((plan_of.LONGEST_TEXT, "x"), (plan_of.LONGEST_TEXT + 1, "y"))]
    assert making.category("a", "category", ("a",), np.array(texts * 2, object)).categories == (texts[0],)


def test_there_are_no_more_streams_than_a_plan_can_have(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fields after the last one that has room are named; and strata are fewer, where streams are many."""
    columns = {name: column for name, column in _columns().items() if name in "abc"}
    monkeypatch.setattr(making, "MOST_STREAMS", MOST_PAIRS + PROJECTIONS + 2)
    plan = make(columns, dict.fromkeys("abc", "float"), seed=4)
    assert dict(plan.unwatched) == {"c": "there are too many fields"}
    sites = {**columns, "site": np.repeat(np.array([*"123456"], object), 500)}
    wanted = Wanted(("site",), "", "site")
    kinds = {**dict.fromkeys("ab", "float"), "site": "string"}
    assert len(make(sites, kinds, seed=4, wanted=wanted).strata.names) == 6
    monkeypatch.setattr(making, "MOST_CUT", 9)
    assert len(make(sites, kinds, seed=4, wanted=wanted).strata.names) == 3
