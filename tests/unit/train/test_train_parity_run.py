"""Graph and estimator on the held-out rows, in real jails: what is signed, what is refused, what is only told."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lockgate.core.parity_words import parity_line
from lockgate.errors import Refused
from lockgate.train import parity_judged
from lockgate.train.parity_judged import Candidate, Judged
from lockgate.train.run import run
from lockgate.train.spec import TrainSpec
from tests.support.project import at_home
from tests.support.training import TrainingProject, training_project

FIT = """
from sklearn.linear_model import LogisticRegression

def train(data, params):
    model = LogisticRegression().fit(data[["age", "sunny"]], data["late"])
    {}
    return model
"""
SPOILS = (
    FIT.format("model.later = Later()")
    + """
class Later:
    def __reduce__(self):
        return spoil, ()

def spoil():
    def wrong(self, rows):
        import numpy as np
        return np.full((len(rows), 2), 0.5)
    LogisticRegression.predict_proba = wrong
"""
)


@pytest.fixture(name="here", scope="module")
def _here(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TrainingProject]:
    home = tmp_path_factory.mktemp("parity")
    with pytest.MonkeyPatch.context() as patch:
        return home, training_project(home, patch, "late", compared=True)


@pytest.fixture(name="project")
def _project(here: tuple[Path, TrainingProject], monkeypatch: pytest.MonkeyPatch) -> TrainingProject:
    at_home(here[0], monkeypatch)
    return here[1]


def test_an_estimator_that_says_something_else_of_held_out_rows_is_refused(project: TrainingProject) -> None:
    """It agreed on the training rows, and not when it was asked again: LG313, with the worst row; nothing is signed."""
    project.write(spoils=SPOILS)
    before = len(project.project.open_ledger().statements("train"))
    with pytest.raises(Refused, match="held-out rows") as raised:
        run(project.project.workplace(), TrainSpec("late", function="spoils.py:train"))
    assert raised.value.finding == "LG313"
    assert cast("dict[str, str]", raised.value.seen["record"]).keys() == {"age", "sunny"}
    assert len(project.project.open_ledger().statements("train")) == before


@pytest.mark.nightly
def test_an_estimator_that_cannot_be_saved_is_told(project: TrainingProject) -> None:
    """The judge's statement says `judged: null` and a reason in our words, and the person is told: LG384."""
    project.write(unsaved=FIT.format("model.note = lambda: 0"))
    result = run(project.project.workplace(), TrainSpec("late", function="unsaved.py:train"))
    assert result.judgement.predicate["parity"] == {"judged": None, "why": "the estimator was not saved"}
    assert "cannot be saved by joblib" in next(one.message for one in result.reasons if one.finding == "LG384")
    assert "not compared on the judged rows" in parity_line(result.judgement.predicate)


def test_the_judge_comes_first_and_ends_the_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the judge refuses is what a person hears, and the other jail is stopped, not waited for."""
    stopped = threading.Event()
    jail = SimpleNamespace(stop=stopped.set)

    def compare(*_: object) -> Judged:
        assert stopped.wait(10)
        raise Refused("LG313", "too late")

    def judge() -> None:
        raise Refused("LG320", "the candidate cannot be judged")

    monkeypatch.setattr(parity_judged, "_why_not", lambda _: None)
    monkeypatch.setattr(parity_judged, "_room_for_two", lambda _: True)
    monkeypatch.setattr(parity_judged, "_settings", lambda *_: None)
    monkeypatch.setattr(parity_judged, "_compare", compare)
    monkeypatch.setattr(parity_judged, "Jail", lambda *_, **__: jail)
    with pytest.raises(Refused, match="cannot be judged"):
        parity_judged.beside(_any(), _any(), _any(), _any(), judge)
    assert stopped.is_set()


def test_where_memory_is_scarce_they_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """First the judge, then the comparison, and never both: a small machine is not overrun."""
    order: list[str] = []
    monkeypatch.setattr(parity_judged, "_why_not", lambda _: None)
    monkeypatch.setattr(parity_judged, "_settings", lambda *_: None)
    monkeypatch.setattr(parity_judged, "Jail", lambda *_, **__: None)
    monkeypatch.setattr(os, "sysconf", lambda _: 1 << 15)

    def compare(*_: object) -> Judged:
        order.append("compare")
        return Judged({"judged": None})

    monkeypatch.setattr(parity_judged, "_compare", compare)
    recipe = _any(spec=TrainSpec("late"))
    parity_judged.beside(_any(), recipe, _any(), _any(), lambda: order.append("judge"))
    assert order == ["judge", "compare"]


def test_a_scripts_own_graph_has_nothing_to_be_compared_with() -> None:
    """Nothing is amiss then, and nobody is warned; an estimator that is missing is told."""
    own = Candidate({}, _any(files={}), {"parity": None, "saved": "no estimator"}, Path())
    lost = Candidate({}, _any(files={}), {"parity": {"rows": 1}, "saved": "/out has no room for it"}, Path())
    for one, reasons in ((own, 0), (lost, 1)):
        judged, found = parity_judged.beside(_any(), _any(), _any(), one, lambda: "judged")
        assert (judged, found.fact["judged"], len(found.reasons)) == ("judged", None, reasons)
    assert "no room" in parity_judged.beside(_any(), _any(), _any(), lost, lambda: 0)[1].reasons[0].message


def test_the_line_says_how_many_rows_and_why() -> None:
    """Agreement, rows explained by 32 bits, rows beyond, the change of the metric; an old statement says nothing."""
    judged: dict[str, Any] = {"rows": 40_000, "beyond": 0, "explained": 0, "metric": {"name": "roc_auc", "change": 0.0}}
    assert parity_line({"parity": {"judged": judged}}) == "graph and estimator agree on all 40,000 judged rows"
    judged |= {"beyond": 38, "explained": 37, "metric": {"name": "roc_auc", "change": -2e-5}}
    assert parity_line({"parity": {"judged": judged}}) == (
        "graph and estimator agree on all but 38 of 40,000 judged rows (37 fall on the other side of a split in 32 "
        "bits, 1 beyond the tolerance); roc_auc changes by -2e-05"
    )
    assert parity_line({}) == parity_line({"parity": {"judged": {"rows": "Ada"}}}) == ""


def _any(**attributes: Any) -> Any:
    return cast("Any", SimpleNamespace(least_jail_level=3, **attributes))
