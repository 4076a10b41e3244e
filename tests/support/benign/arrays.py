"""Arrays and tensors as numpy and safetensors save them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from safetensors.numpy import save

from tests.support.benign.case import Benign

_TYPES = (
    "f2",
    "f4",
    "f8",
    "i1",
    "i2",
    "i4",
    "i8",
    "u1",
    "u2",
    "u4",
    "u8",
    "?",
    "c8",
    "c16",
    ">f4",
    ">i8",
    "S5",
    "U3",
    "V6",
)
_SHAPES: tuple[tuple[int, ...], ...] = ((), (0,), (1,), (7,), (3, 4), (2, 3, 4), (1, 1, 1, 1, 5), (4, 0, 2))
_TENSORS = (
    "float16",
    "float32",
    "float64",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "bool",
)


def _npy(array: Any) -> bytes:
    held = io.BytesIO()
    np.save(held, array, allow_pickle=False)
    return held.getvalue()


def _npz(*, squeezed: bool, **arrays: Any) -> bytes:
    held = io.BytesIO()
    (np.savez_compressed if squeezed else np.savez)(held, **arrays)
    return held.getvalue()


def _arrays() -> Iterator[Any]:
    for kind in _TYPES:
        yield np.zeros((2, 3), kind)
    for shape in _SHAPES:
        yield np.ones(shape, np.float32)
    yield np.asfortranarray(np.arange(12.0).reshape(3, 4))
    yield np.array(["2026-01-01", "2026-01-02"], "datetime64[D]")
    yield np.array([1, 2], "timedelta64[ms]")
    yield np.array(["words", "of", "different length"])
    yield np.zeros(3, [("id", "<i8"), ("name", "U8"), ("at", "<f4", (2,))])
    yield np.zeros(2, [("a", "<i2"), ("b", "<f4")]).view(np.recarray)


def _versions() -> Iterator[bytes]:
    """The second and third version of the format, which numpy writes for long or non-Latin names of fields."""
    for version in ((2, 0), (3, 0)):
        held = io.BytesIO()
        np.lib.format.write_array(
            held, np.zeros(2, [("größe" if version == (3, 0) else "size", "<f8")]), version=version
        )
        yield held.getvalue()


def all_of_them() -> Iterator[Benign]:
    """Every array."""
    for array in _arrays():
        yield Benign("numpy.save", "array.npy", _npy(array))
    for data in _versions():
        yield Benign("numpy.save", "array.npy", data)
    for squeezed in (False, True):
        yield Benign("numpy.savez", "arrays.npz", _npz(squeezed=squeezed, a=np.arange(5), b=np.eye(3, dtype="f4")))
        yield Benign("numpy.savez", "arrays.npz", _npz(squeezed=squeezed, zeros=np.zeros((200, 500))))
        yield Benign(
            "numpy.savez", "arrays.npz", _npz(squeezed=squeezed, **{f"layer.{n}.w": np.ones(n) for n in range(40)})
        )
        yield Benign("numpy.savez", "arrays.npz", _npz(squeezed=squeezed, **{"größe/x": np.ones(2)}))
    for kind in _TENSORS:
        tensors = {"w": np.zeros((2, 3), kind), "b": np.ones(3, kind), "none": np.zeros((0, 3), kind)}
        yield Benign("safetensors", "model.safetensors", save(tensors))
    scalar = {"scale": np.array(0.5, "f4"), "größe": np.zeros((1, 2, 3, 4, 5), "f2")}
    yield Benign(
        "safetensors", "model.safetensors", save(scalar, metadata={"format": "pt", "note": 'größer \u2265 1 "x"\n'})
    )
    yield Benign("safetensors", "adapter_model.safetensors", save({}, metadata={"format": "np"}))
    layers = {f"model.layers.{n}.self_attn.q_proj.weight": np.ones((4, 4), "f2") for n in range(64)}
    yield Benign("safetensors", "model-00001-of-00002.safetensors", save(layers, metadata={"format": "pt"}))
