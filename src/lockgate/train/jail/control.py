"""Hold a candidate against a control that was trained without the doubtful rows. Runs in a jail without user code.

At `/in` lie model.onnx and io.json (the candidate), control.onnx and control.json (the control, where there is one),
heldout.parquet, doubtful.parquet (`train.jail.doubted`); where they have features, features.parquet and
doubtful_features.parquet, which were made of these rows. Task on standard input: {"label", "control"}. Writes
compared.json, which is of `train.compared`'s form:

    {"flagged": {"rows"}, "without": {"rows", "metrics"} | null}                              without a control, or else
    {"flagged": {"rows", "changed", "elsewhere"}, "without": {"rows", "metrics", "difference"} | null, "metrics",
     "headline", "difference", "kept", "control_kept", "unseen": {"rows", "changed", "kept", "control_kept"} | null,
     "by_rule": {rule: the same}}

`changed`: the share that the two answer differently; of numbers, further apart than the candidate's own error (RMSE) on
the held-out rows. `elsewhere`: the same of the held-out rows that nobody doubts. `kept`: the share to which the
candidate gives the doubtful label. `unseen`: of the doubtful rows that were held out, which neither model has learned
by heart. `difference`: the candidate's metric less the control's, on the held-out rows. `without`: the candidate's
metrics, and the difference, on the held-out rows that nobody doubts: a planted row that was held out flatters the
model that follows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.contract.jail.outcome import data_dir, guarded, out_dir, read_task
from lockgate.core.encoding import encode
from lockgate.core.screen import DOUBTFUL, RULES
from lockgate.core.stats import Interval
from lockgate.errors import Refused
from lockgate.runtime import serving
from lockgate.runtime.jail.external import mapped_file
from lockgate.runtime.jail.predict import Model, ModelError, Outputs
from lockgate.runtime.serving import ServingSpec
from lockgate.train.jail import frame
from lockgate.train.jail.doubted import FLAGS, PLACE
from lockgate.train.jail.judge import HEADLINE, answers, chosen_of
from lockgate.train.jail.metrics import delong_difference, mean_of, metrics, places, share_of

Mask = npt.NDArray[np.bool_]


def main(arguments: Sequence[str]) -> None:  # noqa: ARG001 - a jail's target has this signature
    """Compare what lies in `/in`."""
    guarded(_work, out_dir(), unexpected="LG399")


def _work() -> None:
    task = read_task()
    folder = data_dir()
    heldout = frame.read(folder / "heldout.parquet", task["label"])
    table = pq.read_table(folder / "doubtful.parquet", use_threads=False)
    doubtful = Doubtful.read(table, task["label"])
    try:
        candidate = _model("model.onnx", "io.json")
        control = _model("control.onnx", "control.json") if task["control"] else None
        doubtful = replace(doubtful, rows=_given(candidate, doubtful.rows, "doubtful_features"))
        facts = compare(candidate, control, _given(candidate, heldout, "features"), doubtful)
    except (ModelError, ValueError) as error:
        raise Refused("LG333", f"the models cannot be compared: {error}", next="lockgate explain LG333") from None
    (out_dir() / "compared.json").write_bytes(encode(facts))


def _given(candidate: Model, rows: frame.Rows, name: str) -> frame.Rows:
    """The rows as both models take them. Raises ValueError."""
    spec = candidate.spec
    if spec.features is None:
        return rows
    made = frame.features_of(pq.read_table(data_dir() / f"{name}.parquet", use_threads=False), spec)
    if len(next(iter(made.values()))) != len(rows.data):
        raise ValueError("there are features of other rows")
    return frame.featured(rows, spec.features, made)


def _model(graph: str, io: str) -> Model:
    data = mapped_file(data_dir() / f"{graph}.data")
    return Model((data_dir() / graph).read_bytes(), serving.parse((data_dir() / io).read_bytes()), data=data)


@dataclass(frozen=True)
class Doubtful:
    """The doubtful rows: their flags, and their places among the held-out rows, -1 where training saw them."""

    rows: frame.Rows
    flags: npt.NDArray[np.uint16]
    place: npt.NDArray[np.int64]

    @staticmethod
    def read(table: pa.Table, label: str) -> Doubtful:
        """From doubtful.parquet."""
        flags, place = (table.column(name).to_numpy() for name in (FLAGS, PLACE))
        return Doubtful(frame.from_table(table.drop_columns([FLAGS, PLACE]), label), flags, place)


def compare(candidate: Model, control: Model | None, heldout: frame.Rows, doubtful: Doubtful) -> dict[str, Any]:
    """The facts of compared.json. Raises ModelError, ValueError for a model that does not fit the rows."""
    truth = heldout.data[heldout.label].to_numpy()
    said = answers(candidate, heldout)
    undoubted = np.ones(len(truth), dtype=bool)
    undoubted[doubtful.place[doubtful.place >= 0]] = False
    without = None
    if not undoubted.all() and undoubted.any():
        found = metrics(candidate.spec, truth[undoubted], chosen_of(said, undoubted))
        without = {"rows": int(undoubted.sum()), "metrics": found.as_json()}
    facts: dict[str, Any] = {"flagged": {"rows": len(doubtful.flags)}, "without": without}
    if control is None:
        return facts
    if control.spec.task != candidate.spec.task or control.spec.label != candidate.spec.label:
        raise ValueError(f"the control is for {control.spec.task}, the candidate for {candidate.spec.task}")
    other = answers(control, heldout)
    own = metrics(control.spec, truth, other).as_json()
    every_row = np.ones(len(truth), dtype=bool)
    held = Held(candidate.spec, control.spec, truth, said, other)
    difference = held.difference(every_row)
    if without is not None:
        without["difference"] = held.difference(undoubted)
    about = Pair(
        answers(candidate, doubtful.rows),
        answers(control, doubtful.rows),
        doubtful.rows.data[doubtful.rows.label].to_numpy(),
        _error(truth, said),
    )
    every = np.ones(len(doubtful.flags), dtype=bool)
    elsewhere = Pair(said, other, truth, about.error).changed
    whole = about.facts(every)
    return {
        **facts,
        "flagged": {
            "rows": len(every),
            "changed": share_of(about.changed).as_json(),
            "elsewhere": share_of(elsewhere[undoubted]).as_json() if undoubted.any() else None,
        },
        "metrics": own,
        "headline": next(iter(difference)),
        "difference": difference,
        "kept": whole["kept"],
        "control_kept": whole["control_kept"],
        "unseen": about.facts(doubtful.place >= 0) if (doubtful.place >= 0).any() else None,
        "by_rule": {rule: about.facts(mask) for rule in DOUBTFUL if (mask := _by(rule, doubtful)).any()},
    }


@dataclass(frozen=True)
class Pair:
    """What both models say of the same rows, the rows' labels, and from how far apart two numbers differ."""

    candidate: Outputs
    control: Outputs
    truth: npt.NDArray[Any]
    error: float

    @property
    def changed(self) -> Mask:
        """Where the two answer differently."""
        return ~self._same(self.candidate, _answer(self.control))

    def facts(self, rows: Mask) -> dict[str, Any]:
        """Of the chosen rows, at least one: how many, how many of them change, and which keep the label."""
        kept, control_kept = (self._same(each, self.truth)[rows] for each in (self.candidate, self.control))
        return {
            "rows": int(rows.sum()),
            "changed": share_of(self.changed[rows]).as_json(),
            "kept": round(float(kept.mean()), 6),
            "control_kept": round(float(control_kept.mean()), 6),
        }

    def _same(self, outputs: Outputs, others: npt.NDArray[Any]) -> Mask:
        found = _answer(outputs)
        if outputs.values is not None:
            near: Mask = np.abs(found - others.astype(np.float64)) <= self.error
            return near
        return np.asarray(found == others, dtype=bool)


def _answer(outputs: Outputs) -> npt.NDArray[Any]:
    return np.asarray(outputs.labels if outputs.values is None else outputs.values)


def _error(truth: npt.NDArray[Any], said: Outputs) -> float:
    if said.values is None:
        return 0.0
    return float(np.sqrt(np.mean((truth.astype(np.float64) - said.values) ** 2)))


@dataclass(frozen=True)
class Held:
    """Both models, the held-out rows' labels, and what each says of these rows."""

    spec: ServingSpec
    control: ServingSpec
    truth: npt.NDArray[Any]
    said: Outputs
    other: Outputs

    def difference(self, rows: Mask) -> dict[str, Any]:
        """The candidate's leading metrics less the control's, paired, on the chosen rows; the first one leads."""
        names = HEADLINE[self.spec.task]
        one_class = self.spec.task == "binary" and len(set(self.truth[rows].tolist())) < 2
        return {name: self._one(name, rows).as_json() for name in names if name != "roc_auc" or not one_class}

    def _one(self, name: str, rows: Mask) -> Interval:
        truth, both = self.truth[rows], (chosen_of(self.said, rows), chosen_of(self.other, rows))
        if name == "mae":
            one, two = (np.abs(truth.astype(np.float64) - _answer(each)) for each in both)
            return mean_of(one - two)
        if name == "accuracy":
            one, two = ((_answer(each) == truth).astype(np.float64) for each in both)
            return mean_of(one - two)
        scores = [each.scores[:, 1] for each in both if each.scores is not None]
        if tuple(self.spec.classes or ()) != tuple(self.control.classes or ()) or len(scores) != 2:
            raise ValueError("the two models know other classes")
        return delong_difference(scores[0], scores[1], places(self.spec, truth) == 1)


def _by(rule: Any, doubtful: Doubtful) -> Mask:
    return (doubtful.flags & np.uint16(1 << RULES.index(rule))) > 0
