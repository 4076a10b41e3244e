"""Operators that carry their model in arrays, and attributes that lead somewhere: what fits passes, nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from lockgate.register.formats import MAX_TREE_DEPTH
from tests.support.onnx_files import finding, model_of, tree_ensemble, trees

ML = "ai.onnx.ml"


def _found(op: str, domain: str, attributes: dict[str, Any], kind: int = TensorProto.FLOAT, ml: int = 3) -> str:
    outputs = ["label", "y"] if op in ("TreeEnsembleClassifier", "LinearClassifier", "SVMClassifier") else ["y"]
    known = {key: value for key, value in attributes.items() if value is not None}
    node = helper.make_node(op, ["x"], outputs, domain=domain, **known)
    return finding(model_of([node], kind=kind, opset=21, ml=ml))


@pytest.mark.parametrize("op", ["TreeEnsembleRegressor", "TreeEnsembleClassifier"])
@pytest.mark.parametrize(
    "changes",
    [
        {"nodes_values": [0.5, 0.0, 0.0]},
        {"nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"]},
        {"nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF", "BRANCH_ODD"]},
        {"nodes_hitrates": [1.0]},
        {"nodes_truenodeids": [3, 0, 0, 0]},  # not there
        {"nodes_truenodeids": [-1, 0, 0, 0]},
        {"nodes_truenodeids": [0, 0, 0, 0]},  # itself
        {"nodes_modes": ["BRANCH_LEQ", "BRANCH_LEQ", "LEAF", "LEAF"]},  # back to the root
        {"nodes_falsenodeids": [1, 0, 0, 0]},  # the third node is a second root
        {"nodes_nodeids": [0, 1, 1, 0]},
        {"nodes_treeids": [0, 0, 1 << 40, 1]},
        {"nodes_featureids": [-1, 0, 0, 0]},
        {"_nodeids": [1, 2, 9]},
        {"_ids": [0, 0, 2]},
        {"_ids": [0, 0, -1]},
        {"_ids": [0, 0]},
        {"_weights": [1.0]},
        {"base_values": [1.0, 2.0, 3.0]},
        {"post_transform": "EVIL"},
    ],
)
def test_trees_point_inside_and_never_back(op: str, changes: dict[str, Any]) -> None:
    """LG425 for arrays of different lengths, children that are not there, circles, and outputs beyond the last."""
    kind = "target" if op.endswith("Regressor") else "class"
    named = {f"{kind}{key}" if key.startswith("_") else key: value for key, value in changes.items()}
    assert _found(op, ML, trees(kind)) == ""
    assert _found(op, ML, trees(kind, **named)) == "LG425"


def test_a_child_may_be_shared_and_a_chain_long_but_not_too_long() -> None:
    """Sets of categories are written as a chain of nodes that share a child."""

    def chain(depth: int) -> dict[str, Any]:
        count = depth + 2
        return trees(
            nodes_treeids=[0] * count,
            nodes_nodeids=list(range(count)),
            nodes_featureids=[0] * count,
            nodes_modes=["BRANCH_EQ"] * depth + ["LEAF"] * 2,
            nodes_values=[0.0] * count,
            nodes_truenodeids=[depth + 1] * depth + [0, 0],
            nodes_falsenodeids=[*range(1, depth + 1), 0, 0],
            target_treeids=[0, 0],
            target_nodeids=[depth, depth + 1],
            target_ids=[0, 0],
            target_weights=[1.0, 2.0],
        )

    assert _found("TreeEnsembleRegressor", ML, chain(1000)) == ""
    assert _found("TreeEnsembleRegressor", ML, chain(MAX_TREE_DEPTH + 1)) == "LG425"


def _sets(values: list[float]) -> dict[str, Any]:
    return tree_ensemble(
        nodes_modes=helper.make_tensor("m", TensorProto.UINT8, [2], [0, 6]),
        membership_values=helper.make_tensor("v", TensorProto.FLOAT, [len(values)], values),
    )


def test_a_set_of_members_ends_where_it_says() -> None:
    """One set for each node that asks for one, each with its end."""
    assert _found("TreeEnsemble", ML, _sets([1.0, float("nan")]), ml=5) == ""
    assert _found("TreeEnsemble", ML, _sets([1.0]), ml=5) == "LG425"
    assert _found("TreeEnsemble", ML, _sets([float("nan"), float("nan")]), ml=5) == "LG425"


@pytest.mark.parametrize(
    "changes",
    [
        {"nodes_featureids": [0]},
        {"nodes_truenodeids": [2, 0]},
        {"nodes_truenodeids": [0, 0]},
        {"nodes_falsenodeids": [3, 1]},
        {"nodes_falsenodeids": [-1, 1]},
        {"nodes_trueleafs": [0, 2]},
        {"tree_roots": [1]},
        {"tree_roots": [7]},
        {"tree_roots": [0, 1]},
        {"leaf_targetids": [0, 0, 1]},
        {"leaf_targetids": [0, 0]},
        {"nodes_modes": helper.make_tensor("m", TensorProto.UINT8, [2], [0, 7])},
        {"nodes_modes": helper.make_tensor("m", TensorProto.UINT8, [2], [0, 6])},  # a set that is not there
        {"membership_values": helper.make_tensor("v", TensorProto.FLOAT, [2], [1.0, float("nan")])},
        {
            "nodes_modes": helper.make_tensor("m", TensorProto.UINT8, [2], [0, 6]),
            "membership_values": helper.make_tensor("v", TensorProto.FLOAT, [2], [float("nan"), 1.0]),
        },
        {"post_transform": 9},
        {"aggregate_function": -1},
    ],
)
def test_trees_of_the_newer_kind_point_inside_and_never_back(changes: dict[str, Any]) -> None:
    """The same for TreeEnsemble, whose children are places in arrays."""
    assert _found("TreeEnsemble", ML, tree_ensemble(), ml=5) == ""
    assert _found("TreeEnsemble", ML, tree_ensemble(**changes), ml=5) == "LG425"


TFIDF: dict[str, Any] = {
    "mode": "TF",
    "min_gram_length": 1,
    "max_gram_length": 2,
    "max_skip_count": 0,
    "ngram_counts": [0, 2],
    "ngram_indexes": [0, 1, 2],
    "pool_int64s": [7, 8, 7, 8],
}
LINEAR: dict[str, Any] = {"coefficients": [1.0, 2.0, 3.0, 4.0], "intercepts": [0.0, 0.0], "classlabels_ints": [0, 1]}
SVM: dict[str, Any] = {
    "classlabels_ints": [0, 1],
    "vectors_per_class": [1, 1],
    "support_vectors": [1.0, 2.0, 3.0, 4.0],
    "coefficients": [1.0, -1.0],
    "rho": [0.0],
    "kernel_params": [1.0, 0.0, 3.0],
}


ONE_VECTOR: dict[str, Any] = {"n_supports": 1, "support_vectors": [1.0, 2.0], "coefficients": [1.0], "rho": [0.0]}


@pytest.mark.parametrize(
    ("op", "domain", "good", "bad", "expected"),
    [
        ("TfIdfVectorizer", "", TFIDF, {"ngram_counts": [0, 5]}, "LG425"),
        ("TfIdfVectorizer", "", TFIDF, {"ngram_counts": [2, 0]}, "LG425"),
        ("TfIdfVectorizer", "", TFIDF, {"ngram_indexes": [0, 1]}, "LG425"),
        ("TfIdfVectorizer", "", TFIDF, {"ngram_indexes": [0, 1, -1]}, "LG425"),
        ("TfIdfVectorizer", "", TFIDF, {"ngram_indexes": [0, 1, 1 << 40]}, "LG422"),
        ("TfIdfVectorizer", "", TFIDF, {"weights": [1.0]}, "LG425"),
        ("TfIdfVectorizer", "", TFIDF, {"max_gram_length": 3}, "LG425"),
        ("LinearClassifier", ML, LINEAR, {"coefficients": [1.0, 2.0, 3.0]}, "LG425"),
        ("LinearClassifier", ML, LINEAR, {"classlabels_ints": [0, 1, 2]}, "LG425"),
        ("LinearRegressor", ML, {"coefficients": [1.0, 2.0]}, {"targets": 3}, "LG425"),
        ("LinearRegressor", ML, {"coefficients": [1.0, 2.0]}, {"targets": 1 << 40}, "LG422"),
        ("LinearRegressor", ML, {"coefficients": [1.0, 2.0]}, {"intercepts": [1.0, 2.0]}, "LG425"),
        ("SVMClassifier", ML, SVM, {"vectors_per_class": [1, 2]}, "LG425"),
        ("SVMClassifier", ML, SVM, {"vectors_per_class": [3, -1]}, "LG425"),
        ("SVMClassifier", ML, SVM, {"rho": [0.0, 1.0, 2.0]}, "LG425"),
        ("SVMClassifier", ML, SVM, {"prob_a": [0.0]}, "LG425"),
        ("SVMClassifier", ML, SVM, {"kernel_params": [1.0]}, "LG425"),
        ("SVMRegressor", ML, ONE_VECTOR, {"n_supports": 3}, "LG425"),
        ("FeatureVectorizer", ML, {"inputdimensions": [2]}, {"inputdimensions": [-2]}, "LG425"),
        ("Scaler", ML, {"scale": [1.0, 1.0], "offset": [0.0, 0.0]}, {"offset": [0.0, 0.0, 0.0]}, "LG425"),
    ],
)  # fmt: skip
def test_arrays_of_an_operator_fit_each_other(
    op: str, domain: str, good: dict[str, Any], bad: dict[str, Any], expected: str
) -> None:
    """One array changed, in an operator that passes without that."""
    kind = TensorProto.INT64 if op == "TfIdfVectorizer" else TensorProto.FLOAT
    assert _found(op, domain, good, kind) == ""
    assert _found(op, domain, {**good, **bad}, kind) == expected


def test_a_dictionary_has_as_many_values_as_keys() -> None:
    """CategoryMapper and LabelEncoder."""
    texts = TensorProto.STRING
    both = {"keys_strings": ["a", "b"], "values_int64s": [1, 2]}
    assert _found("LabelEncoder", ML, both, texts) == ""
    assert _found("LabelEncoder", ML, {**both, "values_int64s": [1]}, texts) == "LG425"
    assert _found("CategoryMapper", ML, {"cats_strings": ["a"], "cats_int64s": [1]}, texts) == ""
    assert _found("CategoryMapper", ML, {"cats_strings": ["a"], "cats_int64s": [1, 2]}, texts) == "LG425"


@pytest.mark.parametrize(
    ("op", "good", "bad", "expected"),
    [
        ("StringNormalizer", {"locale": "C.UTF-8"}, {"locale": "../../etc/x"}, "LG415"),
        ("StringNormalizer", {"locale": "en_US"}, {"locale": "a" * 100}, "LG415"),
        ("RegexFullMatch", {"pattern": "a+"}, {"pattern": "a" * 5000}, "LG416"),
    ],
)
def test_texts_that_name_or_match_something_are_bounded(
    op: str, good: dict[str, Any], bad: dict[str, Any], expected: str
) -> None:
    """A locale looks like one; a pattern has a length."""
    assert _found(op, "", good, TensorProto.STRING) == ""
    assert _found(op, "", bad, TensorProto.STRING) == expected


@pytest.mark.parametrize("equation", ["ij->i", "...i -> i", "ij"])
def test_an_equation_of_einsum_is_spelled_as_one(equation: str) -> None:
    """ONNX's own inference goes round for ever in what is not: such a text is refused before it gets there."""
    assert _found("Einsum", "", {"equation": equation}) == ""
    for bad in (b"\xff", b"ij,jk->ik", b"i..j->i", b"ij->i->j", b"i1->i"):
        assert _found("Einsum", "", {"equation": bad}) == "LG415"


@pytest.mark.parametrize(
    ("name", "value"), [("strides", [0, 0]), ("dilations", [-1, 1]), ("kernel_shape", [1 << 40, 1])]
)
def test_what_is_divided_by_is_not_zero(name: str, value: list[int]) -> None:
    """And what memory is made of is of a size."""
    node = helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[1, 1])
    assert finding(model_of([node], shape=[1, 1, 4, 4])) == ""
    attributes: dict[str, Any] = {"kernel_shape": [1, 1], name: value}
    bad = helper.make_node("MaxPool", ["x"], ["y"], **attributes)
    assert finding(model_of([bad], shape=[1, 1, 4, 4])) == "LG415"


def test_an_attribute_stands_once_and_an_image_is_not_decoded() -> None:
    """Two of a name are read in two ways; decoders of images do not come in."""
    node = helper.make_node("Gemm", ["x", "w"], ["y"], transB=1)
    constants = {"w": np.ones((1, 2), np.float32)}
    assert finding(model_of([node], constants)) == ""
    node.attribute.append(helper.make_attribute("transB", 0))
    assert finding(model_of([node], constants)) == "LG415"
    assert finding(model_of([helper.make_node("ImageDecoder", ["x"], ["y"])], kind=2, opset=20)) == "LG412"


def test_a_tokenizer_has_the_attributes_that_are_known() -> None:
    """The checker knows nothing of it."""

    def found(**changes: Any) -> str:
        attributes = {"mark": 0, "mincharnum": 1, "pad_value": "#", "separators": [" "], **changes}
        node = helper.make_node("Tokenizer", ["x"], ["y"], domain="com.microsoft", **attributes)
        model = model_of([node], kind=TensorProto.STRING, shape=[None])
        model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
        return finding(model)

    assert found() == ""
    assert found(library="x.so") == "LG415"
    assert found(mark="a") == "LG415"
    assert found(separators=[" "] * 2000) == "LG416"
    assert found(tokenexp="a" * 5000, separators=[" "]) == "LG416"


def test_a_set_of_operators_named_twice_has_one_version() -> None:
    """skl2onnx names one twice; two versions of it would be two models."""
    model = model_of([helper.make_node("Relu", ["x"], ["y"])])
    model.opset_import.append(helper.make_opsetid("", 18))
    assert finding(model) == ""
    model.opset_import.append(onnx.OperatorSetIdProto(domain="ai.onnx", version=17))
    assert finding(model) == "LG417"
