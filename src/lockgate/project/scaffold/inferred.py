"""From a profile of somebody's data to readable files: contract.py, train.py, lockgate.toml. Pure.

Never tightens silently: bounds leave ten times the room that the data took, so that no row of it breaks one, and each
says in a comment what the data showed and what it refuses. What would need a guess is left open and said in a comment.
"""

from __future__ import annotations

import keyword
import math
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from lockgate.core.shown import shown, toml_string
from lockgate.errors import Refused, Usage

Column = Mapping[str, Any]
FEW_CLASSES = 50
ALMOST_ALL = 0.95
MIN_ROWS = 50
ROOM = 10
"""How many times the largest value seen a number may be."""
LEFT_OUT = "left out: "

_INT64 = 2**63 - 1
_SHORT = 10**15

_TYPES = {"int": "int", "float": "float", "bool": "bool", "date": "date", "datetime": "datetime", "string": "str"}


@dataclass(frozen=True)
class Inferred:
    """What was made of the data. `notes`: for the person, one line each."""

    files: Mapping[str, str]
    notes: tuple[str, ...]


def infer(profile: Mapping[str, Any], *, name: str, source: str, label: str) -> Inferred:
    """Write a project for a profiled file.

    Raises:
        Usage: LG956 the label is no column of the file.
        Refused: LG957 nothing can be learned from it: too few rows, one value, or a column of lists or objects.
    """
    columns: Sequence[Column] = profile["columns"]
    by_name = {column["name"]: column for column in columns}
    if label not in by_name:
        raise Usage(
            "LG956",
            f"there is no column {label!r} in {source}",
            seen={"columns": list(by_name)},
            next=f"lockgate init DIR --data {source} --label {columns[0]['name'] if columns else 'COLUMN'}",
        )
    _learnable(by_name[label], int(profile["rows"]), source)
    if not _is_name(label):
        raise Refused(
            "LG957",
            f"the label {label!r} is no name that a contract can use: letters, digits and underscores",
            seen={"label": label},
            next=f"rename the column in {source}, then: lockgate init DIR --data {source} --label NEW_NAME",
        )
    features = [c for c in columns if c["name"] != label and not _left_out(c)]
    if not features:
        raise Refused(
            "LG957",
            "no column is left that a model could learn from",
            seen={c["name"]: _left_out(c) for c in columns if c["name"] != label},
            next=f"rename the columns in {source}: letters, digits and underscores",
        )
    left_out = [c for c in columns if c["name"] != label and _left_out(c)]
    task = _task(by_name[label])
    time = next((c["name"] for c in features if c["kind"] in ("date", "datetime")), "")
    fields = [_field(c, is_label=False) for c in features] + [_field(by_name[label], is_label=True)]
    notes = [f"{source}: {profile['rows']:,} rows, {len(columns)} columns; task: {task}"]
    notes += [f"{LEFT_OUT}{c['name']}: {_left_out(c)}" for c in left_out]
    if by_name[label]["nulls"]:
        share = by_name[label]["nulls"] / max(int(profile["rows"]), 1)
        notes.append(f"{LEFT_OUT}{by_name[label]['nulls']:,} rows ({share:.0%}) have no {label}: they are quarantined")
    if any("le=" in field for field in fields):
        notes.append(
            f"bounds: a number may be up to {ROOM} times what was seen, or more: contract.py says where each ends"
        )
    if time:
        notes.append(f"held out by time: the latest rows by {time}")
    files = {
        "contract.py": _contract(fields, left_out, source),
        "train.py": _train(features, task, time),
        "lockgate.toml": _toml(name, source, label, time),
    }
    return Inferred(files, tuple(notes))


def _learnable(label: Column, rows: int, source: str) -> None:
    why = ""
    if rows < MIN_ROWS:
        why = f"{rows} rows are too few to train and to judge (at least {MIN_ROWS})"
    elif label["kind"] in ("other", "date", "datetime"):
        why = f"the label {label['name']!r} is a {label['kind']}, not a class or a number"
    elif label["distinct"] < 2:
        why = f"the label {label['name']!r} has only one value"
    elif label["kind"] == "string" and label["distinct"] > FEW_CLASSES:
        why = f"the label {label['name']!r} has {label['distinct']} different texts"
    if why:
        raise Refused("LG957", why, seen={"source": source, "rows": rows}, next="choose another --label or file")


def _task(label: Column) -> str:
    if label["kind"] == "float" or (label["kind"] == "int" and label["distinct"] > 20):
        return "regression"
    return "binary" if label["distinct"] == 2 else "multi-class"


def _left_out(column: Column) -> str:
    if not _is_name(column["name"]):
        return "its name cannot be a contract's field; rename the column (letters, digits, underscores)"
    if column["kind"] == "other":
        return "its values are neither numbers, texts, times nor true and false"
    if column["kind"] == "string" and column["distinct"] > ALMOST_ALL * max(column["rows"], 1):
        return "nearly every value is different: an id or free text"
    return "it numbers the rows: an id, which says nothing about a new record" if _counts_rows(column) else ""


def _counts_rows(column: Column) -> bool:
    """Whether it has each number from 0 or 1 on, once a row. Years in a row begin elsewhere, and are no id."""
    whole = column["kind"] == "int" and column["distinct"] == column["rows"] and "least" in column
    return whole and column["least"] in (0, 1) and column["most"] - column["least"] == column["rows"] - 1


def _is_name(name: str) -> bool:
    usable = bool(re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name)) and not keyword.iskeyword(name)
    return usable and not name.startswith("model_") and not hasattr(BaseModel, name)


def _field(column: Column, *, is_label: bool) -> str:
    kind = _TYPES[column["kind"]]
    comments = []
    values = column.get("values")
    constraint = ""
    if column["kind"] == "string" and values and not is_label and len(values) > 1:
        comments.append(
            f"seen: {', '.join(shown(str(value)) for value in values[:6])}{', ...' if len(values) > 6 else ''}"
        )
    if column["kind"] == "string" and values and is_label:
        kind = f"Literal[{', '.join(repr(v) for v in values)}]"
    if column["kind"] in ("int", "float") and column.get("least") is not None:
        comments.append(f"seen: {column['least']:g} to {column['most']:g}")
        if not is_label:
            low, high = _bounds(column)
            constraint = f"ge={_number(low)}, le={_number(high)}"
            comments.append(f"refused: below {low:,g} or above {high:,g}")
    if column["nulls"]:
        comments.append(f"{column['nulls']:,} of {column['rows']:,} rows have none")
        if not is_label:
            kind = f"{kind} | None"
    optional = bool(column["nulls"]) and not is_label
    arguments = ", ".join(part for part in ("default=None" if optional else "", constraint) if part)
    default = f" = Field({arguments})" if constraint else " = None" if optional else ""
    comment = f"  # {'; '.join(comments)}" if comments else ""
    return f"    {column['name']}: {kind}{default}{comment}"


def _bounds(column: Column) -> tuple[float, float]:
    """The least and the most that a number may be: a power of ten beyond what was seen, and no sign that was not."""
    seen = max(abs(column["least"]), abs(column["most"]), 1.0)
    reach: float = 10 ** (math.ceil(math.log10(seen)) + int(math.log10(ROOM)))
    low: float = -reach
    if column["kind"] == "int" and reach > _INT64:
        low, reach = -_INT64 - 1, _INT64
    elif reach > _SHORT:
        reach = float(min(reach, sys.float_info.max))
        low = -reach
    return (0 if column["least"] >= 0 else low), reach


def _number(value: float) -> str:
    return f"{value:_}" if isinstance(value, int) and abs(value) <= _SHORT else repr(value)


def _contract(fields: Sequence[str], left_out: Sequence[Column], source: str) -> str:
    body = "\n".join(fields)
    dates = ", ".join(n for n in ("date", "datetime") if re.search(rf": {n}\b", body))
    typing = "from typing import Literal\n" if "Literal[" in body else ""
    pydantic = "BaseModel, ConfigDict" + (", Field" if "Field(" in body else "")
    imports = (f"from datetime import {dates}\n" if dates else "") + typing
    # A column that the contract does not name must not stop the training file; a request is held to the same.
    extra = "ignore" if left_out else "forbid"
    said = 'extra="forbid": a record with a key that has no field here is refused; allow_inf_nan: NaN and infinity too.'
    if left_out:
        said = (
            'extra="ignore": the file has columns that have no field here; with "forbid" none of its rows would pass.'
        )
    # The name of a stranger's file stands in a program's text: it neither ends the text nor escapes anything in it.
    called = re.sub(r'["\\]', "_", shown(source))
    return f'''"""What one record is. Read off {called}: tighten it where you know more."""

{imports}
from pydantic import {pydantic}


class Record(BaseModel):
    """One record, at training and, without the label, in a request."""

    # {said}
    model_config = ConfigDict(extra="{extra}", allow_inf_nan=False)

{body}
'''


def _train(features: Sequence[Column], task: str, time: str) -> str:
    texts = [c["name"] for c in features if c["kind"] == "string"]
    numbers = [c["name"] for c in features if c["kind"] in ("int", "float", "bool")]
    label_kind = "Regressor" if task == "regression" else "Classifier"
    left = ""
    if time:
        left = (
            f"\n# {time} orders the rows; it is no input. A time is int64 microseconds here: make the hour or the\n"
            "# weekday of it in features.py, where a served model has it too.\n"
        )
    return f'''"""A sensible first model: gradient boosting, its features inside the pipeline."""

from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoosting{label_kind}
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder

TEXTS = {texts!r}
NUMBERS = {numbers!r}
{left}

def train(data, params):
    """Fit on the accepted training rows. `data` has the contract's fields; the label is the last column."""
    label = data.columns[-1]
    encode = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2)
    columns = ColumnTransformer([("texts", encode, TEXTS), ("numbers", "passthrough", NUMBERS)])
    model = Pipeline([("columns", columns), ("model", HistGradientBoosting{label_kind}(**params))])
    return model.fit(data[TEXTS + NUMBERS], data[label])
'''


def _toml(name: str, source: str, label: str, time: str) -> str:
    ordered = f"time = {toml_string(time)}\n" if time else ""
    return f"""[project]
name = {toml_string(name)}

[data]
sources = [{toml_string(f"data/{source}")}]
contract = "contract.py:Record"
label = {toml_string(label)}
{ordered}
[train]
function = "train.py:train"
holdout = 0.2
"""
