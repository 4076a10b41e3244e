"""Parsers of model files against bytes that nobody meant: never another exception, never a byte too many.

With `--hypothesis-profile=nightly` ten times as many.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import safetensors
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from lockgate.register.jail.findings import NotAllowed
from lockgate.register.jail.npy_file import check_npy
from lockgate.register.jail.onnx_file import check_onnx
from lockgate.register.jail.safetensors_file import BITS, check_safetensors
from tests.support.imports import packed
from tests.support.imports import safetensors as saved
from tests.support.onnx_files import model_of, product, tree_ensemble, trees

CASES = settings().max_examples


def _npy(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def _models() -> list[bytes]:
    branch = product().graph
    made = [
        product(),
        model_of([helper.make_node("TreeEnsemble", ["x"], ["y"], domain="ai.onnx.ml", **tree_ensemble())], ml=5),
        model_of([helper.make_node("TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", **trees())]),
        model_of([helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)], {"c": True}),
        model_of(
            [helper.make_node("Mul", ["a", "a"], ["s"]), helper.make_node("ConstantOfShape", ["s"], ["y"])],
            {"a": np.array([2, 3], np.int64)},
        ),
    ]
    return [model.SerializeToString() for model in made]


MODELS = _models()
ARRAYS = [_npy(np.zeros((2, 3))), _npy(np.array(["ab"])), _npy(np.zeros(2, [("a", "i4"), ("b", "f8")]))]
TENSORS = [saved({"a": [2, 3], "b": []}), packed({"__metadata__": {"a": "b"}}, b"")]


@st.composite
def _mutated(draw: st.DrawFn, files: list[bytes]) -> bytes:
    """One of `files` with bytes changed, left out, repeated or put in, once or a few times."""
    data = bytearray(draw(st.sampled_from(files)))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        end = min(len(data), at + draw(st.integers(0, 8)))
        with_ = draw(st.one_of(st.just(bytes(data[at:end]) * 2), st.binary(max_size=4), st.just(b"\xff" * 9)))
        data[at:end] = with_
    return bytes(data)


def _never_otherwise(check: Callable[[bytes], Any], data: bytes) -> bool:
    try:
        check(data)
    except NotAllowed as no:
        # What is reported has to be written down.
        json.dumps(no.seen).encode()
        return False
    return True


@settings(max_examples=2 * CASES)
@given(_mutated(MODELS))
def test_a_mutated_model_is_refused_or_read_as_the_library_reads_it(data: bytes) -> None:
    """Nothing but NotAllowed comes out; what passes re-encodes to the same number of bytes, and takes not one more."""
    if _never_otherwise(check_onnx, data):
        model = onnx.ModelProto.FromString(data)
        model.DiscardUnknownFields()
        assert len(model.SerializeToString()) == len(data)
        for more in (b"\0", b"!", b"\x08\x01", b"\x3a\x00"):
            assert not _never_otherwise(check_onnx, data + more)


@settings(max_examples=2 * CASES)
@given(_mutated(ARRAYS))
def test_a_mutated_array_is_refused_or_loads_without_pickle(data: bytes) -> None:
    """What passes is what NumPy loads with `allow_pickle=False`, to the last byte."""
    if _never_otherwise(lambda one: check_npy(io.BytesIO(one), len(one)), data):
        stream = io.BytesIO(data)
        np.lib.format.read_array(stream, allow_pickle=False)
        assert stream.read() == b""
        assert not _never_otherwise(lambda one: check_npy(io.BytesIO(one), len(one)), data + b"\0")


def _theirs(data: bytes) -> bool:
    try:
        safetensors.deserialize(data)  # type: ignore[no-untyped-call]
    except safetensors.SafetensorError:
        return False
    return True


def _ours(data: bytes) -> bool:
    return _never_otherwise(lambda one: check_safetensors(io.BytesIO(one), len(one)), data)


@settings(max_examples=2 * CASES)
@given(_mutated(TENSORS))
def test_a_mutated_file_of_tensors_is_refused_or_the_library_reads_it(data: bytes) -> None:
    """What passes, the library takes; but for `-0` as a size, which it takes for a fraction."""
    if _ours(data):
        assert _theirs(data) or b"-0" in data


@settings(max_examples=CASES)
@given(
    st.dictionaries(
        st.text("abcé.", min_size=1, max_size=4),
        st.tuples(st.sampled_from(sorted(BITS)), st.lists(st.integers(0, 4), max_size=3)),
        max_size=4,
    ),
    st.sampled_from([0, 0, 0, 1, -1]),
)
def test_tensors_of_any_type_and_shape_pass_where_the_library_takes_them(
    tensors: dict[str, tuple[str, list[int]]], more: int
) -> None:
    """Both say the same of a file that is laid out in order, and of one with a byte more or less."""
    header, at = {}, 0
    for name, (dtype, shape) in tensors.items():
        size = (int(np.prod(shape)) * BITS[dtype] + 7) // 8
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    data = packed(header, b"\0" * max(at + more, 0))
    assert _ours(data) == _theirs(data)


ENTRY = '{"dtype":"U8","shape":[1],"data_offsets":[0,1]}'
LAXER = {
    "one name twice": f'{{"a":{ENTRY},"a":{ENTRY}}}',
    "another key": f'{{"a":{ENTRY[:-1]},"more":1}}}}',
    "an entry as a list": '{"a":["U8",[1],[0,1]]}',
    "metadata null": f'{{"__metadata__":null,"a":{ENTRY}}}',
    "a key of metadata twice": f'{{"__metadata__":{{"k":"1","k":"2"}},"a":{ENTRY}}}',
    "space before": f' {{"a":{ENTRY}}}',
    "a newline after": f'{{"a":{ENTRY}}}\n',
    "65 dimensions": f'{{"a":{ENTRY.replace("[1]", "[" + ",".join(["1"] * 65) + "]")}}}',
    "zero of a shape beyond any": f'{{"a":{ENTRY},"b":{{"dtype":"U8","shape":[0,{1 << 62},4],"data_offsets":[1,1]}}}}',
    "a name that is not printable": f'{{"a\\u200b":{ENTRY}}}',
}


def test_where_the_library_is_laxer() -> None:
    """The whole list: each of these it takes, and each is refused here."""
    for what, header in LAXER.items():
        spelled = header.encode()
        data = len(spelled).to_bytes(8, "little") + spelled + b"x"
        assert (what, _theirs(data), _ours(data)) == (what, True, False)
