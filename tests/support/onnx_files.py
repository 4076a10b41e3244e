"""Small ONNX models for tests, and one way to say what is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from lockgate.register.jail.findings import NotAllowed
from lockgate.register.jail.onnx_external import Beside
from lockgate.register.jail.onnx_file import check_onnx


def model_of(
    nodes: Sequence[onnx.NodeProto],
    constants: dict[str, Any] | None = None,
    *,
    shape: Sequence[int | str | None] = (None, 2),
    kind: int = TensorProto.FLOAT,
    opset: int = 18,
    ml: int = 3,
) -> onnx.ModelProto:
    """A model from `x` of `shape` to `y`."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", "columns"])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()],
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", ml)]
    model = helper.make_model(graph, opset_imports=opsets)
    model.ir_version = 9
    return model


def product() -> onnx.ModelProto:
    """One row of two times one weight."""
    return model_of([helper.make_node("MatMul", ["x", "w"], ["y"])], {"w": np.ones((2, 1), np.float32)})


def refusal(data: bytes | onnx.ModelProto, beside: Beside | None = None) -> NotAllowed | None:
    """What `check_onnx` says no with; None when it passes."""
    try:
        check_onnx(data if isinstance(data, bytes) else data.SerializeToString(), beside=beside)
    except NotAllowed as no:
        return no
    return None


def finding(data: bytes | onnx.ModelProto, beside: Beside | None = None) -> str:
    """The finding's id, or "" when the model passes."""
    no = refusal(data, beside)
    return "" if no is None else no.finding


def tree_ensemble(**changes: Any) -> dict[str, Any]:
    """Attributes of a TreeEnsemble of `ai.onnx.ml` 5: two inner nodes of one tree, three leaves."""
    return {
        "n_targets": 1,
        "tree_roots": [0],
        "nodes_featureids": [0, 1],
        "nodes_splits": helper.make_tensor("s", TensorProto.FLOAT, [2], [0.5, 0.5]),
        "nodes_modes": helper.make_tensor("m", TensorProto.UINT8, [2], [0, 0]),
        "nodes_truenodeids": [1, 0],
        "nodes_trueleafs": [0, 1],
        "nodes_falsenodeids": [2, 1],
        "nodes_falseleafs": [1, 1],
        "leaf_targetids": [0, 0, 0],
        "leaf_weights": helper.make_tensor("w", TensorProto.FLOAT, [3], [1, 2, 3]),
        **changes,
    }


def trees(kind: str = "target", **changes: Any) -> dict[str, Any]:
    """Attributes of a TreeEnsembleRegressor (or a Classifier, `kind` "class"): one node, two leaves, in two trees."""
    named: dict[str, Any] = {"n_targets": 1} if kind == "target" else {"classlabels_int64s": [0, 1]}
    return {
        **named,
        "nodes_treeids": [0, 0, 0, 1],
        "nodes_nodeids": [0, 1, 2, 0],
        "nodes_featureids": [0, 0, 0, 0],
        "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF", "LEAF"],
        "nodes_values": [0.5, 0.0, 0.0, 0.0],
        "nodes_truenodeids": [1, 0, 0, 0],
        "nodes_falsenodeids": [2, 0, 0, 0],
        f"{kind}_treeids": [0, 0, 1],
        f"{kind}_nodeids": [1, 2, 0],
        f"{kind}_ids": [0, 0, 0],
        f"{kind}_weights": [1.0, 2.0, 3.0],
        **changes,
    }
