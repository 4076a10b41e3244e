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

    def pseudonym(self, name: str) -> str | None:
        """What stands for a client; None where nobody here can tell. Also of one whom the registry does not know."""
        from lockgate.serve.rules import pseudonym

        return pseudonym(self.key, name) if self.key else None

    def name(self, client: str) -> str:
        """Whom a pseudonym stands for; empty where nobody here can tell."""
        return self.known.get(client, "")


def names_here(project: Folder, root: str) -> Names:
    """What this user can tell of the project with this root. Raises as `edge_secrets` for a key that is damaged."""
    path = pin.key_folder(root) / EDGE_SECRETS
    if not path.is_file():
        return Names(b"", {})
    from lockgate.serve.rules import pseudonym
    from lockgate.trust._edgefile import edge_secrets

    key = edge_secrets(path).pseudonym
    return Names(key, {pseudonym(key, name): name for name in _clients(project)})


def _clients(project: Folder) -> tuple[str, ...]:
    """The names in the registry of clients, also of those that may not ask any more. None where it cannot be read."""
    from lockgate.serve.client_file import FILE, MAX_BYTES, parse_clients
    from lockgate.store.files import read_regular

    with suppress(LockgateError, OSError):
        return tuple(one.name for one in parse_clients(read_regular(project.home / "state" / FILE, MAX_BYTES)))
    return ()
