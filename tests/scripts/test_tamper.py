"""Whoever writes to `.lockgate` is noticed: every kind of file, by `verify --all`, with exit 3."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockgate.errors import VerificationFailed
from lockgate.project import Project
from tests.support.shell import Ready

PLACES = [2, pytest.param(20, marks=pytest.mark.nightly)]


@pytest.fixture(scope="module")
def watched(ready: Ready, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ready, Project]]:
    """A copy, opened in this process with the keys and pins of that copy."""
    copy = ready.copy(tmp_path_factory.mktemp("tamper"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(copy.shell.home / "config"))
        patch.setenv("XDG_STATE_HOME", str(copy.shell.home / "state"))
        yield copy, Project.open(copy.root)


def files(root: Path) -> list[Path]:
    """Every file of registry and log."""
    home = root / ".lockgate"
    return sorted(path for name in ("registry", "log") for path in (home / name).rglob("*") if path.is_file())


def places(path: Path, between: int) -> list[int]:
    """The first byte, the last, and some between: the same in every run."""
    size = path.stat().st_size
    chosen = random.Random(path.name).sample(range(size), min(size, between))
    return sorted({0, size - 1, *chosen}) if size else []


def is_superseded(path: Path) -> bool:
    """An older partial tile, which C2SP tlog-tiles lets a log remove once a wider one is there."""
    return path.parent.suffix == ".p" and int(path.name) < max(int(other.name) for other in path.parent.iterdir())


@pytest.mark.parametrize("between", PLACES)
def test_every_file_is_watched_byte_by_byte(watched: tuple[Ready, Project], between: int) -> None:
    """A flipped bit at any place of any file is a failed verification; put back, everything verifies again."""
    copy, project = watched
    unnoticed = []
    for path in files(copy.root):
        content = path.read_bytes()
        path.chmod(0o644)
        for place in places(path, between):
            path.write_bytes(content[:place] + bytes([content[place] ^ 0x40]) + content[place + 1 :])
            try:
                project.verify_everything()
                unnoticed.append((str(path), place))
            except VerificationFailed:
                pass
        path.write_bytes(content)
    assert unnoticed == []
    project.verify_everything()


def test_a_removed_file_is_missed(watched: tuple[Ready, Project]) -> None:
    """No file of registry or log can be taken away unnoticed."""
    copy, project = watched
    unnoticed = []
    for path in files(copy.root):
        if is_superseded(path):
            continue
        content = path.read_bytes()
        path.unlink()
        try:
            project.verify_everything()
            unnoticed.append(str(path))
        except Exception as error:  # noqa: BLE001 - a missing checkpoint is Refused: the log is not there
            if getattr(error, "finding", "") in ("", "LG999"):
                unnoticed.append(f"{path}: {error!r}")
        path.write_bytes(content)
    assert unnoticed == []
    project.verify_everything()


@pytest.mark.parametrize(
    "place",
    ["registry/extra", "registry/blobs/extra", "registry/blobs/sha256/" + "0" * 64, "log/extra", "log/events/extra"],
)
def test_an_added_file_is_refused(watched: tuple[Ready, Project], place: str) -> None:
    """A file that nothing accounts for fails `verify --all`, exit 3, and names the file."""
    copy, _ = watched
    extra = copy.root / ".lockgate" / place
    extra.write_bytes(b"hello")
    try:
        done = copy.shell.here("verify", "--all", "--json", "-C", copy.root)
    finally:
        extra.unlink()
    assert done.code == 3, done.err
    assert extra.name in done.out


def test_a_restored_backup_is_noticed(ready: Ready, tmp_path: Path) -> None:
    """The whole `.lockgate` of yesterday, put back after a revocation, does not bring the model back."""
    import shutil

    copy = ready.copy(tmp_path)
    backup = tmp_path / "backup"
    shutil.copytree(copy.root / ".lockgate" / "log", backup)
    assert copy.shell.here("revoke", "latest", "--reason", "unsafe", "-C", copy.root).code == 0
    shutil.rmtree(copy.root / ".lockgate" / "log")
    shutil.copytree(backup, copy.root / ".lockgate" / "log")
    done = copy.shell("verify", "latest", "--json", "-C", copy.root)
    assert (done.code, done.json["finding"]) == (3, "LG707"), done.out


def test_another_projects_evidence_is_not_taken(ready: Ready, tmp_path: Path) -> None:
    """A `.lockgate` swapped for that of another project of the same user is refused, exit 3."""
    import shutil

    copy = ready.copy(tmp_path)
    other = tmp_path / "other"
    assert copy.shell.here("init", other).code == 0
    # Pinned here by being worked with here: the place is known from then on.
    root = copy.shell.here("trust", "show", "--json", "-C", copy.root).json["project_id"]
    assert copy.shell.here("trust", "pin", root, "-C", copy.root).code == 0
    shutil.rmtree(copy.root / ".lockgate")
    shutil.copytree(other / ".lockgate", copy.root / ".lockgate")
    done = copy.shell("verify", "--all", "--json", "-C", copy.root)
    assert (done.code, done.json["finding"]) == (3, "LG826"), done.out
