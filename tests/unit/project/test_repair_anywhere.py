"""`lockgate log verify --repair` where the event log itself is damaged, in a folder that this user never pinned."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lockgate.cli.main import run
from tests.support.kept_payloads import Kept, made_project
from tests.support.project import at_home

Damage = Callable[[Path], None]


@pytest.fixture(name="kept", scope="module")
def _kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    folder = tmp_path_factory.mktemp("anywhere")
    with pytest.MonkeyPatch.context() as patch:
        at_home(folder, patch)
        kept = made_project(folder / "project")
        kept.project.verify_logs()
        yield kept


@pytest.fixture(name="place")
def _place(kept: Kept, tmp_path: Path) -> Path:
    """A backup that somebody unpacked elsewhere."""
    return shutil.copytree(kept.made.root, tmp_path / "unpacked")


def _said(place: Path, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, dict[str, object]]:
    capsys.readouterr()
    code = run(["log", "verify", "-C", str(place), "--json", *more])
    return code, json.loads(capsys.readouterr().out)


def _cut(log: Path) -> None:
    path = max((log / "events/tile/entries/000.p").iterdir(), key=lambda one: int(one.name))
    path.write_bytes(path.read_bytes()[:100])


def _checkpoints(log: Path) -> None:
    for name in ("events", "predictions"):
        (log / name / "checkpoint").unlink()


DAMAGES: dict[str, Damage] = {
    "entries cut off": _cut,
    "no tiles of events": lambda log: shutil.rmtree(log / "events/tile"),
    "an empty log.vkey": lambda log: os.truncate(log / "events/log.vkey", 0),
    "no checkpoint at all": _checkpoints,
    "no event log": lambda log: shutil.rmtree(log / "events"),
    "no log of predictions": lambda log: shutil.rmtree(log / "predictions"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_it_is_told_in_full_and_comes_back_from_a_copy(
    damage: str, kept: Kept, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 3 with each damage and a next command that leads on; with a whole copy exit 0."""
    assert _said(place, capsys)[0] == 0
    DAMAGES[damage](place / ".lockgate" / "log")
    before = set((place / ".lockgate/log").rglob("*"))
    code, said = _said(place, capsys)
    assert code == 3, said
    assert said["seen"]["all"]  # type: ignore[index]
    assert str(said["next"]).startswith("lockgate log verify --repair")
    assert before == set((place / ".lockgate/log").rglob("*"))
    code, said = _said(place, capsys, "--repair", "--from", str(kept.made.root))
    assert code == 0, said
    assert said["repaired"]
    assert _said(place, capsys)[0] == 0


def test_without_a_copy_nothing_is_made_of_a_log_that_is_gone(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was last seen is signed, but without one entry it says nothing: a checkpoint alone is not put back."""
    log = place / ".lockgate/log/predictions"
    shutil.rmtree(log)
    code, said = _said(place, capsys, "--repair")
    assert code == 3
    assert "--from" in str(said["next"])
    assert not (log / "checkpoint").exists()
    assert not log.is_file()


def test_the_command_that_fails_is_not_its_own_next_one(
    place: Path, kept: Kept, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nobody here can say whose key seals: no pin, nothing seen. And a file that is not the log's, with its path."""
    (place / ".lockgate/log/events/note").write_bytes(b"")
    code, said = _said(place, capsys)
    assert (code, said["finding"]) == (3, "LG709")
    assert str(said["next"]).startswith(f"mv {place}/.lockgate/log/events/note ")
    (place / ".lockgate/log/events/note").unlink()
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "stranger"))
    _cut(place / ".lockgate/log")
    code, said = _said(place, capsys)
    assert code == 3
    assert said["next"] == f"lockgate explain {said['finding']}"


def test_a_project_that_was_never_begun_is_no_damage(
    tmp_path: Path, kept: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    """The positive control: LG946 and `init` only where there is nothing at all."""
    shutil.copy(kept.made.root / "lockgate.toml", tmp_path / "lockgate.toml")
    code, said = _said(tmp_path, capsys)
    assert (code, said["finding"]) == (1, "LG946")


@pytest.mark.parametrize("damage", ["no checkpoint at all", "no event log"])
def test_no_project_is_begun_over_logs_that_are_damaged(
    damage: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """LG947: who takes away one file must not make `init` set the others aside; nothing is moved, no root is pinned."""
    DAMAGES[damage](place / ".lockgate" / "log")
    before = set((place / ".lockgate").rglob("*"))
    capsys.readouterr()
    assert run(["init", str(place), "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert (said["finding"], str(said["next"]).startswith("lockgate log verify")) == ("LG947", True)
    assert before == set((place / ".lockgate").rglob("*"))
    assert not list(place.glob(".lockgate.*"))
