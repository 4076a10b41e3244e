"""Debian's redis-server, started for a test in a folder of its own, on a socket and on a port of loopback."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

PASSWORD = "only-for-tests"
USER = "lockgate"
ACL = f"user {USER} on >{PASSWORD} resetkeys ~lockgate:* resetchannels -@all +evalsha +script|load +get +set +time"


class RedisServer:
    """It forgets everything when it is killed, as one that does not write to disk does."""

    def __init__(self, folder: Path, *more: str) -> None:
        self.path = folder / "redis.sock"
        self.port = _free_port()
        self._folder = folder
        self._more = more
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "users.acl").write_text(f"user default off\n{ACL}\nuser root on >{PASSWORD} ~* &* +@all\n")

    def secure(self) -> None:
        """From the next start on its port speaks TLS."""
        self._more = tuple(str(self.port) if word == "0" else word for word in self._more)

    def start(self) -> None:
        """Up, and answering."""
        port = () if "--tls-port" in self._more else ("--port", str(self.port))
        self._process = subprocess.Popen(
            [
                *("redis-server", "--save", "", "--appendonly", "no", "--dir", str(self._folder)),
                *("--unixsocket", str(self.path), "--bind", "127.0.0.1", "--aclfile", str(self._folder / "users.acl")),
                *(port or ("--port", "0")),
                *self._more,
            ],
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with suppress(OSError), self.connect() as one:
                one.sendall(b"PING\r\n")
                if one.recv(100):
                    return
            time.sleep(0.01)
        raise AssertionError("redis-server did not come up")

    def connect(self) -> socket.socket:
        """A connection nobody has logged in on."""
        one = socket.socket(socket.AF_UNIX)
        try:
            one.settimeout(5)
            one.connect(str(self.path))
        except BaseException:
            one.close()
            raise
        return one

    def logged_in(self, user: str = USER) -> socket.socket:
        """A connection as the supervisor hands it over."""
        one = self.connect()
        one.sendall(f"AUTH {user} {PASSWORD}\r\n".encode())
        assert one.recv(100) == b"+OK\r\n"
        return one

    def say(self, *words: str) -> bytes:
        """One command of the operator's; the beginning of the answer."""
        with self.logged_in("root") as one:
            one.sendall((" ".join(words) + "\r\n").encode())
            return one.recv(65536)

    def kill(self) -> None:
        """Gone at once, with all that it knew."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self, *, on: bool) -> None:
        """Silent, with its connections open; or going on."""
        import signal

        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP if on else signal.SIGCONT)


def need_redis() -> None:
    """Skip where the machine has none."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed: apt-get install redis-server")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        found: int = one.getsockname()[1]
    return found
