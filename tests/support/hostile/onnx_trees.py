"""ONNX-ML operators whose arrays point outside of each other: what reads them reads other people's memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tests.support.hostile.case import Hostile
from tests.support.hostile.wire import (
    Given,
    attribute,
    floats,
    held,
    model,
    node,
    number,
    of_nodes,
    opset,
    sized,
    tensor,
)

STUMP: Mapping[str, Given] = {
    "nodes_treeids": [0, 0, 0],
    "nodes_nodeids": [0, 1, 2],
    "nodes_featureids": [0, 0, 0],
    "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"],
    "nodes_values": [0.5, 0.0, 0.0],
    "nodes_truenodeids": [1, 0, 0],
    "nodes_falsenodeids": [2, 0, 0],
    "nodes_missing_value_tracks_true": [0, 0, 0],
    "nodes_hitrates": [1.0, 1.0, 1.0],
}
REGRESSOR: Mapping[str, Given] = {
    **STUMP,
    "n_targets": 1,
    "target_treeids": [0, 0],
    "target_nodeids": [1, 2],
    "target_ids": [0, 0],
    "target_weights": [1.0, 2.0],
    "post_transform": "NONE",
}
CLASSIFIER: Mapping[str, Given] = {
    **STUMP,
    "class_treeids": [0, 0],
    "class_nodeids": [1, 2],
    "class_ids": [0, 1],
    "class_weights": [1.0, 1.0],
    "classlabels_int64s": [0, 1],
    "post_transform": "NONE",
}

_TREES: tuple[tuple[str, Mapping[str, Given]], ...] = (
    (
        "circle",
        {
            "nodes_modes": ["BRANCH_LEQ", "BRANCH_LEQ", "LEAF"],
            "nodes_truenodeids": [1, 0, 0],
            "nodes_falsenodeids": [2, 2, 0],
        },
    ),
    ("own child", {"nodes_truenodeids": [0, 0, 0]}),
    ("child outside", {"nodes_truenodeids": [99, 0, 0]}),
    ("negative child", {"nodes_falsenodeids": [-1, 0, 0]}),
    ("child far outside", {"nodes_falsenodeids": [(1 << 62), 0, 0]}),
    ("child of another tree", {"nodes_treeids": [0, 1, 0]}),
    ("same node twice", {"nodes_nodeids": [0, 1, 1]}),
    ("negative feature", {"nodes_featureids": [-1, 0, 0]}),
    ("feature far outside", {"nodes_featureids": [1 << 40, 0, 0]}),
    ("unknown mode", {"nodes_modes": ["BRANCH_EVIL", "LEAF", "LEAF"]}),
    ("short modes", {"nodes_modes": ["BRANCH_LEQ", "LEAF"]}),
    ("short values", {"nodes_values": [0.5]}),
    ("short children", {"nodes_truenodeids": [1]}),
    ("short features", {"nodes_featureids": [0]}),
    ("long nodes", {"nodes_nodeids": [0, 1, 2, 3]}),
    ("short trees", {"nodes_treeids": [0]}),
    ("short missing", {"nodes_missing_value_tracks_true": [0]}),
)
_REGRESSORS: tuple[tuple[str, Mapping[str, Given]], ...] = (
    ("target outside", {"target_ids": [0, 7]}),
    ("negative target", {"target_ids": [0, -1]}),
    ("leaf outside", {"target_nodeids": [1, 99]}),
    ("leaf of another tree", {"target_treeids": [0, 5]}),
    ("short weights", {"target_weights": [1.0]}),
    ("short targets", {"target_ids": [0]}),
    ("a trillion targets", {"n_targets": 1 << 40}),
    ("no targets", {"n_targets": 0}),
    ("negative targets", {"n_targets": -1}),
    ("short base values", {"n_targets": 3, "base_values": [1.0]}),
)
_CLASSIFIERS: tuple[tuple[str, Mapping[str, Given]], ...] = (
    ("class outside", {"class_ids": [0, 9]}),
    ("negative class", {"class_ids": [0, -9]}),
    ("leaf outside", {"class_nodeids": [1, 99]}),
    ("short weights", {"class_weights": [1.0]}),
    ("no labels", {"classlabels_int64s": []}),
    ("both labels", {"classlabels_strings": ["a", "b"]}),
    ("unknown transform", {"post_transform": "EVIL"}),
)


def made(operator: str, given: Mapping[str, Given], outputs: str = "Y") -> bytes:
    """A model of one such operator."""
    attributes = [attribute(name, one) for name, one in given.items()]
    return of_nodes(node(operator, "X", outputs, *attributes, domain="ai.onnx.ml"))


def _deep(depth: int) -> Mapping[str, Given]:
    """One long chain: each node's false child is a leaf, its true child the next node."""
    nodes = 2 * depth + 1
    modes = ["LEAF" if n % 2 or n == nodes - 1 else "BRANCH_LEQ" for n in range(nodes)]
    return {
        "nodes_treeids": [0] * nodes,
        "nodes_nodeids": list(range(nodes)),
        "nodes_featureids": [0] * nodes,
        "nodes_modes": modes,
        "nodes_values": [0.5] * nodes,
        "nodes_truenodeids": [0 if one == "LEAF" else n + 2 for n, one in enumerate(modes)],
        "nodes_falsenodeids": [0 if one == "LEAF" else n + 1 for n, one in enumerate(modes)],
        "n_targets": 1,
        "target_treeids": [0],
        "target_nodeids": [nodes - 1],
        "target_ids": [0],
        "target_weights": [1.0],
    }


_ENSEMBLE: Mapping[str, Given] = {
    "n_targets": 1,
    "tree_roots": [0],
    "nodes_featureids": [0],
    "nodes_modes": tensor("", (1,), b"\0", kind=2),
    "nodes_splits": floats("", [0.5]),
    "nodes_truenodeids": [0],
    "nodes_falsenodeids": [1],
    "nodes_trueleafs": [1],
    "nodes_falseleafs": [1],
    "leaf_targetids": [0, 0],
    "leaf_weights": floats("", [1.0, 2.0]),
}


def _ensemble(given: Mapping[str, Given], *more: bytes) -> bytes:
    attributes = [attribute(name, one) for name, one in given.items()]
    one = node("TreeEnsemble", "X", "Y", *attributes, *more, domain="ai.onnx.ml")
    return model(sized([one]), opsets=[opset(17), opset(5, "ai.onnx.ml")])


def without_members() -> bytes:
    """An attribute that says it is a tensor, and holds none."""
    return _ensemble(_ENSEMBLE, held(1, "membership_values") + number(20, 4))


def _ensembles() -> Iterator[tuple[str, bytes]]:
    """The operator of ai.onnx.ml 5, whose arrays are places in each other."""
    lies: tuple[tuple[str, Mapping[str, Given]], ...] = (
        ("circle", {"nodes_trueleafs": [0], "nodes_truenodeids": [0]}),
        ("node outside", {"nodes_trueleafs": [0], "nodes_truenodeids": [5]}),
        ("leaf outside", {"nodes_truenodeids": [9]}),
        ("root outside", {"tree_roots": [3]}),
        ("negative root", {"tree_roots": [-1]}),
        ("negative feature", {"nodes_featureids": [-4]}),
        ("target outside", {"leaf_targetids": [0, 8]}),
        ("short leaves", {"leaf_weights": floats("", [1.0])}),
        ("short splits", {"nodes_splits": floats("", [])}),
        ("unknown mode", {"nodes_modes": tensor("", (1,), b"\x63", kind=2)}),
        ("members without end", {"membership_values": floats("", [1.0, 2.0])}),
        ("no roots", {"tree_roots": []}),
    )
    for what, lie in lies:
        yield what, _ensemble({**_ENSEMBLE, **lie})
    yield "no tensor of members", without_members()


def _others() -> Iterator[tuple[str, bytes]]:
    svm: Mapping[str, Given] = {
        "kernel_type": "LINEAR",
        "kernel_params": [0.0, 0.0, 3.0],
        "vectors_per_class": [1, 1],
        "support_vectors": [1.0, 2.0, 3.0, 4.0],
        "coefficients": [1.0, -1.0],
        "rho": [0.0],
        "classlabels_ints": [0, 1],
    }
    for what, lie in (
        ("more vectors than there are", {"vectors_per_class": [1000, 1000]}),
        ("negative vectors", {"vectors_per_class": [-1, 3]}),
        ("few coefficients", {"coefficients": [1.0]}),
        ("few parameters", {"kernel_params": [0.0]}),
    ):
        yield f"SVMClassifier, {what}", made("SVMClassifier", {**svm, **lie}, "Z Y")
    regressor: Mapping[str, Given] = {
        "kernel_type": "RBF",
        "n_supports": 1 << 30,
        "support_vectors": [1.0],
        "coefficients": [1.0],
        "rho": [0.0],
    }
    yield "SVMRegressor, a billion vectors", made("SVMRegressor", regressor)
    linear: Mapping[str, Given] = {"coefficients": [1.0], "intercepts": [0.0] * 9, "classlabels_ints": [0, 1, 2]}
    yield "LinearClassifier, few coefficients", made("LinearClassifier", linear, "Z Y")
    yield (
        "LinearRegressor, a billion targets",
        made("LinearRegressor", {"coefficients": [1.0, 2.0], "targets": 1 << 30}),
    )
    yield "LabelEncoder, fewer values", made("LabelEncoder", {"keys_int64s": [1, 2, 3], "values_int64s": [1]})
    yield "CategoryMapper, fewer ints", made("CategoryMapper", {"cats_int64s": [1], "cats_strings": ["a", "b"]})
    grams: Mapping[str, Given] = {
        "mode": "TF",
        "min_gram_length": 1,
        "max_gram_length": 2,
        "max_skip_count": 0,
        "ngram_counts": [0, 999],
        "ngram_indexes": [0, 1 << 40],
        "pool_int64s": [1, 2],
    }
    yield (
        "TfIdfVectorizer, places outside",
        of_nodes(node("TfIdfVectorizer", "X", "Y", *(attribute(k, v) for k, v in grams.items()))),
    )


def all_of_them() -> Iterator[Hostile]:
    """Every lie about places."""
    why = "its arrays point outside of each other, or in a circle"
    for what, lie in _TREES:
        yield Hostile("ONNX trees", "model.onnx", made("TreeEnsembleRegressor", {**REGRESSOR, **lie}), f"{what}: {why}")
        yield Hostile(
            "ONNX trees", "model.onnx", made("TreeEnsembleClassifier", {**CLASSIFIER, **lie}, "Z Y"), f"{what}: {why}"
        )
    for what, lie in _REGRESSORS:
        yield Hostile("ONNX trees", "model.onnx", made("TreeEnsembleRegressor", {**REGRESSOR, **lie}), f"{what}: {why}")
    for what, lie in _CLASSIFIERS:
        yield Hostile(
            "ONNX trees", "model.onnx", made("TreeEnsembleClassifier", {**CLASSIFIER, **lie}, "Z Y"), f"{what}: {why}"
        )
    for what, data in _ensembles():
        yield Hostile("ONNX trees", "model.onnx", data, f"TreeEnsemble, {what}: {why}")
    yield Hostile("ONNX trees", "model.onnx", made("TreeEnsembleRegressor", _deep(12_000)), "a tree 12,000 deep")
    for what, data in _others():
        yield Hostile("ONNX places", "model.onnx", data, f"{what}: {why}")
