"""torch modules and Keras models become graphs that say the same. Needs torch, which is too large for every run."""

from __future__ import annotations

import io
import os
from typing import Any

import joblib
import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed here: make torch")

from lockgate.errors import Refused
from lockgate.register.jail.onnx_file import check_onnx
from lockgate.runtime.serving import parse
from lockgate.train.jail import parity
from lockgate.train.jail.exporters import torch_graph
from lockgate.train.jail.exporters.choose import fitted_of
from lockgate.train.jail.frame import Rows
from tests.support.matrix_rows import rows
from tests.support.matrix_torch import CELLS, ByField, Cell, Forward, _mlp

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(300)]


def _rows(task: str) -> Rows:
    if task != "two":
        return rows(task, count=200)
    found = rows("binary", count=200)
    found.data["label"] = found.data["label"].astype(int)
    return Rows(found.data, found.kinds, found.label, "int", ())


@pytest.mark.parametrize("cell", [cell for cell in CELLS if not cell.refused], ids=lambda cell: cell.name)
def test_a_module_and_its_graph_agree(cell: Cell) -> None:
    """The graph passes the allowlist, and differs by at most 1e-5 in probability, for 1, 2 and 200 rows alike."""
    given = _rows(cell.task)
    fitted = fitted_of(cell.make(), given, "auto")
    exported = fitted.export()
    assert parse(exported.spec.encode()) == exported.spec
    facts = check_onnx(exported.model)
    assert sorted(facts["inputs"]) == sorted(each.input for each in exported.spec.inputs)
    model = parity.loaded(exported)
    compared = parity.compare(fitted, model, given, 0)
    assert (compared.facts["beyond"], compared.facts["rows"]) == (0, 200)
    columns = given.columns()
    whole = model.predict(columns)
    for count in (1, 2):
        few = model.predict({name: values[:count] for name, values in columns.items()})
        one, other = (few.values, whole.values) if few.scores is None else (few.scores, whole.scores)
        assert one is not None
        assert other is not None
        assert np.allclose(one, other[:count], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell.refused], ids=lambda cell: cell.name)
def test_what_does_not_convert_is_refused_by_name(cell: Cell) -> None:
    """Each refusal has its id and says what to write instead."""
    with pytest.raises(Refused) as raised:
        fitted_of(cell.make(), _rows(cell.task), "auto").export()
    assert raised.value.finding == cell.refused, raised.value
    assert raised.value.next


def test_the_operator_that_has_no_translation_is_named() -> None:
    """A person is helped by `aten.special_airy_ai`, not by what torch says on two pages."""
    import torch  # type: ignore[import-not-found]

    with pytest.raises(Refused, match=r"aten\.special_airy_ai"):
        fitted_of(Forward(lambda f, x: f(torch.special.airy_ai(x))), _rows("regression"), "auto").export()


def test_a_module_can_be_saved_and_asked_again() -> None:
    """What dump() gives is loaded in another process and says the same: the parity on held-out rows needs it."""
    given = _rows("binary")
    fitted = fitted_of(ByField(), given, "auto")
    saved = fitted.dump()
    assert saved is not None
    again = fitted_of(joblib.load(io.BytesIO(saved)), given, "binary")
    assert np.array_equal(fitted.answers(given.data).probabilities, again.answers(given.data).probabilities)  # type: ignore[arg-type]


def test_a_saved_module_knows_its_classes_though_other_rows_lack_one() -> None:
    """Held-out rows need not have all values of the label: the saved module still answers for each."""
    given = _rows("multiclass")
    fitted = fitted_of(_mlp(4, 3), given, "auto")
    two = Rows(given.data[given.data["label"] != given.data["label"].max()], given.kinds, given.label, "string", ())
    saved = fitted.dump()
    assert saved is not None
    assert fitted_of(joblib.load(io.BytesIO(saved)), two, "multiclass").classes == fitted.classes


def test_a_saved_keras_model_knows_its_features() -> None:
    """Keras forgets what was hung on a model when it is pickled; we do not."""
    os.environ["KERAS_BACKEND"] = "torch"
    keras = pytest.importorskip("keras", reason="Keras is not installed here: make torch")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.features = ["price", "age"]
    given = _rows("regression")
    fitted = fitted_of(model, given, "auto")
    saved = fitted.dump()
    assert saved is not None
    again = fitted_of(joblib.load(io.BytesIO(saved)), given, "regression")
    assert again.features == ("price", "age")
    assert np.allclose(fitted.answers(given.data).values, again.answers(given.data).values)  # type: ignore[arg-type]


def test_a_module_in_training_mode_is_exported_as_it_predicts() -> None:
    """Dropout is off and the batch's own mean is not used, whatever mode train() left the module in."""
    module = _mlp(4, 1).train()
    fitted = fitted_of(module, _rows("binary"), "auto")
    given = _rows("binary")
    first, second = fitted.answers(given.data), fitted.answers(given.data)
    assert np.array_equal(first.probabilities, second.probabilities)  # type: ignore[arg-type]
    assert "Dropout" not in check_onnx(fitted.export().model)["operators"]


def test_texts_are_labels_of_the_graph() -> None:
    """Classes are the label's sorted values, and the graph answers with them, though torch has no texts."""
    given = _rows("multiclass")
    fitted = fitted_of(_mlp(4, 3), given, "auto")
    assert fitted.classes == tuple(sorted(set(given.data["label"])))
    said = parity.loaded(fitted.export()).predict(given.columns())
    assert said.labels is not None
    assert said.scores is not None
    assert said.labels.tolist() == [fitted.classes[place] for place in said.scores.argmax(axis=1)]


def test_large_tensors_lie_beside_the_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the limit the weights go to model.onnx.data, and graph and data together still say the same."""
    monkeypatch.setattr(torch_graph, "LARGEST", 100)
    monkeypatch.setattr(torch_graph, "_KEPT_INSIDE", 16)
    given = _rows("binary")
    fitted = fitted_of(_mlp(4, 2), given, "auto")
    exported = fitted.export()
    assert exported.data is not None
    compared = parity.compare(fitted, parity.loaded(exported), given, 0)
    assert compared.facts["beyond"] == 0


def test_without_onnxscript_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """LG337, and the line for requirements.in, instead of an ImportError from within torch."""
    monkeypatch.setitem(__import__("sys").modules, "onnxscript", None)
    with pytest.raises(Refused, match="onnxscript") as raised:
        fitted_of(_mlp(4, 2), _rows("binary"), "auto").export()
    assert raised.value.finding == "LG337"


@pytest.mark.parametrize(
    ("task", "last", "columns"), [("binary", "sigmoid", 1), ("multiclass", "softmax", 3), ("regression", None, 1)]
)
def test_a_keras_model_on_torch_and_its_graph_agree(task: str, last: Any, columns: int) -> None:
    """Keras on the torch backend goes torch's way."""
    os.environ["KERAS_BACKEND"] = "torch"
    keras = pytest.importorskip("keras", reason="Keras is not installed here: make torch")
    keras.utils.set_random_seed(0)
    layers = [keras.Input((4,)), keras.layers.BatchNormalization(), keras.layers.Dense(8, activation="relu")]
    model = keras.Sequential([*layers, keras.layers.Dropout(0.2), keras.layers.Dense(columns, activation=last)])
    given = _rows(task)
    fitted = fitted_of(model, given, "auto")
    exported = fitted.export()
    check_onnx(exported.model)
    assert parity.compare(fitted, parity.loaded(exported), given, 0).facts["beyond"] == 0


def test_a_keras_model_of_several_inputs_is_fed_by_name() -> None:
    """Inputs called like fields get these fields."""
    os.environ["KERAS_BACKEND"] = "torch"
    keras = pytest.importorskip("keras", reason="Keras is not installed here: make torch")
    age, rooms = keras.Input((1,), name="age"), keras.Input((1,), name="rooms")
    both = keras.layers.Concatenate()([age, rooms])
    model = keras.Model([age, rooms], keras.layers.Dense(1)(both))
    given = _rows("regression")
    fitted = fitted_of(model, given, "auto")
    assert fitted.features == ("age", "rooms")
    assert parity.compare(fitted, parity.loaded(fitted.export()), given, 0).facts["beyond"] == 0
