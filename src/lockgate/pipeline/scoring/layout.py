"""The columns of a file of predictions, from predictions and back. Pure.

row        zero-based row of the file that was scored; rows that the contract refused are not there
label      the model's word; null where it abstained             value      regression: the number
score.X    the score of class X; null where the output policy left it out
abstained  where the policy may abstain: whether it did
check      16 hex digits of the row's leaf (core.row_tree)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pyarrow as pa

from lockgate.core.row_tree import MAX_ROW
from lockgate.runtime.serving import ServingSpec
from lockgate.serve.answers import class_key
from lockgate.serve.spec import OutputRule

ROW, LABEL, VALUE, ABSTAINED, CHECK = "row", "label", "value", "abstained", "check"
SCORE: Final = "score."

_TYPES: Mapping[str, pa.DataType] = {"bool": pa.bool_(), "int64": pa.int64(), "string": pa.string()}


def schema_of(spec: ServingSpec, rule: OutputRule) -> pa.Schema:
    """The columns that `rule` leaves of what `spec` says."""
    if spec.task == "regression":
        middle: list[tuple[str, pa.DataType]] = [(VALUE, pa.float64())]
    else:
        middle = [(LABEL, _TYPES[spec.class_type])]
        if rule.scores != "label":
            middle += [(SCORE + class_key(name), pa.float64()) for name in spec.classes or ()]
        if rule.abstain_below > 0:
            middle.append((ABSTAINED, pa.bool_()))
    return pa.schema([(ROW, pa.int64()), *middle, (CHECK, pa.string())])


def columns(
    schema: pa.Schema, rows: Sequence[int], predictions: Sequence[Mapping[str, Any]], checks: Sequence[str]
) -> pa.RecordBatch:
    """Predictions, as the output policy left them, in the columns of `schema`."""
    found: list[Sequence[Any]] = []
    for name in schema.names:
        if name == ROW:
            found.append(rows)
        elif name == CHECK:
            found.append(checks)
        elif name.startswith(SCORE):
            key = name.removeprefix(SCORE)
            found.append([each.get("scores", {}).get(key) for each in predictions])
        elif name == ABSTAINED:
            found.append([each.get(ABSTAINED, False) for each in predictions])
        else:
            found.append([each.get(name) for each in predictions])
    return pa.RecordBatch.from_arrays(
        [pa.array(values, field.type) for values, field in zip(found, schema, strict=True)], schema=schema
    )


class Reading:
    """Rows of such a file back to what was answered. Cells of a CSV are texts, those of a Parquet file typed.

    The file is not trusted: a row that no prediction can be made of raises ValueError.
    """

    def __init__(self, names: Sequence[str], spec: ServingSpec) -> None:
        """Raises ValueError when these are not the columns of predictions of `spec`."""
        keys = [class_key(name) for name in spec.classes or ()]
        self._regression = spec.task == "regression"
        self._labels = {class_key(name): name for name in spec.classes or ()}
        self._scores = [(place, name.removeprefix(SCORE)) for place, name in enumerate(names) if name.startswith(SCORE)]
        self._places = {name: place for place, name in enumerate(names)}
        middle = [VALUE] if self._regression else [LABEL]
        scores = [SCORE + key for key in keys] if self._scores else []
        abstained = [ABSTAINED] if ABSTAINED in self._places and not self._regression else []
        if list(names) != [ROW, *middle, *scores, *abstained, CHECK]:
            raise ValueError("its columns are not those of predictions of this model")

    def row(self, cells: Sequence[Any]) -> tuple[int, dict[str, Any], str]:
        """Number, prediction and check of one row. Raises ValueError."""
        number, check = _whole(cells[0]), cells[-1]
        if not isinstance(check, str):
            raise ValueError("it has no check")
        if self._regression:
            return number, {"value": _float(cells[1])}, check
        if ABSTAINED in self._places and _truth(cells[self._places[ABSTAINED]]):
            if any(_given(cell) for cell in cells[1:-2]):
                raise ValueError("it is abstained, and answered")
            return number, {"label": None, "abstained": True}, check
        answer: dict[str, Any] = {"label": self._label(cells[1])}
        if self._scores:
            answer["scores"] = {key: _float(cells[place]) for place, key in self._scores if _given(cells[place])}
        return number, answer, check

    def _label(self, cell: Any) -> Any:
        key = cell if isinstance(cell, str) else class_key(cell)
        if key not in self._labels:
            raise ValueError("its label is none of the model's")
        return self._labels[key]


def _given(cell: Any) -> bool:
    return cell is not None and cell != ""


def _whole(cell: Any) -> int:
    number = int(cell) if isinstance(cell, str) and cell.isdecimal() and len(cell) < 17 else cell
    if type(number) is not int or not 0 <= number <= MAX_ROW:
        raise ValueError("its row is no number")
    return number


def _float(cell: Any) -> float:
    if isinstance(cell, bool) or not isinstance(cell, str | float | int):
        raise ValueError("a score is no number")
    return float(cell)


def _truth(cell: Any) -> bool:
    if cell in (True, "true"):
        return True
    if cell in (False, "false"):
        return False
    raise ValueError("abstained is true or false")
