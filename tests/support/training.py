"""A signed project with rows that validate accepted, ready to train: small, invented, with a rule to learn."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockgate.core.digest import Digest, digest_of
from lockgate.core.moments import rfc3339
from lockgate.core.screen import DOUBTFUL, RULES
from lockgate.core.statement import Statement, Subject, test_result
from lockgate.train import parity_judged
from lockgate.train.parity_judged import Judged
from tests.support.project import SignedProject, signed_project

TREES = """
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoosting{kind} as Trees
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder

def train(data, params):
    print("training on", len(data), "rows")
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = ColumnTransformer([("codes", codes, ["town"]), ("numbers", "passthrough", ["age", "sunny"])])
    model = Pipeline([("columns", columns), ("trees", Trees(max_iter=params.get("trees", 10), random_state=0))])
    return model.fit(data[["town", "age", "sunny"]], data["{label}"])
"""


def rows(count: int = 400, seed: int = 0) -> pd.DataFrame:
    """Rows with a text, numbers, a boolean, a timestamp, and three labels: `late`, `kind`, `delay`."""
    draw = np.random.default_rng(seed)
    age = draw.integers(0, 90, count)
    town = draw.choice(["Ulm", "Bonn", "Köln"], count)
    delay = age * 0.5 + (town == "Ulm") * 20 + draw.normal(0, 3, count)
    return pd.DataFrame(
        {
            "when": pd.date_range("2026-01-01", periods=count, freq="h", tz="UTC"),
            "town": town,
            "age": age,
            "sunny": draw.random(count) < 0.5,
            "delay": delay,
            "late": delay > 30,
            "kind": np.where(delay > 40, "bad", np.where(delay > 20, "fair", "good")),
        }
    )


def parquet(table: pd.DataFrame, label: str) -> bytes:
    """Accepted rows with one of the labels, and the bookkeeping columns."""
    kept = table.drop(columns=[name for name in ("delay", "late", "kind") if name != label and name in table])
    arrow = pa.Table.from_pandas(kept, preserve_index=False)
    numbers = pa.array(np.arange(len(kept)), pa.int64())
    arrow = arrow.append_column("__source__", pa.array(np.zeros(len(kept)), pa.int32()))
    buffer = io.BytesIO()
    pq.write_table(arrow.append_column("__row__", numbers).replace_schema_metadata(None), buffer)
    return buffer.getvalue()


def screened(flags: npt.NDArray[np.uint16], good: npt.NDArray[np.bool_]) -> bytes:
    """screen.parquet, about the rows of `parquet`."""
    lines: dict[str, pa.Array[Any]] = {
        "__source__": pa.array(np.zeros(len(flags)), pa.int32()),
        "__row__": pa.array(np.arange(len(flags)), pa.int64()),
        "score": pa.nulls(len(flags), pa.float32()),
        "flags": pa.array(flags.astype(np.uint16)),
        "good": pa.array(good),
    }
    buffer = io.BytesIO()
    pq.write_table(pa.table(lines), buffer)
    return buffer.getvalue()


class TrainingProject:
    """`project`, whose validate statement accepts `accepted`; `code` is what lies in its folder."""

    def __init__(self, project: SignedProject, accepted: bytes) -> None:
        self.project = project
        self.accepted = digest_of(accepted)
        project.data.put(accepted)
        snapshot = digest_of(b"snapshot " + accepted)
        project.record("ingester", project._provenance("ingest", {"snapshot.parquet": snapshot}, {}, 3))
        project.record("validator", self.validated(snapshot=snapshot))

    def validated(self, *, snapshot: Digest, result: str = "PASSED") -> Statement:
        """The validate statement."""
        return test_result(
            "validate",
            [Subject("accepted.parquet", self.accepted)],
            result,
            rules=digest_of(b"contract"),
            snapshot=snapshot,
            time=rfc3339(self.project.clock()),
        )

    def doubt(self, flags: npt.NDArray[np.uint16], good: npt.NDArray[np.bool_] | None = None) -> Statement:
        """Validate again, with a screen that flags the accepted rows so, and persons who marked some of them good."""
        marked = np.zeros(len(flags), dtype=bool) if good is None else good
        screen = screened(flags, marked)
        self.project.data.put(screen)
        bits = sum(1 << RULES.index(rule) for rule in DOUBTFUL)
        doubtful = int(((flags & bits > 0) & ~marked).sum())
        head = self.project.ledger.head("validate")
        assert head is not None
        snapshot, time = head.predicate["snapshot"], rfc3339(self.project.clock())
        subjects = [Subject("accepted.parquet", self.accepted), Subject("screen.parquet", digest_of(screen))]
        fact = {"findings": [], "flagged": int((flags > 0).sum()), "doubtful": doubtful, "rules": {}}
        statement = test_result(
            "validate", subjects, "PASSED", rules=digest_of(b"contract"), snapshot=snapshot, screen=fact, time=time
        )
        self.project.record("validator", statement)
        return statement

    def write(self, **files: str) -> None:
        """Put `name.py` files into the project."""
        for name, text in files.items():
            (self.project.root / f"{name}.py").write_text(text, encoding="utf-8")


def training_project(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    label: str,
    table: pd.DataFrame | None = None,
    *,
    compared: bool = False,
    **options: Any,
) -> TrainingProject:
    """A project that can be trained at once on `rows()` with one of its labels.

    `compared`: graph and estimator are held against each other on the judged rows too, which takes a jail of its own.
    """
    if not compared:
        monkeypatch.setattr(parity_judged, "beside", lambda *given: (given[-1](), Judged({"judged": None})))
    project = signed_project(tmp_path, monkeypatch, **options)
    return TrainingProject(project, parquet(rows() if table is None else table, label))
