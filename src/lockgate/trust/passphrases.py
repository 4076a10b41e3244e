"""Passphrases of key files and PINs of tokens: where they come from, and that each is asked for once.

    LOCKGATE_PASSPHRASE_FILE_<ROLE>   a file that only its owner may read, without the line end at its end
    LOCKGATE_PASSPHRASE_<ROLE>        the passphrase itself
    LOCKGATE_PASSPHRASE_FILE, LOCKGATE_PASSPHRASE    the same for every role that has none of its own
    the terminal                      only where both input and error output are one

Never an argument of a command: every user of the machine reads those. No jail gets a variable of ours; a file is
the better place all the same, because the environment of a process can be read by its own user as long as it runs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from getpass import getpass
from pathlib import Path

from lockgate.errors import Refused, Unavailable, Usage
from lockgate.trust._privatefile import read_private_file

PREFIX = "LOCKGATE_PASSPHRASE"
NO_ROLE = "key"
"""Stands for the role of a key outside any project: LOCKGATE_PASSPHRASE_KEY."""
_MOST = 1024


class Passphrases:
    """What opened each role's key in this process, so that a run asks once. Shows nothing of it."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}
        self.opened: dict[bytes, object] = {}

    def of(self, role: str, what: str = "passphrase") -> bytes:
        """The passphrase (or `what`) of a role's key. Raises Unavailable (LG872), Refused (LG831), Usage (LG871)."""
        if role not in self._kept:
            self._kept[role] = _configured(role, os.environ) or _asked(role, what)
        return self._kept[role]

    def forget(self, role: str) -> None:
        """It did not open the key."""
        self._kept.pop(role, None)

    def __repr__(self) -> str:
        return f"Passphrases({sorted(self._kept)})"

    def __reduce__(self) -> str:
        raise TypeError("passphrases do not travel")


def new_passphrase(role: str) -> bytes:
    """A passphrase for a new key: configured as for an old one, else asked for twice.

    Raises Unavailable (LG872), Usage (LG871) when the two differ or it is empty.
    """
    found = _configured(role, os.environ)
    if found is not None:
        return found
    first = _asked(role, "new passphrase")
    if _asked(role, "new passphrase, again") != first:
        raise Usage("LG871", "the two passphrases differ; nothing was changed", next="run the same command again")
    return first


def names(role: str) -> tuple[str, ...]:
    """The variables that may hold a role's passphrase, the first that is set wins."""
    return (
        f"{PREFIX}_FILE_{role.upper()}",
        f"{PREFIX}_{role.upper()}",
        f"{PREFIX}_FILE",
        PREFIX,
    )


def _configured(role: str, environ: Mapping[str, str]) -> bytes | None:
    for name in names(role):
        value = environ.get(name, "")
        if value:
            found = _of_file(name, value) if name.startswith(f"{PREFIX}_FILE") else os.fsencode(value)
            return _checked(found, name)
    return None


def _of_file(name: str, path: str) -> bytes:
    try:
        return read_private_file(Path(path), f"the file of {name},").removesuffix(b"\n")
    except FileNotFoundError:
        raise Unavailable(
            "LG872",
            f"the file that {name} names is not there",
            seen={"file": path},
            next=f"export {name}=FILE",
        ) from None


def _asked(role: str, what: str) -> bytes:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Unavailable(
            "LG872",
            f"{_named(role)} needs a {what}, and there is no terminal to ask for it",
            seen={"role": role, "looked_at": list(names(role))},
            next=f"export {names(role)[0]}=FILE   # mode 0600",
        )
    try:
        return _checked(getpass(f"{what} of {_named(role)}: ", stream=sys.stderr).encode(), "the terminal")
    except EOFError:
        raise Refused("LG872", f"no {what} was given", seen={"role": role}, next="run the same command again") from None


def _named(role: str) -> str:
    return "the key file" if role == NO_ROLE else f"the key of {role}"


def _checked(found: bytes, where: str) -> bytes:
    if not found or len(found) > _MOST:
        raise Usage(
            "LG871",
            f"the passphrase from {where} is empty or longer than {_MOST} bytes",
            seen={"from": where},
            next="run the same command with the right passphrase",
        )
    return found
