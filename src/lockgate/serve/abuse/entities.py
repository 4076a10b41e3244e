"""Of whom something is remembered: clients, organisations, and those who share an address. Pure; bounded.

Nobody is remembered twice: who alone asks for an organisation, or from an address, is known as a client already.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections import OrderedDict
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Generic, Protocol, TypeVar

MOST_KEYS, MOST_PLACES = 1536, 512
"""Of clients and organisations, and of addresses, with about 24 KB each: 50 MB of a gateway, over all of its models.

Apart: two keys that ask from a thousand addresses make nobody else forgotten.
"""
MOST_TOGETHER = 16
"""More clients than that at one address are no group but a proxy, or half a town: it tells nothing of anybody."""
_TRIES = 64
"""So many are looked at for one that may be let go of."""
_MOST_GROUPS = 8192
_MOST_ADDRESSES = 4096
_V4, _V6 = 24, 48

Entity = tuple[str, str]
"""Scope, and who: a client's name, an organisation's, or what a keyed hash makes of an address' prefix."""
Place = tuple[int, str, str]
"""An entity, as those know it who look at one model: their number, scope, and who."""


class Suspectable(Protocol):
    """What is remembered of one (`monitor.abuse.key.Key`)."""

    @property
    def suspected(self) -> bool:
        """Whether it must not be forgotten."""


_Kept = TypeVar("_Kept", bound=Suspectable)


class Kept(Generic[_Kept]):
    """What is remembered of each, of those who asked last. Who is suspected is never let go of."""

    def __init__(self, most: int = MOST_KEYS, places: int = MOST_PLACES) -> None:
        self._most, self._most_places = most, places
        self._kept: OrderedDict[Place, _Kept] = OrderedDict()
        self._places: OrderedDict[Place, _Kept] = OrderedDict()
        self.evicted = 0
        """How many were let go of, for others came."""
        self.refused = 0
        """How many times there was no place, for those who are remembered are suspected."""

    def __len__(self) -> int:
        return len(self._kept) + len(self._places)

    def get(self, entity: Place) -> _Kept | None:
        """Without making it younger."""
        return self._of(entity).get(entity)

    def use(self, entity: Place, make: Callable[[], _Kept]) -> _Kept | None:
        """What is remembered, or anew; None where there is no place."""
        kept = self._of(entity)
        found = kept.get(entity)
        if found is None:
            most = self._most if kept is self._kept else self._most_places
            if len(kept) >= most and not self._let_go(kept):
                self.refused += 1
                return None
            found = kept[entity] = make()
        kept.move_to_end(entity)
        return found

    def drop(self, entity: Place) -> None:
        """Remember nothing of it."""
        self._of(entity).pop(entity, None)

    def drop_all(self, number: int) -> None:
        """Remember nothing that was seen of one model."""
        for kept in (self._kept, self._places):
            for entity in [one for one in kept if one[0] == number]:
                del kept[entity]

    def _of(self, entity: Place) -> OrderedDict[Place, _Kept]:
        return self._places if entity[1] == "address" else self._kept

    def _let_go(self, kept: OrderedDict[Place, _Kept]) -> bool:
        # Suspects that are met go to the young end: the next look finds others first.
        for entity in list(islice(kept, _TRIES)):
            if not kept[entity].suspected:
                del kept[entity]
                self.evicted += 1
                return True
            kept.move_to_end(entity)
        return False


class Groups:
    """Which clients asked from one place. `key`: of the hash, drawn at each start: no address can be found."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._known: dict[str, str] = {}
        self._clients: OrderedDict[str, set[str]] = OrderedDict()
        self._organisations: dict[str, set[str]] = {}

    def place(self, address: str) -> str:
        """Which place that is; empty where it is none."""
        found = self._known.get(address)
        if found is None:
            if len(self._known) >= _MOST_ADDRESSES:
                self._known.clear()
            prefix = prefix_of(address)
            found = hmac.digest(self._key, prefix.encode(), "sha256").hex()[:16] if prefix else ""
            self._known[address] = found
        return found

    def joined(self, place: str, clients: Iterable[str]) -> bool:
        """These clients asked from there: whether several do, and not too many."""
        known = self._clients.get(place)
        if known is None:
            if len(self._clients) >= _MOST_GROUPS:
                self._clients.popitem(last=False)
            known = self._clients[place] = set()
        if len(known) <= MOST_TOGETHER:
            known.update(clients)
        return 1 < len(known) <= MOST_TOGETHER

    def organised(self, organisation: str, clients: Iterable[str]) -> bool:
        """These clients are of one organisation: whether several ask. However many: it is an operator's word."""
        known = self._organisations.setdefault(organisation, set())
        if len(known) < 2:
            known.update(clients)
        return len(known) > 1

    def members(self, place: str) -> tuple[str, ...]:
        """Who asked from there."""
        return tuple(sorted(self._clients.get(place, ())))


def prefix_of(address: str) -> str:
    """The /24 of an IPv4 address, the /48 of an IPv6 one: what one customer gets. Empty for what is none."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is None:
            return str(ipaddress.IPv6Network((int(found) >> 80 << 80, _V6)))
        found = found.ipv4_mapped
    return str(ipaddress.IPv4Network((int(found) >> 8 << 8, _V4)))
