"""Every statement of a live model, dropped, swapped, edited, said twice, moved, or said by somebody else: refused.

The log is written anew each time by somebody who holds the sealer's key and no other, for a reader who has seen no
log before: the strongest thief and the weakest reader. What this thief can forge is order, and what is left out, as
long as nobody has seen it; and no order makes a reader load anything else. Table: mutation -> finding.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from lockgate.audit.evidence import Evidence
from lockgate.audit.ledger import EVENTS, PREDICTIONS, Ledger
from lockgate.audit.load import LoadDecision, load_decision
from lockgate.audit.seen import SeenStore
from lockgate.core.digest import digest_of
from lockgate.core.statement import Statement, Subject, claim_uri
from lockgate.deploy.run import deploy
from lockgate.deploy.spec import DeploySpec
from lockgate.deploy.words import approve, waive
from lockgate.errors import LockgateError, VerificationFailed
from lockgate.trust import signer as signers
from lockgate.trust.authority import AUTHORITIES, ROLES
from lockgate.trust.dsse import Envelope
from lockgate.trust.roles import KeyEntry
from lockgate.trust.verifier import verify, verify_roles
from tests.support.project import POLICY, SignedProject, register_here, signed_project
from tests.support.thief import other_spelling, resealed, said_anew, seal_anyway, signed

CHAIN = (
    *("roles", "policy", "roles 2", "ingest", "validate", "train", "judge", "scan"),
    *("register", "waive", "approve", "promote", "deploy"),
)
"""Everything that a live model rests on, in the order of the log. The second roles file names the approver."""

BOUND = ("waive", "approve", "promote", "deploy")
INPUTS = ("ingest", "validate", "train", "judge", "scan")

DROPPED = {
    "roles": "LG756",
    "policy": "LG524",
    "roles 2": "LG813",
    **dict.fromkeys((*INPUTS, "register"), "LG443"),
    **dict.fromkeys(("waive", "approve"), "LG527"),
    "promote": "LG523",
    "deploy": "LG520",
}


@dataclass(frozen=True)
class Scene:
    """The victim's project, the log of it, and the same of another project about the same data."""

    mine: SignedProject
    theirs: SignedProject
    log: tuple[Evidence, ...]
    other: tuple[Evidence, ...]
    folder: Path

    @property
    def decision(self) -> LoadDecision:
        """What a reader loads when nothing was changed."""
        return load_decision(self.log, "prod", self.now)

    @property
    def now(self) -> datetime:
        """A moment after the last statement."""
        return self.log[-1].time + timedelta(minutes=1)

    def read(self, log: Sequence[bytes], times: Sequence[datetime] | None = None) -> LoadDecision:
        """What the weakest reader makes of a log that the thief wrote."""
        home = self.folder / f"fork-{next(_NUMBERS)}"
        ledger = resealed(self.mine, home, log, times or [one.time for one in self.log[:1]] * len(log))
        return load_decision(ledger.statements(), "prod", self.now)


_NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Both projects have a model live in prod, by an approval and a waiver of its metric."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("mutations")
        found = [_finished(folder, patch, name) for name in ("mine", "theirs")]
        logs = [tuple(project.ledger.statements()) for project in found]
        yield Scene(found[0], found[1], logs[0], logs[1], folder)


def _finished(folder: Path, patch: pytest.MonkeyPatch, name: str) -> SignedProject:
    project = signed_project(folder, patch, name)
    jo = signers.generate("approver").within(project.created.project_id)
    roles = project.created.roles
    keys = dict(sorted({**roles.keys, jo.keyid: KeyEntry("approver", "jo", jo.public)}.items()))
    second = replace(roles, version=2, keys=keys, time=project.clock())
    project.record("root", second.statement())
    project.candidate(auc=0.6)
    register_here(project, patch)
    until = project.clock() + timedelta(days=3)
    waive(project.workplace("prod"), "LG434", "prod", reason="the holiday", expires=until.replace(microsecond=0))
    with patch.context() as theirs:
        theirs.setattr(project.keyring, "signer", lambda _role: jo)
        theirs.setattr(project.keyring, "public", lambda _role: jo.public)
        approve(project.workplace("prod"), "flights", "prod")
    deploy(project.workplace("prod"), DeploySpec("flights", "prod"))
    return project


def _place(claim: str) -> int:
    return CHAIN.index(claim)


def _finding(act: Callable[[], object]) -> str:
    with pytest.raises(LockgateError) as no:
        act()
    return no.value.finding


def _edited(one: Evidence, statement: Statement) -> bytes:
    """The statement's own signatures under another text: all that a thief without the role's key can do."""
    return replace(Envelope.parse(one.envelope), payload=statement.payload()).encode()


def _envelopes(scene: Scene) -> list[bytes]:
    return [one.envelope for one in scene.log]


def test_the_untouched_log_loads_when_it_is_written_anew(scene: Scene) -> None:
    """The positive control of everything below: the same statements in the same order, sealed again."""
    assert tuple("roles 2" if i == 2 else one.claim for i, one in enumerate(scene.log)) == CHAIN
    assert (scene.decision.version, len(scene.decision.waivers)) == (1, 1)
    assert scene.read(_envelopes(scene)).manifest == scene.decision.manifest


@pytest.mark.parametrize("claim", CHAIN)
def test_dropped(scene: Scene, claim: str) -> None:
    """Whichever statement is left out, nothing is loaded."""
    left = [one for index, one in enumerate(_envelopes(scene)) if index != _place(claim)]
    assert DROPPED[claim] == _finding(lambda: scene.read(left))


@pytest.mark.parametrize("claim", CHAIN)
def test_swapped_for_another_projects(scene: Scene, claim: str) -> None:
    """Well signed, about the same bytes, by the same role of another project."""
    log = _envelopes(scene)
    log[_place(claim)] = scene.other[_place(claim)].envelope
    expected = {"roles": "LG823", "roles 2": "LG823"}.get(claim, "LG813")
    assert expected == _finding(lambda: scene.read(log))


@pytest.mark.parametrize("claim", CHAIN)
def test_replayed_to_another_subject(scene: Scene, claim: str) -> None:
    """The same words about another model."""
    one, log = scene.log[_place(claim)], _envelopes(scene)
    other = replace(one.statement, subjects=(Subject("another", digest_of(b"another")),))
    log[_place(claim)] = _edited(one, other)
    assert _finding(lambda: scene.read(log)) == "LG812"


@pytest.mark.parametrize("claim", BOUND)
def test_replayed_to_another_environment(scene: Scene, claim: str) -> None:
    """What was said for dev, written as if it were for prod; and for prod, presented in a place where dev is wanted."""
    one, log = scene.log[_place(claim)], _envelopes(scene)
    log[_place(claim)] = _edited(one, said_anew(one, environment="dev"))
    assert _finding(lambda: scene.read(log)) == "LG812"
    with pytest.raises(VerificationFailed) as no:
        verify(one.envelope, scene.mine.ledger.roles, environment="dev")
    assert no.value.finding == "LG819"


@pytest.mark.parametrize("claim", CHAIN)
def test_made_young(scene: Scene, claim: str) -> None:
    """A later time written into the statement."""
    one, log = scene.log[_place(claim)], _envelopes(scene)
    field = "timeVerified" if claim == "promote" else "time"
    log[_place(claim)] = _edited(one, said_anew(one, **{field: "2027-01-01T00:00:00Z"}))
    assert _finding(lambda: scene.read(log)) == "LG812"


@pytest.mark.parametrize("claim", CHAIN)
def test_an_unknown_predicate_or_claim(scene: Scene, claim: str) -> None:
    """Edited: the signature no longer fits. Signed by the role's own key: no claim, or not in that form."""
    one, log = scene.log[_place(claim)], _envelopes(scene)
    strange = replace(one.statement, predicate_type="https://example.com/strange/v1")
    log[_place(claim)] = _edited(one, strange)
    assert _finding(lambda: scene.read(log)) in {"LG812", "LG815", "LG816"}
    key = scene.mine.keyring.signer(one.role if claim != "approve" else "approver")
    unknown = replace(strange, predicate={"claim": claim_uri("bless")})
    misfit = replace(strange, predicate={"claim": claim_uri(one.claim)})
    roles = scene.mine.ledger.roles
    assert _finding(lambda: verify(signed(unknown, key), roles)) == "LG816"
    assert _finding(lambda: verify(signed(misfit, key), roles)) == "LG818"


@pytest.mark.parametrize("claim", CHAIN)
def test_said_twice(scene: Scene, claim: str) -> None:
    """The same envelope again, and the same signature in its other spelling, which has another digest."""
    one, log = scene.log[_place(claim)], _envelopes(scene)
    again = "LG822" if one.claim == "roles" else "LG753"
    assert _finding(lambda: scene.read([*log, one.envelope])) in {again, "LG753", "LG823"}
    turned = other_spelling(one.envelope)
    assert digest_of(turned) != one.digest
    assert _finding(lambda: scene.read([*log, turned])) in {again, "LG823"}


@pytest.mark.parametrize("claim", CHAIN)
def test_signed_by_every_role_that_may_not(scene: Scene, claim: str) -> None:
    """Root, each role and the sealer, off the diagonal; and a stranger."""
    one, roles = scene.log[_place(claim)], scene.mine.ledger.roles
    others = [role for role in ("root", *ROLES) if role not in AUTHORITIES[one.claim].roles]
    assert len(others) >= 10
    for role in others:
        envelope = signed(one.statement, scene.mine.keyring.signer(role))
        if one.claim == "roles":
            assert _finding(lambda e=envelope: verify_roles(e, roles)) == "LG823"  # type: ignore[misc]
        else:
            assert _finding(lambda e=envelope: verify(e, roles)) == "LG817"  # type: ignore[misc]
    stranger = signed(one.statement, scene.theirs.keyring.signer("signer"))
    assert _finding(lambda: verify(stranger, roles)) == "LG813"


@pytest.mark.parametrize("claim", CHAIN)
def test_signed_by_the_sealer_and_sealed(scene: Scene, claim: str) -> None:
    """The sealer's key can put it into the log, and signs it: nobody believes it."""
    one, log = scene.log[_place(claim)], _envelopes(scene)
    log[_place(claim)] = signed(one.statement, scene.mine.keyring.signer("sealer"))
    expected = "LG823" if one.claim == "roles" else "LG817"
    assert expected == _finding(lambda: scene.read(log))


@pytest.mark.parametrize("claim", CHAIN[1:])
@pytest.mark.parametrize("where", ["first", "last"])
def test_moved(scene: Scene, claim: str, where: str) -> None:
    """Order is all that the sealer's key can forge: a reader refuses, or loads exactly what it loaded before."""
    log = _envelopes(scene)
    moved = log.pop(_place(claim))
    log.insert(1 if where == "first" else len(log), moved)
    try:
        found = scene.read(log)
    except LockgateError as no:
        assert no.finding in {"LG443", "LG523", "LG524", "LG527", "LG535", "LG813", "LG823", "LG822"}  # noqa: PT017
    else:
        assert (found.manifest, found.summary.inputs) == (scene.decision.manifest, scene.decision.summary.inputs)


def test_moved_before_what_it_is_about(scene: Scene) -> None:
    """An approval is no approval before its model is registered, nor a summary after its deployment."""
    order = list(CHAIN)
    for claim, before, expected in (
        ("approve", "register", "LG535"),
        ("deploy", "promote", "LG523"),
        ("register", "judge", "LG443"),
        ("approve", "roles 2", "LG813"),
    ):
        log = _envelopes(scene)
        moved = log.pop(order.index(claim))
        log.insert(order.index(before), moved)
        assert expected == _finding(lambda log=log: scene.read(log))  # type: ignore[misc]


def test_a_leafs_time_makes_nothing_young(scene: Scene) -> None:
    """The sealer's word about time is not believed: the waiver has ended by what its signer said, not by a leaf."""
    log = _envelopes(scene)
    times = [scene.now + timedelta(days=3)] * len(log)
    home = scene.folder / "late"
    statements = resealed(scene.mine, home, log, times).statements()
    late = scene.now + timedelta(days=3)
    assert _finding(lambda: load_decision(statements, "prod", late)) == "LG518"
    assert [one.said_at for one in statements] == [one.said_at for one in scene.log]


def test_an_old_roles_file_does_not_come_back(scene: Scene) -> None:
    """Version 1 after version 2, also signed anew by the root."""
    log, first = _envelopes(scene), scene.log[0]
    again = signed(said_anew(first, time="2027-01-01T00:00:00Z"), scene.mine.keyring.signer("root"))
    assert _finding(lambda: scene.read([*log, again])) == "LG822"


def test_an_old_policy_does_not_come_back(scene: Scene) -> None:
    """Version 1 after version 2, signed anew by the policy's own key: what was live is refused, not looked at anew."""
    policy = scene.mine.policy
    second = type(policy).from_text(POLICY.replace("version = 1", "version = 2"))
    key = scene.mine.keyring.signer("policy")
    log = _envelopes(scene)
    newer = [signed(second.statement(scene.now), key), signed(policy.statement(scene.now + timedelta(seconds=1)), key)]
    assert scene.read([*log, newer[0]]).manifest == scene.decision.manifest
    assert _finding(lambda: scene.read([*log[:2], *newer, *log[2:]])) == "LG528"


def test_a_restored_backup_of_both_logs_is_older_than_what_was_seen(scene: Scene, tmp_path: Path) -> None:
    """`.lockgate` as it was before the last statement, sealed and whole; what was seen is kept outside."""
    root = scene.mine.created.project_id
    home = tmp_path / "project"
    shutil.copytree(scene.mine.home, home)
    backup = tmp_path / "backup"
    shutil.copytree(home / "log", backup)
    seen = SeenStore(tmp_path / "seen" / EVENTS)
    there = copy(scene.mine)
    there.home = home
    assert len(Ledger(home, root, seen=seen).statements()) == len(CHAIN)
    seal_anyway(there, signed(said_anew(scene.log[-1], reason="later"), scene.mine.keyring.signer("deployer")))
    Ledger(home, root, seen=seen)
    shutil.rmtree(home / "log")
    shutil.copytree(backup, home / "log")
    assert _finding(lambda: Ledger(home, root, seen=seen)) == "LG707"
    assert not (home / "log" / PREDICTIONS).exists()
