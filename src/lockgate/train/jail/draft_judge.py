"""Judge a draft: its answers for the validation rows against their labels. Runs in the judge jail, without user code.

At `/in` lie answers.parquet and draft.json, which the train jail wrote, and label.parquet. Writes judge.json:
{"task", "rows", "metrics", "missing"}, the metrics those of `metrics`, as the judge of a run computes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.contract.findings import clean
from lockgate.contract.jail.outcome import data_dir, guarded, out_dir, read_task
from lockgate.core.encoding import decode_exact, encode
from lockgate.errors import Refused
from lockgate.train.jail.metrics import Metrics, binary, multiclass, regression

_MOST_CLASSES = 10_000


def main(arguments: Sequence[str]) -> None:  # noqa: ARG001 - a jail's target has this signature
    """Judge `/in/answers.parquet`."""
    guarded(_work, out_dir(), unexpected="LG399")


def _work() -> None:
    read_task()
    said = decode_exact((data_dir() / "draft.json").read_bytes())
    answers = pq.read_table(data_dir() / "answers.parquet", use_threads=False)
    truth = pq.read_table(data_dir() / "label.parquet", use_threads=False).column("label")
    try:
        found = judged(said["task"], said["classes"], answers, truth)
    except (KeyError, TypeError, ValueError) as error:
        raise Refused(
            "LG3113", f"the draft cannot be judged: {clean(str(error), 300)}", next="lockgate explain LG3113"
        ) from None
    facts = {"task": said["task"], "rows": len(truth), "metrics": found.as_json(), "missing": found.missing}
    (out_dir() / "judge.json").write_bytes(encode(facts))


def judged(task: str, classes: Any, answers: pa.Table, truth: pa.ChunkedArray[Any]) -> Metrics:
    """The metrics of `answers` (n rows) against `truth` (shape (n,)). Raises ValueError where they are not in form."""
    if len(answers) != len(truth):
        raise ValueError(f"there are {len(answers)} answers for {len(truth)} validation rows")
    if task == "regression":
        return regression(_numbers(truth), _numbers(answers.column("value")))
    known = _known(task, classes)
    right = np.array([_place(known, value) for value in truth.to_pylist()], dtype=np.int64)
    said = answers.column("label").to_numpy()
    scores = np.stack([_numbers(answers.column(f"p{number}")) for number in range(len(known))], axis=1)
    if said.dtype.kind != "i" or said.min() < 0 or said.max() >= len(known):
        raise ValueError("an answer is none of the classes")
    if task == "binary":
        return binary(right, said, scores[:, 1])
    return multiclass(right, said, scores)


def _known(task: str, classes: Any) -> dict[Any, int]:
    if task not in ("binary", "multiclass") or not isinstance(classes, list) or len(classes) > _MOST_CLASSES:
        raise ValueError("it says no task or no classes")
    if any(not isinstance(value, bool | int | str) for value in classes):
        raise ValueError("a class is no text, whole number or boolean")
    known = {value: number for number, value in enumerate(classes)}
    if len(known) != len(classes) or (task == "binary") != (len(classes) == 2):
        raise ValueError(f"{len(classes)} classes are not those of a {task} task")
    return known


def _place(known: dict[Any, int], value: Any) -> int:
    if value not in known:
        raise ValueError(f"a validation row has the label {value!r}, which the training rows do not have")
    return known[value]


def _numbers(column: pa.ChunkedArray[Any]) -> npt.NDArray[np.float64]:
    found = np.asarray(column.to_numpy(), dtype=np.float64)
    if not np.isfinite(found).all():
        raise ValueError("an answer is not a finite number")
    return found
