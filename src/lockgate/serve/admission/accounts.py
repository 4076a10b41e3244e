"""The client registry as the gateway looks things up in it, and what each client has used since the start."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from lockgate.serve import rules
from lockgate.serve.admission.rules import Meter
from lockgate.serve.spec import Action, Client

_MOST_REMEMBERED = 256


@dataclass(slots=True)
class Account:
    """One client: what it may, and what it has used.

    `most`: rows of one request that could ever pass; `policy`: its `RateLimit-Policy`, spelled once; `said`: the
    headers of an answer, which may be said again until `said_until`.
    """

    client: Client
    environment: str
    until: float
    meter: Meter
    budget: int | None
    most: int
    policy: tuple[str, str]
    flights: int = 0
    said: Sequence[tuple[str, str]] = ()
    said_until: float = 0.0
    _allowed: set[tuple[Action, str | None]] = field(default_factory=set)

    def allows(self, action: Action, model: str | None) -> bool:
        """Whether it may do this with this model. What was allowed once is remembered; a reload forgets it."""
        asked = (action, model)
        if asked in self._allowed:
            return True
        if not rules.permits(self.client, action, model, self.environment):
            return False
        if len(self._allowed) < _MOST_REMEMBERED:
            self._allowed.add(asked)
        return True


@dataclass(frozen=True, slots=True)
class Way:
    """One way in: the account behind a key's digest, and when this key ends, in seconds since the epoch."""

    account: Account
    until: float


@dataclass(frozen=True)
class Book:
    """All clients. Who is revoked is found by name only, so by no key, no subject and no certificate."""

    by_name: Mapping[str, Account]
    by_digest: Mapping[str, Way]
    by_subject: Mapping[str, Account]
    by_certificate: Mapping[str, Account]


EMPTY = Book({}, {}, {}, {})


def open_book(clients: Sequence[Client], environment: str, before: Book, share: int) -> Book:
    """The accounts of these clients. What a client of the same name has used in `before` stays used.

    `share`: with how many gateways, each counting alone, its limits are divided.
    """
    accounts = [_account(client, environment, before.by_name.get(client.name), share) for client in clients]
    standing = [account for account in accounts if account.client.revoked is None]
    by_digest: dict[str, Way] = {}
    for account in standing:
        client = account.client
        if client.digest:
            by_digest[client.digest] = Way(account, account.until)
        if client.previous:
            until = min(account.until, seconds_of(client.previous_until))
            by_digest.setdefault(client.previous, Way(account, until))
    return Book(
        {account.client.name: account for account in accounts},
        by_digest,
        {account.client.subject: account for account in standing if account.client.subject},
        {account.client.certificate: account for account in standing if account.client.certificate},
    )


def seconds_of(moment: str | None) -> float:
    """Seconds since the epoch; infinite where there is no end."""
    return math.inf if moment is None else datetime.fromisoformat(moment).timestamp()


def _account(client: Client, environment: str, before: Account | None, share: int) -> Account:
    rate, burst = client.rate / share, max(1, client.burst // share)
    budget = None if client.budget is None else max(1, client.budget // share)
    meter = before.meter.renewed(rate, burst) if before else Meter(rate, burst)
    policy = f'"rows";q={burst};w={max(1, math.ceil(burst / rate))}'
    if budget is not None:
        policy += f', "day";q={budget};w=86400'
    return Account(
        client,
        environment,
        seconds_of(client.expires),
        meter,
        budget,
        burst if budget is None else min(burst, budget),
        ("RateLimit-Policy", policy),
        before.flights if before else 0,
    )
