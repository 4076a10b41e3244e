"""What the answers of a torch module mean. What cannot be told for sure has to be said. Runs in the jail.

    self.output = "logits" | "probabilities" | "value"
    self.classes = ["no", "yes"]        the label's values in the order of the columns; default: sorted

Default: a label of numbers with fractions is a value. Else the answers are probabilities when the module that was
registered last is a Softmax or a Sigmoid, and logits when it is anything else. Either is held against the answers to
the training rows: logits that all look like probabilities, and probabilities that are none, are refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from lockgate.errors import Refused
from lockgate.runtime.serving import ClassValue, Task
from lockgate.train.jail.exporters.labelled import class_of, fitting
from lockgate.train.jail.frame import Rows

LOGITS, PROBABILITIES, VALUE = "logits", "probabilities", "value"
_ENDS = {"Softmax": PROBABILITIES, "Sigmoid": PROBABILITIES}
_SUM = 1e-3


@dataclass(frozen=True)
class Meaning:
    """`output`: one of LOGITS, PROBABILITIES, VALUE; `columns`: of the answers; `classes`: None for regression."""

    task: Task
    output: str
    columns: int
    classes: tuple[ClassValue, ...] | None


class Said(Protocol):
    """What a model says of itself."""

    @property
    def output(self) -> Any:
        """LOGITS, PROBABILITIES, VALUE or None."""

    @property
    def classes(self) -> Any:
        """The label's values, or None."""

    @property
    def ends(self) -> str:
        """PROBABILITIES or LOGITS, by its last step."""


@dataclass(frozen=True)
class OfModule:
    """What a torch module says of itself."""

    output: Any
    classes: Any
    ends: str

    @classmethod
    def read(cls, module: Any) -> OfModule:
        """From its attributes, and the type of the submodule that was registered last."""
        leaves = [each for each in module.modules() if not list(each.children())]
        last = type(leaves[-1]).__name__ if leaves else ""
        said = [getattr(module, name, None) for name in ("output", "classes")]
        output, classes = [None if callable(each) else each for each in said]
        return cls(output, classes, _ENDS.get(last, LOGITS))


def meaning_of(module: Said, rows: Rows, declared: str, answers: npt.NDArray[Any]) -> Meaning:
    """What `answers`, those of a model to training rows, mean. Raises Refused LG311."""
    columns = _columns(answers)
    output = _output(module.output)
    named = module.classes
    if output == VALUE or (output is None and named is None and _is_value(module, rows, declared, columns)):
        if columns != 1:
            raise Refused("LG311", f"the module gives {columns} numbers for a row", next="predict one number")
        return Meaning(fitting("regression", rows, declared), VALUE, 1, None)
    classes = _classes(named, rows, columns)
    found: Task = "binary" if len(classes) == 2 else "multiclass"
    task = fitting(found, rows, declared)
    meant = output or module.ends
    _check(meant, answers.reshape(len(answers), columns), said=output is not None)
    return Meaning(task, meant, columns, classes)


def _output(output: Any) -> str | None:
    if output is None:
        return None
    if output not in (LOGITS, PROBABILITIES, VALUE):
        raise Refused(
            "LG311", f"the module's `output` is {str(output)[:40]!r}", next='self.output = "logits" or "probabilities"'
        )
    return str(output)


def _columns(answers: npt.NDArray[Any]) -> int:
    if answers.ndim not in (1, 2) or (answers.ndim == 2 and not answers.shape[1]):
        raise Refused(
            "LG311",
            f"the module answers with shape {['rows', *answers.shape[1:]]}",
            next="answer with (rows, classes), or with (rows, 1) or (rows,) for two classes or a number",
        )
    return 1 if answers.ndim == 1 else int(answers.shape[1])


def _is_value(module: Said, rows: Rows, declared: str, columns: int) -> bool:
    """Whether the answer is a number. An integer label may be a count or a class: then something has to say so."""
    if declared != "auto":
        return declared == "regression"
    if rows.label_kind != "int":
        return rows.label_kind == "float"
    if columns > 1 or module.ends == PROBABILITIES:
        return False
    raise Refused(
        "LG311",
        f"the label {rows.label!r} is a whole number, and the module gives one: it may be a number or a class",
        next='say it: self.output = "value" or "logits" in the module, or [train] task in lockgate.toml',
    )


def _classes(named: Any, rows: Rows, columns: int) -> tuple[ClassValue, ...]:
    values = sorted(set(rows.data[rows.label].tolist())) if named is None else list(named)
    classes = tuple(class_of(value) for value in values)
    wanted = 2 if columns == 1 else columns
    if len(classes) != wanted or len(set(classes)) != wanted:
        raise Refused(
            "LG311",
            f"the module answers for {wanted} classes, and the label has {len(classes)} values",
            seen={"columns": columns, "classes": [str(value)[:40] for value in classes[:24]]},
            next="set self.classes in the module to the label's values, in the order of its columns",
        )
    return classes


def _check(output: str, answers: npt.NDArray[Any], *, said: bool) -> None:
    likely = bool(((answers >= 0) & (answers <= 1)).all())
    if answers.shape[1] > 1:
        likely = likely and bool((np.abs(answers.sum(axis=1) - 1) < _SUM).all())
    if output == PROBABILITIES and not likely:
        raise Refused(
            "LG311",
            "the module's answers are no probabilities: they are not from 0 to 1, or do not add up to 1",
            next='self.output = "logits" in the module: the exported graph has the softmax or sigmoid then',
        )
    if output == LOGITS and likely and not said:
        raise Refused(
            "LG311",
            "the module's answers look like probabilities, and nothing says that they are",
            next='self.output = "probabilities" in the module; or "logits", if that is what they are',
        )
