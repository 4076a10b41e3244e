"""The last checkpoint seen, in a process that may not keep it: handed over at the start, held in memory.

Gateway and sealer run in jails, as another user than the one whose state folder keeps what was seen. The
supervisor reads it for them, and keeps what the sealer reports.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lockgate.audit.seen import SeenStore


class MemorySeen(SeenStore):
    """Compares like the store it stands for, and only ever moves forward while the process lives."""

    def __init__(self, note: bytes, tell: Callable[[bytes], None] = lambda _: None) -> None:
        """`note`: the checkpoint last seen, empty when there is none; `tell` is called with each newer one."""
        super().__init__(Path("seen"), keep=False)
        self._note = note or None
        self._tell = tell

    def load(self) -> bytes | None:
        """The newest note known here."""
        return self._note

    def advance(self, note: bytes) -> None:
        """Hold `note`: the log that calls has proved it to extend what `load` gave."""
        self._note = note
        self._tell(note)
