"""Limits that gateways share, against a real Redis server: never above the limit in all, whatever becomes of it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lockgate.errors import VerificationFailed
from lockgate.serve.admission.counters import Later
from lockgate.serve.declined import Declined
from lockgate.serve.shared import shared as module
from lockgate.serve.shared.leases import RATE_LIFE, RateLease
from lockgate.serve.shared.settings import SharedSettings
from lockgate.serve.shared.shared import Shared
from lockgate.serve.spec import Client, ServePolicy
from lockgate.supervise.redis import Redis
from tests.support import stores
from tests.support.redis import PASSWORD, USER, RedisServer, need_redis

SETTINGS = SharedSettings("lockgate:test:", 2)


def client(name: str = "ada", rate: float = 1000.0, burst: int = 100, budget: int | None = None) -> Client:
    """A client with these limits."""
    return Client(name, "", "external", "2026-01-01T00:00:00Z", rate, burst, budget=budget)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A server for the tests that leave it up."""
    need_redis()
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def redis(running: RedisServer) -> RedisServer:
    """The server, with nothing counted."""
    running.say("FLUSHALL")
    return running


@pytest.fixture
def own(tmp_path: Path) -> Iterator[RedisServer]:
    """A server that the test may kill."""
    need_redis()
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()


class Gateway:
    """One gateway's part, driven as calls drive it. `told`: what it told the supervisor."""

    def __init__(self, settings: SharedSettings = SETTINGS, wall: Callable[[], float] = time.time) -> None:
        self.told: list[dict[str, Any]] = []
        self.shared = Shared(
            settings.encode(), clock=time.monotonic, wall=wall, tell=lambda _what, **fields: self.told.append(fields)
        )

    async def up(self, server: RedisServer) -> Gateway:
        """Connected, as the supervisor does it."""
        self.shared.connect(server.logged_in().detach())
        await until(lambda: self.shared.reached)
        return self

    async def ask(self, who: Client, rows: int = 1, others: Any = (), *, price: int = 1) -> bool:
        """One request: whether it passed. Raises Declined."""
        cost = min(rows * price, who.burst)
        while True:
            try:
                self.shared.ready(who, cost, rows, others)
            except Later as later:
                again: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                later.then(lambda again=again: again.set_result(None))  # type: ignore[misc]
                await again
                continue
            if self.shared.rates.take(f"client:{who.name}", cost, who.rate, who.burst):
                return False
            for key, rate, burst in others:
                if self.shared.rates.take(key, rows, rate, burst):
                    return False
            return who.budget is None or self.shared.budgets.take(who, rows) >= 0


async def until(condition: Callable[[], Any], seconds: float = 3.0) -> None:
    """Wait for something to hold."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to hold in time"
        await asyncio.sleep(0.005)


def gateways(server: RedisServer, many: int, call: Callable[..., Awaitable[Any]]) -> Any:
    """Run `call` with so many connected gateways, closed in order afterwards."""

    async def run() -> Any:
        parts = [await Gateway().up(server) for _ in range(many)]
        found = await call(*parts)
        for part in parts:
            await part.shared.close()
        return found

    return asyncio.run(run())


@pytest.mark.parametrize(("rate", "burst"), [(200.0, 50), (5000.0, 64), (20.0, 400)])
def test_two_gateways_together_never_pass_more_than_the_rate(redis: RedisServer, rate: float, burst: int) -> None:
    """From a full burst on: rows passed <= burst + rate x time, and not much less; each gateway has its part."""

    async def run(*parts: Gateway) -> tuple[list[int], float]:
        passed, start, who = [0, 0], time.monotonic(), client(rate=rate, burst=burst)

        async def pull(number: int, end: float) -> None:
            while time.monotonic() < end:
                found = await parts[number].ask(who)
                passed[number] += found
                await asyncio.sleep(0.0005)

        await asyncio.gather(*(pull(number, start + 0.5) for number in (0, 1, 0, 1)))
        return passed, time.monotonic() - start

    passed, seconds = gateways(redis, 2, run)
    assert sum(passed) <= burst + rate * seconds
    assert sum(passed) >= 0.5 * min(burst + rate * 0.5, 1000)
    assert min(passed) >= 0.2 * sum(passed)


def test_a_slice_is_kept_no_longer_than_it_lives(redis: RedisServer) -> None:
    """In no window do rows pass above burst + rate x (window + twice a slice's life): the whole of the slack."""

    async def run(first: Gateway, second: Gateway) -> int:
        who = client(rate=100.0, burst=160)
        for _ in range(8):
            await first.ask(who)
        await asyncio.sleep(RATE_LIFE * 0.8)
        start, passed = time.monotonic(), 0
        while time.monotonic() < start + 0.5:
            passed += await first.ask(who) + await second.ask(who)
            await asyncio.sleep(0.0005)
        return passed

    assert gateways(redis, 2, run) <= 160 + 100 * (0.5 + 2 * RATE_LIFE) + 2


def test_a_slice_is_spent_in_its_time_only_and_grows_with_use() -> None:
    """Values: what is left half a second after it was asked for is given back; one that is used up is doubled."""
    lease = RateLease("client:ada", 1000.0, 160)
    lease.least, lease.asked = 1, lease.wanted(1, 0.0)
    assert (lease.asked, lease.most) == (1, 50)
    lease.heard(1, 1000, asked_at=10.0, now=10.001)
    assert lease.holds(1, 10.4)
    assert not lease.holds(1, 10.51)
    assert [lease.wanted(1, 10.1) for _ in range(8)] == [2, 4, 8, 16, 32, 50, 50, 50]
    assert (lease.expired(10.4), lease.expired(10.6), lease.expired(10.7)) == (0, 1, 0)
    assert lease.wanted(1, 12.0) == 1
    assert lease.wanted(120, 12.0) == 120


def test_a_burst_in_one_request_passes_once_over_two_gateways(redis: RedisServer) -> None:
    """A request as large as the burst is one fetch; the other gateway then refuses, and says for how long."""

    async def run(first: Gateway, second: Gateway) -> Any:
        who = client(rate=10.0, burst=1000)
        assert await first.ask(who, 1000)
        assert not await second.ask(who, 500)
        return second.shared.rates.take("client:ada", 500, 10.0, 1000)

    assert gateways(redis, 2, run) == pytest.approx(50.0, abs=1.0)


def test_what_is_not_spent_is_given_back(redis: RedisServer) -> None:
    """A gateway that took a large slice and ended leaves it to the others, of a rate and of a budget."""

    async def run(first: Gateway, second: Gateway) -> int:
        who = client(rate=0.001, burst=320, budget=6400)
        for _ in range(30):
            assert await first.ask(who)
        held = sum(lease.left for lease in first.shared._leases.values())
        assert held > 0
        await first.shared.close()
        return sum([await second.ask(who) for _ in range(400)])

    assert gateways(redis, 2, run) == 320 - 30


def test_a_slice_that_ran_out_is_given_back(redis: RedisServer) -> None:
    """A gateway nobody asks any more holds nothing a second later."""

    async def run(first: Gateway, second: Gateway) -> int:
        who = client(rate=0.001, burst=320)
        for _ in range(30):
            await first.ask(who)
        await asyncio.sleep(RATE_LIFE + 2 * module.SWEEP_SECONDS)
        return sum([await second.ask(who) for _ in range(400)])

    assert gateways(redis, 2, run) == 320 - 30


def test_a_busy_client_costs_a_call_per_slice(redis: RedisServer) -> None:
    """Ten thousand rows are spent from memory: the server is asked a few dozen times."""

    async def run(only: Gateway) -> int:
        who, before = client(rate=1e6, burst=100_000), calls(redis)
        for _ in range(10_000):
            assert await only.ask(who)
        return calls(redis) - before

    assert gateways(redis, 1, run) < 60


def calls(server: RedisServer) -> int:
    """Scripts that the server ran so far."""
    said = server.say("INFO", "commandstats").decode()
    return sum(int(line.split("calls=")[1].split(",")[0]) for line in said.splitlines() if "evalsha" in line)


def test_a_budget_holds_over_all_gateways_and_a_day_later_is_new(redis: RedisServer) -> None:
    """Exactly the budget passes, over three gateways in turn; the next day, by the gateways' clock, begins anew."""

    async def run() -> tuple[int, int]:
        day = 0.0
        parts = [await Gateway(wall=lambda: time.time() + day).up(redis) for _ in range(3)]
        who, total = client(rate=1e6, burst=100_000, budget=500), [0, 0]
        for turn in range(2):
            for number in range(1200):
                total[turn] += await parts[number % 3].ask(who)
                if number % 400 == 399:  # those that hold the last few give them back
                    await asyncio.sleep(0 if turn else 0.001)
            for part in parts:
                total[turn] += sum([await part.ask(who) for _ in range(100)])
            day = 86_400.0
        for part in parts:
            await part.shared.close()
        return total[0], total[1]

    assert asyncio.run(run()) == (500, 500)


def test_a_model_s_rate_is_shared_beside_the_client_s(redis: RedisServer) -> None:
    """Two clients on two gateways together are bound by the model's rate; nothing is charged before both are known."""

    async def run(first: Gateway, second: Gateway) -> int:
        others = (("model:flights", 0.001, 50),)
        return sum(
            [await one.ask(client(name), 1, others) for _ in range(60) for one, name in ((first, "a"), (second, "b"))]
        )

    assert gateways(redis, 2, run) == 50


def test_without_the_server_rates_go_on_in_part_and_budgets_are_refused(own: RedisServer) -> None:
    """Killed: at most the gateway's half of the burst passes; a budget is 503 with Retry-After; both recover."""

    async def run() -> None:
        part = await Gateway().up(own)
        who, thrifty = client(rate=0.001, burst=100), client("eve", budget=1000)
        assert await part.ask(who)
        assert await part.ask(thrifty)
        own.kill()
        await until(lambda: part.told[-1]["state"] == "lost")
        held = sum(lease.left for lease in part.shared._leases.values())
        assert 50 <= sum([await part.ask(who) for _ in range(200)]) <= 50 + held
        while part.shared._leases[f"budget:eve:{int(time.time() // 86400)}"].left:
            assert await part.ask(thrifty), "what is in hand was granted, and is spent"
        with pytest.raises(Declined) as caught:
            await part.ask(thrifty)
        assert (caught.value.status, caught.value.finding) == (503, "LG686")
        assert int(caught.value.headers["Retry-After"]) >= 1
        own.start()
        await part.up(own)
        assert sum([await part.ask(who) for _ in range(200)]) == 100
        assert await part.ask(thrifty)
        await part.shared.close()

    asyncio.run(run())


def test_the_policy_turns_both_round(own: RedisServer) -> None:
    """`shared_rates = "closed"`: 503 for every request. `shared_budgets = "open"`: this gateway's part of a budget."""

    async def run() -> None:
        part = Gateway()
        part.shared.policy(ServePolicy(shared_rates="closed"))
        with pytest.raises(Declined) as caught:
            await part.ask(client())
        assert caught.value.status == 503
        part.shared.policy(ServePolicy())
        with pytest.raises(Declined):  # before anything else is charged
            part.shared.ready(client("eve", budget=10), 1, 1, ())
        part.shared.policy(ServePolicy(shared_budgets="open"))
        who = client(rate=1e6, burst=1000, budget=100)
        assert sum([await part.ask(who) for _ in range(200)]) == 50

    asyncio.run(run())


def test_a_silent_server_costs_a_request_fifty_milliseconds(own: RedisServer) -> None:
    """Stopped, not gone: the loop goes on, a request is decided within the deadline, then the server is given up."""

    async def run() -> None:
        part = await Gateway().up(own)
        await part.ask(client("warm"))
        own.pause(on=True)
        start = time.monotonic()
        assert await part.ask(client())
        assert module.DEADLINE_SECONDS * 0.9 <= time.monotonic() - start < module.DEADLINE_SECONDS + 0.2
        start = time.monotonic()
        assert await part.ask(client())
        assert time.monotonic() - start < 0.02
        with pytest.raises(Declined):
            await part.ask(client("eve", budget=10))
        await until(lambda: part.told[-1]["state"] == "lost")
        own.pause(on=False)

    asyncio.run(run())


def test_a_server_that_forgot_the_scripts_is_told_them_again(redis: RedisServer) -> None:
    """SCRIPT FLUSH under a running gateway: no request is refused for it."""

    async def run(only: Gateway) -> bool:
        assert await only.ask(client(burst=1000), 500)
        redis.say("SCRIPT", "FLUSH")
        return await only.ask(client(burst=1000), 400)

    assert gateways(redis, 1, run)


def test_over_tls_the_gateway_logs_in_itself_and_only_to_whom_the_authority_vouches_for(tmp_path: Path) -> None:
    """rediss://: with the right authority rows are counted; another authority or another name is never talked to."""
    need_redis()
    certificate, key = stores.certificate(tmp_path)
    tls = ("--tls-port", "0", "--tls-cert-file", str(certificate), "--tls-key-file", str(key))
    server = RedisServer(tmp_path, *tls, "--tls-auth-clients", "no", "--tls-ca-cert-file", str(certificate))
    server.secure()
    server.start()
    (tmp_path / "other").mkdir()
    other, _ = stores.certificate(tmp_path / "other")
    address = f"rediss://{USER}:{PASSWORD}@{{}}:{server.port}"

    async def run(host: str, ca: Path) -> list[str]:
        redis = Redis.parse(address.format(host), ca)
        part = Gateway(redis.settings("lockgate:test:", 2))
        with redis.connect() as lent:
            part.shared.connect(os.dup(lent.fileno()))
            await until(lambda: part.told)
        assert await part.ask(client())
        await part.shared.close()
        return [said["state"] for said in part.told]

    try:
        assert asyncio.run(run("127.0.0.1", certificate)) == ["up"]
        assert asyncio.run(run("127.0.0.1", other)) == ["lost"]
        assert calls(server) > 0
    finally:
        server.kill()


def test_the_login_of_the_gateways_opens_nothing_else(redis: RedisServer) -> None:
    """What a gateway that was taken over holds: its own counters, by two scripts; no other key, no administration."""
    with redis.logged_in() as one:
        for words in ("SET other 1", "GET other", "FLUSHALL", "CONFIG GET *", "KEYS *", "ACL LIST", "SUBSCRIBE x"):
            one.sendall(words.encode() + b"\r\n")
            assert one.recv(1000).startswith(b"-NOPERM"), words
        one.sendall(b"GET lockgate:test:client:ada\r\n")
        assert not one.recv(1000).startswith(b"-")


def test_settings_out_of_form_are_refused_and_a_second_connection_is_closed(redis: RedisServer) -> None:
    """LG632 for what no supervisor wrote; a reload of such keeps what was; no descriptor is kept without need."""
    for data in (b"", b"{}", b"[]", SETTINGS.encode().replace(b'"gateways":2', b'"gateways":0'), b"\xff"):
        with pytest.raises(VerificationFailed) as caught:
            SharedSettings.parse(data)
        assert caught.value.finding == "LG632"

    async def run(only: Gateway) -> None:
        only.shared.reload(b"{}")
        before = len(os.listdir("/proc/self/fd"))
        only.shared.connect(redis.logged_in().detach())
        assert len(os.listdir("/proc/self/fd")) == before
        assert await only.ask(client())

    gateways(redis, 1, run)
    assert "only-for-tests" not in repr(SharedSettings("p", 1, password="only-for-tests"))
