"""ONNX models as converters write them, of small estimators fitted here, and of `onnx.helper`."""

from __future__ import annotations

import functools
import importlib
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.external_data_helper import convert_model_to_external_data
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn import (
    cluster,
    compose,
    decomposition,
    ensemble,
    feature_extraction,
    feature_selection,
    gaussian_process,
    impute,
    linear_model,
    mixture,
    naive_bayes,
    neighbors,
    neural_network,
    pipeline,
    preprocessing,
    svm,
    tree,
)

from tests.support.benign.case import Benign

_ROWS = np.random.default_rng(10).normal(size=(60, 4)).astype(np.float32)
_CLASSES = (_ROWS[:, 0] > 0).astype(np.int64) + (_ROWS[:, 1] > 1)
_NUMBERS = _ROWS @ np.array([1.0, -2.0, 0.5, 0.0], np.float32)
_FEW: dict[str, Any] = {"n_estimators": 3, "max_depth": 3, "random_state": 1}


def _classifiers() -> Iterator[Any]:
    yield linear_model.LogisticRegression()
    yield linear_model.RidgeClassifier()
    yield linear_model.SGDClassifier(random_state=1)
    yield linear_model.Perceptron()
    yield naive_bayes.GaussianNB()
    yield naive_bayes.BernoulliNB()
    yield neighbors.KNeighborsClassifier(3)
    yield tree.DecisionTreeClassifier(max_depth=3)
    yield tree.ExtraTreeClassifier(max_depth=3)
    yield ensemble.RandomForestClassifier(**_FEW)
    yield ensemble.ExtraTreesClassifier(**_FEW)
    yield ensemble.GradientBoostingClassifier(**_FEW)
    yield ensemble.AdaBoostClassifier(n_estimators=3)
    yield ensemble.HistGradientBoostingClassifier(max_iter=3)
    yield ensemble.BaggingClassifier(tree.DecisionTreeClassifier(max_depth=2), n_estimators=3)
    yield ensemble.VotingClassifier(
        [("a", linear_model.LogisticRegression()), ("b", naive_bayes.GaussianNB())], flatten_transform=False
    )
    yield svm.SVC(probability=False)
    yield svm.LinearSVC()
    yield neural_network.MLPClassifier((4,), max_iter=5)
    yield pipeline.make_pipeline(
        preprocessing.StandardScaler(), decomposition.PCA(2), linear_model.LogisticRegression()
    )
    yield pipeline.make_pipeline(
        impute.SimpleImputer(), preprocessing.PolynomialFeatures(2), tree.DecisionTreeClassifier(max_depth=2)
    )
    yield pipeline.make_pipeline(feature_selection.SelectKBest(k=2), preprocessing.MinMaxScaler(), svm.SVC())


def _regressors() -> Iterator[Any]:
    yield linear_model.LinearRegression()
    yield linear_model.Ridge()
    yield linear_model.Lasso(0.1)
    yield linear_model.ElasticNet(0.1)
    yield linear_model.PoissonRegressor()
    yield neighbors.KNeighborsRegressor(3)
    yield tree.DecisionTreeRegressor(max_depth=4)
    yield ensemble.RandomForestRegressor(**_FEW)
    yield ensemble.GradientBoostingRegressor(**_FEW)
    yield ensemble.HistGradientBoostingRegressor(max_iter=3)
    yield svm.SVR()
    yield svm.LinearSVR()
    yield neural_network.MLPRegressor(hidden_layer_sizes=(4,), max_iter=5)
    yield gaussian_process.GaussianProcessRegressor()
    yield cluster.KMeans(3, n_init=1, random_state=1)
    yield mixture.GaussianMixture(2, random_state=1)


def _scikit() -> Iterator[Any]:
    for one in _classifiers():
        yield to_onnx(one.fit(np.abs(_ROWS), _CLASSES), _ROWS[:1], options=_plain(one))
    for one in _regressors():
        fitted = one.fit(_ROWS, np.abs(_NUMBERS)) if "Poisson" in type(one).__name__ else one.fit(_ROWS, _NUMBERS)
        yield to_onnx(fitted, _ROWS[:1])
    for operator_set in (13, 15, 18, 21):
        yield to_onnx(linear_model.LogisticRegression().fit(_ROWS, _CLASSES), _ROWS[:1], target_opset=operator_set)


def _plain(one: Any) -> Any:
    return {"zipmap": False} if hasattr(one, "predict_proba") and not hasattr(one, "steps") else None


def _texts() -> Iterator[Any]:
    """With words: com.microsoft.Tokenizer, categories."""
    words = np.array([["a red fox"], ["a blue dog"], ["one red dog"]] * 10)
    counted = pipeline.make_pipeline(feature_extraction.text.TfidfVectorizer(), linear_model.LogisticRegression())
    counted.fit(words[:, 0], np.arange(30) % 2)
    yield to_onnx(counted, initial_types=[("text", StringTensorType([None, 1]))], options={"zipmap": False})
    table = np.array([["red", "s"], ["blue", "m"], ["red", "l"]] * 10)
    coded = pipeline.make_pipeline(
        preprocessing.OneHotEncoder(handle_unknown="ignore"), tree.DecisionTreeClassifier(max_depth=2)
    )
    yield to_onnx(coded.fit(table, np.arange(30) % 2), initial_types=[("x", StringTensorType([None, 2]))])
    import pandas as pd

    frame = pd.DataFrame({"n": np.arange(30.0, dtype="f4"), "c": ["a", "b", "c"] * 10})
    columns = compose.make_column_transformer(
        (preprocessing.StandardScaler(), ["n"]), (preprocessing.OneHotEncoder(), ["c"])
    )
    both = pipeline.make_pipeline(columns, linear_model.LogisticRegression()).fit(frame, np.arange(30) % 2)
    yield to_onnx(both, initial_types=[("n", FloatTensorType([None, 1])), ("c", StringTensorType([None, 1]))])


def _boosters() -> Iterator[Any]:
    onnxmltools = importlib.import_module("onnxmltools")
    xgboost, lightgbm = importlib.import_module("xgboost"), importlib.import_module("lightgbm")
    types = [("x", importlib.import_module("onnxmltools.convert.common.data_types").FloatTensorType([None, 4]))]
    few = {"n_estimators": 3, "max_depth": 2, "n_jobs": 1}
    yield onnxmltools.convert_xgboost(xgboost.XGBClassifier(**few).fit(_ROWS, _CLASSES), initial_types=types)
    yield onnxmltools.convert_xgboost(xgboost.XGBRegressor(**few).fit(_ROWS, _NUMBERS), initial_types=types)
    quiet = {**few, "verbose": -1}
    yield onnxmltools.convert_lightgbm(
        lightgbm.LGBMClassifier(**quiet).fit(_ROWS, _CLASSES), initial_types=types, zipmap=False
    )
    yield onnxmltools.convert_lightgbm(lightgbm.LGBMRegressor(**quiet).fit(_ROWS, _NUMBERS), initial_types=types)


def _network(weights: int = 8) -> Any:
    """A small network as exporters of deep learning lay it out."""
    rng = np.random.default_rng(1)
    first = numpy_helper.from_array(rng.normal(size=(4, weights)).astype(np.float32), "fc1.weight")
    second = numpy_helper.from_array(rng.normal(size=(weights, 2)).astype(np.float32), "fc2.weight")
    nodes = [
        helper.make_node("MatMul", ["x", "fc1.weight"], ["h"], name="/fc1/MatMul", doc_string="forward"),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("MatMul", ["r", "fc2.weight"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["y"], axis=-1),
    ]
    ins = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4])]
    outs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 2])]
    graph = helper.make_graph(nodes, "main_graph", ins, outs, [first, second])
    return helper.make_model(graph, producer_name="pytorch", opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _image() -> Any:
    """Convolutions, pooling, a constant of a shape, a branch that depends on a constant input."""
    kernel = numpy_helper.from_array(np.ones((2, 1, 3, 3), np.float32), "conv.weight")
    shape = numpy_helper.from_array(np.array([0, -1], np.int64), "shape")
    nodes = [
        helper.make_node("Conv", ["x", "conv.weight"], ["c"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", ["c", "s", "s0", "s0", "s"], ["n"]),
        helper.make_node("MaxPool", ["n"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Reshape", ["p", "shape"], ["f"]),
        helper.make_node("ReduceMean", ["f"], ["y"], axes=[1], keepdims=1),
    ]
    more = [numpy_helper.from_array(np.full(2, n, np.float32), name) for n, name in ((1, "s"), (0, "s0"))]
    ins = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1, 8, 8])]
    outs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1])]
    graph = helper.make_graph(nodes, "main_graph", ins, outs, [kernel, shape, *more])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, {"task": "image", "labels": '["a", "b"]'})
    return model


def _outside() -> Benign:
    """Weights in a file beside it, as onnx itself writes them."""
    import tempfile
    from pathlib import Path

    model = _network(2000)
    with tempfile.TemporaryDirectory() as folder:
        convert_model_to_external_data(model, location="model.onnx.data", size_threshold=0)
        onnx.save_model(model, f"{folder}/model.onnx")
        data = (Path(folder) / "model.onnx.data").read_bytes()
        return Benign(
            "onnx, data outside", "model.onnx", (Path(folder) / "model.onnx").read_bytes(), {"model.onnx.data": data}
        )


@functools.cache
def _written() -> tuple[Benign, ...]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kinds = (("skl2onnx", _scikit()), ("skl2onnx, texts", _texts()), ("onnxmltools", _boosters()))
        made = [(family, model) for family, models in kinds for model in models]
    made += [
        ("onnx.helper", _network()),
        ("onnx.helper", _image()),
        ("onnx.helper", onnx.shape_inference.infer_shapes(_network())),
    ]
    return (*(Benign(family, "model.onnx", model.SerializeToString()) for family, model in made), _outside())


def all_of_them() -> Iterator[Benign]:
    """Every model."""
    yield from _written()
