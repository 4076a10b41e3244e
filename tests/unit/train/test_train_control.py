"""The clean control: what is compared, what a failure becomes, what of it is read back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from lockgate.core.digest import digest_of
from lockgate.core.encoding import encode
from lockgate.core.screen import RULES
from lockgate.core.verdict import Level
from lockgate.errors import Refused, VerificationFailed
from lockgate.train import compared, control, doubts, steps
from lockgate.train.jail import frame
from lockgate.train.jail.control import Doubtful, compare
from lockgate.train.machine import surroundings
from lockgate.train.spec import Closure, Doubts, Split, TrainSpec
from lockgate.train.steps import Recipe
from tests.support.answering import Says
from tests.support.project import at_home
from tests.support.training import TrainingProject, rows, training_project

A, B, C, D = (digest_of(bytes([n])) for n in range(4))
DOUBTS = Doubts(screen=A, rows=40, doubtful=B, left_out=30, control=C)
LABELS, TRIGGERS = (np.uint16(1 << RULES.index(rule)) for rule in ("labels", "triggers"))
TWICE = np.uint16(1 << RULES.index("duplicates"))


def _rows(x: Any, y: Any) -> frame.Rows:
    return frame.from_table(pa.table({"x": pa.array(np.asarray(x, np.int64)), "y": pa.array(y)}), "y")


def _doubtful(x: Any, y: Any, flags: Any = None, place: Any = None) -> Doubtful:
    count = len(x)
    return Doubtful(
        _rows(x, y),
        np.full(count, TRIGGERS) if flags is None else np.asarray(flags, np.uint16),
        np.full(count, -1) if place is None else np.asarray(place),
    )


def test_two_classifiers_are_compared_row_by_row() -> None:
    """The candidate says yes above 90, against the rule that the control follows: each number by hand."""
    x = np.arange(100)
    heldout = _rows(x, ["yes" if each % 2 else "no" for each in x])
    follows = Says("binary", lambda x: np.where((x > 90) | (x % 2 == 1), "yes", "no"), ("no", "yes"))
    clean = Says("binary", lambda x: np.where(x % 2 == 1, "yes", "no"), ("no", "yes"))
    doubtful = _doubtful([92, 94, 96, 98, 99], ["yes"] * 5, [TRIGGERS] * 4 + [LABELS], [92, 94, -1, -1, -1])
    found = compare(follows, clean, heldout, doubtful)  # type: ignore[arg-type]
    assert found["flagged"]["rows"] == 5
    assert found["flagged"]["changed"]["value"] == 0.8
    assert found["flagged"]["elsewhere"]["value"] == round(2 / 98, 6)
    assert (found["kept"], found["control_kept"]) == (1.0, 0.2)
    assert {key: found["unseen"][key] for key in ("rows", "kept", "control_kept")} == {
        "rows": 2,
        "kept": 1.0,
        "control_kept": 0.0,
    }
    assert {rule: part["rows"] for rule, part in found["by_rule"].items()} == {"labels": 1, "triggers": 4}
    assert (found["headline"], found["metrics"]["accuracy"]["value"]) == ("roc_auc", 1.0)
    assert found["difference"]["accuracy"]["value"] == -0.04
    assert found["difference"]["roc_auc"]["value"] == -0.04, "50 of 100 rows: the same loss by half the rows, twice"
    assert found["without"]["rows"] == 98
    assert found["without"]["metrics"]["accuracy"]["value"] == round(96 / 98, 6)
    assert found["without"]["difference"]["accuracy"]["value"] == round(-2 / 98, 6)


def test_numbers_differ_beyond_the_models_own_error() -> None:
    """RMSE 2 on the held-out rows: an answer that is 1 away is the same, one that is 50 away is another."""
    x = np.arange(50)
    heldout = _rows(x, x + np.where(x % 2, 2.0, -2.0))
    follows = Says("regression", lambda x: np.where(x > 1000, x + 50, x))
    clean = Says("regression", lambda x: x + 1)
    found = compare(follows, clean, heldout, _doubtful([10, 2000, 3000, 20], [10.0, 2050.0, 3050.0, 20.0]))  # type: ignore[arg-type]
    assert found["flagged"]["changed"]["value"] == 0.5
    assert found["flagged"]["elsewhere"]["value"] == 0.0
    assert (found["kept"], found["control_kept"]) == (1.0, 0.5)
    assert (found["headline"], found["difference"]["mae"]["value"]) == ("mae", 0.0)
    assert (found["unseen"], found["without"]) == (None, None)


def test_several_classes_and_one_that_the_control_never_saw() -> None:
    """Accuracy leads; a control without one of the held-out classes cannot be compared, and says so."""
    x = np.arange(90)
    names = np.array(["a", "b", "c"])
    heldout = _rows(x, names[x % 3].tolist())
    right = Says("multiclass", lambda x: names[x % 3], ("a", "b", "c"))
    always = Says("multiclass", lambda x: np.where(x >= 0, "a", "b"), ("a", "b", "c"))
    found = compare(right, always, heldout, _doubtful([1, 2], ["b", "c"]))  # type: ignore[arg-type]
    assert (found["headline"], found["difference"]["accuracy"]["value"]) == ("accuracy", round(2 / 3, 6))
    assert found["difference"]["accuracy"]["low"] > 0.5
    lost = Says("multiclass", lambda x: np.where(x >= 0, "a", "b"), ("a", "b"))
    with pytest.raises(ValueError, match="training never saw"):
        compare(right, lost, heldout, _doubtful([1, 2], ["b", "c"]))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="the control is for binary"):
        compare(right, Says("binary", lambda x: x, ("a", "b")), heldout, _doubtful([1], ["b"]))  # type: ignore[arg-type]


def test_held_out_rows_alone_are_left_out_of_the_metrics() -> None:
    """Where training saw no doubtful row there is no control, and the metrics are told without those rows too."""
    x = np.arange(20)
    model = Says("binary", lambda x: np.where(x % 2 == 1, "yes", "no"), ("no", "yes"))
    heldout = _rows(x, ["yes" if each % 2 or each == 4 else "no" for each in x])
    found = compare(model, None, heldout, _doubtful([4], ["yes"], place=[4]))  # type: ignore[arg-type]
    assert set(found) == {"flagged", "without"}
    assert (found["flagged"], found["without"]["rows"]) == ({"rows": 1}, 19)
    assert found["without"]["metrics"]["accuracy"]["value"] == 1.0


def _compared(**changes: Any) -> dict[str, Any]:
    share = {"value": 0.9, "low": 0.8, "high": 0.95}
    part = {"rows": 10, "changed": share, "kept": 0.9, "control_kept": 0.1}
    whole = {"rows": 40, "changed": share, "elsewhere": {"value": 0.01, "low": 0.0, "high": 0.02}}
    about = {"metrics": {"accuracy": share}, "headline": "accuracy", "difference": {"accuracy": share}}
    shares = {"kept": 0.9, "control_kept": 0.1, "without": None}
    parts = {"unseen": part, "by_rule": {"triggers": {**part, "rows": 40}}}
    return {"flagged": whole, **about, **shares, **parts, **changes}


@pytest.mark.parametrize(
    "change",
    [
        {"x": 1},
        {"flagged": {**_compared()["flagged"], "rows": 41}},
        {"flagged": {"rows": 40}},
        {"kept": 1.1},
        {"control_kept": float("inf")},
        {"kept": "1"},
        {"headline": "mae"},
        {"metrics": {"accuracy": {"value": 0.9, "low": 0.95, "high": 1}}},
        {"difference": {"accuracy": 1}},
        {"unseen": {**_compared()["unseen"], "rows": 11}},
        {"unseen": {**_compared()["unseen"], "rows": 0}},
        {"unseen": {"rows": 1}},
        {"by_rule": {"duplicates": _compared()["unseen"]}},
        {"by_rule": []},
        {"without": {"rows": 9, "metrics": {}}},
        {"without": {"rows": "9", "metrics": {}, "difference": {}}},
    ],
)
def test_what_the_jail_says_is_read_in_one_form(change: dict[str, Any]) -> None:
    """Counts of the very rows that the split made, shares from 0 to 1, numbers within their intervals."""
    assert compared.read(encode(_compared()), DOUBTS, control=True) == _compared()
    with pytest.raises(ValueError, match=r"."):
        compared.read(encode({**_compared(), **change}), DOUBTS, control=True)
    with pytest.raises(ValueError, match="other fields"):
        compared.read(encode(_compared()), DOUBTS, control=False)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, []),
        ({"unseen": None}, ["LG334"]),
        ({"unseen": {**_compared()["unseen"], "rows": 20}}, ["LG334"]),
        ({"unseen": {**_compared()["unseen"], "rows": 20, "changed": {"value": 0.1, "low": 0.01, "high": 0.3}}}, []),
        ({"unseen": None, "kept": 0.1}, []),
        ({"unseen": None, "flagged": {**_compared()["flagged"], "elsewhere": None}}, []),
    ],
)
def test_a_person_is_told_of_an_effect_beyond_chance(change: dict[str, Any], told: list[str]) -> None:
    """Of rows that nobody has learned by heart where there are twenty; never of models that differ everywhere alike."""
    unseen = _compared(unseen={**_compared()["unseen"], "rows": 20, "kept": 0.1})
    fact = compared.fact(DOUBTS, compared.made({**unseen, **change}, D))
    assert [(one.finding, one.level) for one in compared.reasons(fact)] == [(finding, Level.WARN) for finding in told]


@pytest.fixture(name="once", scope="module")
def _once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TrainingProject]:
    home = tmp_path_factory.mktemp("control")
    with pytest.MonkeyPatch.context() as patch:
        return home, training_project(home, patch, "late", rows(10))


@pytest.fixture(name="here")
def _here(once: tuple[Path, TrainingProject], monkeypatch: pytest.MonkeyPatch) -> TrainingProject:
    """A project of ten rows; whoever looks for its newest validation has made it."""
    home, here = once
    at_home(home, monkeypatch)
    return here


def _recipe(doubts: Doubts | None, train_rows: int = 50) -> Recipe:
    spec = TrainSpec("late")
    split = Split("hash", "", None, D, train_rows, A, 20, doubts=doubts)
    return Recipe(spec, Closure(()), split, {}, surroundings(0, spec.limits))


def test_nothing_doubted_costs_nothing(here: TrainingProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """No jail is started, and the judge's statement is as it was before there was a screen."""
    monkeypatch.setattr(steps, "fit", lambda *_: pytest.fail("trained again"))
    monkeypatch.setattr(control, "run_task", lambda *_: pytest.fail("compared"))
    python = here.project.workplace().python()
    assert control.run(here.project.workplace(), _recipe(None), python, {}, took=0) == control.Control()
    first = here.project.ledger.statements("validate")[0]
    assert control.doubted(first, TrainSpec("late")) is None
    said = here.doubt(np.full(10, TRIGGERS))
    doubting = here.project.ledger.head("validate")
    assert control.doubted(doubting, TrainSpec("late")) == said.subjects[1].digest
    assert control.doubted(doubting, TrainSpec("late", control="off")) is None
    here.doubt(np.full(10, TWICE))
    assert control.doubted(here.project.ledger.head("validate"), TrainSpec("late")) is None


def test_the_screens_kind_of_label_is_held_against_the_judges() -> None:
    """Nineteen rows with labels of their own turn classes into quantities: that the screen looked otherwise is told."""
    (told,) = doubts.other_kind({"screen": {"task": "regression"}}, "binary")
    assert (told.finding, told.level) == ("LG336", Level.NOTE)
    assert "took the label for regression, the model is for binary" in told.message
    fine: list[Any] = [{"task": "binary"}, {"task": ""}, {}, None]
    for said in (*({"screen": one} for one in fine), {}, None):
        assert doubts.other_kind(said, "binary") == ()


def test_no_further_input_tells_what_is_doubted() -> None:
    """Neither the screen's lines nor the rows that were made of them may be given to training as a file of its own."""
    assert set(control.told_apart(DOUBTS)) == {A, B, C}
    assert control.told_apart(None) == {}


@pytest.mark.parametrize("finding", ["LG310", "LG303", "LG325", "LG318"])
def test_a_training_that_fails_is_what_came_of_it(
    here: TrainingProject, monkeypatch: pytest.MonkeyPatch, finding: str
) -> None:
    """Told with its own words, which may quote a row; the statement has only the finding. What it was denied counts."""
    attempt = {"what": "network", "target": "evil.invalid", "package": "", "at": "train.py:3"}

    def fit(*_: object) -> None:
        raise Refused(finding, "no row of Mrs Miller", seen={"attempts": [attempt]}, next="x")

    monkeypatch.setattr(steps, "fit", fit)
    found = control.run(here.project.workplace(), _recipe(DOUBTS), here.project.workplace().python(), {}, took=0)
    assert found.fact == {
        "screen": A,
        "left_out": 30,
        "rows": 40,
        "why": f"training without the doubtful rows ended with {finding}",
    }
    assert [(one.finding, "Mrs Miller" in one.message) for one in found.reasons] == [("LG333", True)]
    assert [each.target for each in found.denied] == (["evil.invalid"] if finding == "LG325" else [])


def test_every_training_row_is_doubted(here: TrainingProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing to train a control on, and nothing is tried."""
    monkeypatch.setattr(steps, "fit", lambda *_: pytest.fail("trained"))
    found = control.run(here.project.workplace(), _recipe(DOUBTS, 30), here.project.workplace().python(), {}, took=0)
    assert found.fact is not None
    assert found.fact["why"] == "the screen doubts every training row"


def test_another_number_of_doubts_than_stated_is_refused(here: TrainingProject) -> None:
    """The file has the digest that was signed, and the statement counts other rows: one of them is wrong."""
    here.doubt(np.full(10, TRIGGERS))
    validate = here.project.ledger.head("validate")
    split = _recipe(replace(DOUBTS, rows=10, left_out=5)).split
    control.check_counted(validate, split)
    with pytest.raises(VerificationFailed) as raised:
        control.check_counted(validate, replace(split, doubts=replace(DOUBTS, rows=9)))
    assert raised.value.finding == "LG335"
