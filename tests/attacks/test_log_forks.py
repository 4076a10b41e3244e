"""A log that shows different people different trees, or an old copy of it: who notices, and who refuses.

Threats: whoever holds the sealer's key, or restores a backup of `.lockgate`, shows a gateway or an auditor another
history than everybody else saw: one in which a revocation is missing, or a deployment never happened.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lockgate.audit import cosigned
from lockgate.audit.ledger import EVENTS, origin
from lockgate.audit.log import Log
from lockgate.audit.seen import SeenStore
from lockgate.audit.witness.client import Answer, Post
from lockgate.audit.witness.collect import collect
from lockgate.audit.witness.diary import Round, alarm_lines, keep
from lockgate.core.checkpoint import Note, VerifierKey, parse_note
from lockgate.deploy.revoking import revoke
from lockgate.deploy.run import deploy
from lockgate.deploy.spec import DeploySpec
from lockgate.errors import LockgateError, Refused, VerificationFailed
from lockgate.serve import run as stage
from lockgate.serve.spec import Caps, ServeSpec
from lockgate.serve.watching import Library
from lockgate.trust.policy_witness import Witness
from tests.support.project import at_home, fork, register_here
from tests.support.serving import CODE, SPEC, ServableProject, model
from tests.support.witnesses import key_of, witness_in

KEY = key_of(1)
NAMED = Witness("w1", KEY.verifier, "http://witness")
POLICY = f"""version = 1
[environment.dev]
enforce = "enforce"
min_witnesses = 1
min_jail_level = 0
require = []
[environment.dev.serve]
max_staleness = "60 s"
[witness.w1]
key = "{KEY.verifier.line()}"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ServableProject:
    """One model, registered and not live yet, under a policy that demands a witness."""
    at_home(tmp_path, monkeypatch)
    (tmp_path / "project").mkdir()
    found = ServableProject(tmp_path / "project", policy=POLICY)
    _another(found, monkeypatch)
    return found


def _another(project: ServableProject, monkeypatch: pytest.MonkeyPatch, limit: float = 1000.0) -> None:
    project.candidate(limit, model=model(limit), io=SPEC.encode(), code=CODE)
    register_here(project, monkeypatch)


def _open(project: ServableProject, seen: SeenStore | None = None) -> Log:
    name, key = origin(project.created.project_id, EVENTS), project.created.roles.sealer_key()
    return Log.open(project.home / "log" / EVENTS, public_key=key, origin=name, seen=seen)


def _cosign(project: ServableProject, at: datetime | None = None) -> None:
    """As an honest witness does that has seen this log grow."""
    log = _open(project)
    time = int((at or project.clock()).timestamp())
    line = KEY.cosign(Note(parse_note(log.note).text, ()), time)
    cosigned.attach(project.home / "log" / EVENTS, [line], [KEY.verifier])
    project.ledger.refresh()


def _deploy(project: ServableProject, version: int = 1) -> None:
    deploy(project.workplace(), DeploySpec(f"flights@{version}", "dev"))


def _live(project: ServableProject) -> None:
    _cosign(project)
    _deploy(project)
    _cosign(project)


def _library(project: ServableProject, now: Callable[[], datetime] | None = None) -> Library:
    """A gateway's eyes. It has seen nothing before: it started on a new machine."""
    settings = SimpleNamespace(environment="dev", name=None, root=project.created.project_id)
    return Library(cast("Any", settings), project.home, b"", now or project.clock)


def _witness(project: ServableProject, folder: Path) -> Post:
    """A witness that knows this log."""
    name, key = origin(project.created.project_id, EVENTS), project.created.roles.sealer_key()
    witness, _ = witness_in(folder, keys=[VerifierKey(name, key)], now=lambda: project.clock().timestamp(), key=KEY)

    def post(_url: str, body: bytes) -> Answer:
        status, answer, kind = witness.add_checkpoint(body)
        return Answer(status, kind, answer)

    return post


def _asked(project: ServableProject, post: Post) -> Round:
    found = collect(EVENTS, lambda: _open(project), [NAMED], cosigned.kept(project.home, EVENTS), post)
    keep(project.home, found, project.clock().timestamp())
    return found


def _finding(call: Callable[[], object]) -> str:
    with pytest.raises(LockgateError) as caught:
        call()
    return caught.value.finding


def test_nothing_is_deployed_or_served_that_no_witness_cosigned(project: ServableProject) -> None:
    """Deploy, `serve` and the gateway's first look: LG7010. With the line of the witness, all three go on."""

    def serve() -> stage.ServePlan:
        return stage.run(project.workplace(), ServeSpec("127.0.0.1", 0, "", Caps(), None))

    assert _finding(lambda: _deploy(project)) == "LG7010"
    _cosign(project)
    _deploy(project)
    assert _finding(serve) == "LG7010"
    assert _finding(lambda: _library(project).look(None)) == "LG7010"
    _cosign(project)
    assert serve().decision.version == 1
    shelf = _library(project).look(None)
    assert shelf is not None
    assert shelf.live.decision.version == 1


def test_a_forged_line_is_no_cosignature(project: ServableProject) -> None:
    """The witness's name and id over another key's signature: refused as tampering, not as too few."""
    _live(project)
    place = project.home / "log" / EVENTS / "checkpoint"
    note = parse_note(place.read_bytes())
    forged = [*note.signatures[:-1], type(note.signatures[-1])(KEY.verifier.name, KEY.verifier.key_id, bytes(72))]
    place.write_bytes(Note(note.text, tuple(forged)).encode())
    assert _finding(lambda: _library(project).look(None)) == "LG7011"
    stranger = key_of(9).cosign(Note(note.text, ()), int(project.clock().timestamp()))
    place.write_bytes(Note(note.text, (*note.signatures[:-1], stranger)).encode())
    assert _finding(lambda: _library(project).look(None)) == "LG7010"


def test_what_is_new_waits_for_a_witness_and_what_is_there_answers_on(
    project: ServableProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deployment in a log that no witness has seen is not taken; it is, once cosigned."""
    _live(project)
    library = _library(project)
    shelf = library.look(None)
    assert shelf is not None
    _another(project, monkeypatch, 900.0)
    _cosign(project)
    _deploy(project, 2)
    assert library.look(shelf) is None
    assert not library.fallen(shelf.live)
    _cosign(project)
    newer = library.look(shelf)
    assert newer is not None
    assert newer.live.decision.version == 2
    assert library.look(newer) is None


def test_a_revocation_never_waits(project: ServableProject) -> None:
    """It is in the log that the sealer signed: that is enough to stop."""
    _live(project)
    library = _library(project)
    shelf = library.look(None)
    revoke(project.workplace(), "flights@1", "poisoned")
    assert _finding(lambda: library.look(shelf)) == "LG514"


def test_a_gateway_without_witnesses_stops_in_time(project: ServableProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits for as long as a log may go unseen, and no longer; with the witness back, it goes on."""
    _live(project)
    now = [project.clock() + timedelta(minutes=1)]
    library = _library(project, lambda: now[0])
    shelf = library.look(None)
    _another(project, monkeypatch, 900.0)
    for seconds, stops in ((0, False), (59, False), (61, True)):
        now[0] += timedelta(seconds=seconds)
        if stops:
            assert _finding(lambda: library.look(shelf)) == "LG7010"
        else:
            assert library.look(shelf) is None
    _cosign(project, now[0])
    assert library.look(shelf) is not None


def test_an_old_cosignature_counts_no_longer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also for a gateway whose log stands still, as one that is kept from the newest does."""
    at_home(tmp_path, monkeypatch)
    (tmp_path / "project").mkdir()
    policy = POLICY.replace("min_witnesses = 1", 'min_witnesses = 1\nmax_witness_age = "10 min"')
    project = ServableProject(tmp_path / "project", policy=policy)
    _another(project, monkeypatch)
    _live(project)
    now = [project.clock()]
    library = _library(project, lambda: now[0])
    shelf = library.look(None)
    assert shelf is not None
    now[0] += timedelta(minutes=9)
    assert library.look(shelf) is None
    assert _finding(lambda: _library(project, lambda: now[0] + timedelta(minutes=2)).look(None)) == "LG7010"
    now[0] += timedelta(minutes=2)
    assert library.look(shelf) is None
    now[0] += timedelta(seconds=61)
    assert _finding(lambda: library.look(shelf)) == "LG7010"
    _cosign(project, now[0])
    assert library.look(shelf) is not None


def test_a_forked_log_is_refused_by_the_witness_and_noticed_by_whoever_saw_the_other(
    project: ServableProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thief of the sealer's key shows a new gateway a log without the revocation: no witness cosigns it.

    And three others notice, each alone: a verifier with its last checkpoint, the folder with the kept note, `status`.
    """
    post = _witness(project, tmp_path / "w")
    _live(project)
    seen = SeenStore(tmp_path / "auditor" / "events")
    thief = fork(project, tmp_path / "thief")
    revoke(project.workplace(), "flights@1", "poisoned")
    assert [one.state for one in _asked(project, post).outcomes] == ["cosigned"]
    _open(project, seen)
    _another(cast("ServableProject", thief), monkeypatch, 900.0)
    assert _open(cast("ServableProject", thief)).size > _open(project).size
    # The witness.
    asked = _asked(cast("ServableProject", thief), post)
    assert [one.state for one in asked.alarms] == ["forked"]
    assert "LG7012" in alarm_lines(thief.home, EVENTS)[0]
    # A gateway that never saw the true one, and believes the sealer's key.
    assert _finding(lambda: _library(cast("ServableProject", thief)).look(None)) == "LG7010"
    # A verifier that did see it.
    assert _finding(lambda: _open(cast("ServableProject", thief), seen)) == "LG708"
    # Whoever has the note that was cosigned.
    note = cosigned.kept(project.home, EVENTS)
    assert note is not None
    key = project.created.roles.sealer_key()
    with pytest.raises(VerificationFailed) as caught:
        cosigned.begins_with(_open(cast("ServableProject", thief)), note, {"w1": KEY.verifier}, key)
    assert caught.value.finding == "LG7012"
    # The honest log goes on.
    assert [one.state for one in _asked(project, post).outcomes] == ["cosigned"]


def test_a_restored_backup_is_noticed(project: ServableProject, tmp_path: Path) -> None:
    """An old `.lockgate`, signed and whole, in which a model is not revoked yet: its cosignature is true, and old."""
    post = _witness(project, tmp_path / "w")
    _live(project)
    _asked(project, post)
    seen = SeenStore(tmp_path / "auditor" / "events")
    shutil.copytree(project.home, tmp_path / "backup")
    revoke(project.workplace(), "flights@1", "poisoned")
    _asked(project, post)
    _open(project, seen)
    kept = cosigned.kept(project.home, EVENTS)
    shutil.rmtree(project.home)
    shutil.copytree(tmp_path / "backup", project.home)
    assert [one.state for one in _asked(project, post).alarms] == ["ahead"]
    assert "LG7012" in alarm_lines(project.home, EVENTS)[0]
    assert _finding(lambda: _open(project, seen)) == "LG707"
    assert kept is not None
    key = project.created.roles.sealer_key()
    assert _finding(lambda: cosigned.begins_with(_open(project), kept, {"w1": KEY.verifier}, key)) == "LG7012"


def test_the_witness_that_is_gone_is_no_fork(project: ServableProject, tmp_path: Path) -> None:
    """What cannot be reached accuses nobody."""

    def nobody(_url: str, _body: bytes) -> Answer:
        raise OSError("refused")

    _asked(project, _witness(project, tmp_path / "w"))
    found = _asked(project, nobody)
    assert ([one.state for one in found.outcomes], found.alarms) == (["failed"], ())
    assert alarm_lines(project.home, EVENTS) == []
    assert Refused is not None
