"""The train.py that `init --data` writes: it fits what the contract accepts, and becomes ONNX with the same answers."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lockgate.project.scaffold.beside import packages, training
from tests.support.scaffolded import Scaffolded, rows_of, scaffolded

CASES = {
    "binary": rows_of(
        "age,fee,city,y",
        lambda row, _: "" if row % 9 == 0 else row % 60,
        lambda _, chance: f"{chance.uniform(0, 100):.2f}",
        lambda row, _: f"city {row % 25}",
        lambda row, chance: "yes" if row % 60 > 30 or chance.random() < 0.1 else "no",
        count=240,
    ),
    "classes": rows_of(
        "fee,plan,y",
        lambda _, chance: f"{chance.uniform(0, 100):.2f}",
        lambda row, _: "abc"[row % 3],
        lambda row, _: ["low", "mid", "high level"][row % 3],
        count=240,
    ),
    "numbers and words": rows_of(
        "fee,plan,review,y",
        lambda _, chance: f"{chance.uniform(0, 100):.2f}",
        lambda row, _: "" if row % 8 == 0 else "abc"[row % 3],
        lambda row, _: f"it was {'very good' if row % 2 else 'not bad'} on day {row} Straße",
        lambda row, chance: f"{5 + (row % 2) * 3 + chance.random():.2f}",
        count=240,
    ),
    "words": rows_of(
        "review,y",
        lambda row, _: f"it was {'very good' if row % 2 else 'not bad'} on day {row}",
        lambda row, chance: "pos" if row % 2 or chance.random() < 0.1 else "neg",
        count=240,
    ),
}


def _frame(found: Scaffolded, data: bytes) -> pd.DataFrame:
    """The rows as training meets them: the contract's fields, "" and NaN for none, the label last."""
    lines = [line.split(",") for line in data.decode().splitlines()]
    fields = {part.source: part.name for part in found.inferred.parts}
    records = [
        found.model.model_validate({n: c or None for n, c in zip(lines[0], row, strict=True)}) for row in lines[1:]
    ]
    frame = pd.DataFrame([record.model_dump() for record in records])
    texts = [fields[name] for name in fields if found.facts(name)["kind"] == "string"]
    frame[texts] = frame[texts].fillna("")
    return frame


@pytest.mark.parametrize("case", list(CASES))
def test_the_first_model_fits_and_answers(tmp_path: Path, case: str) -> None:
    """Trees without words, a linear model with them; better than chance on its own rows; a new category is no error."""
    found = scaffolded(tmp_path, CASES[case], "y")
    words: dict[str, Any] = {}
    exec(compile(found.inferred.files["train.py"], "train.py", "exec", dont_inherit=True), words)
    data = _frame(found, CASES[case])
    data["day"] = range(len(data))  # as a computed field would be: after the label, and no answer
    params = tomllib.loads(found.inferred.files["lockgate.toml"])["train"]["params"]
    model = words["train"](data, {**params, **({"max_iter": 20} if "max_iter" in params else {})})
    # What stands in lockgate.toml is what scikit-learn takes by itself.
    bare = type(model["model"])().get_params()
    assert params == {name: bare[name] for name in params}
    assert model.score(data.drop(columns="y"), data["y"]) > 0.8
    inputs = data.drop(columns="y")
    for name in words.get("CATEGORIES", []):
        inputs[name] = "never seen"
    assert np.asarray(model.predict(inputs)).shape == (240,)


@pytest.mark.parametrize(
    ("own", "file", "settings"),
    [
        (None, "train.py", 'function = "train.py:train"'),
        ("def train(data, params):\n    pass\n", "", 'function = "train.py:train"'),
        ("import os\nos.environ['LOCKGATE_DATA'], os.environ['LOCKGATE_OUT']\n", "", 'script = "train.py"'),
        ("import pandas as pd\ndf = pd.read_csv('x.csv')\n", "baseline.py", 'function = "baseline.py:train"'),
        ("def train(path):\n    pass\n", "baseline.py", 'function = "baseline.py:train"'),
        ("this is no python (", "baseline.py", 'function = "baseline.py:train"'),
    ],
)
def test_code_of_one_s_own_is_kept(own: str | None, file: str, settings: str) -> None:
    """A train.py that can be used is what trains; any other is kept beside a first model, with what to change."""
    found = training(["train.py"] if own else [], own)
    assert (found.file, found.settings.startswith(settings)) == (file, True)
    assert ("def train" in found.note or "function train(data, params)" in found.note) == (file == "baseline.py")


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ([], []),
        (["requirements.lock", "requirements.txt"], []),
        (["requirements.in", "requirements.txt"], ["doubt: requirements.in is yours"]),
        (["requirements.txt", "pyproject.toml"], ["doubt: requirements.txt is not", "doubt: pyproject.toml is not"]),
    ],
)
def test_packages_of_one_s_own_are_named(held: list[str], said: list[str]) -> None:
    """What is not read is said, where the names belong, and the command that locks them; a lock is taken."""
    found = packages(held)
    assert [line[: len(start)] for line, start in zip(found, said, strict=True)] == said
    assert all(line.endswith("lockgate lock") for line in found)
