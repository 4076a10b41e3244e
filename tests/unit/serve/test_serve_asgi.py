"""The core as an ASGI application: the same answers and, where ASGI leaves them to an application, the same limits."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import httpx
import pytest
import uvicorn

from lockgate.serve.asgi import application
from lockgate.serve.http import Reply
from lockgate.serve.limits import Limits
from tests.support.fronts import CAPS, MOST, SHORT, FakeCore, statuses, wait_for


def send(core: FakeCore, method: str, path: str, limits: Limits = SHORT, **more: Any) -> httpx.Response:
    """One request, without a socket."""

    async def call() -> httpx.Response:
        transport = httpx.ASGITransport(app=application(core, CAPS, limits))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, **more)

    return asyncio.run(call())


def test_a_request_is_answered() -> None:
    """With our headers, and the path and query as they were sent."""
    core = FakeCore()
    got = send(core, "POST", "/v2//%2e?a=%20", content=b"hello")
    assert got.status_code == 200
    assert got.headers["lockgate-model"] == "m@1"
    assert got.headers["content-length"] == str(len(got.content))
    assert (got.json()["path"], got.json()["query"], got.json()["length"]) == ("/v2//%2e", "a=%20", 5)
    assert core.heads[0].headers["host"] == "test"
    assert core.heads[0].peer.address == "127.0.0.1"
    assert core.heads[0].peer.certificate is None


def test_replies_come_later_too_and_have_no_body_where_there_is_none() -> None:
    """204 and HEAD."""
    assert send(FakeCore(), "GET", "/later").status_code == 200
    assert send(FakeCore(), "GET", "/nothing").status_code == 204
    got = send(FakeCore(), "HEAD", "/echo")
    assert (int(got.headers["content-length"]) > 10, got.content) == (True, b"")
    assert send(FakeCore(), "GET", "/refuse").status_code == 401


def test_bodies_are_bounded_by_size() -> None:
    """By length, and by counting where there is none."""

    async def pieces(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield b"a" * 100

    core = FakeCore()
    assert send(core, "POST", "/echo", content=b"a" * MOST).status_code == 200
    assert send(core, "POST", "/echo", content=b"a" * (MOST + 1)).status_code == 413
    assert send(core, "POST", "/echo", content=pieces(MOST // 100)).status_code == 200
    assert send(core, "POST", "/echo", content=pieces(MOST // 100 + 1)).status_code == 413
    assert core.refused == ["LG605", "LG605"]


def test_a_body_that_is_too_long_by_its_length_is_not_waited_for() -> None:
    """Nothing of it is received."""

    async def call() -> list[int]:
        sent: list[int] = []

        async def receive() -> Any:
            raise AssertionError

        async def send_(message: Any) -> None:
            sent.append(message.get("status", 0))

        headers = [(b"content-length", b"%d" % (MOST + 1))]
        scope = {"type": "http", "method": "POST", "path": "/echo", "headers": headers, "query_string": b""}
        await application(FakeCore(), CAPS)(scope, receive, send_)
        return sent

    assert asyncio.run(call()) == [413, 0]


def test_bodies_are_bounded_by_time() -> None:
    """A slow sender is told."""

    async def slow() -> AsyncIterator[bytes]:
        yield b"a"
        await asyncio.sleep(5)
        yield b"b"

    core = FakeCore()
    assert send(core, "POST", "/echo", content=slow()).status_code == 408
    assert core.refused == ["LG615"]


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/echo", [("Authorization", "a"), ("Authorization", "b")]),
        ("/echo", [("Content-Length", "5"), ("Transfer-Encoding", "chunked")]),
        ("/echo", [("Content-Length", "+5")]),
        ("/echo", [("Transfer-Encoding", "gzip, chunked")]),
        ("/echo", [(f"A{n}", "b") for n in range(20)]),
        ("/echo", [("A", "b" * 5000)]),
        ("/" + "a" * 250, []),
    ],
)
def test_doubtful_heads_are_refused(path: str, headers: list[tuple[str, str]]) -> None:
    """Whatever the server before us let through."""
    core = FakeCore()
    assert send(core, "GET", path, headers=headers).status_code == 400
    assert (core.heads, len(core.bad)) == ([], 1)


@pytest.mark.parametrize("raw", [b"/\xc3\xa4", b"/a b", b"a", b"/\x00", b"/\x7f"])
def test_a_path_is_printable_ascii(raw: bytes) -> None:
    """As the front has it."""
    assert [message["status"] for message in asyncio.run(raw_call(raw))[:1]] == [400]
    assert [message["status"] for message in asyncio.run(raw_call(b"/a%20b"))[:1]] == [200]


async def raw_call(raw: bytes, messages: tuple[dict[str, Any], ...] = (), **more: Any) -> list[Any]:
    """What is sent for a scope of our own."""
    sent: list[Any] = []
    heard = [*messages, {"type": "http.request", "body": b"", "more_body": False}]
    scope = {"type": "http", "method": "GET", "path": "/", "raw_path": raw, "headers": [], "query_string": b"", **more}

    async def receive() -> Any:
        return heard.pop(0) if heard else {"type": "http.disconnect"}

    async def send_(message: Any) -> None:
        sent.append(message)

    await application(more.pop("core", FakeCore()), CAPS)(scope, receive, send_)
    return sent


def test_a_prefix_of_a_server_is_not_part_of_the_path() -> None:
    """Where the application is mounted below one."""
    sent = asyncio.run(raw_call(b"/ml/echo", root_path="/ml"))
    assert json.loads(sent[1]["body"])["path"] == "/echo"


def test_a_peer_that_leaves_is_told_of_once() -> None:
    """During its body, before its reply, or by the server's cancelling it."""

    async def leave(path: bytes, *messages: dict[str, Any]) -> int:
        core = FakeCore()
        assert await raw_call(path, messages, core=core) == []
        return core.gone

    part = {"type": "http.request", "body": b"a", "more_body": True}
    assert asyncio.run(leave(b"/echo", part, {"type": "http.disconnect"})) == 1
    assert asyncio.run(leave(b"/hold")) == 1

    async def cancelled() -> int:
        core = FakeCore()
        app = application(core, CAPS)
        never = asyncio.get_running_loop().create_future()
        first = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> Any:
            return first.pop() if first else await never

        scope = {"type": "http", "method": "GET", "path": "/hold", "headers": [], "query_string": b""}
        task = asyncio.ensure_future(app(scope, receive, receive))  # type: ignore[arg-type]
        await asyncio.sleep(0.05)
        assert len(core.held) == 1
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        core.held[0](Reply(200))
        return core.gone

    assert asyncio.run(cancelled()) == 1


@pytest.mark.parametrize(
    ("path", "heard"), [("/echo", []), ("/echo", [b"a"]), ("/fails", [b"a", b""]), ("/hold", [b"a", b""])]
)
def test_whatever_a_server_raises_lets_go(path: str, heard: list[bytes], caplog: pytest.LogCaptureFixture) -> None:
    """In a body, in our own answer, or while it is waited for: nothing stays taken for the client, or is left over."""
    core = FakeCore()
    pieces = [{"type": "http.request", "body": data, "more_body": bool(data)} for data in heard]

    async def receive() -> Any:
        if pieces:
            return pieces.pop(0)
        raise RuntimeError("the transport is gone")

    async def call() -> None:
        scope = {"type": "http", "method": "POST", "path": path, "headers": [], "query_string": b""}
        await asyncio.wait_for(application(core, CAPS)(scope, receive, receive), 2)  # type: ignore[arg-type]

    with suppress(RuntimeError):
        asyncio.run(call())
    assert (core.gone, caplog.text) == (1, "")


def test_an_answer_that_the_core_forgot_is_not_waited_for() -> None:
    """As on the front; one that is only late is sent."""
    core = FakeCore()

    async def call() -> list[int]:
        sent: list[int] = []
        first = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> Any:
            return first.pop() if first else await asyncio.sleep(60)

        async def send_(message: Any) -> None:
            sent.append(message.get("status", 0))

        scope = {"type": "http", "method": "POST", "path": "/later", "headers": [], "query_string": b""}
        app = application(core, replace(CAPS, answer=0.05))
        await asyncio.wait_for(app(scope, receive, send_), 2)
        first.append({"type": "http.request", "body": b"", "more_body": False})
        await asyncio.wait_for(app({**scope, "path": "/hold"}, receive, send_), 2)
        return sent

    assert asyncio.run(call()) == [200, 0]
    assert core.gone == 1


def test_a_header_of_ours_cannot_break_its_line() -> None:
    """As on the front."""
    got = send(FakeCore(), "GET", "/broken")
    assert (got.status_code, got.content, "x-injected" in got.headers) == (500, b"", False)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A real server: uvicorn, with the core behind it."""
    config = uvicorn.Config(
        application(FakeCore(), replace(CAPS, receive=1.0), SHORT), log_config=None, lifespan="on", ws="none"
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
        thread.start()
        assert wait_for(lambda: server.started)
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive()


def test_a_real_server_serves_it(port: int) -> None:
    """Requests, refusals and a start and an end of its own."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        assert client.post("/echo", content=b"hello").json()["length"] == 5
        assert client.post("/echo", content=b"a" * (MOST + 1)).status_code == 413
        assert client.get("/refuse").status_code == 401
        assert client.get("/later").status_code == 200


def test_a_real_server_gives_both_lengths_on_to_be_refused(port: int) -> None:
    """What it tolerates we do not: the smuggled request is never answered."""
    attack = (
        b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 13\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nSMUGGLED"
    )
    with socket.create_connection(("127.0.0.1", port), timeout=3) as sock:
        sock.sendall(attack)
        assert {status // 100 for status in statuses(sock.recv(65536))} == {4}
