"""The walk over the wire format: what it lets in, and the byte that it names when it refuses."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lockgate.register.jail import onnx_file
from lockgate.register.jail.findings import NotAllowed
from lockgate.register.jail.onnx_fields import KEPT, LIMITS, MESSAGES, PACKED, ROOT
from lockgate.register.jail.onnx_file import check_onnx
from lockgate.register.jail.wire_cut import varint, without
from lockgate.register.jail.wire_fields import WIRE, Kind
from lockgate.register.jail.wire_walk import numbers, walk
from tests.support.onnx_files import finding, model_of, product, refusal

PLAIN = product().SerializeToString()
LEFT_OUT = {
    "ModelProto": {"configuration"},
    "GraphProto": {"quantization_annotation"},
    "NodeProto": {"device_configurations"},
    "AttributeProto": {"ref_attr_name"},
    "TensorProto": {"segment"},
    "TypeProto": {"opaque_type"},
}


def _field(number: int, value: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(value)) + value


def _graph(extra: bytes) -> bytes:
    """The plain model with `extra` at the end of its graph."""
    graph = product().graph.SerializeToString() + extra
    return _field(7, graph) + varint(8 << 3 | 2) + b"\x02\x10\x12" + b"\x08\x09"


def test_the_table_is_that_of_the_library() -> None:
    """Every field has the number, kind and repetition of onnx.proto; what is left out is named, and nothing else is."""
    kinds = {"message": 11, "int64": 3, "int32": 5, "enumeration": 14, "float": 2, "double": 1, "bytes": 12}
    for name, fields in MESSAGES.items():
        message: Any = onnx.ModelProto.DESCRIPTOR.file.message_types_by_name[name.partition(".")[0]]
        message = message.nested_types_by_name[name.partition(".")[2]] if "." in name else message
        known = {one.name: one for one in fields}
        assert set(message.fields_by_name) - LEFT_OUT.get(name, set()) == set(known)
        for one in fields:
            theirs = message.fields_by_name[one.name]
            # A uint64 is spelled as an int64 is.
            kind = 3 if theirs.type == 4 else theirs.type
            assert (theirs.number, kind, theirs.is_repeated) == (one.number, kinds.get(one.kind.value, 9), one.many)
            assert (theirs.containing_oneof.name if theirs.containing_oneof else "") == one.once
            assert theirs.is_packed == (one.name in PACKED)
            if one.message:
                assert theirs.message_type.full_name == f"onnx.{one.message}"


def test_a_plain_model_passes_from_bytes_from_a_stream_and_from_a_file(tmp_path: Path) -> None:
    """The same facts each way; the file is mapped."""
    facts = check_onnx(PLAIN)
    assert (facts["nodes"], facts["inputs"], facts["outputs"], facts["external"]) == (1, ["x"], ["y"], {})
    assert check_onnx(io.BytesIO(PLAIN), len(PLAIN)) == facts
    path = tmp_path / "model.onnx"
    path.write_bytes(PLAIN)
    with path.open("rb") as stream:
        assert check_onnx(stream, len(PLAIN)) == facts


@pytest.mark.parametrize(
    ("data", "offset"),
    [
        (PLAIN + b"\xfa\x3f\x06secret", len(PLAIN)),  # field 127
        (PLAIN + b"\x0b\x0c", len(PLAIN)),  # a group begins
        (PLAIN + b"\x0d\x00\x00\x00\x00", len(PLAIN)),  # ir_version as four bytes
        (PLAIN + b"\x08\x09", len(PLAIN)),  # ir_version again: protobuf takes the last
        (PLAIN + _field(7, b""), len(PLAIN)),  # a second graph: protobuf merges the two
        (PLAIN + b"\x42", len(PLAIN) + 1),  # a tag without a length
        (PLAIN + b"\x42\x05\x10\x01", len(PLAIN) + 1),  # a length beyond the end
        (PLAIN + b"\x42\x82\x00\x10\x01", len(PLAIN) + 1),  # a length not in its shortest spelling
        (PLAIN + b"\xc2\x00\x02\x10\x01", len(PLAIN)),  # a tag not in its shortest spelling
        (PLAIN + b"\x28" + b"\xff" * 10 + b"\x01", len(PLAIN) + 1),  # a number of more than 64 bits
        (PLAIN + b"\x28" + b"\xff" * 9 + b"\x02", len(PLAIN) + 1),
        (PLAIN + b"\x00", len(PLAIN)),
        (PLAIN + _field(20 + 5 + 1, b""), len(PLAIN)),  # what shards a model over devices
        (PLAIN + _field(6, b"a\xffb"), len(PLAIN) + 3),  # no UTF-8
        (PLAIN + _field(6, b"\x1b[2J"), len(PLAIN) + 2),  # control characters in a text
        (PLAIN[:-1], None),
        (PLAIN[1:], None),
        (b"", 0),
    ],
)
def test_a_byte_that_no_rule_accounts_for_is_named(data: bytes, offset: int | None) -> None:
    """LG411, with the offset of the first such byte."""
    no = refusal(data)
    assert no is not None
    assert no.finding == "LG411"
    assert isinstance(no.seen["offset"], int)
    assert offset is None or no.seen["offset"] == offset


@pytest.mark.parametrize(
    "extra",
    [
        _field(5, b"\x10\x01\x10\x01"),  # a tensor with two types
        _field(5, b"\x10\x80\x80\x80\x80\x20"),  # a type of 33 bits, which protobuf cuts to 32
        _field(5, b"\x70\x05"),  # a location that is none
        _field(1, _field(3, b"a\nb")),  # a name of two lines
        _field(11, _field(1, b"z") + _field(2, _field(1, b"") + _field(4, b""))),  # a tensor and a sequence
        _field(1, _field(5, b"\xa0\x01\x7f")),  # a type of attribute that is none
        _field(1, _field(5, _field(21, b"a"))),  # a reference to a function's attribute
        _field(1, _field(5, b"\x3d\x00\x00")),  # a number cut short
        _field(1, _field(5, _field(7, b"\x00\x00\x00"))),
        _field(1, _field(5, b"\x40\x80\x00")),
        _field(1, _field(5, _field(8, b"\x01\x80"))),
    ],
)
def test_a_field_that_two_readers_could_read_in_two_ways_is_refused(extra: bytes) -> None:
    """Inside the graph too: twice, too wide, of no known value, cut short."""
    assert finding(_graph(b"")) == ""
    assert finding(_graph(extra)) == "LG411"


def test_both_spellings_of_repeated_numbers_are_read() -> None:
    """Libraries built from the proto3 file pack what onnx.proto does not: the same model either way."""
    whole = _graph(_field(5, b"\x08\x02\x08\x02\x10\x01" + _field(8, b"u") + _field(9, b"\0" * 16)))
    packed = _graph(_field(5, _field(1, b"\x02\x02") + b"\x10\x01" + _field(8, b"u") + _field(9, b"\0" * 16)))
    assert check_onnx(whole) == check_onnx(packed)


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        ("NodeProto", lambda m: m.graph.node.append(helper.make_node("Relu", ["y"], ["z"]))),
        ("TensorProto", lambda m: m.graph.initializer.append(numpy_helper.from_array(np.ones(1), "u"))),
        ("StringStringEntryProto", lambda m: [m.metadata_props.add(key=key) for key in "ab"]),
    ],
)
def test_counts_have_limits(name: str, edit: Callable[[onnx.ModelProto], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """LG416 before the library makes anything of it; here with limits that a test can reach."""
    model = product()
    edit(model)
    assert finding(model) == ""
    monkeypatch.setattr(onnx_file, "LIMITS", replace(LIMITS, counts={name: 1}))
    monkeypatch.setattr(onnx_file, "_skeleton", pytest.fail)
    assert finding(model) == "LG416"


def test_sizes_have_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file, what is made of its graph, a text, the graph's inputs, and the depth of what is no graph."""
    deep = helper.make_tensor_type_proto(1, [1])
    for _ in range(40):
        deep = helper.make_sequence_type_proto(deep)
    nested = product()
    nested.graph.input.append(helper.make_value_info("d", deep))
    assert finding(nested) == "LG416"
    texts = product()
    texts.doc_string = "a" * (1 << 20)
    assert finding(texts) == ""
    texts.doc_string += "a"
    assert finding(texts) == "LG416"
    for limit in ("MAX_MODEL_BYTES", "MAX_PARSED_BYTES", "MAX_FEEDS"):
        with monkeypatch.context() as patch:
            patch.setattr(onnx_file, limit, 0)
            assert finding(PLAIN) == "LG416"


def test_large_weights_are_not_parsed_and_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the library gets is the model without them; the facts are those of the whole."""
    model = model_of([helper.make_node("MatMul", ["x", "w"], ["y"])], {"w": np.ones((2, 500), np.float32)})
    data = model.SerializeToString()
    facts = check_onnx(data)
    seen: list[bytes] = []
    monkeypatch.setattr(onnx_file, "_KEPT_IN_ALL", 0)
    monkeypatch.setattr(onnx_file, "_check_graph", seen.append)
    assert check_onnx(data) == facts
    assert (len(data) > 4000, len(seen[0]) < 1000) == (True, True)
    left = onnx.ModelProto.FromString(seen[0]).graph
    assert ([value.name for value in left.input], list(left.initializer)) == (["x", "w"], [])


def test_a_message_can_be_left_out_at_any_depth() -> None:
    """Every length around it is mended, also where it becomes a byte shorter."""
    inner = helper.make_graph([], "b", [], [], [numpy_helper.from_array(np.ones(100), "u")])
    model = model_of([helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)], {"c": True})
    data = model.SerializeToString()
    walked = walk(data, len(data), ROOT, KEPT, LIMITS, PACKED)
    frames = [record.frame for record in walked.records if record.frame.kind.name == "TensorProto"]
    for attribute in model.graph.node[0].attribute:
        del attribute.g.initializer[:]
    del model.graph.initializer[:]
    assert without(data, len(data), frames) == model.SerializeToString()


def test_functions_and_training_have_a_reason_of_their_own() -> None:
    """LG413, from the wire: they are never made objects of. A choice between functions is one too."""
    assert finding(PLAIN + _field(25, b"anything")) == "LG413"
    assert finding(PLAIN + _field(20, b"")) == "LG413"
    model = product()
    model.graph.node[0].overload = "other"
    assert finding(model) == "LG413"


def test_a_stream_that_is_shorter_than_it_was_is_refused() -> None:
    """Who listed it and who reads it saw two files."""
    with pytest.raises(NotAllowed) as no:
        check_onnx(io.BytesIO(PLAIN[:-3]), len(PLAIN))
    assert (no.value.finding, no.value.seen["offset"]) == ("LG411", len(PLAIN) - 3)


def test_numbers_are_read_as_protobuf_reads_them() -> None:
    """One byte, several, and a negative one."""
    assert numbers(b"\x01\xac\x02" + b"\xff" * 9 + b"\x01") == [1, 300, -1]
    assert (WIRE[Kind.DOUBLE], varint(300), varint(0)) == (1, b"\xac\x02", b"\x00")
    assert TensorProto.FLOAT == 1
