"""Landlock, as the harness uses it: make the ruleset, witness it, and let the target enter it.

The domain is the target's and not the harness's: who is in it can signal nobody outside of it. Its witness is a child
of the harness that tries each refusal twice, before and after it has entered the very ruleset that the target gets:
only what worked before was refused by Landlock and by nothing else.
"""

from __future__ import annotations

import os
import stat

from lockgate.sandbox.jail import foreign as ctypes

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
RULE_PATH_BENEATH = 1
# The rights that make sense for a file; the kernel refuses a rule that gives it others.
OF_FILES = 0b111 | 1 << 14 | 1 << 15
EPERM, EACCES = 1, 13
TCGETS = 0x5401
NO_SUCH_SOCKET = -1
WANTED = {"signal": EPERM, "abstract": EPERM}

Rows = dict[str, list[list[bytes]]]
Witness = tuple[str, str, str, str]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class _Ruleset(ctypes.Structure):
    """struct landlock_ruleset_attr. An older kernel takes it as long as what it does not know is 0."""

    _fields_ = (("paths", ctypes.c_uint64), ("tcp", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    """struct landlock_path_beneath_attr."""

    _pack_ = 1
    _fields_ = (("rights", ctypes.c_uint64), ("parent", ctypes.c_int32))


def ruleset(rows: Rows, libc: ctypes.CDLL) -> int:
    """A descriptor of the ruleset that the rows name, or -1 when they name none. Raises OSError."""
    for paths, tcp, scopes in rows.get("landlock", []):
        wanted = _Ruleset(int(paths), int(tcp), int(scopes))
        made = _call(libc, CREATE_RULESET, ctypes.byref(wanted), ctypes.c_size_t(ctypes.sizeof(wanted)), 0)
        for rights, path in rows.get("allowed", []):
            allow(libc, made, int(rights), path)
        return made
    return -1


def allow(libc: ctypes.CDLL, made: int, rights: int, path: bytes) -> None:
    """Add one rule; none for what is not there, so that it stays refused. Raises OSError."""
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(opened).st_mode):
            rights &= OF_FILES
        if rights:
            rule = _Beneath(rights, opened)
            _call(libc, ADD_RULE, ctypes.c_int(made), ctypes.c_int(RULE_PATH_BENEATH), ctypes.byref(rule), 0)
    finally:
        os.close(opened)


def enter(libc: ctypes.CDLL, made: int) -> None:
    """Restrict this process, and all that it starts, for good. Nothing when there is no ruleset. Raises OSError."""
    if made >= 0:
        _call(libc, RESTRICT_SELF, ctypes.c_int(made), 0)


def witnesses(rows: Rows, libc: ctypes.CDLL, made: int) -> list[Witness]:
    """One per attempt that the rows name."""
    attempts = [(name.decode(), kind.decode(), path) for name, kind, path in rows.get("landlocked", [])]
    if not attempts:
        return []
    answers = _tried(attempts, libc, made)
    found = []
    for index, (name, kind, _) in enumerate(attempts):
        without, inside = answers[index] if index < len(answers) else (0, 0)
        holds = _refused(kind, without, inside)
        witness = f"errno {inside}, and {without} without" if made >= 0 else "no ruleset"
        found.append((f"landlock {name}", "landlock", "1" if holds else "0", witness))
    return found


def _refused(kind: str, without: int, inside: int) -> bool:
    if kind == "absent":
        # A file of the launcher's user, which the jail's own user may not find anyway.
        return inside != 0
    if (without, inside) == (NO_SUCH_SOCKET, NO_SUCH_SOCKET):
        # Where there is no such socket to begin with, there is nothing that could be reached with it.
        return True
    return inside == WANTED.get(kind, EACCES) and without != inside


def _tried(attempts: list[tuple[str, str, bytes]], libc: ctypes.CDLL, made: int) -> list[tuple[int, int]]:
    """The errno of each attempt, before and inside; fewer where the child did not get that far."""
    import _socket  # a built-in of the interpreter; `socket` would cost more than the jail

    listening = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM) if _has(attempts, "abstract") else None
    name = b""
    if listening is not None:
        listening.bind(b"")
        listening.listen(4)
        name = listening.getsockname()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            given = [(_ATTEMPTS[kind], name if kind == "abstract" else path) for _, kind, path in attempts]
            before = [attempt(argument, libc) for attempt, argument in given]
            enter(libc, made)
            after = [attempt(argument, libc) for attempt, argument in given]
            os.write(writing, b"".join(b"%d %d\n" % pair for pair in zip(before, after, strict=True)))
        finally:
            os._exit(0)
    os.close(writing)
    said = b""
    while data := os.read(reading, 65536):
        said += data
    os.close(reading)
    os.waitpid(child, 0)
    if listening is not None:
        listening.close()
    return [(int(line.split()[0]), int(line.split()[1])) for line in said.splitlines()]


def _has(attempts: list[tuple[str, str, bytes]], kind: str) -> bool:
    return any(wanted == kind for _, wanted, _ in attempts)


def _list(path: bytes, _libc: ctypes.CDLL) -> int:
    return _errno(lambda: os.close(os.open(path, os.O_RDONLY | os.O_DIRECTORY)))


def _read(path: bytes, _libc: ctypes.CDLL) -> int:
    return _errno(lambda: os.close(os.open(path, os.O_RDONLY)))


def _make(path: bytes, _libc: ctypes.CDLL) -> int:
    def make() -> None:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        os.unlink(path)

    return _errno(make)


def _ioctl(path: bytes, libc: ctypes.CDLL) -> int:
    try:
        opened = os.open(path, os.O_RDONLY)
    except OSError as error:
        return error.errno or 0
    ctypes.set_errno(0)
    result = libc.ioctl(opened, ctypes.c_ulong(TCGETS), ctypes.create_string_buffer(256))
    os.close(opened)
    return ctypes.get_errno() if result < 0 else 0


def _signal(_argument: bytes, _libc: ctypes.CDLL) -> int:
    return _errno(lambda: os.kill(os.getppid(), 0))


def _tcp(method: str, address: tuple[str, int]) -> int:
    import _socket

    try:
        tried = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    except OSError:
        return NO_SUCH_SOCKET
    tried.setblocking(False)
    found = _errno(lambda: getattr(tried, method)(address))
    tried.close()
    return found


def _abstract(name: bytes, _libc: ctypes.CDLL) -> int:
    import _socket

    tried = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    found = _errno(lambda: tried.connect(name))
    tried.close()
    return found


_ATTEMPTS: dict[str, Callable[[bytes, ctypes.CDLL], int]] = {
    "list": _list,
    "read": _read,
    "absent": _read,
    "make": _make,
    "ioctl": _ioctl,
    "bind": lambda _argument, _libc: _tcp("bind", ("0.0.0.0", 0)),
    "connect": lambda _argument, _libc: _tcp("connect", ("127.0.0.1", 9)),
    "signal": _signal,
    "abstract": _abstract,
}


def _errno(attempt: Callable[[], object]) -> int:
    try:
        attempt()
    except OSError as error:
        return error.errno or 0
    return 0


def _call(libc: ctypes.CDLL, number: int, *arguments: object) -> int:
    result: int = libc.syscall(ctypes.c_long(number), *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), f"landlock call {number}")
    return result
