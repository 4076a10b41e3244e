"""store.blobs: write-once, verified on every read, nothing half-stored."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path

import pytest

from lockgate.core.digest import Digest, digest_of
from lockgate.errors import Unavailable, VerificationFailed
from lockgate.store.blobs import BlobStore


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    """An empty store that does not exist on disk yet."""
    return BlobStore(tmp_path / "blobs" / "sha256", tmp_path / "staging")


def damage(store: BlobStore, digest: Digest, data: bytes) -> None:
    """Write other bytes into a blob, as its owner can."""
    path = store.path(digest)
    path.chmod(0o600)
    path.write_bytes(data)


def test_put_and_read(store: BlobStore) -> None:
    """Bytes and streams are stored under their digest, read-only, and come back."""
    one, two = store.put(b"one"), store.put(io.BytesIO(b"two" * 700_000))
    assert one == digest_of(b"one")
    assert store.read(one) == b"one"
    assert store.check(two) == 2_100_000
    assert list(store.names()) == sorted([one, two])
    assert store.path(one).stat().st_mode & 0o777 == 0o444
    assert os.listdir(store.staging) == []


def test_put_is_idempotent(store: BlobStore) -> None:
    """Storing again changes nothing, not even the inode."""
    digest = store.put(b"one")
    inode = store.path(digest).stat().st_ino
    assert store.put(b"one") == store.put(io.BytesIO(b"one")) == digest
    assert store.path(digest).stat().st_ino == inode


@pytest.mark.parametrize("content", [b"one", io.BytesIO(b"one")], ids=["bytes", "stream"])
def test_a_damaged_blob_is_refused_and_not_overwritten(store: BlobStore, content: bytes) -> None:
    """Neither reading nor storing again hides that a blob was changed."""
    digest = store.put(b"one")
    damage(store, digest, b"two")
    for act in (lambda: store.read(digest), lambda: store.put(content), lambda: store.check(digest)):
        with pytest.raises(VerificationFailed) as caught:
            act()
        assert caught.value.finding == "LG802"
    assert store.path(digest).read_bytes() == b"two"


def test_a_missing_blob_is_refused(store: BlobStore) -> None:
    """Missing is a verification failure, not a crash."""
    for act in (store.read, store.open):
        with pytest.raises(VerificationFailed) as caught:
            act(digest_of(b"none"))
        assert caught.value.finding == "LG805"


def test_a_symlink_is_no_blob(store: BlobStore, tmp_path: Path) -> None:
    """Even a symlink to the very bytes is refused: it can be turned later."""
    digest = store.put(b"one")
    os.rename(store.path(digest), tmp_path / "elsewhere")
    store.path(digest).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(VerificationFailed) as caught:
        store.read(digest)
    assert caught.value.finding == "LG803"


def test_open_gives_the_descriptor_that_was_hashed(store: BlobStore) -> None:
    """Replacing the file after `open` does not change what the descriptor reads."""
    digest = store.put(b"one")
    fd = store.open(digest)
    os.rename(store.path(digest), store.folder / "old")
    damaged = store.path(digest)
    damaged.write_bytes(b"two")
    assert os.read(fd, 9) == b"one"
    os.close(fd)


def test_strange_names_are_refused(store: BlobStore) -> None:
    """A file that is no digest does not belong into the folder."""
    store.put(b"one")
    (store.folder / "hook.pkl").write_bytes(b"")
    with pytest.raises(VerificationFailed) as caught:
        list(store.names())
    assert caught.value.finding == "LG804"


@pytest.mark.parametrize("call", ["write", "fsync", "link"])
def test_a_full_disk_stores_nothing(store: BlobStore, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """Whichever call fails, there is no blob, no temporary file, and a hint."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(Unavailable) as caught:
            store.put(b"one")
    assert caught.value.finding == "LG801"
    assert list(store.names()) == []
    assert os.listdir(store.staging) == []
    assert store.read(store.put(b"one")) == b"one"


def test_an_interrupt_stores_nothing(store: BlobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C between writing and naming leaves no blob; the next run stores it."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", interrupt)
        with pytest.raises(KeyboardInterrupt):
            store.put(b"one")
    assert list(store.names()) == []
    assert store.read(store.put(b"one")) == b"one"


def test_remove(store: BlobStore) -> None:
    """A removed blob is gone; removing what is not there is said."""
    digest = store.put(b"one")
    store.remove(digest)
    assert not store.has(digest)
    with pytest.raises(Unavailable):
        store.remove(digest)
