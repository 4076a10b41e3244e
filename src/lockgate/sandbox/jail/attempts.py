"""What a thief would try first, tried before anything untrusted runs: to read what must not be there, to write outside.

Beside the witnesses, not instead of them: an attempt may fail for another reason than the flag that it stands for.
"""

from __future__ import annotations

import os

Witness = tuple[str, str, str, str]
ENOENT = 2


def made(rows: dict[str, list[list[bytes]]]) -> list[Witness]:
    """One witness per row `absent` (name, path of the host) and `unwritable` (path of the jail)."""
    found = [_absent(name.decode(), path) for name, path in rows.get("absent", [])]
    return [*found, *(_unwritable(path) for (path,) in rows.get("unwritable", []))]


def _absent(name: str, path: bytes) -> Witness:
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK))
    except OSError as error:
        return (f"absent {name}", "binds", "1", os.strerror(error.errno or 0))
    return (f"absent {name}", "binds", "0", "it can be opened")


def _unwritable(path: bytes) -> Witness:
    file = path + b"/.lockgate-probe"
    try:
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError as error:
        return (f"unwritable {path.decode()}", "--ro-bind", "1", os.strerror(error.errno or 0))
    os.unlink(file)
    return (f"unwritable {path.decode()}", "--ro-bind", "0", "a file could be made there")
