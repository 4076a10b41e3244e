"""A folder of write-once files named by the SHA-256 of their content.

    <folder>/41d0...c2        64 hex digits, mode 0444, never replaced
    <staging>/.lockgate-*.tmp what is being written; outside the folder, so that the folder holds blobs only

Trusts nobody: whoever can write to the folder can damage or remove a blob, which every read notices.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from lockgate.core.digest import Digest, digest_of, from_hex, hex_of
from lockgate.errors import VerificationFailed
from lockgate.store.files import (
    CHUNK,
    damaged,
    fsync_folder,
    hash_fd,
    missing,
    open_nofollow,
    publish,
    read_verified,
    staged,
    write_all,
    writing,
)

_NAME = re.compile(r"[0-9a-f]{64}")
MOST = 1 << 30


class BlobStore:
    """`folder` holds the blobs; `staging` what is being written, on the same file system."""

    def __init__(self, folder: Path, staging: Path) -> None:
        self.folder = folder
        self.staging = staging

    def put(self, content: bytes | BinaryIO, *, mode: int = 0o444) -> Digest:
        """Store `content` durably and return its digest; storing what is there already changes nothing.

        Raises VerificationFailed (LG802) when the blob is there with other bytes: a damaged blob is evidence
        and is not overwritten. Raises Unavailable (LG801) when the disk is full; then nothing was stored.
        """
        if isinstance(content, bytes) and self.has(digest_of(content)):
            self.check(digest_of(content))
            return digest_of(content)
        with writing(self.folder), staged(self.staging, mode) as (fd, temporary):
            digest = _copy(content, fd)
            os.fsync(fd)
            self._make_folder()
            try:
                publish(temporary, self.path(digest))
            except FileExistsError:
                self.check(digest)
        return digest

    def read(self, digest: Digest, most: int = MOST) -> bytes:
        """The verified bytes of a blob. VerificationFailed: LG805 missing, LG802 other bytes, LG806 too large."""
        return read_verified(self.path(digest), digest, most)

    def open(self, digest: Digest) -> int:
        """A descriptor at offset 0 whose content was hashed through this very descriptor. The caller closes it.

        A file can still be written in place by whoever owns it: who needs the bytes unchanged copies them
        to memory first, or hashes while reading.
        """
        fd = self.open_unverified(digest)
        seen = hash_fd(fd)
        if seen != digest:
            os.close(fd)
            raise damaged(self.path(digest), digest, seen)
        return fd

    def open_unverified(self, digest: Digest) -> int:
        """A descriptor at offset 0, for whoever copies and hashes the copy: nothing was read yet. The caller closes it.

        Raises VerificationFailed: LG805 missing, LG803 not a regular file.
        """
        try:
            return open_nofollow(self.path(digest))
        except FileNotFoundError:
            raise missing(self.path(digest), digest) from None

    def check(self, digest: Digest) -> int:
        """Verify a blob and return its size."""
        fd = self.open(digest)
        try:
            return os.fstat(fd).st_size
        finally:
            os.close(fd)

    def write_to(self, digest: Digest, path: Path, mode: int = 0o644) -> None:
        """Write a blob to `path`, durably and in small pieces: what has that name then was hashed as it was written.

        Raises VerificationFailed: LG805 missing, LG802 other bytes; Unavailable LG801.
        """
        with open(self.open_unverified(digest), "rb") as source, writing(path), staged(path.parent, mode) as made:
            fd, temporary = made
            seen = _copy(source, fd)
            if seen != digest:
                raise damaged(self.path(digest), digest, seen)
            os.fsync(fd)
            os.rename(temporary, path)
            fsync_folder(path.parent)

    def path(self, digest: Digest) -> Path:
        """Where the blob is, or would be."""
        return self.folder / hex_of(digest)

    def has(self, digest: Digest) -> bool:
        """Whether a file of that name is there. Says nothing about its bytes."""
        return os.path.lexists(self.path(digest))

    def names(self) -> Iterator[Digest]:
        """The digests of all blobs, sorted. Any other name in the folder is VerificationFailed (LG804)."""
        with suppress(FileNotFoundError):
            for name in sorted(os.listdir(self.folder)):
                if not _NAME.fullmatch(name):
                    raise VerificationFailed(
                        "LG804",
                        f"{self.folder / name} does not belong here: only files named by their digest do",
                        seen={"file": str(self.folder / name)},
                        next=f"look at {self.folder / name}, then move it away",
                    )
                yield from_hex(name)

    def remove(self, digest: Digest) -> None:
        """Forget a blob that no statement names. The caller has made sure of that."""
        with writing(self.path(digest)):
            os.unlink(self.path(digest))
            fsync_folder(self.folder)

    def _make_folder(self) -> None:
        if not self.folder.is_dir():
            self.folder.mkdir(parents=True)
            fsync_folder(self.folder.parent)


def _copy(content: bytes | BinaryIO, fd: int) -> Digest:
    if isinstance(content, bytes):
        write_all(fd, content)
        return digest_of(content)
    state = hashlib.sha256()
    while piece := content.read(CHUNK):
        state.update(piece)
        write_all(fd, piece)
    return from_hex(state.hexdigest())
