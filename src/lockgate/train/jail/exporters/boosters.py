"""A Booster as xgboost.train and lightgbm.train return it, and as it is saved. Runs in the jail.

A Booster knows numbers only: its classes are the label's own false and true, or 0, 1, 2 ...
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lockgate.errors import LockgateError, Refused
from lockgate.runtime.serving import ClassValue, Kind, Task
from lockgate.train.jail.exporters import label_values, labelled
from lockgate.train.jail.exporters.base import Answers, Exported
from lockgate.train.jail.exporters.booster_frames import categorised, lightgbm_categories, xgboost_categories
from lockgate.train.jail.exporters.dumping import dumped
from lockgate.train.jail.exporters.versions import versions_of
from lockgate.train.jail.frame import Rows

_NO_NAMES = "Column_0"
_MULTICLASS = ("multi:softprob", "multiclass", "multiclassova")
_BINARY = ("binary:logistic", "binary")
_LABELS_ONLY = ("multi:softmax", "binary:logitraw", "binary:hinge")


def load(path: Path, rows: Rows, declared: str) -> BoosterModel:
    """The Booster of a model.json or model.ubj (XGBoost) or model.txt (LightGBM).

    Raises:
        Refused: LG337 the library is not in the lock, LG311 it does not read the file or fits no label, LG316.
    """
    library = "lightgbm" if path.suffix == ".txt" else "xgboost"
    try:
        if library == "lightgbm":
            import lightgbm

            return of(lightgbm.Booster(model_file=str(path)), rows, declared)
        import xgboost

        return of(xgboost.Booster(model_file=str(path)), rows, declared)
    except ImportError:
        raise Refused(
            "LG337",
            f"{path.name} is read by {library}, which is not in the lock",
            seen={"package": library, "file": path.name},
            next=f"add {library} to requirements.in, then: lockgate lock",
        ) from None
    except LockgateError:
        raise
    except Exception as error:  # noqa: BLE001 - each library raises its own, for a file that is not its own
        said = (str(error).strip().splitlines() or [""])[0][:200]
        raise Refused(
            "LG311",
            f"{path.name} is no model that {library} reads: {said}",
            seen={"file": path.name},
            next="save it with save_model, of the library that the lock has",
        ) from None


def of(booster: Any, rows: Rows, declared: str) -> BoosterModel:
    """A Booster as a Fitted. Raises Refused LG311, LG316."""
    return BoosterModel(booster, rows, declared)


class BoosterModel:
    """See `base.Fitted`."""

    def __init__(self, booster: Any, rows: Rows, declared: str) -> None:
        """Raises Refused LG311, LG312, LG316."""
        self.library = type(booster).__module__.partition(".")[0]
        self.name = f"{self.library} Booster"
        self._booster, self._rows = booster, rows
        self.objective = _objective(booster, self.library)
        self.task = labelled.fitting(self._kind(), rows, declared)
        names = booster.feature_names if self.library == "xgboost" else booster.feature_name()
        named = bool(names) and names[0] != _NO_NAMES
        width = booster.num_features() if self.library == "xgboost" else booster.num_feature()
        self.features = labelled.known_fields(list(names), rows) if named else labelled.all_numbers(width, rows)
        self.classes = None if self.task == "regression" else self._classes()
        self._kinds: dict[str, Kind] = {name: rows.kinds.get(name, rows.label_kind) for name in self.features}
        self._named = named

    @property
    def versions(self) -> dict[str, str]:
        """What made it."""
        return versions_of(self.library)

    def answers(self, data: pd.DataFrame) -> Answers:
        """Its own answers."""
        found = np.asarray(self._asked(data[list(self.features)]), np.float64)
        if self.task == "regression":
            return Answers(None, None, found.reshape(-1))
        shares = np.stack([1 - found, found], axis=1) if found.ndim == 1 else found
        return Answers(np.array(self.classes)[shares.argmax(axis=1)], shares, None)

    def export(self) -> Exported:
        """Its graph. Raises Refused LG312, LG316, LG338."""
        from lockgate.train.jail.exporters import boosters_model

        return boosters_model.exported(self._booster, self.name, self.task, self.classes, self._kinds, self._rows)

    def dump(self) -> bytes | None:
        """Itself, as joblib writes it."""
        return dumped(self._booster)

    def _asked(self, data: pd.DataFrame) -> Any:
        if self.library == "lightgbm":
            return self._booster.predict(categorised(data, lightgbm_categories(self._booster)))
        import xgboost

        given = categorised(data, xgboost_categories(self._booster))
        matrix = xgboost.DMatrix(given if self._named else given.to_numpy(), enable_categorical=True)
        return self._booster.predict(matrix)

    def _kind(self) -> Task:
        if self.objective in _LABELS_ONLY:
            raise labelled.no_probabilities(f"{self.name} with objective {self.objective}")
        if self.objective in _BINARY:
            return "binary"
        return "multiclass" if self.objective in _MULTICLASS else "regression"

    def _classes(self) -> tuple[ClassValue, ...]:
        """The label's values that the numbers stand for."""
        count = 2 if self.task == "binary" else len(np.unique(self._rows.data[self._rows.label]))
        if self._rows.label_kind == "bool":
            return (False, True)
        known = np.unique(self._rows.data[self._rows.label])
        if self._rows.label_kind != "int" or not set(known.tolist()) <= set(range(max(count, self._outputs()))):
            raise Refused(
                "LG311",
                f"a Booster's classes are 0, 1, 2 ..., and the label {self._rows.label!r} has others",
                seen={"label": self._rows.label, "kind": self._rows.label_kind},
                next=label_values.remedy(self.name, self._rows)
                if self.library == "xgboost"
                else "return LGBMClassifier, which knows the label's values",
            )
        return tuple(range(2 if self.task == "binary" else self._outputs()))

    def _outputs(self) -> int:
        if self.library == "lightgbm":
            return int(self._booster.num_model_per_iteration())
        import json

        return int(json.loads(self._booster.save_config())["learner"]["learner_model_param"]["num_class"])


def _objective(booster: Any, library: str) -> str:
    if library == "lightgbm":
        line = str(booster.model_to_string(num_iteration=1)).partition("\nobjective=")[2].partition("\n")[0]
        return (line.split() or [""])[0]
    import json

    return str(json.loads(booster.save_config())["learner"]["objective"]["name"])
