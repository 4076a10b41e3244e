"""Cheap models for a ladder: as good as what is live, worse for one carrier, slow, or crashing.

All are `tests.support.serving`'s model of a flight, with something added: distance and carrier in, late out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FAR = 1000.0


def model(limit: float = FAR, *, flipped: str = "", heavy: int = 0, crash: str = "") -> bytes:
    """Late when further than `limit`.

    flipped: of this carrier's flights the answer is turned round. heavy: so many products of matrices of 256 x 256 in
    a row, which change nothing. crash: a flight of this carrier fails the whole batch, at run time.
    """
    build = _Graph()
    build.node("Sub", ["distance", build.number(limit)], "over")
    build.node("Mul", ["over", build.number(0.01)], "logit")
    logit = "logit"
    if flipped:
        build.node("Where", [build.is_carrier(flipped), build.number(-1.0), build.number(1.0)], "sign")
        logit = build.node("Mul", [logit, "sign"], "turned")
    if heavy:
        logit = build.heavy(logit, heavy)
    if crash:
        logit = build.crash(logit, crash)
    build.node("Sigmoid", [logit], "late")
    build.node("Sub", [build.number(1.0), "late"], "punctual")
    build.node("Concat", ["punctual", "late"], "scores", axis=1)
    build.node("Greater", ["late", build.number(0.5)], "label")
    build.node("Identity", ["carrier"], "seen")
    return build.model()


class _Graph:
    """Nodes and constants of the model."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def node(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """One node; its output's name."""
        self._nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def constant(self, value: Any) -> str:
        """Its name."""
        name = f"constant{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def number(self, value: float) -> str:
        """One float."""
        return self.constant(np.array([value], np.float32))

    def is_carrier(self, carrier: str) -> str:
        """A boolean for each row."""
        text = helper.make_tensor(f"constant{len(self._constants)}", TensorProto.STRING, [1], [carrier.encode()])
        self._constants.append(text)
        return self.node("Equal", ["carrier", text.name], f"is{len(self._nodes)}")

    def heavy(self, logit: str, products: int) -> str:
        """A loop that computes and whose result is added times nothing."""
        matrix = self.constant(np.eye(256, dtype=np.float32))
        seed = self.node("ReduceMax", [logit, self.constant(np.array([0], np.int64))], "seed", keepdims=1)
        grown = self.node("Mul", [matrix, seed], "grown")
        body = helper.make_graph(
            [
                helper.make_node("MatMul", ["carried", matrix], ["next"]),
                helper.make_node("Identity", ["on"], ["still"]),
            ],
            "body",
            [
                helper.make_tensor_value_info("turn", TensorProto.INT64, []),
                helper.make_tensor_value_info("on", TensorProto.BOOL, []),
                helper.make_tensor_value_info("carried", TensorProto.FLOAT, [256, 256]),
            ],
            [
                helper.make_tensor_value_info("still", TensorProto.BOOL, []),
                helper.make_tensor_value_info("next", TensorProto.FLOAT, [256, 256]),
            ],
        )
        turns, always = self.constant(np.array(products, np.int64)), self.constant(np.array(True))
        looped = self.node("Loop", [turns, always, grown], "looped", body=body)
        both = self.constant(np.array([0, 1], np.int64))
        worst = self.node("ReduceMax", [looped, both], "worst", keepdims=0)
        nothing = self.node("Mul", [worst, self.number(0.0)], "nothing")
        return self.node("Add", [logit, nothing], "worked")

    def crash(self, logit: str, carrier: str) -> str:
        """A row of this carrier asks for a place that a table of one place does not have."""
        wrong = self.node("Cast", [self.is_carrier(carrier)], "wrong", to=TensorProto.INT64)
        table = self.constant(np.zeros(1, np.float32))
        found = self.node("Gather", [table, wrong], "found")
        return self.node("Add", [logit, found], "sound")

    def model(self) -> bytes:
        """The checked bytes."""
        inputs = [
            helper.make_tensor_value_info("distance", TensorProto.FLOAT, [None, 1]),
            helper.make_tensor_value_info("carrier", TensorProto.STRING, [None, 1]),
        ]
        outputs = [
            helper.make_tensor_value_info("label", TensorProto.BOOL, [None, 1]),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, [None, 2]),
            helper.make_tensor_value_info("seen", TensorProto.STRING, [None, 1]),
        ]
        graph = helper.make_graph(self._nodes, "g", inputs, outputs, self._constants)
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)])
        made.ir_version = 9
        onnx.checker.check_model(made)
        return bytes(made.SerializeToString())
