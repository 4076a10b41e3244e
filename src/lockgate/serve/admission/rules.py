"""Rate, address and name as values: what admission decides with. Time in seconds comes as an argument."""

from __future__ import annotations

import ipaddress
import math
from array import array
from hashlib import sha256

from lockgate.serve.http import Certificate

_SLIVER = 1e-6
"""Of one row: at large clock values sums round by less than that."""


class Meter:
    """Generic cell rate algorithm (ITU-T I.371, virtual scheduling form), in rows.

    Passes at most `burst` rows at once and `rate` rows a second; more rows than `burst` never pass, which the caller
    refuses by size.
    """

    __slots__ = ("_arrival", "_cell", "_slack", "burst", "rate")

    def __init__(self, rate: float, burst: int, arrival: float = 0.0) -> None:
        self.rate = rate
        self.burst = burst
        self._cell = 1.0 / rate
        self._slack = (burst - 1 + _SLIVER) * self._cell
        self._arrival = arrival

    def renewed(self, rate: float, burst: int) -> Meter:
        """Other limits; what was used stays used."""
        return Meter(rate, burst, self._arrival)

    def wait(self, now: float, rows: int) -> float:
        """In how many seconds so many rows may pass; 0.0: now."""
        start = self._arrival if self._arrival > now else now  # noqa: FURB136 - on the way of every request
        early = start + (rows - self.burst - _SLIVER) * self._cell - now
        return early if early > 0.0 else 0.0  # noqa: FURB136

    def spent(self, now: float) -> bool:
        """Whether not even one row may pass now."""
        return self._arrival - now > self._slack

    def fine(self, now: float, rows: int) -> None:
        """Count rows that did not pass, as far as one burst below nothing: no fine shuts out for longer than that."""
        owed = min(max(self._arrival, now) + rows * self._cell, now + 2 * self.burst * self._cell)
        self._arrival = max(self._arrival, owed)

    def take(self, now: float, rows: int) -> None:
        """Count rows that passed."""
        start = self._arrival if self._arrival > now else now  # noqa: FURB136 - on the way of every request
        self._arrival = start + rows * self._cell

    def left(self, now: float) -> int:
        """How many rows would pass now."""
        if self._arrival <= now:
            return self.burst
        return max(0, int(self.burst - (self._arrival - now) / self._cell + _SLIVER))

    def reset(self, now: float) -> int:
        """In how many whole seconds the whole burst is free again."""
        return max(0, math.ceil(self._arrival - now))


class Addresses:
    """GCRA by address in constant memory: a count-min sketch of theoretical arrival times.

    An address has two places, chosen under a secret; what it owes is the lesser of the two. So a debt is never
    forgotten, however many addresses an attacker has, and another address is taken for a debtor only when both of its
    places are debtors': with `burst` to be used up at each of them, that takes far more requests than arrive.
    `cost` is what one failure costs; who cannot pay it is not heard.
    """

    PLACES = 1 << 16

    __slots__ = ("_cell", "_cost", "_latest", "_places", "_salt", "_slack", "burst")

    def __init__(self, rate: float, burst: int, cost: int, salt: bytes) -> None:
        self.burst = burst
        self._cell = 1.0 / rate
        self._cost = cost * self._cell
        self._slack = (burst - cost + _SLIVER) * self._cell
        self._salt = salt
        self._places = array("d", bytes(8 * self.PLACES))
        self._latest = 0.0

    def wait(self, address: str, now: float) -> float:
        """In how many seconds this address is listened to again; 0.0: now."""
        due = now + self._slack
        if self._latest <= due:  # nobody owes that much: the way of almost every request
            return 0.0
        one, other = self._places_of(address)
        return max(0.0, min(self._places[one], self._places[other]) - due)

    def charge(self, address: str, now: float) -> None:
        """Count a failure of this address. It never owes more than the whole burst."""
        one, other = self._places_of(address)
        places = self._places
        owed = max(min(places[one], places[other]), now) + self._cost
        owed = min(owed, now + self.burst * self._cell)
        places[one] = max(places[one], owed)
        places[other] = max(places[other], owed)
        self._latest = max(self._latest, owed)

    def _places_of(self, address: str) -> tuple[int, int]:
        found = sha256(self._salt + neighbourhood(address).encode()).digest()
        return int.from_bytes(found[:2], "big"), int.from_bytes(found[2:4], "big")


def neighbourhood(address: str) -> str:
    """Whom an address stands for: an IPv4 address for itself, an IPv6 address for its /64, which one host can fill.

    An IPv4 address in its IPv6 form is the IPv4 address; what is none is taken as it is.
    """
    if ":" not in address:
        return address
    try:
        found = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    return str(found.ipv4_mapped or ipaddress.IPv6Address(int(found) >> 64 << 64))


def names_of(certificate: Certificate) -> tuple[str, ...]:
    """The names by which a client may be listed, each with its kind: `URI:`, `DNS:`, and `CN:` for the subject's.

    A name of one kind never passes for one of another: who may sign a host name could else spell a workload's URI.
    """
    subject = (f"CN:{certificate.subject}",) if certificate.subject else ()
    return (*(name for name in certificate.names if name.startswith(("URI:", "DNS:"))), *subject)
