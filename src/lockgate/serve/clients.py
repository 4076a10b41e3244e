"""The client registry: who may ask, how much, and until when. Operational state, not evidence.

File `state/clients.json`, 0600, exact encoding: `{"clients": [CLIENT...], "v": 1}`. A key is shown once, by `add`;
what is stored is its digest under the pepper. A revoked client stays listed, so that its name is not given again.
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lockgate.core.encoding import decode_exact, encode
from lockgate.errors import Usage, VerificationFailed
from lockgate.serve import rules
from lockgate.serve.spec import ACTIONS, ANY_MODEL, Action, Client
from lockgate.store.files import atomic_write, read_regular
from lockgate.store.lock import lock
from lockgate.trust._edgefile import edge_secrets

FILE = "clients.json"
MAX_BYTES = 8 << 20

_KEYS = {field.name for field in dataclasses.fields(Client)}


@dataclass(frozen=True)
class NewClient:
    """A client just added, and its key: the only time that it is seen."""

    client: Client
    key: str


class ClientRegistry:
    """The clients of one project. Every change is one atomic write under a lock."""

    def __init__(self, state: Path, secrets: Path, *, randomness: Callable[[int], bytes] = os.urandom) -> None:
        """`state`: the project's state folder; `secrets`: the edge secrets' file, made when first needed."""
        self.path = state / FILE
        self._secrets = secrets
        self._lock = state / "locks" / "clients"
        self._randomness = randomness

    def list(self) -> tuple[Client, ...]:
        """All clients, revoked ones too, in the order they were added. Raises VerificationFailed LG622."""
        try:
            return parse_clients(read_regular(self.path, MAX_BYTES))
        except FileNotFoundError:
            return ()

    def add(
        self,
        name: str,
        *,
        now: datetime,
        kind: str = "external",
        rate: float = 100.0,
        burst: int = 2000,
        models: Sequence[str] = (ANY_MODEL,),
        actions: Sequence[Action] = ACTIONS,
    ) -> NewClient:
        """Add a client and make its key. `rate` in rows a second, `burst` in rows.

        Raises Usage LG621 when the name is taken or no name, or a limit is not positive.
        """
        _check_limits(name, rate, burst)
        key = rules.new_key(self._randomness(rules.KEY_BYTES))
        digest = rules.key_digest(edge_secrets(self._secrets).pepper, key)
        client = Client(name, digest, kind, _text(now), float(rate), burst, tuple(models), tuple(actions))
        with lock(self._lock):
            clients = self.list()
            if any(one.name == name for one in clients):
                raise Usage(
                    "LG621", f"there is a client {name} already", seen={"name": name}, next="lockgate clients list"
                )
            self._write((*clients, client))
        return NewClient(client, key)

    def revoke(self, name: str, *, now: datetime) -> Client:
        """Let `name` in no more; revoking twice keeps the first time. Raises Usage LG621 when there is none."""
        with lock(self._lock):
            clients = self.list()
            found = next((one for one in clients if one.name == name), None)
            if found is None:
                raise Usage("LG621", f"there is no client {name}", seen={"name": name}, next="lockgate clients list")
            revoked = dataclasses.replace(found, revoked=found.revoked or _text(now))
            self._write(tuple(revoked if one is found else one for one in clients))
        return revoked

    def _write(self, clients: Sequence[Client]) -> None:
        atomic_write(self.path, render_clients(clients), 0o600)


def render_clients(clients: Sequence[Client]) -> bytes:
    """The file's bytes; also what the supervisor hands to the gateway."""
    return encode({"clients": [dataclasses.asdict(client) for client in clients], "v": 1})


def parse_clients(data: bytes) -> tuple[Client, ...]:
    """Read exactly what `render_clients` wrote. Raises VerificationFailed LG622."""
    try:
        value = decode_exact(data)
        if not isinstance(value, dict) or set(value) != {"clients", "v"} or value["v"] != 1:
            raise ValueError("not a client registry of version 1")
        clients = tuple(_client(entry) for entry in value["clients"])
        if len({client.name for client in clients}) != len(clients):
            raise ValueError("a client is listed twice")
    except (ValueError, TypeError, KeyError) as error:
        raise VerificationFailed(
            "LG622", f"the client registry is malformed: {error}", seen={"file": FILE}, next="lockgate clients list"
        ) from None
    return clients


def _client(entry: Any) -> Client:
    if not isinstance(entry, dict) or set(entry) != _KEYS:
        raise ValueError("a client has exactly " + ", ".join(sorted(_KEYS)))
    if not isinstance(entry["models"], list) or not isinstance(entry["actions"], list):
        raise ValueError("models and actions are lists")
    client = Client(**{**entry, "models": tuple(entry["models"]), "actions": tuple(entry["actions"])})
    texts = (client.digest, client.kind, client.created, client.revoked or "", *client.models)
    if not all(isinstance(text, str) for text in texts) or not set(client.actions) <= set(ACTIONS):
        raise ValueError(f"client {client.name!r} has a field of the wrong type")
    if not rules.is_client_name(client.name) or not _positive(client.rate, client.burst):
        raise ValueError(f"client {client.name!r} has no valid name, rate or burst")
    return client


def _check_limits(name: str, rate: float, burst: int) -> None:
    if not rules.is_client_name(name):
        raise Usage(
            "LG621",
            f"{name!r} cannot name a client: 1 to 64 of a-z, 0-9, dot, dash and underscore",
            seen={"name": name},
            next="lockgate clients add NAME",
        )
    if not _positive(rate, burst):
        raise Usage(
            "LG621",
            "a client's rate (rows a second) and burst (rows) must be above 0",
            seen={"rate": rate, "burst": burst},
            next=f"lockgate clients add {name} --rate 100 --burst 2000",
        )


def _positive(rate: float, burst: int) -> bool:
    return math.isfinite(rate) and rate > 0 and type(burst) is int and burst > 0


def _text(now: datetime) -> str:
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
