"""The target's standard streams as frames, where a launcher can hand no descriptor on. Imported after the report.

    I  launcher -> harness   bytes for the target's input; an empty one ends it
    O  harness -> launcher   bytes of its output           U  of its errors, where they are kept apart

No deadlock: the launcher always reads, so the harness may block when it writes to the channel; the harness never
blocks when it writes to the target, and reads the channel only when what it has read before has gone.
"""

from __future__ import annotations

import os
import select

from lockgate.sandbox.jail import frames

CHANNEL = 0
_CHUNK = 1 << 16


class Streams:
    """Pipes for one target. `theirs` are its descriptors: inside number, and ours that becomes it."""

    def __init__(self, *, apart: bool) -> None:
        reading, self._input = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._input, False)
        output, writing = os.pipe2(os.O_CLOEXEC)
        self._kinds = {output: b"O"}
        self.theirs = {0: reading, 1: writing, 2: writing}
        if apart:
            errors, self.theirs[2] = os.pipe2(os.O_CLOEXEC)
            self._kinds[errors] = b"U"
        self._parser = frames.Parser()
        self._waiting = b""
        self._over = False
        self._awaited = False

    def let_go(self) -> None:
        """The target has its ends; ours are closed, so that its own end is seen."""
        for descriptor in set(self.theirs.values()):
            os.close(descriptor)
        self.theirs = {}

    def ours(self) -> set[int]:
        """The descriptors that the harness must keep open."""
        return {self._input, *self._kinds} - {-1}

    def await_in(self, poll: select.poll) -> None:
        """Say what is waited for now. The channel's end is told in any case."""
        idle = self._input >= 0 and not self._waiting and not self._over
        poll.register(CHANNEL, select.POLLIN if idle else 0)
        wanted = self._input >= 0 and bool(self._waiting)
        if wanted:
            poll.register(self._input, select.POLLOUT)
        elif self._awaited and self._input >= 0:
            poll.unregister(self._input)
        self._awaited = wanted
        for descriptor in self._kinds:
            poll.register(descriptor, select.POLLIN)

    def step(self, poll: select.poll, ready: int) -> None:
        """Move what `ready` is ready for. Ends the jail when the launcher is gone."""
        if ready in self._kinds:
            self._say(ready, poll)
        elif ready == self._input:
            self._write(poll)
        elif ready == CHANNEL:
            self._read(poll)
        self.await_in(poll)

    def drain(self) -> None:
        """What was still on its way. Called when nobody can write any more: each pipe has an end."""
        for descriptor in list(self._kinds):
            while self._say(descriptor, None):
                pass

    def _say(self, descriptor: int, poll: select.poll | None) -> bool:
        data = os.read(descriptor, _CHUNK)
        if data:
            send(frames.frame(self._kinds[descriptor], data))
            return True
        if poll is not None:
            poll.unregister(descriptor)
        del self._kinds[descriptor]
        os.close(descriptor)
        return False

    def _read(self, poll: select.poll) -> None:
        data = os.read(CHANNEL, _CHUNK)
        if not data:
            os._exit(125)
        for kind, payload in self._parser.feed(data):
            if kind == b"I":
                self._waiting += payload
                self._over = self._over or not payload
        self._write(poll)

    def _write(self, poll: select.poll) -> None:
        try:
            while self._waiting:
                self._waiting = self._waiting[os.write(self._input, self._waiting) :]
        except BlockingIOError:
            return
        except OSError:
            # The target does not read any more; the rest stays where it is.
            self._waiting = b""
            self._end(poll)
            return
        if self._over:
            self._end(poll)

    def _end(self, poll: select.poll) -> None:
        if self._awaited:
            poll.unregister(self._input)
        self._awaited = False
        os.close(self._input)
        self._input = -1


def send(data: bytes) -> None:
    """All of it, to the launcher."""
    view = memoryview(data)
    while view:
        view = view[os.write(CHANNEL, view) :]
