"""Rows to outputs with onnxruntime, the same for the judge, the parity check and the worker. Runs in the jail.

The session has one thread and no telemetry, optimiser files or custom operator libraries: what it loads are the
bytes it was given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from lockgate.core.table import pack_table
from lockgate.core.wire import Column
from lockgate.runtime.jail.model_error import ModelError
from lockgate.runtime.serving import NULL_TIMESTAMP, Kind, ServingSpec

__all__ = ["Array", "Featuring", "Model", "ModelError", "Outputs", "answer_table", "array_of"]

Array = npt.NDArray[Any]
Featuring = Callable[[Mapping[str, Array]], Mapping[str, Array]]
"""`runtime.jail.features`: columns of a record's fields to those of the features. Raises ModelError."""

_NUMPY = {"float64": "<f8", "int64": "<i8", "bool": "?"}
_ONNX_TYPES = {
    "float64": "tensor(double)",
    "float32": "tensor(float)",
    "int64": "tensor(int64)",
    "string": "tensor(string)",
}
_NUMBERS = {"float64": np.float64, "float32": np.float32, "int64": np.int64}


@dataclass(frozen=True)
class Outputs:
    """What the model says of `n` rows.

    Attributes:
        labels: shape (n,), values of the contract's label; None for regression.
        scores: shape (n, classes), float64; None for regression.
        values: shape (n,), float64; None for classification.
    """

    labels: Array | None
    scores: Array | None
    values: Array | None


class Model:
    """A loaded graph with its serving spec."""

    def __init__(
        self,
        model: bytes,
        spec: ServingSpec,
        *,
        data: memoryview | None = None,
        features: Featuring | None = None,
        threads: int = 1,
    ) -> None:
        """Load `model`, whose tensors lie in `data` where they are not in itself.

        Raises ModelError when it is no ONNX graph, or its inputs and outputs are not the spec's.
        """
        try:
            self._beside, self._session = _loaded(model, data, threads)
        except Exception as error:  # noqa: BLE001 - onnxruntime raises its own kinds, all of them final
            raise ModelError(f"onnxruntime does not load the model: {_first_line(error)}") from None
        self.spec = spec
        self.features = features
        self._places = {str(_key(value)): place for place, value in enumerate(spec.classes or ())}
        self._classes = np.array(spec.classes or (), dtype=object if _are_texts(spec) else None)
        self._check_graph()

    def _check_graph(self) -> None:
        found = {node.name: node.type for node in self._session.get_inputs()}
        wanted = {each.input: _ONNX_TYPES[each.type] for each in self.spec.inputs}
        if found != wanted:
            raise ModelError(f"the model's inputs are {found}, io.json says {wanted}")
        outputs = {node.name for node in self._session.get_outputs()}
        for name in (self.spec.label_output, self.spec.scores_output, self.spec.value_output):
            if name is not None and name not in outputs:
                raise ModelError(f"the model has no output {name!r}")

    def predict(self, columns: Mapping[str, Array]) -> Outputs:
        """Outputs for `columns` (one array per field, as `array_of` or the training frame has them).

        Where io.json knows of features and this model was given none, `columns` are what they made.
        Raises ModelError when the model fails, answers with another shape, or with a number that is not finite.
        """
        rows = len(next(iter(columns.values())))
        given = columns if self.features is None else self.features(columns)
        feeds = {each.input: self._feed(each.fields, each.type, given) for each in self.spec.inputs}
        wanted = [self.spec.value_output] if self.spec.task == "regression" else [self.spec.label_output]
        wanted += [] if self.spec.scores_output is None else [self.spec.scores_output]
        try:
            answers = self._session.run(wanted, feeds)
        except Exception as error:  # noqa: BLE001 - onnxruntime raises its own kinds, all of them final
            raise ModelError(f"the model fails: {_first_line(error)}") from None
        if self.spec.task == "regression":
            return Outputs(None, None, _finite(answers[0], rows, "value").reshape(rows))
        classes = self.spec.classes or ()
        scores = np.asarray(answers[1], dtype=np.float64)
        if len(classes) == 2 and scores.size == rows:
            scores = np.stack([1 - scores.reshape(rows), scores.reshape(rows)], axis=1)
        scores = _finite(scores, rows * len(classes), "scores").reshape(rows, len(classes))
        return Outputs(self._labels(np.asarray(answers[0]), rows), scores, None)

    def _feed(self, fields: tuple[str, ...], kind: str, columns: Mapping[str, Array]) -> Array:
        if kind == "string":
            return np.stack([np.asarray(columns[name], dtype=object) for name in fields], axis=1)
        number = _NUMBERS[kind]
        with np.errstate(over="ignore"):
            return np.stack([np.asarray(columns[name]).astype(number) for name in fields], axis=1)

    def _labels(self, answer: Array, rows: int) -> Array:
        if answer.size != rows:
            raise ModelError(f"the model's label output has {answer.size} values for {rows} rows")
        places = self._places
        try:
            chosen = [places[str(_key(value))] for value in answer.reshape(rows).tolist()]
        except KeyError as error:
            raise ModelError(f"the model answers {error}, which is none of the label's values") from None
        return self._classes[chosen]


def _loaded(model: bytes, data: memoryview | None, threads: int) -> tuple[object, ort.InferenceSession]:
    """The session, and what must live as long as it does. Raises ValueError, and what onnxruntime raises."""

    def options() -> ort.SessionOptions:
        found = ort.SessionOptions()
        found.intra_op_num_threads = threads
        found.inter_op_num_threads = 1
        found.log_severity_level = 4
        found.add_session_config_entry("session.intra_op.allow_spinning", "0")
        return found

    if data is None:
        return None, ort.InferenceSession(model, options(), providers=["CPUExecutionProvider"])
    from lockgate.runtime.jail.external import External

    beside = External(model, data)
    return beside, beside.session(model, options)


def array_of(column: Column, kind: Kind) -> Array:
    """A wire column as `Model.predict` takes it, nulls as io.json's table says."""
    if column.type == "string":
        return np.array(column.values(), dtype=object) if column.nulls is None else _strings(column)
    values: Array = np.frombuffer(column.data, dtype=_NUMPY[column.type])
    if column.nulls is None:
        return values
    null = np.unpackbits(np.frombuffer(column.nulls, np.uint8), bitorder="little")[: column.rows].astype(bool)
    if kind == "timestamp":
        return np.where(null, NULL_TIMESTAMP, values)
    return np.where(null, np.nan, values.astype(np.float64))


def answer_table(spec: ServingSpec, outputs: Outputs) -> tuple[dict[str, Any], bytes]:
    """The worker's answer as a table (`core.table`) of `spec.answer_types`. Raises ModelError."""
    rows = (
        len(outputs.values) if outputs.values is not None else len(outputs.scores) if outputs.scores is not None else 0
    )
    if outputs.values is not None:
        return {"rows": rows, "nulls": [], "texts": []}, outputs.values.astype("<f8").tobytes()
    if outputs.labels is None or outputs.scores is None:
        raise ModelError("no outputs")
    header, labels = pack_table(spec.answer_types[:1], [outputs.labels.tolist()], rows)
    return header, labels + np.ascontiguousarray(outputs.scores.T, "<f8").tobytes()


def _strings(column: Column) -> Array:
    return np.array(["" if value is None else value for value in column.values()], dtype=object)


def _finite(answer: Any, size: int, what: str) -> Array:
    found = np.asarray(answer, dtype=np.float64)
    if found.size != size:
        raise ModelError(f"the model's {what} have {found.size} numbers where {size} are due")
    bad = np.flatnonzero(~np.isfinite(found.reshape(-1)))
    if bad.size:
        raise ModelError(f"the model answers {found.reshape(-1)[bad[0]]} ({bad.size} of {size} {what} are not finite)")
    return found


def _are_texts(spec: ServingSpec) -> bool:
    return bool(spec.classes) and isinstance((spec.classes or ("",))[0], str)


def _key(value: Any) -> Any:
    return int(value) if isinstance(value, bool | int | float) else value


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
