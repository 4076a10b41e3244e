"""Models that answer by a rule, for tests of those who compare models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lockgate.runtime.jail.predict import Outputs
from lockgate.runtime.serving import Field, Input, ServingSpec, Task


class Says:
    """A model that answers each row by a rule: what `Model` is to whoever compares."""

    def __init__(
        self,
        task: Task,
        answer: Callable[..., Any],
        classes: tuple[Any, ...] | None = None,
        label: str = "y",
        fields: tuple[str, ...] = ("x",),
    ) -> None:
        """`answer`: from the columns of `fields` to one answer for each row."""
        number = task == "regression"
        self.spec = ServingSpec(
            task=task,
            label=label,
            classes=classes,
            fields=tuple(Field(name, "int") for name in fields),
            inputs=(Input("x", fields, "float32"),),
            label_output=None if number else "l",
            scores_output=None if number else "s",
            value_output="v" if number else None,
        )
        self._answer = answer

    def predict(self, columns: Mapping[str, Any]) -> Outputs:
        """The rule's answers, sure of them by nine to one."""
        said = np.asarray(self._answer(*(columns[field.name] for field in self.spec.fields)))
        if self.spec.classes is None:
            return Outputs(None, None, said.astype(float))
        chosen = [self.spec.classes.index(value) for value in said.tolist()]
        others = 0.1 / (len(self.spec.classes) - 1)
        scores = np.full((len(said), len(self.spec.classes)), others)
        scores[np.arange(len(said)), chosen] = 0.9
        return Outputs(said, scores, None)
