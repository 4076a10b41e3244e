"""Attacks in a real jail, beside a model that is live: what is signed, what is told, and when it is done again."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from lockgate.audit.evidence import Evidence
from lockgate.config import read_config
from lockgate.contract.plan import FieldPlan, Plan, Real, Text
from lockgate.core.digest import Digest, digest_of
from lockgate.core.robustness_words import robustness_line
from lockgate.core.verdict import Level
from lockgate.deploy.run import deploy
from lockgate.deploy.spec import DeploySpec
from lockgate.errors import Refused
from lockgate.project.checking import _Looking
from lockgate.project.trial_rows import TrialRows
from lockgate.runtime import serving
from lockgate.sandbox.interpreter import PythonEnv
from lockgate.train import robustness, rules
from lockgate.train.robustness_live import live_models, still
from lockgate.train.robustness_spec import Attacked, Robustness
from lockgate.train.spec import Split, TrainSpec
from lockgate.trust.policy import Policy
from tests.support.attacked import ROWS, spec, table, threshold
from tests.support.project import SignedProject, at_home, register_here, signed_project

ASKED = Robustness(("x",), rows=400, distances=(0.5,), queries=40, attacks=("boundary",), of="flights")
SETTINGS = """[project]
name = "flights"
[data]
sources = ["a.csv"]
contract = "contract.py:Row"
label = "label"
"""
ASKING = "version = 1\n[environment.dev]\n[environment.prod]\nmax_robustness_drop = 0\n"


@pytest.fixture(name="made", scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SignedProject]:
    """A project in which a robust model is live in dev."""
    home = tmp_path_factory.mktemp("attacked")
    with pytest.MonkeyPatch.context() as patch:
        project = signed_project(home, patch, policy=ASKING)
        project.candidate(model=threshold(0.0), io=spec())
        register_here(project, patch)
        deploy(project.workplace(), DeploySpec("flights@1", "dev"))
        return home, project


@pytest.fixture(name="project")
def _project(made: tuple[Path, SignedProject], monkeypatch: pytest.MonkeyPatch) -> SignedProject:
    at_home(made[0], monkeypatch)
    return made[1]


def _stored(project: SignedProject, graph: bytes, served: bytes = spec()) -> tuple[dict[str, Digest], Split]:
    rows = io.BytesIO()
    pq.write_table(table(), rows)
    for data in (graph, served, rows.getvalue()):
        project.data.put(data)
    candidate = {"model.onnx": digest_of(graph), "io.json": digest_of(served)}
    heldout = digest_of(rows.getvalue())
    return candidate, Split("hash", "", None, digest_of(b"training rows"), 800, heldout, ROWS)


def _run(project: SignedProject, asked: Robustness, graph: bytes, served: bytes = spec()) -> Attacked:
    place, chosen = project.workplace(), TrainSpec("label", robustness=asked)
    candidate, split = _stored(project, graph, served)
    return robustness.run(place, chosen, robustness.prepare(place, chosen), PythonEnv.own(), candidate, split)


def test_a_brittle_candidate_beside_a_robust_live_model(project: SignedProject) -> None:
    """In a jail at full isolation: the facts, the drop with the live model's name, the attack with its counts, a note
    that the rows are few; the judge's statement carries them, and its line says them.
    """
    found = _run(project, ASKED, threshold(0.9))
    assert found.attacked is not None
    (beside,) = found.attacked["live"]
    assert (beside["ref"], beside["environments"]) == ("flights@1", ["dev"])
    assert beside["judge"] == project.ledger.statements("judge")[0].digest
    assert found.robustness["drop_0.5"] == beside["drop"]["0.5"]
    assert found.robustness["drop_0.5"]["low"] > 0.3
    assert 0.4 < found.robustness["robust_accuracy_0.5"]["value"] < 0.6
    assert [(each["attack"], each["status"], each["rows"]) for each in found.attacked["tried"]] == [
        ("boundary", "ran", ROWS)
    ]
    assert [(one.finding, one.level) for one in found.reasons] == [("LG396", Level.NOTE)]
    assert found.jails["attacks"]["level"] == 3
    said = _judgement(project, found).predicate
    line = robustness_line(said)
    assert (said["robustness"], said["jails"]) == (found.robustness, found.jails)
    assert "of 150 rows hold within 0.5 sd" in line
    assert "less robust than flights@1 by +" in line


def _judgement(project: SignedProject, found: Attacked) -> Any:
    candidate, split = _stored(project, threshold(0.9))
    metrics = {"accuracy": {"value": 1.0, "low": 0.9, "high": 1.0}}
    judged = {"task": "binary", "rows": ROWS, "metrics": metrics, "missing": {}, "slices": []}
    return rules.judgement(
        candidate=candidate,
        split=split,
        found=judged,
        judged=1,
        trained=digest_of(b"trained"),
        jail={"level": 3},
        monitor=None,
        time=project.clock(),
        attacked=found,
    )


def test_nobody_asked_nothing_is_said(project: SignedProject) -> None:
    """Without [robustness] no jail is started, and a statement says what it always did."""
    candidate, split = _stored(project, threshold(0.0))
    place, chosen = project.workplace(), TrainSpec("label")
    found = robustness.run(place, chosen, robustness.prepare(place, chosen), PythonEnv.own(), candidate, split)
    assert found == Attacked()
    assert not {"robustness", "attacked", "jails"} & set(_judgement(project, found).predicate)


def test_a_model_with_features_is_not_attacked(project: SignedProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """The judge runs no code of the user: it is said so, in the statement and to the person, and no fact is stated."""
    plain = serving.parse(spec())
    columns = plain.fields
    made = replace(plain, features=serving.FeatureSpec("features.py:features", (), columns)).encode()
    monkeypatch.setattr(robustness, "run_task", lambda *_: pytest.fail("attacked"))
    found = _run(project, ASKED, threshold(0.0), made)
    assert ([one.finding for one in found.reasons], dict(found.robustness)) == (["LG395"], {})
    assert found.attacked is not None
    assert "features.py" in found.attacked["why"]
    assert "not attacked: features.py" in robustness_line({"attacked": found.attacked})


def test_a_jail_that_ends_leaves_the_candidate_without_facts(
    project: SignedProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it died of is told to the person; the statement has the finding alone. Bytes out of form are no fact either.

    But for a field that cannot be moved: that is the person's to mend, and nothing is signed.
    """

    def ended(finding: str) -> Any:
        def run_task(*_: Any) -> Any:
            raise Refused(finding, "in words of the jail", next="x")

        return run_task

    monkeypatch.setattr(robustness, "run_task", ended("LG398"))
    found = _run(project, ASKED, threshold(0.0))
    assert found.attacked is not None
    assert (found.attacked["why"], dict(found.robustness)) == ("attacking ended with LG398", {})
    assert "in words of the jail" in found.reasons[0].message
    monkeypatch.setattr(robustness, "run_task", ended("LG394"))
    with pytest.raises(Refused, match="in words"):
        _run(project, ASKED, threshold(0.0))


def test_who_is_live_where_it_matters_is_what_is_attacked(project: SignedProject) -> None:
    """In the environment at work, and in those whose policy asks; a model that is live in two is attacked once."""
    asking = Policy.from_text(ASKING.replace("[environment.prod]", "max_robustness_drop = 0\n[environment.prod]"))
    (found,) = live_models(project.workplace(), "flights")
    assert (found.ref, found.environments) == ("flights@1", ("dev",))
    assert set(found.files) == {"model.onnx", "io.json"}
    assert live_models(project.workplace("prod"), "flights") == ()
    (found,) = live_models(project.workplace("prod", policy=asking), "flights")
    assert found.environments == ("dev",)
    assert live_models(project.workplace(), "trains") == ()


def test_a_judgement_stands_while_it_compared_with_what_is_live(project: SignedProject) -> None:
    """Where a policy asks and another model is live by now, it is done again; where none asks, or it is itself that is
    live, it stands.
    """
    asking = Policy.from_text(ASKING.replace("[environment.prod]", "max_robustness_drop = 0\n[environment.prod]"))
    (live,) = live_models(project.workplace(), "flights")
    judged = project.ledger.statements("judge")[0]
    place = project.workplace(policy=asking)

    def about(*judges: str, digest: str = "sha256:other") -> Evidence:
        said = {"attacked": {"live": [{"judge": each} for each in judges]}}
        return replace(judged, digest=Digest(digest), statement=replace(judged.statement, predicate=said))

    assert still(place, ASKED, about(live.judge))
    assert not still(place, ASKED, about("sha256:older"))
    assert still(project.workplace(), ASKED, about("sha256:older"))
    assert still(place, ASKED, about(digest=live.judge))
    assert still(place, None, about())
    assert still(place, ASKED, replace(judged, statement=replace(judged.statement, predicate={})))


def test_check_says_it_before_a_long_training(project: SignedProject, tmp_path: Path) -> None:
    """A field that cannot be moved is LG394 there already; a model with features is told that it is not attacked."""
    looking = _Looking(project.workplace(), read_config(SETTINGS), tmp_path)
    plan = Plan("Row", "2", (FieldPlan("x", "float", ("x",), Real(ge=0.0)), FieldPlan("town", "string", (), Text())))
    rows = TrialRows(digest_of(b"rows"), "some", plan=plan)
    _, found = looking._attacks(TrainSpec("label", features=""), ASKED, rows)
    assert (found.level, found.says, "bounds 1 of 1" in found.more[0]) == ("ok", "boundary may move x", True)
    _, found = looking._attacks(TrainSpec("label", features="features.py:features"), ASKED, rows)
    assert (found.level, found.finding) == ("warn", "LG395")
    with pytest.raises(Refused) as raised:
        looking._attacks(TrainSpec("label", features=""), replace(ASKED, mutable=("town",)), rows)
    assert raised.value.finding == "LG394"


def test_the_plan_that_was_signed_bounds_the_fields(project: SignedProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read from the store by the digest in the validate statement; without one nothing is known."""
    place = project.workplace()
    plan = Plan("Row", "2", (FieldPlan("x", "float", ("x",), Real(ge=0.0)),))
    assert robustness.field_ranges(place, ASKED, "label") == {}
    project.data.put(plan.encode())
    head = project.ledger.head("validate")
    assert head is not None
    said = replace(head, statement=replace(head.statement, predicate={**head.predicate, "plan": plan.digest}))
    monkeypatch.setattr(type(place), "head", lambda *_: said)
    assert robustness.field_ranges(place, ASKED, "label") == {"x": (0.0, None)}
    with pytest.raises(Refused) as raised:
        robustness.prepare(place, TrainSpec("label", robustness=replace(ASKED, mutable=("still",))))
    assert raised.value.finding == "LG394"
