"""The private folder of one jail without a root of its own: made, locked while it is in use, and removed.

What a launcher that was killed could not remove, a later one does: a folder of ours that nobody holds locked.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import stat
import tempfile
import time
from contextlib import suppress

_NAME = re.compile(r"lockgate-jail-[0-9a-f]{16}\Z")
# Younger ones may be on the way from being made to being locked.
_OLD = 600.0


def new_path() -> str:
    """Where the next one will be. Nothing is made yet."""
    return os.path.join(os.path.realpath(tempfile.gettempdir()), f"lockgate-jail-{secrets.token_hex(8)}")


class Scratch:
    """The folder at `path`, 0700, made by this call. Raises OSError."""

    def __init__(self, path: str) -> None:
        # Held from before a launcher that is root covers the host's `/tmp` for its thread.
        self._above = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._name = os.path.basename(path)
        _sweep(self._above)
        os.mkdir(self._name, 0o700, dir_fd=self._above)
        self._held = _opened(self._name, self._above)
        fcntl.flock(self._held, fcntl.LOCK_EX)

    def remove(self) -> None:
        """Nothing runs any more that could change it meanwhile. What cannot be removed stays for the next sweep."""
        if self._above >= 0:
            _remove(self._name, self._above)
            os.close(self._held)
            os.close(self._above)
            self._above = -1


def _sweep(above: int) -> None:
    for name in os.listdir(above):
        if not _NAME.match(name):
            continue
        with suppress(OSError):
            status = os.lstat(name, dir_fd=above)
            if status.st_uid != os.geteuid() or time.time() - status.st_mtime < _OLD:
                continue
            held = _opened(name, above)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(name, above)
            finally:
                os.close(held)


def _opened(name: str, above: int) -> int:
    return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=above)


def _remove(name: str, above: int) -> None:
    with suppress(OSError):
        for _, names, _, folder in os.fwalk(name, dir_fd=above):
            for inside in names:
                # A folder without rights would keep what is in it.
                if stat.S_ISDIR(os.lstat(inside, dir_fd=folder).st_mode):
                    os.chmod(inside, 0o700, dir_fd=folder)
    shutil.rmtree(name, ignore_errors=True, dir_fd=above)
