"""Every route of the gateway, asked by those who may not. A route that is added is walked too, by itself."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, cast, get_args

import pytest

from lockgate.serve.calls.ask import Ask
from lockgate.serve.calls.table import Route, table
from lockgate.serve.gate import Gate
from lockgate.serve.http import Exchange, Head, Peer, Reply
from lockgate.serve.service import Service
from lockgate.serve.spec import Action, Caps, Client
from lockgate.serve.tally import Tally
from tests.support import calls
from tests.support.admission import KEY, Door, client

ACTIONS: tuple[Action, ...] = get_args(Action)


@dataclass
class Metrics:
    """Stands for the call that is made beside the table."""

    name: str = "metrics"
    action: Action = "metrics"
    media: tuple[str, ...] = ()

    def answer(self, ask: Ask) -> None:
        """Never reached here."""


def gate(*clients: Client, caps: Caps | None = None) -> tuple[Gate, tuple[Route, ...]]:
    """The real gate, table and doorman before a model `flights` in `dev`; and the routes."""
    door = Door(clients, caps=caps or Caps(unheard=0))
    service = calls.FakeService()
    routes = table(service, door.admission, caps=door.caps, metrics=Metrics())
    made = Gate(
        door.admission, routes, cast("Service", service), Tally(), caps=door.caps, clock=lambda: door.now, traced=None
    )
    return made, routes.routes


ROUTES = gate(client())[1]
WALKED = pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.pattern}")


def ask(gate: Gate, route: Route, authorization: str | None = f"Bearer {KEY}") -> Reply | Exchange:
    """One request for this route, of the model that is live."""
    headers = {} if authorization is None else {"authorization": authorization}
    path = route.pattern.replace("{model}", "flights").replace("{version}", "3")
    return gate.begin(Head(route.method, path, headers, Peer("192.0.2.1")))


def refusal(reply: Reply | Exchange) -> tuple[int, str]:
    """Status and finding; a request that was let in is none."""
    assert isinstance(reply, Reply)
    return reply.status, json.loads(reply.body)["finding"]


@WALKED
@pytest.mark.parametrize("authorization", [None, "", "Bearer lgk_" + "a" * 43, "Basic YTpi", "Bearer a.b.c"])
def test_nobody_comes_in_without_a_valid_key(route: Route, authorization: str | None) -> None:
    """401, the health calls included."""
    assert refusal(ask(gate(client(actions=ACTIONS))[0], route, authorization)) == (401, "LG601")


@WALKED
@pytest.mark.parametrize("over", [{"revoked": "2026-01-01T00:00:00Z"}, {"expires": "2026-01-01T00:00:00Z"}])
def test_a_key_that_is_over_opens_nothing(route: Route, over: dict[str, Any]) -> None:
    """401 for a revoked and for an expired key, whatever its client might do."""
    assert refusal(ask(gate(client(actions=ACTIONS, **over))[0], route)) == (401, "LG601")


@WALKED
def test_what_is_not_listed_is_denied(route: Route) -> None:
    """403 for a client that may do nothing, only all the other actions, or all of it on another model or elsewhere."""
    others = tuple(action for action in ACTIONS if action != route.call.action)
    changes: list[dict[str, Any]] = [
        {"actions": ()},
        {"actions": others},
        {"actions": ACTIONS, "models": ("phishing",)},
        {"actions": ACTIONS, "models": ()},
        {"actions": ACTIONS, "models": ("Flights", "flight", "flights2")},
        {"actions": ACTIONS, "environments": ("prod",)},
        {"actions": ACTIONS, "environments": ()},
    ]
    assert [refusal(ask(gate(client(**changed))[0], route)) for changed in changes] == [(403, "LG602")] * 7


@WALKED
def test_what_is_listed_is_let_in(route: Route) -> None:
    """Positive control: exactly this action, model and environment are enough."""
    listed = client(actions=(route.call.action,), models=("flights",), environments=("dev",))
    assert not isinstance(ask(gate(listed)[0], route), Reply)


def test_a_new_client_may_predict_and_describe() -> None:
    """What `clients add NAME` lists: no labels, no metrics."""
    made, routes = gate(client())
    let_in = {route.call.action for route in routes if not isinstance(ask(made, route), Reply)}
    assert let_in == {"predict", "describe"}
    assert {route.call.action for route in routes} == set(ACTIONS)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "TRACE", "CONNECT", "X"])
@pytest.mark.parametrize("path", ["/", "/predict", "/admin", "/v2/models/flights/unload", "/v2/repository/index", "*"])
def test_without_a_key_nobody_learns_what_there_is(method: str, path: str) -> None:
    """Any method of any path is 401, also where there is nothing."""
    reply = gate(client())[0].begin(Head(method, path, {}, Peer("192.0.2.1")))
    assert refusal(reply) == (401, "LG601")


def test_guesses_are_slowed_at_the_gate() -> None:
    """The address is refused before its key is looked at: 429 after a burst of 401s, for a good key too."""
    made, routes = gate(client(), caps=Caps(unheard=5))
    assert [refusal(ask(made, routes[0], None))[0] for _ in range(8)] == [401] * 5 + [429] * 3
    assert refusal(ask(made, routes[0])) == (429, "LG642")


def test_requests_at_once_are_counted_until_they_end() -> None:
    """The second of one is 429; once the first is gone, another is let in."""
    made, routes = gate(client(in_flight=1))
    first = ask(made, routes[0])
    assert not isinstance(first, Reply)
    assert refusal(ask(made, routes[0])) == (429, "LG645")
    first.gone()
    assert not isinstance(ask(made, routes[0]), Reply)
