"""What a request costs of limits that gateways share: its client's rate by price, budget and model by rows."""

from __future__ import annotations

import asyncio
import time

import pytest

from lockgate.serve.admission.counters import Later
from lockgate.serve.declined import Declined
from lockgate.serve.spec import Caps, Client
from tests.support import admission
from tests.support.redis import RedisServer
from tests.unit.serve.test_serve_shared import Gateway, client, gateways, redis, running

__all__ = ["redis", "running"]


async def charge(only: Gateway, caps: Caps, who: Client, rows: int, model: str = "flights") -> str:
    """The `RateLimit` of a charge, at four times the price, before this gateway's part. Raises Declined."""
    shared = only.shared
    door = admission.Door(
        (who,), caps, {"rates": shared.rates, "budgets": shared.budgets, "ready": shared.ready}, now=time.monotonic()
    )
    while True:
        try:
            return dict(door.admission.charge(who, model, rows, price=4))["RateLimit"]
        except Later as later:
            again: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            later.then(lambda again=again: again.set_result(None))  # type: ignore[misc]
            await again


def test_the_doorman_asks_each_limit_for_what_it_counts(redis: RedisServer) -> None:
    """500 rows for Pydantic pass a model's burst of 1000 and end a budget of 500; of each, the 501st is refused."""

    async def run(only: Gateway) -> None:
        rich = admission.client(rate=1000.0, burst=4000, budget=500)
        assert (await charge(only, Caps(model_rate=1000.0, max_rows=1000), rich, 500)).startswith('"rows";r=2000;')
        with pytest.raises(Declined) as caught:
            await charge(only, Caps(model_rate=1000.0, max_rows=1000), rich, 1)
        assert caught.value.finding == "LG646"
        slow = admission.client(name="bob", rate=1000.0, burst=4000)
        await charge(only, Caps(model_rate=0.001, max_rows=500), slow, 500, "phishing")
        with pytest.raises(Declined) as caught:
            await charge(only, Caps(model_rate=0.001, max_rows=500), slow, 1, "phishing")
        assert caught.value.finding == "LG644"

    gateways(redis, 1, run)


def test_what_a_row_costs_its_client_is_asked_of_no_budget_and_no_model(redis: RedisServer) -> None:
    """At four times the price all of a budget can be spent, and 500 rows pass a model's burst of 1000."""

    async def run(only: Gateway) -> None:
        thrifty = client(rate=1000.0, burst=4000, budget=100)
        assert await only.ask(thrifty, 90, price=4)
        assert await only.ask(thrifty, 10, price=4)
        assert not await only.ask(thrifty, 1)
        others = (("model:flights", 0.001, 1000),)
        assert await only.ask(client("bob", rate=0.001, burst=4000), 500, others, price=4)
        assert not await only.ask(client("bob", rate=0.001, burst=4000), 501, others, price=4)
        assert await only.ask(client("bob", rate=0.001, burst=4000), 500, others, price=4)
        assert not await only.ask(client("bob", rate=0.001, burst=4000), 1)

    gateways(redis, 1, run)


def test_the_last_rows_of_a_budget_pass_in_one_request(redis: RedisServer) -> None:
    """What is in hand and too little is given back and asked for anew: all 636 pass, and not one more."""

    async def run(only: Gateway) -> None:
        who = client(rate=1e6, burst=100_000, budget=640)
        assert all([await only.ask(who) for _ in range(4)])
        assert 0 < only.shared._leases[f"budget:ada:{int(time.time() // 86400)}"].left < 636
        assert not await only.ask(who, 637)
        assert await only.ask(who, 636)
        assert not await only.ask(who)

    gateways(redis, 1, run)
