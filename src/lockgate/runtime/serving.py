"""io.json, the serving spec: how a record becomes the model's inputs, and its outputs an answer. Pure.

    {"v": 1, "task": "binary" | "multiclass" | "regression", "label": "late",
     "classes": [false, true] | null,                                    label values, in the order of the scores
     "fields":  [{"name": "carrier", "kind": "string"}, ...],            what a record must give, all of it used
     "inputs":  [{"input": "carrier", "fields": ["carrier"], "type": "string", "shape": [null, 1]}, ...],
     "outputs": {"label": NAME, "scores": NAME} | {"value": NAME}}       names of ONNX outputs

A field's kind says which wire column carries it, and what stands for null, in training exactly as in serving:

    kind       wire     in the model              null
    float      float64  float64 or float32        NaN
    int        int64    float64 or float32        NaN
    bool       bool     float64 or float32, 0, 1  NaN
    string     string   string                    ""
    timestamp  int64    int64, microseconds since 1970-01-01 UTC      -2**63

Numbers reach a model of scikit-learn, XGBoost or LightGBM in 64 bits, as its estimator was given them (docs/adr/0086);
32 bits are what torch modules, scripts' own graphs and graphs of earlier versions take.

A model with a features.py has version 2, and one more key; then `inputs` name its columns, and each field is for it:

    "features": {"function": "features.py:features", "nullable": ["age"], "columns": [{"name", "kind"}, ...]}

`nullable`: numbers and booleans that may be null. The function is given them as float64 always, not only in those
batches in which one is: else what it makes of a row would depend on the rows beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from functools import cached_property
from typing import Any, Final, Literal, TypeGuard, get_args

from lockgate.core.encoding import decode_exact, encode
from lockgate.core.names import check_file_name
from lockgate.core.wire import Column, ColumnType, WireError

Task = Literal["binary", "multiclass", "regression"]
Kind = Literal["float", "int", "bool", "string", "timestamp"]
InputType = Literal["float64", "float32", "int64", "string"]
ClassValue = bool | int | str

TASKS: tuple[str, ...] = get_args(Task)
WIRE: Mapping[Kind, ColumnType] = {
    "float": "float64",
    "int": "int64",
    "bool": "bool",
    "string": "string",
    "timestamp": "int64",
}
NULL_TIMESTAMP = -(2**63)
MAX_CLASSES = 1000
LONGEST_NAME = 255
LABEL, VALUE = "label", "value"
FUNCTION: Final = re.compile(r"(?P<file>[^:\\\0]{1,250}\.py):(?P<name>(?!__)[A-Za-z_]\w{0,254})", re.ASCII)
MAX_COLUMNS = 10_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Field:
    """One field of a record."""

    name: str
    kind: Kind

    def column(self, values: Iterable[Any]) -> Column:
        """The wire column of this field's values, as Pydantic gave them. Raises WireError on another type."""
        return Column.of(self.name, WIRE[self.kind], [_plain(self.kind, value) for value in values])


@dataclass(frozen=True)
class Input:
    """One input of the ONNX graph: the fields that fill its columns, `shape` (rows, len(fields))."""

    input: str
    fields: tuple[str, ...]
    type: InputType


@dataclass(frozen=True)
class FeatureSpec:
    """What stands between a record and the model: a function of the closure, and the columns that it makes."""

    function: str
    nullable: tuple[str, ...]
    columns: tuple[Field, ...]

    @property
    def file(self) -> str:
        """The file below `code/`."""
        return self.function.partition(":")[0]

    @property
    def name(self) -> str:
        """The function's name in it."""
        return self.function.partition(":")[2]

    def as_json(self) -> dict[str, Any]:
        """As io.json carries it."""
        columns = [{"name": column.name, "kind": column.kind} for column in self.columns]
        return {"function": self.function, "nullable": list(self.nullable), "columns": columns}


@dataclass(frozen=True)
class ServingSpec:
    """A parsed io.json. `scores` is None for regression, `value` for everything else; `features` where there are."""

    task: Task
    label: str
    classes: tuple[ClassValue, ...] | None
    fields: tuple[Field, ...]
    inputs: tuple[Input, ...]
    label_output: str | None
    scores_output: str | None
    value_output: str | None
    features: FeatureSpec | None = None

    def encode(self) -> bytes:
        """The bytes of io.json."""
        outputs = (
            {"value": self.value_output}
            if self.value_output is not None
            else {"label": self.label_output, "scores": self.scores_output}
        )
        return encode(
            {
                "v": 1 if self.features is None else 2,
                "task": self.task,
                "label": self.label,
                "classes": None if self.classes is None else list(self.classes),
                "fields": [{"name": field.name, "kind": field.kind} for field in self.fields],
                "inputs": [
                    {
                        "input": each.input,
                        "fields": list(each.fields),
                        "type": each.type,
                        "shape": [None, len(each.fields)],
                    }
                    for each in self.inputs
                ],
                "outputs": outputs,
                **({} if self.features is None else {"features": self.features.as_json()}),
            }
        )

    def columns(self, records: Sequence[Mapping[str, Any]]) -> list[Column]:
        """Wire columns for records that passed the contract, one per field; missing is null. Raises WireError."""
        return [field.column([record.get(field.name) for record in records]) for field in self.fields]

    @cached_property
    def field_types(self) -> tuple[tuple[str, ColumnType], ...]:
        """Name and wire type of each field: the columns of a question to the model worker."""
        return tuple((field.name, WIRE[field.kind]) for field in self.fields)

    @cached_property
    def answer_types(self) -> tuple[tuple[str, ColumnType], ...]:
        """Name and wire type of each column of its answer."""
        if self.task == "regression":
            return ((VALUE, "float64"),)
        return ((LABEL, self.class_type), *((name, "float64") for name in self.score_names))

    @cached_property
    def answer_bytes(self) -> int:
        """The most bytes that the answer to one row takes, nulls and the end of a string column apart."""
        texts = [len(value.encode()) + 4 for value in self.classes or () if isinstance(value, str)]
        return max(texts, default=8) + 8 * len(self.classes or ())

    @property
    def class_type(self) -> ColumnType:
        """Wire type of the `label` column of the answers."""
        first = self.classes[0] if self.classes else ""
        return "bool" if isinstance(first, bool) else "int64" if isinstance(first, int) else "string"

    @property
    def score_names(self) -> tuple[str, ...]:
        """Names of the score columns of the answers, one per class: `score.0`, `score.1`, ..."""
        return tuple(f"score.{index}" for index in range(len(self.classes or ())))


def parse(data: bytes) -> ServingSpec:
    """Read io.json. It comes out of a jail: everything is checked. Raises ValueError."""
    value = decode_exact(data)
    if not isinstance(value, dict) or type(value.get("v")) is not int or value["v"] not in (1, 2):
        raise ValueError("io.json is not an object of version 1 or 2")
    keys = {"v", "task", "label", "classes", "fields", "inputs", "outputs", *(["features"] if value["v"] == 2 else [])}
    if set(value) != keys:
        raise ValueError(f"io.json of version {value['v']} has exactly {', '.join(sorted(keys))}")
    if value["task"] not in TASKS or not _is_field(value["label"]):
        raise ValueError("io.json: unknown task, or a label that is not a name")
    fields = _fields(value["fields"], "fields", value["label"])
    features = _features(value["features"], fields, value["label"]) if value["v"] == 2 else None
    inputs = tuple(_input(entry) for entry in _list(value["inputs"], "inputs"))
    used = {name for each in inputs for name in each.fields}
    if features is None and used != {field.name for field in fields}:
        raise ValueError("io.json: inputs must use each field, and no other")
    if features is not None and not used <= {column.name for column in features.columns}:
        raise ValueError("io.json: inputs use columns that the features do not have")
    if len({each.input for each in inputs}) != len(inputs):
        raise ValueError("io.json: two inputs of one name")
    if sum(len(each.fields) for each in inputs) > MAX_COLUMNS:
        raise ValueError(f"io.json: inputs have at most {MAX_COLUMNS} columns together")
    classes = _classes(value["classes"], value["task"])
    label, scores, answer = _outputs(value["outputs"], value["task"])
    return ServingSpec(value["task"], value["label"], classes, fields, inputs, label, scores, answer, features)


def _plain(kind: Kind, value: Any) -> Any:
    """A value as its wire column takes it; Pydantic's richer types (enum, datetime, Decimal) become plain ones."""
    if isinstance(value, Enum):
        value = value.value
    if value is None:
        return None
    if kind == "timestamp":
        return microseconds(value)
    if kind == "float":
        return float(value)
    wanted: type = {"int": int, "bool": bool, "string": str}[kind]
    if not isinstance(value, wanted) or (kind == "int" and isinstance(value, bool)):
        raise WireError(f"{value!r} is not of kind {kind}")
    return value


def microseconds(value: object) -> int:
    """A datetime, date or timedelta as microseconds since the epoch. A datetime without zone counts as UTC."""
    if isinstance(value, datetime):
        aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        return (aware - _EPOCH) // _MICROSECOND
    if isinstance(value, date):
        return (datetime(value.year, value.month, value.day, tzinfo=UTC) - _EPOCH) // _MICROSECOND
    if isinstance(value, timedelta):
        return value // _MICROSECOND
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise WireError(f"{value!r} is no point in time")


def _features(value: object, fields: tuple[Field, ...], label: str) -> FeatureSpec:
    if not isinstance(value, dict) or set(value) != {"function", "nullable", "columns"}:
        raise ValueError("io.json: features have exactly function, nullable and columns")
    function, nullable = value["function"], value["nullable"]
    if not isinstance(function, str) or not FUNCTION.fullmatch(function):
        raise ValueError("io.json: the function of the features is no FILE.py:NAME")
    check_file_name(function.partition(":")[0])
    able = {field.name for field in fields if field.kind in ("int", "bool")}
    if not isinstance(nullable, list) or not all(isinstance(name, str) for name in nullable):
        raise ValueError("io.json: nullable is a list of names")
    if not able.issuperset(nullable) or len(set(nullable)) != len(nullable):
        raise ValueError("io.json: nullable are fields, each once, that are numbers or booleans")
    return FeatureSpec(function, tuple(nullable), _fields(value["columns"], "columns", label))


def _fields(value: object, what: str, label: str) -> tuple[Field, ...]:
    found = tuple(_field(entry) for entry in _list(value, what))
    names = {field.name for field in found}
    if len(names) != len(found) or label in names or len(names) > MAX_COLUMNS:
        raise ValueError(f"io.json: {what} have names of their own, at most {MAX_COLUMNS}, and never the label's")
    return found


def _field(entry: object) -> Field:
    if not isinstance(entry, dict) or set(entry) != {"name", "kind"}:
        raise ValueError("io.json: a field has exactly name and kind")
    if not _is_field(entry["name"]) or entry["kind"] not in get_args(Kind):
        raise ValueError("io.json: a field's name or kind is wrong")
    return Field(entry["name"], entry["kind"])


def _input(entry: object) -> Input:
    if not isinstance(entry, dict) or set(entry) != {"input", "fields", "type", "shape"}:
        raise ValueError("io.json: an input has exactly input, fields, type and shape")
    fields = entry["fields"]
    if not _is_node(entry["input"]) or not _strings(fields) or entry["type"] not in get_args(InputType):
        raise ValueError("io.json: an input's name, fields or type is wrong")
    if len(set(fields)) != len(fields):
        raise ValueError("io.json: an input has each of its fields once")
    if entry["shape"] != [None, len(fields)]:
        raise ValueError("io.json: an input's shape is [null, number of fields]")
    return Input(entry["input"], tuple(fields), entry["type"])


def _classes(value: object, task: str) -> tuple[ClassValue, ...] | None:
    if task == "regression":
        if value is not None:
            raise ValueError("io.json: regression has no classes")
        return None
    if not isinstance(value, list) or not 2 <= len(value) <= MAX_CLASSES or len({type(v) for v in value}) != 1:
        raise ValueError("io.json: classes are at least two values of one type")
    if not isinstance(value[0], bool | int | str) or len(set(value)) != len(value):
        raise ValueError("io.json: classes are distinct booleans, integers or strings")
    if (task == "binary") != (len(value) == 2):
        raise ValueError("io.json: binary means two classes, and multiclass more")
    return tuple(value)


def _outputs(value: object, task: str) -> tuple[str | None, str | None, str | None]:
    wanted = {"value"} if task == "regression" else {"label", "scores"}
    if not isinstance(value, dict) or set(value) != wanted or not all(map(_is_node, value.values())):
        raise ValueError(f"io.json: outputs of {task} are {sorted(wanted)}")
    return value.get("label"), value.get("scores"), value.get("value")


def _is_field(name: object) -> bool:
    """A field of a contract is an attribute of a class; its name goes into programs and settings that we write."""
    return isinstance(name, str) and name.isidentifier() and len(name) <= LONGEST_NAME


def _is_node(name: object) -> bool:
    """An input or output of a graph: its tool names it, mostly plainly, never with what steers a terminal."""
    return isinstance(name, str) and name.isprintable() and 0 < len(name) <= LONGEST_NAME


def _list(value: object, what: str) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise ValueError(f"io.json: {what} must be a list that is not empty")
    return value


def _strings(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and bool(value) and all(isinstance(name, str) for name in value)
