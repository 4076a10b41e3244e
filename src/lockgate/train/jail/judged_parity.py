"""Ask the estimator and its graph of the rows that only the judge has seen. Runs in a train jail of its own.

The estimator is a program of the user's: what is written here is a claim of the jail in which it ran. The candidate's
files are stored before this jail starts, and nothing of it is kept but numbers, and one row for the person at work.

At `/model` lie model.onnx, its data where it has some, io.json and estimator.joblib, at `/in` heldout.parquet, at
`/job` the captured code, read-only. Task on standard input: {"label", "features", "parity"}. Writes parity.json:

    {"facts": {"rows", "tolerance", "beyond", "share", "explained", "worst": {"row", "difference"},
               "metric": {"name", "estimator", "graph", "change", "apart"}}, "record": {name: text}}
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lockgate.contract.jail.outcome import data_dir, guarded, out_dir, place, read_task
from lockgate.core.encoding import encode
from lockgate.runtime import serving
from lockgate.runtime.jail import external
from lockgate.runtime.jail.predict import Outputs
from lockgate.runtime.serving import ServingSpec
from lockgate.runtime.sizes import DATA
from lockgate.train.jail import featured, fit, frame, parity, users_code
from lockgate.train.jail.exporters.base import Answers
from lockgate.train.jail.exporters.choose import fitted_of
from lockgate.train.jail.metrics import delong, mean_of, places, share_of
from lockgate.train.jail.watch import Watch
from lockgate.train.parity import part_of

Floats = npt.NDArray[np.float64]

MODEL = place("/model")
_TRIMMED = 0.99


def main(arguments: Sequence[str]) -> None:  # noqa: ARG001 - a jail's target has this signature
    """Compare what lies at `/model`."""
    guarded(_work, out_dir(), unexpected="LG399")


def _work() -> None:
    import joblib

    task = read_task()
    os.chdir(users_code.JOB)
    sys.path.insert(0, str(users_code.JOB))
    rows = frame.read(data_dir() / "heldout.parquet", task["label"])
    channel = os.dup(2)
    Watch(lambda line: os.write(channel, line), job=str(users_code.JOB)).install()
    rows = featured.rows_of(rows, task["features"])
    spec = serving.parse((MODEL / "io.json").read_bytes())
    graph = parity.opened((MODEL / "model.onnx").read_bytes(), spec, external.mapped_file(MODEL / DATA))
    returned = users_code.call(lambda: joblib.load(MODEL / fit.ESTIMATOR))
    compared = parity.compare(fitted_of(returned, rows, spec.task), graph, rows, task["parity"])
    truth = rows.data[rows.label].to_numpy()
    metric = headline_of(spec, truth, compared.wanted, compared.said, compared.beyond)
    (out_dir() / "parity.json").write_bytes(
        encode({"facts": {**compared.facts, "metric": metric}, "record": compared.record})
    )


def headline_of(
    spec: ServingSpec, truth: npt.NDArray[Any], wanted: Answers, said: Outputs, beyond: npt.NDArray[np.int64]
) -> dict[str, Any]:
    """The judge's leading metric of both, and its change: in the metric, for a mean error as a part of it.

    `apart`: for numbers, how far both lie apart where no outlier counts (`_apart`); else 0.
    """
    estimator = Outputs(wanted.labels, wanted.probabilities, wanted.values)
    name, before = _headline(spec, truth, estimator)
    _, after = _headline(spec, truth, said)
    change, apart = after - before, 0.0
    if wanted.values is not None and said.values is not None:
        change = part_of(change, before)
        apart = _apart(np.asarray(truth, dtype=np.float64), wanted.values, said.values, beyond)
    return {
        "name": name,
        "estimator": round(before, 9),
        "graph": round(after, 9),
        "change": round(change, 9),
        "apart": round(apart, 9),
    }


def _apart(truth: Floats, wanted: Floats, said: Floats, beyond: npt.NDArray[np.int64]) -> float:
    """The larger of two, as a part of the estimator's error: by how much the error changes without its largest
    hundredth, and how far the middle row's answers differ. Rows within the tolerance do not differ.

    A mean error is what one outlier makes of it; and errors of the other sign have the same size.
    """
    most = max(1, int(len(truth) * _TRIMMED))
    before, after = (float(np.sort(np.abs(truth - each))[:most].mean()) for each in (wanted, said))
    differs = np.zeros(len(truth))
    differs[beyond] = np.abs(wanted - said)[beyond]
    middle = float(np.quantile(differs, 0.5, method="higher"))
    typical = float(np.median(np.abs(truth - wanted)))
    return max(abs(part_of(after - before, before)), part_of(middle, typical))


def _headline(spec: ServingSpec, truth: npt.NDArray[Any], outputs: Outputs) -> tuple[str, float]:
    """The first of `judge.HEADLINE` that the rows allow, as `metrics` computes it, and without its interval."""
    if outputs.values is not None:
        return "mae", mean_of(np.abs(np.asarray(truth, dtype=np.float64) - outputs.values)).value
    right = places(spec, truth)
    if spec.task == "binary" and outputs.scores is not None and 0 < right.sum() < len(right):
        score = outputs.scores[:, 1]
        return "roc_auc", delong(score[right == 1], score[right == 0]).value
    return "accuracy", share_of(places(spec, np.asarray(outputs.labels)) == right).value
