"""Models, settings and tables as XGBoost, LightGBM, PyYAML, pandas and json write them."""

from __future__ import annotations

import functools
import importlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from tests.support.benign.case import Benign

_ROWS = np.random.default_rng(10).normal(size=(60, 4))
_LABELS = (_ROWS[:, 0] > 0).astype(int)


@functools.cache
def _trained() -> tuple[Benign, ...]:
    xgboost, lightgbm = importlib.import_module("xgboost"), importlib.import_module("lightgbm")
    made: list[Benign] = []
    for objective in ("binary:logistic", "reg:squarederror", "rank:pairwise"):
        rows = xgboost.DMatrix(_ROWS, _LABELS, feature_names=["a", "b c", "größe", "d"])
        booster = xgboost.train({"objective": objective, "max_depth": 2, "nthread": 1}, rows, 3)
        made.append(Benign("xgboost", "model.json", bytes(booster.save_raw("json"))))
        made.append(Benign("xgboost", "config.json", booster.save_config().encode()))
        made.append(Benign("xgboost", "dump.txt", "\n".join(booster.get_dump(with_stats=True)).encode()))
    linear = xgboost.train({"booster": "gblinear", "nthread": 1}, xgboost.DMatrix(_ROWS, _LABELS), 2)
    made.append(Benign("xgboost", "model.json", bytes(linear.save_raw("json"))))
    for objective in ("binary", "regression"):
        given = {"objective": objective, "verbose": -1, "num_threads": 1, "max_depth": 2}
        frame = pd.DataFrame(_ROWS, columns=list("abcd")).assign(e=pd.Categorical(["x", "y", "z"] * 20))
        forest = lightgbm.train(given, lightgbm.Dataset(frame, _LABELS), 3)
        made.append(Benign("lightgbm", "model.txt", forest.model_to_string().encode()))
        made.append(Benign("lightgbm", "model.json", json.dumps(forest.dump_model()).encode()))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "lgb.txt"
            forest.save_model(path)
            made.append(Benign("lightgbm", "lgb.txt", path.read_bytes()))
    return tuple(made)


_MLMODEL: dict[str, Any] = {
    "artifact_path": "model",
    "flavors": {
        "onnx": {"code": None, "data": "model.onnx", "onnx_version": "1.23.2", "providers": ["CPUExecutionProvider"]},
        "python_function": {
            "data": "model.onnx",
            "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
            "loader_module": "mlflow.onnx",
            "python_version": "3.11.2",
        },
    },
    "mlflow_version": "3.4.0",
    "model_id": "m-0123456789abcdef",
    "run_id": "0123456789abcdef",
    "signature": {"inputs": '[{"type": "double", "name": "a", "required": true}]', "outputs": None, "params": None},
    "utc_time_created": "2026-11-01 10:00:00.000000",
}
_CONDA = {
    "channels": ["conda-forge"],
    "dependencies": ["python=3.11.2", "pip<=25.0", {"pip": ["mlflow==3.4.0", "onnx==1.23.2"]}],
    "name": "mlflow-env",
}


def _yamls() -> Iterator[tuple[str, str, str]]:
    yield "mlflow", "MLmodel", yaml.safe_dump(_MLMODEL)
    yield "mlflow", "conda.yaml", yaml.safe_dump(_CONDA, sort_keys=False)
    yield "mlflow", "python_env.yaml", yaml.safe_dump({"python": "3.11.2", "dependencies": ["-r requirements.txt"]})
    shared = ["a", "b"]
    yield "pyyaml", "config.yaml", yaml.safe_dump({"columns": shared, "features": shared, "again": [shared, shared]})
    yield "pyyaml", "notes.yml", yaml.safe_dump({"text": "Hello! World: yes & no *bold* %x", "mail": "a@b.c"})
    yield "pyyaml", "long.yaml", yaml.safe_dump({f"key{n}": {"value": n, "text": "x" * 200} for n in range(100)})
    yield "pyyaml", "lines.yaml", yaml.safe_dump({"text": "one\ntwo\n\nthree: !\n"}, default_style="|")
    yield "pyyaml", "many.yaml", yaml.safe_dump_all([{"a": 1}, [1, 2.5, None, True], "ö"], allow_unicode=True)


def _tables() -> Iterator[tuple[str, str, str]]:
    frame = pd.DataFrame({"id": range(50), "city": ["Graz", 'a "b"', "x,y", "größe", ""] * 10, "at": 0.5})
    yield "pandas", "table.csv", frame.to_csv(index=False)
    yield "pandas", "table.tsv", frame.to_csv(sep="\t")
    yield "pandas", "semicolons.csv", frame.to_csv(sep=";", lineterminator="\r\n")
    for orient in ("records", "split", "columns"):
        yield "pandas", "table.json", str(frame.to_json(orient=orient))
    yield "pandas", "table.md", frame.to_string()


def all_of_them() -> Iterator[Benign]:
    """Every file."""
    yield from _trained()
    for family, name, text in (*_yamls(), *_tables()):
        yield Benign(family, name, text.encode())
