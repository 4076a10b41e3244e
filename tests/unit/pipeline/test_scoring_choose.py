"""Which model may score a file: what a loader would load, or what the policy would let go live now."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lockgate.deploy.revoking import revoke
from lockgate.deploy.run import deploy
from lockgate.deploy.spec import DeploySpec
from lockgate.errors import LockgateError
from lockgate.pipeline.scoring.choose import Chosen, choose
from tests.support.project import SignedProject, register_here, signed_project


def _made(folder: Path, patch: pytest.MonkeyPatch) -> SignedProject:
    """Two versions: the first is live in dev, nothing in prod."""
    project = signed_project(folder, patch)
    for seed in (1.0, 2.0):
        project.candidate(seed)
        register_here(project, patch)
    deploy(project.workplace(), DeploySpec("flights@1", "dev"))
    return project


@pytest.fixture(name="project", scope="module")
def _project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SignedProject]:
    """For those who only ask."""
    with pytest.MonkeyPatch.context() as patch:
        yield _made(tmp_path_factory.mktemp("choose"), patch)


def _chosen(project: SignedProject, ref: str, environment: str = "dev") -> Chosen:
    return choose(project.ledger.statements(), ref, project.policy.environment(environment), project.clock())


def _refused(project: SignedProject, ref: str, environment: str = "dev") -> str:
    with pytest.raises(LockgateError) as caught:
        _chosen(project, ref, environment)
    return caught.value.finding


def test_what_is_live_and_what_may_go_live(project: SignedProject) -> None:
    """The rung in the record says which of the two it was."""
    assert (_chosen(project, "flights:live").registration.version, _chosen(project, "flights:live").rung) == (1, "live")
    assert (_chosen(project, "latest").registration.version, _chosen(project, "latest").rung) == (2, "registered")


def test_a_file_is_no_way_around_approvals(project: SignedProject) -> None:
    """The policy of prod asks for one: neither version may score there."""
    assert _refused(project, "flights@1", "prod") == "LG673"
    assert _refused(project, "flights:live", "prod") == "LG520"


def test_below_the_floor_or_revoked_nothing_is_scored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A version that cannot come back cannot come back as a file; what is revoked is, live or not."""
    project = _made(tmp_path, monkeypatch)
    deploy(project.workplace(), DeploySpec("flights@2", "dev", raise_floor=True))
    assert _chosen(project, "flights@2").rung == "live"
    assert _refused(project, "flights@1") == "LG515"
    for ref in ("flights@2", "flights@1"):
        revoke(project.workplace(), ref, "stolen data")
        assert _refused(project, ref) == "LG514"


def test_a_ref_that_fits_nothing(project: SignedProject) -> None:
    """As everywhere."""
    assert _refused(project, "nobody") == "LG502"
