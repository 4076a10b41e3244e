"""store.files: whole or not at all; never through a symlink; only bytes whose digest was checked."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from lockgate.core.digest import digest_of
from lockgate.errors import LockgateError, Unavailable, VerificationFailed
from lockgate.store import files


def finding(caught: pytest.ExceptionInfo[Any]) -> str:
    """The finding id of a caught error."""
    assert isinstance(caught.value, LockgateError)
    return caught.value.finding


def test_atomic_write_replaces_with_mode_and_leaves_nothing_else(tmp_path: Path) -> None:
    """The new bytes, the asked permissions, and no temporary file."""
    path = tmp_path / "a"
    files.atomic_write(path, b"one")
    files.atomic_write(path, b"two", 0o600)
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
def test_a_full_disk_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: int, call: str
) -> None:
    """Whichever call fails: Unavailable with a hint, the old bytes, no temporary file."""
    path = tmp_path / "a"
    files.atomic_write(path, b"old")

    def fail(*_: object) -> None:
        raise OSError(fault, os.strerror(fault))

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(Unavailable) as caught:
        files.atomic_write(path, b"new")
    assert finding(caught) == "LG801"
    assert caught.value.next
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that takes fewer bytes than offered loses none."""
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, bytes(data)[:3]))
    files.atomic_write(tmp_path / "a", b"0123456789")
    assert (tmp_path / "a").read_bytes() == b"0123456789"


def test_write_new_never_replaces(tmp_path: Path) -> None:
    """A taken name stays as it was."""
    files.write_new(tmp_path / "a", b"one", 0o600)
    with pytest.raises(FileExistsError):
        files.write_new(tmp_path / "a", b"two", 0o600)
    assert (tmp_path / "a").read_bytes() == b"one"
    assert os.listdir(tmp_path) == ["a"]


def test_read_verified_returns_only_the_promised_bytes(tmp_path: Path) -> None:
    """The right bytes come back; one flipped bit, a longer file or a missing one is refused and named."""
    path = tmp_path / "a"
    path.write_bytes(b"hello")
    assert files.read_verified(path, digest_of(b"hello"), 5) == b"hello"
    with pytest.raises(VerificationFailed) as caught:
        files.read_verified(path, digest_of(b"hello"), 4)
    assert finding(caught) == "LG806"
    path.write_bytes(b"hellp")
    with pytest.raises(VerificationFailed) as caught:
        files.read_verified(path, digest_of(b"hello"), 5)
    assert finding(caught) == "LG802"
    assert caught.value.seen["expected"] == digest_of(b"hello")
    path.unlink()
    with pytest.raises(VerificationFailed) as caught:
        files.read_verified(path, digest_of(b"hello"), 5)
    assert finding(caught) == "LG805"


def make_symlink(path: Path) -> None:
    """A symlink to a good file."""
    (path.parent / "target").write_bytes(b"x")
    path.symlink_to("target")


@pytest.mark.parametrize("make", [make_symlink, os.mkfifo, Path.mkdir])
def test_only_regular_files_are_opened(tmp_path: Path, make: Any) -> None:
    """A symlink to a good file, a pipe (which would block) and a folder are refused."""
    make(tmp_path / "a")
    with pytest.raises(VerificationFailed) as caught:
        files.open_nofollow(tmp_path / "a")
    assert finding(caught) == "LG803"


def test_a_file_where_a_folder_must_be_is_a_missing_file(tmp_path: Path) -> None:
    """`a/b` with `a` a file is as good as not there."""
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(FileNotFoundError):
        files.open_nofollow(tmp_path / "a" / "b")


def test_unreadable_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A permission error is no traceback."""

    def fail(*_: object, **__: object) -> int:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(Unavailable) as caught:
        files.open_nofollow(tmp_path / "a")
    assert finding(caught) == "LG808"


def test_hash_fd_reads_all_and_moves_nothing(tmp_path: Path) -> None:
    """The digest is of the whole file wherever the descriptor stands, and the descriptor stays there."""
    data = os.urandom(files.CHUNK + 17)
    (tmp_path / "a").write_bytes(data)
    fd = files.open_nofollow(tmp_path / "a")
    os.lseek(fd, 5, os.SEEK_SET)
    assert files.hash_fd(fd) == digest_of(data)
    assert os.lseek(fd, 0, os.SEEK_CUR) == 5
    os.close(fd)
