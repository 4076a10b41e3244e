"""Models as others hand them out: small, whole, and laid out as their libraries document it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from lockgate.core.digest import digest_of
from lockgate.core.encoding import encode
from lockgate.register.imports import run as importing
from lockgate.register.imports.spec import ImportResult, ImportSpec, Offer
from lockgate.register.jail.scan_import import scan
from lockgate.sandbox.report import JailReport, Probe
from tests.support.project import SignedProject, tiny_model

HELD = (Probe("everything", "none", holds=True, witness="a test's"),)
REPORT = JailReport("none", "parse", digest_of(b"settings"), HELD, {})


def safetensors(tensors: Mapping[str, Sequence[int]] = {"w": [2, 3]}, seed: int = 1, **changes: Any) -> bytes:
    """A safetensors file of float32 tensors of these shapes; `changes` are made to its header."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, shape in tensors.items():
        size = 4
        for dimension in shape:
            size *= dimension
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [len(data), len(data) + size]}
        data += bytes([seed]) * size
    return packed({**header, **changes}, data)


def packed(header: object, data: bytes) -> bytes:
    """Header and data as one safetensors file."""
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data


def write(folder: Path, files: Mapping[str, bytes]) -> Path:
    """A folder of these files."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def huggingface(folder: Path, seed: int = 1) -> Path:
    """A model as `save_pretrained` writes it."""
    config = {"architectures": ["BertModel"], "model_type": "bert", "layer_norm_eps": 1e-12, "hidden_size": 3}
    return write(
        folder,
        {
            "config.json": json.dumps(config, indent=2).encode(),
            "model.safetensors": safetensors(seed=seed),
            "tokenizer.json": json.dumps({"version": "1.0", "model": {"vocab": {"é": 0}}}).encode(),
            "vocab.txt": b"[PAD]\n[UNK]\n",
            "README.md": b"# A model\n",
        },
    )


MLMODEL = b"""artifact_path: model
flavors:
  onnx:
    data: model.onnx
    onnx_version: 1.17.0
  python_function:
    data: model.onnx
    env:
      conda: conda.yaml
      virtualenv: python_env.yaml
    loader_module: mlflow.onnx
    python_version: 3.11.2
mlflow_version: 2.20.0
run_id: 0123456789abcdef0123456789abcdef
"""


def mlflow_model(folder: Path) -> Path:
    """An MLflow model of the ONNX flavour, by its documented layout."""
    return write(
        folder,
        {
            "MLmodel": MLMODEL,
            "model.onnx": tiny_model(),
            "conda.yaml": b"channels:\n- conda-forge\n",
            "python_env.yaml": b"python: 3.11.2\n",
            "requirements.txt": b"onnx==1.17.0\n",
        },
    )


def mlflow_run(folder: Path) -> Path:
    """An MLflow run in a file store: its record, and its artifacts beside."""
    mlflow_model(folder / "artifacts" / "model")
    return write(
        folder,
        {
            "meta.yaml": b"artifact_uri: artifacts\nrun_id: 0123456789abcdef0123456789abcdef\nstatus: 3\n",
            "metrics/accuracy": b"1764121800000 0.91 0\n",
            "params/depth": b"3",
            "tags/mlflow.source.name": b"train.py",
            "tags/mlflow.user": b"mara",
        },
    )


def import_here(
    project: SignedProject,
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    *,
    name: str = "bert",
    key: bytes | None = None,
    digest: str = "",
    confirm: Callable[[Offer], bool] | None = None,
) -> ImportResult:
    """Import `folder`, with the scan in this process instead of the jail."""
    with monkeypatch.context() as patch:
        patch.setattr(importing, "look_at_import", lambda _, copy, has_onnx: (encode(scan(copy)), REPORT))
        spec = ImportSpec(folder, name, key, digest or None)  # type: ignore[arg-type]  # a digest is a text
        return importing.run(project.workplace(), spec, confirm)


class Shown:
    """A person who says yes, and remembers what was shown."""

    def __init__(self) -> None:
        self.offers: list[Offer] = []

    def __call__(self, offer: Offer) -> bool:
        """Yes."""
        self.offers.append(offer)
        return True


def yes(_: Offer) -> bool:
    """A person who vouches for everything."""
    return True
