"""A fitted scikit-learn estimator becomes an ONNX graph and its io.json. Runs in the jail.

Known traps are refused by name (`facts` of the converter in docs/adr/0008): what converts without a word and is
wrong is worse than what does not convert.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import skl2onnx
from skl2onnx.common import _container
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from sklearn.base import is_classifier, is_regressor
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from lockgate.errors import Refused
from lockgate.runtime.serving import ClassValue, Field, Input, InputType, Kind, ServingSpec, Task
from lockgate.train.jail.frame import Rows

MATRIX = "X"
_TENSORS = {"float32": FloatTensorType, "int64": Int64TensorType, "string": StringTensorType}


def features_of(estimator: Any, rows: Rows) -> tuple[str, ...]:
    """The fields the estimator was fitted on, in its order. Raises Refused LG316 when they are not the contract's."""
    names = getattr(estimator, "feature_names_in_", None)
    if names is None:
        numbers = tuple(name for name, kind in rows.kinds.items() if kind in ("float", "int", "bool"))
        if getattr(estimator, "n_features_in_", None) == len(rows.kinds) == len(numbers):
            return numbers
        raise Refused(
            "LG316",
            "nobody can tell which fields the estimator was fitted on: it has not seen column names",
            next="fit it on a DataFrame: estimator.fit(data[[...]], data[label])",
        )
    features = tuple(str(name) for name in names)
    unknown = [name for name in features if name not in rows.kinds and name != rows.label]
    if unknown:
        raise Refused(
            "LG316",
            f"the feature {unknown[0]!r} is made in the training code only: it would be missing when the model serves",
            seen={"features": unknown, "fields": list(rows.kinds)},
            next="make it inside the Pipeline, or as a computed_field of the contract",
        )
    return features


def task_of(estimator: Any, rows: Rows, declared: str) -> Task:
    """What the estimator predicts. Raises Refused LG311 when it does not fit the label or the declared task."""
    if is_classifier(estimator):
        count = len(getattr(estimator, "classes_", ()))
        found: Task = "binary" if count == 2 else "multiclass"
        if count < 2:
            raise Refused("LG311", "the classifier knows one class only", next="look at the label in the training rows")
    elif is_regressor(estimator):
        found = "regression"
    else:
        raise Refused(
            "LG311",
            f"train() returned {type(estimator).__name__}, which is neither a classifier nor a regressor",
            next="return the fitted scikit-learn estimator or Pipeline",
        )
    if found == "regression" and rows.label_kind in ("bool", "string"):
        raise Refused(
            "LG311",
            f"train() returned a regressor, but the label {rows.label!r} is {rows.label_kind}",
            next="return a classifier, or make the label a number in the contract",
        )
    if declared not in ("auto", found):
        raise Refused(
            "LG311", f"train() returned a model for {found}, but {declared} was declared", next="lockgate explain LG311"
        )
    return found


def convert(estimator: Any, rows: Rows, task: Task) -> tuple[bytes, ServingSpec]:
    """The graph and its serving spec. Raises Refused LG312 (does not convert), LG314 (a known trap), LG316."""
    features = features_of(estimator, rows)
    _refuse_traps(estimator)
    kinds = {name: rows.kinds.get(name, rows.label_kind) for name in features}
    inputs = _inputs(estimator, kinds)
    try:
        graph = _graph(estimator, inputs, task)
    except Exception as error:
        raise Refused(
            "LG312",
            f"{_name(estimator)} does not convert to ONNX: {_line(error)}",
            seen={"estimator": _name(estimator), "error": type(error).__name__},
            next="lockgate explain LG312",
        ) from error
    _name_operator_sets_once(graph)
    used = {name for node in graph.graph.node for name in node.input}
    for unused in [node for node in graph.graph.input if node.name not in used]:
        graph.graph.input.remove(unused)
    kept = tuple(each for each in inputs if each.input in used)
    if any(rows.label in each.fields for each in kept):
        raise Refused(
            "LG316",
            f"the label {rows.label!r} is among the features: the model would be given the answer",
            seen={"features": list(features)},
            next=f"fit on data.drop(columns={rows.label!r})",
        )
    if not kept:
        raise Refused("LG312", "the converted model reads none of its inputs", next="lockgate explain LG312")
    return graph.SerializeToString(), _spec(estimator, rows, task, kinds, kept, [o.name for o in graph.graph.output])


def _name_operator_sets_once(graph: onnx.ModelProto) -> None:
    """skl2onnx can list one operator set twice; the registry, like the ONNX specification, wants it once."""
    versions: dict[str, int] = {}
    for each in graph.opset_import:
        versions[each.domain] = max(each.version, versions.get(each.domain, 0))
    del graph.opset_import[:]
    graph.opset_import.extend(onnx.helper.make_opsetid(domain, version) for domain, version in versions.items())


def chain(estimator: Any) -> str:
    """The estimator in words: `Pipeline(ColumnTransformer, HistGradientBoostingClassifier)`."""
    if isinstance(estimator, Pipeline):
        return f"Pipeline({', '.join(type(step).__name__ for _, step in estimator.steps)})"
    return type(estimator).__name__


def _spec(
    estimator: Any, rows: Rows, task: Task, kinds: dict[str, Kind], inputs: tuple[Input, ...], outputs: list[str]
) -> ServingSpec:
    named = {name for each in inputs for name in each.fields}
    fields = tuple(Field(name, kind) for name, kind in kinds.items() if name in named)
    if task == "regression":
        if len(outputs) != 1:
            raise Refused("LG312", "a regressor with several outputs is not served", next="predict one number")
        return ServingSpec(task, rows.label, None, fields, inputs, None, None, outputs[0])
    if len(outputs) != 2:
        raise Refused("LG312", f"{_name(estimator)} gives no probabilities", next="wrap it in CalibratedClassifierCV")
    classes = tuple(_class(value) for value in estimator.classes_.tolist())
    return ServingSpec(task, rows.label, classes, fields, inputs, outputs[0], outputs[1], None)


def _inputs(estimator: Any, kinds: dict[str, Kind]) -> tuple[Input, ...]:
    """One matrix where all fields are numbers, or all are text; one input per field where they are mixed or named."""
    types = {name: _type(kind) for name, kind in kinds.items()}
    if set(types.values()) in ({"float32"}, {"string"}) and not _by_column(estimator):
        return (Input(MATRIX, tuple(kinds), types[next(iter(kinds))]),)
    return tuple(Input(name, (name,), kind) for name, kind in types.items())


def _type(kind: Kind) -> InputType:
    return "string" if kind == "string" else "int64" if kind == "timestamp" else "float32"


def _by_column(estimator: Any) -> bool:
    return any(isinstance(part, ColumnTransformer) for part in _parts(estimator))


def _graph(estimator: Any, inputs: tuple[Input, ...], task: Task) -> Any:
    _mend_booleans()
    return skl2onnx.convert_sklearn(
        estimator,
        name="model",
        initial_types=[(each.input, _TENSORS[each.type]([None, len(each.fields)])) for each in inputs],
        options=None if task == "regression" else {"zipmap": False},
    )


def _mend_booleans() -> None:
    """Protobuf 7 takes no boolean for an int attribute; skl2onnx writes some, and says only `Unable to create node`."""
    if getattr(_container.make_node, "mended", False):
        return

    def make_node(*arguments: Any, **attributes: Any) -> Any:
        return onnx.helper.make_node(*arguments, **{key: _whole(value) for key, value in attributes.items()})

    make_node.mended = True  # type: ignore[attr-defined]
    _container.make_node = make_node


def _whole(value: Any) -> Any:
    if isinstance(value, bool | np.bool_):
        return int(value)
    if isinstance(value, list | tuple) and any(isinstance(each, bool | np.bool_) for each in value):
        return [int(each) if isinstance(each, bool | np.bool_) else each for each in value]
    if isinstance(value, np.ndarray) and value.dtype == np.bool_:
        return value.astype(np.int64).tolist()
    return value


def _refuse_traps(estimator: Any) -> None:
    for part in _parts(estimator):
        categories = getattr(part, "is_categorical_", None)
        if type(part).__name__.startswith("HistGradientBoosting") and categories is not None and np.any(categories):
            raise Refused(
                "LG314",
                f"{type(part).__name__} with categorical_features converts without a word and answers wrongly",
                seen={"estimator": type(part).__name__, "categorical_features": int(np.sum(categories))},
                next="encode them in the pipeline: OrdinalEncoder or OneHotEncoder in a ColumnTransformer",
            )


def _parts(estimator: Any, depth: int = 0) -> Iterator[Any]:
    """The estimator and all estimators inside it."""
    yield estimator
    if depth > 8 or not hasattr(estimator, "__dict__"):
        return
    for value in vars(estimator).values():
        for each in _flat(value):
            if hasattr(each, "get_params") and not isinstance(each, type):
                yield from _parts(each, depth + 1)


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        for each in value:
            yield from _flat(each)
    elif isinstance(value, dict):
        for each in value.values():
            yield from _flat(each)
    else:
        yield value


def _class(value: Any) -> ClassValue:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool | int | str):
        return value
    raise Refused("LG311", f"a class is {value!r}, which no answer can carry", next="use booleans, integers or texts")


def _name(estimator: Any) -> str:
    return chain(estimator)


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
