"""Models with tensors beside the graph: tiny ones for every run, one above 2 GiB for the long one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from lockgate.runtime.sizes import DATA


def placed(name: str, dims: Sequence[int], offset: int, *, kind: int = TensorProto.FLOAT, file: str = DATA) -> Any:
    """A tensor that lies in `file`."""
    tensor = TensorProto(name=name, data_type=kind, dims=dims, data_location=TensorProto.EXTERNAL)
    size = int(np.prod(dims)) * np.dtype(helper.tensor_dtype_to_np_dtype(kind)).itemsize
    for key, value in (("location", file), ("offset", offset), ("length", size)):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, str(value)
    return tensor


def graph_of(*initializers: Any) -> bytes:
    """The tiny model of `tests.support.project`, `score = x w`, with these tensors."""
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["score"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, [None, 1])],
        list(initializers),
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 9
    return bytes(model.SerializeToString())


def large_model(weight: float = 1.0) -> tuple[bytes, bytes]:
    """model.onnx and model.onnx.data of that model."""
    return graph_of(placed("w", (2, 1), 0)), np.full((2, 1), weight, np.float32).tobytes()


def whole(model: bytes, data: bytes) -> bytes:
    """The same model with all tensors in the graph."""
    found = onnx.ModelProto.FromString(model)
    for tensor in found.graph.initializer:
        said = {entry.key: int(entry.value) for entry in tensor.external_data if entry.key != "location"}
        tensor.raw_data = data[said["offset"] : said["offset"] + said["length"]]
        del tensor.external_data[:]
        tensor.ClearField("data_location")
    return bytes(found.SerializeToString())


def split(model: bytes) -> tuple[bytes, bytes]:
    """A model whose tensors are in the graph, with all of them beside it."""
    found, data = onnx.ModelProto.FromString(model), b""
    for tensor in found.graph.initializer:
        raw = onnx.numpy_helper.to_array(tensor).tobytes()
        moved = placed(tensor.name, tensor.dims, len(data), kind=tensor.data_type)
        tensor.CopyFrom(moved)
        data += raw
    return bytes(found.SerializeToString()), data


def matrices(folder: Path, size: int, count: int) -> tuple[Path, Path]:
    """`count` square matrices of `size`, one after the other, on disk: `score` is the sum of the last product."""
    nodes = [helper.make_node("MatMul", ["x", "first"], ["h0"])]
    nodes += [helper.make_node("MatMul", [f"h{at}", f"w{at}"], [f"h{at + 1}"]) for at in range(count)]
    nodes.append(helper.make_node("ReduceMean", [f"h{count}"], ["score"], keepdims=1, axes=[1]))
    tensors = [placed("first", (2, size), 0)]
    start = 2 * size * 4
    tensors += [placed(f"w{at}", (size, size), start + at * size * size * 4) for at in range(count)]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, [None, 1])],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    path, beside = folder / "model.onnx", folder / DATA
    path.write_bytes(model.SerializeToString())
    with beside.open("wb") as file:
        file.write(np.ones((2, size), np.float32).tobytes())
        for _ in range(count):
            file.write(np.eye(size, dtype=np.float32).tobytes())
    return path, beside
