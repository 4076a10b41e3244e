"""Tensors that lie beside a graph, given to onnxruntime where they are: mapped memory, not copied. Runs in the jail.

onnxruntime is handed each tensor as an initializer of ours, which it uses in place. It insists nevertheless on a file
where the graph says that the tensors are: it gets an empty one. So nothing can be read from there: whatever looks for a
tensor elsewhere than in ours fails, loudly. So do optimizations that compute with tensors ahead of time: then the graph
is loaded as it was written. Prepacking would copy every matrix and is off.

Source: `OrtApi::AddInitializer` and `session.disable_prepacking` of onnxruntime; onnx.proto, `TensorProto`.
"""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from lockgate.runtime.sizes import DATA

_TYPES = dict(
    zip(
        (1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 16),
        ("f4", "u1", "i1", "u2", "i2", "i4", "i8", "?", "f2", "f8", "u4", "u8", "u2"),
        strict=True,
    )
)
"""How numpy reads an element, by onnx's number of its type: nothing smaller than a byte. It has no bfloat16 (16)."""
_EXTERNAL = 1
_FOLDER = "session.model_external_initializers_file_folder_path"


class External:
    """The tensors of a graph that lie in `data`. Must live as long as the sessions that were made with it."""

    def __init__(self, model: bytes, data: memoryview) -> None:
        """Raises ValueError when a tensor lies elsewhere or outside of `data`."""
        # Of all that answers, only what has such a model pays for this import.
        import onnx

        base = np.frombuffer(data, np.uint8)
        self._values: dict[str, ort.OrtValue] = {}
        for tensor in onnx.ModelProto.FromString(model).graph.initializer:
            if tensor.data_location == _EXTERNAL or len(tensor.external_data):
                if tensor.name in self._values:
                    raise ValueError(f"two tensors are called {tensor.name!r}")
                self._values[tensor.name] = _value(tensor, base)
        if not self._values:
            raise ValueError(f"no tensor of the graph lies in {DATA}")

    def session(self, model: bytes, options: Callable[[], ort.SessionOptions]) -> ort.InferenceSession:
        """A session of `model` with these tensors. `options`: new ones, each time. Raises what onnxruntime raises."""
        try:
            return self._session(model, options())
        except Exception:  # noqa: BLE001 - onnxruntime raises its own kinds; the second one is final
            plain = options()
            plain.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
            return self._session(model, plain)

    def _session(self, model: bytes, options: ort.SessionOptions) -> ort.InferenceSession:
        options.add_session_config_entry("session.disable_prepacking", "1")
        for name, value in self._values.items():
            options.add_initializer(name, value)
        with tempfile.TemporaryDirectory(prefix="lockgate-data-") as folder:
            (Path(folder) / DATA).touch()
            options.add_session_config_entry(_FOLDER, folder)
            return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def mapped_file(path: Path) -> memoryview | None:
    """The data beside a graph in a jail that it was bound into, read-only; None where there is none."""
    if not path.is_file() or not path.stat().st_size:
        return None
    with path.open("rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ))


def _value(tensor: Any, base: np.ndarray[Any, np.dtype[np.uint8]]) -> ort.OrtValue:
    said = {entry.key: entry.value for entry in tensor.external_data}
    if said.get("location") != DATA or tensor.data_type not in _TYPES or min(tensor.dims, default=1) < 0:
        raise ValueError(
            f"the tensor {tensor.name!r} is said to lie in {said.get('location')!r}, or is of no such kind"
        )
    kind = np.dtype(_TYPES[tensor.data_type])
    size = prod(tensor.dims) * kind.itemsize
    try:
        start, length = int(said.get("offset", "0")), int(said.get("length", str(size)))
    except ValueError:
        raise ValueError(f"where the tensor {tensor.name!r} lies is not in form") from None
    if length != size or start < 0 or start + size > base.size:
        raise ValueError(f"the tensor {tensor.name!r} is not as large as its place in {DATA}")
    array = base[start : start + size]
    # A type's bytes begin at a multiple of their number, or numpy and onnxruntime want a copy of them.
    array = array.copy() if start % kind.itemsize else array
    return ort.OrtValue.ortvalue_from_numpy_with_onnx_type(
        array.view(kind).reshape(tuple(tensor.dims)), tensor.data_type
    )
