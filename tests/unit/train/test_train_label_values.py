"""train.jail.exporters.label_values: a model's classes are the label's own values, or it is refused in time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import VotingClassifier
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier

from lockgate.errors import Refused
from lockgate.runtime import serving
from lockgate.runtime.serving import Kind
from lockgate.train.jail import fit
from lockgate.train.jail.frame import Rows
from tests.support.matrix_rows import NUMBERS, rows

TASK = {"task": "auto", "parity": 0.0}
BOOLEAN = rows("binary", count=120)


def _labelled(kind: Kind, no: Any, yes: Any) -> Rows:
    label = BOOLEAN.data["label"].map({False: no, True: yes})
    return replace(BOOLEAN, data=BOOLEAN.data.assign(label=label), label_kind=kind)


WORDS, NAMES, BITS = _labelled("string", "no", "yes"), _labelled("string", "bad", "good"), _labelled("int", 0, 1)
THREE = rows("whole", count=120)
RARE = replace(THREE, data=THREE.data.assign(label=np.where(np.arange(120) == 7, 9, THREE.data["label"])))


def _boosted() -> Any:
    return XGBClassifier(n_estimators=2, n_jobs=1)


def _whole(data: Rows) -> Any:
    return data.data["label"]


@pytest.mark.parametrize(
    ("data", "model", "made", "classes"),
    [
        (BOOLEAN, _boosted, _whole, (False, True)),
        (BITS, DecisionTreeClassifier, lambda data: data.data["label"] == 1, (0, 1)),
        (NAMES, lambda: VotingClassifier([("m", _boosted())], voting="soft"), _whole, ("bad", "good")),
        (THREE, lambda: VotingClassifier([("m", _boosted())], voting="soft"), _whole, (1, 2, 3)),
        (RARE, DecisionTreeClassifier, lambda data: data.data["label"].where(data.data["label"] != 9, 1), (1, 2, 3)),
    ],
    ids=["boolean", "0 and 1", "texts by a vote", "numbers by a vote", "one row in 120 is lost"],
)
def test_classes_that_are_the_labels_pass(
    data: Rows, model: Callable[[], Any], made: Callable[[Rows], Any], classes: tuple[Any, ...]
) -> None:
    """XGBoost with a boolean label as everybody writes it; with texts in what scikit-learn has for it."""
    files = fit.finish(model().fit(data.data[NUMBERS], made(data)), data, TASK)
    assert str(serving.parse(files["io.json"]).classes) == str(classes)


@pytest.mark.parametrize(
    ("data", "model", "made", "remedy"),
    [
        (WORDS, _boosted, lambda data: data.data["label"] == "yes", "write `label: bool` in the contract, and fit on"),
        (WORDS, _boosted, lambda data: (data.data["label"] == "yes").astype(int), "write `label: bool`"),
        (NAMES, _boosted, lambda data: data.data["label"] == "good", 'VotingClassifier([("m", XGBClassifier())]'),
        (NAMES, DecisionTreeClassifier, lambda data: data.data["label"] == "good", "fit on data['label'] itself"),
        (BOOLEAN, DecisionTreeClassifier, lambda data: data.data["label"].map(str), "fit on data['label'] itself"),
        (THREE, _boosted, lambda data: data.data["label"] - 1, "VotingClassifier"),
        (THREE, DecisionTreeClassifier, lambda data: data.data["label"] > 1, "fit on data['label'] itself"),
        (BOOLEAN, DecisionTreeClassifier, lambda data: np.arange(len(data.data)) % 24, "fit on data['label'] itself"),
    ],
    ids=["yes", "yes as 1", "good", "good to a tree", "texts of booleans", "from 0", "more than 1", "another column"],
)
def test_classes_that_are_made_of_the_label_are_refused(
    data: Rows, model: Callable[[], Any], made: Callable[[Rows], Any], remedy: str
) -> None:
    """Nobody can tell from the model which is which; what is said keeps the label's own values."""
    fitted = model().fit(data.data[NUMBERS], made(data))
    with pytest.raises(Refused, match="nobody can tell which is which") as raised:
        fit.finish(fitted, data, TASK)
    assert (raised.value.finding, remedy in raised.value.next) == ("LG311", True), raised.value.next


@pytest.mark.parametrize(
    ("returned", "said", "following"),
    [
        (None, "returned nothing,", "end train() with `return model`"),
        ((DecisionTreeClassifier(), {"accuracy": 1.0}), "a tuple (DecisionTreeClassifier, dict),", "alone"),
        ((), "returned tuple,", "alone"),
        ({"model": 1}, "returned dict,", "return the fitted estimator or Pipeline"),
    ],
)
def test_what_train_returns_instead_is_told(returned: Any, said: str, following: str) -> None:
    """No return, a model with its score, a dictionary: LG311 says what came, and what to return."""
    with pytest.raises(Refused) as raised:
        fit.finish(returned, BOOLEAN, TASK)
    assert raised.value.finding == "LG311"
    assert said in raised.value.message
    assert following in raised.value.next
