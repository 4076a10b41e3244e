"""What a careful person would write without Lockgate: read, validate each row, split by time, fit, convert, evaluate.

    python bench/plain.py examples/flights OUT

No signature, no jail, no log; the same rows, the same contract, the same `train.py`, the same comparison of the
converted model with the fitted one. Written straight on, as such scripts are.
"""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import onnx.helper
import onnxruntime
import pandas as pd
import pyarrow.dataset as ds
from pydantic import ValidationError
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import Int64TensorType, StringTensorType
from sklearn.metrics import roc_auc_score


def validated(project: Path, settings: dict[str, Any]) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Read the sources and put each row through the contract."""
    sys.path.insert(0, str(project))
    contract = __import__("contract").Flight
    files = [str(path) for pattern in settings["sources"] for path in sorted(project.glob(pattern))]
    good, bad = [], []
    for batch in ds.dataset(files).to_batches():
        for row in batch.to_pylist():
            try:
                good.append(contract(**row).model_dump())
            except ValidationError as error:
                bad.append({"row": row, "errors": error.errors(include_url=False)})
    return pd.DataFrame(good), bad


def converted(model: Any, features: pd.DataFrame) -> bytes:
    """Convert the pipeline; booleans among a node's integers trip protobuf, so they are made integers first."""
    make_attribute = onnx.helper.make_attribute

    def with_integers(key: str, value: Any, *rest: Any, **named: Any) -> Any:
        if isinstance(value, list) and any(isinstance(entry, bool | np.bool_) for entry in value):
            value = [int(entry) for entry in value]
        return make_attribute(key, value, *rest, **named)

    onnx.helper.make_attribute = with_integers
    kinds = [
        (name, Int64TensorType([None, 1]) if pd.api.types.is_integer_dtype(kind) else StringTensorType([None, 1]))
        for name, kind in features.dtypes.items()
    ]
    graph = convert_sklearn(model, initial_types=kinds, options={id(model): {"zipmap": False}})
    return bytes(graph.SerializeToString())


def main() -> None:
    """Do it all once and print what came out."""
    project, out = Path(sys.argv[1]), Path(sys.argv[2])
    settings = tomllib.loads((project / "lockgate.toml").read_text())
    label, time = settings["data"]["label"], settings["data"]["time"]
    rows, bad = validated(project, settings["data"])
    out.mkdir(parents=True, exist_ok=True)
    rows.to_parquet(out / "accepted.parquet")
    (out / "quarantine.json").write_text(json.dumps(bad, default=str))

    rows = rows.sort_values(time, kind="stable")
    cut = round(len(rows) * (1 - settings["train"]["holdout"]))
    fit, held_out = rows[:cut], rows[cut:]
    model = __import__("train").train(fit, settings["train"]["params"])

    features = held_out[list(model.feature_names_in_)]
    graph = converted(model, features)
    (out / "model.onnx").write_bytes(graph)
    session = onnxruntime.InferenceSession(graph)
    feed = {
        name: features[[name]].to_numpy(np.int64 if pd.api.types.is_integer_dtype(kind) else object)
        for name, kind in features.dtypes.items()
    }
    scores = session.run(None, feed)[1][:, 1]
    apart = float(np.abs(scores - model.predict_proba(features)[:, 1]).max())
    auc = roc_auc_score(held_out[label], scores)
    print(json.dumps({"accepted": len(rows), "quarantined": len(bad), "auc": round(auc, 4), "worst_difference": apart}))


if __name__ == "__main__":
    main()
