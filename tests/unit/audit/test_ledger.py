"""The event log read as evidence: what the sealer alone, or a repeated statement, cannot do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lockgate.audit.evidence import Leaf
from lockgate.audit.ledger import EVENTS, origin
from lockgate.audit.seal import Sealer
from lockgate.audit.workplace import Workplace
from lockgate.errors import LockgateError, Refused, VerificationFailed
from lockgate.project import Project

TOML = """[project]
name = "x"
[data]
sources = ["a.csv"]
contract = "contract.py:M"
label = "y"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with two entries: roles and policy."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    root = tmp_path / "project"
    root.mkdir()
    (root / "lockgate.toml").write_text(TOML)
    Project.create(root, person="mara")
    return Project.open(root)


def seal(place: Workplace, leaf: Leaf) -> None:
    """What a stolen sealer's key could do: append whatever leaf it likes."""
    signer = place.keyring.signer("sealer")
    Sealer(
        place.ledger.log_dir,
        origin=origin(place.ledger.root, EVENTS),
        sign=signer.sign_note,
        public_key=signer.public.raw,
    ).append([leaf.encode()])


def leaf_of(place: Workplace) -> Leaf:
    """The policy statement's own leaf."""
    one = place.ledger.statements("policy")[0]
    return Leaf("policy", one.digest, one.statement.predicate_type, len(one.envelope), one.time)


@pytest.mark.parametrize("changed", [{"claim": "judge"}, {"size": 1}, {"predicate_type": "x"}], ids=str)
def test_a_leaf_that_lies_about_its_statement_is_refused(project: Project, changed: dict[str, object]) -> None:
    """A sealed leaf that says something else than the signed statement it names: LG754."""
    with project.workplace() as place:
        # A new statement, stored but not logged: what is refused must be the lie, not a repetition.
        later = replace(place.policy, version=2, text="")
        envelope = place.keyring.signer("policy").sign(later.statement(place.now()))
        leaf = replace(leaf_of(place), digest=place.registry.blobs.put(envelope), size=len(envelope))
        seal(place, replace(leaf, **changed))  # type: ignore[arg-type]
        with pytest.raises(VerificationFailed) as raised:
            project.ledger()
    assert raised.value.finding == "LG754"


def test_a_leaf_without_its_statement_is_refused(project: Project) -> None:
    """A leaf that names a blob which is not there: LG805. Untouched, the log opens with both entries."""
    assert [one.claim for one in project.ledger().statements()] == ["roles", "policy"]
    with project.workplace() as place:
        (project.home / "registry/blobs/sha256" / leaf_of(place).digest[7:]).unlink()
        with pytest.raises(LockgateError) as raised:
            project.ledger()
    assert raised.value.finding == "LG805"


def test_a_statement_is_not_logged_twice(project: Project) -> None:
    """The very same envelope again: LG753; a reader cannot append at all: LG752."""
    with project.workplace() as place:
        envelope = place.ledger.statements("policy")[0].envelope
        with pytest.raises(Refused) as raised:
            place.ledger.append(envelope)
        assert raised.value.finding == "LG753"
        with pytest.raises(Refused) as raised:
            project.ledger().append(envelope)
        assert raised.value.finding == "LG752"


def test_a_statement_that_is_sealed_again_is_refused(project: Project) -> None:
    """With the sealer's key alone an old policy cannot be made the newest by logging its leaf again: LG753."""
    with project.workplace() as place:
        seal(place, leaf_of(place))
        with pytest.raises(VerificationFailed) as raised:
            project.ledger()
    assert raised.value.finding == "LG753"
