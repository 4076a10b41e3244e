"""train.jail.convert: what a script's own graph answers is told by its outputs, or it is refused by name."""

from __future__ import annotations

from typing import Any

import onnx
import pyarrow as pa
import pytest
from onnx import TensorProto as T
from onnx import helper

from lockgate.errors import Refused
from lockgate.runtime import serving
from lockgate.train.jail import convert, frame
from tests.support.training import rows

Output = tuple[str, int, list[int | None]]
LABEL: Output = ("label", T.INT64, [None])
MATRIX: Output = ("scores", T.FLOAT, [None, 2])
COLUMN: Output = ("scores", T.FLOAT, [None, 1])
MORE: Output = ("more", T.FLOAT, [None, 1])


def _rows(label: str) -> frame.Rows:
    table = rows()
    table["bit"] = table["late"].astype(int)
    return frame.from_table(pa.Table.from_pandas(table[["age", "sunny", label]], preserve_index=False), label)


def _graph(*outputs: Output) -> bytes:
    """X of two numbers: their softmax, or their sum, and which is larger."""
    nodes = []
    for name, kind, shape in outputs:
        if kind == T.INT64:
            nodes.append(helper.make_node("ArgMax", ["X"], [name], axis=1, keepdims=0))
        elif kind == T.STRING:
            nodes.append(helper.make_node("Cast", ["X"], [name], to=T.STRING))
        elif shape[-1] == 1:
            nodes.append(helper.make_node("ReduceMean", ["X"], [name], axes=[1], keepdims=1))
        else:
            nodes.append(helper.make_node("Softmax", ["X"], [name], axis=1))
    given = [helper.make_tensor_value_info("X", T.FLOAT, [None, 2])]
    answers = [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in outputs]
    graph = helper.make_graph(nodes, "script", given, answers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


@pytest.mark.parametrize(
    ("label", "outputs", "task"),
    [
        ("late", (LABEL, MATRIX), "binary"),
        ("delay", (COLUMN,), "regression"),
        ("bit", (LABEL, MATRIX), "binary"),
    ],
)
def test_outputs_tell_what_is_answered(label: str, outputs: Any, task: str) -> None:
    """A label and its probabilities, or a number."""
    files = convert.described(_graph(*outputs), None, _rows(label), "auto")
    assert serving.parse(files["io.json"]).task == task


@pytest.mark.parametrize(
    ("label", "outputs", "declared", "finding", "words"),
    [
        ("late", (COLUMN,), "auto", "LG312", "one output, and the label 'late' has classes"),
        ("late", (COLUMN,), "regression", "LG312", "one output, and the label 'late' has classes"),
        ("kind", (MATRIX,), "auto", "LG312", "one output, and the label 'kind' has classes"),
        ("late", (MATRIX,), "binary", "LG312", "one output"),
        ("bit", (COLUMN,), "auto", "LG312", "it may be a number or a class"),
        ("delay", (MATRIX,), "auto", "LG312", "no number for each row"),
        ("delay", (LABEL,), "auto", "LG312", "no number for each row"),
        ("late", (MATRIX, LABEL), "auto", "LG312", "answers tensor(float), then tensor(int64)"),
        ("late", (LABEL, MATRIX, MORE), "auto", "LG312", "has 3 outputs"),
        ("late", (LABEL, MATRIX), "regression", "LG311", "regression was declared"),
    ],
)
def test_a_classifier_is_never_taken_for_a_number(
    label: str, outputs: Any, declared: str, finding: str, words: str
) -> None:
    """What two outputs are needed for is not guessed from one."""
    with pytest.raises(Refused) as raised:
        convert.described(_graph(*outputs), None, _rows(label), declared)
    assert (raised.value.finding, words in raised.value.message) == (finding, True), raised.value.message
    assert raised.value.next


def test_probabilities_as_maps_are_refused_by_name() -> None:
    """What skl2onnx writes unless it is told otherwise."""
    model = onnx.load_model_from_string(_graph(LABEL, MATRIX))
    model.graph.output.pop()
    model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 3))
    model.graph.node.append(
        helper.make_node("ZipMap", ["scores"], ["maps"], domain="ai.onnx.ml", classlabels_int64s=[0, 1])
    )
    kind = helper.make_sequence_type_proto(
        helper.make_map_type_proto(T.INT64, helper.make_tensor_type_proto(T.FLOAT, []))
    )
    model.graph.output.append(helper.make_value_info("maps", kind))
    with pytest.raises(Refused, match=r"seq\(map") as raised:
        convert.described(model.SerializeToString(), None, _rows("late"), "auto")
    assert (raised.value.finding, "zipmap" in raised.value.next) == ("LG312", True)
