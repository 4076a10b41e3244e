"""What must hold before a model is loaded: one unbroken story, and every way to break it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lockgate.audit.deployments import chain, current
from lockgate.audit.load import load_decision
from lockgate.errors import LockgateError, Refused, Usage, VerificationFailed
from tests.support.evidence import Chronicle, blob, with_predicate


def _live() -> tuple[Chronicle, dict[str, Any]]:
    log = Chronicle()
    made: dict[str, Any] = {"policy": log.policy()}
    made.update(log.candidate("a"))
    made["register"] = log.register(made)
    made["promote"] = log.summary(made["register"])
    made["deploy"] = log.deploy(made["register"], summary=made["promote"])
    return log, made


@pytest.fixture(name="log")
def _log() -> Chronicle:
    return _live()[0]


def _refusal(evidences: list[Any], environment: str = "dev", **more: Any) -> LockgateError:
    with pytest.raises(LockgateError) as no:
        load_decision(evidences, environment, evidences[-1].time, **more)
    return no.value


def test_an_unbroken_story_loads() -> None:
    """The positive control: name, version, files and rung are those of the statements."""
    log, made = _live()
    decision = load_decision(log.evidences, "dev", log.now)
    assert (decision.name, decision.version, decision.rung, decision.sequence) == ("flights", 1, "live", 1)
    assert decision.manifest == made["register"].statement.subjects[0].digest
    assert decision.file("model.onnx").digest == blob("a", "model")
    assert load_decision(log.evidences, "dev", log.now, name="flights") == decision


CLAIMS = ["policy", "ingest", "validate", "train", "judge", "scan", "register", "promote", "deploy"]


@pytest.mark.parametrize("claim", CLAIMS)
def test_no_statement_can_be_left_out(claim: str) -> None:
    """Whichever statement of the chain is missing, nothing is loaded."""
    log, made = _live()
    expected = {"policy": "LG524", "promote": "LG523", "deploy": "LG520"}.get(claim, "LG443")
    assert _refusal(log.without(made[claim])).finding == expected


@pytest.mark.parametrize("claim", [c for c in CLAIMS if c != "policy"])
def test_no_statement_can_be_swapped_for_another_models(claim: str) -> None:
    """A statement of the same claim about another model, put in its place under its digest, is noticed."""
    log, made = _live()
    other = Chronicle()
    other.policy()
    theirs: dict[str, Any] = dict(other.candidate("b"))
    theirs["register"] = other.register(theirs)
    theirs["promote"] = other.summary(theirs["register"])
    theirs["deploy"] = other.deploy(theirs["register"], summary=theirs["promote"])
    swapped = log.changed(made[claim], lambda one: replace(one, statement=theirs[claim].statement))
    assert isinstance(_refusal(swapped), VerificationFailed)


@pytest.mark.parametrize("claim", ["ingest", "validate", "train", "judge", "scan"])
def test_every_input_was_said_by_its_own_role(claim: str) -> None:
    """The ledger checks this too; the loader does not rely on it."""
    log, made = _live()
    refusal = _refusal(log.changed(made[claim], lambda one: replace(one, role="deployer")))
    assert (refusal.finding, claim in refusal.message) == ("LG443", True)


def test_an_input_younger_than_the_registration_does_not_count() -> None:
    """A judgement appended afterwards cannot be what the registration rested on."""
    log, made = _live()
    assert _refusal(log.changed(made["judge"], lambda one: replace(one, index=99))).finding == "LG443"


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"verificationResult": "FAILED"}, "LG523"),
        ({"environment": "prod"}, "LG523"),
        ({"resourceUri": "urn:lockgate:environment:dev:delays"}, "LG523"),
        ({"resourceUri": "urn:lockgate:environment:prod:flights"}, "LG523"),
        ({"policy": {"digest": {"sha256": "0" * 64}}}, "LG524"),
        ({"inputAttestations": []}, "LG527"),
        ({"inputAttestations": "all"}, "LG526"),
        ({"policy": None}, "LG526"),
    ],
)
def test_a_summary_speaks_for_one_model_in_one_environment_under_one_policy(
    changes: dict[str, Any], finding: str
) -> None:
    """Each field of the summary is checked on its own."""
    log, made = _live()
    assert _refusal(log.changed(made["promote"], with_predicate(**changes))).finding == finding


def test_a_summary_made_under_an_older_policy_does_not_count() -> None:
    """The policy that was in force when the summary was logged is the one it must name."""
    log = Chronicle()
    old = log.policy("policy 1")
    registered = log.model("a")
    log.policy("policy 2")
    stale = log.summary(registered, policy={"digest": {"sha256": old.statement.subjects[0].digest[7:]}})
    log.deploy(registered, summary=stale)
    assert _refusal(log.evidences).finding == "LG524"


def test_a_policy_that_came_later_changes_nothing() -> None:
    """What was promoted under the policy of its day stays live."""
    log, _ = _live()
    log.policy("policy 2")
    assert load_decision(log.evidences, "dev", log.now).version == 1


@pytest.mark.parametrize("which", ["register", "train", "ingest"])
def test_a_revoked_model_or_input_is_not_loaded(which: str) -> None:
    """Revoking the statement about a data set stops every model that rests on it."""
    log, made = _live()
    log.revoke(made[which].digest)
    refusal = _refusal(log.evidences)
    assert (type(refusal), refusal.finding) == (Refused, "LG514")


def test_a_revoked_manifest_is_not_loaded() -> None:
    """The usual revocation, by manifest; another model's changes nothing."""
    log, made = _live()
    log.revoke(blob("another"))
    assert load_decision(log.evidences, "dev", log.now).version == 1
    log.revoke(made["register"].statement.subjects[0].digest)
    assert _refusal(log.evidences).finding == "LG514"


def test_a_deployment_from_the_future_waits(log: Chronicle) -> None:
    """A clock that runs ahead by minutes is forgiven, by hours it is not."""
    assert load_decision(log.evidences, "dev", log.now - timedelta(minutes=2)).version == 1
    with pytest.raises(Refused) as no:
        load_decision(log.evidences, "dev", log.now - timedelta(hours=2))
    assert no.value.finding == "LG525"


def test_environments_and_names_are_apart(log: Chronicle) -> None:
    """What is live in dev is not live in prod; with two models the caller says which."""
    assert _refusal(log.evidences, "prod").finding == "LG520"
    log.deploy(log.model("b", name="delays"))
    with pytest.raises(Usage) as no:
        load_decision(log.evidences, "dev", log.now)
    assert no.value.finding == "LG503"
    assert load_decision(log.evidences, "dev", log.now, name="delays").name == "delays"


@pytest.mark.parametrize(
    "changes",
    [
        {"sequence": 1},
        {"sequence": 4},
        {"predecessor": None},
        {"predecessor": blob("fork")},
    ],
)
def test_a_gap_a_replay_or_a_fork_in_the_chain_stops(changes: dict[str, Any]) -> None:
    """The third deployment must be number 3 and follow the second."""
    log = Chronicle()
    log.policy()
    models = [log.model(seed, version=n) for n, seed in enumerate("abc", 1)]
    log.deploy(models[0])
    log.deploy(models[1])
    assert load_decision(log.evidences, "dev", log.now).version == 2
    log.deploy(models[2], **changes)
    assert _refusal(log.evidences).finding == "LG521"


def test_a_deployment_left_out_of_the_middle_is_noticed() -> None:
    """The chain names its predecessor, so no link can be missing."""
    log = Chronicle()
    log.policy()
    models = [log.model(seed, version=n) for n, seed in enumerate("abc", 1)]
    deployed = [log.deploy(model) for model in models]
    assert len(chain("dev", "flights", log.evidences)) == 3
    assert _refusal(log.without(deployed[1])).finding == "LG521"


def _moved_by_guard(**changes: Any) -> Chronicle:
    log = Chronicle()
    log.policy()
    one, two = log.model("a", version=1), log.model("b", version=2)
    summary = log.summary(one)
    log.deploy(one, summary=summary)
    log.deploy(two)
    log.deploy(one, summary=summary, role="guard", **{"move": "down", **changes})
    return log


def test_the_guard_may_go_down() -> None:
    """Back to the earlier version that a deployer had made live: what the online key is for."""
    log = _moved_by_guard()
    found = current("dev", "flights", log.evidences)
    assert found is not None
    assert (found.version, found.evidence.role) == (1, "guard")
    assert load_decision(log.evidences, "dev", log.now).version == 1


def _guard_up(log: Chronicle, one: Any, two: Any) -> None:
    log.deploy(two, role="guard", move="down")


def _guard_first(log: Chronicle, one: Any, two: Any) -> None:
    log.deploy(one, "prod", role="guard", move="down")


@pytest.mark.parametrize("changes", [{"move": "up"}, {"vsa": blob("own summary")}, {"floor": 2}])
def test_the_guard_may_do_nothing_else(changes: dict[str, Any]) -> None:
    """Not up, not by a summary of its own, not with another floor."""
    refusal = _refusal(_moved_by_guard(**changes).evidences)
    assert refusal.finding in {"LG522", "LG515"}


@pytest.mark.parametrize("versions", [(1,), (1, 2), (1, 1)], ids=["the first", "to a higher one", "to the same one"])
def test_what_says_that_it_moves_down_does(versions: tuple[int, ...]) -> None:
    """Also by the deployer's key: LG526 for the last move, when it calls itself down; the honest one is read."""
    for move in ("up", "down"):
        log = Chronicle()
        log.policy()
        models = {version: log.model(str(version), version=version) for version in sorted(set(versions))}
        for version in versions[:-1]:
            log.deploy(models[version])
        log.deploy(models[versions[-1]], move=move)
        if move == "up":
            assert chain("dev", "flights", log.evidences)[-1].version == versions[-1]
        else:
            assert _refusal(log.evidences).finding == "LG526"


@pytest.mark.parametrize("move", [_guard_up, _guard_first])
def test_the_guard_cannot_raise_or_begin(move: Callable[..., None]) -> None:
    """A version never live before, or the first of an environment, needs the deployer's key."""
    log = Chronicle()
    log.policy()
    one, two = log.model("a", version=1), log.model("b", version=2)
    log.deploy(one)
    move(log, one, two)
    environment = log.evidences[-1].predicate["environment"]
    assert _refusal(log.evidences, environment).finding == "LG522"


def test_nothing_goes_below_the_floor_and_the_floor_never_sinks() -> None:
    """Raising the floor takes a deployer's statement; afterwards older versions are out."""
    log = Chronicle()
    log.policy()
    one, two = log.model("a", version=1), log.model("b", version=2)
    log.deploy(one)
    log.deploy(two, floor=2)
    assert load_decision(log.evidences, "dev", log.now).version == 2
    for floor in (2, 1):
        again = Chronicle(list(log.evidences), log.now)
        again.deploy(one, move="down", floor=floor)
        assert _refusal(again.evidences).finding == "LG515"


@pytest.mark.parametrize(
    "changes",
    [
        {"version": "1"},
        {"version": True},
        {"version": 2**31 + 1},
        {"floor": 2**31 + 1},
        {"share": 2},
        {"share": True},
        {"move": "sideways"},
        {"sequence": 0},
        {"manifest": "sha256:zz"},
        {"manifest": blob("another")},
        {"rung": ""},
    ],
)
def test_a_malformed_deployment_stops(changes: dict[str, Any]) -> None:
    """Signed nonsense is a finding with the field's name, never a traceback."""
    log, made = _live()
    assert _refusal(log.changed(made["deploy"], with_predicate(**changes))).finding == "LG526"


@pytest.mark.parametrize(
    "changes",
    [
        {"files": []},
        {"files": [{"name": "../x", "sha256": "0" * 64, "size": 1}]},
        {"files": [{"name": "x", "sha256": "0", "size": 1}]},
        {"files": [{"name": "x", "sha256": "0" * 64, "size": 1}] * 2},
        {"files": ["x"]},
        {"inputs": {}},
        {"name": "latest"},
        {"name": "../x"},
        {"version": 2**31 + 1},
        {"manifest": None},
    ],
)
def test_a_malformed_registration_stops(changes: dict[str, Any]) -> None:
    """The same for a registration; a file name that leads out of its folder is malformed."""
    log, made = _live()
    assert _refusal(log.changed(made["register"], with_predicate(**changes))).finding == "LG526"
