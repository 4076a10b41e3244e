"""The client registry: who may ask, how much, and until when. Operational state, not evidence.

A key is shown once, by `add` or `rotate`; what is stored is its digest under the pepper. A revoked client stays
listed, so that its name is not given again. The file's form is in `client_file`.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lockgate.errors import Usage
from lockgate.serve import rules
from lockgate.serve.client_file import FILE, MAX_BYTES, check_client, parse_clients, render_clients
from lockgate.serve.spec import ACTIONS, ANY_ENVIRONMENT, ANY_MODEL, IN_FLIGHT, Action, Client
from lockgate.store.files import atomic_write, read_regular
from lockgate.store.lock import lock
from lockgate.trust._edgefile import edge_secrets

__all__ = ["FILE", "MAX_BYTES", "ClientRegistry", "NewClient", "parse_clients", "render_clients"]


@dataclass(frozen=True)
class NewClient:
    """A client just added or rotated, and its key: the only time that it is seen. Empty where it comes in without."""

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
        environments: Sequence[str] = (ANY_ENVIRONMENT,),
        expires: datetime | None = None,
        in_flight: int = IN_FLIGHT,
        budget: int | None = None,
        subject: str = "",
        certificate: str = "",
        organisation: str = "",
        edits: bool = False,
    ) -> NewClient:
        """Add a client, with a key of its own unless it comes in by a token's `subject` or a `certificate`'s name.

        `rate` in rows a second, `burst` in rows, `budget` in rows a day; `certificate` as `rules.certificate_name`
        spells it; `organisation` and `edits` as in `spec.Client`. Raises Usage LG621 when the name is taken or no name,
        the subject or certificate is another client's, or a limit is not positive.
        """
        key = "" if subject or certificate else rules.new_key(self._randomness(rules.KEY_BYTES))
        client = Client(
            name=name,
            digest=self._digest(key) if key else "",
            kind=kind,
            created=_text(now),
            rate=float(rate),
            burst=burst,
            models=tuple(models),
            actions=tuple(actions),
            environments=tuple(environments),
            expires=None if expires is None else _text(expires),
            in_flight=in_flight,
            budget=budget,
            subject=subject,
            certificate=certificate,
            organisation=organisation,
            edits=edits,
        )
        _check(client)
        with lock(self._lock):
            clients = self.list()
            _check_new(client, clients)
            self._write((*clients, client))
        return NewClient(client, key)

    def rotate(self, name: str, *, now: datetime, overlap: timedelta, expires: datetime | None = None) -> NewClient:
        """Another key for `name`; the one it had counts for `overlap` more, and any before it no longer.

        `expires`: when the new key ends, by default when the old one did. Raises Usage LG621 when there is no such
        client, it is revoked, it has no key, or it has expired and `expires` says nothing.
        """
        key = rules.new_key(self._randomness(rules.KEY_BYTES))
        with lock(self._lock):
            clients = self.list()
            found = _named(name, clients)
            ends = found.expires if expires is None else _text(expires)
            if found.revoked or not found.digest or (ends is not None and ends <= _text(now)):
                why = "is revoked" if found.revoked else "has no key" if not found.digest else "has expired"
                more = (
                    "lockgate clients list" if found.revoked or not found.digest else f"{_ROTATE} {name} --expires 90d"
                )
                raise Usage("LG621", f"client {name} {why}", seen={"name": name}, next=more)
            until = _text(now + overlap)
            rotated = dataclasses.replace(
                found,
                digest=self._digest(key),
                expires=ends,
                previous=found.digest if overlap else "",
                previous_until=min(until, found.expires or until) if overlap else None,
            )
            self._write(tuple(rotated if one is found else one for one in clients))
        return NewClient(rotated, key)

    def revoke(self, name: str, *, now: datetime) -> Client:
        """Let `name` in no more; revoking twice keeps the first time. Raises Usage LG621 when there is none."""
        return self._change(name, lambda found: dataclasses.replace(found, revoked=found.revoked or _text(now)))

    def declare(self, name: str, *, organisation: str | None = None, edits: bool | None = None) -> Client:
        """Say of `name` to whom it belongs, and whether it asks what-if questions; None leaves that.

        Raises Usage LG621.
        """

        def declared(found: Client) -> Client:
            whose = found.organisation if organisation is None else organisation
            changed = dataclasses.replace(found, organisation=whose, edits=found.edits if edits is None else edits)
            _check(changed, "lockgate clients declare --help")
            return changed

        return self._change(name, declared)

    def clear(self, name: str, *, now: datetime, reason: str, by: str) -> Client:
        """What `name` was suspected of up to `now` counts no more, by the word of the user `by`.

        Up to the end of this second: records have milliseconds. Raises Usage LG621.
        """
        until = now.replace(microsecond=0) + timedelta(seconds=1 if now.microsecond else 0)

        def cleared(found: Client) -> Client:
            changed = dataclasses.replace(found, cleared=_text(until), cleared_why=reason, cleared_by=by)
            _check(changed, "lockgate clients clear --help")
            return changed

        return self._change(name, cleared)

    def _change(self, name: str, change: Callable[[Client], Client]) -> Client:
        with lock(self._lock):
            clients = self.list()
            found = _named(name, clients)
            changed = change(found)
            self._write(tuple(changed if one is found else one for one in clients))
        return changed

    def _digest(self, key: str) -> str:
        return rules.key_digest(edge_secrets(self._secrets).pepper, key)

    def _write(self, clients: Sequence[Client]) -> None:
        atomic_write(self.path, render_clients(clients), 0o600)


_ROTATE = "lockgate clients rotate"


def _named(name: str, clients: Sequence[Client]) -> Client:
    found = next((one for one in clients if one.name == name), None)
    if found is None:
        raise Usage("LG621", f"there is no client {name}", seen={"name": name}, next="lockgate clients list")
    return found


def _check(client: Client, more: str = "lockgate clients add --help") -> None:
    try:
        check_client(client)
    except ValueError as error:
        raise Usage("LG621", f"there can be no such client: {error}", seen={"name": client.name}, next=more) from None


def _check_new(client: Client, clients: Sequence[Client]) -> None:
    for one in clients:
        for what in ("name", "subject", "certificate"):
            value = getattr(client, what)
            if value and value == getattr(one, what):
                said = (
                    f"there is a client {one.name} already" if what == "name" else f"client {one.name} has this {what}"
                )
                raise Usage("LG621", said, seen={what: value}, next="lockgate clients list")


def _text(now: datetime) -> str:
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
