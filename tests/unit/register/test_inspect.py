"""The one door for files of models: what is let in, what is refused, and how that is named."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import lzma
import pickle
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from lockgate.register.jail import other_forms
from lockgate.register.jail.findings import NotAllowed
from lockgate.register.jail.inspect import Allow, inspect
from tests.support.imports import packed, safetensors


class Files:
    """What lies beside the file."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    def size(self, name: str) -> int | None:
        """As a folder says it."""
        return len(self._files[name]) if name in self._files else None

    def read(self, name: str, begin: int, end: int) -> bytes:
        """As a folder gives it."""
        return self._files[name][begin:end]


def _format(name: str, data: bytes, allow: Allow = "outside") -> str:
    return inspect(name, io.BytesIO(data), len(data), Files({}), allow=allow).format


def _no(name: str, data: bytes, allow: Allow = "outside") -> NotAllowed:
    with pytest.raises(NotAllowed) as refused:
        _format(name, data, allow)
    return refused.value


def _seen(no: NotAllowed, what: str) -> list[str]:
    found = no.seen[what]
    assert isinstance(found, list)
    return found


class Runs:
    """Asks for `os.system` when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        import os

        return os.system, ("true",)


def npy(**arrays: Any) -> bytes:
    """One array as npy; several as npz."""
    buffer = io.BytesIO()
    if list(arrays) == ["a"]:
        np.save(buffer, arrays["a"])
    else:
        np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def zipped(members: Mapping[str, bytes]) -> bytes:
    """A zip archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def tarred(name: str, data: bytes) -> bytes:
    """A tar archive of one member."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


HARMLESS: dict[str, tuple[str, bytes]] = {
    "m.safetensors": ("safetensors", safetensors()),
    "a.npy": ("npy", npy(a=np.ones((2, 3), np.float32))),
    "a.npz": ("npz", npy(a=np.ones(3), b=np.array([b"x"]))),
    "config.json": ("json", b'{"model_type": "bert", "auto_map": null}'),
    "model.txt": ("text", b"tree\nversion=v4\nnum_class=1\n"),
    "vocab.txt": ("text", "cat\ndog\nRat\n[UNK]\nöl\n".encode()),
    "README.md": ("text", b"---\nlicense: mit\n---\nN.B. this is a card. {{ name }} {% if x %}\n"),
    "merges.txt": ("text", b"(c) 2020\nI am\nMZ ends\nGGUF weights\nx^2\n"),
    "Prompt.jinja": ("text", b"{% for m in messages %}{{ m['role'] }}{% endfor %}"),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_harmless_is_let_in_as_what_it_is(name: str) -> None:
    """The positive control of all the refusals below, with words among them that look like opcodes and magic."""
    form, data = HARMLESS[name]
    assert _format(name, data) == form


@pytest.mark.parametrize("length", [640, 0x9C78, 0x8B1F])
def test_a_header_whose_length_looks_like_a_pickle_or_an_archive_is_honest(length: int) -> None:
    """The first two bytes of safetensors are a length: 640 begins as a pickle does, and others as zlib and gzip do."""
    header = json.dumps({"__metadata__": {"a": "x"}}).encode().ljust(length)
    assert _format("m.safetensors", length.to_bytes(8, "little") + header) == "safetensors"


PICKLES: dict[str, Callable[[bytes], bytes]] = {
    "bare": lambda data: data,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zlib": zlib.compress,
    "torch": lambda data: zipped({"archive/data.pkl": data, "archive/version": b"3"}),
    "tar": lambda data: tarred("pickle", data),
    "gzip in tar": lambda data: tarred("a", gzip.compress(data)),
}


@pytest.mark.parametrize("wrapper", PICKLES)
@pytest.mark.parametrize("name", ["model.pkl", "model.safetensors", "vocab.txt", "model.npz"])
def test_a_pickle_is_named_in_any_wrapper(wrapper: str, name: str) -> None:
    """Under its own name or another: LG410, with what it reaches for."""
    no = _no(name, PICKLES[wrapper](pickle.dumps(Runs())))
    inside_of_zip = wrapper == "torch" and name == "model.npz"
    assert no.finding == ("LG471" if inside_of_zip else "LG410")
    assert inside_of_zip or "posix.system" in _seen(no, "reaches")


@pytest.mark.parametrize("protocol", range(6))
def test_every_protocol_is_a_pickle(protocol: int) -> None:
    """The text of protocol 0 under the name of a text too, also one that would call nothing."""
    assert _no("vocab.txt", pickle.dumps(Runs(), protocol)).finding == "LG410"
    assert _no("notes.md", pickle.dumps({"a": [1, 2.5]}, protocol)).finding == "LG410"


CODE: dict[str, bytes] = {
    "modeling.py": b"import os\n",
    "kernel.so": b"",
    "model.safetensors": b"\x7fELF\x02\x01\x01",
    "config.json": b"#!/bin/sh\nid\n",
    "a.txt": b"MZ" + bytes(58) + (64).to_bytes(4, "little") + b"PE\0\0",
    "model.onnx": b"\x00asm\x01\0\0\0",
    "b.npy": b"\xa7\x0d\r\n" + bytes(12),
    "c.npz": b"\xca\xfe\xba\xbe\0\0\0\x3d",
    "model.bin": zipped({"META-INF/MANIFEST.MF": b"Main-Class: X", "X.class": b"\xca\xfe\xba\xbe"}),
}


@pytest.mark.parametrize("name", CODE)
def test_code_is_refused_as_such(name: str) -> None:
    """By its name, or by its bytes under any name: LG464."""
    assert _no(name, CODE[name]).finding == "LG464"


KERAS = json.dumps(
    {"class_name": "Functional", "config": {"layers": [{"class_name": "Lambda", "config": {}}]}}
).encode()


def test_what_is_inside_of_an_archive_is_told() -> None:
    """A Keras archive with a Lambda layer, and a module of somebody's own; HDF5; a checkpoint: named, and refused."""
    own = json.dumps({"module": "mine.layers", "class_name": "X"}).encode()
    no = _no("model.keras", zipped({"config.json": KERAS, "metadata.json": own, "model.weights.h5": b""}))
    assert (no.finding, "Keras model" in no.message) == ("LG410", True)
    assert (_seen(no, "reaches"), _seen(no, "inside")[0]) == (["mine.layers.X"], "a Lambda layer, which is Python code")
    h5 = _no("model.h5", b"\x89HDF\r\n\x1a\n" + b"keras_version" + KERAS)
    assert ("Keras" in h5.message, "Lambda" in h5.message) == (True, True)


def test_the_one_name_that_matters_is_told_before_those_of_libraries() -> None:
    """A program behind thirty classes of scikit-learn; a pickle of these alone, and a joblib file, can be converted."""
    classes = b"".join(b"csklearn.svm\nC%d\n" % number for number in range(30))
    no = _no("m.pkl", b"(" + classes + b"cposix\nsystem\nt.")
    assert ("reaches for posix.system" in no.message, _seen(no, "reaches")[0]) == (True, "posix.system")
    honest = b"(" + classes + b"t."
    assert [_no("m.joblib", data).seen.get("converts") for data in (honest, gzip.compress(honest))] == [True, True]
    assert "converts" not in _no("m.joblib", gzip.compress(b"text")).seen


def test_a_broken_archive_is_refused_as_what_it_seems() -> None:
    """Cut off at every byte: no crash, and never let in."""
    data = PICKLES["torch"](pickle.dumps(Runs()))
    for end in range(4, len(data), 7):
        assert _no("model.pt", data[:end]).finding in ("LG410", "LG463")


def test_a_name_promises_a_form() -> None:
    """Harmless bytes under the name of something else do not come in, and the person learns what the name is."""
    assert _no("model.bin", b"just a text").finding == "LG463"
    assert "lockgate convert" in _no("model.pkl", b"{}").message
    assert "GGUF" in _no("model.gguf", b"hello").message
    assert _no("weights", safetensors()).finding == "LG463"
    assert _no("model.onnx", safetensors()).finding == "LG411"
    assert _no("model.json", safetensors()).finding == "LG419"


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"ab" * 32 + b"\nsize 132735\n"


@pytest.mark.parametrize("name", ["m.safetensors", "m.onnx", "a.npy", "a.npz", "config.json", "pytorch_model.bin", "m"])
def test_a_pointer_of_git_lfs_is_called_so(name: str) -> None:
    """Under the name of any form, with the way out; as a text it is one, and a longer file is none."""
    no = _no(name, POINTER)
    assert (no.finding, "`git lfs pull`" in no.message) == ("LG463", True)
    assert "pointer" not in _no(name, POINTER + b"x" * 1000).message
    assert _format("notes.txt", POINTER) == "text"


def _twofold(tail: bytes) -> bytes:
    tensor = {"a": {"dtype": "U8", "shape": [len(tail)], "data_offsets": [0, len(tail)]}}
    return packed(tensor, tail)


def test_a_file_of_two_forms_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A zip archive at the end of a tensor, HDF5 behind a first block: whole safetensors, and refused (LG470)."""
    tail = zipped({"__main__.py": b"print(1)"})
    assert _no("m.safetensors", _twofold(tail)).finding == "LG470"
    head = len(packed({"a": {"dtype": "U8", "shape": [2000], "data_offsets": [0, 2000]}}, b""))
    hidden = bytes(1024 - head) + b"\x89HDF\r\n\x1a\n"
    assert _no("m.safetensors", _twofold(hidden + bytes(2000 - len(hidden)))).finding == "LG470"
    monkeypatch.setattr(other_forms, "directory", lambda *_: None)
    assert _format("m.safetensors", _twofold(tail)) == "safetensors", "without the control it would come in"


def test_a_pickle_before_an_honest_end_is_refused() -> None:
    """Safetensors whose header length is an opcode that skips to a pickle in the metadata."""
    payload = b"cos\nsystem\n(S'true'\ntR."
    # X and a length: the unpickler skips so much, and goes on within the header.
    length = 0x58 | 256 << 8
    before = b'{"__metadata__":{"a":"' + b" " * (5 + 256 - 8 - 22)
    header = (before + payload).ljust(length)
    data = length.to_bytes(8, "little") + header
    assert _no("m.safetensors", data).finding == "LG410"


def test_json_is_what_every_reader_takes() -> None:
    """Duplicate keys, numbers beyond all, halves of characters, depth."""
    for text in ('{"a":1,"a":2}', '{"a":1e999}', '{"a":NaN}', '{"a":"\\ud800"}', "[" * 70 + "]" * 70, "{} {}", ""):
        assert _no("config.json", text.encode()).finding == "LG418"
    assert _format("config.json", b'{"a":1e99,"b":"\\ud83d\\ude00"}') == "json"


SETTINGS: dict[str, Any] = {
    "auto_map": {"auto_map": {"AutoModel": "modeling.X"}},
    "remote": {"deep": [{"trust_remote_code": True}]},
    "hydra": {"model": {"_target_": "os.system"}},
    "jsonpickle": {"py/object": "x.Y"},
    "keras": {"class_name": "Lambda", "config": {}},
    "keras module": {"class_name": "X", "module": "mine", "config": {}},
    "keras tools": {"class_name": "get_file", "module": "keras.utils", "config": {}},
    "loader": {"loader_module": "mine"},
    "parent": {"auto_mapping": {"parent_library": "mine"}},
    "pipeline": {"_class_name": ["mine", "Pipeline"]},
    "part": {"_class_name": "P", "unet": ["mine", "X"]},
    "modules": [{"idx": 0, "name": "0", "path": "", "type": "mine.Model"}],
    "notebook": {"cells": [], "nbformat": 4},
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_settings_that_load_code_are_named(setting: str) -> None:
    """Those of transformers, diffusers, sentence-transformers, Keras, hydra, jsonpickle, MLflow, PEFT: LG464."""
    assert _no("config.json", json.dumps(SETTINGS[setting]).encode()).finding == "LG464"


def test_honest_settings_come_in() -> None:
    """Diffusers' and sentence-transformers' own parts, Keras's own layers, a vocabulary with any word."""
    honest: list[Any] = [
        {"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet"], "safety_checker": [None, None]},
        [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}],
        {"module": "keras.layers", "class_name": "Dense", "config": {"units": 3}},
        {"auto_mapping": {"parent_library": "transformers.models.bert"}},
        {"vocab": {**{f"w{n}": n for n in range(1001)}, "auto_map": 7, "_target_": 8, "template": 9}},
        {"chat_template": "plain words"},
        {"vocab": {"auto_map": 5, "class_name": 3, "a": 1}},
        {"vocab": {"_target_": 0, "trust_remote_code": 1, "function": 2}},
        {"module": "keras.src.models.functional", "class_name": "Functional", "config": {}},
        {"module": "keras.layers", "class_name": "StringLookup", "config": {"vocabulary": ["a", "b"]}},
        {"attn_implementation": "flash_attention_2", "_attn_implementation": {"text_config": "sdpa"}},
    ]
    for value in honest:
        assert _format("config.json", json.dumps(value).encode()) == "json"


def test_a_closure_takes_what_registration_signs() -> None:
    """Source below code/, JSON with any key; no array, no second model, and no name that is code elsewhere."""
    assert _format("code/train.py", b"#!/usr/bin/env python\nimport os\n", "closure") == "text"
    assert _format("evaluation.json", b'{"auto_map": {"a": 1}}', "closure") == "json"
    assert _no("setup.py", b"", "closure").finding == "LG464"
    assert _no("code/a.npy", HARMLESS["a.npy"][1], "closure").finding == "LG419"
    assert _no("code/train.py", pickle.dumps(Runs(), 0), "closure").finding == "LG410"


def test_data_beside_a_model_are_accounted_for_or_stay_out() -> None:
    """As long as the model says, and under no name that promises anything else."""
    data = b"\0" * 64
    for name in ("m.onnx.data", "weights.bin", "w"):
        assert inspect(name, io.BytesIO(data), 64, Files({}), accounted=64).format == "onnx data"
    assert _no("m.onnx.data", data).finding == "LG463"
    for name, size, finding in (("m.onnx.data", 63, "LG423"), ("m.pt", 64, "LG414"), ("README.md", 64, "LG414")):
        with pytest.raises(NotAllowed) as no:
            inspect(name, io.BytesIO(data), 64, Files({}), accounted=size)
        assert no.value.finding == finding


def test_data_that_a_loader_would_unpickle_stay_out() -> None:
    """Whatever a model beside them accounts for."""
    for data in (pickle.dumps(Runs()), pickle.dumps(Runs(), 0), gzip.compress(pickle.dumps(Runs()))):
        with pytest.raises(NotAllowed) as no:
            inspect("weights.bin", io.BytesIO(data), len(data), Files({}), accounted=len(data))
        assert no.value.finding in ("LG410", "LG470")


@pytest.mark.parametrize(("literal", "dictionary"), [(3, 1 << 16), (3, 1 << 30), (0, 4096)])
def test_data_beside_a_model_are_no_stream_of_lzma(literal: int, dictionary: int) -> None:
    """Of any properties and dictionary, also one that breaks off later; arrays that unpack to nothing are data."""
    filters = [{"id": lzma.FILTER_LZMA1, "dict_size": 4096, "lc": literal, "lp": 0, "pb": 2}]
    packed_ = bytearray(lzma.compress(pickle.dumps(Runs()), lzma.FORMAT_ALONE, filters=filters))
    packed_[1:5] = dictionary.to_bytes(4, "little")
    for data in (bytes(packed_), bytes(packed_[:-6]) + b"\xff" * 600):
        with pytest.raises(NotAllowed) as no:
            inspect("w.data", io.BytesIO(data), len(data), Files({}), accounted=len(data))
        assert no.value.finding == "LG470"
    for array in (np.zeros(99, np.int64), np.arange(5, 99), np.ones(99, np.float32), np.full(99, 93)):
        data = array.tobytes()
        assert inspect("w.data", io.BytesIO(data), len(data), Files({}), accounted=len(data)).format == "onnx data"


def test_a_card_may_write_about_code_and_its_beginning_may_not_load_any() -> None:
    """Only the front matter is read by machines; finding its end takes no time, however many lines there are."""
    card = "---\nlicense: mit\n---\n```python\ntemplate = '{{ x.__class__ }}'\n```\n"
    assert _format("README.md", card.encode()) == "text"
    for begin in ("---\n", "\ufeff\r\n--- \r\n"):
        assert _no("README.md", f"{begin}a: !!python/name:os.system\n---\nx".encode()).finding == "LG464"
    assert _no("README.md", b"---\na: '{{ x.__class__ }}'\n---\n").finding == "LG472"
    began = time.process_time()
    assert _format("README.md", b"---" + b"\n" * 200_000 + b"x") == "text"
    assert time.process_time() - began < 5


def test_a_text_in_base64_is_a_text() -> None:
    """What no reader of texts unpacks is not unpacked here either: a control, so that the limits are known."""
    assert _format("a.txt", base64.b64encode(pickle.dumps(Runs())) + b"\n") == "text"
