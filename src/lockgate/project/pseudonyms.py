"""Which client a pseudonym in the records stands for: told by whoever holds the edge's key. It is never made here."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lockgate.errors import LockgateError
from lockgate.project.admitting import EDGE_SECRETS
from lockgate.trust import pin

if TYPE_CHECKING:
    from lockgate.project.folder import Folder


@dataclass(frozen=True)
class Names:
    """What this user can tell. `key` is empty where it is not this user's; it is not shown by `repr`."""

    key: bytes = field(repr=False)
    known: Mapping[str, str]
    """The clients of this folder, by pseudonym."""
    elsewhere: tuple[str, ...] = ()
    """Appenders with gateways in this log, whose clients and key of the pseudonyms are their own."""

    def pseudonym(self, name: str) -> str | None:
        """What stands for a client; None where nobody here can tell. Also of one whom the registry does not know."""
        from lockgate.serve.rules import pseudonym

        return pseudonym(self.key, name) if self.key else None

    def name(self, client: str) -> str:
        """Whom a pseudonym stands for; empty where nobody here can tell."""
        return self.known.get(client, "")

    def beyond(self, client: str) -> tuple[str, ...]:
        """What is to be said of a question for a client's name where others append: their records have other names."""
        if not self.elsewhere:
            return ()
        who = ", ".join(self.elsewhere)
        hidden = f"what they answered {client!r} is under a pseudonym of theirs, and not looked for"
        return (f"others with clients of their own append here ({who}): {hidden}; ask by that pseudonym",)

    def stranger(self, client: str) -> str:
        """What is to be said of a client that this folder does not know; "" of one that it does.

        A name that was mistyped has a pseudonym as well, under which there is nothing.
        """
        if client in self.known or client in self.known.values():
            return ""
        if not self.known:
            return f"whether {client!r} is a client cannot be told: no names of clients are to be had here"
        return f"no client {client!r} was ever enrolled here: lockgate clients list"


def names_here(project: Folder, root: str) -> Names:
    """What this user can tell of the project with this root. Raises as `edge_secrets` for a key that is damaged."""
    path = pin.key_folder(root) / EDGE_SECRETS
    elsewhere = _appenders(project)
    if not path.is_file():
        return Names(b"", {}, elsewhere)
    from lockgate.serve.rules import pseudonym
    from lockgate.trust._edgefile import edge_secrets

    key = edge_secrets(path).pseudonym
    return Names(key, {pseudonym(key, name): name for name in _clients(project)}, elsewhere)


def _appenders(project: Folder) -> tuple[str, ...]:
    """Who else began gateways of this log, by name. None where the book of ids cannot be read."""
    from lockgate.supervise.ids import APPENDER, Ids

    with suppress(LockgateError, OSError):
        began = {one.by for one in Ids(project.home).all() if one.by.startswith(APPENDER)}
        return tuple(sorted(by.removeprefix(APPENDER) for by in began))
    return ()


def _clients(project: Folder) -> tuple[str, ...]:
    """The names in the registry of clients, also of those that may not ask any more. None where it cannot be read."""
    from lockgate.serve.client_file import FILE, MAX_BYTES, parse_clients
    from lockgate.store.files import read_regular

    with suppress(LockgateError, OSError):
        return tuple(one.name for one in parse_clients(read_regular(project.home / "state" / FILE, MAX_BYTES)))
    return ()
