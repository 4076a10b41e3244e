"""What a sandbox of gVisor's holds, as the host sees it.

All memory of the sandbox, mapped or not, and every file in its tmpfs, is in one memory file of its kernel. The host's
count of mapped pages is far below it: what is not touched again is unmapped there and stays in the file.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress

from lockgate.sandbox._descendants import OfDescendants
from lockgate.sandbox.population import Usage

_MEMORY_FILE = "/memfd:runsc-memory"
_BLOCK = 512


class OfSandbox(OfDescendants):
    """The processes below runsc, and the memory file of the sandbox's kernel, which may hold `most` bytes."""

    def __init__(self, runsc: int, kernel: int, most: int) -> None:
        """Raises OSError when the sandbox is gone, or its memory cannot be counted."""
        super().__init__(runsc, kernel)
        self._most = most
        self._memory = -1
        try:
            self._memory = _memory_file(kernel)
        except OSError:
            self.close()
            raise

    def usage(self) -> Sequence[Usage]:
        """The memory file: gVisor gives what is freed back to the host."""
        return [Usage(0, os.fstat(self._memory).st_blocks * _BLOCK, self._most, "memory")]

    def close(self) -> None:
        """Let go of /proc and of the memory file, which the host keeps as long as anybody holds it."""
        super().close()
        if self._memory >= 0:
            os.close(self._memory)
            self._memory = -1


def _memory_file(kernel: int) -> int:
    """A descriptor that tells its size and cannot read it."""
    folder = f"/proc/{kernel}/fd"
    for name in os.listdir(folder):
        with suppress(FileNotFoundError):
            if os.readlink(f"{folder}/{name}").startswith(_MEMORY_FILE):
                return os.open(f"{folder}/{name}", os.O_PATH | os.O_CLOEXEC)
    raise FileNotFoundError("the sandbox has no memory file")
