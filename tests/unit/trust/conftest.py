"""A project with keys in a temporary configuration folder, and one good statement of each claim."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lockgate.core import statement as s
from lockgate.core.digest import digest_of
from lockgate.core.statement import Statement, Subject
from lockgate.trust.authority import AUTHORITIES
from lockgate.trust.keyring import Created, Keyring, create_keys

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Project:
    """Fresh keys and the keyring that reads them."""

    created: Created
    keyring: Keyring
    config: Path

    def signed(self, role: str, statement: Statement) -> bytes:
        """An envelope by the key of `role`."""
        return self.keyring.signer(role).sign(statement)


@pytest.fixture
def make_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Project]:
    """Makes projects of different persons in one temporary configuration folder."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    def make(person: str = "mara") -> Project:
        created = create_keys(person, NOW)
        return Project(created, Keyring.open(created.project_id), tmp_path / "config" / "lockgate")

    return make


@pytest.fixture
def project(make_project: Callable[..., Project]) -> Project:
    """One project."""
    return make_project()


def good_statement(claim: str, /, **more: Any) -> Statement:
    """A statement of `claim` as a stage would make it."""
    subjects = (Subject("thing", digest_of(b"thing")),)
    kind = AUTHORITIES[claim].predicate_type
    if kind == s.TEST_RESULT:
        return s.test_result(claim, subjects, "PASSED", rules=digest_of(b"rules"), **more)
    predicate: dict[str, Any] = {"claim": s.claim_uri(claim), "time": "2026-11-23T09:30:00Z"}
    if kind == s.PROVENANCE:
        predicate = {"buildDefinition": {"buildType": s.claim_uri(claim)}}
    if kind == s.VERIFICATION_SUMMARY:
        predicate = {"verifier": {"id": s.claim_uri(claim)}}
    if AUTHORITIES[claim].environment_bound:
        predicate["environment"] = "dev"
    if claim == "deploy":
        predicate["move"] = "down"
    if claim == "head":
        predicate["stage"] = "train"
    return Statement(subjects, kind, predicate | more)


@pytest.fixture
def make_statement() -> Callable[..., Statement]:
    """`good_statement`."""
    return good_statement
