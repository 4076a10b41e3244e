"""store.tree: every file of a directory, none through a symlink, none ignored."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from lockgate.core.digest import Digest, digest_of
from lockgate.errors import Unavailable, VerificationFailed
from lockgate.store import tree
from lockgate.store.tree import hash_tree


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with nested and hidden files."""
    for name in ("b.txt", "a/c.bin", "a.txt", ".git/hook.pkl", "a/d/e"):
        path = tmp_path / "model" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return tmp_path / "model"


def open_descriptors() -> int:
    """How many descriptors this process has open."""
    return len(os.listdir("/proc/self/fd"))


def test_all_files_in_component_order(folder: Path) -> None:
    """Hidden files count; the order is by path components."""
    names = [".git/hook.pkl", "a/c.bin", "a/d/e", "a.txt", "b.txt"]
    assert hash_tree(folder) == [(name, digest_of(name.encode())) for name in names]
    assert [name for name, _ in hash_tree(folder, skip=frozenset({"b.txt"}))] == names[:-1]


def test_many_and_large_files(folder: Path) -> None:
    """More files than one batch, and enough bytes for threads: the same digests, no descriptor left open."""
    for number in range(150):
        (folder / f"n{number}").write_bytes(os.urandom(40_000))
    before = open_descriptors()
    found = dict(hash_tree(folder))
    assert open_descriptors() == before
    assert len(found) == 155
    assert all(found[f"n{n}"] == digest_of((folder / f"n{n}").read_bytes()) for n in range(150))


def symlink_to_file(folder: Path) -> None:
    """A symlink to a file inside."""
    (folder / "z").symlink_to("b.txt")


def symlink_to_folder(folder: Path) -> None:
    """A symlink to a folder inside."""
    (folder / "z").symlink_to("a")


def pipe(folder: Path) -> None:
    """A pipe, on which a reader would wait for ever."""
    os.mkfifo(folder / "z")


def backslash(folder: Path) -> None:
    """A name that climbs on another system."""
    (folder / "..\\z").write_bytes(b"")


def broken_encoding(folder: Path) -> None:
    """A name that is not UTF-8."""
    (Path(os.fsdecode(os.fsencode(folder) + b"/\xff"))).write_bytes(b"")


@pytest.mark.parametrize(
    ("make", "finding"),
    [
        (symlink_to_file, "LG803"),
        (symlink_to_folder, "LG803"),
        (pipe, "LG803"),
        (backslash, "LG855"),
        (broken_encoding, "LG855"),
    ],
)
def test_what_is_no_plain_file_is_refused(folder: Path, make: Any, finding: str) -> None:
    """Symlinks, special files and unsafe names stop the walk, and no descriptor stays open."""
    make(folder)
    before = open_descriptors()
    with pytest.raises(VerificationFailed) as caught:
        hash_tree(folder)
    assert caught.value.finding == finding
    assert open_descriptors() == before


def test_depth_is_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A nest of folders does not exhaust the stack."""
    monkeypatch.setattr(tree, "_DEEPEST", 1)
    with pytest.raises(VerificationFailed) as caught:
        hash_tree(folder)
    assert caught.value.finding == "LG855"


def test_no_folder(tmp_path: Path) -> None:
    """A folder that is not there, or is a file, is said plainly."""
    (tmp_path / "file").write_bytes(b"")
    for name in ("none", "file"):
        with pytest.raises(Unavailable) as caught:
            hash_tree(tmp_path / name)
        assert caught.value.finding == "LG808"


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_take_the_largest_file_first(folder: Path, monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    """However many threads there are, the digests are the same; what takes longest does not come last."""
    sizes = {"s": 10, "m": 1 << 20, "l": 5 << 20}
    for name, size in sizes.items():
        (folder / name).write_bytes(os.urandom(size))
    together, shared = tree._hash_together, []

    def watched(top: int, files: Sequence[tuple[str, tree.Stamp]], workers: int) -> dict[str, Digest]:
        shared.append((files[0][0], workers))
        return together(top, files, workers)

    monkeypatch.setattr(tree, "_hash_together", watched)
    found = dict(hash_tree(folder, threads=threads))
    assert {name: digest_of((folder / name).read_bytes()) for name in sizes} == {name: found[name] for name in sizes}
    assert shared == ([("l", threads)] if threads > 1 else [])


def test_a_failure_in_a_thread_is_the_caller_s(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one thread meets is raised once all have ended, and nothing is left open."""
    for name in ("m", "l"):
        (folder / name).write_bytes(os.urandom(3 << 20))

    def broken(_fd: int) -> Digest:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(tree, "hash_fd", broken)
    before = open_descriptors()
    with pytest.raises(Unavailable) as caught:
        hash_tree(folder, threads=2)
    assert caught.value.finding == "LG808"
    assert open_descriptors() == before
