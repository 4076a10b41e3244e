"""Tell what training code tried and was denied, with package, file and line. Runs in the train jail.

This is help for honest code and a trace of the careless, not a boundary: the boundary is the jail. Each attempt is
written at once to standard error, between a record separator (0x1E) and a newline, because what was streamed to
the launcher can no longer be taken back by the code that follows.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from lockgate.contract.jail.outcome import place

MARK = b"\x1e"
MOST = 50

_NETWORK = frozenset(
    {
        *("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"),
        *("socket.getnameinfo", "socket.sendto", "socket.sendmsg"),
    }
)
_FILES = frozenset({"open", "os.listdir", "os.scandir"})
_SHOWN = ("/usr", "/lib", "/lib64", "/bin", "/env", "/lockgate", "/dev", "/proc", "/sys")
_INSIDE = (*_SHOWN, *(str(place(each)) for each in ("/in", "/out", "/tmp", "/job", "/env", "/lockgate", "/model")))
_ORDINARY = (  # what libraries look for on any machine
    *("/etc/localtime", "/etc/timezone", "/etc/os-release", "/etc/mime.types", "/etc/hosts", "/etc/resolv.conf"),
    *("/etc/nsswitch.conf", "/etc/ssl", "/etc/pki", "/etc/fonts", "/etc/matplotlibrc", "/etc/papersize"),
)
_SECRET = frozenset(
    {".ssh", ".aws", ".netrc", ".kube", ".docker", ".gnupg", ".azure", ".git-credentials", ".pgpass", "gcloud"}
)
_FETCHES = frozenset({"curl", "wget", "ssh", "scp", "sftp", "rsync", "ftp", "nc", "ncat", "telnet"})
_STARTS = "subprocess.Popen"


class Watch:
    """Call `install` before the user's code starts; there is no way to uninstall."""

    def __init__(self, write: Callable[[bytes], object], *, job: str = "/job") -> None:
        self._write = write
        self._job = job
        self._inside = (*_INSIDE, os.path.realpath(sys.base_prefix), sys.base_prefix, sys.prefix)
        self._seen: set[tuple[str, str, str]] = set()
        self._busy = False

    def install(self) -> None:
        """Watch from now on."""
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._busy or (event not in _NETWORK and event not in _FILES and event not in ("socket.__new__", _STARTS)):
            return
        self._busy = True
        try:
            if event in _FILES:
                self._file(arguments[0])
            elif event == "socket.__new__":
                self._family(arguments[1])
            elif event == _STARTS:
                self._program(arguments)
            elif not self._own_socket(arguments):
                self._told("network", _target(arguments))
        finally:
            self._busy = False

    def _family(self, family: object) -> None:
        if family in (socket.AF_UNIX, -1) or _importing(self._job):
            return
        name = family.name if isinstance(family, socket.AddressFamily) else str(family)
        self._told("network", f"a socket of family {name}")

    def _own_socket(self, arguments: tuple[Any, ...]) -> bool:
        """Whether this is talk between the run's own processes: a unix socket that lies inside, or has no path."""
        if not arguments or getattr(arguments[0], "family", None) != socket.AF_UNIX:
            return False
        address = arguments[1] if len(arguments) > 1 else None
        if not isinstance(address, str | bytes) or address[:1] in ("", b"", "\0", b"\0"):
            return True
        return _under(os.path.normpath(os.fsdecode(address)), self._inside)

    def _program(self, arguments: tuple[Any, ...]) -> None:
        """A program that is there to fetch or to send: what it does is out of sight, that it is started is not."""
        named = [os.fsdecode(word) for word in _words(arguments) if isinstance(word, str | bytes | os.PathLike)]
        if named and os.path.basename(named[0]) in _FETCHES:
            self._told("network", " ".join(named)[:200])

    def _file(self, path: object) -> None:
        if isinstance(path, bytes):
            path = os.fsdecode(path)
        if not isinstance(path, str) or not path.startswith("/"):
            return
        plain = os.path.normpath(path)
        secret = not _SECRET.isdisjoint(plain.split("/")) and not _under(plain, _SHOWN)
        if secret or not (_under(plain, self._inside) or _under(plain, _ORDINARY)):
            self._told("file", plain)

    def _told(self, what: str, target: str) -> None:
        package, at = _origin(self._job)
        record = (what, target[:200], at)
        if record in self._seen or len(self._seen) >= MOST:
            return
        self._seen.add(record)
        told = {"what": what, "target": target[:200], "package": package, "at": at}
        self._write(MARK + json.dumps(told, ensure_ascii=True).encode() + b"\n")


def _words(arguments: tuple[Any, ...]) -> list[Any]:
    """The command line of a `subprocess.Popen` event: (executable, arguments, directory, environment)."""
    given = arguments[1] if len(arguments) > 1 else ()
    words = given.split() if isinstance(given, str) else list(given) if isinstance(given, list | tuple) else [given]
    # With shell=True the command stands behind `sh -c`.
    if len(words) > 2 and words[1] in ("-c", b"-c") and isinstance(words[2], str):
        return words[2].split()
    return words


def _target(arguments: tuple[Any, ...]) -> str:
    found = [value for value in arguments if isinstance(value, str | bytes | int | tuple) and value is not None]
    first = found[0] if found else ""
    if isinstance(first, tuple):
        return ":".join(str(part) for part in first[:2])
    port = f":{found[1]}" if len(found) > 1 and isinstance(found[1], str | int) and found[1] else ""
    return f"{first.decode(errors='replace') if isinstance(first, bytes) else first}{port}"


def _origin(job: str) -> tuple[str, str]:
    """The package nearest to the attempt, and the line of the user's own code that led there."""
    package, frame = "", _caller()
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(job + "/"):
            return package, f"{file[len(job) + 1 :]}:{frame.f_lineno}"
        _, found, rest = file.partition("/site-packages/")
        if found and not package:
            package = rest.split("/")[0].removesuffix(".py")
        frame = frame.f_back
    return package, ""


def _importing(job: str) -> bool:
    """Whether a library does this while it is imported, as some do to learn what the machine can."""
    frame = _caller()
    while frame is not None and not frame.f_code.co_filename.startswith(job + "/"):
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _caller() -> FrameType | None:
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the stack is what we ask for
    while frame is not None and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    return frame


def _under(path: str, places: tuple[str, ...]) -> bool:
    return any(path == place or path.startswith(place + "/") for place in places)
