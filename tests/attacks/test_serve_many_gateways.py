"""Two real gateways on one port, with limits shared through a real Redis server.

Threats: model extraction (a limit per gateway is no limit), inference manipulation (two gateways, two answers).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest

from lockgate.audit.ledger import PREDICTIONS, origin
from lockgate.audit.log import Log
from lockgate.audit.predictions import PredictionIndex
from lockgate.core.records import parse_receipt
from lockgate.errors import Unavailable, Usage
from lockgate.supervise import run
from lockgate.supervise.listening import listening
from lockgate.supervise.redis import Redis
from tests.support.redis import PASSWORD, USER, RedisServer, need_redis
from tests.support.serving import GOOD, Serving, servable_project, serving

ROW = {"records": [{"distance": 200, "carrier": "UA"}]}
ASKED: tuple[Any, ...] = (
    GOOD,
    ROW,
    {"records": []},
    {"records": [{"distance": "far", "carrier": "UA"}]},
    {"records": [{"distance": 1e30, "carrier": "UA"}]},
    {"records": [{"distance": 1, "carrier": "UA", "extra": 1}]},
    {"rows": []},
)
CLIENT = httpx.Client(verify=False, timeout=20, limits=httpx.Limits(max_keepalive_connections=0))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One Redis server."""
    need_redis()
    found = RedisServer(tmp_path_factory.mktemp("redis"))
    found.start()
    yield found
    found.kill()


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, server: RedisServer) -> Iterator[Serving]:
    """Two gateways."""
    redis = Redis.parse(f"unix://{USER}:{PASSWORD}@{server.path}")
    with pytest.MonkeyPatch.context() as patch:
        project = servable_project(tmp_path_factory.mktemp("pair"), patch)
        project.make_live(patch)
        with serving(project, client={"rate": 1e6, "burst": 100_000}, gateways=2, redis=lambda: redis) as found:
            yield found


def until(condition: Any, seconds: float = 15.0) -> Any:
    """Wait for something to hold; give what it gave."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(httpx.HTTPError):
            if found := condition():
                return found
        time.sleep(0.05)
    raise AssertionError("it did not come to hold in time")


def predict(pair: Serving, body: Any, key: str = "") -> httpx.Response:
    """`POST /predict` on a connection of its own, so that the kernel chooses a gateway anew."""
    headers = {"Authorization": f"Bearer {key or pair.key}"}
    return CLIENT.post(pair.url + "/predict", json=body, headers=headers)


def statuses(pair: Serving, key: str, many: int, body: Any = ROW) -> list[int]:
    """Of so many requests."""
    return [predict(pair, body, key).status_code for _ in range(many)]


def test_both_answer_and_answer_alike(pair: Serving) -> None:
    """For every request, good and bad, the two say the same; receipts name which of them it was; one log has all."""
    gateways, receipts = set(), []
    for body in ASKED:
        said = []
        for _ in range(12):
            answer = predict(pair, body)
            found = answer.json()
            for token in found.pop("receipts", ()):
                receipts.append(parse_receipt(token))
                gateways.add(receipts[-1].gateway)
            said.append((answer.status_code, found))
        assert all(one == said[0] for one in said), body
    assert gateways == {member.id for member in pair.house.members}
    project = pair.project

    def index() -> PredictionIndex:
        return PredictionIndex(
            Log.open(
                project.home / "log" / PREDICTIONS,
                public_key=project.ledger.roles.sealer_key(),
                origin=origin(project.created.project_id, PREDICTIONS),
            )
        )

    until(lambda: all(index().find(receipt) for receipt in receipts))
    assert index().reasons() == ()


def test_a_client_s_burst_is_one_over_both(pair: Serving) -> None:
    """40 rows of burst at a row in a thousand seconds: of 70 requests over both gateways 40 pass, the rest are 429."""
    key = pair.project.add_client("burst", rate=0.001, burst=40)
    until(lambda: CLIENT.get(pair.url + "/v2", headers={"Authorization": f"Bearer {key}"}).status_code == 200)
    time.sleep(1.2)  # both gateways have the client now
    found = statuses(pair, key, 70)
    assert (found.count(200), found.count(429)) == (40, 30)


def test_without_redis_rates_go_on_and_budgets_do_not(pair: Serving, server: RedisServer) -> None:
    """The server is killed under both: 200 for a rate, 503 with Retry-After for a budget; it comes back by itself."""
    thrifty = pair.project.add_client("thrifty", budget=1000)
    until(lambda: statuses(pair, thrifty, 6) == [200] * 6)
    server.kill()
    until(lambda: any("lost redis" in line for line in pair.said))
    refused = until(lambda: (one := predict(pair, ROW, thrifty)).status_code == 503 and one)
    assert refused.json()["finding"] == "LG686"
    assert int(refused.headers["Retry-After"]) >= 1
    until(lambda: statuses(pair, thrifty, 6) == [503] * 6)
    assert statuses(pair, pair.key, 10) == [200] * 10
    server.start()
    until(lambda: statuses(pair, thrifty, 8) == [200] * 8)
    assert not any(PASSWORD in line for line in pair.said)


def test_a_gateway_s_listener_is_its_own(pair: Serving) -> None:
    """One that was taken over shuts its listening socket down: the other answers, and the next one listens anew."""
    pair.house._own.listeners.shut(0)
    other = pair.house.members[1].id
    answers = [predict(pair, ROW).json() for _ in range(8)]
    assert {parse_receipt(said["receipts"][0]).gateway for said in answers} == {other}
    before, told = pair.house.members[0].id, len(pair.said)
    process: Any = pair.house.kept["gateway-0"].process
    os.kill(process.pid, 9)
    until(lambda: pair.house.members[0].id != before and "gateway-0: answering" in pair.said[told:])
    new = pair.house.members[0].id
    until(lambda: parse_receipt(predict(pair, ROW).json()["receipts"][0]).gateway == new)


def test_a_port_that_somebody_has_is_refused_for_several_too(pair: Serving) -> None:
    """SO_REUSEPORT would let a second house of the same user listen beside the first one, unseen."""
    port = int(pair.url.rpartition(":")[2])
    for many in (1, 2):
        with pytest.raises(Unavailable) as caught, listening("127.0.0.1", port, many):
            pass
        assert caught.value.finding == "LG626"


def test_a_number_of_gateways_that_cannot_be(pair: Serving) -> None:
    """0 and 65 are refused before anything is looked at."""
    for many in (0, 65):
        with pytest.raises(Usage) as caught:
            run.serve(pair.project.workplace(), gateways=many)
        assert caught.value.finding == "LG689"
