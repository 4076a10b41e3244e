"""No statement of the chain can be removed, or swapped for another project's: the next stage stops.

Each attack is written against a whole signed project, with the attacker's hands in its `.lockgate` folder or
with another project's keys, and each has its positive control: the untouched project goes on.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lockgate.audit.evidence import Evidence
from lockgate.audit.load import load_decision
from lockgate.core.digest import Digest
from lockgate.deploy.run import deploy
from lockgate.deploy.spec import DeploySpec
from lockgate.deploy.words import approve
from lockgate.errors import LockgateError, Refused, VerificationFailed
from tests.support.project import SignedProject, register_here, signed_project

STAGES = ["ingest", "validate", "train", "judge"]
CHAIN = ["roles", "policy", *STAGES, "scan", "register", "approve", "promote", "deploy"]


@pytest.fixture(name="mine")
def _mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SignedProject:
    return _finished(tmp_path, monkeypatch, "mine")


@pytest.fixture(name="theirs")
def _theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SignedProject:
    """Another project, sound in itself, about the very same data and model."""
    return _finished(tmp_path, monkeypatch, "theirs")


def _finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> SignedProject:
    project = signed_project(tmp_path, monkeypatch, name)
    project.candidate()
    register_here(project, monkeypatch)
    approve(project.workplace(), "flights", "prod")
    deploy(project.workplace(), DeploySpec("flights", "prod"))
    return project


def _said(project: SignedProject, claim: str) -> Evidence:
    return project.ledger.statements(claim)[0]


def _blob(project: SignedProject, digest: Digest) -> Path:
    return project.registry.blobs.path(digest)


def _loads(project: SignedProject) -> int:
    """What the gateway does when it starts."""
    return load_decision(project.open_ledger().statements(), "prod", project.clock()).version


def test_untouched_projects_load(mine: SignedProject, theirs: SignedProject) -> None:
    """The positive control of everything below."""
    assert [one.claim for one in mine.ledger.statements()] == CHAIN
    assert (_loads(mine), _loads(theirs)) == (1, 1)


@pytest.mark.parametrize("claim", CHAIN)
def test_a_statement_removed_from_the_folder_stops_everything(mine: SignedProject, claim: str) -> None:
    """The log names it by digest, so its absence cannot be overlooked."""
    _blob(mine, _said(mine, claim).digest).unlink()
    with pytest.raises(VerificationFailed) as no:
        _loads(mine)
    assert no.value.finding == "LG805"


@pytest.mark.parametrize("claim", CHAIN)
def test_a_statement_swapped_for_another_projects_stops_everything(
    mine: SignedProject, theirs: SignedProject, claim: str
) -> None:
    """Well signed, by the same role, about the same bytes, by another project's key: it is not the one logged."""
    path = _blob(mine, _said(mine, claim).digest)
    path.unlink()
    path.write_bytes(_said(theirs, claim).envelope)
    with pytest.raises(VerificationFailed) as no:
        _loads(mine)
    assert no.value.finding == "LG802"


@pytest.mark.parametrize("claim", [claim for claim in CHAIN if claim != "roles"])
def test_another_projects_statement_cannot_be_appended(mine: SignedProject, theirs: SignedProject, claim: str) -> None:
    """Not even with this project's own sealer at hand: its roles file does not know the key."""
    with pytest.raises(VerificationFailed) as no:
        mine.ledger.append(_said(theirs, claim).envelope)
    assert no.value.finding == "LG813"


def test_another_projects_roles_cannot_be_appended(mine: SignedProject, theirs: SignedProject) -> None:
    """A roles file follows only from the root before it."""
    with pytest.raises(VerificationFailed):
        mine.ledger.append(_said(theirs, "roles").envelope)


def test_another_projects_whole_folder_is_not_this_project(mine: SignedProject, theirs: SignedProject) -> None:
    """Sound in itself, but the user pinned another root."""
    shutil.rmtree(mine.home)
    shutil.copytree(theirs.home, mine.home)
    with pytest.raises(VerificationFailed):
        _loads(mine)


@pytest.mark.parametrize("claim", STAGES)
def test_registration_stops_without_any_one_statement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, claim: str
) -> None:
    """The stage never ran, or its statement never reached the log: register names it."""
    project = signed_project(tmp_path, monkeypatch)
    project.candidate(skip=[claim])
    with pytest.raises(Refused) as no:
        register_here(project, monkeypatch)
    assert (no.value.finding, no.value.seen["claim"]) == ("LG401", claim)


@pytest.mark.parametrize("claim", STAGES)
def test_registration_stops_when_one_statement_is_about_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, claim: str
) -> None:
    """This project's own statement, own keys, own log: but about another model, so that the join breaks."""
    project = signed_project(tmp_path, monkeypatch)
    project.candidate(1.0)
    project.candidate(2.0, skip=[stage for stage in STAGES if stage != claim])
    with pytest.raises(Refused) as no:
        register_here(project, monkeypatch)
    assert no.value.finding == "LG402"


def _log_of(project: SignedProject, *, without: str) -> list[Evidence]:
    return [one for one in project.ledger.statements() if one.claim != without]


@pytest.mark.parametrize("claim", [claim for claim in CHAIN if claim != "roles"])
def test_the_loader_stops_without_any_one_statement(mine: SignedProject, claim: str) -> None:
    """Even were a log possible that had never heard of it: nothing that loads relies on its absence elsewhere."""
    with pytest.raises(LockgateError) as no:
        load_decision(_log_of(mine, without=claim), "prod", mine.clock())
    expected = {"policy": "LG524", "approve": "LG527", "promote": "LG523", "deploy": "LG520"}.get(claim, "LG443")
    assert no.value.finding == expected


@pytest.mark.parametrize("claim", ["policy", "ingest", "validate", "train", "judge", "scan", "register", "approve"])
def test_deployment_stops_without_any_one_statement(
    mine: SignedProject, monkeypatch: pytest.MonkeyPatch, claim: str
) -> None:
    """The same for the stage before: with one statement hidden, no second environment opens, or it says so."""
    hidden = _log_of(mine, without=claim)
    shown = [one for one in hidden if one.claim not in ("promote", "deploy")]
    monkeypatch.setattr(mine.ledger, "statements", lambda: shown)
    with pytest.raises(LockgateError) as no:
        deploy(mine.workplace(), DeploySpec("flights", "prod"))
    expected = {"policy": "LG524", "approve": "LG511", "register": "LG502"}.get(claim, "LG443")
    assert no.value.finding == expected


def test_a_key_of_another_role_cannot_say_it(mine: SignedProject) -> None:
    """The validator's own key under a train statement: refused when it is signed, and when it is appended."""
    trained = _said(mine, "train").statement
    with pytest.raises(VerificationFailed) as no:
        mine.keyring.signer("validator").sign(trained)
    assert no.value.finding == "LG817"
