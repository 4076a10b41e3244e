"""Runs a target in the pod's own container: nothing but the pod itself stands around it.

What bounds it: the pod (files, network, memory, rights, system calls) and a deadline. What is not here is a second wall
inside the pod; another `Run` may bring one.
"""

from __future__ import annotations

import os
import selectors
import signal
import time
from collections.abc import Callable
from contextlib import suppress

from lockgate.sandbox.pod_request import CHUNK, Request

SILENCE_SECONDS = 15.0
TICK_SECONDS = 0.1
NOT_FOUND = 127
_LAST_READS = 1024
_INIT = 1


def run_here(request: Request, talk: Callable[[bytes], None]) -> tuple[int, int]:
    """Run the command in a session of its own; all that it started is ended with it. Gives exit code and signal.

    The signal is SIGXCPU when the deadline ended it.
    """
    ours, theirs = os.pipe2(os.O_CLOEXEC)
    try:
        pid = _start(request, theirs)
    except OSError as error:
        talk(f"lockgate: cannot start {request.command[0]}: {error.strerror}\n".encode())
        os.close(ours)
        return NOT_FOUND, 0
    finally:
        os.close(theirs)
    try:
        in_time = _listen(pid, ours, talk, time.monotonic() + request.seconds)
    finally:
        _end(pid)
        os.close(ours)
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if not in_time:
        return 128 + signal.SIGXCPU, signal.SIGXCPU
    return (code, 0) if code >= 0 else (128 - code, -code)


def _start(request: Request, words: int) -> int:
    given = os.memfd_create("stdin", os.MFD_CLOEXEC)
    try:
        data = memoryview(request.stdin.encode())
        while data:
            data = data[os.write(given, data) :]
        os.lseek(given, 0, os.SEEK_SET)
        streams = [(os.POSIX_SPAWN_DUP2, given, 0), (os.POSIX_SPAWN_DUP2, words, 1), (os.POSIX_SPAWN_DUP2, words, 2)]
        command = request.command
        return os.posix_spawnp(command[0], command, dict(os.environ), file_actions=streams, setsid=True)
    finally:
        os.close(given)


def _listen(pid: int, words: int, talk: Callable[[bytes], None], deadline: float) -> bool:
    """Hand words on until the target has ended; False when the deadline came first."""
    heard = time.monotonic()
    with selectors.DefaultSelector() as selector:
        selector.register(words, selectors.EVENT_READ)
        while (now := time.monotonic()) < deadline:
            # Ask first: what was written before the end is in the pipe by then.
            ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
            for _ in range(_LAST_READS if ended else 1):
                if not selector.select(0 if ended else TICK_SECONDS):
                    break
                data = os.read(words, CHUNK)
                if not data:
                    # Its streams are closed; it may still run.
                    time.sleep(0 if ended else TICK_SECONDS)
                    break
                talk(data)
                heard = now
            if ended:
                return True
            if now - heard > SILENCE_SECONDS:
                talk(b"")
                heard = now
    return False


def _end(pid: int) -> None:
    """End the target's session; as the container's first process, everything else there is."""
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    if os.getpid() == _INIT:
        with suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
