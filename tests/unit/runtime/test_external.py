"""runtime.jail.external: tensors beside the graph are used where they are, and from nowhere else."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from lockgate.errors import Unfit
from lockgate.register import formats
from lockgate.runtime import channel, serving, sizes
from lockgate.runtime.jail.external import External, mapped_file
from lockgate.runtime.jail.predict import Model, ModelError
from lockgate.runtime.sizes import DATA
from tests.support.large import graph_of, large_model, placed, whole
from tests.support.project import IO

SPEC = serving.parse(IO)
ROWS = {"a": np.array([1.0, 2.0]), "b": np.array([3.0, 0.5])}


def options() -> ort.SessionOptions:
    """As little said as possible."""
    found = ort.SessionOptions()
    found.log_severity_level = 4
    return found


def test_a_model_with_data_answers_as_the_same_model_without() -> None:
    """The same numbers, from a read-only mapping of sealed memory."""
    model, data = large_model(2.0)
    sealed = channel.seal(data, DATA)
    view = channel.mapped(sealed)
    sealed.close()
    assert view.readonly
    expected = Model(whole(model, data), SPEC).predict(ROWS).values
    found = Model(model, SPEC, data=view).predict(ROWS).values
    assert expected is not None
    assert found is not None
    assert expected.tolist() == found.tolist() == [8.0, 5.0]


def test_tensors_are_not_copied() -> None:
    """What onnxruntime is given lies inside the mapping."""
    size = 1 << 20
    model = graph_of(placed("w", (2, 1), 64), placed("big", (size // 8,), 64 + 8, kind=TensorProto.FLOAT))
    with mmap.mmap(-1, 64 + 8 + size) as data:
        found = External(model, memoryview(data))
        base = np.frombuffer(data, np.uint8).ctypes.data
        places = {name: value.data_ptr() - base for name, value in found._values.items()}
        assert places == {"w": 64, "big": 72}
        del found


def test_loading_a_model_with_data_takes_no_second_copy(tmp_path: Path) -> None:
    """96 MiB of tensors become a session, and this process's own memory stays as it was."""
    size = 24 << 20
    big = placed("w", (2, size // 2), 0)
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["h"]),
            helper.make_node("ReduceSum", ["h"], ["score"], keepdims=1),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, [None, None])],
        [big],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    (tmp_path / DATA).touch()
    os.truncate(tmp_path / DATA, 4 * size)
    beside = mapped_file(tmp_path / DATA)
    assert beside is not None
    before = _anonymous()
    found = External(model.SerializeToString(), beside)
    session = found.session(model.SerializeToString(), options)
    assert [each.name for each in session.get_inputs()] == ["x"]
    assert _anonymous() - before < 24 << 20


def _anonymous() -> int:
    """Bytes of this process's own memory: neither a file's nor shared."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("Anonymous"))


@pytest.mark.parametrize(
    "kind",
    [
        *(TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.BOOL),
        *(TensorProto.INT8, TensorProto.UINT8, TensorProto.INT32, TensorProto.INT64, TensorProto.UINT64),
    ],
)
def test_every_kind_of_number_is_read_as_it_lies(kind: int) -> None:
    """As the onnx library reads the same bytes."""
    element = helper.tensor_dtype_to_np_dtype(kind).itemsize
    data = bytes([1, 0] * 32)[: 4 * element]
    tensor: Any = placed("c", (4,), 0, kind=kind)
    graph = helper.make_graph(
        [helper.make_node("Cast", ["c"], ["y"], to=TensorProto.DOUBLE)],
        "g",
        [],
        [helper.make_tensor_value_info("y", TensorProto.DOUBLE, [4])],
        [tensor],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    inside = onnx.ModelProto.FromString(whole(model.SerializeToString(), data))
    expected = onnx.numpy_helper.to_array(inside.graph.initializer[0]).astype(np.float64)
    session = External(model.SerializeToString(), memoryview(data)).session(model.SerializeToString(), options)
    assert expected.tolist() == session.run(None, {})[0].tolist()


def test_a_tensor_that_is_not_aligned_is_read_all_the_same() -> None:
    """At an odd place, it is copied."""
    data = b"?" + np.array([[2.0], [2.0]], np.float32).tobytes()
    found = Model(graph_of(placed("w", (2, 1), 1)), SPEC, data=memoryview(data)).predict(ROWS).values
    assert found is not None
    assert found.tolist() == [8.0, 5.0]


def test_what_would_be_computed_ahead_of_time_is_computed_when_asked() -> None:
    """An optimization that reads a tensor cannot; then the graph is loaded as it was written, with the same answers."""
    graph = helper.make_graph(
        [helper.make_node("Transpose", ["t"], ["w"], perm=[1, 0]), helper.make_node("MatMul", ["x", "w"], ["score"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, [None, 1])],
        [placed("t", (1, 2), 0)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    data = np.array([[1.0, 10.0]], np.float32).tobytes()
    found = Model(model.SerializeToString(), SPEC, data=memoryview(data)).predict(ROWS).values
    assert found is not None
    assert found.tolist() == [31.0, 7.0]


BAD: dict[str, Callable[[], tuple[bytes, bytes]]] = {
    "another file": lambda: (graph_of(placed("w", (2, 1), 0, file="/etc/passwd")), bytes(8)),
    "above the folder": lambda: (graph_of(placed("w", (2, 1), 0, file=f"../{DATA}")), bytes(8)),
    "beyond the end": lambda: (graph_of(placed("w", (2, 1), 4)), bytes(8)),
    "before the start": lambda: (graph_of(placed("w", (2, 1), -8)), bytes(8)),
    "truncated": lambda: (graph_of(placed("w", (2, 1), 0)), bytes(7)),
    "empty": lambda: (graph_of(placed("w", (2, 1), 0)), b""),
    "twice": lambda: (graph_of(placed("w", (2, 1), 0), placed("w", (2, 1), 0)), bytes(8)),
    "of text": lambda: (graph_of(_of_text()), bytes(8)),
    "nothing in it": lambda: (whole(*large_model()), bytes(8)),
    "no graph": lambda: (b"\xff\xff", bytes(8)),
    "in a node": lambda: (_in_a_node(), bytes(16)),
}


def _of_text() -> object:
    tensor: Any = placed("w", (2, 1), 0)
    tensor.data_type = TensorProto.STRING
    return tensor


def _in_a_node() -> bytes:
    model = onnx.ModelProto.FromString(graph_of(placed("w", (2, 1), 0)))
    model.graph.node.insert(0, helper.make_node("Constant", [], ["k"], value=placed("k", (2, 1), 8)))
    model.graph.node[1].input[1] = "k"
    return bytes(model.SerializeToString())


@pytest.mark.parametrize("what", BAD)
def test_a_tensor_that_is_elsewhere_is_no_model(what: str) -> None:
    """Refused as one that does not load; no file is opened for it."""
    model, data = BAD[what]()
    with pytest.raises(ModelError):
        Model(model, SPEC, data=memoryview(data))


def test_a_model_whose_data_is_missing_does_not_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without data no tensor is found: a file of that name in the working directory is another matter (`jails`)."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError):
        Model(large_model()[0], SPEC)
    assert mapped_file(tmp_path / DATA) is None


def test_limits_are_the_same_everywhere() -> None:
    """What is scanned, trained and served knows one name and one size."""
    assert (formats.DATA, formats.MAX_MODEL_BYTES, formats.MAX_DATA_BYTES) == (DATA, sizes.MAX_MODEL, sizes.MAX_DATA)


def test_a_worker_gets_room_for_its_model() -> None:
    """2 GiB for a small one, as ever; the data once, a large graph several times; never less than for a smaller one."""
    gib = 1 << 30
    assert [2 * gib, 2 * gib, 12 * gib] == [
        sizes.worker_memory(*each) for each in ((0, 0), (1 << 20, 0), (1 << 20, 10 * gib))
    ]
    assert sizes.worker_memory(gib) == 2 * gib + 4 * (gib - (256 << 20))
    with pytest.raises(Unfit) as caught:
        sizes.refuse_too_large("m@1", 0, 10 * gib, 8 * gib)
    assert (caught.value.finding, caught.value.seen["needed"]) == ("LG426", 12 * gib)
    sizes.refuse_too_large("m@1", 0, 10 * gib, 12 * gib)
    sizes.refuse_too_large("m@1", 1 << 20, 0, 1 * gib)


def test_what_is_too_large_is_said_before() -> None:
    """Graph, data, and what may leave the jail."""
    assert sizes.beyond(100, 100, 200) == ""
    assert "[train] out" in sizes.beyond(100, 101, 200)
    assert DATA in sizes.beyond(sizes.MAX_MODEL + 1, 0, 1 << 40)
    assert "at most" in sizes.beyond(0, sizes.MAX_DATA + 1, 1 << 40)
    assert any("1.5 GiB" in line for line in sizes.limits(256 << 20))
