"""Few bytes that become many, and loops that do not end: refused where the graph itself says so."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.support.onnx_files import finding, model_of, tree_ensemble

BIG = 1 << 15
ONE = np.ones((1, 1), np.float32)


def _node(op: str, inputs: list[str], **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(op, inputs, ["y"], **attributes)


def _sized(op: str, inputs: list[str], size: int, **attributes: Any) -> onnx.ModelProto:
    """`op` with the constants: `s` two sizes, `p` four of padding, `r` a range's end, `f` two factors, `o` one."""
    constants = {
        "s": np.array([size, size], np.int64),
        "p": np.array([0, 0, size, size], np.int64),
        "r": np.array(size * size, np.int64),
        "f": np.array([size, size], np.float32),
        "e": np.array([], np.float32),
        "o": ONE,
        "v": np.array([0, 1], np.float32),
        "i": np.array([[1]], np.int64),
        "z": np.array(0, np.int64),
        "d": np.array(1, np.int64),
    }
    return model_of([_node(op, inputs, **attributes)], constants)


EXPANDING: list[tuple[str, list[str], dict[str, Any]]] = [
    ("ConstantOfShape", ["s"], {}),
    ("Expand", ["o", "s"], {}),
    ("Expand", ["x", "s"], {}),
    ("Tile", ["o", "s"], {}),
    ("Pad", ["o", "p"], {}),
    ("Range", ["z", "r", "d"], {}),
    ("Resize", ["o", "e", "f"], {}),
    ("Resize", ["o", "e", "", "s"], {}),
    ("OneHot", ["i", "r", "v"], {}),
    ("CenterCropPad", ["o", "s"], {}),
]


@pytest.mark.parametrize(("op", "inputs", "attributes"), EXPANDING)
def test_an_operator_whose_size_is_a_constant_is_bounded(
    op: str, inputs: list[str], attributes: dict[str, Any]
) -> None:
    """LG422 for 2**30 elements, and no word for four."""
    assert finding(_sized(op, inputs, 2, **attributes)) == ""
    assert finding(_sized(op, inputs, BIG, **attributes)) == "LG422"


@pytest.mark.parametrize("op", ["RandomNormal", "RandomUniform"])
def test_a_size_in_an_attribute_is_bounded(op: str) -> None:
    """The shape of what is drawn by chance."""
    assert finding(model_of([_node(op, [], shape=[2, 2])])) == ""
    assert finding(model_of([_node(op, [], shape=[BIG, BIG])])) == "LG422"


def test_a_size_that_is_computed_from_constants_is_bounded() -> None:
    """By ways that inference takes, and by others: what constants decide and nobody can tell is refused."""

    def model(*ops: str, size: int = BIG) -> onnx.ModelProto:
        nodes = [helper.make_node(op, ["s", "t"], ["u"]) for op in ops]
        return model_of(
            [*nodes, _node("ConstantOfShape", ["u"])],
            {"s": np.array([size, size], np.int64), "t": np.array([1, 1], np.int64)},
        )

    assert finding(model("Mul", size=2)) == ""
    assert finding(model("Mul")) == "LG422"
    assert finding(model("Pow")) == "LG422"


def test_a_size_that_a_request_decides_counts_as_one_row() -> None:
    """A model may take any number of rows; what one row becomes is bounded, also by way of its shape."""

    def model(size: int) -> onnx.ModelProto:
        nodes = [
            helper.make_node("Shape", ["x"], ["n"]),
            helper.make_node("Mul", ["n", "s"], ["u"]),
            _node("ConstantOfShape", ["u"]),
        ]
        return model_of(nodes, {"s": np.array([size, size], np.int64)}, shape=["rows", 2])

    assert finding(model(10)) == ""
    assert finding(model(BIG)) == "LG422"


def test_a_false_declaration_hides_nothing() -> None:
    """A value that declares another size than it gets stops ONNX's inference; here nothing declared is believed."""
    model = model_of(
        [helper.make_node("ConstantOfShape", ["s"], ["u"]), _node("ReduceMax", ["u"])],
        {"s": np.array([BIG, BIG], np.int64)},
    )
    model.graph.value_info.append(helper.make_tensor_value_info("u", TensorProto.FLOAT, [1, 2, 3]))
    assert finding(model) == "LG422"


def test_a_size_within_a_nested_graph_is_bounded() -> None:
    """A branch that may never be taken, too."""

    def model(size: int) -> onnx.ModelProto:
        out = [helper.make_tensor_value_info("z", TensorProto.FLOAT, [None, None])]
        branch = helper.make_graph([helper.make_node("ConstantOfShape", ["s"], ["z"])], "b", [], out)
        other = helper.make_graph([helper.make_node("Identity", ["x"], ["z"])], "c", [], out)
        return model_of(
            [_node("If", ["c"], then_branch=other, else_branch=branch)],
            {"s": np.array([size, size], np.int64), "c": np.array(True)},
        )

    assert finding(model(2)) == ""
    assert finding(model(BIG)) == "LG422"


def test_what_inference_carries_along_is_bounded_first() -> None:
    """Forty Concat of a value with itself: 2**41 numbers, were they carried along. Refused, and not computed."""
    nodes = [helper.make_node("Concat", [f"u{i}", f"u{i}"], [f"u{i + 1}"], axis=0) for i in range(40)]
    model = model_of([*nodes, _node("ConstantOfShape", ["u40"])], {"u0": np.array([2, 2], np.int64)})
    assert finding(model) == "LG422"


@pytest.mark.parametrize("op", ["RegexFullMatch", "EyeLike", "LabelEncoder", "DictVectorizer", "TreeEnsemble"])
def test_operators_that_crash_the_inference_never_get_there(op: str) -> None:
    """ONNX 1.23 ends the process when their input has no type: here one comes from a node that cannot be inferred."""
    domain = "ai.onnx.ml" if onnx.defs.has(op, 5, "ai.onnx.ml") else ""
    attributes: dict[str, dict[str, Any]] = {
        "RegexFullMatch": {"pattern": "a"},
        "LabelEncoder": {"keys_strings": ["a"], "values_strings": ["b"]},
        "DictVectorizer": {"string_vocabulary": ["a"]},
        "EyeLike": {"dtype": 1},
        "TreeEnsemble": tree_ensemble(),
    }
    nodes = [helper.make_node("Expand", ["x", "x"], ["u"]), _node(op, ["u"], domain=domain, **attributes[op])]
    assert finding(model_of(nodes, opset=21, ml=5)) == ""


def _loop(count: int | None, *, ends: bool, inner: onnx.GraphProto | None = None) -> onnx.GraphProto:
    """The body of a loop; `ends`: it decides itself when to stop."""
    cond = helper.make_node("Not", ["c"], ["d"]) if ends else helper.make_node("Identity", ["c"], ["d"])
    nodes, constants = [cond, helper.make_node("Identity", ["v"], ["w"])], []
    if inner is not None:
        nodes.append(helper.make_node("Loop", ["m", "c", "v"], ["q"], body=inner))
        constants = [numpy_helper.from_array(np.array(count, np.int64), "m")]
    body = helper.make_graph(
        nodes,
        "body",
        [
            helper.make_tensor_value_info("n", TensorProto.INT64, []),
            helper.make_tensor_value_info("c", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v", TensorProto.FLOAT, [None, 2]),
        ],
        [
            helper.make_tensor_value_info("d", TensorProto.BOOL, []),
            helper.make_tensor_value_info("w", TensorProto.FLOAT, [None, 2]),
        ],
        constants,
    )
    if inner is not None:
        for graph in [inner]:
            for value in (*graph.input, *graph.output):
                value.name += "_in"
            for node in graph.node:
                node.input[:] = [f"{name}_in" for name in node.input]
                node.output[:] = [f"{name}_in" for name in node.output]
        body.node[-1].ClearField("attribute")
        body.node[-1].attribute.append(helper.make_attribute("body", inner))
    return body


def _looping(count: int | None, body: onnx.GraphProto) -> str:
    constants: dict[str, Any] = {"yes": np.array(True)}
    if count is not None:
        constants["many"] = np.array(count, np.int64)
    name = "" if count is None else "many"
    return finding(model_of([_node("Loop", [name, "yes", "x"], body=body)], constants))


def test_a_loop_ends() -> None:
    """A constant count within the limit, or a body that decides; without both it is refused, and so are loops in loops
    that multiply beyond the limit.
    """
    assert _looping(1000, _loop(None, ends=False)) == ""
    assert _looping(10_000_000, _loop(None, ends=False)) == "LG422"
    assert _looping(None, _loop(None, ends=False)) == "LG422"
    assert _looping(None, _loop(None, ends=True)) == ""
    assert _looping((1 << 63) - 1, _loop(None, ends=True)) == ""
    assert _looping(1000, _loop(1000, ends=False, inner=_loop(None, ends=False))) == ""
    assert _looping(1001, _loop(1000, ends=False, inner=_loop(None, ends=False))) == "LG422"


def _carrying(op: str, inputs: list[str], **attributes: Any) -> str:
    """A loop of sixty rounds whose body hands on `op` of what it was given."""
    body = _loop(None, ends=False)
    body.node[1].CopyFrom(helper.make_node(op, inputs, ["w"], **attributes))
    return _looping(60, body)


def test_what_a_loop_carries_does_not_double() -> None:
    """One more entry a round may be honest; twice as many is 2**60 of them after sixty rounds."""
    assert _carrying("Identity", ["v"]) == ""
    assert _carrying("Concat", ["v", "x"], axis=0) == ""
    assert _carrying("Concat", ["v", "v"], axis=0) == "LG422"
    assert _carrying("Tile", ["v", "many2"]) in ("LG422", "LG415")


def test_a_text_is_not_joined_with_itself_again_and_again() -> None:
    """Forty times is a terabyte of one letter."""

    def model(times: int) -> onnx.ModelProto:
        nodes = [helper.make_node("StringConcat", [f"t{i}", f"t{i}"], [f"t{i + 1}"]) for i in range(times)]
        cast = helper.make_node("Identity", ["x"], ["t0"])
        last = helper.make_node("Size", [f"t{times}"], ["y"])
        return model_of([cast, *nodes, last], kind=TensorProto.STRING, opset=21)

    assert finding(model(10)) == ""
    assert finding(model(40)) == "LG422"


def test_a_range_has_a_step() -> None:
    """Without one it has no end: whole numbers and fractions."""

    def model(step: float, kind: type[np.generic]) -> onnx.ModelProto:
        constants: dict[str, Any] = {name: np.array(value, kind) for name, value in (("a", 0), ("b", 5), ("c", step))}
        return model_of([_node("Range", ["a", "b", "c"])], constants)

    for kind in (np.int64, np.float32, np.float64):
        assert finding(model(1, kind)) == ""
        assert finding(model(0, kind)) == "LG422"


def test_what_follows_from_a_computed_size_is_bounded() -> None:
    """Two columns of 2**15 are small, and their product is not."""

    def model(size: int) -> onnx.ModelProto:
        nodes = [
            helper.make_node("Mul", ["s", "t"], ["u"]),
            helper.make_node("ConstantOfShape", ["u"], ["v"]),
            helper.make_node("Transpose", ["v"], ["w"]),
            _node("MatMul", ["v", "w"]),
        ]
        return model_of(nodes, {"s": np.array([size, 1], np.int64), "t": np.array([1, 1], np.int64)})

    assert finding(model(100)) == ""
    assert finding(model(BIG)) == "LG422"


def test_sizes_of_a_constant_of_the_outer_graph_are_seen_in_the_nested_one() -> None:
    """Inference does not look there: a computed size in a branch, from constants of the main graph."""

    def model(size: int) -> onnx.ModelProto:
        out = [helper.make_tensor_value_info("z", TensorProto.FLOAT, [None, None])]
        nodes = [helper.make_node("Mul", ["s", "s"], ["u"]), helper.make_node("ConstantOfShape", ["u"], ["z"])]
        branch = helper.make_graph(nodes, "b", [], out)
        other = helper.make_graph([helper.make_node("Identity", ["x"], ["z"])], "c", [], out)
        return model_of(
            [_node("If", ["c"], then_branch=other, else_branch=branch)],
            {"s": np.array([size, size], np.int64), "c": np.array(True)},
        )

    assert finding(model(3)) == ""
    assert finding(model(1 << 10)) == "LG422"


@pytest.mark.parametrize("size", [5000, 1 << 27])
def test_a_long_list_is_not_carried_along(size: int) -> None:
    """Inference would carry each of its numbers: a constant, an input and what is made of them stay unseen."""
    nodes = [helper.make_node("Cast", ["x"], ["u"], to=7), helper.make_node("Size", ["u"], ["n"])]
    nodes += [helper.make_node("Add", ["big", "big"], ["v"]), _node("Cast", ["n"], to=1)]
    model = model_of(nodes, {"big": np.zeros(5000, np.int64)}, shape=[size])
    assert finding(model) == ""
