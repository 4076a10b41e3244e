"""Which file of an MLflow folder is the model: of a model, a run or more. The shell: it reads names and one MLmodel.

Nothing of MLflow is loaded, and nothing in the folder is believed: what MLmodel says of itself picks a file and is
repeated as its word. The file goes the way of every other (`project.converting`).

    mlruns/1/RUN/artifacts/model/MLmodel            MLflow 1 and 2: the model lies in its run
    mlruns/1/models/m-ID/artifacts/MLmodel          MLflow 3: the run names it, in RUN/outputs/m-ID
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

from lockgate.errors import Usage
from lockgate.store.files import read_regular

MLMODEL: Final = "MLmodel"
_MOST: Final = 1 << 20
_MOST_ENTRIES: Final = 1000
_PLACES: Final = (
    "artifacts/*/MLmodel",
    *("*/artifacts/*/MLmodel", "models/m-*/artifacts/MLmodel"),
    *("*/*/artifacts/*/MLmodel", "*/models/m-*/artifacts/MLmodel"),
)
"""Below a run, an experiment, and the whole folder."""
_FILES: Final = ("pickled_model", "model_data", "model_path", "data")
"""The keys under which flavours name the file, the surest first."""
_TOLD: Final = {
    "run_id": "run",
    "mlflow_version": "mlflow",
    "sklearn_version": "scikit-learn",
    "pytorch_version": "torch",
    "xgb_version": "xgboost",
    "lgb_version": "lightgbm",
}
_LINE: Final = re.compile(r"^ *([a-z_]+): +'?([A-Za-z0-9][A-Za-z0-9._/+-]{0,200})'? *$", re.MULTILINE)


@dataclass(frozen=True)
class MlflowModel:
    """The file, and what MLmodel says beside it: `run`, `mlflow`, and the version of the library."""

    file: Path
    told: Mapping[str, str] = field(default_factory=dict)

    def line(self) -> str:
        """For a person."""
        told = ", ".join(f"{name} {value}" for name, value in self.told.items())
        return f"{MLMODEL} names {self.file.name}" + (f" ({told})" if told else "")


def model_in(folder: Path) -> MlflowModel:
    """The one model of `folder`. Raises Usage LG9050 there is none, LG9051 there are several."""
    found = list(_described(folder))
    if not found:
        raise Usage(
            "LG9050",
            f"{folder} is a folder, and no MLflow model: there is no {MLMODEL} in it",
            seen={"folder": str(folder)},
            next=f"lockgate scan {folder}   # which of its files is the model? Name that one",
        )
    if len(found) > 1:
        raise Usage(
            "LG9051",
            f"{folder} holds {len(found)} models of MLflow: say which",
            seen={"models": [str(place.parent) for place in found]},
            next=f"the same command with {found[0].parent}",
        )
    return _read(found[0])


def _described(folder: Path) -> Iterator[Path]:
    """Each MLmodel: here, in the artifacts of a run, or where the run says that its models are."""
    if (folder / MLMODEL).is_file():
        yield folder / MLMODEL
        return
    for pattern in _PLACES:
        yield from (path for path in _sorted(folder, pattern) if path.is_file())
    for output in _sorted(folder / "outputs", "m-*"):
        path = folder.parent / "models" / output.name / "artifacts" / MLMODEL
        if path.is_file():
            yield path


def _sorted(folder: Path, pattern: str) -> list[Path]:
    return sorted(path for path, _ in zip(folder.glob(pattern), range(_MOST_ENTRIES), strict=False))


def _read(described: Path) -> MlflowModel:
    try:
        said = dict(reversed(_LINE.findall(read_regular(described, _MOST).decode("utf-8"))))
    except (OSError, ValueError):
        said = {}
    folder = described.parent
    for key in _FILES:
        name = said.get(key, "")
        file = folder / name
        if name and ".." not in PurePosixPath(name).parts and file.is_file():
            return MlflowModel(file, {ours: said[theirs] for theirs, ours in _TOLD.items() if theirs in said})
    raise Usage(
        "LG9050",
        f"{described} names no file that is there: which one is the model?",
        seen={"looked for": list(_FILES)},
        next=f"lockgate scan {folder}   # then name the file itself",
    )
