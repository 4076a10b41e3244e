"""serve.output: what is left of a prediction, and that nothing beyond it is told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.core.encoding import encode
from lockgate.serve.output import ABSTAINED, margin, shape, shaper
from lockgate.serve.spec import OutputRule

GIVEN = {"label": "b", "scores": {"a": 0.12345, "b": 0.61728, "c": 0.25927}}
NUMBER = {"value": 41.98765}

scores = st.fixed_dictionaries({name: st.sampled_from([0.0, 0.1, 0.2, 0.25, 0.3, 0.5]) for name in "abc"})
predictions = st.fixed_dictionaries({"label": st.sampled_from("abc"), "scores": scores})


@pytest.mark.parametrize(
    ("rule", "left"),
    [
        (OutputRule("rounded", digits=2), {"label": "b", "scores": {"a": 0.12, "b": 0.62, "c": 0.26}}),
        (OutputRule("rounded", digits=0), {"label": "b", "scores": {"a": 0.0, "b": 1.0, "c": 0.0}}),
        (OutputRule("top", top=2), {"label": "b", "scores": {"b": 0.61728, "c": 0.25927}}),
        (OutputRule("top", top=9), GIVEN),
        (OutputRule("label"), {"label": "b"}),
        (OutputRule(abstain_below=0.3), GIVEN),
        (OutputRule(abstain_below=0.4), {"label": None, "abstained": True}),
        (OutputRule("label", abstain_below=0.4), {"label": None, "abstained": True}),
    ],
)
def test_what_is_left_of_scores(rule: OutputRule, left: dict[str, Any]) -> None:
    """Exactly this, and the prediction itself is not changed."""
    before = encode(GIVEN)
    assert left == shape(GIVEN, rule, "multiclass")
    assert encode(GIVEN) == before


@pytest.mark.parametrize("scores", ["rounded", "top", "label"])
def test_a_number_is_rounded(scores: Any) -> None:
    """Regression has neither label nor margin: everything but `full` rounds, and abstaining is not there."""
    assert shape(NUMBER, OutputRule(scores, digits=1, abstain_below=1.0), "regression") == {"value": 42.0}
    assert shape({"value": -0.04}, OutputRule(scores, digits=1), "regression")["value"].hex() == (0.0).hex()
    assert shape(NUMBER, OutputRule(abstain_below=1.0), "regression") is NUMBER


def test_full_costs_nothing() -> None:
    """The very object comes back, and whoever asks beforehand learns that there is nothing to call."""
    assert shape(GIVEN, OutputRule(), "multiclass") is GIVEN
    assert shaper(OutputRule(), "binary") is None
    assert shaper(OutputRule(), "regression") is None


def test_of_equal_scores_the_first_class_is_kept() -> None:
    """The same answer to the same scores, always."""
    given = {"label": "a", "scores": {"a": 0.25, "b": 0.25, "c": 0.25, "d": 0.25}}
    assert shape(given, OutputRule("top", top=2), "multiclass") == {"label": "a", "scores": {"a": 0.25, "b": 0.25}}


def test_the_margin_is_between_the_two_best() -> None:
    """Wherever they stand; a margin that is met exactly is enough."""
    assert margin({"a": 0.5, "b": 0.25, "c": 0.25}) == 0.25
    assert margin({"a": 0.25, "b": 0.5, "c": 0.5}) == 0.0
    given = {"label": True, "scores": {"false": 0.25, "true": 0.75}}
    assert shape(given, OutputRule(abstain_below=0.5), "binary") is given


@given(predictions, predictions)
def test_a_label_alone_is_a_function_of_the_label(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Whatever the scores are, the same label is answered in the same bytes."""
    rule = OutputRule("label")
    answers = [encode(shape(each, rule, "multiclass")) for each in (one, other)]
    assert (answers[0] == answers[1]) == (one["label"] == other["label"])


@given(predictions, predictions, st.integers(0, 2))
def test_rounded_tells_nothing_below_its_digits(one: dict[str, Any], other: dict[str, Any], digits: int) -> None:
    """Two predictions whose scores round to the same are one."""
    rule = OutputRule("rounded", digits=digits)
    same = one["label"] == other["label"] and all(
        f"{one['scores'][name]:.{digits}f}" == f"{other['scores'][name]:.{digits}f}" for name in "abc"
    )
    answers = [encode(shape(each, rule, "multiclass")) for each in (one, other)]
    assert (answers[0] == answers[1]) == same


@given(predictions, st.integers(1, 3))
def test_top_tells_nothing_of_the_rest(given_: dict[str, Any], top: int) -> None:
    """Scores that are not among the best can be anything below them."""
    rule = OutputRule("top", top=top)
    answer = shape(given_, rule, "multiclass")
    assert len(answer["scores"]) == top
    lowered = {name: score if name in answer["scores"] else -1.0 for name, score in given_["scores"].items()}
    assert encode(answer) == encode(shape({**given_, "scores": lowered}, rule, "multiclass"))


@given(predictions, st.sampled_from(["full", "rounded", "top", "label"]))
def test_abstaining_is_one_answer(given_: dict[str, Any], scores: Any) -> None:
    """Neither label nor score nor margin are told."""
    answer = shape(given_, OutputRule(scores, abstain_below=1.0), "multiclass")
    assert answer == ABSTAINED == {"label": None, "abstained": True}
