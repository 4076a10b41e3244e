"""What the gateway makes of evidence with a ladder in it: it believes no file, and a candidate takes nothing away.

AML.T0010 (supply chain), AML.T0043 (a model that was exchanged): by whoever writes to the folder that is served.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lockgate.core.digest import hex_of
from lockgate.deploy import run
from lockgate.deploy.revoking import revoke
from lockgate.deploy.rollback import rollback
from lockgate.errors import LockgateError
from lockgate.runtime.serving import ServingSpec
from lockgate.serve.shelf import Shelf
from lockgate.serve.watching import Library
from tests.support.ladders import LadderProject, ladder_project
from tests.support.project import register_here
from tests.support.serving import CODE, SPEC, model

RULES = """version = 1
[environment.dev]
approvals = 0
[environment.dev.ladder]
sticky = "key"
[[environment.dev.ladder.rung]]
name = "shadow"
share = 0.0
pairs = 0.5
[[environment.dev.ladder.rung]]
name = "canary"
share = 0.25
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LadderProject:
    """Two models, the first one live."""
    made = ladder_project(tmp_path, monkeypatch, RULES)
    for limit in (1000.0, 999.0):
        made.register(monkeypatch, model(limit))
    made.move(1)
    return made


def library(project: LadderProject, now: datetime | None = None) -> Library:
    """As a gateway looks at the folder."""
    settings = SimpleNamespace(environment="dev", name=None, root=project.created.project_id)
    return Library(cast("Any", settings), project.home, b"", lambda: now or project.clock() + timedelta(minutes=1))


def shown(shelf: Shelf | None) -> tuple[int, int, int, str]:
    """The versions: live, candidate, the one before; and which finding keeps a candidate away. 0: none."""
    assert shelf is not None
    beside, before = shelf.candidate, shelf.previous
    return (
        shelf.live.decision.version,
        beside.loaded.decision.version if beside else 0,
        before.decision.version if before else 0,
        shelf.problem[:5],
    )


def test_each_move_is_followed_with_its_rung(project: LadderProject) -> None:
    """Live alone, a candidate on each rung with its share and what the policy says of it, live with the one before."""
    looking = library(project)
    first = looking.look(None)
    assert shown(first) == (1, 0, 0, "")
    assert looking.size == len(project.open_ledger().statements())
    project.move(2)
    second = looking.look(first)
    assert shown(second) == (1, 2, 0, "")
    assert second is not None
    assert second.candidate is not None
    assert (second.candidate.share, second.candidate.rung.pairs, second.candidate.ladder.sticky) == (0.0, 0.5, "key")
    assert second.candidate.same_contract
    assert first is not None
    assert second.live.files is first.live.files, "no byte of it is read again"
    project.move(2, "canary", reason="seen enough")
    third = looking.look(second)
    assert third is not None
    assert third.candidate is not None
    assert (third.candidate.share, third.candidate.loaded.served.rung) == (0.25, "canary")
    project.move(2, "live", reason="seen enough")
    assert shown(looking.look(third)) == (2, 0, 1, "")
    rollback(project.workplace(), "dev")
    assert shown(looking.look(None))[:2] == (1, 0)


def test_a_candidate_that_was_exchanged_is_not_asked_and_live_goes_on(project: LadderProject) -> None:
    """One byte of its model in the registry is another one: it is kept away, by name; what is live is answered from."""
    registration = project.move(2).registration
    assert shown(library(project).look(None)) == (1, 2, 0, "")
    blob = project.home / "registry" / "blobs" / "sha256" / hex_of(registration.file("model.onnx").digest)
    data = bytearray(blob.read_bytes())
    data[-1] ^= 1
    blob.chmod(0o600)
    blob.write_bytes(bytes(data))
    found = library(project).look(None)
    assert shown(found)[:3] == (1, 0, 0)
    assert found is not None
    assert found.problem.startswith("LG80"), "its own bytes, which no other model has"


def test_a_revoked_candidate_is_taken_away_and_live_goes_on(project: LadderProject) -> None:
    """Revoked on its rung: the next look has it no more."""
    project.move(2)
    looking = library(project)
    before = looking.look(None)
    assert shown(before) == (1, 2, 0, "")
    revoke(project.workplace(), "flights@2", "poisoned")
    assert shown(looking.look(before)) == (1, 0, 0, "LG514")


def test_a_revoked_live_model_is_answered_from_no_more_whatever_stands_beside_it(project: LadderProject) -> None:
    """A candidate on a rung is no reason to go on: nobody said that it is live."""
    project.move(2)
    looking = library(project)
    before = looking.look(None)
    revoke(project.workplace(), "flights@1", "poisoned")
    with pytest.raises(LockgateError) as no:
        looking.look(before)
    assert no.value.finding == "LG514"


def test_the_one_before_is_kept_only_while_it_may_be_loaded(project: LadderProject) -> None:
    """It is there for a rollback: revoked, it is not."""
    project.move(2, "live", reason="at once")
    looking = library(project)
    before = looking.look(None)
    assert shown(before) == (2, 0, 1, "")
    revoke(project.workplace(), "flights@1", "poisoned")
    assert shown(looking.look(before)) == (2, 0, 0, "")


def test_a_ladder_is_read_under_the_clock_of_the_machine(project: LadderProject) -> None:
    """A gateway whose clock stands before the statements refuses what is live; so it does with a ladder."""
    project.move(2)
    with pytest.raises(LockgateError) as no:
        library(project, datetime(2020, 1, 1, tzinfo=UTC)).look(None)
    assert no.value.finding == "LG525"


def test_a_model_of_another_task_is_not_compared(project: LadderProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """Should one come onto a rung all the same, its gateway leaves it alone, and says so: numbers are no classes."""
    numbers = ServingSpec("regression", "late", None, SPEC.fields, SPEC.inputs, None, None, "label")
    project.candidate(3.0, model=model(998.0), io=numbers.encode(), code=CODE)
    register_here(project, monkeypatch)
    with pytest.raises(LockgateError) as no:
        project.move(3)
    assert no.value.finding == "LG551"
    monkeypatch.setattr(run, "_check_comparable", lambda *_: None)
    project.move(3)
    assert shown(library(project).look(None)) == (1, 0, 0, "LG659")
