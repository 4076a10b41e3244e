"""What attacks find on graphs whose distance to another answer is known: robust, brittle, beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lockgate.errors import Refused
from lockgate.runtime.jail.predict import Model, Outputs
from lockgate.train.jail import attacked
from lockgate.train.jail.attacks import Trail
from lockgate.train.jail.attacks.square import LABEL_ONLY
from lockgate.train.jail.attacks.trail import failed
from lockgate.train.jail.robustness import attacked as attack_all
from lockgate.train.robustness_spec import Robustness
from tests.support.attacked import ROWS, heldout, lay, slope, spec, table, threshold

ASKED = Robustness(("x",), rows=60, distances=(0.25, 0.5, 1.5), queries=40)
ROBUST, BRITTLE = (threshold(0.0), spec()), (threshold(0.9), spec())


def _found(folder: Path, patch: pytest.MonkeyPatch, asked: Robustness = ASKED, **models: Any) -> dict[str, Any]:
    task = "regression" if b"regression" in models["candidate"][1] else "binary"
    return attack_all(heldout(task), asked, {}, lay(folder, patch, **models), 0)


def _values(facts: dict[str, Any]) -> dict[str, float]:
    return {name: each["value"] for name, each in facts.items()}


def test_a_robust_model_and_a_brittle_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are right about every row. One has its threshold a whole deviation off all rows; the other one tenth off
    half of them: these fall within 0.25 already. Beside the robust one the brittle one's drop is that half, with its
    whole interval above 0; and beside itself nobody drops.
    """
    found = _found(tmp_path, monkeypatch, candidate=BRITTLE, live_0=ROBUST, live_1=BRITTLE)
    brittle, robust, _ = (each["facts"] for each in found["models"])
    assert (found["rows"], found["of"]) == (60, ROWS)
    expected = {"clean_accuracy": 1, "robust_accuracy_0.25": 1, "robust_accuracy_0.5": 1, "robust_accuracy_1.5": 0}
    assert {name: value for name, value in _values(robust).items() if name in expected} == expected
    assert brittle["robust_accuracy_0.25"] == brittle["robust_accuracy_0.5"]
    assert 0.35 < brittle["robust_accuracy_0.25"]["value"] < 0.65
    drop, same = (each["0.5"] for each in found["drops"])
    assert drop["low"] > 0.2
    assert drop["value"] == pytest.approx(1 - brittle["robust_accuracy_0.5"]["value"], abs=1e-5)
    assert (same["value"], same["low"] < 0 < same["high"]) == (0, True)


def test_an_interval_is_as_wide_as_its_rows_are_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """60 of 60 rows that hold say at least 94 % (Clopper and Pearson: 0.025 ** (1 / 60)), and no more."""
    found = _found(tmp_path, monkeypatch, candidate=ROBUST)
    facts = found["models"][0]["facts"]
    assert facts["robust_accuracy_0.5"] == {"value": 1.0, "low": 0.940371, "high": 1.0}


def test_hours_are_queries_at_the_clients_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not flip within the budget takes as long as the budget, and is told as more than anybody asked."""
    asked = Robustness(("x",), rows=40, distances=(0.5,), queries=40, rate=40 / 3600)
    model = _found(tmp_path, monkeypatch, asked, candidate=ROBUST)["models"][0]
    assert (model["found"]["median"], model["found"]["tenth"], model["found"]["most"]) == (None, None, 40)
    assert model["facts"]["hours_to_evade"]["value"] == 1.0
    quick = _found(tmp_path, monkeypatch, Robustness(("x",), rows=40, distances=(1.5,), queries=40), candidate=ROBUST)
    assert quick["models"][0]["found"]["median"] < 40
    assert quick["models"][0]["facts"]["hours_to_evade"]["value"] < 40 / 100 / 3600


def test_a_wrong_row_is_not_robust(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that says 1 of everything is wrong about half of the rows, and robust on no more than the other half."""
    found = _found(tmp_path, monkeypatch, candidate=(threshold(-9.0), spec()))
    facts = found["models"][0]["facts"]
    assert facts["robust_accuracy_0.25"]["value"] == facts["clean_accuracy"]["value"] < 0.6


def test_an_attack_that_failed_is_never_robust(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores of 0 and 1 give square nothing to follow: it says so, and no row counts as robust, nor as not: nothing is
    stated, also no drop. Only that each row flips within 1.5 is, for others found that. Without square it is tested.
    """
    blind = (threshold(0.0, steep=1e6), spec())
    found = _found(tmp_path, monkeypatch, candidate=blind, live_0=ROBUST)
    model = found["models"][0]
    assert {each["attack"]: each["status"] == "ran" for each in model["tried"]} == {
        "hop-skip-jump": True,
        "boundary": True,
        "square": False,
    }
    assert found["drops"] == [None]
    assert _values(model["facts"]) == {"clean_accuracy": 1.0, "robust_accuracy_1.5": 0.0}
    asked = Robustness(("x",), rows=40, distances=(0.5,), queries=40, attacks=("boundary",))
    facts = _found(tmp_path, monkeypatch, asked, candidate=blind)["models"][0]["facts"]
    assert facts["robust_accuracy_0.5"]["value"] == 1.0


def test_flat_scores_around_a_row_are_no_failure_where_scores_say_something() -> None:
    """A tree's scores have two values around many rows: square has looked there blindly, and it is told as having run.

    Where the target's scores never say more than its labels, it has failed.
    """
    flat = Trail("square", 10, failed(LABEL_ONLY))
    assert attacked._seeing(flat, telling=True).ran
    assert not attacked._seeing(flat, telling=False).ran
    assert not attacked._seeing(Trail("square", 10, "failed: no budget"), telling=True).ran


def test_a_model_that_answers_the_same_row_otherwise_is_not_attacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attack on answers that change by themselves proves nothing: why it was not tried, and no fact."""
    turn = [0]
    honest = Model.predict

    def fickle(model: Model, columns: Any) -> Outputs:
        turn[0] += 1
        said = honest(model, columns)
        assert said.labels is not None
        return Outputs(said.labels if turn[0] == 1 else 1 - said.labels, said.scores, None)

    monkeypatch.setattr(Model, "predict", fickle)
    found = _found(tmp_path, monkeypatch, candidate=ROBUST)
    assert found["models"][0] == {"why": "its answers to the same rows change from one asking to the next"}


def test_a_live_model_that_takes_other_fields_cannot_be_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said why, and the candidate's own facts stand."""
    other = (threshold(0.0), spec(fields=("x", "gone")))
    asked = Robustness(("x",), rows=40, distances=(0.5,), queries=40, attacks=("boundary",))
    found = _found(tmp_path, monkeypatch, asked, candidate=ROBUST, live_0=other)
    assert found["models"][1] == {"why": "it takes or predicts what these rows do not have: ['gone']"}
    assert found["drops"] == [None]
    assert found["models"][0]["facts"]["robust_accuracy_0.5"]["value"] == 1.0


@pytest.mark.parametrize("name", ["town", "label", "gone"])
def test_what_is_no_number_cannot_be_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A text, the label, and what is not there: LG394, which lists the numbers."""
    with pytest.raises(Refused) as raised:
        _found(tmp_path, monkeypatch, Robustness((name,), rows=40), candidate=ROBUST)
    assert raised.value.finding == "LG394"
    assert raised.value.seen["numbers"] == ["x", "still"]


def test_ranges_keep_a_row_where_the_contract_wants_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where x may not go below 0.5 nor above -0.5 no row crosses the threshold at 0; without ranges all of them do."""
    asked = Robustness(("x",), rows=40, distances=(1.5,), queries=40, attacks=("boundary",))
    names = lay(tmp_path, monkeypatch, candidate=ROBUST)
    name, rows = "robust_accuracy_1.5", heldout()
    free = attack_all(rows, asked, {}, names, 0)["models"][0]["facts"]
    upper = attack_all(rows, asked, {"x": (0.5, None)}, names, 0)["models"][0]["facts"]
    assert free[name]["value"] == 0.0
    assert 0.4 < upper[name]["value"] < 0.6


def test_a_row_without_a_number_to_move_is_not_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the rows have no x: the others are attacked; where none has one, it is said."""
    rows = heldout()
    rows.data.loc[::2, "x"] = np.nan
    names = lay(tmp_path, monkeypatch, candidate=ROBUST)
    asked = Robustness(("x",), rows=400, distances=(0.5,), queries=40, attacks=("boundary",))
    assert attack_all(rows, asked, {}, names, 0)["rows"] == ROWS // 2
    rows.data["x"] = np.nan
    assert attack_all(rows, asked, {}, names, 0)["models"] == [
        {"why": "no held-out row has a number that could be moved"}
    ]


def test_a_number_changes_by_slope_times_distance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that is twice x, where x and the label have deviation 1, moves by twice the distance; it drops by one
    distance beside one that is x itself.
    """
    asked = Robustness(("x",), rows=60, distances=(0.25, 0.5), queries=40)
    steep, flat = (slope(2.0), spec("regression")), (slope(1.0), spec("regression"))
    found = _found(tmp_path, monkeypatch, asked, candidate=steep, live_0=flat)
    facts = found["models"][0]["facts"]
    assert _values(facts) == pytest.approx({"change_0.25": 0.5, "change_0.5": 1.0}, rel=0.02)
    assert found["drops"][0]["0.5"]["low"] == pytest.approx(0.5, rel=0.05)
    assert found["models"][0]["found"] is None


def test_the_rows_are_the_seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same seed gives the same facts to the last digit."""
    asked = Robustness(("x",), rows=30, distances=(1.0,), queries=40, attacks=("hop-skip-jump",))
    one, other = (_found(tmp_path, monkeypatch, asked, candidate=BRITTLE) for _ in range(2))
    assert one == other
    assert table().num_rows == ROWS
