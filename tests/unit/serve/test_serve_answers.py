"""Answers of a model worker: what is handed on, and how it is spelled."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.core.encoding import encode
from lockgate.core.table import pack_table
from lockgate.core.wire import Frame, WireError
from lockgate.runtime.serving import ServingSpec
from lockgate.serve.answers import Reader, class_key
from lockgate.serve.declined import NoAnswer
from tests.support.engines import SPEC, answer_frame

READER = Reader(SPEC)


def test_an_answer_becomes_labels_and_scores() -> None:
    """Scores are keyed by class as JSON spells it."""
    assert READER.read(answer_frame(7, 1), 7, 1) == [{"label": True, "scores": {"false": 0.25, "true": 0.75}}]
    assert [class_key(name) for name in ("a", 3, True)] == ["a", "3", "true"]


@pytest.mark.parametrize(
    "frame",
    [
        answer_frame(8, 1),
        answer_frame(7, 2),
        answer_frame(7, 0),
        answer_frame(7, 1, rows=2),
        answer_frame(7, 1, nulls=[0]),
        answer_frame(7, 1, texts=[1]),
        answer_frame(7, 1, label=[None]),
        answer_frame(7, 1, **{"score.1": [None]}),
        Frame({"op": "ready", "id": 7}),
        Frame({"op": "answer", "id": 7}),
        Frame({}),
    ],
)
def test_an_answer_out_of_form_is_no_answer(frame: Frame) -> None:
    """Another number, other rows, other columns, nulls: the worker is not trusted to have meant this question."""
    with pytest.raises(WireError):
        READER.read(frame, 7, 1)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_json_cannot_say_are_no_answer(number: float) -> None:
    """A worker's NaN never reaches a client; huge ones whose sum overflows do."""
    with pytest.raises(NoAnswer):
        READER.read(answer_frame(7, 2, **{"label": [True] * 2, "score.0": [number, 1], "score.1": [0, 0]}), 7, 2)
    huge = answer_frame(7, 2, **{"label": [True] * 2, "score.0": [1e308, 1e308], "score.1": [0.0, 0.0]})
    assert [row["scores"]["false"] for row in READER.read(huge, 7, 2)] == [1e308, 1e308]


def test_a_label_that_is_not_declared_is_no_answer() -> None:
    """Nothing is handed on but the contract's classes."""
    spec = dataclasses.replace(SPEC, task="multiclass", classes=("a", "b", "c"))
    reader = Reader(spec)
    for label, good in (("b", True), ("z", False)):
        header, payload = pack_table(spec.answer_types, [[label], [0.1], [0.2], [0.7]], 1)
        frame = Frame({"op": "answer", "id": 1, **header}, payload)
        if good:
            assert reader.read(frame, 1, 1)[0]["label"] == "b"
        else:
            with pytest.raises(NoAnswer):
                reader.read(frame, 1, 1)


CLASSES: list[Any] = [(False, True), (3, 1, 2), ("b", "a{0}", 'c"é'), ("{", "}", "%s")]
FLOATS = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize("classes", CLASSES)
@given(data=st.data())
def test_the_quick_spelling_is_the_exact_one(classes: tuple[Any, ...], data: st.DataObject) -> None:
    """What the log commits to can be made again from the answer by anybody who has `core.encoding`'s rules."""
    task: Any = "binary" if len(classes) == 2 else "multiclass"
    reader = Reader(dataclasses.replace(SPEC, task=task, classes=classes))
    scores = {class_key(name): data.draw(FLOATS) for name in classes}
    prediction = {"label": data.draw(st.sampled_from(classes)), "scores": scores}
    assert encode(prediction) == reader.encode(prediction)


@given(FLOATS)
def test_the_quick_spelling_of_a_value_is_the_exact_one(value: float) -> None:
    """The same for regression."""
    spec = ServingSpec("regression", "y", None, SPEC.fields, SPEC.inputs, None, None, "value")
    assert encode({"value": value}) == Reader(spec).encode({"value": value})
