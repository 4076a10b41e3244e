"""Whose is what `train()` returned? Its own class says; a framework is imported only for its own. Runs in the jail."""

from __future__ import annotations

from typing import Any

from lockgate.train.jail.exporters.base import Fitted
from lockgate.train.jail.frame import Rows


def fitted_of(returned: Any, rows: Rows, declared: str) -> Fitted:
    """The fitted model that can be asked and exported.

    Raises:
        Refused: LG311 (no model, not fitted, or for another task), LG316 (features that no record has).
    """
    roots = {each.__module__.partition(".")[0] for each in type(returned).__mro__}
    if "torch" in roots and "keras" not in roots:
        from lockgate.train.jail.exporters import torch_module

        return torch_module.of(returned, rows, declared)
    if "keras" in roots:
        from lockgate.train.jail.exporters import keras_model

        return keras_model.of(returned, rows, declared)
    if type(returned).__name__ == "Booster" and roots & {"xgboost", "lightgbm"}:
        from lockgate.train.jail.exporters import boosters

        return boosters.of(returned, rows, declared)
    from lockgate.train.jail.exporters import scikit

    return scikit.of(returned, rows, declared)
