"""Files that torch, Keras and skops themselves wrote, converted. Needs them: `make torch`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

pytest.importorskip("torch", reason="torch is not installed here: make torch")

import torch  # type: ignore[import-not-found]
from safetensors.torch import load_file, save_file

from lockgate.errors import Refused
from lockgate.project.converting import convert
from lockgate.register.jail import convert_tensors

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(300)]

TYPES = (
    *("float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "complex64"),
    *("int64", "int32", "int16", "int8", "uint8", "uint16", "uint32", "uint64", "bool"),
)


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, torch.Tensor):
        yield path, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else ()
    for key, inner in items:
        yield from _leaves(inner, f"{path}.{key}" if path else str(key))


def _same(one: Any, other: Any) -> bool:
    same = (one.dtype, one.shape) == (other.dtype, other.shape)
    return same and bool(torch.equal(one.contiguous().view(-1).view(torch.uint8), other.view(-1).view(torch.uint8)))


def _checkpoint() -> dict[str, Any]:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Embedding(10, 4), torch.nn.Linear(4, 4), torch.nn.BatchNorm1d(4))
    model.append(torch.nn.Linear(4, 10, bias=False))
    model[3].weight = model[0].weight
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.arange(8)).sum().backward()
    optimizer.step()
    square = torch.arange(20.0).reshape(4, 5)
    views = {"turned": square.t(), "part": square[1:, 2:4], "wide": square[0].expand(3, 5), "none": square[:0]}
    return {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "views": views, "epoch": 3}


@pytest.mark.parametrize("today", [True, False], ids=["zip", "before 2020"])
def test_a_checkpoint_with_optimiser_has_the_same_tensors(tmp_path: Path, *, today: bool) -> None:
    """Every tensor that torch.load gives is there, of the same type, shape and bytes, and no other."""
    source, result = tmp_path / "source", tmp_path / "result"
    torch.save(_checkpoint(), source, _use_new_zipfile_serialization=today)
    said = convert_tensors.convert(source, result, 1 << 24)
    expected, got = dict(_leaves(torch.load(source, weights_only=False))), load_file(result)
    assert list(got) == sorted(got) or set(got) == set(expected)
    assert {name for name in expected if not _same(expected[name], got[name])} == set()
    assert (said["tensors"], said["equal"]) == (len(expected), len(expected))
    assert "epoch" in said["dropped"]["shown"]
    assert said["shared"]["groups"] == 2
    save_file(
        {name: one.detach().contiguous().clone() for name, one in expected.items()}, tmp_path / "l", {"format": "pt"}
    )
    assert result.read_bytes() == (tmp_path / "l").read_bytes()


def test_what_is_only_marked_as_conjugated_comes_out_conjugated(tmp_path: Path) -> None:
    """Of x.conj() torch stores x and a mark: the values are those that torch.load gives."""
    made = torch.randn(6, dtype=torch.complex64)
    held = {"turned": made.conj()[1::2], "of one sign": torch.randn(3, dtype=torch.complex64).conj().imag}
    torch.save(held, tmp_path / "source")
    convert_tensors.convert(tmp_path / "source", tmp_path / "result", 1 << 20)
    got = load_file(tmp_path / "result")
    assert all(_same(held[name].resolve_conj().resolve_neg(), got[name]) for name in held)


@pytest.mark.parametrize("name", TYPES)
def test_every_type_comes_out_as_itself(tmp_path: Path, name: str) -> None:
    """All types that safetensors has a name for."""
    data = (
        torch.arange(24, dtype=torch.uint8).view(torch.uint8).to(torch.float32).to(getattr(torch, name)).reshape(4, 6)
    )
    torch.save({"a": data, "b": torch.nn.Parameter(data, requires_grad=False)}, tmp_path / "source")
    convert_tensors.convert(tmp_path / "source", tmp_path / "result", 1 << 20)
    got = load_file(tmp_path / "result")
    assert _same(data, got["a"])
    assert _same(data, got["b"])


@pytest.mark.parametrize("held", ["sparse", "quantised", "module"])
def test_what_is_no_plain_tensor_is_not_taken_for_one(tmp_path: Path, held: str) -> None:
    """The name that a plain state dict does not need is said."""
    made = {
        "sparse": lambda: torch.eye(3).to_sparse(),
        "quantised": lambda: torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8),
        "module": lambda: torch.nn.Linear(2, 2),
    }
    torch.save({"a": made[held]()}, tmp_path / "source")
    said = convert_tensors.convert(tmp_path / "source", tmp_path / "result", 1 << 20)
    assert said["why"].startswith("torch.")
    assert not (tmp_path / "result").exists()


def test_torchscript_is_refused(tmp_path: Path) -> None:
    """It is a program, and says so by what is in its archive."""
    torch.jit.script(torch.nn.Linear(2, 2)).save(tmp_path / "source")
    with pytest.raises(Refused) as raised:
        convert_tensors.convert(tmp_path / "source", tmp_path / "result", 1 << 20)
    assert raised.value.finding == "LG481"


def test_a_whole_module_of_library_classes_becomes_onnx(tmp_path: Path) -> None:
    """It is executed in the jail; label and scores of the graph are the module's."""
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.ReLU(), torch.nn.Dropout(), torch.nn.Linear(8, 4))
    torch.save(module, tmp_path / "module.pt")
    done = convert(tmp_path / "module.pt", tmp_path / "module.onnx", python=Path(sys.prefix))
    said = json.loads(done.said.read_bytes())
    assert (said["executed"], said["model"]["compared"]["beyond"]) == (True, 0)
    data = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    session = onnxruntime.InferenceSession((tmp_path / "module.onnx").read_bytes(), providers=["CPUExecutionProvider"])
    labels, scores = session.run(None, {"X": data})
    wanted = torch.softmax(module.eval()(torch.from_numpy(data)), 1).detach().numpy()
    assert np.abs(scores - wanted).max() < 1e-5
    assert labels.tolist() == wanted.argmax(1).tolist()


@pytest.mark.parametrize("form", ["keras", "h5"])
@pytest.mark.parametrize(
    ("width", "ends", "task"), [(1, None, "regression"), (1, "sigmoid", "binary"), (3, "softmax", "multiclass")]
)
def test_a_keras_file_becomes_onnx(tmp_path: Path, form: str, width: int, ends: str | None, task: str) -> None:
    """A .keras archive and the HDF5 file of before, on the torch backend; its last step says what it answers."""
    os.environ["KERAS_BACKEND"] = "torch"
    keras = pytest.importorskip("keras", reason="Keras is not installed here: make torch")
    layers = [keras.Input((3,)), keras.layers.Dense(5, activation="relu"), keras.layers.Dense(width, activation=ends)]
    keras.Sequential(layers).save(tmp_path / f"m.{form}")
    done = convert(tmp_path / f"m.{form}", tmp_path / "m.onnx", python=Path(sys.prefix))
    assert (done.facts["model"]["compared"]["beyond"], done.facts["model"]["task"]) == (0, task)


def test_a_skops_file_becomes_onnx(tmp_path: Path) -> None:
    """A skops file builds Python objects: in the jail it may."""
    io = pytest.importorskip("skops.io", reason="skops is not installed here: make torch")
    from sklearn.linear_model import LogisticRegression

    data = np.random.default_rng(0).normal(size=(50, 2))
    io.dump(LogisticRegression().fit(data, data[:, 0] > 0), tmp_path / "m.skops")
    done = convert(tmp_path / "m.skops", tmp_path / "m.onnx", python=Path(sys.prefix))
    assert done.facts["model"]["compared"]["beyond"] == 0
