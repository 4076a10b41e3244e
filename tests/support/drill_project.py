"""A small project of numbers with a ladder, for drills that the phishing example has no use for."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np

from tests.support.shell import PHISHING

FIELDS = ("size", "weight", "heat", "age", "load", "noise")
ROWS = 3000
TOML = """[project]
name = "pumps"
description = "Will this pump fail within a month?"

[data]
sources = ["data/pumps.csv"]
contract = "contract.py:Pump"
label = "fails"

[train]
function = "train.py:train"
"""
CONTRACT = '''"""One pump."""

from pydantic import BaseModel, ConfigDict, Field


class Pump(BaseModel):
    """What a record must be."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

{fields}
    fails: bool
'''
TRAIN = '''"""A linear model."""

import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler


def train(data: pd.DataFrame, params: dict[str, float]) -> Pipeline:
    """Fit on every column but the answer."""
    model = Pipeline([("scale", StandardScaler()), ("logistic", LogisticRegression())])
    return model.fit(data.drop(columns="fails"), data["fails"])
'''
POLICY = """version = 1

[environment.dev]
enforce = "warn"

[environment.prod]
enforce = "warn"

[environment.prod.ladder]
false_stops = 0.01

[[environment.prod.ladder.rung]]
name = "shadow"
share = 0
rows = 400

[[environment.prod.ladder.rung]]
name = "canary"
share = "5 %"
rows = 400
"""


def write(root: Path) -> Path:
    """The project, ready to be founded. Fields depend on each other, as those of a population do."""
    rng = np.random.default_rng(7)
    base = rng.normal(size=(ROWS, 3))
    values = base @ rng.normal(size=(3, len(FIELDS))) + rng.normal(size=(ROWS, len(FIELDS))) * 0.4
    values = np.clip(values, -20, 20)
    fails = rng.random(ROWS) < 1 / (1 + np.exp(-3 * values[:, 0] + 2 * values[:, 1]))
    lines = [",".join((*FIELDS, "fails"))]
    lines += [
        ",".join((*(f"{one:.6f}" for one in row), str(int(fail)))) for row, fail in zip(values, fails, strict=True)
    ]
    (root / "data").mkdir(parents=True)
    (root / "data" / "pumps.csv").write_text("\n".join(lines) + "\n")
    (root / "lockgate.toml").write_text(TOML)
    fields = "".join(f"    {name}: float = Field(ge=-20, le=20)\n" for name in FIELDS)
    (root / "contract.py").write_text(CONTRACT.format(fields=fields))
    (root / "train.py").write_text(TRAIN)
    (root / "policy.toml").write_text(POLICY)
    record = {name: round(float(value), 6) for name, value in zip(FIELDS, values[0], strict=True)}
    (root / "sample.json").write_text(json.dumps({"records": [record]}))
    for name in ("requirements.in", "requirements.lock"):
        shutil.copy(PHISHING / name, root)
    return root
