"""Connections of this machine's users: accepted here, told apart by the kernel's word, handed on unread.

`SO_PEERCRED` is asked outside every jail: inside a user namespace another user's number cannot be told from nobody's.
Not one byte of a peer is read here. Nothing is believed of the folder but that nobody else can write into it, which the
kernel says of the very folder that is held open; the mode is changed of our own socket, whatever lies under its name.
"""

from __future__ import annotations

import os
import socket
import stat
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from lockgate.errors import Unavailable

BACKLOG = 32
AT_ONCE = 32
_CREDENTIALS = struct.Struct("3i")


class Reception:
    """A listening unix socket at `path`. `open_to_all`: every user may knock; who is not enrolled is turned away."""

    def __init__(self, path: Path, *, open_to_all: bool) -> None:
        """Replaces a socket that a former house left: the caller holds the house's lock.

        Raises Unavailable LG626, also where something else lies there, or where others could put something there.
        """
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.setblocking(False)
        self._folder = -1
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            _refuse_shared(self._folder)
            self._remove_former()
            before = os.umask(0o177)
            try:
                self._socket.bind(_name_in(self._folder, path))
            finally:
                os.umask(before)
            with self._found() as found:
                self._ours = os.fstat(found).st_ino
            self._is_open = False
            self.admit(open_to_all=open_to_all)
            self._socket.listen(BACKLOG)
        except OSError as error:
            self._socket.close()
            self._let_go()
            raise Unavailable(
                "LG626",
                f"cannot listen at {path}: {error.strerror}",
                seen={"socket": str(path)},
                next="lockgate doctor",
            ) from None

    def admit(self, *, open_to_all: bool) -> None:
        """Who may knock: this user alone, or everybody. What lies there instead of our socket is left as it is."""
        if open_to_all == self._is_open:
            return
        with suppress(OSError), self._found() as found:
            status = os.fstat(found)
            if stat.S_ISSOCK(status.st_mode) and status.st_ino == self._ours:
                # A path again, but of the very thing that was looked at: a name could be another's by now.
                os.chmod(f"/proc/self/fd/{found}", 0o666 if open_to_all else 0o600)
                self._is_open = open_to_all

    def step(self, names: Mapping[int, str]) -> Iterator[tuple[socket.socket, int, str]]:
        """Who knocked since: the connection, the user, and the name by which that user is enrolled, or ""."""
        for _ in range(AT_ONCE):
            try:
                sock, _ = self._socket.accept()
            except OSError:
                return
            uid = peer_uid(sock)
            yield sock, uid, names.get(uid, "")

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()
        with suppress(OSError):
            self._remove_former()
        self._let_go()

    def _remove_former(self) -> None:
        """Raises FileExistsError for what is no socket: it is not ours to remove."""
        try:
            status = os.stat(self.path.name, dir_fd=self._folder, follow_symlinks=False)
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(status.st_mode):
            raise FileExistsError(0, "something that is no socket lies there")
        os.unlink(self.path.name, dir_fd=self._folder)

    @contextmanager
    def _found(self) -> Iterator[int]:
        """What lies there, itself and not what it leads to, as a descriptor that only names it."""
        found = os.open(self.path.name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._folder)
        try:
            yield found
        finally:
            os.close(found)

    def _let_go(self) -> None:
        if self._folder >= 0:
            os.close(self._folder)
            self._folder = -1


def connect_unix(path: Path) -> socket.socket:
    """A connection to a socket in the file system. Raises OSError."""
    sock = socket.socket(socket.AF_UNIX)
    folder = -1
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        sock.connect(_name_in(folder, path))
    except BaseException:
        sock.close()
        raise
    finally:
        if folder >= 0:
            os.close(folder)
    return sock


def peer_uid(sock: socket.socket) -> int:
    """The user at the other end, as the kernel knew it when the connection was made."""
    _, uid, _ = _CREDENTIALS.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return int(uid)


def _refuse_shared(folder: int) -> None:
    """Raises PermissionError for a folder in which others could put something in our socket's place.

    Where it is sticky, as /tmp, only the owner of a name can take it away.
    """
    status = os.fstat(folder)
    others = status.st_mode & 0o022 and not status.st_mode & stat.S_ISVTX
    if others or status.st_uid not in {0, os.geteuid()}:
        raise PermissionError(0, "others can write into its folder (chmod go-w, or choose another)")


def _name_in(folder: int, path: Path) -> str:
    """A name of `path` that fits into the 108 bytes of a socket's address, however deep its folder is."""
    return f"/proc/self/fd/{folder}/{path.name}"
