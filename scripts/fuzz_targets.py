"""What is fuzzed: each parser that reads bytes of strangers, with the files that it starts from.

A target takes any bytes, and may refuse them in the way that its parser promises. Whatever else it raises, a minute of
silence or two gigabytes of memory is a crash. Nothing is written, and nothing is run.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping

from scripts import fuzz_targets_log
from scripts.fuzz_form import MAX_BYTES, Fuzzed
from scripts.fuzz_form import may_refuse as _may_refuse
from tests.support.files_in_memory import Files

NAMES = (
    "model.onnx",
    "model.onnx.data",
    "model.safetensors",
    "array.npy",
    "arrays.npz",
    "config.json",
    "tokenizer_config.json",
    "README.md",
    "vocab.txt",
    "MLmodel",
    "conda.yaml",
    "chat_template.jinja",
    "model.pkl",
    "model.pt",
    "model.keras",
    "LICENSE",
)
"""The first byte of an input of `inspect` chooses one of these."""


def onnx(data: bytes) -> None:
    """An ONNX model, with 64 bytes of data beside it."""
    from lockgate.register.jail.findings import NotAllowed
    from lockgate.register.jail.onnx_file import check_onnx

    _may_refuse(lambda: check_onnx(io.BytesIO(data), len(data), Files({"model.onnx.data": bytes(64)})), NotAllowed)


def safetensors(data: bytes) -> None:
    """A safetensors file."""
    from lockgate.register.jail.findings import NotAllowed
    from lockgate.register.jail.safetensors_file import check_safetensors

    _may_refuse(lambda: check_safetensors(io.BytesIO(data), len(data)), NotAllowed)


def npy(data: bytes) -> None:
    """A NumPy array."""
    from lockgate.register.jail.findings import NotAllowed
    from lockgate.register.jail.npy_file import check_npy

    _may_refuse(lambda: check_npy(io.BytesIO(data), len(data)), NotAllowed)


def archive(data: bytes) -> None:
    """An archive of arrays, and whatever other archive it may be for the wording of a refusal."""
    from lockgate.register.jail.archive_inside import inside
    from lockgate.register.jail.archive_npz import check_npz
    from lockgate.register.jail.findings import NotAllowed

    _may_refuse(lambda: check_npz(io.BytesIO(data), len(data)), NotAllowed)
    _may_refuse(lambda: inside(io.BytesIO(data), len(data)), NotAllowed)


def pickle(data: bytes) -> None:
    """The walk over the opcodes of a pickle, which names what it would call."""
    from lockgate.register.jail.findings import NotAllowed
    from lockgate.register.jail.pickle_walk import walk

    _may_refuse(lambda: walk(io.BytesIO(data), len(data)), NotAllowed)


def json(data: bytes) -> None:
    """A file of settings."""
    from lockgate.register.jail.findings import NotAllowed
    from lockgate.register.jail.json_file import check_settings_file

    _may_refuse(lambda: check_settings_file(data), NotAllowed)


def yaml(data: bytes) -> None:
    """A YAML file, and the head of a model card."""
    from lockgate.register.jail.findings import NotAllowed
    from lockgate.register.jail.yaml_settings import front_matter, refuse_code

    text = data.decode("utf-8", "replace")
    _may_refuse(lambda: refuse_code(text), NotAllowed)
    _may_refuse(lambda: refuse_code(front_matter(text)), NotAllowed)


def template(data: bytes) -> None:
    """A Jinja template."""
    from lockgate.register.jail.findings import NotAllowed
    from lockgate.register.jail.template_file import check_template

    _may_refuse(lambda: check_template(data.decode("utf-8", "replace")), NotAllowed)


def serving(data: bytes) -> None:
    """io.json, which training writes."""
    from lockgate.runtime.serving import parse

    _may_refuse(lambda: parse(data), ValueError)


def torch(data: bytes) -> None:
    """A torch checkpoint, read without running anything of it."""
    from lockgate.errors import Refused
    from lockgate.register.jail.torch_file import read_legacy, read_zip
    from lockgate.register.jail.torch_pickle import NotPlain

    _may_refuse(lambda: read_zip(io.BytesIO(data), len(data)), NotPlain, Refused)
    _may_refuse(lambda: read_legacy(io.BytesIO(data), len(data)), NotPlain, Refused)


def inspect(data: bytes) -> None:
    """The one door of all of them: the first byte chooses the name, the rest is the file."""
    from lockgate.register.jail.findings import NotAllowed
    from lockgate.register.jail.inspect import inspect as look

    name, rest = NAMES[(data[0] if data else 0) % len(NAMES)], data[1:]
    folder = Files({"model.onnx.data": bytes(64), name: rest})
    _may_refuse(lambda: look(name, io.BytesIO(rest), len(rest), folder), NotAllowed)


TARGETS: Mapping[str, Fuzzed] = {
    "onnx": Fuzzed(onnx, ("ONNX",)),
    "safetensors": Fuzzed(safetensors, ("safetensors",)),
    "npy": Fuzzed(npy, ("npy",)),
    "archive": Fuzzed(archive, ("archive", "wrapped pickle", "container")),
    "pickle": Fuzzed(pickle, ("pickle",)),
    "json": Fuzzed(json, ("setting", "no strict JSON")),
    "yaml": Fuzzed(yaml, ("YAML",)),
    "template": Fuzzed(template, ("template",)),
    "serving": Fuzzed(serving, ("setting", "no strict JSON")),
    "torch": Fuzzed(torch, ("pickle structure", "wrapped pickle")),
    "inspect": Fuzzed(inspect, ("",)),
    **fuzz_targets_log.TARGETS,
}


def seeds(name: str) -> Iterator[bytes]:
    """What the target `name` starts from: hostile files of its kind, and good ones."""
    own = TARGETS[name].seeds
    if own is not None:
        yield from own()
        return
    from lockgate.core.encoding import encode
    from tests.support.benign import arrays, documents
    from tests.support.hostile import onnx_trees, wire
    from tests.support.hostile.corpus import hostile

    kinds = {"safetensors": "safetensors", "npy": "numpy.save", "archive": "numpy.savez", "template": "template"}
    for one in hostile():
        if one.family.startswith(TARGETS[name].families) and len(one.data) < MAX_BYTES:
            yield _named(name, one.name, one.data)
    for good in (*arrays.all_of_them(), *documents.all_of_them()):
        if name == "inspect" or good.family == kinds.get(name):
            yield _named(name, good.name, good.data)
    if name in ("onnx", "inspect"):
        yield _named(name, "model.onnx", wire.GOOD)
        yield _named(name, "model.onnx", onnx_trees.made("TreeEnsembleRegressor", onnx_trees.REGRESSOR))
    if name == "serving":
        yield from map(encode, good_serving())


def good_serving() -> Iterator[Mapping[str, object]]:
    """Good ones of both versions and each task."""
    fields = [{"kind": "float", "name": "a"}, {"kind": "string", "name": "b"}]
    types = {"a": "float32", "b": "string"}
    inputs = [{"fields": [name], "input": name, "shape": [None, 1], "type": kind} for name, kind in types.items()]
    spec = {"fields": fields, "inputs": inputs, "label": "y", "v": 1}
    yield {**spec, "classes": None, "outputs": {"value": "v"}, "task": "regression"}
    yield {**spec, "classes": ["n", "y"], "outputs": {"label": "l", "scores": "s"}, "task": "binary"}
    features = {"columns": fields, "function": "features.py:features", "nullable": []}
    outputs = {"label": "l", "scores": "s"}
    yield {**spec, "classes": [1, 2, 3], "features": features, "outputs": outputs, "task": "multiclass", "v": 2}


def _named(target: str, name: str, data: bytes) -> bytes:
    if target != "inspect":
        return data[:MAX_BYTES]
    place = NAMES.index(name) if name in NAMES else len(data) % len(NAMES)
    return bytes((place,)) + data[: MAX_BYTES - 1]
