"""Whether a model's classes are the values of the label that the training rows have. Runs in the train jail.

A model that was fitted on something made of the label, such as `label == "yes"`, answers with that, and nobody can tell
from the model which of its classes is which of the label's.
"""

from __future__ import annotations

from typing import Any, Final

from lockgate.errors import Refused
from lockgate.runtime.serving import ClassValue
from lockgate.train.jail.exporters.base import Fitted
from lockgate.train.jail.frame import Rows

MOST_UNKNOWN: Final = 0.01
"""Share of the training rows whose label the model may not know: somebody's own split can lose a rare one."""
_SHOWN: Final = 8
_TRUE: Final = frozenset({"1", "on", "t", "true", "y", "yes"})
_FALSE: Final = frozenset({"0", "off", "f", "false", "n", "no"})


def check(fitted: Fitted, rows: Rows) -> None:
    """Raises Refused LG311 when the classes of `fitted` are others than the label's."""
    if fitted.classes is None:
        return
    labels = rows.data[rows.label]
    values, classes = set(labels.unique().tolist()), set(fitted.classes)
    if rows.label_kind == "bool" and not classes <= {False, True}:
        # Hours from 0 to 23 hold both of its values, as Python compares them: the model learned another column.
        raise _others(fitted, sorted(values, key=str), rows)
    unknown = float((~labels.isin(list(classes))).mean()) if _of_a_kind(values, classes) else 1.0
    if unknown > MOST_UNKNOWN or (unknown and not classes <= values):
        raise _others(fitted, sorted(values, key=str), rows)


def remedy(name: str, rows: Rows) -> str:
    """What keeps the label's values, for a model called `name`."""
    label = rows.label
    itself = f"fit on data[{label!r}] itself"
    if ("XGB" in name or "xgboost" in name) and rows.label_kind != "bool":
        itself = f'VotingClassifier([("m", XGBClassifier())], voting="soft").fit(X, data[{label!r}]) keeps its values'
    if rows.label_kind != "string":
        return itself
    values = rows.data[label].unique().tolist()
    words = {str(each).strip().lower() for each in values}
    if len(words) == len(values) == 2 and words & _TRUE and words & _FALSE:
        return f"write `{label}: bool` in the contract, and fit on data[{label!r}] itself; or: {itself}"
    return itself


def _of_a_kind(values: set[Any], classes: set[ClassValue]) -> bool:
    """Texts are compared with texts: pandas takes the text "1" for no number, but 1 for true."""
    return all(isinstance(each, str) for each in values) == all(isinstance(each, str) for each in classes)


def _others(fitted: Fitted, values: list[Any], rows: Rows) -> Refused:
    classes = [repr(each)[:40] for each in fitted.classes or ()]
    known = [repr(each)[:40] for each in values]
    return Refused(
        "LG311",
        f"the model's classes are {', '.join(classes[:_SHOWN])}, and the label {rows.label!r} has "
        f"{', '.join(known[:_SHOWN])}: nobody can tell which is which",
        seen={"classes": classes, "label": known},
        next=remedy(fitted.name, rows),
    )
