"""Neighbourhoods that several clients of one model feel out together: an attack that was split over many keys.

Only a row that is a probe in its own client's stream (near to rows that this client asked before, in a way that no
person edits: PROBE of `near`) is looked at. So a row that many ask, such as a popular product, makes no cluster; and
nobody can be drawn into one by what others send near his rows. Probes that are near to each other are one
neighbourhood, whoever sent them. It is raised when it has BAR probes, of at least two clients with LEAST probes each
(and not far fewer than the others): these clients are named, and later each further one.

An attack over n keys is seen after about n * (1 + LEAST) rows, or BAR, whichever is more: a client's first row in a
neighbourhood is no probe yet. A client that sends one row of it, once, is never seen here.

One for a model, of fixed size: at most MOST neighbourhoods, of at most MOST_CLIENTS clients. A new one takes the place
of the one with the least credit, the oldest first; with each replacement one of the others, in turn, loses one of its
credit, so that none stays for ever.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lockgate.monitor.abuse.coded import Bytes, Coded
from lockgate.monitor.abuse.key import Raised
from lockgate.monitor.abuse.likeness import Likeness, Short
from lockgate.monitor.abuse.near import PROBE
from lockgate.monitor.abuse.population import Population
from lockgate.monitor.abuse.said import Said

MOST, MOST_CLIENTS = 256, 128
LONGEST_NAME = 256
BAR, LEAST = 24, 2
FAIR = 4
"""Who sent less than a fourth of the mean of a neighbourhood's clients is not named with them."""

RULE = "shared"


class Pool:
    """All clients of a model."""

    def __init__(self, population: Population) -> None:
        near, fields = population.near, len(population.fields)
        self._likeness, self._points = Likeness(near.within, near.same), near.points
        self._ranks = np.zeros((fields, MOST), np.uint8)
        self._exact = np.zeros((fields, MOST), np.uint16)
        self._credit = np.zeros(MOST, np.int32)
        self._touched = np.zeros(MOST, np.int64)
        self._used = self._turn = self._clock = 0
        self._clients: list[dict[str, int]] = [{} for _ in range(MOST)]
        self._named: list[set[str]] = [set() for _ in range(MOST)]

    def take(
        self, coded: Coded, said: Said, clients: Sequence[str], kinds: npt.NDArray[np.uint8]
    ) -> list[tuple[tuple[str, ...], Raised]]:
        """Whom rows raise together, each client once for a neighbourhood.

        `clients`: of each of the n rows; `kinds`: of each, as `Key.take` of its own client gave them. What was said is
        not looked at.
        """
        del said
        found: list[tuple[tuple[str, ...], Raised]] = []
        for row in np.flatnonzero(kinds == PROBE).tolist():
            place = self._placed(coded.ranks[row], coded.exact[row].astype(np.uint16))
            together = self._count(place, clients[row][:LONGEST_NAME])
            if together:
                probes = sum(self._clients[place].values())
                evidence = {"clients": len(self._named[place]), "probes": probes}
                found.append((together, Raised(RULE, evidence)))
        return found

    def forget(self, client: str) -> None:
        """As if this client had probed nothing: an operator cleared it."""
        for place in range(self._used):
            lost = self._clients[place].pop(client[:LONGEST_NAME], 0)
            self._credit[place] = max(0, self._credit[place] - lost)
            self._named[place].discard(client[:LONGEST_NAME])

    def _placed(self, ranks: Bytes, exact: Short) -> int:
        """The neighbourhood of a probe: the likest of those that are near, else a new one. It moves to the probe."""
        self._clock += 1
        place = self._nearest(ranks, exact)
        if place is None:
            place = self._new()
        self._ranks[:, place], self._exact[:, place] = ranks, exact
        self._credit[place] += 1
        self._touched[place] = self._clock
        return place

    def _nearest(self, ranks: Bytes, exact: Short) -> int | None:
        if not self._used:
            return None
        known = self._ranks[:, : self._used], self._exact[:, : self._used]
        points = self._likeness((ranks[None], exact[None]), known)
        place = int(np.argmax(points[0]))
        return place if points[0, place] >= self._points else None

    def _new(self) -> int:
        if self._used < MOST:
            self._used += 1
            return self._used - 1
        self._turn = (self._turn + 1) % MOST
        self._credit[self._turn] = max(0, self._credit[self._turn] - 1)
        least = np.flatnonzero(self._credit == self._credit.min())
        place = int(least[np.argmin(self._touched[least])])
        self._credit[place] = 0
        self._clients[place], self._named[place] = {}, set()
        return place

    def _count(self, place: int, client: str) -> tuple[str, ...]:
        """The clients that this probe raises, in order."""
        clients, named = self._clients[place], self._named[place]
        if client not in clients and len(clients) >= MOST_CLIENTS:
            fewest = min(clients, key=lambda one: clients[one])
            del clients[fewest]
            named.discard(fewest)
        clients[client] = clients.get(client, 0) + 1
        total = sum(clients.values())
        least = max(LEAST, total / (len(clients) * FAIR))
        able = {one for one, probes in clients.items() if probes >= least}
        if len(able) < 2 or total < BAR:
            return ()
        further = able - named
        named |= further
        return tuple(sorted(further))
