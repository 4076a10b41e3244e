"""audit.seen: the checkpoint last seen only ever moves to a larger tree."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockgate.audit.seen import SeenStore
from lockgate.errors import VerificationFailed
from tests.support.sealing import leaves, write


def _notes(folder: Path) -> list[bytes]:
    notes = []
    for count in (2, 3):
        write(folder, leaves(count))
        notes.append((folder / "checkpoint").read_bytes())
    return notes


def test_store_keeps_the_note_byte_for_byte_and_private(tmp_path: Path) -> None:
    """0600 in a folder 0700, which is made."""
    small, _ = _notes(tmp_path / "log")
    store = SeenStore(tmp_path / "state" / "seen" / "events")
    assert store.load() is None
    store.advance(small)
    assert store.load() == small
    assert store.path.stat().st_mode & 0o777 == 0o600
    assert store.path.parent.stat().st_mode & 0o777 == 0o700


def test_store_never_goes_back(tmp_path: Path) -> None:
    """An older checkpoint, from a slower process, changes nothing."""
    small, large = _notes(tmp_path / "log")
    store = SeenStore(tmp_path / "events")
    store.advance(large)
    store.advance(small)
    assert store.load() == large


def test_other_tree_of_the_same_size_is_a_fork(tmp_path: Path) -> None:
    """Two processes that were shown different logs find out here."""
    small, _ = _notes(tmp_path / "log")
    other = tmp_path / "other"
    write(other, [b"x", b"y"])
    store = SeenStore(tmp_path / "events")
    store.advance(small)
    with pytest.raises(VerificationFailed) as error:
        store.advance((other / "checkpoint").read_bytes())
    assert error.value.finding == "LG708"
    assert store.load() == small


def test_store_that_only_compares_writes_nothing(tmp_path: Path) -> None:
    """A reader without a home of its own."""
    small, _ = _notes(tmp_path / "log")
    store = SeenStore(tmp_path / "state" / "events", keep=False)
    store.advance(small)
    assert not store.path.parent.exists()


def test_interrupted_store_is_overwritten(tmp_path: Path) -> None:
    """What a killed process left beside the file does no harm."""
    small, _ = _notes(tmp_path / "log")
    (tmp_path / "events.next").write_bytes(b"torn")
    store = SeenStore(tmp_path / "events")
    store.advance(small)
    assert store.load() == small


def test_damaged_store_is_told(tmp_path: Path) -> None:
    """It protects nothing any more: fail closed."""
    small, _ = _notes(tmp_path / "log")
    store = SeenStore(tmp_path / "events")
    for damage in (store.path.mkdir, lambda: store.path.write_bytes(b"torn")):
        if store.path.is_dir():
            store.path.rmdir()
        damage()
        with pytest.raises(VerificationFailed) as error:
            store.advance(small)
        assert error.value.finding == "LG718"
