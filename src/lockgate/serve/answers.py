"""The model worker's frame to predictions, and predictions to bytes. The worker is not trusted. Pure.

Nothing is handed on but declared labels and finite numbers.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from lockgate.core.encoding import encode
from lockgate.core.table import unpack_table
from lockgate.core.wire import Frame, WireError
from lockgate.runtime.serving import ServingSpec
from lockgate.serve.declined import NoAnswer

Prediction = Mapping[str, Any]


class Reader:
    """Reads the answers of one model."""

    def __init__(self, spec: ServingSpec) -> None:
        self._spec = spec
        classes = spec.classes or ()
        self._keys = [class_key(name) for name in classes]
        self._labels = {name: json.dumps(name, ensure_ascii=False) for name in classes}
        order = sorted(range(len(classes)), key=lambda place: self._keys[place])
        self._form = ",".join(f"{_literal(self._keys[place])}:{{{place}!r}}" for place in order)

    def read(self, frame: Frame, number: int, rows: int) -> list[Prediction]:
        """One prediction per row.

        Raises:
            WireError: the frame is not an answer to this question; the link cannot be trusted any further.
            NoAnswer: the model failed, or gave a label that is not declared or a number that is not finite.
        """
        op = frame.header.get("op")
        if frame.header.get("id") != number or op not in ("answer", "failed"):
            raise WireError("not an answer to this question")
        if op == "failed":
            raise NoAnswer("the model failed on this batch")
        columns = unpack_table(self._spec.answer_types, frame.header, frame.payload, max_rows=rows)
        if frame.header["rows"] != rows or frame.header["nulls"]:
            raise WireError("the answer does not have one whole row for each that was asked")
        values = [column.values() for column in columns]
        for numbers in values if self._spec.task == "regression" else values[1:]:
            if not math.isfinite(sum(map(abs, numbers))) and not all(map(math.isfinite, numbers)):
                raise NoAnswer("the model gave a number that is not finite")
        if self._spec.task == "regression":
            return [{"value": value} for value in values[0]]
        labels = values[0]
        if not self._labels.keys() >= set(labels):
            raise NoAnswer("the model gave a label that is not declared")
        keys = self._keys
        return [
            {"label": label, "scores": dict(zip(keys, row, strict=True))}
            for label, row in zip(labels, zip(*values[1:], strict=True), strict=True)
        ]

    def encode(self, prediction: Prediction) -> bytes:
        """A prediction in the exact encoding (`core.encoding`), without a general encoder's detours.

        It is one of `read`, or what an output policy has left of it: whatever has another form goes the general way.
        """
        if "value" in prediction:
            return b'{"value":%b}' % repr(prediction["value"]).encode()
        scores = prediction.get("scores")
        if scores is None or len(scores) != len(self._keys):
            return encode(dict(prediction))
        spelled = self._form.format(*scores.values())
        return f'{{"label":{self._labels[prediction["label"]]},"scores":{{{spelled}}}}}'.encode()


def class_key(name: Any) -> str:
    """A class as key of `scores`: a string as it is, numbers and booleans as JSON spells them."""
    return name if isinstance(name, str) else json.dumps(name)


def _literal(key: str) -> str:
    return json.dumps(key, ensure_ascii=False).replace("{", "{{").replace("}", "}}")
