"""What the scan of an import lets in, and what it names when it refuses."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lockgate.register import import_formats
from lockgate.register.jail import inspect
from lockgate.register.jail.findings import NotAllowed
from lockgate.register.jail.safetensors_file import check_safetensors
from lockgate.register.jail.scan_import import scan
from tests.support.imports import MLMODEL, huggingface, mlflow_model, mlflow_run, packed, safetensors, write


def _refusal(folder: Path) -> tuple[str, str]:
    refused = scan(folder)["refused"]
    return refused["name"], refused["finding"]


@pytest.mark.parametrize(
    ("make", "kind", "forms"),
    [
        (huggingface, "huggingface", {"json", "safetensors", "text"}),
        (mlflow_model, "mlflow model", {"onnx", "text"}),
        (mlflow_run, "mlflow run", {"onnx", "text"}),
        (lambda folder: write(folder, {"w.safetensors": safetensors()}), "files", {"safetensors"}),
    ],
)
def test_a_kind_is_told_by_content(tmp_path: Path, make: Callable[[Path], Path], kind: str, forms: set[str]) -> None:
    """Hugging Face, MLflow and other folders come in whole, each file as what it is."""
    report = scan(make(tmp_path / "model"))
    assert (report["refused"], report["kind"]) == (None, kind)
    assert {file["format"] for file in report["files"]} == forms


def test_a_name_alone_makes_no_kind(tmp_path: Path) -> None:
    """A config.json that describes nothing, an MLmodel without flavours, a meta.yaml without a run: files."""
    texts = {"config.json": b"{}", "MLmodel": b"x\n", "meta.yaml": b"a: b\n", "artifacts/a.txt": b"a"}
    assert scan(write(tmp_path / "model", texts))["kind"] == "files"


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}))
    return buffer.getvalue()


PICKLE_0 = b"cos\nsystem\n(S'id'\ntR."
AUTO_MAP = json.dumps({"a": [{"auto_map": {"AutoModel": "modeling.X"}}]}).encode()


@pytest.mark.parametrize(
    ("name", "data", "finding"),
    [
        ("model.safetensors", pickle.dumps([1]), "LG410"),
        ("model.safetensors", _zip(), "LG410"),
        ("model.safetensors", PICKLE_0, "LG410"),
        ("model.safetensors", b"just a text", "LG465"),
        ("model.onnx", b"just a text", "LG411"),
        ("model.onnx", safetensors(), "LG411"),
        ("pytorch_model.bin", PICKLE_0, "LG410"),
        ("model.pkl", b"{}", "LG463"),
        ("model.pt", _zip(), "LG410"),
        ("model.bin", safetensors(), "LG463"),
        ("weights", safetensors(), "LG463"),
        ("tokenizer.model", b"\x0a\x0e\x0a\x05<unk>", "LG463"),
        ("vocab.txt", b"\x00\x01", "LG419"),
        ("vocab.txt", b"\xff\xfe", "LG419"),
        ("vocab.txt", pickle.dumps([1]), "LG410"),
        ("vocab.txt", b"#!/bin/sh\nid\n", "LG464"),
        ("modeling.py", b"import os\n", "LG464"),
        ("sub/Modeling.PY", b"import os\n", "LG464"),
        ("kernel.so", b"", "LG464"),
        ("config.json", b'{"a": 1, "a": 2}', "LG418"),
        ("config.json", b"[" * 100_000, "LG418"),
        ("config.json", b'{"trust_remote_code": true}', "LG464"),
        ("tokenizer_config.json", AUTO_MAP, "LG464"),
        ("MLmodel", MLMODEL.replace(b"mlflow.onnx", b"my_loader"), "LG464"),
        ("metrics/accuracy", b"0.9", "LG463"),
    ],
)
def test_what_is_not_what_its_name_promises_is_refused(tmp_path: Path, name: str, data: bytes, finding: str) -> None:
    """Pickles, archives, code and anything unknown, whatever it is called; the file is named."""
    assert _refusal(write(tmp_path / "model", {name: data, "zzz.txt": b"fine"})) == (name, finding)


SPELLINGS = {
    "on the next line": "loader_module:\n      evil",
    "in a flow": "python_function: {loader_module: evil}",
    "as an explicit key": "? loader_module\n    : evil",
    "escaped": '"loader\\u005fmodule": evil',
    "broken by a backslash": '"loader_\\\n  module": evil',
    "with an anchor": "loader_module: &a evil",
    "folded": "loader_module: >-\n      evil",
    "twice": "loader_module: mlflow.onnx\n    loader_module : evil",
    "with carriage returns": "x: 1\r    loader_module: evil\r",
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_a_loader_of_somebody_s_own_is_refused_in_every_spelling(tmp_path: Path, spelling: str) -> None:
    """YAML has many; MLflow's own, on a line of its own, comes in."""
    head = "flavors:\n  python_function:\n    "
    assert _refusal(write(tmp_path / "evil", {"MLmodel": (head + spelling).encode()})) == ("MLmodel", "LG464")
    assert (
        scan(write(tmp_path / "good", {"MLmodel": (head + "loader_module: mlflow.onnx\n").encode()}))["refused"] is None
    )


@pytest.mark.parametrize(
    "text",
    ["a: !!python/object/apply:os.system [id]\n", "b: [!x y]\n", "trust_remote_code: true\n", "{auto_map: {a: b}}\n"],
)
def test_yaml_that_makes_or_loads_something_is_refused(tmp_path: Path, text: str) -> None:
    """Tags of types, and the settings that are refused in JSON; what looks like a tag inside a word is none."""
    assert _refusal(write(tmp_path / "evil", {"hparams.yaml": text.encode()}))[1] == "LG464"
    good = "a: wow!\nb: 'x != y'\nc: [1, 2]\nd: no!way\n"
    assert scan(write(tmp_path / "good", {"hparams.yaml": good.encode()}))["refused"] is None


def test_settings_that_load_nothing_come_in(tmp_path: Path) -> None:
    """`trust_remote_code: false` and an empty auto_map load no code."""
    texts = {"config.json": b'{"trust_remote_code": false, "auto_map": {}, "custom_pipelines": null}'}
    assert scan(write(tmp_path / "model", texts))["refused"] is None


def test_a_text_beyond_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LG416, before it is read; the records of a run have a limit of their own."""
    monkeypatch.setattr(inspect, "MAX_TEXT_BYTES", 10)
    assert _refusal(write(tmp_path / "model", {"a.txt": b"a" * 11})) == ("a.txt", "LG416")
    monkeypatch.setattr(inspect, "MAX_TEXT_BYTES", 1000)
    monkeypatch.setattr(inspect, "MAX_RECORD", 1)
    run = write(tmp_path / "run", {"meta.yaml": b"run_id: 1", "metrics/a": b"ab"})
    assert _refusal(run) == ("metrics/a", "LG416")


def _check(data: bytes) -> dict[str, Any]:
    return check_safetensors(io.BytesIO(data), len(data))


def test_a_whole_safetensors_file_is_read() -> None:
    """Several tensors, an empty one, a number, none at all; types of less than a byte."""
    assert _check(safetensors({"a": [2, 3], "b": [], "c": [0, 9]})) == {"tensors": 3, "elements": 7, "types": ["F32"]}
    assert _check(packed({}, b"")) == {"tensors": 0, "elements": 0, "types": []}
    small = {"a": {"dtype": "F4", "shape": [4], "data_offsets": [0, 2]}}
    assert _check(packed(small, b"xy"))["elements"] == 4


def _tensor(**changes: object) -> bytes:
    return packed({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **changes}}, b"\0" * 8)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 7,
        (1 << 40).to_bytes(8, "little") + b"{}",
        (3).to_bytes(8, "little") + b"{}",
        safetensors() + b"!",
        safetensors()[:-1],
        packed({}, b"hidden"),
        packed([], b""),
        (4).to_bytes(8, "little") + b"  {}",
        (3).to_bytes(8, "little") + b"{}\n",
        (3).to_bytes(8, "little") + b"{}\0",
        safetensors(__metadata__={"a": 1}),
        safetensors(__metadata__=[]),
        safetensors(second={"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}),
        safetensors(second={"dtype": "F32", "shape": [1], "data_offsets": [28, 32]}),
        packed({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}, b"\0" * 8),
        packed({name: {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} for name in "ab"}, b"\0" * 8),
        _tensor(dtype="OBJECT"),
        _tensor(dtype=["F32"]),
        _tensor(shape=[3]),
        _tensor(shape=[-2]),
        _tensor(shape=[2.0]),
        _tensor(shape=[True, 2]),
        _tensor(shape=[1] * 65 + [2]),
        _tensor(shape=2),
        _tensor(data_offsets=[8, 0]),
        _tensor(data_offsets=[0, 8, 8]),
        _tensor(data_offsets=None),
        _tensor(extra=1),
        packed({"a": 7}, b""),
        packed({"a": {"dtype": "F4", "shape": [3], "data_offsets": [0, 1]}}, b"x"),
        (36).to_bytes(8, "little") + b'{"__metadata__":{},"__metadata__":{}}',
    ],
)
def test_a_malformed_safetensors_file_is_refused(data: bytes) -> None:
    """Bytes that no tensor owns, or two do; sizes, types and shapes that do not fit; JSON that is not strict."""
    with pytest.raises(NotAllowed) as raised:
        _check(data)
    assert raised.value.finding == "LG465"


def test_the_header_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not read when it is longer than the format allows."""
    monkeypatch.setattr("lockgate.register.jail.safetensors_file.MAX_HEADER", 10)
    with pytest.raises(NotAllowed) as raised:
        _check(safetensors())
    assert raised.value.finding == "LG465"


def test_the_rules_are_named_by_their_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another list of names is another digest, so that a scan by an older list can be told."""
    before = import_formats.rules_digest()
    monkeypatch.setattr(import_formats, "BARE", frozenset({"anything"}))
    assert import_formats.rules_digest() != before
