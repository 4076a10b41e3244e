"""What the scan in the jail lets in, and what it names when it refuses."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lockgate.core.encoding import encode
from lockgate.register.formats import MAX_DEPTH
from lockgate.register.jail import onnx_file
from lockgate.register.jail.findings import NotAllowed
from lockgate.register.jail.onnx_fields import LIMITS
from lockgate.register.jail.onnx_file import check_onnx
from tests.support.scanning import scan


def _model(**changes: Any) -> onnx.ModelProto:
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])],
        [numpy_helper.from_array(np.ones((2, 1), np.float32), "w")],
    )
    opsets = changes.get("opsets", [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)])
    model = helper.make_model(graph, opset_imports=opsets)
    model.ir_version = 9
    return model


def _io(**changes: object) -> bytes:
    value = {
        "v": 1,
        "task": "regression",
        "label": "delay",
        "classes": None,
        "fields": [{"name": "a", "kind": "float"}, {"name": "b", "kind": "float"}],
        "inputs": [_input("x")],
        "outputs": {"value": "y"},
    }
    return encode({**value, **changes})


def _input(name: str) -> dict[str, object]:
    return {"input": name, "fields": ["a", "b"], "type": "float32", "shape": [None, 2]}


def _closure(**changes: bytes) -> dict[str, bytes]:
    files = {"model.onnx": _model().SerializeToString(), "io.json": _io(), "code/contract.py": b"x = 1\n"}
    files.update({name.replace("__", "/").replace("_dot_", "."): data for name, data in changes.items()})
    return files


def _edited(edit: Callable[[onnx.ModelProto], None]) -> bytes:
    model = _model()
    edit(model)
    return bytes(model.SerializeToString())


def test_a_plain_closure_passes_and_every_file_is_reported() -> None:
    """The positive control of all the refusals below."""
    report = scan({**_closure(), "baseline.json": b"{}", "README.md": "Grüße\n".encode()})
    assert report["refused"] is None
    assert {entry["name"]: entry["format"] for entry in report["files"]} == {
        "model.onnx": "onnx",
        "io.json": "json",
        "code/contract.py": "text",
        "baseline.json": "json",
        "README.md": "text",
    }
    facts = next(entry["facts"] for entry in report["files"] if entry["name"] == "model.onnx")
    assert (facts["operators"], facts["inputs"], facts["outputs"]) == (["ai.onnx.MatMul"], ["x"], ["y"])


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("data.pkl", b"x")
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        pickle.dumps({"a": 1}),
        pickle.dumps([1], protocol=2),
        pickle.dumps({"a": 1}, protocol=0),
        _zip(),
        b"\x1f\x8b\x08",
        b"\x89HDF\r\n\x1a\n..",
        b"\x7fELF",
    ],
)
def test_a_disguise_is_named(data: bytes) -> None:
    """A pickle or an archive called model.onnx is refused as what it is."""
    report = scan(_closure(model_dot_onnx=data))
    assert (report["refused"]["name"], report["refused"]["finding"]) == ("model.onnx", "LG410")


@pytest.mark.parametrize("data", [b"", b"hello", b"\x08\x09"])
def test_what_is_no_onnx_at_all_is_refused(data: bytes) -> None:
    """What does not parse, or parses to no graph, does not enter."""
    assert scan(_closure(model_dot_onnx=data))["refused"]["finding"] == "LG411"


def test_bytes_after_or_between_the_known_fields_are_refused() -> None:
    """An unknown protobuf field can carry anything: it must not be there."""
    plain = _model().SerializeToString()
    smuggled = plain + b"\xfa\x3f\x06" + b"secret"  # field 127, six bytes
    assert check_onnx(plain)
    with pytest.raises(NotAllowed) as no:
        check_onnx(smuggled)
    assert no.value.finding == "LG411"


def _add_function(model: onnx.ModelProto) -> None:
    model.functions.append(
        helper.make_function(
            "own", "F", ["a"], ["b"], [helper.make_node("Relu", ["a"], ["b"])], [helper.make_opsetid("", 18)]
        )
    )


def _external(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../etc/passwd"


def _external_in_attribute(model: onnx.ModelProto) -> None:
    tensor = TensorProto(name="hidden", data_type=TensorProto.FLOAT, dims=[1])
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"
    model.graph.node.append(helper.make_node("Constant", [], ["c"], value=tensor))


def _deep(model: onnx.ModelProto) -> None:
    inner = helper.make_graph([], "leaf", [], [])
    for level in range(MAX_DEPTH + 1):
        inner = helper.make_graph(
            [helper.make_node("If", ["c"], ["d"], then_branch=inner, else_branch=inner)], f"g{level}", [], []
        )
        if level > 2:
            inner.node[0].attribute.pop()
    model.graph.node.extend(inner.node)


@pytest.mark.parametrize(
    ("edit", "finding"),
    [
        (lambda m: m.opset_import.append(helper.make_opsetid("com.evil", 1)), "LG412"),
        (lambda m: m.graph.node.append(helper.make_node("Evil", ["y"], ["z"], domain="com.evil")), "LG412"),
        (lambda m: m.graph.node.append(helper.make_node("NoSuchOperator", ["y"], ["z"])), "LG412"),
        (lambda m: m.graph.node.append(helper.make_node("FusedGemm", ["y"], ["z"], domain="com.microsoft")), "LG412"),
        (_add_function, "LG413"),
        (lambda m: m.training_info.add(), "LG413"),
        (_external, "LG414"),
        (_external_in_attribute, "LG414"),
        (lambda m: m.graph.node.append(helper.make_node("Relu", ["nowhere"], ["z"])), "LG415"),
        (lambda m: m.graph.initializer[0].dims.append(-1), "LG415"),
        (lambda m: m.graph.initializer[0].dims.append(1 << 40), "LG416"),
        (_deep, "LG416"),
        (lambda m: setattr(m, "ir_version", 999), "LG417"),
        (lambda m: setattr(m, "ir_version", 1), "LG417"),
        (lambda m: setattr(m.opset_import[0], "version", 999), "LG417"),
        (lambda m: m.opset_import.append(helper.make_opsetid("", 17)), "LG417"),
    ],
)
def test_a_model_beyond_the_allowlist_is_refused_with_its_reason(
    edit: Callable[[onnx.ModelProto], None], finding: str
) -> None:
    """One change to a model that passes, and the finding that names it."""
    with pytest.raises(NotAllowed) as no:
        check_onnx(_edited(edit))
    assert no.value.finding == finding


def test_more_nodes_than_the_limit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit counts nodes of nested graphs too; here with a limit that a test can reach."""
    monkeypatch.setattr(onnx_file, "LIMITS", replace(LIMITS, counts={"NodeProto": 1}))
    check_onnx(_edited(lambda m: None))
    with pytest.raises(NotAllowed) as no:
        check_onnx(_edited(lambda m: m.graph.node.append(helper.make_node("Relu", ["y"], ["z"]))))
    assert no.value.finding == "LG416"


def test_the_tokenizer_built_into_the_runtime_is_on_the_list() -> None:
    """Text pipelines need this one operator; nothing else of its domain comes in with it."""

    def tokenizer(model: onnx.ModelProto) -> None:
        model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
        model.graph.input.append(helper.make_tensor_value_info("t", TensorProto.STRING, [None]))
        node = helper.make_node("Tokenizer", ["t"], ["u"], domain="com.microsoft", mark=0, mincharnum=1, pad_value="#")
        node.attribute.append(helper.make_attribute("separators", [" "]))
        model.graph.node.append(node)

    assert "com.microsoft.Tokenizer" in check_onnx(_edited(tokenizer))["operators"]


@pytest.mark.parametrize(
    "data",
    [
        b"[]",
        b'{"task":"binary","task":"regression"}',
        b"{not json",
        _io(task="ranking"),
        _io(inputs=[_input("z")]),
        _io(inputs=[]),
        _io(inputs=[_input("x"), _input("x")]),
        _io(outputs={"value": "elsewhere"}),
        _io(outputs=[]),
        b'{"task": NaN}',
        _io(extra=1),
        _io(label="a"),
    ],
)
def test_a_serving_specification_must_fit_the_graph(data: bytes) -> None:
    """It feeds each input of the graph once and reads outputs that exist, or it is refused."""
    report = scan(_closure(io_dot_json=data))
    assert (report["refused"]["name"], report["refused"]["finding"]) == ("io.json", "LG418")


@pytest.mark.parametrize("data", [b"\xff\xfe", b"a\x00b", b"\x1b[2J", b"caf\xe9"])
def test_source_is_plain_text(data: bytes) -> None:
    """Anything but UTF-8 without control characters is refused, and the report says which file."""
    report = scan(_closure(code__contract_dot_py=data))
    assert (report["refused"]["name"], report["refused"]["finding"]) == ("code/contract.py", "LG419")


def test_without_a_model_nothing_describes_one() -> None:
    """A closure without its graph is refused, not passed for want of something to look at."""
    files = _closure()
    del files["model.onnx"]
    assert scan(files)["refused"]["finding"] == "LG418"
