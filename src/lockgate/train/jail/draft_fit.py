"""Run the user's training code for a draft, and ask what it made of the validation rows. Runs in the train jail.

Task on standard input: that of `fit`, and "estimator": whether /asked/estimator.pickle is fitted instead of the
project's code. At `/in` lie train.parquet and the project's inputs, at `/asked` rows.parquet, the validation rows
without their label. Writes to `/out`:

    answers.parquet   for each validation row: `label`, the place of a class, and p0, p1, ...; or `value`
    draft.json        {"task", "estimator", "classes", "versions"}
    took.json         the seconds of the user's own code

Nothing is converted: a draft is to be as quick as the script alone. Everything here can be lied to; the labels are
not here.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Sequence
from time import monotonic
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.contract.jail.outcome import data_dir, guarded, out_dir, place, read_task
from lockgate.core.encoding import encode
from lockgate.errors import LockgateError, Refused
from lockgate.train.jail import cores, featured, fit, frame, hints, users_code
from lockgate.train.jail.exporters import label_values
from lockgate.train.jail.exporters.base import Answers, Fitted
from lockgate.train.jail.exporters.choose import fitted_of
from lockgate.train.jail.watch import Watch

ASKED = place("/asked")


def main(arguments: Sequence[str]) -> None:  # noqa: ARG001 - a jail's target has this signature
    """Train on `/in/train.parquet`, answer for `/asked/rows.parquet`."""
    guarded(_work, out_dir(), unexpected="LG399")


def _work() -> None:
    task = read_task()
    fit.settle(task["seed"], {**fit.scratch_places(str(place("/tmp"))), **kept_places(str(out_dir()))})
    table = pq.read_table(data_dir() / "train.parquet", use_threads=False)
    rows = frame.from_table(table, task["label"])
    pickled = (ASKED / "estimator.pickle").read_bytes() if task["estimator"] else b""
    cores.settle()
    channel = os.dup(2)
    Watch(lambda line: os.write(channel, line), job=str(users_code.JOB)).install()
    rows = rows if task["script"] else featured.compared(rows, task["features"])
    began = monotonic()
    returned = _made(task, rows, pickled)
    fit.took(began)
    if task["script"]:
        rows = featured.rows_of(rows, task["features"])
    fitted = _loaded(returned, rows, task)
    asked = featured.rows_of(frame.from_table(_with_label(table, task["label"]), task["label"]), task["features"])
    answers = _answers(fitted, asked)
    pq.write_table(table_of(answers, fitted.classes, len(asked.data)), out_dir() / "answers.parquet")
    facts = {
        "task": fitted.task,
        "estimator": fitted.name,
        "classes": None if fitted.classes is None else list(fitted.classes),
        "versions": fitted.versions,
    }
    (out_dir() / "draft.json").write_bytes(encode(facts))


def kept_places(out: str) -> dict[str, str]:
    """Where trackers write what the draft keeps; a person's own variable or call says otherwise."""
    return {
        "MLFLOW_TRACKING_URI": f"file://{out}/mlruns",
        "MLFLOW_ALLOW_FILE_STORE": "true",
        "WANDB_DIR": out,
        "WANDB_MODE": "offline",
        "WANDB_SILENT": "true",
    }


def _made(task: dict[str, Any], rows: frame.Rows, pickled: bytes) -> Any:
    """What the user's code returned; of a script None: what it made it has written."""
    if task["script"]:
        fit.run_script(task)
        return None
    return _fitted(pickled, rows, task) if task["estimator"] else fit.called(task, rows)


def _fitted(pickled: bytes, rows: frame.Rows, task: dict[str, Any]) -> Any:
    """The notebook's estimator: a program, as every pickle is, and opened nowhere but here. Raises Refused LG3111."""
    try:
        estimator = pickle.loads(pickled)  # noqa: S301 - the jail is for this
    except Exception as error:  # noqa: BLE001 - whatever stands in it
        said = hints.shown(str(error))
        raise Refused(
            "LG3111",
            f"the notebook's estimator cannot be opened with the project's packages: {type(error).__name__}: {said}",
            next="lockgate jail -- python -m pip list   # the project's versions: are they the notebook's?",
        ) from None

    def train() -> Any:
        if task["params"]:
            estimator.set_params(**task["params"])
        return estimator.fit(rows.data.drop(columns=rows.label), rows.data[rows.label])

    return users_code.call(train)


def _loaded(returned: Any, rows: frame.Rows, task: dict[str, Any]) -> Fitted:
    """What can be asked. A script's model is opened here too: that is no more than the script itself could do."""
    if not task["script"]:
        return _checked(fitted_of(returned, rows, task["task"]), rows)
    wrote = next(out_dir() / name for name in fit.MODELS if (out_dir() / name).is_file())
    if wrote.suffix == ".onnx":
        from lockgate.train.jail.draft_graph import graph_of

        return graph_of(wrote, rows, task["task"])
    if wrote.suffix == ".joblib":
        import joblib

        return _checked(fitted_of(users_code.call(lambda: joblib.load(wrote)), rows, task["task"]), rows)
    from lockgate.train.jail.exporters import boosters

    return _checked(boosters.load(wrote, rows, task["task"]), rows)


def _checked(fitted: Fitted, rows: frame.Rows) -> Fitted:
    """`fitted`, whose classes are the label's values: a run would refuse it as well. Raises Refused LG311."""
    label_values.check(fitted, rows)
    return fitted


def _with_label(trained: pa.Table, label: str) -> pa.Table:
    """The validation rows as rows are read: with a label, which says nothing."""
    asked = pq.read_table(ASKED / "rows.parquet", use_threads=False)
    same = trained.column(label)[0]
    return asked.append_column(trained.schema.field(label), pa.repeat(same, len(asked)))


def _answers(fitted: Fitted, asked: frame.Rows) -> Answers:
    try:
        return fitted.answers(asked.data)
    except (LockgateError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - the user's estimator raises what it likes
        raise Refused(
            "LG3112",
            f"what was trained gives no answers for the validation rows: {type(error).__name__}: "
            f"{hints.shown(str(error))}",
            next="lockgate explain LG3112",
        ) from None


def table_of(answers: Answers, classes: Sequence[object] | None, rows: int) -> pa.Table:
    """The answers as a table of `rows` rows. Raises Refused LG3112 where there are more, or fewer, or none."""
    columns: dict[str, Any] = {}
    if answers.values is not None:
        columns["value"] = np.asarray(answers.values, dtype=np.float64).reshape(-1)
    elif answers.labels is not None and answers.probabilities is not None and classes is not None:
        known = {value: number for number, value in enumerate(classes)}
        columns["label"] = np.array([known.get(one, -1) for one in np.asarray(answers.labels).tolist()], np.int64)
        for number, column in enumerate(np.asarray(answers.probabilities, dtype=np.float64).T):
            columns[f"p{number}"] = np.ascontiguousarray(column)
    if not columns or any(len(column) != rows for column in columns.values()):
        raise Refused(
            "LG3112", "what was trained does not answer once for each validation row", next="lockgate explain LG3112"
        )
    return pa.table(columns)
