"""Statements that were signed here and are to be sealed elsewhere: a file with one DSSE envelope per line, in order.

What a file holds is believed only when the ledger has verified it: whoever carries it may change or drop lines.
"""

from __future__ import annotations

from pathlib import Path

from lockgate.errors import Usage
from lockgate.store.files import atomic_write, read_regular, write_new

MOST = 8 << 20
"""The largest file that is read."""


class Outbox:
    """A new file; a command may put several statements into it, one resting on the other."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.envelopes: tuple[bytes, ...] = ()

    def put(self, envelope: bytes) -> None:
        """Write `envelope` after those that are there. Raises Usage (LG867) when the file existed before."""
        if not self.envelopes:
            try:
                write_new(self.path, envelope + b"\n", 0o644)
            except FileExistsError:
                raise exists(self.path) from None
        else:
            atomic_write(self.path, b"".join(one + b"\n" for one in (*self.envelopes, envelope)))
        self.envelopes = (*self.envelopes, envelope)


def read_envelopes(path: Path) -> tuple[bytes, ...]:
    """The envelopes in a file, unverified. Raises Usage (LG867) when there is none."""
    try:
        data = read_regular(path, MOST)
    except (FileNotFoundError, NotADirectoryError):
        raise Usage("LG867", f"there is no file {path}", seen={"file": str(path)}, next="ls") from None
    found = tuple(line for line in data.split(b"\n") if line)
    if not found:
        raise Usage(
            "LG867",
            f"{path} holds no statement",
            seen={"file": str(path)},
            next="ask for the file that --to-file wrote",
        )
    return found


def exists(path: Path) -> Usage:
    """Nothing is overwritten: the file may hold what others have signed."""
    return Usage(
        "LG867",
        f"{path} is there already, and is not overwritten",
        seen={"file": str(path)},
        next="name a file that does not exist",
    )
