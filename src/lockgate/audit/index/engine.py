"""DuckDB over bytes that were checked: it has no file system, no network and no extension but what it is handed.

A segment's bytes lie in sealed memory, which this process alone can read and nobody can change; DuckDB opens that, and
no file by its name. Where the kernel has no such memory they lie in a folder that is this user's alone, and goes at the
end. Values are parameters, the words of a query ours. What it counts must fit half a gigabyte.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import duckdb

_CONFIG: Final[dict[str, str | bool | int | float | list[str]]] = {
    "threads": "2",
    "memory_limit": "512MB",
    "temp_directory": "",
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_persistent_secrets": "false",
    "enable_external_file_cache": "false",
    "preserve_insertion_order": "false",
}
_MEMORY: Final = "SET allowed_paths = ['/memfd:lockgate-segment (deleted)']"
"""What a descriptor of such memory leads to, by the kernel's name for it: the only files that may be opened."""
_CLOSED: Final = (
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)
_SEALS: Final = 0x1 | 0x2 | 0x4 | 0x8
"""Against further seals, shrinking, growing and writing (linux/fcntl.h)."""


_Holding = Callable[[Sequence[bytes]], AbstractContextManager[list[str]]]
"""Holds files for as long as they are asked; gives the names under which they are."""


class Engine:
    """A database in memory; `run` asks it about segments' files."""

    def __init__(self, database: duckdb.DuckDBPyConnection, held: _Holding) -> None:
        """See `engine`."""
        self._database, self._held = database, held

    def run(self, files: Sequence[bytes], query: str, *values: object) -> list[tuple[Any, ...]]:
        """The lines of a query whose first parameter is the list of these files. Raises duckdb.Error."""
        with self._held(files) as paths:
            return self._database.execute(query, [paths, *values]).fetchall()

    def do(self, query: str, *values: object) -> None:
        """A statement that reads no file."""
        self._database.execute(query, list(values))

    def one(self, query: str) -> int:
        """The one number that a query has."""
        ((found,),) = self._database.execute(query).fetchall()
        return int(found)


@contextmanager
def engine() -> Iterator[Engine]:
    """A database, empty and closed in."""
    # Nobody who asks nothing of the index loads it.
    import duckdb

    with ExitStack() as stack:
        database = stack.enter_context(duckdb.connect(":memory:", config=_CONFIG))
        holding: _Holding = _memory
        if hasattr(os, "memfd_create"):
            database.execute(_MEMORY)
        else:
            folder, holding = _folder(stack)
            database.execute("SET allowed_directories = [{}]".format("'{}'".format(folder.replace("'", "''"))))
        for setting in _CLOSED:
            database.execute(setting)
        yield Engine(database, holding)


def _folder(stack: ExitStack) -> tuple[str, _Holding]:
    """A folder that is this user's alone, and what puts files there."""
    from tempfile import TemporaryDirectory

    folder = Path(stack.enter_context(TemporaryDirectory(prefix="lockgate-index-"))).resolve()

    @contextmanager
    def held(files: Sequence[bytes]) -> Iterator[list[str]]:
        paths = [folder / str(number) for number in range(len(files))]
        for path, data in zip(paths, files, strict=True):
            path.write_bytes(data)
        yield [str(path) for path in paths]

    return str(folder), held


@contextmanager
def _memory(files: Sequence[bytes]) -> Iterator[list[str]]:
    """Names under which this process alone reads these bytes."""
    held: list[int] = []
    try:
        for data in files:
            held.append(os.memfd_create("lockgate-segment", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING))
            with os.fdopen(held[-1], "wb", closefd=False) as file:
                file.write(data)
            fcntl.fcntl(held[-1], fcntl.F_ADD_SEALS, _SEALS)
        yield [f"/proc/self/fd/{one}" for one in held]
    finally:
        for one in held:
            os.close(one)
