"""A script's own ONNX graph, asked as if it were an estimator. Runs in the train jail of a draft."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lockgate.runtime import serving
from lockgate.runtime.jail import external
from lockgate.runtime.jail.predict import Model
from lockgate.runtime.serving import ClassValue, Task
from lockgate.runtime.sizes import DATA
from lockgate.train.jail.convert import described
from lockgate.train.jail.exporters.base import Answers, Exported
from lockgate.train.jail.frame import Rows
from lockgate.train.jail.judge import answers


def graph_of(wrote: Path, rows: Rows, declared: str) -> Graph:
    """The graph at `wrote`, which takes what `rows` have. Raises Refused LG312 as the training itself would."""
    data = external.mapped_file(wrote.with_name(DATA))
    files = described(wrote.read_bytes(), data, rows, declared)
    spec = serving.parse(files["io.json"])
    facts = json.loads(files["fit.json"])
    return Graph(Model(files["model.onnx"], spec, data=data), rows, facts["estimator"], facts["versions"])


@dataclass(frozen=True)
class Graph:
    """As `exporters.base.Fitted`; there is nothing to export."""

    model: Model
    rows: Rows
    name: str
    versions: dict[str, str]

    @property
    def task(self) -> Task:
        """What it predicts."""
        return self.model.spec.task

    @property
    def features(self) -> tuple[str, ...]:
        """What it takes."""
        return tuple(each.name for each in self.model.spec.fields)

    @property
    def classes(self) -> tuple[ClassValue, ...] | None:
        """The label's values in the order of the scores."""
        return self.model.spec.classes

    def answers(self, data: pd.DataFrame) -> Answers:
        """What it says of rows. Raises ModelError."""
        said = answers(self.model, replace(self.rows, data=data))
        scores = None if said.scores is None else np.asarray(said.scores, dtype=np.float64)
        labels: Any = None if said.labels is None else np.asarray(said.labels)
        numbers = said.values  # noqa: PD011 - of an answer, not of a table
        return Answers(labels, scores, None if numbers is None else np.asarray(numbers, dtype=np.float64))

    def export(self) -> Exported:
        """Raises NotImplementedError."""
        raise NotImplementedError

    def dump(self) -> bytes | None:
        """Nothing."""
        return None
