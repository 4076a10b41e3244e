"""The address of the shared limits, and the connections that the supervisor makes."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockgate.config import read_config
from lockgate.errors import Unavailable, Usage
from lockgate.supervise.limits import Limits
from lockgate.supervise.redis import AGAIN_SECONDS, Lender, Redis
from tests.support.redis import PASSWORD, USER, RedisServer, need_redis


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A real one."""
    need_redis()
    found = RedisServer(tmp_path_factory.mktemp("redis"))
    found.start()
    yield found
    found.kill()


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("redis://cache", Redis("cache", 6379)),
        ("redis://u:p%40ss@cache:7000/", Redis("cache", 7000, user="u", password="p@ss")),
        ("rediss://:only@[::1]:7001", Redis("::1", 7001, tls=True, password="only", ca=Path("ca.pem"))),
        ("unix:///run/redis.sock", Redis(path="/run/redis.sock")),
        ("unix://u:p@/run/redis.sock", Redis(path="/run/redis.sock", user="u", password="p")),
    ],
)
def test_addresses(address: str, expected: Redis) -> None:
    """Host and port, a login with any sign in it, a socket."""
    assert Redis.parse(address, Path("ca.pem") if expected.tls else None) == expected


@pytest.mark.parametrize(
    "address",
    [
        "http://cache",
        "redis://",
        "redis://h:x",
        "redis://h/1",
        "rediss://h",
        "unix://relative",
        "redis://:secret@h?x=1",
        "",
    ],
)
def test_addresses_that_cannot_be_used_are_not_quoted(address: str) -> None:
    """LG687, with why; what may hold a password is not repeated."""
    with pytest.raises(Usage) as caught:
        Redis.parse(address)
    assert caught.value.finding == "LG687"
    assert "secret" not in str(caught.value) + repr(caught.value.seen) + caught.value.next


def test_a_login_in_lockgate_toml_is_refused_and_not_quoted() -> None:
    """Literal passwords are LG124 as everywhere; a reference and an address without a login pass."""
    data = '[data]\nsources = ["a.csv"]\nlabel = "y"\ncontract = "c.py:C"\n'
    text = f'[project]\nname = "x"\n{data}[serve]\nredis = "{{}}"\n'
    with pytest.raises(Usage) as caught:
        read_config(text.format("redis://u:hunter2@cache"))
    assert caught.value.finding == "LG124"
    assert "hunter2" not in str(caught.value) + repr(caught.value.seen) + caught.value.next
    for good in ("env:REDIS_URL", "redis://cache:6379", "unix:///run/redis.sock"):
        assert read_config(text.format(good)).serve.redis == good


def test_the_gateway_gets_a_connection_that_is_logged_in_and_no_password(server: RedisServer) -> None:
    """Over a socket and over TCP: our script's commands pass at once; what is handed over holds no login."""
    for address in (f"unix://{USER}:{PASSWORD}@{server.path}", f"redis://{USER}:{PASSWORD}@127.0.0.1:{server.port}"):
        redis = Redis.parse(address)
        with redis.connect() as one:
            one.sendall(b"GET lockgate:x\r\n")
            assert one.recv(100) == b"$-1\r\n"
        handed = Limits("lockgate:p:dev:", redis, 2)
        assert PASSWORD.encode() not in handed.read()
        assert "shared through redis" in handed.said()
        assert PASSWORD not in repr(redis)


def test_a_wrong_login_and_no_server_are_told(server: RedisServer, tmp_path: Path) -> None:
    """LG688 for both, without the password, and within the time."""
    for address in (
        f"unix://{USER}:wrong-one@{server.path}",
        f"unix://u:wrong-one@{tmp_path}/none",
        "redis://127.0.0.1:1",
    ):
        with pytest.raises(Unavailable) as caught:
            Redis.parse(address).connect()
        assert caught.value.finding == "LG688"
        assert "wrong-one" not in str(caught.value)


def test_connections_are_lent_in_the_background_and_not_too_often() -> None:
    """A slow server holds nothing up; who says that it lost its connection waits a while for the next."""
    go, said = threading.Event(), list[str]()

    def connect() -> socket.socket:
        go.wait(5)
        return socket.socket()

    lender = Lender(connect, said.append)
    lender.want("gateway", 0.0)
    start = time.monotonic()
    assert lender.step(0.0) == []
    assert time.monotonic() - start < 0.5
    go.set()
    found: list[tuple[str, socket.socket]] = []
    while not found:
        found = lender.step(0.0)
    ((name, sock),) = found
    sock.close()
    assert name == "gateway"
    lender.want("gateway", 0.1)
    for now in (0.2, AGAIN_SECONDS - 0.1):
        assert lender.step(now) == []
        time.sleep(0.05)
        assert lender.step(now) == []
    lender.step(AGAIN_SECONDS)
    deadline = time.monotonic() + 2
    while not (found := lender.step(AGAIN_SECONDS)):
        assert time.monotonic() < deadline
    found[0][1].close()


def test_a_server_that_is_away_is_told_once_and_tried_again() -> None:
    """One line for each change, not one a second."""
    said: list[str] = []
    up = threading.Event()

    def connect() -> socket.socket:
        if not up.is_set():
            raise Unavailable("LG688", "redis: Connection refused")
        return socket.socket()

    lender = Lender(connect, said.append)
    lender.want("gateway", 0.0)
    now, found = 0.0, list[tuple[str, socket.socket]]()
    for turn in range(400):
        found = lender.step(now)
        if found:
            break
        time.sleep(0.002)
        now += 0.05
        if turn == 100:
            up.set()
    found[0][1].close()
    assert said == ["shared limits: LG688 redis: Connection refused", "shared limits: redis is reached"]


@pytest.mark.parametrize(("gateways", "word"), [(1, "counts alone"), (3, "LG690")])
def test_without_a_server_it_is_said_who_counts(gateways: int, word: str) -> None:
    """One gateway counts alone; of three each lets a third pass, and says so. Nothing is handed over."""
    limits = Limits("lockgate:p:dev:", None, gateways)
    assert word in limits.said()
    assert limits.read() == b""
