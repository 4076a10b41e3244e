"""A model worker whose rows or whose model are made to end it: the batch has no answer, and the worker goes on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lockgate.core.table import pack_table
from lockgate.core.wire import MAX_PAYLOAD, Frame, pack
from lockgate.runtime.jail import worker
from lockgate.runtime.jail.predict import ModelError, Outputs
from lockgate.runtime.serving import ClassValue, Field, Input, ServingSpec


class Loaded:
    """A model that answers its first class for each row, or raises."""

    def __init__(self, classes: tuple[ClassValue, ...], error: Exception | None = None) -> None:
        inputs = (Input("X", ("x",), "float32"),)
        fields = (Field("x", "float"),)
        self.spec = ServingSpec("multiclass", "y", classes, fields, inputs, "label", "scores", None)
        self.error = error
        self.asked = 0

    def predict(self, columns: Any) -> Outputs:
        """See Model."""
        self.asked += 1
        if self.error is not None:
            raise self.error
        rows = len(columns["x"])
        classes = self.spec.classes or ()
        return Outputs(np.array(classes[:1] * rows, dtype=object), np.zeros((rows, len(classes))), None)

    def answer(self, rows: int) -> tuple[dict[str, Any], int]:
        """The header that is sent for so many rows, and the length of the payload."""
        header, payload = pack_table(self.spec.field_types, [[1.0] * rows], rows)
        said, answered = worker.answer(self, Frame({"op": "predict", "id": 7, **header}, payload))  # type: ignore[arg-type]
        assert len(pack(said, answered)) > len(answered)
        return said, len(answered)


MANY = tuple(f"c{place}" for place in range(1000))
TEXTS = ("t" * (1 << 20), "a", "b")


@pytest.mark.parametrize(("classes", "fits", "over"), [(MANY, 8300, 8400), (TEXTS, 63, 64), (TEXTS, 1, 100_000)])
def test_answers_above_a_frame_fail_that_batch(classes: tuple[ClassValue, ...], fits: int, over: int) -> None:
    """A thousand scores for many rows, a label of a megabyte: no answer is made of them; fewer rows are answered."""
    model = Loaded(classes)
    said, _ = model.answer(over)
    assert (said["op"], said["id"], model.asked) == ("failed", 7, 0)
    said, size = model.answer(fits)
    assert (said["op"], said["rows"]) == ("answer", fits)
    assert size <= MAX_PAYLOAD


@pytest.mark.parametrize(
    "error", [ModelError("m" * (2 << 20)), ModelError("half \ud800"), ValueError("nan"), MemoryError(), TypeError("x")]
)
def test_whatever_a_model_raises_fails_that_batch(error: Exception) -> None:
    """Its message is cut, and fits a frame; without the error, the same rows are answered."""
    model = Loaded((0, 1, 2), error)
    said, _ = model.answer(3)
    assert (said["op"], said["id"]) == ("failed", 7)
    assert len(said["message"]) <= 1000
    model.error = None
    assert model.answer(3)[0]["op"] == "answer"


def test_a_label_beyond_its_column_fails_that_batch() -> None:
    """A whole number that no column holds."""
    assert Loaded((1 << 70, 1, 2)).answer(2)[0]["op"] == "failed"
