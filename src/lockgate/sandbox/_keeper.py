"""One thread per jail: the parent of what the launcher starts, and where the watchdog looks.

The kernel sends the parent-death signal when the thread that started a process ends, not the process; so
the thread that starts a jail stays until the jail has ended.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import threading
from contextlib import nullcontext, suppress

from lockgate.errors import Unfit
from lockgate.sandbox._cgroup import Group
from lockgate.sandbox.launcher import Prepared
from lockgate.sandbox.watchdog import Ended, Watchdog


class Keeper(threading.Thread):
    """Starts one jail and keeps it. `start_jail` returns once something runs; `ended` is set when it has ended.

    The jail is in `group`, if there is one, which is removed when it has ended.
    """

    def __init__(self, prepared: Prepared, ours: socket.socket, group: Group | None = None) -> None:
        super().__init__(name="jail", daemon=True)
        self._prepared = prepared
        self._ours = ours
        self._begun = threading.Event()
        self._hand_on: tuple[int, int, tuple[int, ...]] = (-1, -1, ())
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._watchdog: Watchdog | None = None
        self.group = group
        self._pidfd = -1
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._failure: BaseException | None = None
        self.ended = threading.Event()
        self.closes_channel = False
        self.status: int | None = None
        self.verdict: Ended | None = None
        self.unwatched = ""

    def start_jail(self, theirs: socket.socket, words: int, held: tuple[int, ...]) -> None:
        """Start it. The jail's first process gets `theirs` as descriptor 0, `words` as 1 and 2, and `held`.

        Raises Unfit LG904 when root cannot be given up, LG907 when nothing can be started.
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
        try:
            if self._watchdog is not None:
                self._watchdog.kill()
            if (group := self.group) is not None:
                # What we started waits for the jail's first process and takes its number back.
                group.kill(self._process.pid if self._process is not None else 0)
        finally:
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
            channel, words, held = self._hand_on
            with self.group.entered() if self.group is not None else nullcontext():
                process = self._process = self._prepared.spawn(channel, words, held)
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that asked
            self._failure = error
            self._end_watch()
            self._prepared.close()
            self._begun.set()
            self.ended.set()
            return
        self._begun.set()
        self._keep(process)

    def _look(self, watchdog: Watchdog) -> None:
        try:
            verdict = watchdog.look()
        except Exception as error:  # noqa: BLE001 - whatever it is: nobody watches the jail any more
            self.unwatched = self.unwatched or f"{type(error).__name__}: {error}"
            with suppress(Exception):
                self.kill()
            return
        if verdict is not None:
            self.kill(verdict)

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
            if watchdog is not None and self.verdict is None:
                self._look(watchdog)
        self.status = process.wait()
        os.close(pidfd)
        with self._lock:
            if self._pidfd >= 0:
                _await(self._pidfd)
                os.close(self._pidfd)
                self._pidfd = -1
            os.close(self._wake)
            self._wake = -1
        self._end_watch()
        self._prepared.close()
        if self.closes_channel:
            self._ours.close()
        self.ended.set()

    def _end_watch(self) -> None:
        if self._watchdog is not None:
            # A group has ended the jail faster than anybody looks.
            self.verdict = self.verdict or self._watchdog.ended_by_kernel()
            self._watchdog.close()
        if (group := self.group) is not None:
            group.remove()


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
    return Unfit("LG907", "the jail cannot be started", seen=seen, next="lockgate doctor")
