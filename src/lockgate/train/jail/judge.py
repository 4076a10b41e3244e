"""Judge a candidate on rows that training never saw. Runs in the judge jail, in which no user code is.

At `/in` lie model.onnx, io.json, heldout.parquet and nothing else; for a model with features what was made of these
rows without their label as well: features.parquet of all, alone.parquet of some that were asked for a few at a time,
sample.parquet, which says which. Task on standard input: {"label", "monitor"}; the
latter says how monitor-outputs.json is made (`monitor.asked`). Writes that, and judge.json:
{"task", "rows", "metrics", "missing", "slices"}. Slices are the values of each text or boolean field
with few of them, the most frequent first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from lockgate.contract.jail.outcome import data_dir, guarded, out_dir, read_task
from lockgate.core.encoding import encode
from lockgate.errors import Refused
from lockgate.monitor.asked import Asked
from lockgate.monitor.plan import OUTPUTS
from lockgate.runtime import serving
from lockgate.runtime.jail.external import mapped_file
from lockgate.runtime.jail.predict import Model, ModelError, Outputs
from lockgate.runtime.serving import FeatureSpec, ServingSpec
from lockgate.train.jail import frame
from lockgate.train.jail.apart import difference
from lockgate.train.jail.doubted import PLACE
from lockgate.train.jail.metrics import metrics
from lockgate.train.jail.spread import spread
from lockgate.train.jail.watched import population_of, takes_all, watched

Columns = Mapping[str, npt.NDArray[Any]]

MOST_VALUES = 20
MOST_SLICES = 60
LEAST_ROWS = 30
_BATCH = 65_536
_ALONE = 200
_ALIKE = 1e-4
HEADLINE = {"binary": ("roc_auc", "accuracy"), "multiclass": ("accuracy",), "regression": ("mae",)}
"""Which metrics are told of a part of the rows, or beside another model: the first one that the rows allow leads."""


def main(arguments: Sequence[str]) -> None:  # noqa: ARG001 - a jail's target has this signature
    """Judge `/in/model.onnx` on `/in/heldout.parquet`."""
    guarded(_work, out_dir(), unexpected="LG399")


def _work() -> None:
    task = read_task()
    try:
        spec = serving.parse((data_dir() / "io.json").read_bytes())
        data = mapped_file(data_dir() / "model.onnx.data")
        model = Model((data_dir() / "model.onnx").read_bytes(), spec, data=data)
    except (ValueError, ModelError) as error:
        raise _refused(f"the candidate cannot be loaded: {error}") from None
    rows = frame.read(data_dir() / "heldout.parquet", task["label"])
    facts, outputs = judge(model, rows, _given(spec, rows))
    asked, given = Asked.read(task["monitor"]), [field.name for field in spec.fields]
    known = None
    if not takes_all(rows, given):
        trained = frame.read(data_dir() / "train.parquet", task["label"])
        known = population_of((trained, rows), asked, given, task["sensitive"])
    plan = watched(spec.task, rows, outputs, asked, known)
    (out_dir() / OUTPUTS).write_bytes(plan.encode())
    (out_dir() / "judge.json").write_bytes(encode(facts))


def _given(spec: ServingSpec, rows: frame.Rows) -> frame.Rows:
    """The rows as the model takes them: what was made of them, where a row's features are its own.

    Raises Refused LG320, LG393.
    """
    if spec.features is None:
        return rows
    tables = [pq.read_table(data_dir() / f"{name}.parquet", use_threads=False) for name in ("features", "alone")]
    sample = pq.read_table(data_dir() / "sample.parquet", columns=[PLACE], use_threads=False)
    try:
        whole, alone = (frame.features_of(table, spec) for table in tables)
        places = sample.column(PLACE).to_numpy()
    except ValueError as error:
        raise _refused(str(error)) from None
    if len(tables[0]) != len(rows.data) or len(tables[1]) != len(places):
        raise _refused(f"there are features of {len(tables[0])} rows, and {len(rows.data)} were held out")
    check_apart(spec.features, whole, alone, places)
    return frame.featured(rows, spec.features, whole)


def check_apart(features: FeatureSpec, whole: Columns, alone: Columns, places: npt.NDArray[Any]) -> None:
    """That `alone`, made of the rows at `places` a few at a time, is what `whole` has there. Raises Refused LG393."""
    floats = [each.name for each in features.columns if each.kind == "float"]
    differs = difference(alone, whole, places, floats)
    if differs is not None:
        raise Refused(
            "LG393",
            f"what features() makes of a row depends on the rows beside it, or on earlier calls: {differs.column!r} of "
            f"held-out row {differs.row} is another value when it is asked for alone",
            seen={"column": differs.column, "row": differs.row},
            next="lockgate explain LG393",
        )


def judge(model: Model, rows: frame.Rows, given: frame.Rows | None = None) -> tuple[dict[str, Any], Outputs]:
    """The facts of judge.json, and what the model said of each row. `given`: the rows with what the model takes.

    Raises Refused LG320.
    """
    given = given or rows
    spec = model.spec
    strangers = [field.name for field in spec.fields if rows.kinds.get(field.name) != field.kind]
    if spec.label != rows.label or strangers:
        raise _refused(f"io.json names fields that the held-out rows do not have: {strangers[:5] or spec.label}")
    truth = rows.data[rows.label].to_numpy()
    try:
        outputs = answers(model, given)
        _check_alone(model, given, outputs)
        whole = metrics(spec, truth, outputs)
        slices = _slices(spec, rows, truth, outputs)
    except (ModelError, ValueError) as error:
        raise _refused(str(error)) from None
    facts = {
        "task": spec.task,
        "rows": len(truth),
        "metrics": whole.as_json(),
        "missing": whole.missing,
        "slices": slices,
    }
    return facts, outputs


def answers(model: Model, rows: frame.Rows) -> Outputs:
    """What `model` says of each row, asked in batches. Raises ModelError."""
    columns = rows.columns()
    starts = range(0, len(rows.data), _BATCH)
    parts = [model.predict({name: each[at : at + _BATCH] for name, each in columns.items()}) for at in starts]
    return Outputs(*(_joined([getattr(part, name) for part in parts]) for name in ("labels", "scores", "values")))


def _check_alone(model: Model, rows: frame.Rows, together: Outputs) -> None:
    """A row's answer may not depend on the rows asked with it, nor on how many: the gateway asks for few at a time.

    Asked again: some rows alone, others in small batches of many sizes. Raises ModelError.
    """
    columns = rows.columns()
    said = np.asarray(together.values if together.scores is None else together.scores)
    # Scores are of the size of 1; numbers have whatever unit the label has.
    allowed = _ALIKE * (1.0 if together.scores is not None else spread(said))
    starts = np.linspace(0, len(rows.data) - 1, _ALONE).astype(int)
    for at, size in zip(starts, [1, 1, 1, *range(2, 65)] * _ALONE, strict=False):
        part = slice(at, at + size)
        again = model.predict({name: each[part] for name, each in columns.items()})
        found = np.asarray(again.values if again.scores is None else again.scores)
        if not np.allclose(found, said[part], rtol=_ALIKE, atol=allowed) or _other_label(again, together, part):
            raise ModelError(f"its answer for a row depends on the rows that are asked with it (row {at}, {size} rows)")


def _other_label(again: Outputs, together: Outputs, part: slice) -> bool:
    """Whether a label is another one, and not because two classes are as probable."""
    if again.labels is None or together.labels is None or together.scores is None:
        return False
    two = np.sort(np.asarray(together.scores[part], dtype=np.float64), axis=1)[:, -2:]
    clear = two[:, 1] - two[:, 0] > 2 * _ALIKE
    return bool(((np.asarray(again.labels) != np.asarray(together.labels[part])) & clear).any())


def _joined(parts: list[Any]) -> Any:
    return None if parts[0] is None else np.concatenate(parts)


def _slices(spec: ServingSpec, rows: frame.Rows, truth: npt.NDArray[Any], outputs: Outputs) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name, kind in rows.kinds.items():
        if kind not in ("string", "bool"):
            continue
        counts = rows.data[name].value_counts()
        if len(counts) > MOST_VALUES:
            continue
        for value, count in sorted(counts.items(), key=lambda pair: (-int(pair[1]), str(pair[0]))):
            chosen = (rows.data[name] == value).to_numpy()
            if count >= LEAST_ROWS and len(found) < MOST_SLICES:
                part = metrics(spec, truth[chosen], chosen_of(outputs, chosen)).as_json()
                headline = {key: part[key] for key in HEADLINE[spec.task] if key in part}
                found.append({"field": name, "value": _plain(value), "rows": int(count), "metrics": headline})
    return found


def chosen_of(outputs: Outputs, chosen: npt.NDArray[np.bool_]) -> Outputs:
    """What was said of the chosen rows."""
    parts = (outputs.labels, outputs.scores, outputs.values)
    return Outputs(*(None if part is None else part[chosen] for part in parts))


def _plain(value: Any) -> Any:
    return value if isinstance(value, str) else bool(value)


def _refused(message: str) -> Refused:
    return Refused("LG320", f"the candidate cannot be judged: {message}", next="lockgate explain LG320")
