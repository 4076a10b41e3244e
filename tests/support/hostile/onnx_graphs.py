"""ONNX graphs with operators that are not on the list, code of their own, or sizes and names that lie."""

from __future__ import annotations

from collections.abc import Iterator

from tests.support.hostile.case import Hostile
from tests.support.hostile.wire import (
    GOOD_GRAPH,
    attribute,
    floats,
    graph,
    held,
    integers,
    model,
    node,
    number,
    of_nodes,
    opset,
    single,
    subgraph,
    tensor,
    value,
)

_ADD = node("Add", "X W", "Y")
_W = floats("W", [1.0, 2.0])
_SAME = node("Identity", "X", "Y")
_YES = tensor("C", (), b"\1", kind=9)
_ELSE = subgraph("else_branch", graph([_SAME], inputs=[]))

FOREIGN = (
    ("evil", "Evil"),
    ("com.microsoft", "PythonOp"),
    ("com.microsoft", "PythonOpGrad"),
    ("com.microsoft", "EPContext"),
    ("com.microsoft", "ATen"),
    ("org.pytorch.aten", "ATen"),
    ("ai.onnx.contrib", "PyOp"),
    ("ai.onnx.contrib", "StringRegexReplace"),
    ("ai.onnx.contrib", "AzureTextToText"),
    ("com.microsoft.extensions", "GPT2Tokenizer"),
    ("com.microsoft", "BeamSearch"),
    ("com.microsoft", "tokenizer"),
    ("com.microsoft", "ConvTransposeWithDynamicPads"),
    ("com.microsoft.nchwc", "Conv"),
    ("com.ms.internal.nhwc", "Conv"),
    ("ai.onnx.preview.training", "Adam"),
    ("ai.onnx.training", "Gradient"),
    ("AI.ONNX", "Identity"),
    ("ai.onnx ", "Identity"),
    ("ai.onnx\0", "Identity"),
    ("ai.onnx.ml.", "Scaler"),
    ("a\u0131.onnx", "Identity"),
)
UNKNOWN = ("identity", "Identity ", "Identity\0", "", "Identity_13", "ATen", "PyOp", "Tokenizer", "Scaler", "Reshape2")


def _operators() -> Iterator[tuple[str, bytes, str]]:
    for domain, operator in FOREIGN:
        sets = (opset(17), opset(1, domain))
        called = graph([node(operator, "X", "Y", domain=domain)])
        yield f"{domain}.{operator}", model(called, opsets=sets), "an operator of a library that would be loaded"
    for operator in UNKNOWN:
        yield f"operator {operator!r}", of_nodes(node(operator, "X", "Y")), "no such operator"
    yield "set without nodes", model(GOOD_GRAPH, opsets=[opset(17), opset(1, "evil")]), "asks for a library"
    evil = node("Evil", "X", "Y", domain="evil")
    then = subgraph("then_branch", graph([evil], inputs=[]))
    sets = (opset(17), opset(1, "evil"))
    yield "in a branch", model(graph([node("If", "C", "Y", then, _ELSE)], [_YES]), opsets=sets), "hidden one deeper"
    unasked = model(graph([node("If", "C", "Y", then, _ELSE)], [_YES]))
    yield "in a branch, unasked", unasked, "hidden, and its set is not imported"
    listed = held(1, "graphs") + held(11, graph([evil], inputs=[])) + number(20, 10)
    yield "in a list of graphs", model(graph([node("Identity", "X", "Y", listed)]), opsets=sets), "where nobody looks"
    extra = held(1, "body") + held(6, graph([evil], inputs=[])) + number(20, 2) + number(3, 1)
    yield "in a graph of another type", model(graph([node("Identity", "X", "Y", extra)])), "the type says a number"
    deep = evil
    for _ in range(12):
        deep = node("If", "C", "Y", subgraph("then_branch", graph([deep], inputs=[])), _ELSE)
    yield "12 branches deep", model(graph([deep], [_YES]), opsets=sets), "hidden twelve deeper"


def _functions() -> Iterator[tuple[str, bytes, str]]:
    def function(domain: str, name: str, *nodes: bytes) -> bytes:
        body = held(1, name) + held(4, "a") + held(5, "b") + b"".join(held(7, one) for one in nodes)
        return held(25, body + held(9, opset(17)) + held(10, domain))

    inner = node("Identity", "a", "b")
    sets = (opset(17), opset(1, "local"))
    called = graph([node("F", "X", "Y", domain="local")])
    yield "function", model(called, opsets=sets, more=function("local", "F", inner)), "a function of its own"
    yield "unused", model(GOOD_GRAPH, more=function("local", "F", inner)), "a function that nobody calls"
    shadow = function("", "Add", node("Sub", "a", "b"))
    yield "shadow", model(GOOD_GRAPH, more=shadow), "Add means something else"
    itself = function("local", "F", node("F", "a", "b", domain="local"))
    yield "recursion", model(called, opsets=sets, more=itself), "calls itself"
    laughs = b"".join(
        function("local", f"F{n}", *(node(f"F{n + 1}", "a", "b", domain="local") for _ in range(10))) for n in range(12)
    )
    yield "laughs", model(called, opsets=sets, more=laughs), "10^12 nodes when they are put in place"
    yield (
        "reference",
        of_nodes(node("Softmax", "X", "Y", held(1, "axis") + held(21, "a") + number(20, 2))),
        "no function",
    )
    training = held(20, held(1, graph([_SAME])) + held(2, graph([_SAME])))
    yield "training", model(GOOD_GRAPH, more=training), "a graph to be trained further"
    yield "empty training", model(GOOD_GRAPH, more=held(20, b"")), "the same, with nothing in it"
    overload = model(graph([_ADD + held(8, "mine")], [_W]))
    yield "overload", overload, "another Add, of the model's own"
    yield "devices", model(GOOD_GRAPH, ir=11, more=held(26, held(1, "d") + number(2, 1 << 30))), "a billion devices"


def _versions() -> Iterator[tuple[str, bytes, str]]:
    for version in (0, -1, 999, 1 << 40, (1 << 63) - 1):
        yield f"opset {version}", model(GOOD_GRAPH, opsets=[opset(version)]), "nobody knows it"
        yield (
            f"opset ml {version}",
            model(GOOD_GRAPH, opsets=[opset(17), opset(version, "ai.onnx.ml")]),
            "nobody knows it",
        )
        yield f"ir {version}", model(GOOD_GRAPH, ir=version), "nobody knows it"
    yield "ir 2", model(GOOD_GRAPH, ir=2), "older than operator sets"
    yield "no ir", held(7, GOOD_GRAPH) + held(8, opset(17)), "none"
    yield "no opset", model(GOOD_GRAPH, opsets=[]), "none"
    yield "two opsets", model(GOOD_GRAPH, opsets=[opset(17), opset(7)]), "which one?"
    yield "two names of one", model(GOOD_GRAPH, opsets=[opset(17), opset(7, "ai.onnx")]), "which one?"
    yield "operator too new", model(graph([node("Gelu", "X", "Y")]), opsets=[opset(17)]), "not in this set"
    yield "operator too old", model(graph([node("Upsample", "X W", "Y")], [_W]), opsets=[opset(17)]), "no longer there"


def _tensors() -> Iterator[tuple[str, bytes, str]]:
    def adding(one: bytes) -> bytes:
        return model(graph([_ADD], [one]))

    yield "negative size", adding(tensor("W", (-2,), bytes(8))), "below nothing"
    yield "overflow", adding(tensor("W", (1 << 32, 1 << 32), bytes(8))), "the product is 0 in 64 bits"
    yield "overflow to 2", adding(tensor("W", (1 << 63, 2, 1), bytes(8))), "the product overflows"
    yield "huge", adding(tensor("W", (1 << 40,), bytes(8))), "4 TiB out of 8 bytes"
    yield "huge without data", adding(tensor("W", (1 << 27,))), "512 MiB out of nothing"
    yield "zero and huge", adding(tensor("W", (0, 1 << 62, 1 << 62), b"")), "nothing, of impossible sizes"
    yield "short", adding(tensor("W", (2,), bytes(7))), "a byte too few: reads past the end"
    yield "long", adding(tensor("W", (2,), bytes(9))), "a byte too many"
    yield "pickle as rest", adding(tensor("W", (2,), bytes(8) + b"cos\nsystem\n")), "a payload after the numbers"
    yield "two sources", adding(tensor("W", (2,), bytes(8), more=single(4, 1.0) * 2)), "raw and typed"
    yield "few floats", adding(tensor("W", (3,), more=single(4, 1.0) * 2)), "two of three"
    yield "many floats", adding(tensor("W", (1,), more=single(4, 1.0) * 2)), "two of one"
    yield "other field", adding(tensor("W", (2,), more=number(7, 1) * 2)), "integers in a tensor of floats"
    yield "raw texts", adding(tensor("W", (2,), bytes(8), kind=8)), "texts have no raw form"
    yield "type 0", adding(tensor("W", (2,), bytes(8), kind=0)), "of no type"
    yield "type 99", adding(tensor("W", (2,), bytes(8), kind=99)), "a type that nobody knows"
    yield "type -1", adding(tensor("W", (2,), bytes(8), kind=-1)), "a type that nobody knows"
    yield "segment", adding(tensor("W", (2,), bytes(8), more=held(3, number(1, 0) + number(2, 9)))), "a part of one"
    yield "no name", adding(tensor("", (2,), bytes(8))), "without a name"
    yield "same name", model(graph([_ADD], [_W, _W])), "two of one name"
    yield "1,000 dimensions", adding(tensor("W", (1,) * 1000, bytes(4))), "more than any library has"
    constant = held(1, "value") + held(5, tensor("", (1 << 40,), bytes(8))) + number(20, 4)
    yield "huge constant", of_nodes(node("Constant", "", "Y", constant)), "4 TiB in an attribute"
    for what, dims, place in (("huge", 1 << 40, 0), ("index outside", 4, 9), ("negative index", 4, -1)):
        sparse = held(1, floats("S", [1.0])) + held(2, integers("", [place])) + number(3, dims)
        yield (
            f"sparse, {what}",
            model(graph([node("Add", "X S", "Y")], more=held(15, sparse))),
            "made dense when loaded",
        )
    inner = held(1, floats("", [1.0])) + held(2, integers("", [0])) + number(3, 1 << 40)
    attributed = held(1, "sparse_value") + held(22, inner) + number(20, 11)
    yield "sparse constant", of_nodes(node("Constant", "", "Y", attributed)), "4 TiB when made dense"


def _shapes() -> Iterator[tuple[str, bytes, str]]:
    yield "circle", of_nodes(node("Add", "X B", "A"), node("Add", "A X", "B"), node("Add", "A B", "Y")), "no order"
    yield "wrong order", of_nodes(node("Identity", "A", "Y"), node("Identity", "X", "A")), "no order"
    yield "undefined input", of_nodes(node("Add", "X nowhere", "Y")), "read from nowhere"
    yield "same output twice", of_nodes(node("Identity", "X", "Y"), node("Abs", "X", "Y")), "which one?"
    yield "writes its input", of_nodes(node("Identity", "X", "X"), _SAME), "which one?"
    yield "output of nobody", of_nodes(node("Identity", "X", "Z")), "Y is never made"
    yield "too many inputs", of_nodes(node("Identity", "X X X", "Y")), "read past what is there"
    yield "too few inputs", of_nodes(node("Add", "X", "Y")), "read past what is there"
    yield "no node outputs", of_nodes(node("Identity", "X", ""), _SAME), "written to nowhere"
    yield "unknown attribute", of_nodes(node("Identity", "X", "Y", attribute("library", "evil.so"))), "names a library"
    yield (
        "attribute twice",
        of_nodes(node("Softmax", "X", "Y", attribute("axis", 0), attribute("axis", 1))),
        "which one?",
    )
    yield "other type", of_nodes(node("Softmax", "X", "Y", attribute("axis", "one"))), "a text for a number"
    lying = held(1, "axis") + held(4, "text") + number(20, 2)
    yield "lying type", of_nodes(node("Softmax", "X", "Y", lying)), "says a number, is a text"
    yield "type left out", of_nodes(node("Softmax", "X", "Y", held(1, "axis") + number(3, 1))), "no type"
    yield "no name of attribute", of_nodes(node("Softmax", "X", "Y", number(3, 1) + number(20, 2))), "no name"
    deep = _SAME
    for _ in range(60):
        deep = node("If", "C", "Y", subgraph("then_branch", graph([deep], inputs=[])), _ELSE)
    yield "60 branches deep", model(graph([deep], [_YES])), "recursion of whoever reads it"
    yield "100,001 nodes", model(graph([]) + held(1, _SAME) * 100_001), "more than the limit"
    yield "20,000 inputs", model(graph([_SAME], inputs=[value(f"X{n}", [1]) for n in range(20_000)])), "more than fits"
    yield "input of no type", model(graph([_SAME], inputs=[held(1, "X")])), "of no type"
    yield "same input twice", model(graph([_SAME], inputs=[value("X", [2]), value("X", [3])])), "which one?"


def all_of_them() -> Iterator[Hostile]:
    """Every graph."""
    for what, data, why in _operators():
        yield Hostile("ONNX operators", "model.onnx", data, f"{what}: {why}")
    for what, data, why in (*_functions(), *_versions()):
        yield Hostile("ONNX functions and versions", "model.onnx", data, f"{what}: {why}")
    for what, data, why in _tensors():
        yield Hostile("ONNX tensors", "model.onnx", data, f"{what}: {why}")
    for what, data, why in _shapes():
        yield Hostile("ONNX shapes", "model.onnx", data, f"{what}: {why}")
