"""The HTTP front's own limits, over real sockets."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lockgate.serve import front
from lockgate.serve.edge import create_app


@pytest.fixture
def port(make_house: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A gateway without jails, listening."""
    monkeypatch.setattr(front, "HEADER_SECONDS", 0.3)
    house = make_house()
    server = front.server(create_app(house.service), house.service.caps)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
        thread.start()
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join(10)


def talk(port: int, *pieces: bytes, patience: float = 5.0) -> bytes:
    """Send pieces, then read until the server closes or says no more."""
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.settimeout(patience)
        heard = b""
        try:
            for piece in pieces:
                sock.sendall(piece)
            while data := sock.recv(65536):
                heard += data
        except (TimeoutError, ConnectionError):
            pass
        return heard


def test_a_plain_request_is_answered(port: int) -> None:
    """The positive control: 401 in our own form, without a server header."""
    heard = talk(port, b"GET /v2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert heard.startswith(b"HTTP/1.1 401")
    assert b"server:" not in heard.lower()


@pytest.mark.parametrize("pieces", [(), (b"GET /v2 HTTP/1.1\r\n",), (b"GET /v2 HTTP/1.1\r\nHost: x\r\nA: b\r\n",)])
def test_who_does_not_finish_the_headers_is_cut_off(port: int, pieces: tuple[bytes, ...]) -> None:
    """Nothing sent, or headers half sent: the connection ends by itself."""
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.settimeout(5)
        for piece in pieces:
            sock.sendall(piece)
        assert sock.recv(100) == b""


def test_dripping_headers_do_not_wind_the_clock(port: int) -> None:
    """A byte now and then does not keep the connection."""
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.settimeout(0.1)
        heard = None
        for _ in range(30):
            try:
                sock.sendall(b"a")
                heard = sock.recv(100)
            except TimeoutError:
                continue
            except ConnectionError:
                heard = b""
            break
        assert heard is not None


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /v2 HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 40_000 + b"\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"GET /v2 HTTP/1.1\r\n\r\n",
        b"GET /v2 HTTP/1.1\r\nHost : x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=["huge header", "nonsense", "two lengths", "negative", "bad chunk", "no host", "space before colon", "tls"],
)
def test_malformed_requests_are_client_errors(port: int, request_bytes: bytes) -> None:
    """Never a 2xx, never a 5xx, never a hang."""
    heard = talk(port, request_bytes)
    assert heard == b"" or heard.split(b" ")[1][:1] == b"4"
