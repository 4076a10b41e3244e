"""Whoever can write below .lockgate makes `gc` remove something else: links, foreign names, what a gateway runs in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockgate.core.digest import digest_of, hex_of
from lockgate.errors import Refused
from lockgate.project import Project
from lockgate.project.carry.mirror import Mirror, write_mirror
from lockgate.project.collecting import collect, disk
from lockgate.project.collecting.spec import Asked
from lockgate.store.lock import lock
from tests.support.project import SignedProject, register_here
from tests.support.upkept import copied, founded

NOW = Asked(newest=1, days=0)
OLD, STRANGER = hex_of(digest_of(b"an older lock")), hex_of(digest_of(b"somebody's own"))


@pytest.fixture(name="made", scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, SignedProject]]:
    """Two registered models; the environment of their lock, and one that no lock has."""
    home = tmp_path_factory.mktemp("gc")
    with pytest.MonkeyPatch.context() as patch:
        project = founded(home, patch)
        for seed in (1.0, 2.0):
            project.candidate(seed)
            register_here(project, patch)
        for name in (OLD, hex_of(digest_of(b"lock\n"))):
            place = project.home / "env" / name / "lib"
            place.mkdir(parents=True)
            (place / "package.py").write_text("x = 1\n")
            (project.home / "state" / "env").mkdir(exist_ok=True)
            (project.home / "state" / "env" / f"{name}.json").write_text("{}")
        yield home, project


@pytest.fixture(name="project")
def _project(made: tuple[Path, SignedProject], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SignedProject:
    return copied(made, tmp_path, monkeypatch)


@pytest.fixture(name="treasure")
def _treasure(tmp_path: Path) -> Path:
    """A folder elsewhere, with files that bear names as stored ones do."""
    place = tmp_path / "treasure"
    place.mkdir()
    (place / STRANGER).write_bytes(b"somebody's own")
    return place


def _collect(project: SignedProject, asked: Asked = NOW) -> list[tuple[str, str]]:
    found = collect(Project(project.root, now=project.clock), asked)
    return [("left", reason.finding) for reason in found.left] + [(item.kind, item.name) for item in found.items]


def test_an_environment_that_no_lock_has_goes(project: SignedProject) -> None:
    """The positive control: the old one goes with what is known of it, the one in use stays."""
    assert ("environment", OLD) in _collect(project)
    assert os.listdir(project.home / "env") == [hex_of(digest_of(b"lock\n"))]
    assert os.listdir(project.home / "state" / "env") == [f"{hex_of(digest_of(b'lock' + bytes([10])))}.json"]


@pytest.mark.parametrize("place", ["data", "data/sha256", "env"])
def test_a_link_in_a_folders_place_is_not_followed(project: SignedProject, treasure: Path, place: str) -> None:
    """LG9032, and nothing behind the link is touched, nor anything else."""
    real = project.home / place
    real.rename(project.home / "aside")
    (treasure / "sha256").mkdir()
    (treasure / "sha256" / STRANGER).write_bytes(b"somebody's own")
    real.symlink_to(treasure)
    with pytest.raises(Refused, match="is not a folder that Lockgate made") as caught:
        _collect(project)
    assert caught.value.finding == "LG9032"
    assert sorted(os.listdir(treasure)) == sorted([STRANGER, "sha256"])
    assert os.listdir(treasure / "sha256") == [STRANGER]


def test_a_link_among_stored_files_stays_and_so_does_what_it_means(project: SignedProject, treasure: Path) -> None:
    """A link with a digest's name, and a file with any other: told (LG9034), and left alone."""
    store = project.home / "data" / "sha256"
    (store / STRANGER).symlink_to(treasure / STRANGER)
    (store / "notes.txt").write_text("mine")
    found = _collect(project)
    assert ("left", "LG9034") in found
    assert (treasure / STRANGER).read_bytes() == b"somebody's own"
    assert (store / STRANGER).is_symlink()
    assert (store / "notes.txt").read_text() == "mine"
    assert any(kind == "rows and code" for kind, _ in found)


def test_links_in_an_environment_are_removed_and_not_followed(project: SignedProject, treasure: Path) -> None:
    """A planted link goes with its folder; what it means does not."""
    (project.home / "env" / OLD / "lib" / "more").symlink_to(treasure)
    (project.home / "env" / STRANGER).symlink_to(treasure)
    found = _collect(project)
    assert ("environment", OLD) in found
    assert ("left", "LG9034") in found
    assert not (project.home / "env" / OLD).exists()
    assert os.listdir(treasure) == [STRANGER]


def test_a_folder_that_is_changed_into_a_link_meanwhile(
    project: SignedProject, treasure: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything is removed through the folder that was opened: what is put in its place later is not looked at."""
    store, listed = project.home / "data" / "sha256", disk.files
    going = {name for kind, name in _collect(project, Asked(newest=1, days=0, dry=True)) if kind == "rows and code"}
    for name in going:
        (treasure / name).write_bytes(b"somebody's own")

    def swapped(folder: int) -> disk.Listing:
        found = listed(folder)
        store.rename(project.home / "aside")
        store.symlink_to(treasure)
        return found

    monkeypatch.setattr(disk, "files", swapped)
    _collect(project)
    assert set(os.listdir(treasure)) == {STRANGER, *going}
    assert going.isdisjoint(os.listdir(project.home / "aside"))


def test_environments_stay_while_somebody_serves(project: SignedProject) -> None:
    """A worker may run in any of them: they are left (LG9033); rows that nothing needs go all the same."""
    with lock(project.home / "state" / "locks" / "serve"):
        found = _collect(project)
    assert ("left", "LG9033") in found
    assert (project.home / "env" / OLD / "lib" / "package.py").is_file()
    assert any(kind == "rows and code" for kind, _ in found)
    assert ("environment", OLD) in _collect(project)


def test_an_environment_half_removed_is_none(project: SignedProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed while a folder goes: its state file went first, so that nobody takes the rest for an environment."""

    def dies(folder: int, name: str) -> None:
        os.unlink(f"{name}/lib/package.py", dir_fd=folder)
        raise KeyboardInterrupt

    monkeypatch.setattr(disk, "remove_folder", dies)
    with pytest.raises(KeyboardInterrupt):
        _collect(project)
    assert (project.home / "env" / OLD).is_dir()
    assert not (project.home / "state" / "env" / f"{OLD}.json").exists()


def test_a_mirror_has_nothing_to_clean(project: SignedProject) -> None:
    """LG752: what a mirror holds is its registry's to say."""
    digest = digest_of(b"manifest")
    write_mirror(project.home, Mirror("registry.example/flights", "flights", (digest,), project.clock(), digest))
    with pytest.raises(Refused) as caught:
        _collect(project)
    assert caught.value.finding == "LG752"
