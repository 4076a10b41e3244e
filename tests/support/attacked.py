"""Tiny graphs whose distance to another answer is known, and rows for them to be attacked on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from onnx import TensorProto, helper, numpy_helper

from lockgate.runtime.serving import Field, Input, Kind, ServingSpec
from lockgate.train.jail import frame

ROWS = 150


def threshold(at: float, *, steep: float = 1.0) -> bytes:
    """A graph that says 1 where `x` is above `at`, with the probability of 1 growing with x, by `steep`."""
    weights = np.array([[steep], [0.0]], np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["in", "w"], ["product"]),
            helper.make_node("Add", ["product", "b"], ["logit"]),
            helper.make_node("Sigmoid", ["logit"], ["one"]),
            helper.make_node("Sub", ["unit", "one"], ["zero"]),
            helper.make_node("Concat", ["zero", "one"], ["scores"], axis=1),
            helper.make_node("ArgMax", ["scores"], ["label"], axis=1, keepdims=0),
        ],
        "g",
        [helper.make_tensor_value_info("in", TensorProto.FLOAT, [None, 2])],
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, [None]),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, [None, 2]),
        ],
        [
            numpy_helper.from_array(weights, "w"),
            numpy_helper.from_array(np.array([-steep * at], np.float32), "b"),
            numpy_helper.from_array(np.array([[1.0]], np.float32), "unit"),
        ],
    )
    return _bytes(graph)


def slope(by: float) -> bytes:
    """A graph whose value is `by` times x."""
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["in", "w"], ["value"])],
        "g",
        [helper.make_tensor_value_info("in", TensorProto.FLOAT, [None, 2])],
        [helper.make_tensor_value_info("value", TensorProto.FLOAT, [None, 1])],
        [numpy_helper.from_array(np.array([[by], [0.0]], np.float32), "w")],
    )
    return _bytes(graph)


def _bytes(graph: object) -> bytes:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 9
    return bytes(model.SerializeToString())


def spec(task: str = "binary", fields: tuple[str, str] = ("x", "still")) -> bytes:
    """io.json of these graphs."""
    kinds: tuple[Kind, Kind] = ("float", "float")
    listed = tuple(Field(name, kind) for name, kind in zip(fields, kinds, strict=True))
    binary = task == "binary"
    return ServingSpec(
        task="binary" if binary else "regression",
        label="label",
        classes=(0, 1) if binary else None,
        fields=listed,
        inputs=(Input("in", fields, "float32"),),
        label_output="label" if binary else None,
        scores_output="scores" if binary else None,
        value_output=None if binary else "value",
    ).encode()


def table(task: str = "binary", rows: int = ROWS) -> pa.Table:
    """Rows in two heaps, at x = -1 and x = 1 (so that x has a standard deviation of 1), labelled by their heap.

    A regression's label is x, whose deviation is 1 as well. `town` cannot be moved.
    """
    draw = np.random.default_rng(0)
    sides = np.where(np.arange(rows) % 2, 1.0, -1.0)
    x = sides + draw.uniform(-0.02, 0.02, rows)
    label = (sides > 0).astype(np.int64) if task == "binary" else x
    found = pd.DataFrame({"x": x, "still": draw.normal(size=rows), "town": "Ulm", "label": label})
    return pa.Table.from_pandas(found, preserve_index=False)


def heldout(task: str = "binary", rows: int = ROWS) -> frame.Rows:
    """`table` as a jail reads it."""
    return frame.from_table(table(task, rows), "label")


def lay(folder: Path, monkeypatch: pytest.MonkeyPatch, **models: tuple[bytes, bytes]) -> list[str]:
    """Put models where a jail finds them; returns what their files' names begin with. `candidate` comes first."""
    monkeypatch.setenv("LOCKGATE_ROOT", str(folder))
    (folder / "in").mkdir(exist_ok=True)
    names = ["" if name == "candidate" else f"{name.replace('_', '-')}-" for name in models]
    for prefix, (graph, io) in zip(names, models.values(), strict=True):
        (folder / "in" / f"{prefix}model.onnx").write_bytes(graph)
        (folder / "in" / f"{prefix}io.json").write_bytes(io)
    return names
