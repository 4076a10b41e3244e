"""Threat: one client that is far above its rate keeps the gateway reading, and everybody else waiting.

Real gate, table, doorman and reader of bodies; the connections are counted in process.
"""

from __future__ import annotations

import json
import time
from typing import Any, cast

import pytest

from lockgate.serve.calls.table import table
from lockgate.serve.gate import Gate
from lockgate.serve.http import Exchange, Head, Peer, Reply
from lockgate.serve.service import Service
from lockgate.serve.spec import Caps
from lockgate.serve.tally import Tally
from tests.support import calls
from tests.support.admission import KEY, Door, client

OTHER = "lgk_" + "b" * 43
CONNECTIONS, ROUNDS, PAUSE = 24, 60, 0.05
ROWS = 100 + 10 * ROUNDS * PAUSE
"""What the flooding client may have in that time: its burst, and its rate for three seconds."""


def body(*records: Any) -> bytes:
    """Of `POST /predict`."""
    return json.dumps({"records": records}).encode()


class House:
    """A gate before a model, one client who floods it and one who asks now and then."""

    def __init__(self) -> None:
        self.door = Door((client(), client(OTHER, name="bob")), caps=Caps(unheard=0))
        service = calls.FakeService()
        routes = table(service, self.door.admission, caps=self.door.caps)
        self.tally = Tally()
        self.gate = Gate(
            self.door.admission,
            routes,
            cast("Service", service),
            self.tally,
            caps=self.door.caps,
            clock=lambda: self.door.now,
        )
        self.read = 0
        self.statuses: list[int] = []

    def begin(self, key: str, method: str = "POST", path: str = "/predict") -> Exchange | Reply:
        """A head of one request."""
        return self.gate.begin(Head(method, path, {"authorization": f"Bearer {key}"}, Peer("192.0.2.1")))

    def flood(self, sent: bytes) -> int:
        """A request on each connection at once, all heads before all bodies; how many bodies were asked for."""
        begun = [self.begin(KEY) for _ in range(CONNECTIONS)]
        self.statuses += [found.status for found in begun if isinstance(found, Reply)]
        passing = [found for found in begun if not isinstance(found, Reply)]
        for exchange in passing:
            self.read += len(sent)
            exchange.whole(sent, lambda reply: self.statuses.append(reply.status))
        return len(passing)

    def honest(self) -> int:
        """The status of the other client's request."""
        found, heard = self.begin(OTHER), list[int]()
        assert not isinstance(found, Reply), found.body
        found.whole(body(calls.GOOD), lambda reply: heard.append(reply.status))
        return heard[0]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (body(calls.GOOD), 200),
        (body(*[calls.GOOD] * 60), 429),
        (body(*[calls.GOOD] * 101), 413),
        (body({"distance": "far"}), 429),
        (b'{"records": [' + b" " * 4000, 400),
        (b'{"records": [' + b" " * 100_000, 400),
    ],
    ids=["one row", "more rows than are left", "more than the burst", "for Pydantic", "no JSON", "much of no JSON"],
)
def test_a_client_above_its_rate_is_read_no_more_than_its_rows(sent: bytes, status: int) -> None:
    """Whatever becomes of its bodies, no more are read than it has rows (and one round begun at once): 429 before a
    byte. The other client's request is begun and answered in every round.
    """
    house, begun = House(), []
    for _ in range(ROUNDS):
        begun.append(house.flood(sent))
        assert house.honest() == 200
        house.door.now += PAUSE
    assert sum(begun) <= ROWS + CONNECTIONS
    assert house.read == sum(begun) * len(sent)
    assert set(house.statuses) <= {status, 200, 422, 429}
    assert house.statuses.count(status) > 0
    assert house.tally.refused["LG610"] > CONNECTIONS * ROUNDS / 2
    assert house.gate.in_flight == 0


def test_whose_bodies_the_front_refuses_pays_for_them_and_others_bodies_cost_nobody() -> None:
    """Too large, too slow, badly framed: a row each. Refused because too much is held: none."""
    house = House()
    for finding in ("LG605", "LG615", "LG608", "LG636"):
        found, begun = house.begin(KEY), 0
        while not isinstance(found, Reply) and begun < 200:
            assert found.refused(finding).status in (400, 408, 413, 503)
            found, begun = house.begin(KEY), begun + 1
        assert begun == (200 if finding == "LG636" else 100)
        house.door.now += 20


def test_what_costs_no_row_stays_free_for_who_has_none_left() -> None:
    """Its limits used up, a client still sees the model and its health; and it enters when a row has come back."""
    house = House()
    while not isinstance(refused := house.begin(KEY), Reply):
        refused.whole(body(calls.GOOD), lambda _reply: None)
    headers = dict(refused.headers)
    assert (refused.status, headers["Retry-After"]) == (429, "1")
    assert headers["RateLimit"].startswith('"rows";r=0;')
    assert headers["RateLimit-Policy"] == '"rows";q=100;w=10'
    assert not isinstance(house.begin(KEY, "GET", "/v2/models/flights"), Reply)
    house.door.now += 0.1
    assert not isinstance(house.begin(KEY), Reply)


def test_a_refusal_at_the_door_is_cheap() -> None:
    """Ten thousand of them take no longer than reading a few dozen bodies would."""
    house = House()
    while not isinstance(house.begin(KEY), Reply):
        house.door.admission.fine(client(), 100)
    start = time.process_time()
    for _ in range(10_000):
        house.begin(KEY)
    assert time.process_time() - start < 2.0
