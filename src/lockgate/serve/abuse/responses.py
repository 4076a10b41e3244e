"""What follows for a client's next request: on its way, so one look-up, and nothing where nobody is suspected.

What a client is told never says what was seen, or how far it may go: a defence that answers back can be felt out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from lockgate.core.record_suspicion import LIMITED, QUIET
from lockgate.serve.abuse.spent import account_of
from lockgate.serve.declined import Declined, unavailable
from lockgate.trust.policy_abuse import AbusePolicy

if TYPE_CHECKING:
    from lockgate.serve.http import Reply, Replying
    from lockgate.serve.spec import Client

RETRY_SECONDS = 3600
"""The same for everybody, whatever was seen and whenever it ends."""
SLOW_SECONDS = 2.0
MOST_SLOWED = 1024
"""Answers that wait at once; one more leaves at once."""


class Responses:
    """Of one gateway."""

    def __init__(self) -> None:
        self.active = False
        """Whether anything follows for anybody."""
        self.slowed = 0
        """Answers that wait now."""
        self._policy = AbusePolicy()
        self._clients: Mapping[str, int] = {}
        self._organisations: Mapping[str, int] = {}
        self._spent: frozenset[str] = frozenset()
        self._blind = False

    def become(
        self,
        policy: AbusePolicy,
        clients: Mapping[str, int],
        organisations: Mapping[str, int],
        spent: frozenset[str],
        *,
        blind: bool,
    ) -> None:
        """What stands now: levels by name, accounts whose budget is used up, and whether it cannot be counted."""
        self._policy, self._clients, self._organisations, self._spent = policy, clients, organisations, spent
        self._blind = blind and bool(policy.leak_day or policy.leak_life)
        self.active = bool(clients or organisations or spent or self._blind)

    def check(self, client: Client) -> None:
        """Raises Declined 429 LG6100; 503 LG6107 while a cap stands and nobody can say what was used of it."""
        rule = self._policy.rule(client.kind)
        if self._blind and any(self._policy.caps(client.kind)) and rule.respond == "limit":
            raise unavailable("LG6107", "what was answered cannot be counted just now, so nothing is given")
        if rule.respond == "limit" and (self._level(client) >= LIMITED or self._used_up(client)):
            raise Declined(
                429,
                "LG6100",
                "requests of this client are held back; ask whoever runs this service",
                headers={"Retry-After": str(RETRY_SECONDS)},
            )

    def coarse(self, client: Client) -> bool:
        """Whether this client gets the label alone."""
        return self._policy.rule(client.kind).quiet == "coarsen" and self._level(client) >= QUIET

    def later(self, client: Client, send: Replying, reply: Reply) -> bool:
        """Whether its answer leaves later; then it does by itself. In the loop."""
        if self._policy.rule(client.kind).quiet != "slow" or self._level(client) < QUIET or self.slowed >= MOST_SLOWED:
            return False
        self.slowed += 1
        asyncio.get_running_loop().call_later(SLOW_SECONDS, self._send, send, reply)
        return True

    def _send(self, send: Callable[[Reply], None], reply: Reply) -> None:
        self.slowed -= 1
        send(reply)

    def _used_up(self, client: Client) -> bool:
        """An organisation's account is of its external clients: internal ones have no budget to use up."""
        return bool(self._spent) and any(self._policy.caps(client.kind)) and account_of(client) in self._spent

    def _level(self, client: Client) -> int:
        level = self._clients.get(client.name, 0)
        if client.organisation:
            level = max(level, self._organisations.get(client.organisation, 0))
        return level
