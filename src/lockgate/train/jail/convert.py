"""What a script wrote becomes model.onnx, io.json and fit.json. Runs in a train jail of its own, after `fit`.

A joblib file is code: it is opened here, in a jail that has nothing, and its estimator is converted and compared as
that of a function; so is a booster's own file, which is data. An ONNX file that the script made itself is described by
its own inputs and outputs; there is no estimator to compare it with, and fit.json says so.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnxruntime as ort

from lockgate.contract.jail.outcome import data_dir, guarded, out_dir, place, read_task
from lockgate.core.encoding import encode
from lockgate.errors import Refused
from lockgate.runtime.jail import external
from lockgate.runtime.jail.predict import Model, ModelError
from lockgate.runtime.serving import ClassValue, Field, Input, InputType, ServingSpec, Task
from lockgate.runtime.sizes import DATA
from lockgate.train.jail import cores, featured, fit, frame, users_code
from lockgate.train.jail.exporters.labelled import class_of, fitting
from lockgate.train.jail.exporters.versions import versions_of

MODEL = place("/model")
_MATRICES = ("tensor(float)", "tensor(double)")
_FLOATS = ("tensor(float)", "tensor(double)", "tensor(float16)")
_TYPES: dict[str, InputType] = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(int64)": "int64",
    "tensor(string)": "string",
}


def main(arguments: Sequence[str]) -> None:  # noqa: ARG001 - a jail's target has this signature
    """Convert what lies at `/model`, one of `fit.MODELS`; the training rows lie at `/in`."""
    guarded(_work, out_dir(), unexpected="LG399")


def _work() -> None:
    task = read_task()
    rows = frame.read(data_dir() / "train.parquet", task["label"])
    cores.settle()
    os.chdir(users_code.JOB)
    sys.path.insert(0, str(users_code.JOB))
    rows = featured.compared(rows, task["features"])
    wrote = next(MODEL / name for name in fit.MODELS if (MODEL / name).is_file())
    if wrote.suffix == ".onnx":
        files = described(wrote.read_bytes(), external.mapped_file(MODEL / DATA), rows, task["task"])
    else:
        files = _fitted(wrote, rows, task)
    for name, data in files.items():
        (out_dir() / name).write_bytes(data)


def _fitted(wrote: Path, rows: frame.Rows, task: dict[str, Any]) -> dict[str, bytes]:
    if wrote.suffix == ".joblib":
        import joblib

        return fit.finish(users_code.call(lambda: joblib.load(wrote)), rows, task)
    from lockgate.train.jail.exporters import boosters

    return fit.finish_fitted(boosters.load(wrote, rows, task["task"]), rows, task)


def described(model: bytes, data: memoryview | None, rows: frame.Rows, declared: str) -> dict[str, bytes]:
    """The files of a graph that the script wrote itself. Raises Refused LG311, LG312."""
    try:
        session = _opened(model, data)
    except Exception as error:
        raise Refused(
            "LG312",
            f"the script's model.onnx does not load: {str(error).splitlines()[0][:200]}",
            next="onnx.checker.check_model, then: lockgate train",
        ) from error
    inputs = _inputs(session, rows)
    spec = _spec(session, inputs, rows, declared)
    try:
        Model(model, spec, data=data).predict({name: values[:100] for name, values in rows.columns().items()})
    except ModelError as error:
        raise Refused(
            "LG312", f"the script's model.onnx does not run: {error}", next="lockgate explain LG312"
        ) from None
    facts = {
        "estimator": "a script's own ONNX graph",
        "task": spec.task,
        "rows": len(rows.data),
        "features": [field.name for field in spec.fields],
        "left_out": list(rows.left_out),
        "parity": None,
        "saved": "a script's own graph has no estimator to compare it with",
        "versions": versions_of(),
        **({} if rows.cost is None else {"featured": dict(rows.cost)}),
    }
    return {"model.onnx": model, "io.json": rows.served(spec).encode(), "fit.json": encode(facts)}


def _opened(model: bytes, data: memoryview | None) -> ort.InferenceSession:
    """`data`: what the script wrote beside it. Raises ValueError, and what onnxruntime raises."""
    if data is None:
        return ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    return external.External(model, data).session(model, ort.SessionOptions)


def _inputs(session: Any, rows: frame.Rows) -> tuple[Input, ...]:
    """Inputs named like fields; or one matrix of floats as wide as the rows have numbers, in their order."""
    nodes = session.get_inputs()
    if all(node.name in rows.kinds and node.type in _TYPES for node in nodes):
        return tuple(Input(node.name, (node.name,), _TYPES[node.type]) for node in nodes)
    numbers = tuple(name for name, kind in rows.kinds.items() if kind in ("float", "int", "bool"))
    if len(nodes) == 1 and nodes[0].type in _MATRICES and nodes[0].shape[-1] in (len(numbers), None):
        return (Input(nodes[0].name, numbers, _TYPES[nodes[0].type]),)
    raise Refused(
        "LG312",
        "the inputs of the script's model.onnx are no fields of the contract",
        seen={"inputs": [f"{n.name} {n.type} {n.shape}" for n in nodes][:20], "fields": list(rows.kinds)[:40]},
        next="name each input like its field (shape [None, 1]), or take one float matrix of all numbers",
    )


def _spec(session: Any, inputs: tuple[Input, ...], rows: frame.Rows, declared: str) -> ServingSpec:
    named = [name for each in inputs for name in each.fields]
    fields = tuple(Field(name, rows.kinds[name]) for name in named)
    outputs = session.get_outputs()
    if len(outputs) == 1:
        _check_number(outputs[0], rows, declared)
        return ServingSpec("regression", rows.label, None, fields, inputs, None, None, outputs[0].name)
    if len(outputs) != 2:
        raise _outputs_refused(f"has {len(outputs)} outputs", outputs)
    classes: tuple[ClassValue, ...] = tuple(class_of(each) for each in sorted(set(rows.data[rows.label].tolist())))
    task: Task = "binary" if len(classes) == 2 else "multiclass"
    fitting(task, rows, declared)
    label, scores = outputs
    if not label.type.startswith("tensor(") or scores.type not in _FLOATS:
        raise _outputs_refused(f"answers {label.type}, then {scores.type}", outputs)
    return ServingSpec(task, rows.label, classes, fields, inputs, label.name, scores.name, None)


def _check_number(output: Any, rows: frame.Rows, declared: str) -> None:
    """That one output is a number for each row, and that a number is what is asked for. Raises Refused LG311, LG312."""
    if declared not in ("auto", "regression") or rows.label_kind in ("bool", "string"):
        raise _outputs_refused(f"has one output, and the label {rows.label!r} has classes", [output])
    if rows.label_kind == "int" and declared == "auto" and rows.data[rows.label].nunique() <= 2:
        raise Refused(
            "LG312",
            f"the script's model.onnx has one output, and the label {rows.label!r} has two whole numbers: it may be a "
            "number or a class",
            seen={"label": rows.label},
            next='task = "regression" in lockgate.toml: [train]; or two outputs, the label and the probabilities',
        )
    shape = list(output.shape or ())
    if output.type not in _FLOATS or (len(shape) > 1 and isinstance(shape[-1], int) and shape[-1] != 1):
        raise _outputs_refused(f"has one output, {output.type} {shape}, which is no number for each row", [output])


def _outputs_refused(what: str, outputs: list[Any]) -> Refused:
    of_maps = any("map(" in each.type for each in outputs)
    return Refused(
        "LG312",
        f"the script's model.onnx {what}",
        seen={"outputs": [f"{each.name} {each.type} {each.shape}" for each in outputs][:20]},
        next='options={"zipmap": False} in skl2onnx: probabilities are one matrix'
        if of_maps
        else "give two outputs for classes: the label (rows), then probabilities (rows, classes) in the order of the "
        "sorted labels; one of (rows, 1) for a number",
    )
