"""Attack a candidate, and what is live, on held-out rows. Runs in a jail like the judge's, in which no user code is.

At `/in` lie model.onnx, io.json, heldout.parquet, and for each live model live-0-model.onnx, live-0-io.json and so on.
Task on standard input: {"label", "seed", "asked", "ranges", "live"}. Writes attacked.json, of `train.robustness_facts`'
form. A model that cannot be attacked has {"why"}; all have the same rows and the same random numbers, so that
differences are paired.

Rows are drawn among those that have a number to move, without a look at the label or the answer: a row that is answered
wrongly is not robust, and is not attacked. Where an attack failed on more than few rows nothing is stated that rests on
attacks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any

import numpy as np
import numpy.typing as npt

from lockgate.contract.jail.outcome import data_dir, guarded, out_dir, read_task
from lockgate.core.encoding import encode
from lockgate.runtime import serving
from lockgate.runtime.jail.external import mapped_file
from lockgate.runtime.jail.predict import Model, ModelError
from lockgate.train.jail import frame
from lockgate.train.jail.attacked import Attacked, attack, drop
from lockgate.train.jail.attacks import Space
from lockgate.train.robustness_ranges import check
from lockgate.train.robustness_spec import Robustness

Places = npt.NDArray[np.intp]


def main(arguments: Sequence[str]) -> None:  # noqa: ARG001 - a jail's target has this signature
    """Attack what lies in `/in`."""
    guarded(_work, out_dir(), unexpected="LG399")


def _work() -> None:
    task, began = read_task(), monotonic()
    asked = Robustness.read(task["asked"])
    rows = frame.read(data_dir() / "heldout.parquet", task["label"])
    names = ["", *(f"live-{number}-" for number in range(task["live"]))]
    facts = attacked(rows, asked, task["ranges"], names, task["seed"])
    (out_dir() / "attacked.json").write_bytes(encode({**facts, "seconds": round(monotonic() - began, 3)}))


def attacked(
    rows: frame.Rows, asked: Robustness, ranges: Mapping[str, Any], names: Sequence[str], seed: int
) -> dict[str, Any]:
    """The facts of attacked.json, but for the time. `names`: what each model's files begin with, the candidate's first.

    Raises Refused LG394.
    """
    check(asked.mutable, rows.kinds)
    known = {name: _range(*ranges[name]) for name in asked.mutable if name in ranges}
    space = Space(rows.columns(), rows.kinds, asked.mutable, known)
    chosen = _chosen(space, len(rows.data), asked.rows, seed)
    found: list[Attacked | str] = []
    for name in names:
        try:
            found.append(attack(_model(name, rows), rows, space, chosen, asked, seed) if len(chosen) else _NO_ROWS)
        except (ModelError, ValueError) as error:
            found.append(str(error))
    first, others = found[0], found[1:]
    return {
        "rows": len(chosen),
        "of": len(rows.data),
        "models": [{"why": each} if isinstance(each, str) else each.as_json() for each in found],
        "drops": [
            None if isinstance(first, str) or isinstance(other, str) else _drops(first, other, asked)
            for other in others
        ],
    }


_NO_ROWS = "no held-out row has a number that could be moved"


def _drops(one: Attacked, live: Attacked, asked: Robustness) -> dict[str, Any] | None:
    found = drop(one, live, asked.distances)
    return None if found is None else {f"{distance:g}": each for distance, each in found.items()}


def _range(low: float | None, high: float | None) -> tuple[float, float]:
    return (-np.inf if low is None else low, np.inf if high is None else high)


def _chosen(space: Space, heldout: int, most: int, seed: int) -> Places:
    """Places of rows with at least one number that can be moved, drawn by the seed."""
    able = np.array([bool(np.isfinite(space.start(place)).any()) for place in range(heldout)], dtype=bool)
    places = np.flatnonzero(able)
    draw = np.random.default_rng([seed, 394])
    return np.sort(draw.choice(places, size=min(most, len(places)), replace=False))


def _model(prefix: str, rows: frame.Rows) -> Model:
    """Raises ModelError, ValueError for a model that cannot be asked about these rows."""
    data = mapped_file(data_dir() / f"{prefix}model.onnx.data")
    spec = serving.parse((data_dir() / f"{prefix}io.json").read_bytes())
    if spec.features is not None:
        raise ValueError("it has features of its own")
    others = [field.name for field in spec.fields if rows.kinds.get(field.name) != field.kind]
    if others or spec.label != rows.label:
        raise ValueError(f"it takes or predicts what these rows do not have: {others[:5] or spec.label}")
    return Model((data_dir() / f"{prefix}model.onnx").read_bytes(), spec, data=data)
