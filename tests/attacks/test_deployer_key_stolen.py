"""The deployer's key in the wrong hands, with the sealer's: what other people had to say is still needed.

The thief signs that the policy was met, and moves models. Whoever loads asks again for approvals, waivers, the policy
of the time, the floor and the order of moves.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lockgate.audit.deployments import current
from lockgate.audit.entries import Registration, registrations
from lockgate.audit.evidence import Evidence
from lockgate.audit.ledger import Ledger
from lockgate.audit.load import LoadDecision, load_decision
from lockgate.core.digest import Digest, digest_of
from lockgate.core.verdict import Verdict
from lockgate.deploy.run import deploy
from lockgate.deploy.spec import DeploySpec
from lockgate.deploy.statements import deployment_statement, summary_statement, waiver_statement
from lockgate.deploy.words import approve, waive
from lockgate.errors import LockgateError
from lockgate.trust.policy import Policy
from tests.support.project import POLICY, SignedProject, register_here, signed_project
from tests.support.thief import other_spelling, resealed, signed

STRICT = 'approvals = 1\nenforce = "enforce"'


class Scene:
    """A project with two registered models, of which the first is live in dev; forks of its log are read."""

    def __init__(self, project: SignedProject, folder: Path) -> None:
        self.project = project
        self.folder = folder
        self.log: list[Evidence] = project.ledger.statements()
        self.one, self.two = registrations(self.log)
        self.count = 0

    def sign(self, role: str, statement: Any) -> bytes:
        """As the thief does: without asking whether it is right."""
        return signed(statement, self.project.keyring.signer(role))

    def move(
        self,
        registration: Registration,
        environment: str = "prod",
        *,
        rests_on: dict[str, Digest] | None = None,
        summary: Digest | None = None,
        policy: Digest | None = None,
        **changes: Any,
    ) -> list[bytes]:
        """A summary that says PASSED, and a deployment; with `summary`: the deployment under that one alone."""
        made = self.sign(
            "deployer",
            summary_statement(
                registration,
                environment,
                policy=policy or self.project.policy.digest,
                inputs={"register": registration.evidence.digest, **registration.inputs, **(rests_on or {})},
                verdict=Verdict(),
                version="0",
                now=self.project.clock(),
            ),
        )
        given = {"rung": "live", "floor": 1, "reason": "", "before": None, **changes}
        before = given.pop("before")
        statement = deployment_statement(
            registration,
            environment,
            () if before is None else (before,),
            summary=summary or digest_of(made),
            now=self.project.clock(),
            **given,
        )
        moved = self.sign("deployer", statement)
        return [moved] if summary else [made, moved]

    def read(self, more: list[bytes], environment: str = "prod") -> LoadDecision:
        """What a reader loads when the thief has sealed `more` after the log."""
        self.count += 1
        envelopes = [*(one.envelope for one in self.log), *more]
        times = [one.time for one in self.log] + [self.project.clock() for _ in more]
        ledger: Ledger = resealed(self.project, self.folder / f"fork-{self.count}", envelopes, times)
        return load_decision(ledger.statements(), environment, self.project.clock())

    def finding(self, more: list[bytes], environment: str = "prod") -> str:
        """The finding with which a reader refuses; "" when it loads."""
        try:
            self.read(more, environment)
        except LockgateError as no:
            return no.finding
        return ""


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Both approved for dev only; the second approved for prod; one waiver, for dev."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("stolen")
        project = signed_project(folder, patch)
        for seed in (1.0, 2.0):
            project.candidate(seed)
            register_here(project, patch)
        approve(project.workplace("prod"), "flights@2", "prod")
        until = (project.clock() + timedelta(days=1)).replace(microsecond=0)
        waive(project.workplace("dev"), "LG434", "dev", reason="try", expires=until)
        deploy(project.workplace("dev"), DeploySpec("flights@1", "dev"))
        yield Scene(project, folder)


def _said(scene: Scene, claim: str) -> Evidence:
    return [one for one in scene.log if one.claim == claim][-1]


def test_an_approved_model_is_loaded(scene: Scene) -> None:
    """The positive control: with the approval that the policy asks for, the same move is a move."""
    approval = {"approve/1": _said(scene, "approve").digest}
    assert scene.read(scene.move(scene.two, rests_on=approval)).version == 2


def test_no_summary_stands_for_an_approval(scene: Scene) -> None:
    """None, another model's, another environment's, or one that was never given."""
    approval = {"approve/1": _said(scene, "approve").digest}
    assert scene.finding(scene.move(scene.two)) == "LG535"
    assert scene.finding(scene.move(scene.one, rests_on=approval)) == "LG535"
    assert scene.finding(scene.move(scene.one, rests_on={"approve/1": Digest("sha256:" + "0" * 64)})) == "LG527"


def test_a_summary_is_not_used_again(scene: Scene) -> None:
    """Dev's in prod; one of before a policy that is stricter; the old move under a new number."""
    dev = _said(scene, "promote")
    assert scene.finding(scene.move(scene.one, summary=dev.digest)) == "LG523"
    stricter = Policy.from_text(POLICY.replace("version = 1", "version = 2").replace("approvals = 0", STRICT))
    newer = scene.sign("policy", stricter.statement(scene.project.clock()))
    made = scene.move(scene.two, "dev", before=_deployment(scene))
    assert scene.finding(made, "dev") == ""
    assert scene.finding([made[0], newer, made[1]], "dev") == "LG524"
    assert scene.finding([newer, *made], "dev") == "LG524"
    late = [made[0], newer, made[1]]
    back = scene.move(scene.two, "dev", before=_last(scene, late), summary=digest_of(made[0]))
    assert scene.finding([*late, *back], "dev") == "LG524", "a move that only seems to return"
    under = scene.move(scene.two, "dev", before=_deployment(scene), policy=stricter.digest)
    assert scene.finding([newer, *under], "dev") == "LG535"


def test_moves_are_neither_replayed_nor_left_out(scene: Scene) -> None:
    """A first move again, a gap, a fork, the same move in another spelling of its signature."""
    before = _deployment(scene)
    moved = _said(scene, "deploy")
    assert scene.finding(scene.move(scene.two, "dev"), "dev") == "LG521"
    first = scene.move(scene.two, "dev", before=before)
    assert scene.finding([*first, *scene.move(scene.one, "dev", before=before)], "dev") == "LG521"
    assert scene.finding([other_spelling(moved.envelope)], "dev") == "LG753"


def test_the_floor_does_not_sink(scene: Scene) -> None:
    """Raised to 2 by a move, then a move that states 1, and one of version 1."""
    before = _deployment(scene)
    raised = scene.move(scene.two, "dev", before=before, floor=2)
    assert scene.read(raised, "dev").deployment.floor == 2
    after = scene.read(raised, "dev").deployment
    assert scene.finding([*raised, *scene.move(scene.two, "dev", before=after, floor=1)], "dev") == "LG515"
    assert scene.finding([*raised, *scene.move(scene.one, "dev", before=after, floor=2)], "dev") == "LG515"
    assert scene.finding([*raised, *scene.move(scene.two, "dev", before=after, floor=2)], "dev") == ""


def test_no_waiver_reaches_further_than_it_was_given(scene: Scene) -> None:
    """Dev's in prod; one of 31 days; one of the future; one that nothing may waive: also with the approver's key."""
    now, approval = scene.project.clock(), {"approve/1": _said(scene, "approve").digest}
    dev = {"waive/1": _said(scene, "waive").digest}
    assert scene.finding(scene.move(scene.two, rests_on=approval | dev)) == "LG519"
    for finding, given, days, expected in (
        ("LG434", now, 29, ""),
        ("LG434", now, 31, "LG519"),
        ("LG434", now + timedelta(days=5), 29, "LG519"),
        ("LG512", now, 5, "LG519"),
        ("LG434", now - timedelta(days=5), 4, "LG518"),
    ):
        statement = waiver_statement(
            "prod",
            finding,
            None,
            policy=scene.project.policy.digest,
            reason="stolen",
            expires=given + timedelta(days=days),
            now=given,
        )
        waiver = scene.sign("approver", statement)
        rests_on = approval | {"waive/1": digest_of(waiver)}
        assert scene.finding([waiver, *scene.move(scene.two, rests_on=rests_on)]) == expected


@pytest.fixture(scope="module")
def poor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Two models, approved for prod: of the first the metric is out of bounds; for it there is a waiver, unused yet."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("poor")
        project = signed_project(folder, patch)
        for seed, auc in ((1.0, 0.1), (2.0, 0.8)):
            project.candidate(seed, auc=auc)
            register_here(project, patch)
            approve(project.workplace("prod"), f"flights@{seed:.0f}", "prod")
        until = (project.clock() + timedelta(days=7)).replace(microsecond=0)
        waive(project.workplace("prod"), "LG434", "prod", reason="try", expires=until, ref="flights@1")
        yield Scene(project, folder)


def test_no_summary_stands_for_a_fact(poor: Scene) -> None:
    """The waiver is named, or the model is not loaded: leaving it out does not prolong it, nor does another one."""
    one, two = ({"approve/1": said.digest} for said in poor.log if said.claim == "approve")
    waived = {"waive/1": _said(poor, "waive").digest}
    assert poor.read(poor.move(poor.one, rests_on=one | waived)).until is not None
    assert poor.read(poor.move(poor.two, rests_on=two)).until is None
    assert poor.finding(poor.move(poor.one, rests_on=one)) == "LG536"
    assert poor.finding(poor.move(poor.one, rests_on=one | {"waive/1": two["approve/1"]})) == "LG536"


def test_no_summary_is_dated_back(poor: Scene) -> None:
    """Prod takes nothing older than 30 days: what was too old when it was sealed was too old, whatever is signed."""
    two = [{"approve/1": said.digest} for said in poor.log if said.claim == "approve"][1]
    honest = poor.move(poor.two, rests_on=two)
    assert poor.finding(honest) == ""
    now = poor.project.clock.now
    try:
        poor.project.clock.now = now + timedelta(days=40)
        assert poor.finding(honest) == "LG536", "sealed 40 days later than it says"
        assert poor.finding(poor.move(poor.two, rests_on=two)) == "LG536"
    finally:
        poor.project.clock.now = now


def _deployment(scene: Scene) -> Any:
    return current("dev", "flights", scene.log)


def _last(scene: Scene, more: list[bytes]) -> Any:
    """The newest move in dev of a fork, which no reader would load."""
    scene.count += 1
    envelopes = [*(one.envelope for one in scene.log), *more]
    times = [scene.project.clock() for _ in envelopes]
    ledger = resealed(scene.project, scene.folder / f"fork-{scene.count}", envelopes, times)
    return current("dev", "flights", ledger.statements())
