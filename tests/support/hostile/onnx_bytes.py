"""ONNX files whose bytes are more, fewer or others than they seem. Source: the protobuf encoding's description."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from tests.support.hostile.case import Hostile
from tests.support.hostile.pickles import CALL
from tests.support.hostile.wire import (
    GOOD,
    GOOD_GRAPH,
    attribute,
    floats,
    graph,
    held,
    key,
    model,
    node,
    number,
    opset,
    tensor,
    value,
    varint,
)

_ADD = node("Add", "X W", "Y")
_W = floats("W", [1.0, 2.0])
_EVIL = node("Evil", "X", "Y", domain="evil")
UNKNOWN = 3000


def _unknown_fields() -> Iterator[tuple[str, bytes]]:
    """An unknown field in every message that a file holds."""
    more = held(UNKNOWN, CALL)
    yield "model", model(GOOD_GRAPH, more=more)
    yield "graph", model(graph([_ADD], [_W], more=more))
    yield "node", model(graph([node("Add", "X W", "Y", more=more)], [_W]))
    yield "tensor", model(graph([_ADD], [_W + more]))
    yield "attribute", model(graph([node("Softmax", "X", "Y", attribute("axis", 1) + more)]))
    yield "value", model(graph([_ADD], [_W], inputs=[value("X", ["N", 2]) + more]))
    yield "type", model(graph([_ADD], [_W], inputs=[held(1, "X") + held(2, held(1, number(1, 1) + more))]))
    yield "opset", model(GOOD_GRAPH, opsets=[opset(17) + more])
    yield "metadata", model(GOOD_GRAPH, more=held(14, held(1, "a") + held(2, "b") + more))
    yield "external entry", model(graph([_ADD], [_W + held(13, held(1, "k") + held(2, "v") + more)]))
    then = graph([node("Identity", "X", "Y", more=more)], inputs=[])
    branch = held(1, "then_branch") + held(6, then) + number(20, 5)
    other = held(1, "else_branch") + held(6, graph([node("Identity", "X", "Y")], inputs=[])) + number(20, 5)
    yield "subgraph", model(graph([node("If", "C", "Y", branch, other)], [tensor("C", [], b"\1", kind=9)]))


def _odd_fields() -> Iterator[tuple[str, bytes]]:
    yield "varint", number(UNKNOWN, 7)
    yield "fixed64", key(UNKNOWN, 1) + bytes(8)
    yield "fixed32", key(UNKNOWN, 5) + bytes(4)
    yield "group", key(UNKNOWN, 3) + number(1, 1) + key(UNKNOWN, 4)
    yield "empty group", key(UNKNOWN, 3) + key(UNKNOWN, 4)
    yield "group in groups", key(UNKNOWN, 3) * 20_000 + key(UNKNOWN, 4) * 20_000
    yield "group that stays open", key(UNKNOWN, 3) + number(1, 1)
    yield "end of another group", key(UNKNOWN, 3) + key(UNKNOWN + 1, 4)
    yield "end of no group", key(UNKNOWN, 4)
    yield "known field as a group", key(7, 3) + key(7, 4)
    yield "field 0", b"\x00\x01"
    yield "field 0 of bytes", b"\x02" + varint(len(CALL)) + CALL
    yield "wire type 6", key(UNKNOWN, 6) + bytes(4)
    yield "wire type 7", key(UNKNOWN, 7) + bytes(8)
    yield "field of 29 bits", key((1 << 29) - 1, 0) + b"\1"
    yield "field of 32 bits", varint(1 << 34 | 2) + b"\1x"
    yield "tag of eleven bytes", b"\xff" * 10 + b"\1"
    yield "reserved field", number(19_500, 1)


def _bytes() -> Iterator[tuple[str, bytes, str]]:
    for what, field in _odd_fields():
        yield what, GOOD + field, "an odd field at the end"
        if what in {"varint", "group", "field 0"}:
            yield f"{what} within", model(graph([_ADD], [_W], more=field)), "an odd field in the graph"
    for what, data in _unknown_fields():
        yield f"unknown in {what}", data, "a payload in a field that nobody reads"
    yield "pickle follows", GOOD + CALL, "a pickle after the model"
    yield "pickle before", CALL + GOOD, "a pickle before the model"
    yield "NUL follows", GOOD + b"\0", "one byte too many"
    yield "NULs follow", GOOD + bytes(4096), "a page too many"
    yield "cut", GOOD[:-1], "one byte too few"
    yield "half", GOOD[: len(GOOD) // 2], "half of it"
    yield "empty", b"", "nothing"
    yield "one byte", b"\x08", "a tag alone"
    yield "no graph", number(1, 8) + held(8, opset(17)), "no graph"
    yield "empty graph field", model(b""), "a graph of nothing"
    yield "two graphs", model(graph([_EVIL], outputs=[]), more=held(7, GOOD_GRAPH)), "parsers merge them"
    yield "two graphs, good first", model(GOOD_GRAPH, more=held(7, graph([_EVIL], inputs=[], outputs=[]))), "merged"
    yield "two good graphs", model(GOOD_GRAPH, more=held(7, held(10, "more"))), "merged, harmless, and not as written"
    yield "two versions", model(GOOD_GRAPH, before=number(1, 99)), "the last one counts"
    yield "two operators", model(graph([_ADD + held(4, "Mul")], [_W])), "the last one counts"
    yield "two domains", model(graph([node("Add", "X W", "Y", domain="evil") + held(7, "")], [_W])), "the last counts"
    yield "two raw data", model(graph([_ADD], [tensor("W", [2], bytes(8)) + held(9, bytes(8))])), "the last one counts"
    yield "two tensors in one attribute", model(graph([_constant(held(5, _W) * 2)])), "parsers merge them"
    yield "two types", model(graph([_ADD], [_W], inputs=[_two_types()])), "one of; the last one counts"
    yield "overlong tag", b"\x88\x00" + GOOD[1:], "a varint with a byte that says nothing"
    yield (
        "overlong length",
        number(1, 8) + b"\x3a" + varint(len(GOOD_GRAPH), pad=2) + GOOD_GRAPH + held(8, opset(17)),
        "pad",
    )
    yield "overlong value", b"\x08" + varint(8, pad=3) + GOOD[2:], "padded"
    yield "ten bytes of version", b"\x08\x88\x80\x80\x80\x80\x80\x80\x80\x80\x02" + GOOD[2:], "bits beyond 64"
    yield "length beyond", number(1, 8) + b"\x3a" + varint(1 << 20) + GOOD_GRAPH, "longer than the file"
    yield "length 2^31", number(1, 8) + b"\x3a" + varint(1 << 31) + GOOD_GRAPH, "longer than any message"
    yield "length 2^63", number(1, 8) + b"\x3a" + varint(1 << 63) + GOOD_GRAPH, "negative for some"
    yield "graph as a number", number(1, 8) + number(7, 1), "another wire type"
    yield "graph as fixed", number(1, 8) + key(7, 5) + bytes(4) + held(8, opset(17)), "another wire type"
    yield "version as bytes", held(1, b"\x08") + GOOD[2:], "another wire type"
    yield "name not UTF-8", model(graph([_ADD + held(3, b"\xff\xfe")], [_W])), "no text"
    yield "operator not UTF-8", model(graph([node("Add", "X W", "Y") + held(3, b"\xc3\x28")], [_W])), "no text"
    yield "messages to no end", _deep(20_000), "60,000 messages within each other"
    yield "types to no end", model(graph([_ADD], [_W], inputs=[held(1, "X") + held(2, _types(20_000))])), "deep types"
    yield "a million empty nodes", model(held(1, b"") * 1_000_000), "out of 2 MB"
    yield "a million dimensions", model(graph([_ADD], [number(1, 1) * 500_000 + _W])), "of one tensor"
    yield "a million metadata", model(GOOD_GRAPH, more=held(14, b"") * 500_000), "out of 1 MB"


def _constant(body: bytes) -> bytes:
    return node("Constant", "", "Y", held(1, "value") + body + number(20, 4))


def _two_types() -> bytes:
    first = held(1, number(1, 1))
    return held(1, "X") + held(2, first + held(4, held(1, first)))


def _deep(depth: int) -> bytes:
    """Graph in attribute in node in graph, written from the inside."""
    pieces: list[bytes] = []
    size = 0
    for _ in range(depth):
        for field in (6, 5, 1):
            head = key(field, 2) + varint(size)
            pieces.append(head)
            size += len(head)
    return number(1, 8) + held(7, b"".join(reversed(pieces)))


def _types(depth: int) -> bytes:
    """Sequences of sequences."""
    pieces = [held(1, number(1, 1))]
    size = len(pieces[0])
    for _ in range(depth):
        for field in (1, 4):
            head = key(field, 2) + varint(size)
            pieces.append(head)
            size += len(head)
    return b"".join(reversed(pieces))


def _others() -> Iterator[tuple[str, bytes, str]]:
    """Files of other kinds that are protobuf too, or call themselves ONNX."""
    yield (
        "saved_model.pb",
        number(1, 1) + held(2, held(1, held(4, "serve")) + held(2, held(1, held(2, "ReadFile")))),
        "TensorFlow",
    )
    yield (
        "model.mlmodel",
        number(1, 4) + held(2, held(100, "x")) + held(555, held(1, "custom")),
        "CoreML with a custom layer",
    )
    yield "model.tflite", struct.pack("<I", 28) + b"TFL3" + bytes(64), "TFLite, whose operators may be custom"
    yield "model.ort", struct.pack("<I", 28) + b"ORTM" + bytes(64), "onnxruntime's own format: no proto to check"
    yield "caffe.caffemodel", held(1, "net") + held(100, held(2, "Python")), "Caffe with a Python layer"
    yield "spiece.model", held(1, held(1, "<unk>") + bytes([0x15]) + bytes(4)), "sentencepiece: not on the list"
    yield "text.onnx", b"A harmless text.\n", "a text under a model's name"
    yield "empty.onnx", b"", "nothing under a model's name"
    yield "json.onnx", b"{}", "JSON under a model's name"
    yield "model.json", GOOD, "a model under the name of JSON"
    yield "model.safetensors", GOOD, "a model under another's name"


def all_of_them() -> Iterator[Hostile]:
    """Every file."""
    for what, data, why in _bytes():
        yield Hostile("ONNX bytes", "model.onnx", data, f"{what}: {why}")
    for name, data, why in _others():
        yield Hostile("ONNX lookalike", name, data, why)
