"""Run the user's training code and bring back a model. Runs in the train jail: everything here can be lied to.

Task on standard input: {"function", "script", "label", "task", "params", "seed", "parity", "out", "features"}. At `/in`
lie train.parquet and the inputs that the project names, at `/job` the captured code, read-only. Writes to `/out`:

    function   model.onnx, model.onnx.data where it is large, io.json, fit.json, and estimator.joblib where it can be
               saved: for the jail that compares on the held-out rows, and for nobody else
    script     what the script wrote, such as model.joblib; `convert` goes on in a jail of its own
    both       took.json: the seconds of the user's own code

A script finds the folder of train.parquet in $LOCKGATE_DATA, where to write in $LOCKGATE_OUT, and its parameters
as JSON in $LOCKGATE_PARAMS. Whatever else is written there is kept as an untrusted attachment.
"""

from __future__ import annotations

import json
import os
import random
import runpy
import sys
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any

import numpy as np
import pandas as pd

from lockgate.contract.jail.outcome import data_dir, guarded, out_dir, place, read_task
from lockgate.core.encoding import encode
from lockgate.errors import Refused
from lockgate.train.jail import cores, featured, frame, users_code
from lockgate.train.jail.exporters import dumping
from lockgate.train.jail.exporters.base import Fitted
from lockgate.train.jail.exporters.choose import fitted_of
from lockgate.train.jail.watch import Watch

MODELS = ("model.onnx", "model.joblib", "model.json", "model.ubj", "model.txt")
"""What a script may write, the surest first."""
ESTIMATOR = "estimator.joblib"
TOOK = "took.json"
_SPARE = 4 << 20


def main(arguments: Sequence[str]) -> None:  # noqa: ARG001 - a jail's target has this signature
    """Train on `/in/train.parquet`."""
    guarded(_work, out_dir(), unexpected="LG399")


def _work() -> None:
    task = read_task()
    settle(task["seed"], scratch_places(str(place("/tmp"))))
    rows = None if task["script"] else frame.read(data_dir() / "train.parquet", task["label"])
    cores.settle()
    channel = os.dup(2)
    Watch(lambda line: os.write(channel, line), job=str(users_code.JOB)).install()
    if rows is None:
        began = monotonic()
        run_script(task)
        took(began)
        return
    rows = featured.compared(rows, task["features"])
    began = monotonic()
    returned = called(task, rows)
    took(began)
    for name, data in finish(returned, rows, task).items():
        (out_dir() / name).write_bytes(data)


def settle(seed: int, places: Mapping[str, str]) -> None:
    """Seeds, the working directory, and where trackers write: as the user's code finds them."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - the seed of whoever uses the old generator
    os.chdir(users_code.JOB)
    sys.path.insert(0, str(users_code.JOB))
    for name, value in places.items():
        os.environ.setdefault(name, value)


def took(began: float) -> None:
    """Write took.json: the seconds since `began`, by `monotonic`."""
    (out_dir() / TOOK).write_bytes(encode({"seconds": round(monotonic() - began, 3)}))


def scratch_places(scratch: str) -> dict[str, str]:
    """Where trackers and caches write: their own defaults are in the working directory, which is read-only."""
    return {
        "MLFLOW_TRACKING_URI": f"file://{scratch}/mlruns",
        "MLFLOW_ALLOW_FILE_STORE": "true",  # newer versions refuse a folder unless they are told
        "WANDB_DIR": scratch,
        "XDG_CACHE_HOME": f"{scratch}/.cache",
        "MPLCONFIGDIR": f"{scratch}/.cache/matplotlib",
        "NUMBA_CACHE_DIR": f"{scratch}/.cache/numba",
        "HF_HOME": f"{scratch}/.cache/huggingface",
        "JOBLIB_TEMP_FOLDER": f"{scratch}",
    }


def finish(returned: Any, rows: frame.Rows, task: dict[str, Any]) -> dict[str, bytes]:
    """The files of what `train()` returned. Raises Refused LG311, and what `finish_fitted` raises."""
    return finish_fitted(fitted_of(returned, rows, task["task"]), rows, task)


def finish_fitted(fitted: Fitted, rows: frame.Rows, task: dict[str, Any]) -> dict[str, bytes]:
    """The files of a fitted model. Raises Refused LG311 to LG314, LG316, LG337, LG338."""
    from lockgate.train.jail import parity
    from lockgate.train.jail.exporters import label_values

    label_values.check(fitted, rows)
    exported = fitted.export()
    spec = rows.served(exported.spec)
    compared = parity.compare(fitted, parity.loaded(exported), rows, task["parity"])
    parity.judge(compared, task["parity"], lambda: _cause(fitted, rows.data.iloc[compared.left]))
    files = {"model.onnx": exported.model, "io.json": spec.encode()}
    if exported.data is not None:
        files["model.onnx.data"] = exported.data
    saved, why = _saved(fitted.dump(), task.get("out", 0), files)
    fit = {
        "estimator": fitted.name,
        "task": fitted.task,
        "rows": len(rows.data),
        "features": [field.name for field in spec.fields],
        "left_out": list(rows.left_out),
        "parity": compared.facts,
        "saved": why,
        "versions": fitted.versions,
        **({} if rows.cost is None else {"featured": dict(rows.cost)}),
    }
    return {**files, **saved, "fit.json": encode(fit)}


def _cause(fitted: Fitted, differing: pd.DataFrame) -> str:
    """Which step is converted wrongly, where the exporter can tell."""
    ask = getattr(fitted, "cause", None)
    try:
        return "" if ask is None else str(ask(differing))
    except Exception:  # noqa: BLE001 - the refusal stands, with or without its cause
        return ""


def _saved(estimator: bytes | None, room: int, others: Mapping[str, bytes]) -> tuple[dict[str, bytes], str]:
    """The estimator as a file, or why it is none. `room`: what /out takes; a full /out would cost the model."""
    if estimator is None:
        return {}, f"it cannot be saved by joblib, or takes more than {dumping.MOST >> 20} MiB"
    there = sum(path.stat().st_size for path in out_dir().rglob("*") if path.is_file() and not path.is_symlink())
    if there + sum(map(len, others.values())) + len(estimator) + _SPARE > room:
        return {}, f"/out has no room for its {(len(estimator) >> 20) + 1} MiB: raise [train] out"
    return {ESTIMATOR: estimator}, ""


def called(task: dict[str, Any], rows: frame.Rows) -> Any:
    """What the project's `train(data, params)` returns. Raises Refused LG301, and as `users_code.call`."""
    file, _, name = task["function"].partition(":")

    def train() -> Any:
        function = getattr(users_code.load(file), name, None)
        if not callable(function):
            raise users_code.no_function(file, name)
        return function(rows.data.copy(), dict(task["params"]))

    return users_code.call(train)


def run_script(task: dict[str, Any]) -> None:
    """Run the project's script. Raises Refused LG301, LG310, LG315, and as `users_code.call`."""
    os.environ["LOCKGATE_PARAMS"] = json.dumps(task["params"])
    script = users_code.JOB / task["script"]
    if not script.is_file():
        raise Refused(
            "LG301", f"{task['script']} is not among the captured code", next="edit lockgate.toml: [train] script, code"
        )

    def run() -> None:
        sys.argv = [str(script)]
        try:
            runpy.run_path(str(script), run_name="__main__")
        except SystemExit as left:
            if left.code not in (None, 0):
                raise Refused(
                    "LG310", f"{task['script']} ended with exit status {left.code}", next="lockgate jail --shell"
                ) from None

    users_code.call(run, script=True)
    if not any((out_dir() / name).is_file() for name in MODELS):
        raise Refused(
            "LG315",
            f"{task['script']} wrote no model",
            seen={"expected": list(MODELS), "found": sorted(os.listdir(out_dir()))[:20]},
            next="write $LOCKGATE_OUT/model.onnx or $LOCKGATE_OUT/model.joblib",
        )
