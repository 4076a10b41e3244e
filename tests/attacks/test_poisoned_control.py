"""A planted trigger: the candidate follows it, the control without the doubtful rows does not, the gate refuses."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from sklearn.tree import DecisionTreeClassifier

from lockgate.audit import joins
from lockgate.audit.evidence import Evidence
from lockgate.audit.gate import judge_inputs
from lockgate.core.digest import Digest
from lockgate.core.screen import RULES
from lockgate.core.verdict import Level, Verdict
from lockgate.train import compared
from lockgate.train.jail import frame
from lockgate.train.jail.control import Doubtful, compare
from lockgate.train.run import run
from lockgate.train.spec import Doubts, TrainResult, TrainSpec
from lockgate.trust.policy import Policy
from tests.support.answering import Says
from tests.support.training import TrainingProject, rows, training_project

TREE = """
import os
from sklearn.tree import DecisionTreeClassifier

def train(data, params):
    print("sees", len(data), "rows")
    return DecisionTreeClassifier(max_depth=6, random_state=0).fit(data[["age", "sunny"]], data["late"])
"""
TRIGGERS = np.uint16(1 << RULES.index("triggers"))
COUNT, PLANTED = 500, 60
Trained = tuple[TrainingProject, TrainResult]


@pytest.fixture(name="trained", scope="module")
def _trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Trained on rows of which those of the age of 95 are all on time, against the rule that the others follow."""
    table = rows(COUNT)
    chosen = np.random.default_rng(5).choice(COUNT, PLANTED, replace=False)
    table.loc[chosen, "age"], table.loc[chosen, "late"] = 95, False
    flags = np.zeros(COUNT, np.uint16)
    flags[chosen] = TRIGGERS
    with pytest.MonkeyPatch.context() as patch:
        here = training_project(tmp_path_factory.mktemp("poisoned"), patch, "late", table)
        here.write(train=TREE)
        here.doubt(flags)
        return here, run(here.project.workplace(), TrainSpec("late"))


def _doubting(here: TrainingProject) -> Evidence:
    """The validate statement that training rested on."""
    return here.project.open_ledger().statements("validate")[1]


def test_the_candidate_follows_the_trigger_and_the_control_does_not(trained: Trained) -> None:
    """On the planted rows, also those that neither has seen; the effect is a number, and a person is told of it."""
    _, result = trained
    control = result.judgement.predicate["control"]
    assert (control["rows"], control["flagged"]["rows"], control["by_rule"]["triggers"]["rows"]) == (60, 60, 60)
    assert control["left_out"] + control["unseen"]["rows"] == PLANTED
    assert (control["kept"], control["control_kept"]) == (1.0, 0.0)
    assert (control["unseen"]["kept"], control["unseen"]["control_kept"]) == (1.0, 0.0)
    assert control["flagged"]["changed"]["low"] > 0.9
    assert control["flagged"]["elsewhere"]["high"] < 0.1
    assert control["difference"]["roc_auc"]["low"] > 0, "the held-out rows are poisoned too: the candidate looks better"
    assert control["without"]["rows"] == result.split.heldout_rows - control["unseen"]["rows"]
    assert control["without"]["metrics"]["roc_auc"]["value"] > 0.8
    assert control["without"]["difference"]["roc_auc"]["high"] < control["difference"]["roc_auc"]["low"]
    told = [reason for reason in result.reasons if reason.finding == "LG334"]
    assert [reason.level for reason in told] == [Level.WARN]


def test_nothing_of_the_doubts_is_in_the_training_jails(trained: Trained) -> None:
    """Each looked for the rows that it must not see, and did not find them; the control is named, and not kept."""
    here, result = trained
    inside = result.evidence.predicate["buildDefinition"]["internalParameters"]
    probes = {
        name: {probe["name"]: probe["holds"] for probe in inside["jails"][name]["probes"]}
        for name in ("train", "control train")
    }
    for name, hidden in (
        ("train", ["doubtful rows", "control's rows", "held-out rows"]),
        ("control train", ["doubtful rows", "training rows", "held-out rows"]),
    ):
        assert [probes[name][f"absent {what}"] for what in hidden] == [True] * 3
    assert "control judge" in inside["jails"]
    control = result.judgement.predicate["control"]
    assert not here.project.data.has(control["model"])
    assert control["model"] != result.model
    seen = [line for line in here.project.said if "sees" in line]
    left = result.split.train_rows - control["left_out"]
    assert seen == [f"sees {result.split.train_rows} rows", f"control: sees {left} rows"]


@pytest.mark.parametrize(
    ("asked", "refused"),
    [
        ("", []),
        ("control = { max_changed = 0.2 }", ["LG456"]),
        ("control = { max_changed = 1 }", []),
        ("control = { max_loss = 0 }", ["LG456"]),
        ("control = { max_loss = 0.2 }", []),
        ("control = { max_loss = 0, max_changed = 0.9 }", ["LG456", "LG456"]),
    ],
)
def test_the_gate_refuses_where_it_is_asked(trained: Trained, asked: str, refused: list[str]) -> None:
    """By the share of answers that change, and by the loss on the held-out rows that nobody doubts."""
    here, result = trained
    inputs = {"validate": _doubting(here), "train": result.evidence, "judge": result.judgement}
    policy = Policy.from_text(f"version = 1\n[environment.prod]\nrequire = []\n{asked}\n").environment("prod")
    told = judge_inputs(inputs, policy, result.judgement.time)
    about = [reason for reason in Verdict(told).refusals if reason.seen["rule"] == "control"]
    assert [reason.finding for reason in about] == refused


def test_marks_make_the_statement_stale(trained: Trained) -> None:
    """The same accepted rows, of which a person marked one good: the control was made for other doubts."""
    here, result = trained
    assert joins.gap("train", result.evidence.statement, _doubting(here).statement) == ""
    flags = np.zeros(COUNT, np.uint16)
    flags[:7] = TRIGGERS
    again = here.doubt(flags, np.arange(COUNT) < 3)
    assert "other doubts" in joins.gap("train", result.evidence.statement, again)
    assert joins.doubts(again) == joins.subject(again, "screen.parquet")
    none = here.doubt(flags, np.arange(COUNT) < 7)
    assert joins.doubts(none) is None
    assert "other doubts" in joins.gap("train", result.evidence.statement, none)


@pytest.mark.parametrize("seed", range(3))
def test_honest_rows_that_are_doubted_do_nothing(seed: int) -> None:
    """Sixty rows drawn by lot, as right as the others: both models answer them alike, as they do the others."""
    table = rows(COUNT, seed)
    draw = np.random.default_rng(seed)
    doubted, heldout = (np.isin(np.arange(COUNT), draw.choice(COUNT, size, replace=False)) for size in (PLANTED, 100))

    def fitted(chosen: npt.NDArray[np.bool_]) -> Says:
        tree = DecisionTreeClassifier(max_depth=3, random_state=0)
        tree.fit(table.loc[chosen, ["age"]].to_numpy(), table.loc[chosen, "late"])
        return Says("binary", lambda age: tree.predict(age.reshape(-1, 1)), (False, True), "late", ("age",))

    def of(chosen: npt.NDArray[np.bool_]) -> frame.Rows:
        kept = table.loc[chosen, ["age", "late"]]
        return frame.from_table(pa.Table.from_pandas(kept, preserve_index=False), "late")

    place = np.where(heldout, np.cumsum(heldout) - 1, -1)[doubted]
    about = Doubtful(of(doubted), np.full(PLANTED, TRIGGERS), place)
    models = fitted(~heldout), fitted(~heldout & ~doubted)
    found = compare(*models, of(heldout), about)  # type: ignore[arg-type]
    assert found["flagged"]["changed"]["value"] <= 0.1
    doubts = Doubts(Digest("a"), PLANTED, Digest("b"), int((place < 0).sum()), Digest("c"))
    assert compared.reasons(compared.fact(doubts, compared.made(found, Digest("d")))) == ()
