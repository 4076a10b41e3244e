"""Run the user's training code and bring back a model. Runs in the train jail: everything here can be lied to.

Task on standard input: {"function", "script", "label", "task", "params", "seed", "parity"}. At `/in` lie
train.parquet and the inputs that the project names, at `/job` the captured code, read-only. Writes to `/out`:

    function   model.onnx, io.json, fit.json
    script     what the script wrote: model.onnx, or model.joblib; `convert` goes on in a jail of its own

A script finds the folder of train.parquet in $LOCKGATE_DATA, where to write in $LOCKGATE_OUT, and its parameters
as JSON in $LOCKGATE_PARAMS. Whatever else is written there is kept as an untrusted attachment.
"""

from __future__ import annotations

import importlib.util
import json
import os
import random
import runpy
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from lockgate.contract.findings import clean
from lockgate.contract.jail.outcome import data_dir, guarded, out_dir, place, read_task
from lockgate.core.encoding import encode
from lockgate.errors import LockgateError, Refused
from lockgate.train.jail import frame, limits
from lockgate.train.jail.watch import Watch

JOB = place("/job")
MODELS = ("model.onnx", "model.joblib")


def main(arguments: Sequence[str]) -> None:  # noqa: ARG001 - a jail's target has this signature
    """Train on `/in/train.parquet`."""
    guarded(_work, out_dir(), unexpected="LG399")


def _work() -> None:
    task = read_task()
    random.seed(task["seed"])
    np.random.seed(task["seed"] % 2**32)  # noqa: NPY002 - the seed of whoever uses the old generator
    os.chdir(JOB)
    sys.path.insert(0, str(JOB))
    for name, value in scratch_places(str(place("/tmp"))).items():
        os.environ.setdefault(name, value)
    rows = None if task["script"] else frame.read(data_dir() / "train.parquet", task["label"])
    channel = os.dup(2)
    Watch(lambda line: os.write(channel, line), job=str(JOB)).install()
    if rows is None:
        _run_script(task)
        return
    estimator = _call(task, rows)
    for name, data in finish(estimator, rows, task).items():
        (out_dir() / name).write_bytes(data)


def scratch_places(scratch: str) -> dict[str, str]:
    """Where trackers and caches write: their own defaults are in the working directory, which is read-only."""
    return {
        "MLFLOW_TRACKING_URI": f"file://{scratch}/mlruns",
        "WANDB_DIR": scratch,
        "XDG_CACHE_HOME": f"{scratch}/.cache",
        "MPLCONFIGDIR": f"{scratch}/.cache/matplotlib",
        "NUMBA_CACHE_DIR": f"{scratch}/.cache/numba",
        "HF_HOME": f"{scratch}/.cache/huggingface",
        "JOBLIB_TEMP_FOLDER": f"{scratch}",
    }


def finish(estimator: Any, rows: frame.Rows, task: dict[str, Any]) -> dict[str, bytes]:
    """model.onnx, io.json and fit.json of a fitted estimator. Raises Refused LG311 to LG314, LG316."""
    from lockgate.train.jail import onnx_of, parity

    _check_fitted(estimator)
    kind = onnx_of.task_of(estimator, rows, task["task"])
    model, spec = onnx_of.convert(estimator, rows, kind)
    facts = parity.compare(estimator, model, spec, rows, onnx_of.features_of(estimator, rows))
    parity.judge(facts, task["parity"])
    fit = {
        "estimator": onnx_of.chain(estimator),
        "task": kind,
        "rows": len(rows.data),
        "features": [field.name for field in spec.fields],
        "left_out": list(rows.left_out),
        "parity": facts,
        "versions": versions(),
    }
    return {"model.onnx": model, "io.json": spec.encode(), "fit.json": encode(fit)}


def versions() -> dict[str, str]:
    """What made the model, as imported."""
    names = ("numpy", "pandas", "sklearn", "skl2onnx", "onnx", "onnxruntime")
    found = {name: str(getattr(sys.modules.get(name), "__version__", "")) for name in names}
    return {"python": sys.version.split()[0], **{name: version for name, version in found.items() if version}}


def _call(task: dict[str, Any], rows: frame.Rows) -> Any:
    file, _, name = task["function"].partition(":")

    def train() -> Any:
        function = getattr(_load(file), name, None)
        if not callable(function):
            raise Refused("LG301", f"{file} has no function {name!r}", next="edit lockgate.toml: [train] function")
        return function(rows.data.copy(), dict(task["params"]))

    return users(train)


def _load(file: str) -> Any:
    spec = importlib.util.spec_from_file_location(Path(file).stem, JOB / file)
    if spec is None or spec.loader is None or not (JOB / file).is_file():
        raise Refused(
            "LG301",
            f"{file} is not among the captured code",
            seen={"captured": sorted(str(path.relative_to(JOB)) for path in JOB.rglob("*.py"))[:20]},
            next="edit lockgate.toml: [train] function, code",
        )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _run_script(task: dict[str, Any]) -> None:
    os.environ["LOCKGATE_PARAMS"] = json.dumps(task["params"])
    script = JOB / task["script"]
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

    users(run)
    if not any((out_dir() / name).is_file() for name in MODELS):
        raise Refused(
            "LG315",
            f"{task['script']} wrote no model",
            seen={"expected": list(MODELS), "found": sorted(os.listdir(out_dir()))[:20]},
            next="write $LOCKGATE_OUT/model.onnx or $LOCKGATE_OUT/model.joblib",
        )


def users(work: Callable[[], Any]) -> Any:
    """Run the user's code. What it raises is shown as talk, with its traceback, and becomes a Refused.

    LG310, or what says which limit of the jail it met: LG317, LG319, LG322, LG376, LG377.
    """
    try:
        return work()
    except LockgateError:
        raise
    except MemoryError as error:
        raise Refused(
            "LG317",
            f"training ran out of memory{_where(error.__traceback__)}",
            next="edit lockgate.toml: [train] memory",
        ) from None
    except BaseException as error:  # noqa: BLE001 - the user's code may raise anything at all
        traceback.print_exception(error.with_traceback(_own(error.__traceback__)))
        sys.stderr.flush()
        met = limits.met(error)
        if met is not None:
            raise limits.refused(met, _where(error.__traceback__)) from None
        said = (str(error).strip().splitlines() or [""])[-1]
        where = _syntax(error) if isinstance(error, SyntaxError) else _where(error.__traceback__)
        raise Refused(
            "LG310",
            f"the training code raised {type(error).__name__}{where}" + (f": {clean(said, 300)}" if said else ""),
            seen={"error": type(error).__name__, "at": where.removeprefix(" at ")},
            next="mend the training code, then: lockgate train",
        ) from None


def _own(trace: TracebackType | None) -> TracebackType | None:
    """The part of a traceback that begins in the user's own code."""
    found = trace
    while found is not None and not found.tb_frame.f_code.co_filename.startswith(f"{JOB}/"):
        found = found.tb_next
    return found or trace


def _where(trace: TracebackType | None) -> str:
    """` at train.py:12`: the last line of the user's own code that a traceback passed."""
    lines = [
        f"{s.filename[len(str(JOB)) + 1 :]}:{s.lineno}" for s in traceback.extract_tb(trace) if _is_own(s.filename)
    ]
    return f" at {lines[-1]}" if lines else ""


def _syntax(error: SyntaxError) -> str:
    file = error.filename or ""
    return f" at {file[len(str(JOB)) + 1 :]}:{error.lineno}" if _is_own(file) else _where(error.__traceback__)


def _is_own(file: str) -> bool:
    return file.startswith(f"{JOB}/")


def _check_fitted(estimator: Any) -> None:
    from sklearn.base import BaseEstimator
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    if not isinstance(estimator, BaseEstimator) or not hasattr(estimator, "predict"):
        raise Refused(
            "LG311",
            f"train() returned {type(estimator).__name__}, not a scikit-learn estimator that predicts",
            seen={"returned": type(estimator).__name__},
            next="return the fitted estimator or Pipeline from train()",
        )
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        raise Refused(
            "LG311",
            f"train() returned a {type(estimator).__name__} that is not fitted",
            next="return estimator.fit(...) from train()",
        ) from None
