"""Writes an ONNX graph node by node, in 64-bit numbers: what scikit-learn computes, to the last bits. Runs in the jail.

Inputs are 64-bit (io.json): a threshold or a scaled value is compared as the estimator compares it, with the number
that the record holds (docs/adr/0086). Operators: ai.onnx 19, ai.onnx.ml 5, and what is embedded from elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET, ML_OPSET, IR = 19, 5, 9
ML = "ai.onnx.ml"
TENSORS = {
    "float64": TensorProto.DOUBLE,
    "float32": TensorProto.FLOAT,
    "int64": TensorProto.INT64,
    "string": TensorProto.STRING,
}
DOUBLE, FLOAT, INT64, STRING = TensorProto.DOUBLE, TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING

Value = str | float | int | list[int] | npt.NDArray[Any]
"""The name of a tensor, or a constant: floats become float64, integers int64."""


class Graph:
    """Nodes and constants in the making."""

    def __init__(self, within: str = "") -> None:
        """Empty. A graph `within` a node of another has its name before its own: names are distinct through all."""
        self._within = within
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}
        self._held: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._count = 0

    def name(self, stem: str) -> str:
        """A name that nothing else has."""
        self._count += 1
        return f"{self._within}{stem}.{self._count}"

    def constant(self, value: Value) -> str:
        """The name of a constant; a `str` is a name already."""
        if isinstance(value, str):
            return value
        array = np.asarray(value)
        if array.dtype.kind == "f" and array.dtype != np.float32:
            array = array.astype(np.float64)
        elif array.dtype.kind in "iu":
            array = array.astype(np.int64)
        if array.dtype.kind in "OU":
            return self._texts(array)
        key = (str(array.dtype), array.shape, array.tobytes())
        if key not in self._held:
            name = self._held[key] = self.name("constant")
            self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name)
        return self._held[key]

    def _texts(self, array: npt.NDArray[Any]) -> str:
        name = self.name("constant")
        texts = [str(each).encode() for each in array.reshape(-1)]
        self.constants[name] = helper.make_tensor(name, STRING, array.shape, texts)
        return name

    def op(self, kind: str, *inputs: Value, domain: str = "", **attributes: Any) -> str:
        """The one output of an operator."""
        return self.ops(kind, *inputs, domain=domain, outputs=1, **attributes)[0]

    def ops(self, kind: str, *inputs: Value, outputs: int, domain: str = "", **attributes: Any) -> list[str]:
        """The outputs of an operator."""
        names = [self.name(kind) for _ in range(outputs)]
        self.nodes.append(
            helper.make_node(kind, [self.constant(each) for each in inputs], names, domain=domain, **attributes)
        )
        return names

    def cast(self, value: Value, to: int) -> str:
        """`value` as another type."""
        return self.op("Cast", value, to=to)

    def column(self, value: str, place: int) -> str:
        """One column of a matrix, shape (n, 1)."""
        return self.op("Gather", value, [place], axis=1)

    def sum(self, value: str, axis: int, *, keep: bool = False) -> str:
        """Sums along an axis."""
        return self.op("ReduceSum", value, [axis], keepdims=int(keep))

    def affine(self, value: str, weights: npt.NDArray[Any], shift: npt.NDArray[Any] | float) -> str:
        """`value @ weights + shift`."""
        return self.op("Add", self.op("MatMul", value, np.asarray(weights, np.float64)), np.asarray(shift, np.float64))


@dataclass(frozen=True)
class Block:
    """A tensor of shape (n, width), of float64 or of text."""

    tensor: str
    width: int
    text: bool = False


@dataclass(frozen=True)
class Table:
    """What a step is given: blocks, side by side."""

    blocks: tuple[Block, ...]

    @property
    def width(self) -> int:
        """Number of columns."""
        return sum(block.width for block in self.blocks)

    def columns(self, graph: Graph) -> list[Block]:
        """The columns one by one."""
        found = []
        for block in self.blocks:
            if block.width == 1:
                found.append(block)
            else:
                found += [Block(graph.column(block.tensor, j), 1, block.text) for j in range(block.width)]
        return found

    def pick(self, graph: Graph, places: list[int]) -> Table:
        """Some columns, in the order of `places`."""
        if not places:
            return Table(())
        if len(self.blocks) == 1 and not self.blocks[0].text:
            if places == list(range(self.width)):
                return self
            return matrix(graph.op("Gather", self.blocks[0].tensor, places, axis=1), len(places))
        if not any(block.text for block in self.blocks) and any(block.width > 1 for block in self.blocks):
            return matrix(joined(graph, list(self.blocks)), self.width).pick(graph, places)
        columns = self.columns(graph)
        return Table(tuple(columns[place] for place in places))


def matrix(tensor: str, width: int) -> Table:
    """A table of one matrix of numbers."""
    return Table((Block(tensor, width),))


def joined(graph: Graph, blocks: list[Block]) -> str:
    """Blocks of one type as one tensor."""
    return blocks[0].tensor if len(blocks) == 1 else graph.op("Concat", *[each.tensor for each in blocks], axis=1)


def model_of(graph: Graph, inputs: dict[str, tuple[str, int]], outputs: dict[str, tuple[int, list[Any]]]) -> Any:
    """The model, without what its outputs do not need. `inputs`: name -> (type, width)."""
    needed = set(outputs)
    kept = []
    for node in reversed(graph.nodes):
        if needed & set(node.output):
            kept.append(node)
            needed |= set(node.input)
    made = helper.make_graph(
        kept[::-1],
        "model",
        [
            helper.make_tensor_value_info(name, TENSORS[kind], [None, width])
            for name, (kind, width) in inputs.items()
            if name in needed
        ],
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in outputs.items()],
        [tensor for name, tensor in graph.constants.items() if name in needed],
    )
    domains = {"": OPSET} | {node.domain: ML_OPSET if node.domain == ML else 1 for node in kept if node.domain}
    imports = [helper.make_opsetid(domain, version) for domain, version in domains.items()]
    return helper.make_model(made, opset_imports=imports, ir_version=IR, producer_name="lockgate")
