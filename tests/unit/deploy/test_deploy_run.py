"""Deployment end to end on a signed project: the gate, approvals, revocation, floor, rollback, status."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lockgate.audit.entries import registrations
from lockgate.audit.evidence import Evidence
from lockgate.audit.load import load_decision
from lockgate.core.digest import from_hex
from lockgate.core.moments import rfc3339
from lockgate.deploy.revoking import revoke
from lockgate.deploy.rollback import rollback
from lockgate.deploy.run import deploy
from lockgate.deploy.spec import DeploySpec
from lockgate.deploy.statements import approval_statement
from lockgate.deploy.status import status
from lockgate.deploy.words import approve
from lockgate.errors import LockgateError, Refused, Usage, VerificationFailed
from lockgate.store.oci import parse_manifest
from tests.support.project import POLICY, SignedProject, register_here, signed_project
from tests.support.thief import said_anew, seal_anyway


@pytest.fixture(name="project")
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SignedProject:
    project = signed_project(tmp_path, monkeypatch)
    project.candidate(1.0)
    register_here(project, monkeypatch)
    return project


@pytest.fixture(name="two")
def _two(project: SignedProject, monkeypatch: pytest.MonkeyPatch) -> SignedProject:
    """Version 1 was live, version 2 is."""
    deploy(project.workplace(), DeploySpec("flights@1", "dev"))
    project.candidate(2.0)
    register_here(project, monkeypatch)
    deploy(project.workplace(), DeploySpec("flights@2", "dev"))
    return project


def _live(project: SignedProject, environment: str = "dev") -> int:
    return load_decision(project.open_ledger().statements(), environment, project.clock()).version


def _claims(project: SignedProject) -> list[str]:
    return [one.claim for one in project.ledger.statements()]


def test_the_first_model_goes_live_in_dev(project: SignedProject) -> None:
    """A summary and a deployment statement, in this order, and a loader that opens the log anew loads it."""
    result = deploy(project.workplace(), DeploySpec("latest", "dev", reason="first"))
    assert (result.ref, result.cached, result.deployment.sequence) == ("flights@1", False, 1)
    assert (result.deployment.predecessor, result.deployment.move, result.deployment.reason) == (None, "up", "first")
    assert _claims(project)[-2:] == ["promote", "deploy"]
    summary = project.ledger.statements("promote")[0].predicate
    assert summary["resourceUri"] == "urn:lockgate:environment:dev:flights"
    assert summary["verificationResult"] == "PASSED"
    assert summary["policy"]["digest"]["sha256"] == project.policy.digest.removeprefix("sha256:")
    assert [entry["name"] for entry in summary["inputAttestations"]] == [
        "register",
        "ingest",
        "validate",
        "train",
        "judge",
        "scan",
    ]
    assert _live(project) == 1


def test_what_is_live_is_not_deployed_again(project: SignedProject) -> None:
    """The second time nothing is signed."""
    deploy(project.workplace(), DeploySpec("flights", "dev"))
    size = len(_claims(project))
    assert deploy(project.workplace(), DeploySpec("flights:live", "dev")).cached
    assert len(_claims(project)) == size


def test_the_chain_grows_by_one_and_names_the_one_before(two: SignedProject) -> None:
    """Sequence and predecessor of the second deployment."""
    first, second = two.ledger.statements("deploy")
    assert (second.predicate["sequence"], second.predicate["predecessor"]) == (2, first.digest)
    assert _live(two) == 2


def test_prod_needs_an_approval(project: SignedProject) -> None:
    """Refused with the command that gives one, and the refusal is in the log; approved, it goes live."""
    with pytest.raises(Refused) as no:
        deploy(project.workplace(), DeploySpec("flights", "prod"))
    assert (no.value.finding, no.value.next) == ("LG511", "lockgate approve flights@1 --env prod")
    assert any("LG512" in str(reason) for reason in no.value.seen["reasons"])  # type: ignore[attr-defined]
    assert project.ledger.statements("promote")[-1].predicate["verificationResult"] == "FAILED"
    assert project.ledger.statements("deploy") == []

    assert approve(project.workplace(), "flights", "prod", "looks right").ref == "flights@1"
    assert deploy(project.workplace(), DeploySpec("flights", "prod")).verdict.result == "WARNED"
    assert _live(project, "prod") == 1


def test_an_approval_is_for_one_environment_and_one_model(
    project: SignedProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Approved for dev, or another version approved for prod: neither opens prod."""
    approve(project.workplace(), "flights@1", "dev")
    project.candidate(2.0)
    register_here(project, monkeypatch)
    approve(project.workplace(), "flights@2", "prod")
    with pytest.raises(Refused) as no:
        deploy(project.workplace(), DeploySpec("flights@1", "prod"))
    assert no.value.finding == "LG511"
    assert deploy(project.workplace(), DeploySpec("flights@2", "prod")).ref == "flights@2"


def test_the_trainers_own_approval_does_not_count_where_separation_is_enforced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One person with every key cannot pass such a gate: that is its point."""
    policy = POLICY.replace("approvals = 1", 'approvals = 1\nseparation = "enforce"')
    project = signed_project(tmp_path, monkeypatch, policy=policy)
    project.candidate()
    register_here(project, monkeypatch)
    approve(project.workplace(), "flights", "prod")
    with pytest.raises(Refused) as no:
        deploy(project.workplace(), DeploySpec("flights", "prod"))
    reasons = str(no.value.seen["reasons"])
    assert (no.value.finding, "LG513" in reasons, "LG512" in reasons) == ("LG511", True, True)


def test_evidence_that_is_too_old_is_refused_at_deployment(project: SignedProject) -> None:
    """Registered in time, deployed 40 days later: prod allows 30."""
    approve(project.workplace(), "flights", "prod")
    project.clock.now += timedelta(days=40)
    with pytest.raises(Refused) as no:
        deploy(project.workplace(), DeploySpec("flights", "prod"))
    assert "LG435" in str(no.value.seen["reasons"])


def test_a_revoked_model_cannot_be_approved_deployed_or_loaded(project: SignedProject) -> None:
    """One signed word, and every door is shut; the running one shuts when it next looks."""
    deploy(project.workplace(), DeploySpec("flights", "dev"))
    assert _live(project) == 1
    revoke(project.workplace(), "flights", "trained on stolen data")
    for act in (
        lambda: approve(project.workplace(), "flights", "prod"),
        lambda: deploy(project.workplace(), DeploySpec("flights", "dev")),
        lambda: deploy(project.workplace(), DeploySpec("flights", "prod")),
        lambda: _live(project),
    ):
        with pytest.raises(Refused) as no:
            act()
        assert no.value.finding == "LG514"


@pytest.mark.parametrize("name", ["model.onnx", "code/contract.py", "manifest", "signature", "config"])
def test_a_changed_byte_in_the_registry_stops_deployment(project: SignedProject, name: str) -> None:
    """Every file of the closure, its manifest, configuration and signature are read before anything is signed."""
    registered = project.ledger.statements("register")[0].predicate
    digests = {entry["name"]: from_hex(entry["sha256"]) for entry in registered["files"]}
    digests["manifest"] = registered["manifest"]["digest"]
    digests["signature"] = registered["signature"]["digest"]
    blobs = project.registry.blobs
    digests["config"] = parse_manifest(blobs.read(digests["manifest"])).config
    path = blobs.path(digests[name])
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(VerificationFailed):
        deploy(project.workplace(), DeploySpec("flights", "dev"))
    assert "promote" not in _claims(project)


@pytest.mark.parametrize(
    ("spec", "finding"),
    [
        (DeploySpec("flights", "dev", to="canary"), "LG510"),
        (DeploySpec("nothing", "dev"), "LG502"),
        (DeploySpec("flights@7", "dev"), "LG502"),
        (DeploySpec("flights", "staging"), "LG843"),
    ],
)
def test_what_does_not_exist_is_a_usage_error(project: SignedProject, spec: DeploySpec, finding: str) -> None:
    """No rung, no model, no environment of that name: exit 2 and nothing signed."""
    size = len(_claims(project))
    with pytest.raises(Usage) as no:
        deploy(project.workplace(), spec)
    assert (no.value.finding, len(_claims(project))) == (finding, size)


def test_the_floor_rises_by_a_deployers_statement_and_holds(two: SignedProject) -> None:
    """Raised to 2, version 1 can neither be deployed nor rolled back to, and the floor cannot sink."""
    result = deploy(two.workplace(), DeploySpec("flights@2", "dev", floor=2))
    assert (result.cached, result.deployment.floor) == (False, 2)
    for act in (
        lambda: deploy(two.workplace(), DeploySpec("flights@1", "dev")),
        lambda: deploy(two.workplace(), DeploySpec("flights@2", "dev", floor=1)),
        lambda: rollback(two.workplace(), "dev", "flights@1"),
    ):
        with pytest.raises(Refused) as no:
            act()
        assert no.value.finding == "LG515"
    with pytest.raises(Refused) as nothing:
        rollback(two.workplace(), "dev")
    assert nothing.value.finding == "LG531"


def test_rollback_returns_to_the_version_before(two: SignedProject) -> None:
    """One command, a move down, under the summary that opened that version's gate; then back up again."""
    result = rollback(two.workplace(), "dev", reason="alarm")
    said = two.ledger.statements("deploy")[-1].predicate
    first = two.ledger.statements("deploy")[0].predicate
    assert (said["version"], said["move"], said["vsa"], said["reason"]) == (1, "down", first["vsa"], "alarm")
    assert (result.target.claim, _live(two)) == ("register", 1)
    rollback(two.workplace(), "dev", "flights@2")
    assert _live(two) == 2


def test_rollback_never_leads_to_a_revoked_or_undeployed_version(
    two: SignedProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Named, they are refused; unnamed, they are passed over."""
    two.candidate(3.0)
    register_here(two, monkeypatch)
    for ref, finding in (("flights@3", "LG530"), ("flights@2", "LG530")):
        with pytest.raises(Refused) as no:
            rollback(two.workplace(), "dev", ref)
        assert no.value.finding == finding
    deploy(two.workplace(), DeploySpec("flights@3", "dev"))
    revoke(two.workplace(), "flights@2", "wrong")
    with pytest.raises(Refused) as revoked:
        rollback(two.workplace(), "dev", "flights@2")
    assert revoked.value.finding == "LG514"
    rollback(two.workplace(), "dev")
    assert _live(two) == 1


def test_rollback_where_nothing_is_live_is_refused(project: SignedProject) -> None:
    """And an environment that the policy does not know is a usage error."""
    with pytest.raises(Refused) as no:
        rollback(project.workplace(), "dev")
    assert no.value.finding == "LG520"
    with pytest.raises(Usage) as unknown:
        rollback(project.workplace(), "moon")
    assert unknown.value.finding == "LG843"


@pytest.mark.parametrize(
    ("stage", "left_behind"),
    [
        ("ingest", ["validate", "train", "judge", "register"]),
        ("validate", ["validate", "train", "judge", "register"]),
        ("train", ["train", "judge", "register"]),
        ("judge", ["judge"]),
        ("register", ["register"]),
    ],
)
def test_every_stage_can_go_back(two: SignedProject, stage: str, left_behind: list[str]) -> None:
    """One step back, or to a digest, a prefix, a log index; what does not fit the heads before it is stale."""
    first, second = two.ledger.statements(stage)
    result = rollback(two.workplace(), stage)
    assert (result.target, two.open_ledger().head(stage)) == (first, first)
    assert [one.stage for one in result.stale] == left_behind
    for how in (second.digest, second.digest[:15], str(second.index)):
        assert rollback(two.workplace(), stage, how).target == second
        assert two.ledger.head(stage) == second
        rollback(two.workplace(), stage, first.digest)


def test_a_stage_goes_back_only_to_what_it_said(two: SignedProject) -> None:
    """Unknown or foreign targets are usage errors; where it stands already, or at the first, it is refused."""
    judged = two.ledger.statements("judge")[0]
    for to in ("sha256:0000", judged.digest, "9999"):
        with pytest.raises(Usage) as no:
            rollback(two.workplace(), "train", to)
        assert no.value.finding == "LG502"
    second = two.ledger.statements("train")[1]
    with pytest.raises(Refused) as already:
        rollback(two.workplace(), "train", second.digest)
    rollback(two.workplace(), "train")
    with pytest.raises(Refused) as first:
        rollback(two.workplace(), "train")
    assert {already.value.finding, first.value.finding} == {"LG532"}


def test_register_after_a_stage_went_back_refuses_what_is_stale(
    two: SignedProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ingest rolled back: the training after it is no candidate. All rolled back: version 1 again, cached."""
    rollback(two.workplace(), "ingest")
    with pytest.raises(Refused) as no:
        register_here(two, monkeypatch)
    assert no.value.finding == "LG402"
    for stage in ("validate", "train", "judge"):
        rollback(two.workplace(), stage)
    result = register_here(two, monkeypatch)
    assert (result.ref, result.cached) == ("flights@1", True)


def test_status_says_what_is_live_and_what_is_stale(two: SignedProject) -> None:
    """The entry screen's facts; a revoked live model is shown with its finding."""
    found = status(two.workplace())
    assert [(one.environment, one.name, one.version, one.problem) for one in found.live] == [("dev", "flights", 2, "")]
    assert found.stale == ()
    rollback(two.workplace(), "validate")
    revoke(two.workplace(), "flights@2", "wrong")
    found = status(two.workplace())
    assert [one.stage for one in found.stale] == ["validate", "train", "judge", "register"]
    assert found.live[0].problem.startswith("LG514")


def _append(project: SignedProject, role: str, one: Evidence, **changes: Any) -> None:
    from dataclasses import replace

    project.record(role, replace(one.statement, predicate={**one.predicate, **changes}))


def test_the_guards_own_key_can_only_go_down(two: SignedProject) -> None:
    """With the real guard key: down to version 1 loads; anything up is refused before or after it is signed."""
    first, second = two.ledger.statements("deploy")
    down = {"sequence": 3, "predecessor": second.digest, "move": "down"}
    _append(two, "guard", first, **down)
    assert _live(two) == 1
    with pytest.raises(VerificationFailed) as at_signing:
        _append(two, "guard", second, sequence=4, predecessor=two.ledger.statements("deploy")[-1].digest)
    assert at_signing.value.finding == "LG817"
    up = {"sequence": 4, "predecessor": two.ledger.statements("deploy")[-1].digest, "move": "down"}
    with pytest.raises(Refused) as at_sealing:
        _append(two, "guard", second, **up)
    assert (at_sealing.value.finding, at_sealing.value.seen["because"]) == ("LG864", "LG522")
    seal_anyway(two, two.keyring.signer("guard").sign(said_anew(second, **up)))
    with pytest.raises(LockgateError) as at_loading:
        _live(two)
    assert at_loading.value.finding == "LG522"


def test_under_an_expired_roles_file_a_version_only_sinks(two: SignedProject) -> None:
    """Rolling back works without the root; approving, or deploying anew, waits for it (LG824), whatever it says."""
    registered = two.ledger.statements("register")[1]
    roles = replace(two.ledger.roles, version=2, time=two.clock(), expires=two.clock() + timedelta(hours=1))
    two.record("root", roles.statement())
    two.clock.now += timedelta(hours=2)
    up = said_anew(two.ledger.statements("deploy")[1], time=rfc3339(two.clock()), sequence=3, move="down")
    approval = approval_statement(registrations([registered])[0], "prod", reason="", now=two.clock())
    down = replace(approval, predicate={**approval.predicate, "move": "down"})
    for role, statement in (("deployer", up), ("approver", approval), ("approver", down)):
        with pytest.raises(Refused) as raised:
            two.record(role, statement)
        assert raised.value.finding == "LG824"
    rollback(two.workplace(), "dev")
    assert _live(two) == 1


def test_a_replayed_deployment_stops_the_loader(two: SignedProject) -> None:
    """The deployer's old word, signed again, is no new deployment."""
    first = two.ledger.statements("deploy")[0]
    with pytest.raises(Refused) as at_sealing:
        _append(two, "deployer", first)
    assert at_sealing.value.finding == "LG753"
    seal_anyway(two, two.keyring.signer("deployer").sign(said_anew(first, reason="again")))
    with pytest.raises(VerificationFailed) as no:
        _live(two)
    assert no.value.finding == "LG521"


class Killed(BaseException):
    """The process dies here."""


@pytest.mark.parametrize("after", range(2))
def test_a_kill_between_summary_and_deployment_is_mended_by_the_next_try(
    project: SignedProject, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """Nothing is live until the deployment statement is in the log; then everything is."""
    count = 0
    append = project.ledger.append

    def dying(envelope: bytes) -> Evidence:
        nonlocal count
        if count == after:
            raise Killed
        count += 1
        return append(envelope)

    with monkeypatch.context() as patch:
        patch.setattr(project.ledger, "append", dying)
        with pytest.raises(Killed):
            deploy(project.workplace(), DeploySpec("flights", "dev"))
    project.ledger = project.open_ledger()
    assert project.ledger.statements("deploy") == []
    assert deploy(project.workplace(), DeploySpec("flights", "dev")).deployment.sequence == 1
    assert _live(project) == 1
