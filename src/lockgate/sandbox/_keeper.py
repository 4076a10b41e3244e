"""One thread per jail: bubblewrap's parent, and where the watchdog looks.

The kernel sends the parent-death signal when the thread that started a process ends, not the process; so
the thread that starts bubblewrap stays until the jail has ended.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import threading
from contextlib import suppress

from lockgate.errors import Unfit
from lockgate.sandbox._bwrap import Bubblewrap, bubblewrap_arguments
from lockgate.sandbox._step0 import prepare, prepare_as_root
from lockgate.sandbox._view import View
from lockgate.sandbox.jail import harness
from lockgate.sandbox.settings import JailSettings
from lockgate.sandbox.watchdog import Ended, Watchdog

# The packages above the harness are named but not run: their doors import what costs more than the jail itself.
# That we import it here leaves its bytecode where the jail finds it.
_BOOT = (
    "import sys\n"
    "for name in ('lockgate', 'lockgate.sandbox'):\n"
    "    sys.modules[name] = type(sys)(name)\n"
    "    sys.modules[name].__path__ = ['/lockgate/' + name.replace('.', '/')]\n"
    f"from {harness.__package__} import harness\n"
    "harness.main()"
)


class Keeper(threading.Thread):
    """Starts one jail and keeps it. `start_jail` returns once bubblewrap runs; `ended` is set when it has ended."""

    def __init__(self, settings: JailSettings, view: View, bwrap: Bubblewrap, ours: socket.socket) -> None:
        super().__init__(name=f"jail-{settings.name}", daemon=True)
        self._settings, self._view, self._bwrap = settings, view, bwrap
        self._ours = ours
        self._begun = threading.Event()
        self._hand_on: tuple[int, int, tuple[int, ...]] = (-1, -1, ())
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._watchdog: Watchdog | None = None
        self._pidfd = -1
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._failure: BaseException | None = None
        self.ended = threading.Event()
        self.closes_channel = False
        self.status: int | None = None
        self.verdict: Ended | None = None

    def start_jail(self, theirs: socket.socket, words: int, held: tuple[int, ...]) -> None:
        """Start bubblewrap. The jail's first process gets `theirs` as descriptor 0, `words` as 1 and 2, and `held`.

        Raises Unfit LG904 when root cannot be given up, LG907 when bubblewrap cannot be started.
        """
        self._hand_on = (theirs.fileno(), words, held)
        self.start()
        self._begun.wait()
        if self._failure is not None:
            self.join()
            if isinstance(self._failure, OSError):
                raise _cannot_start(self._failure) from self._failure
            raise self._failure

    def know(self, pid: int) -> None:
        """The jail's first process is the host's `pid`: with it, everything in the jail ends."""
        with self._lock, suppress(ProcessLookupError):
            if self._wake >= 0:
                self._pidfd = os.pidfd_open(pid)

    def watch(self, watchdog: Watchdog) -> None:
        """From now on end the jail when a limit is exceeded."""
        self._watchdog = watchdog
        with self._lock:
            if self._wake >= 0:
                os.eventfd_write(self._wake, 1)

    def kill(self, verdict: Ended | None = None) -> None:
        """End the jail at once; the first verdict stays."""
        self.verdict = self.verdict or verdict
        self.signal(signal.SIGKILL)
        if self._pidfd < 0 and self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()

    def signal(self, number: int) -> None:
        """Send a signal to the jail's first process, which forwards it to the target."""
        with self._lock, suppress(ProcessLookupError):
            if self._pidfd >= 0:
                signal.pidfd_send_signal(self._pidfd, number)

    @property
    def peak_memory(self) -> int:
        """The most memory that the watchdog has seen, in bytes."""
        return self._watchdog.peak_memory if self._watchdog is not None else 0

    def run(self) -> None:
        """The thread."""
        try:
            process = self._process = self._spawn()
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that asked
            self._failure = error
            self._begun.set()
            self.ended.set()
            return
        self._begun.set()
        self._keep(process)

    def _spawn(self) -> subprocess.Popen[bytes]:
        channel, words, held = self._hand_on
        start = (prepare_as_root if os.geteuid() == 0 else prepare)(self._view, self._bwrap)
        arguments = bubblewrap_arguments(start.view, network=self._settings.network)
        options = os.memfd_create("options", os.MFD_CLOEXEC)
        try:
            os.write(options, b"".join(os.fsencode(argument) + b"\0" for argument in arguments))
            os.lseek(options, 0, os.SEEK_SET)
            python = str(self._settings.python.base_python)
            identity = start.identity
            return subprocess.Popen(
                [str(start.bwrap), "--args", str(options), "--", python, "-I", "-S", "-B", "-c", _BOOT],
                env={},
                cwd="/",
                stdin=channel,
                stdout=words,
                stderr=words,
                pass_fds=(options, *held),
                start_new_session=True,
                user=None if identity is None else identity.uid,
                group=None if identity is None else identity.gid,
                extra_groups=None if identity is None else (),
            )
        finally:
            os.close(options)

    def _keep(self, process: subprocess.Popen[bytes]) -> None:
        pidfd = os.pidfd_open(process.pid)
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        while True:
            watchdog = self._watchdog
            ready = poll.poll(None if watchdog is None else max(1, round(watchdog.interval * 1000)))
            if any(number == pidfd for number, _ in ready):
                break
            if ready:
                os.eventfd_read(self._wake)
            if watchdog is not None and self.verdict is None and (verdict := watchdog.look()) is not None:
                self.kill(verdict)
        self.status = process.wait()
        os.close(pidfd)
        with self._lock:
            if self._pidfd >= 0:
                _await(self._pidfd)
                os.close(self._pidfd)
                self._pidfd = -1
            os.close(self._wake)
            self._wake = -1
        if self._watchdog is not None:
            self._watchdog.close()
        if self.closes_channel:
            self._ours.close()
        self.ended.set()


def _await(pidfd: int) -> None:
    """Wait for the end of a jail's first process: the kernel ends it only after all others of its namespace."""
    with suppress(ProcessLookupError):
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    poll.poll()


def _cannot_start(error: OSError) -> Unfit:
    """A root whose namespace maps no second user, as in a bare `unshare -Ur`, cannot become an ordinary one."""
    seen = {"step": error.strerror, "errno": error.errno}
    if os.geteuid() == 0:
        sentence = "started as root, and this machine does not let root give up being root for a jail"
        return Unfit("LG904", sentence, seen=seen, next="run lockgate as an ordinary user")
    return Unfit("LG907", "bubblewrap cannot be started", seen=seen, next="lockgate doctor")
