"""Approvals, waivers, revocations and the floor on a signed project: who may, what it opens, and when it is over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from lockgate.audit.load import LoadDecision, load_decision
from lockgate.audit.waivers import NEVER
from lockgate.core.digest import Digest
from lockgate.deploy.revoking import end_waiver, revoke
from lockgate.deploy.rollback import rollback
from lockgate.deploy.run import deploy
from lockgate.deploy.spec import Asked, DeploySpec, Waived
from lockgate.deploy.status import status
from lockgate.deploy.words import approve, waive
from lockgate.errors import LockgateError
from lockgate.trust import signer as signers
from lockgate.trust.roles import KeyEntry
from lockgate.trust.signer import Signer
from tests.support.project import POLICY, SignedProject, register_here, signed_project

APART = POLICY.replace("approvals = 1", 'approvals = 1\nseparation = "enforce"')
TWO = POLICY.replace("approvals = 1", "approvals = 2")


@pytest.fixture(name="weak")
def _weak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SignedProject:
    """A registered and approved model whose metric is below what prod asks for."""
    project = signed_project(tmp_path, monkeypatch)
    project.candidate(auc=0.6)
    register_here(project, monkeypatch)
    approve(project.workplace("prod"), "flights", "prod")
    return project


def _finding(act: Callable[[], object]) -> str:
    with pytest.raises(LockgateError) as no:
        act()
    return no.value.finding


def _live(project: SignedProject, environment: str = "prod") -> LoadDecision:
    return load_decision(project.open_ledger().statements(), environment, project.clock())


def _deploy(project: SignedProject, ref: str = "flights", environment: str = "prod") -> str:
    return deploy(project.workplace(environment), DeploySpec(ref, environment)).verdict.result


def _waive(
    project: SignedProject, finding: str = "LG434", environment: str = "prod", days: float = 7, ref: str = ""
) -> Waived:
    until = (project.clock() + timedelta(days=days)).replace(microsecond=0)
    return waive(project.workplace(environment), finding, environment, reason="see #12", expires=until, ref=ref)


def _joins(project: SignedProject, monkeypatch: pytest.MonkeyPatch, **persons: Signer) -> None:
    """A further roles file, in which these persons hold approver's keys too."""
    before = project.ledger.roles
    more = {one.keyid: KeyEntry("approver", name.rstrip("_"), one.public) for name, one in persons.items()}
    keys = dict(sorted({**before.keys, **more}.items()))
    project.record("root", replace(before, version=before.version + 1, keys=keys, time=project.clock()).statement())


def _approve_as(project: SignedProject, monkeypatch: pytest.MonkeyPatch, key: Signer, ref: str = "flights") -> int:
    """Approve with another key; how many are missing then."""
    with monkeypatch.context() as patch:
        patch.setattr(project.keyring, "signer", lambda _role: key)
        patch.setattr(project.keyring, "public", lambda _role: key.public)
        return approve(project.workplace("prod"), ref, "prod").asked.missing


def test_a_waiver_opens_the_gate_for_its_time_and_shuts_it_again(weak: SignedProject) -> None:
    """Refused; waived, live, with the waiver in summary, reason and status; expired, refused; waived anew, live."""
    assert _finding(lambda: _deploy(weak)) == "LG511"
    waived = _waive(weak).waiver
    assert _deploy(weak) == "WARNED"
    summary = weak.ledger.statements("promote")[-1].predicate
    named = {each["name"]: each["digest"]["sha256"] for each in summary["inputAttestations"]}
    assert named["waive/1"] == waived.evidence.digest[7:]
    [reason] = [each for each in summary["reasons"] if each["finding"] == "LG434"]
    assert reason["level"] == "warn"
    assert "waived until 2026-11-30T09:" in reason["message"]
    assert "by mara: see #12" in reason["message"]
    assert _live(weak).until == waived.expires
    page = status(weak.workplace())
    assert (page.live[0].problem, page.live[0].waivers, page.waivers) == ("", (waived,), (waived,))

    weak.clock.now = waived.expires - timedelta(seconds=2)
    assert _live(weak).version == 1
    assert _finding(lambda: _live(weak)) == "LG518"
    assert _finding(lambda: _deploy(weak)) == "LG511"
    page = status(weak.workplace())
    assert (page.live[0].problem[:5], page.waivers) == ("LG518", ())
    _waive(weak)
    assert _deploy(weak) == "WARNED"
    assert (_live(weak).sequence, _live(weak).version) == (2, 1)


def test_a_longer_waiver_prolongs_what_is_live_by_another_deployment(weak: SignedProject) -> None:
    """With the same waiver nothing is signed again; with a longer one the next move rests on that."""
    first = _waive(weak, days=1).waiver
    _deploy(weak)
    size = len(weak.ledger.statements())
    assert deploy(weak.workplace(), DeploySpec("flights", "prod")).cached
    assert len(weak.ledger.statements()) == size
    longer = _waive(weak, days=20).waiver
    assert _live(weak).until == first.expires
    assert not deploy(weak.workplace(), DeploySpec("flights", "prod")).cached
    assert (_live(weak).sequence, _live(weak).until) == (2, longer.expires)
    assert deploy(weak.workplace(), DeploySpec("flights", "prod")).cached


def test_a_waiver_that_is_ended_ends_what_rests_on_it(weak: SignedProject) -> None:
    """`--end`: the model may not be answered from, though it is not revoked itself; another waiver opens it again."""
    waived = _waive(weak).waiver
    _deploy(weak)
    done = end_waiver(weak.workplace(), str(waived.evidence.index), "over")
    assert (done.hits, done.stopped) == ((), ("flights@1 in prod",))
    assert _finding(lambda: _live(weak)) == "LG514"
    assert _finding(lambda: _deploy(weak)) == "LG511"
    assert _finding(lambda: end_waiver(weak.workplace(), "0", "no waiver")) == "LG502"
    _waive(weak)
    _deploy(weak)
    assert _live(weak).sequence == 2


def test_a_waiver_is_for_its_environment_its_model_and_its_finding(
    weak: SignedProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One for dev, for another finding, for another model: none opens prod. The one for this model does."""
    weak.candidate(2.0, auc=0.6)
    register_here(weak, monkeypatch)
    _waive(weak, environment="dev")
    _waive(weak, "LG435")
    _waive(weak, ref="flights@2")
    assert _finding(lambda: _deploy(weak, "flights@1")) == "LG511"
    _waive(weak, ref="flights@1")
    assert _deploy(weak, "flights@1") == "WARNED"


def test_what_makes_evidence_evidence_is_never_waived(weak: SignedProject) -> None:
    """Missing or revoked evidence, approvals, separation, floor, verification: no waiver is signed for it."""
    before = len(weak.ledger.statements())
    for finding in (*NEVER, "LG443", "LG812", "LG518", "nonsense"):
        assert _finding(lambda finding=finding: _waive(weak, finding)) == "LG516"  # type: ignore[misc]
    assert len(weak.ledger.statements()) == before


def test_a_waiver_has_an_end_and_a_reason(weak: SignedProject) -> None:
    """30 days, no more; not in the past; not without a word why."""
    assert _finding(lambda: _waive(weak, days=31)) == "LG517"
    assert _finding(lambda: _waive(weak, days=-1)) == "LG517"
    soon = (weak.clock() + timedelta(days=1)).replace(microsecond=0)
    assert _finding(lambda: waive(weak.workplace(), "LG434", "prod", reason=" ", expires=soon)) == "LG533"
    assert _waive(weak, days=29.9).waiver.finding == "LG434"


def test_the_trainers_own_waiver_does_not_count_where_separation_is_enforced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What mara, who trained it, waives does not count; jo's word does."""
    project = signed_project(tmp_path, monkeypatch, policy=APART)
    jo = signers.generate("approver").within(project.created.project_id)
    _joins(project, monkeypatch, jo=jo)
    project.candidate(auc=0.6)
    register_here(project, monkeypatch)
    assert _approve_as(project, monkeypatch, jo) == 0
    _waive(project)
    assert _finding(lambda: _deploy(project)) == "LG511"
    with monkeypatch.context() as patch:
        patch.setattr(project.keyring, "signer", lambda _role: jo)
        _waive(project)
    assert _deploy(project) == "WARNED"


def test_two_approvals_are_two_persons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same key twice, another key of the same person: one person. Shown before each signature; jo is the second."""
    project = signed_project(tmp_path, monkeypatch, policy=TWO)
    second, jo = (signers.generate("approver").within(project.created.project_id) for _ in range(2))
    _joins(project, monkeypatch, mara_=second, jo=jo)
    project.candidate()
    register_here(project, monkeypatch)
    shown: list[Asked] = []
    first = approve(project.workplace("prod"), "flights", "prod", show=shown.append)
    assert (shown[0].persons, shown[0].missing, shown[0].verdict.result) == ((), 2, "FAILED")
    assert (first.asked.persons, first.asked.missing, first.cached) == (("mara",), 1, False)
    size = len(project.ledger.statements())
    assert approve(project.workplace("prod"), "flights", "prod").cached
    assert len(project.ledger.statements()) == size
    assert _approve_as(project, monkeypatch, second) == 1
    assert _finding(lambda: _deploy(project)) == "LG511"
    assert _approve_as(project, monkeypatch, jo) == 0
    assert _deploy(project) == "WARNED"
    assert _live(project).version == 1


def test_an_approval_counts_no_more_when_it_or_its_key_is_revoked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Withdrawn: what is live by it stops, and jo approves anew. By a key that was revoked: it opens nothing more."""
    project = signed_project(tmp_path, monkeypatch)
    jo = signers.generate("approver").within(project.created.project_id)
    _joins(project, monkeypatch, jo=jo)
    project.candidate()
    register_here(project, monkeypatch)
    _approve_as(project, monkeypatch, jo)
    _deploy(project)
    given = project.ledger.statements("approve")[-1]
    done = revoke(project.workplace(), given.digest, "mistaken")
    assert (done.hits, done.stopped) == ((), ("flights@1 in prod",))
    assert _finding(lambda: _live(project)) == "LG514"
    assert _finding(lambda: _deploy(project)) == "LG511"
    _approve_as(project, monkeypatch, jo)
    _deploy(project)
    assert _live(project).sequence == 2

    project.candidate(2.0)
    register_here(project, monkeypatch)
    _approve_as(project, monkeypatch, jo, "flights@2")
    before = project.ledger.roles
    gone = replace(before, version=before.version + 1, revoked={jo.keyid: "lost"}, time=project.clock())
    project.record("root", gone.statement())
    assert _finding(lambda: _deploy(project, "flights@2")) == "LG511"
    assert _live(project).version == 1, "what went live before stays, until its approval is revoked"


def test_a_poisoned_snapshot_takes_every_model_with_it_under_whatever_statement(
    weak: SignedProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An ingest statement is revoked: both models of that data fall, also that which took it in again; others stay."""
    weak.candidate(2.0)
    register_here(weak, monkeypatch)
    first = weak.ledger.statements("ingest")[0]
    weak.candidate(1.0, auc=0.9, model=None, refused_rows=2)
    register_here(weak, monkeypatch, "again")
    _deploy(weak, "again", "dev")
    _deploy(weak, "flights@2", "dev")
    done = revoke(weak.workplace(), str(first.index), "poisoned")
    assert [(hit.ref, hit.live_in) for hit in done.hits] == [("flights@1", ()), ("again@1", ("dev",))]
    statements = weak.open_ledger().statements()
    assert _finding(lambda: load_decision(statements, "dev", weak.clock(), name="again")) == "LG514"
    assert load_decision(statements, "dev", weak.clock(), name="flights").version == 2
    assert revoke(weak.workplace(), first.digest[:14], "poisoned, again").cached


def test_revoke_names_one_thing_that_can_be_revoked(weak: SignedProject) -> None:
    """Roles, policies and revocations are followed by newer ones; what names nothing, or has no reason, is refused."""
    assert _finding(lambda: revoke(weak.workplace(), "0", "x")) == "LG529"
    assert _finding(lambda: revoke(weak.workplace(), "1", "x")) == "LG529"
    assert _finding(lambda: revoke(weak.workplace(), "9999", "x")) == "LG502"
    assert _finding(lambda: revoke(weak.workplace(), "flights", "")) == "LG533"
    assert revoke(weak.workplace(), "flights@1", "x").hits[0].ref == "flights@1"
    last = weak.ledger.statements()[-1].index
    assert _finding(lambda: revoke(weak.workplace(), str(last), "x")) == "LG529"


def test_no_way_leads_below_the_floor(weak: SignedProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """Raised with version 2: no deployment, rollback, lower floor, nor the revocation of the move that raised it."""
    _deploy(weak, "flights@1", "dev")
    weak.candidate(2.0)
    register_here(weak, monkeypatch)
    raised = deploy(weak.workplace(), DeploySpec("flights@2", "dev", raise_floor=True)).deployment
    assert (raised.floor, status(weak.workplace()).live[0].floor) == (2, 2)
    assert _finding(lambda: _deploy(weak, "flights@1", "dev")) == "LG515"
    assert _finding(lambda: rollback(weak.workplace(), "dev")) == "LG531"
    assert _finding(lambda: rollback(weak.workplace(), "dev", "flights@1")) == "LG515"
    assert _finding(lambda: deploy(weak.workplace(), DeploySpec("flights@2", "dev", floor=1))) == "LG515"
    assert _finding(lambda: deploy(weak.workplace(), DeploySpec("flights@2", "dev", floor=3))) == "LG515"
    revoke(weak.workplace(), raised.evidence.digest, "raised by mistake")
    assert _finding(lambda: _live(weak, "dev")) == "LG514"
    assert _finding(lambda: _deploy(weak, "flights@1", "dev")) == "LG515"
    assert deploy(weak.workplace(), DeploySpec("flights@2", "dev")).deployment.floor == 2
    assert _live(weak, "dev").version == 2


def test_a_rollback_does_not_outlive_a_waiver(weak: SignedProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """Version 1 was live by a waiver: while it holds one may go back to it, afterwards not."""
    waived = _waive(weak).waiver
    _deploy(weak)
    weak.candidate(2.0)
    register_here(weak, monkeypatch)
    approve(weak.workplace("prod"), "flights@2", "prod")
    _deploy(weak, "flights@2")
    rollback(weak.workplace(), "prod")
    assert (_live(weak).version, _live(weak).until) == (1, waived.expires)
    rollback(weak.workplace(), "prod", "flights@2")
    weak.clock.now = waived.expires
    assert _live(weak).version == 2
    assert _finding(lambda: rollback(weak.workplace(), "prod", "flights@1")) == "LG518"
    assert _finding(lambda: rollback(weak.workplace(), "prod")) == "LG531"


def test_a_digest_that_names_a_model_is_no_statements(weak: SignedProject) -> None:
    """By its manifest's digest the model is revoked, not a statement."""
    manifest = Digest(weak.ledger.statements("register")[0].statement.subjects[0].digest)
    assert revoke(weak.workplace(), manifest, "x").what == "flights@1"
