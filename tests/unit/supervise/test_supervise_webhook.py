"""An alarm sent to who wants to be told: where it is allowed, once it was taken, and never waited for."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from lockgate.core.encoding import encode
from lockgate.supervise.alarming import Signed
from lockgate.supervise.webhook import Webhook
from lockgate.trust.policy_monitor import MonitorPolicy


class Hook(ThreadingHTTPServer):
    """Answers with the codes of `answers` in turn, then with 204."""

    daemon_threads = True

    def __init__(self, *answers: int, slow: float = 0.0) -> None:
        self.answers, self.slow = list(answers), slow
        self.got: list[tuple[str, dict[str, str], Any]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}/"


class _Handler(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        """Take it."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, dict(self.headers), json.loads(body)))
        time.sleep(self.server.slow)
        code = self.server.answers.pop(0) if self.server.answers else 204
        self.send_response(code)
        if 300 <= code < 400:
            self.send_header("Location", f"{self.server.url}elsewhere")
        self.end_headers()

    def do_GET(self) -> None:
        """Who followed a redirect."""
        self.server.got.append((self.path, {}, None))

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def hook(*answers: int, slow: float = 0.0) -> Iterator[Hook]:
    """One that runs."""
    with Hook(*answers, slow=slow) as found:
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield found
        finally:
            found.shutdown()
            thread.join()


def alarm(*allowed: str) -> Signed:
    """One that may be sent below `allowed`."""
    return Signed(
        MonitorPolicy(webhooks=allowed).allows, {"claim": "x", "name": "flights"}, encode({"payload": "e30="})
    )


def sent(url: str, *allowed: str, token: str = "", pauses: tuple[float, ...] = (0.01, 0.01)) -> list[str]:
    """What a person is told once it was sent, or given up."""
    one = Webhook(url, lambda: token, pauses)
    one.send(alarm(*allowed))
    one.wait(10)
    return one.lines()


def test_an_alarm_arrives_with_its_envelope() -> None:
    """Once, with the token where there is one; nobody is told anything."""
    with hook() as found:
        assert sent(f"{found.url}a", found.url, token="secret") == []
        ((path, headers, body),) = found.got
    assert path == "/a"
    assert body == {"alarm": {"name": "flights"}, "envelope": {"payload": "e30="}}
    assert headers["Authorization"] == "Bearer secret"


def test_where_the_policy_does_not_allow_it_nothing_is_asked() -> None:
    """LG696, and no connection. The control: allowed it goes there."""
    with hook() as found:
        (line,) = sent(f"{found.url}a", "https://hooks.example/", f"{found.url}b/")
        assert found.got == []
        assert line.startswith("webhook: LG696 the policy does not allow its address")
        assert sent(f"{found.url}b/", f"{found.url}b/") == []
        assert len(found.got) == 1


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(code: int) -> None:
    """It counts as not taken; where it leads nobody is asked."""
    with hook(code, code, code) as found:
        (line,) = sent(found.url, found.url)
        assert [path for path, _, _ in found.got] == ["/"] * 3
    assert f"the answer was {code}" in line


def test_it_is_tried_again_and_given_up_in_the_end() -> None:
    """Taken at the third time: nothing to tell. Nobody there: a line, and no exception."""
    with hook(500, 503) as found:
        assert sent(found.url, found.url) == []
        assert len(found.got) == 3
        gone = found.url
    (line,) = sent(gone, gone)
    assert "is not sent again" in line
    assert gone not in line


def test_a_token_that_cannot_be_had_is_told() -> None:
    """By a reference that leads nowhere: it is not sent without."""

    def nowhere() -> str:
        raise RuntimeError("no such file")

    with hook() as found:
        one = Webhook(found.url, nowhere, ())
        one.send(alarm(found.url))
        one.wait(5)
        assert found.got == []
        assert "RuntimeError" in one.lines()[0]


def test_nobody_waits_for_a_slow_one() -> None:
    """Beginning takes no time, and so does ending; of too many at once a line is told."""
    with hook(slow=0.5) as found:
        one = Webhook(found.url, str, ())
        began = time.monotonic()
        for _ in range(9):
            one.send(alarm(found.url))
        one.close()
        assert time.monotonic() - began < 0.4
        assert ["too many" in line for line in one.lines()] == [True]
        one.wait(10)
