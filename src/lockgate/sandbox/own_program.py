"""Our own command line in a process of its own, as a person's shell starts it. Not a jail.

For drills: an attack that is replayed goes through the same door as the attacker, with homes for keys and pins of its
own, and nothing of this process reaches the command but what is named here. Whoever leaves, by Ctrl-C too, ends what
was started: `Children`. Who is killed leaves it to a watcher, a process of its own: `Children.watched`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

_GRACE = 5.0
_AFTERWARDS = Path(__file__).with_name("_afterwards.py")


@dataclass(frozen=True)
class Ended:
    """A command that ended. `code`: its exit status; None when it took too long and was killed."""

    code: int | None
    out: bytes
    err: bytes


@dataclass
class Children:
    """What was started and has not ended. After `close` nothing more is started: KeyboardInterrupt instead."""

    _running: set[subprocess.Popen[bytes]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _closed: bool = False
    _watcher: subprocess.Popen[bytes] | None = None

    @contextmanager
    def watched(self, folder: Path) -> Iterator[None]:
        """End all, and remove `folder`, also where this process is killed before the block is left."""
        words = (sys.executable, "-I", "-S", str(_AFTERWARDS), str(folder))
        nowhere = subprocess.DEVNULL
        with subprocess.Popen(
            words, 0, cwd="/", env={}, stdin=subprocess.PIPE, stdout=nowhere, stderr=nowhere, start_new_session=True
        ) as self._watcher:
            yield

    def began(self, process: subprocess.Popen[bytes]) -> None:
        """Remember it; it has a session of its own. Raises KeyboardInterrupt where they were ended meanwhile."""
        with self._lock:
            if not self._closed:
                self._running.add(process)
                self._tell("+", process)
                return
        _end([process])
        raise KeyboardInterrupt

    def ended(self, process: subprocess.Popen[bytes]) -> None:
        """Forget it."""
        with self._lock:
            self._running.discard(process)
            self._tell("-", process)

    def close(self) -> None:
        """End all, each with what it started: as Ctrl-C would, and by force where that does not do within seconds."""
        with self._lock:
            self._closed = True
            left = [one for one in self._running if one.poll() is None]
            self._running.clear()
        _end(left)
        with self._lock:
            for process in left:
                self._tell("-", process)

    def _tell(self, sign: str, process: subprocess.Popen[bytes]) -> None:
        if self._watcher is not None and self._watcher.stdin is not None and not self._watcher.stdin.closed:
            # Where somebody killed the watcher, what it was for is not done; all else is.
            with suppress(BrokenPipeError):
                self._watcher.stdin.write(f"{sign}{process.pid}\n".encode())
                self._watcher.stdin.flush()


def run(
    words: Sequence[str], environ: Mapping[str, str], folder: Path, seconds: float, children: Children | None = None
) -> Ended:
    """Run a command to its end, or kill it and all that it started after `seconds`."""
    known = children or Children()
    with subprocess.Popen(
        list(words),
        cwd=folder,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            known.began(process)
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            _kill(process)
            out, err = process.communicate()
            return Ended(None, out, err)
        except BaseException:
            _end([process])
            raise
        finally:
            known.ended(process)
    return Ended(process.returncode, out, err)


@dataclass(frozen=True)
class Running:
    """A command that goes on, such as `lockgate serve`; what it says goes to files."""

    process: subprocess.Popen[bytes]
    out: Path
    err: Path
    children: Children = field(default_factory=Children)

    @property
    def ended(self) -> int | None:
        """Its exit status once it ended."""
        return self.process.poll()

    def stop(self, seconds: float = 20.0) -> int:
        """As Ctrl-C would; killed where that does not end it, with what it started. Its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
        # What it started and did not end is ended with it.
        _kill(self.process)
        self.children.ended(self.process)
        return self.process.wait()


def start(
    words: Sequence[str],
    environ: Mapping[str, str],
    folder: Path,
    *,
    out: Path,
    err: Path,
    children: Children | None = None,
) -> Running:
    """Start a command that goes on."""
    with out.open("wb") as heard, err.open("wb") as told:
        process = subprocess.Popen(
            list(words),
            cwd=folder,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=heard,
            stderr=told,
            start_new_session=True,
        )
    known = children or Children()
    known.began(process)
    return Running(process, out, err, known)


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
    for process in processes:
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
        _kill(process)
        process.wait()


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
