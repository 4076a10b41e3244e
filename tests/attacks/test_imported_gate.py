"""A model that somebody else's server loads: what is said about it, and that it passes by persons' word only.

AML.T0010 (supply chain): a model that nobody here made, used where nobody let it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lockgate.audit.imports import Import
from lockgate.audit.refs import resolve
from lockgate.deploy.revoking import revoke
from lockgate.deploy.run import deploy
from lockgate.deploy.spec import DeploySpec
from lockgate.deploy.words import approve
from lockgate.errors import LockgateError
from lockgate.project.import_page import NOT_JAILED, import_page
from lockgate.project.importing import prove_import
from lockgate.project.materialize import materialize_model
from lockgate.project.reports import ModelReport
from lockgate.trust.policy import Policy
from tests.support.imports import huggingface, import_here, yes
from tests.support.project import POLICY, SignedProject, signed_project

SEPARATED = POLICY.replace("[environment.prod]\n", '[environment.prod]\nseparation = "enforce"\n')


@pytest.fixture(name="project")
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SignedProject:
    return signed_project(tmp_path, monkeypatch)


@pytest.fixture(name="bert")
def _bert(project: SignedProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Import:
    return import_here(project, monkeypatch, huggingface(tmp_path / "bert"), confirm=yes).imported


def proved(project: SignedProject, one: Import, environment: str = "prod", policy: str = POLICY) -> ModelReport:
    """As `lockgate verify REF --env ENVIRONMENT`."""
    rules = Policy.from_text(policy).environment(environment)
    return prove_import(project.open_ledger(), one, project.clock(), policy=rules)


def refused(call: Callable[[], object]) -> str:
    """The finding with which `call` is refused."""
    with pytest.raises(LockgateError) as caught:
        call()
    return caught.value.finding


def test_its_page_says_whose_it_is(bert: Import) -> None:
    """Not jailed by Lockgate; what is proved, what is not, each file; in words and for machines."""
    page = import_page(bert, revoked=False)
    text = str(page.text())
    assert NOT_JAILED in text
    assert "does NOT prove" in text
    assert "model.safetensors" in text
    assert (page.as_json()["jailed"], bool(page.as_json()["not_proved"])) == (False, True)
    assert "REVOKED" in str(import_page(bert, revoked=True).text())
    assert all("deploy" not in command for command in page.following)


def test_it_passes_where_enough_persons_approved_it(project: SignedProject, bert: Import) -> None:
    """Nobody: refused, also where the policy asks for nobody. One: in that environment, and in no other."""
    assert refused(lambda: proved(project, bert)) == "LG407"
    assert refused(lambda: proved(project, bert, "dev")) == "LG407"
    done = approve(project.workplace("prod"), "bert@1", "prod", "we looked at it")
    assert (done.asked.missing, done.asked.persons) == (0, ("mara",))
    links = [link.box for link in proved(project, bert).links]
    assert links[-2:] == ["approve", "gate"]
    assert "no metric" in proved(project, bert).links[-1].text
    assert refused(lambda: proved(project, bert, "dev")) == "LG407"
    assert approve(project.workplace("prod"), "bert@1", "prod").cached


def test_who_imported_it_is_no_second_person(project: SignedProject, bert: Import) -> None:
    """Where the policy enforces separation; and two are two."""
    approve(project.workplace("prod"), "bert@1", "prod")
    assert refused(lambda: proved(project, bert, policy=SEPARATED)) == "LG407"
    assert refused(lambda: proved(project, bert, policy=POLICY.replace("approvals = 1", "approvals = 2"))) == "LG407"


def test_an_approval_is_for_these_bytes_and_can_be_taken_back(
    project: SignedProject, bert: Import, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next version needs its own; a revoked approval, and a revoked model, let nothing pass."""
    done = approve(project.workplace("prod"), "bert@1", "prod")
    other = import_here(project, monkeypatch, huggingface(tmp_path / "other", seed=2), confirm=yes).imported
    assert (other.ref, refused(lambda: proved(project, other))) == ("bert@2", "LG407")
    revoke(project.workplace("prod"), done.evidence.digest, "a mistake")
    assert refused(lambda: proved(project, bert)) == "LG407"
    approve(project.workplace("prod"), "bert@2", "prod")
    assert proved(project, other).ref == "bert@2"
    revoke(project.workplace("prod"), "bert@2", "a backdoor")
    assert refused(lambda: proved(project, other)) == "LG466"
    assert refused(lambda: approve(project.workplace("prod"), "bert@2", "prod")) == "LG466"


def test_our_own_gateway_never_loads_it(project: SignedProject, bert: Import) -> None:
    """Approved or not, it is deployed nowhere, and no REF of a served model names it."""
    approve(project.workplace("prod"), "bert@1", "prod")
    assert refused(lambda: deploy(project.workplace("prod"), DeploySpec("bert@1", "prod"))) == "LG468"
    for ref in ("bert", "bert@1", "bert:live"):
        assert refused(lambda ref=ref: resolve(ref, project.ledger.statements(), "prod")) == "LG468"  # type: ignore[misc]


def test_written_out_are_exactly_its_files(project: SignedProject, bert: Import, tmp_path: Path) -> None:
    """For the other server; a damaged blob is not written under its name."""
    materialize_model(bert, project.registry, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(file.name for file in bert.files)
    blob = project.registry.blobs.path(next(file.digest for file in bert.files if file.name == "model.safetensors"))
    blob.chmod(0o644)
    blob.write_bytes(b"other")
    assert refused(lambda: materialize_model(bert, project.registry, tmp_path / "again")) == "LG802"
    assert not (tmp_path / "again" / "model.safetensors").exists()
