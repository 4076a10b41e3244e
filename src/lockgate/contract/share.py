"""The copy of a snapshot on a folder that all machines of a cluster see. The host's side."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lockgate.contract.cluster import Cluster
from lockgate.core.digest import Digest, from_hex
from lockgate.errors import Usage
from lockgate.store.files import CHUNK, open_nofollow, write_all, writing

_FOLDER, _FILE = 0o750, 0o640
_LOOSE = 0o077


@dataclass(frozen=True)
class Shared:
    """A cluster, and where its workers find the snapshot, with the digest of the bytes that were written there."""

    cluster: Cluster
    path: Path
    digest: Digest

    def as_json(self) -> dict[str, object]:
        """What the jail that asks the cluster is told."""
        return {"address": self.cluster.address, "path": str(self.path), "digest": self.digest}


@contextmanager
def shown(snapshot: Path, cluster: Cluster) -> Iterator[Shared]:
    """`snapshot` on the share for the block, for its owner and the share's group; afterwards it is gone.

    Raises Usage LG224 about the files and the share, Unavailable LG801 when the share cannot be written.
    """
    _check(cluster)
    folder = cluster.share / f"lockgate-{secrets.token_hex(16)}"
    try:
        with writing(folder):
            folder.mkdir()
            folder.chmod(_FOLDER | (folder.stat().st_mode & 0o2000))  # the group of a share is its folder's
            digest = _copied(snapshot, folder / snapshot.name)
        yield Shared(cluster, folder / snapshot.name, digest)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copied(snapshot: Path, target: Path) -> Digest:
    state = hashlib.sha256()
    source = open_nofollow(snapshot)
    try:
        fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, _FILE)
        try:
            os.fchmod(fd, _FILE)
            while piece := os.read(source, CHUNK):
                state.update(piece)
                write_all(fd, piece)
            os.fsync(fd)
        finally:
            os.close(fd)
    finally:
        os.close(source)
    return from_hex(state.hexdigest())


def _check(cluster: Cluster) -> None:
    for path in (cluster.ca, cluster.certificate, cluster.key):
        if not path.is_file():
            raise _wrong(f"{path} is not a file", path, f"ls -l {path}")
    if cluster.key.stat().st_mode & _LOOSE:
        raise _wrong(f"{cluster.key} can be read by others", cluster.key, f"chmod 600 {cluster.key}")
    if not cluster.share.is_absolute() or not cluster.share.is_dir():
        raise _wrong(
            f"{cluster.share} is not a folder by its absolute path",
            cluster.share,
            "give --cluster-share the folder that is mounted under the same path on every machine",
        )


def _wrong(why: str, path: Path, following: str) -> Usage:
    return Usage("LG224", f"the cluster cannot be used: {why}", seen={"path": str(path)}, next=following)
