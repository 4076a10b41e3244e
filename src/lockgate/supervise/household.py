"""What the processes are started with, and how the supervisor reads what they say."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.audit.seen import SeenStore
from lockgate.sandbox.settings import PythonEnv
from lockgate.serve.control import Told
from lockgate.serve.spec import Caps
from lockgate.supervise.listening import Listeners

if TYPE_CHECKING:
    from lockgate.supervise.alarming import Alarmer
    from lockgate.supervise.book import Book
    from lockgate.supervise.courier import Courier
    from lockgate.supervise.proposal import Proposal
    from lockgate.supervise.sending import Sending
    from lockgate.supervise.taking import Taking
    from lockgate.supervise.webhook import Webhook

_FINDING = re.compile(r"LG[0-9]{3,4}\Z")


@dataclass(frozen=True)
class Household:
    """Secrets are read anew for each start, and kept nowhere.

    `listeners`: one for each gateway. `reloaded`: what a gateway is handed at its start, by name and in this order, and
    again whenever it changes. `redis` connects to the server of the shared limits, where there is one.

    `python_for` gives the verified environment of a manifest's workers, or raises LockgateError; `sizes_for` the bytes
    of its graph and of what lies beside it, which its worker needs room for. `book` is the event log as verified here;
    `guard` makes a move that was proposed, and gives a line for a person, or raises LockgateError: None where the
    guard's key is not. `alarmer` raises the alarms that a watcher proposes, and `webhook` sends them. `former_sealers`
    sealed the predictions log before. `taking`: how others may append to it here; `sending`: where the records go
    instead, when they are sealed elsewhere. `courier` takes the logs' checkpoints to witnesses.
    """

    home: Path
    root: str
    environment: str
    name: str
    manifest: str
    caps: Caps
    sealer_public: bytes
    predictions_origin: str
    listeners: Listeners
    events_seen: SeenStore
    predictions_seen: SeenStore
    sealer_key: Callable[[], bytes]
    edge_secrets: Callable[[], bytes]
    reloaded: Mapping[str, Callable[[], bytes]]
    python_for: Callable[[str], PythonEnv]
    sizes_for: Callable[[str], tuple[int, int]] = lambda _: (0, 0)
    traces: float = 0.0
    redis: Callable[[], socket.socket] | None = None
    book: Book | None = None
    guard: Callable[[Proposal], str] | None = None
    alarmer: Alarmer | None = None
    webhook: Webhook | None = None
    former_sealers: tuple[bytes, ...] = ()
    taking: Taking | None = None
    sending: Sending | None = None
    courier: Courier | None = None


def finding_of(told: Told) -> str:
    """The finding that a child names, if it has the form of one."""
    finding = words_of(told, "finding")
    return finding if _FINDING.match(finding) else "LG632"


def words_of(told: Told, key: str) -> str:
    """A string of a child's message, printable and short."""
    return "".join(sign for sign in str(told.header.get(key, ""))[:500] if sign.isprintable())
