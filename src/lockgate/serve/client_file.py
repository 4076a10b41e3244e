"""The client registry's file: `state/clients.json`, 0600, exact encoding.

    {"clients": [CLIENT...], "v": 3}      CLIENT has every field of `spec.Client`

Versions 1 and 2 had fewer fields and are still read: the others have their defaults then.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, get_args

from lockgate.core.encoding import decode_exact, encode
from lockgate.errors import VerificationFailed
from lockgate.serve import rules
from lockgate.serve.spec import Action, Client

FILE = "clients.json"
MAX_BYTES = 8 << 20

_ALL_ACTIONS = frozenset(get_args(Action))
_LISTS = ("models", "actions", "environments")
_NEW_IN_3 = {"organisation", "edits", "cleared", "cleared_why", "cleared_by"}
_FIELDS = {
    1: {"name", "digest", "kind", "created", "rate", "burst", "models", "actions", "revoked"},
    2: {field.name for field in dataclasses.fields(Client)} - _NEW_IN_3,
    3: {field.name for field in dataclasses.fields(Client)},
}
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z\Z")
_LONGEST = 512


def render_clients(clients: Sequence[Client]) -> bytes:
    """The file's bytes; also what the supervisor hands to the gateway."""
    return encode({"clients": [dataclasses.asdict(client) for client in clients], "v": 3})


def parse_clients(data: bytes) -> tuple[Client, ...]:
    """Read exactly what `render_clients` wrote, or once wrote. Raises VerificationFailed LG622."""
    try:
        value = decode_exact(data)
        if not isinstance(value, dict) or set(value) != {"clients", "v"} or type(value["v"]) is not int:
            raise ValueError("not a client registry")
        if value["v"] not in _FIELDS:
            raise ValueError("not a client registry of version 1, 2 or 3")
        clients = tuple(_client(entry, _FIELDS[value["v"]]) for entry in value["clients"])
        for what in ("name", "digest", "subject", "certificate"):
            said = [getattr(client, what) for client in clients if getattr(client, what)]
            if len(set(said)) != len(said):
                raise ValueError(f"two clients have one {what}")
    except (ValueError, TypeError, KeyError) as error:
        raise VerificationFailed(
            "LG622", f"the client registry is malformed: {error}", seen={"file": FILE}, next="lockgate clients list"
        ) from None
    return clients


def check_client(client: Client) -> None:
    """Raises ValueError unless every field of `client` is one that may be."""
    name: object = client.name
    if not isinstance(name, str) or not rules.is_client_name(name):
        raise ValueError(f"{name!r} is no name: 1 to 64 of a-z, 0-9, dot, dash and underscore")
    ways_in = (client.subject, client.certificate)
    cleared = (client.cleared_why, client.cleared_by)
    texts: tuple[object, ...] = (client.kind, *client.models, *client.environments, *ways_in, *cleared)
    if not all(isinstance(text, str) and text.isprintable() and len(text) <= _LONGEST for text in texts):
        raise ValueError(f"client {client.name} has a field of the wrong type")
    if not set(client.actions) <= _ALL_ACTIONS:
        raise ValueError(f"the actions are {', '.join(sorted(_ALL_ACTIONS))}")
    _check_limits(client)
    _check_ways_in(client)
    _check_moments(client)
    _check_suspicion(client)


def _check_limits(client: Client) -> None:
    if type(client.rate) is not float or not math.isfinite(client.rate) or client.rate <= 0:
        raise ValueError("a rate (rows a second) is above 0")
    limits = (client.burst, client.in_flight, 1 if client.budget is None else client.budget)
    if not all(type(limit) is int and limit > 0 for limit in limits):
        raise ValueError("burst (rows), budget (rows a day) and in-flight (requests) are whole numbers above 0")


def _check_ways_in(client: Client) -> None:
    """One way in, so that it is always known by which one somebody came."""
    if sum(map(bool, (client.digest, client.subject, client.certificate))) != 1:
        raise ValueError("a client comes in by a key, a subject or a certificate: by exactly one of them")
    digests = [digest for digest in (client.digest, client.previous) if digest]
    if not all(_DIGEST.match(digest) for digest in digests) or (client.previous and not client.digest):
        raise ValueError("a key's digest is 64 hex digits")
    kind, _, name = client.certificate.partition(":")
    if client.certificate and (kind not in {"URI", "DNS", "CN"} or not name):
        raise ValueError("a certificate's name is URI:..., DNS:... or CN:...")


def _check_moments(client: Client) -> None:
    moments = (client.created, client.revoked, client.expires, client.previous_until, client.cleared)
    for moment in moments:
        if moment and not _MOMENT.match(moment):
            raise ValueError(f"{moment!r} is not a time in UTC")
        if moment:
            datetime.fromisoformat(moment)
    if bool(client.previous) != bool(client.previous_until):
        raise ValueError("a key that was replaced says until when it counts")


def _check_suspicion(client: Client) -> None:
    organisation: object = client.organisation
    if not isinstance(organisation, str) or (organisation and not rules.is_client_name(organisation)):
        raise ValueError(f"{organisation!r} is no organisation: 1 to 64 of a-z, 0-9, dot, dash and underscore")
    if type(client.edits) is not bool:
        raise ValueError("a client is declared to ask what-if questions, or is not")
    said = (client.cleared is not None, bool(client.cleared_why), bool(client.cleared_by))
    if client.cleared == "" or len(set(said)) != 1:
        raise ValueError("who was cleared has a time, a reason and a user; who was not has none")


def _client(entry: Any, fields: set[str]) -> Client:
    if not isinstance(entry, dict) or set(entry) != fields:
        raise ValueError("a client has exactly " + ", ".join(sorted(fields)))
    lists = {name: entry[name] for name in _LISTS if name in entry}
    if not all(isinstance(value, list) for value in lists.values()):
        raise ValueError("models, actions and environments are lists")
    client = Client(**{**entry, **{name: tuple(value) for name, value in lists.items()}})
    check_client(client)
    return client
