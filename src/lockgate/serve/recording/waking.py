"""The bell by which gateways whose answers wait for the log wake the sealer: a pipe, and a mark beside each spool.

The supervisor makes one pipe for its house and hands it down: no jail may make one, nor be shown one in a folder. A
gateway says by an empty file, `<gateway>.hurry`, that its answers wait, and rings; the sealer wakes and looks. Nothing
is believed of a ring but that somebody rang: which records there are the spools say. A gateway that rings without end
costs the sealer one look a millisecond; one that takes rings out of the pipe makes others wait for the sealer's next
look.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from lockgate.serve.recording.parts import HURRY, hurry_path

_TAKEN = 4096


def inherited(descriptor: int) -> int | None:
    """`descriptor`, if it is a pipe that this process was started with; as told apart at its very start."""
    try:
        found = os.fstat(descriptor)
    except OSError:
        return None
    return descriptor if stat.S_ISFIFO(found.st_mode) else None


class Bell:
    """The gateway's end. `descriptor`: of a pipe that does not block; None: the sealer is only told by the mark."""

    def __init__(self, folder: Path, gateway: str, descriptor: int | None) -> None:
        self._mark = hurry_path(folder, gateway)
        self._descriptor = descriptor

    def hang(self) -> None:
        """Say that answers wait for the log from now on. Raises OSError."""
        self.take_down()
        os.close(os.open(self._mark, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))

    def take_down(self) -> None:
        """Say that they no longer do. Raises OSError."""
        self._mark.unlink(missing_ok=True)

    def ring(self) -> None:
        """Wake the sealer, if it listens. Never raises: it looks by itself, only later; a full pipe was rung enough."""
        if self._descriptor is not None:
            with suppress(OSError):
                os.write(self._descriptor, b"!")


class Bells:
    """The sealer's end."""

    def __init__(self, folder: Path, descriptor: int | None) -> None:
        self._folder = folder
        self._descriptor = descriptor
        self.hang = False
        """Whether any gateway's answers wait for the log, be it that it can be heard or not."""

    def look(self) -> Sequence[int]:
        """What to select on; and whether somebody waits."""
        try:
            self.hang = any(self._folder.glob(f"*{HURRY}"))
        except OSError:
            self.hang = False
        return () if self._descriptor is None else (self._descriptor,)

    def heard(self, descriptors: Sequence[int]) -> None:
        """These rang: take what was rung, at most a page."""
        if self._descriptor in descriptors and self._descriptor is not None:
            with suppress(BlockingIOError):
                if not os.read(self._descriptor, _TAKEN):
                    self._descriptor = None  # nobody can ring any more
