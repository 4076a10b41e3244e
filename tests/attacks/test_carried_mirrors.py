"""A project and a mirror beside a registry: what is merged, what is followed, and when it is too quiet to go on.

Threats: supply-chain attacks (a fork, an older log), and a revocation that does not arrive.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lockgate.audit.load import load_decision
from lockgate.deploy.words import approve
from lockgate.errors import Refused
from lockgate.project import Project
from lockgate.project.carry import installing, station
from lockgate.project.carry.mirror import read_mirror, write_mirror
from lockgate.project.carry.pulling import pull_to_mirror
from lockgate.project.carry.station import Follower, arrive, follow
from lockgate.project.prediction_log import prediction_log
from lockgate.store.files import atomic_write
from lockgate.trust import pin
from tests.support.carried import Carried, become, elsewhere, finding, relabel, shared
from tests.support.carrying import REMOTE, Hub, Killed


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Carried:
    """One project, pushed three times."""
    return shared(tmp_path_factory.getbasetemp())


@pytest.fixture
def there(made: Carried, tmp_path: Path) -> Iterator[Hub]:
    """Another machine; the registry has version 1, live."""
    with elsewhere(tmp_path, made.pushed) as found:
        yield found


def young(made: Carried, tmp_path: Path, *, pinned: bool = True) -> Project:
    """The project as it was at its first push, as another user's clone."""
    clone = tmp_path / "clone"
    shutil.copytree(made.young, clone)
    if pinned:
        pin.pin(made.root, clone, datetime.now(UTC))
    return Project(clone)


def test_a_pull_brings_a_project_up_to_date(made: Carried, there: Hub, tmp_path: Path) -> None:
    """Into a clone that is behind, the log grows, and every model that it registers comes with it."""
    become(there, made.grown)
    clone = young(made, tmp_path)

    done = clone.pull(f"{REMOTE}:v1")

    assert (done.kind, done.ref) == ("project", "flights@1")
    report = clone.verify_everything()
    assert [model.ref for model in report.models] == ["flights@1", "flights@2"]
    assert report.absent == ()


def test_a_project_that_is_ahead_keeps_its_log(made: Carried, there: Hub, tmp_path: Path) -> None:
    """The registry's log is the beginning of ours: what is missing is taken, and what ours revokes is refused."""
    become(there, made.revoked)
    clone = young(made, tmp_path)
    clone.pull(f"{REMOTE}:v2")
    become(there, made.grown)
    missing = clone.home / "registry/blobs/sha256" / clone.resolve("flights@2").file("model.onnx").digest[7:]
    missing.unlink()

    clone.pull(f"{REMOTE}:v2")

    assert missing.exists()
    assert finding(lambda: clone.pull(f"{REMOTE}:v1")) == "LG514"
    assert clone.ledger().checkpoint.size == made.project.open_ledger().checkpoint.size


def test_a_fork_is_refused(made: Carried, there: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two logs that the same sealer has signed, neither the beginning of the other: no pull and no push joins them."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(made.homes / "config"))
    pin.unpin(made.root)
    clone = young(made, tmp_path)
    try:
        with clone.workplace() as place:
            approve(place, "flights@1", "dev", "here, and nowhere else")
    finally:
        pin.unpin(made.root)
        pin.pin(made.root, made.project.root, datetime.now(UTC))
        pin.pin(made.root, clone.root, datetime.now(UTC))
    become(there, made.grown)

    assert finding(lambda: clone.pull(f"{REMOTE}:v2")) == "LG708"
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "forgotten"))
    assert finding(lambda: clone.pull(f"{REMOTE}:v2")) == "LG708"
    become(there, made.pushed)
    clone.push("flights@1", REMOTE)
    monkeypatch.setenv("XDG_STATE_HOME", str(made.homes / "state"))
    assert finding(lambda: Project(made.project.root).pull(f"{REMOTE}:v1")) == "LG708"
    assert finding(lambda: Project(made.project.root).push("flights@2", REMOTE)) == "LG708"


def test_an_older_log_is_not_pushed_over_a_newer_one(made: Carried, there: Hub, tmp_path: Path) -> None:
    """A project that is behind the repository would hide what it does not know: it is told to pull first."""
    become(there, made.grown)
    clone = young(made, tmp_path)

    assert finding(lambda: clone.push("flights@1", REMOTE)) == "LG899"
    clone.pull(REMOTE)
    assert clone.push("flights@1", REMOTE).ref == "flights@1"


def test_a_mirror_says_what_it_does_not_hold(made: Carried, there: Hub) -> None:
    """Of two registered models one is held: the other is absent, by name; put into the marker, it is missing."""
    become(there, made.grown)
    done = pull_to_mirror(made.asked(f"{REMOTE}:v2"))
    mirror = Project.open(done.folder)

    assert mirror.verify_everything().absent == ("flights@1",)
    assert finding(lambda: mirror.verify("flights@1")) == "LG896"
    marker = read_mirror(mirror.home)
    assert marker is not None
    write_mirror(mirror.home, replace(marker, models=(*marker.models, mirror.resolve("flights@1").manifest)))
    assert finding(mirror.verify_everything) in ("LG805", "LG809")
    (mirror.home / "mirror.json").write_bytes(b"{}")
    assert finding(mirror.verify_everything) == "LG895"


def test_a_mirror_does_not_grow_over_a_project(made: Carried, there: Hub, tmp_path: Path) -> None:
    """A folder with a project of its own is no place for a mirror."""
    clone = young(made, tmp_path)
    assert finding(lambda: pull_to_mirror(made.asked(), clone.root)) == "LG947"


def test_a_mirror_follows_its_registry(made: Carried, there: Hub) -> None:
    """What becomes live is fetched before the log says so; what is revoked arrives; no change costs one look."""
    done = pull_to_mirror(made.asked(environment="dev"))
    mirror, asked, said = Project.open(done.folder), made.asked(REMOTE, "dev"), list[str]()
    there.asked.clear()

    assert follow(asked, done.folder, "flights", say=said.append) is False
    assert there.asked == ["log"]
    become(there, made.grown)
    assert follow(asked, done.folder, "flights", say=said.append) is True
    assert load_decision(mirror.ledger().statements(), "dev", datetime.now(UTC)).version == 2
    assert [model.ref for model in mirror.verify_everything().models] == ["flights@1", "flights@2"]
    become(there, made.revoked)
    assert follow(asked, done.folder, "flights", say=said.append) is True
    assert [one.revoked for one in mirror.models()] == [True, False]


def test_a_log_arrives_even_when_its_model_cannot_be_had(made: Carried, there: Hub) -> None:
    """A registry that withholds the new model cannot keep the old one in service."""
    done = pull_to_mirror(made.asked())
    become(there, made.grown)
    del there.blobs[made.registration("flights@2").file("model.onnx").digest]
    said: list[str] = []

    follow(made.asked(REMOTE, "dev"), done.folder, "flights", say=said.append)

    assert "what stands in dev now cannot be had: LG893" in said[0]
    assert Project.open(done.folder).verify_everything().absent == ("flights@2",)


def test_silence_of_the_registry_ends_the_service(made: Carried, there: Hub) -> None:
    """Unreachable or lying, it counts as silent: what is served goes on, is said once, and ends after a while."""
    done = pull_to_mirror(made.asked())
    said: list[str] = []
    clock = [1000.0]
    follower = Follower(
        made.asked(REMOTE, "dev"), done.folder, "flights", age=0, say=said.append, clock=lambda: clock[0]
    )
    follower.look()
    follower.check(60)

    become(there, made.grown)
    relabel(there, list.clear)
    follower.look()
    there.reachable = False
    clock[0] += 59
    follower.look()
    follower.look()
    follower.check(60)
    assert ["LG892" in said[0], "LG880" in said[1], len(said)] == [True, True, 2]
    clock[0] += 2
    assert finding(lambda: follower.check(60)) == "LG898"
    become(there, made.grown)
    follower.look()
    follower.check(60)


def test_a_start_without_the_registry_is_bounded_too(made: Carried, there: Hub) -> None:
    """A mirror that asked an hour ago starts; one that asked too long ago, or whose clock went back, does not."""
    now = datetime.now(UTC).replace(microsecond=0)
    said: list[str] = []
    done = pull_to_mirror(made.asked(now=now))
    there.reachable = False

    def start(later: timedelta) -> tuple[str, float]:
        return arrive(made.asked(now=now + later), done.folder, 7200, said.append)

    assert start(timedelta(hours=1)) == ("", 3600)
    assert finding(lambda: start(timedelta(hours=3))) == "LG898"
    assert finding(lambda: start(timedelta(hours=-1))) == "LG898"
    there.reachable = True
    there.tags.clear()
    assert finding(lambda: start(timedelta(hours=1))) == "LG897"


def test_a_machines_own_sealer_is_never_the_projects(made: Carried, there: Hub) -> None:
    """In a mirror the prediction log has a name and a key of its own; without that key there is no such log."""
    done = pull_to_mirror(made.asked())
    mirror = Project.open(done.folder)
    ledger = mirror.ledger()
    assert prediction_log(mirror, ledger).begun is False

    own = station.Station(made.root, done.folder)
    made_key = own.make()
    found = prediction_log(mirror, ledger)

    assert own.make() == made_key
    assert (found.own, found.begun, found.public_key) == (True, True, made_key.raw)
    assert found.origin == f"lockgate/{made.root}/predictions/{own.name}"
    assert made_key.raw != ledger.roles.sealer_key()
    # Something was served here, so that there must be a log.
    assert finding(mirror.verify_logs) == "LG701"


def test_nothing_is_sealed_in_a_mirror(
    made: Carried, there: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mirror of the very user who holds the project's keys: signing there would fork the log, and is refused."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(made.homes / "config"))
    done = pull_to_mirror(made.asked(), tmp_path / "mirror")
    pin.unpin(made.root, done.folder)
    pin.pin(made.root, done.folder, datetime.now(UTC))
    mirror = Project(done.folder)

    assert finding(lambda: mirror.approve("flights@1", environment="dev", reason="here")) == "LG752"
    assert mirror.verify_everything().statements == 10
    pin.unpin(made.root, done.folder)


def test_a_mirror_is_made_in_a_folder_of_its_own(made: Carried, there: Hub, tmp_path: Path) -> None:
    """A folder in which other things lie is left as it is."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "lockgate.toml").write_text("")

    assert finding(lambda: pull_to_mirror(made.asked(), tmp_path / "full")) == "LG947"
    assert [each.name for each in (tmp_path / "full").iterdir()] == ["lockgate.toml"]


def test_a_mirror_does_not_go_back_even_when_nobody_remembers(made: Carried, there: Hub, tmp_path: Path) -> None:
    """The last checkpoint seen is lost: the mirror's own log still is one that the registry's must extend."""
    become(there, made.grown)
    pull_to_mirror(made.asked())
    shutil.rmtree(tmp_path / "state")
    become(there, made.pushed)

    assert finding(lambda: pull_to_mirror(made.asked())) == "LG707"


def test_a_killed_pull_leaves_the_log_that_was_there(
    made: Carried, there: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before a tile, before the checkpoint, or before it is kept as seen: the next one completes it."""
    done = pull_to_mirror(made.asked())
    mirror, asked = Project(done.folder), made.asked(f"{REMOTE}:v2")
    become(there, made.grown)
    left = [0]

    def mortal(*arguments: Any, **more: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        atomic_write(*arguments, **more)

    monkeypatch.setattr(installing, "atomic_write", mortal)
    for writes in (0, 2):
        left[0] = writes
        with pytest.raises(Killed):
            pull_to_mirror(asked)
        assert (mirror.ledger().checkpoint.size, mirror.verify("flights@1").ref) == (10, "flights@1")
    left[0] = 100
    pull_to_mirror(asked)
    assert [model.ref for model in mirror.verify_everything().models] == ["flights@1", "flights@2"]
    assert 100 - left[0] == 1  # the checkpoint: the tiles were there, as they had to be


def test_a_mirror_stays_with_its_model_and_makes_nothing(made: Carried, there: Hub) -> None:
    """Another name than that of the first pull is refused (LG845); `run` says in a sentence that this is a mirror."""
    mirror = Project.open(pull_to_mirror(made.asked()).folder)

    assert finding(lambda: mirror.pull(f"{REMOTE}:v1", name="draft")) == "LG845"
    assert mirror.pull(f"{REMOTE}:v1", name="flights").ref == "flights@1"
    with pytest.raises(Refused, match="this folder is a mirror of") as caught:
        mirror.run()
    assert caught.value.finding == "LG752"
