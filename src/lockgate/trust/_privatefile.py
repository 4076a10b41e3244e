"""Reading a file that only its owner may read: a private key, or a passphrase.

A file that others may read counts as lost, and is refused instead of used.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from lockgate.errors import Refused
from lockgate.store.files import open_nofollow, read_fd

_MOST = 64 << 10


def read_private_file(path: Path, what: str) -> bytes:
    """The bytes of `path`. `what` names it in a refusal.

    Raises FileNotFoundError; Refused (LG831) when others than its owner may read it, or it is not this user's.
    """
    fd = open_nofollow(path)
    try:
        _check(os.fstat(fd), path, what)
        return read_fd(fd, _MOST)
    finally:
        os.close(fd)


def _check(status: os.stat_result, path: Path, what: str) -> None:
    if status.st_uid not in {os.geteuid(), 0}:
        raise Refused(
            "LG831",
            f"{what} {path} belongs to another user",
            seen={"file": str(path), "owner": status.st_uid},
            next=f"ls -l {path}",
        )
    if status.st_mode & 0o077:
        raise Refused(
            "LG831",
            f"{what} {path} can be read by others than its owner",
            seen={"file": str(path), "mode": f"{stat.S_IMODE(status.st_mode):04o}"},
            next=f"chmod 600 {path}",
        )
