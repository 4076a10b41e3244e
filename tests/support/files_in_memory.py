"""A folder that is no folder, for parsers that look at what lies beside a file. Imports nothing of Lockgate."""

from __future__ import annotations

from collections.abc import Mapping


class Files:
    """A folder in memory (`inspect.Beside`)."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    def size(self, name: str) -> int | None:
        """Bytes of the file."""
        return len(self._files[name]) if name in self._files else None

    def read(self, name: str, begin: int, end: int) -> bytes:
        """Bytes from `begin` to `end`."""
        return self._files[name][begin:end]
