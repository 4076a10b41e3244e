"""A tree that was hashed a moment ago is known again without reading it, and only where nothing was touched."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lockgate.runtime import tree_again
from lockgate.runtime.tree import tree_digest
from lockgate.runtime.tree_again import SETTLED, is_settled, known_digest, signs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small environment."""
    made = tmp_path / "env"
    (made / "lib" / "package").mkdir(parents=True)
    (made / "lib" / "package" / "code.py").write_text("answer = 42\n", encoding="utf-8")
    (made / "lib" / "other.py").write_text("answer = 41\n", encoding="utf-8")
    (made / "lib64").symlink_to("lib")
    return made


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The trees that were read, one entry each time; what was just written counts as written long ago."""
    seen: list[Path] = []

    def kept(folder: Path) -> str:
        seen.append(folder)
        return tree_digest(folder)

    monkeypatch.setattr(tree_again, "tree_digest", kept)
    monkeypatch.setattr(tree_again, "SETTLED", -3_600_000_000_000)
    return seen


def test_it_is_read_once(folder: Path, read: list[Path]) -> None:
    """And the second answer is the first one."""
    assert tree_digest(folder) == known_digest(folder) == known_digest(folder)
    assert [folder] == read


def _content(folder: Path) -> None:
    """As whoever hides it would: same size, and the old time put back."""
    path = folder / "lib" / "package" / "code.py"
    seen = path.stat()
    path.write_text("answer = 43\n", encoding="utf-8")
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))


def _swapped(folder: Path) -> None:
    """Two files of one size and one time change their names."""
    one, other = folder / "lib" / "package" / "code.py", folder / "lib" / "other.py"
    for path in (one, other):
        os.utime(path, ns=(1, 1))
    one.rename(folder / "held")
    other.rename(one)
    (folder / "held").rename(other)


def _run(folder: Path) -> None:
    (folder / "lib" / "other.py").chmod(0o755)


def _added(folder: Path) -> None:
    (folder / "lib" / "sitecustomize.py").write_bytes(b"")


def _removed(folder: Path) -> None:
    (folder / "lib" / "other.py").unlink()


def _led(folder: Path) -> None:
    (folder / "lib64").unlink()
    (folder / "lib64").symlink_to("bin")


@pytest.mark.parametrize("change", [_content, _swapped, _run, _added, _removed, _led])
def test_whatever_is_touched_is_seen(folder: Path, read: list[Path], change: Callable[[Path], None]) -> None:
    """The digest is that of what lies there now."""
    before = known_digest(folder)
    change(folder)
    after = known_digest(folder)
    assert len(read) == 2
    assert tree_digest(folder) == after
    assert before != after


def test_what_was_written_a_moment_ago_is_read_again(
    folder: Path, read: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second write within the same tick of the file system's clock would show no other time."""
    monkeypatch.setattr(tree_again, "SETTLED", SETTLED)
    known_digest(folder)
    known_digest(folder)
    assert len(read) == 2


def test_a_look_is_believed_for_a_minute(folder: Path, read: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that lives for days does not live on its first look."""
    known_digest(folder)
    later = time.monotonic() + tree_again.LONGEST + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    known_digest(folder)
    assert len(read) == 2


def test_a_change_while_it_is_read_is_not_believed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was seen then is told, as ever; the next time it is read again."""
    asked: list[Path] = []

    def slow(place: Path) -> str:
        asked.append(place)
        found = tree_digest(place)
        if len(asked) == 1:
            _content(place)
        return found

    monkeypatch.setattr(tree_again, "tree_digest", slow)
    monkeypatch.setattr(tree_again, "SETTLED", -3_600_000_000_000)
    known_digest(folder)
    assert tree_digest(folder) == known_digest(folder)
    assert len(asked) == 2


def test_times_of_the_future_are_not_settled(folder: Path) -> None:
    """A clock that was set back makes nothing settled."""
    newest = max(one[-1] for one in signs(folder))
    assert is_settled(signs(folder), newest + SETTLED + 1)
    assert not is_settled(signs(folder), newest + SETTLED)
    assert not is_settled(signs(folder), newest - 1)
