"""What runs in a jailed pod, beside the target: checks the inputs, runs it, and tells all of it on standard output.

    python -m lockgate.sandbox.pod REQUEST        REQUEST: see `pod_request`

    line = "LG1 " number " " base64(frame)        numbers from 0, without a gap; a frame as in `sandbox.jail.frames`,
                                                  at most CHUNK of payload: a runtime cuts longer lines
    kinds of frames: T words of the target, H still there, B an input with another digest: name digest
                     X F D S E as from the harness

The launcher reads the lines from the pod's log. The target writes into a pipe and never to this log, and this process
makes itself unreadable to it, so no line of the log is the target's. Nobody believes what it says of its files anyhow.
"""

from __future__ import annotations

import base64
import ctypes
import hashlib
import os
import stat
import sys
from collections.abc import Callable, Sequence

from lockgate.sandbox.jail import frames
from lockgate.sandbox.pod_request import CHUNK, PREFIX, Request, parse

MOST_FILES = 1000
DEEPEST = 4
EXIT_INPUT = 3
_SET_DUMPABLE = 4

Run = Callable[[Request, Callable[[bytes], None]], tuple[int, int]]
"""Runs a request's command; hands over its words, and b"" now and then while it is silent; gives code and signal."""


class Line:
    """Frames as numbered lines on a descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self._number = descriptor, 0

    def send(self, kind: bytes, payload: bytes = b"") -> None:
        """One frame, whole."""
        text = base64.b64encode(frames.frame(kind, payload))
        data = memoryview(b"%s %d %s\n" % (PREFIX, self._number, text))
        self._number += 1
        while data:
            data = data[os.write(self._descriptor, data) :]


def serve(request: Request, *, run: Run, line: Line, inputs: str, output: str) -> int:
    """Check, run, tell. Returns the exit code of the pod: 0 whenever everything could be told."""
    for name, expected in request.inputs.items():
        found = _digest(f"{inputs}/{name}")
        if found != expected:
            line.send(b"B", frames.pack([name.encode(), found.encode()]))
            return EXIT_INPUT
    left = request.talk_bytes

    def talk(data: bytes) -> None:
        nonlocal left
        if not data:
            line.send(b"H")
        told, left = data[:left], max(left - len(data), 0)
        for start in range(0, len(told), CHUNK):
            line.send(b"T", told[start : start + CHUNK])

    code, number = run(request, talk)
    line.send(b"X", frames.pack([b"%d" % code, b"%d" % number]))
    _folder(output, "", line, [0])
    line.send(b"E")
    return 0


def _digest(path: str) -> str:
    state = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while data := file.read(1 << 20):
                state.update(data)
    except OSError as error:
        return error.strerror or "not readable"
    return state.hexdigest()


def _folder(folder: str, prefix: str, line: Line, sent: list[int]) -> None:
    for name in sorted(os.listdir(folder)):
        path, shown = f"{folder}/{name}", f"{prefix}{name}"
        status = os.lstat(path)
        if stat.S_ISDIR(status.st_mode) and shown.count("/") < DEEPEST:
            _folder(path, f"{shown}/", line, sent)
        elif not stat.S_ISREG(status.st_mode) or status.st_nlink != 1 or sent[0] >= MOST_FILES:
            line.send(b"S", frames.pack([os.fsencode(shown)[:200], b"not a plain file, or one too many"]))
        else:
            sent[0] += 1
            _file(path, shown, line)


def _file(path: str, shown: str, line: Line) -> None:
    opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        left = os.fstat(opened).st_size
        line.send(b"F", frames.pack([os.fsencode(shown)[:1024], b"%d" % left]))
        while left > 0 and (data := os.read(opened, min(left, CHUNK))):
            left -= len(data)
            line.send(b"D", data)
    finally:
        os.close(opened)


def main(arguments: Sequence[str], *, run: Run | None = None) -> int:
    """The pod's own process."""
    ctypes.CDLL(None, use_errno=True).prctl(_SET_DUMPABLE, 0, 0, 0, 0)
    from lockgate.sandbox._pod_process import run_here

    inputs, output = os.environ.get("LOCKGATE_DATA", "/in"), os.environ.get("LOCKGATE_OUT", "/out")
    return serve(parse(arguments[0]), run=run or run_here, line=Line(1), inputs=inputs, output=output)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
