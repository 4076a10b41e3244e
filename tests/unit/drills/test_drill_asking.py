"""Asking a gateway as one client: what is refused is left out, what is limited is told, anything else is an error."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from lockgate.drills.asking import Connection, Limited
from lockgate.drills.site import PATIENCE, Patient
from lockgate.errors import Unavailable

Answering = Callable[[Any], tuple[int, dict[str, str], Any]]


@contextmanager
def gateway(answer: Answering) -> Iterator[str]:
    """A server on loopback that answers each body with what `answer` says: status, headers, body."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, headers, value = answer(body)
            data = json.dumps(value).encode()
            self.send_response(status)
            for name, text in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(5)


def contract(body: Any) -> tuple[int, dict[str, str], Any]:
    """Refuses records with a negative x, as a gateway does; else says whether x is above 1."""
    wrong = [at for at, one in enumerate(body["records"]) if one["x"] < 0]
    if wrong:
        return 422, {}, {"finding": "LG203", "errors": [{"loc": [at, "x"]} for at in wrong]}
    return 200, {}, {"predictions": [{"label": one["x"] > 1} for one in body["records"]]}


def test_what_the_contract_refuses_is_left_out() -> None:
    """The other records of a request are asked again, and each answer is at the place of its record."""
    with gateway(contract) as url:
        connection = Connection(url, "key")
        found = connection.predict([{"x": 2}, {"x": -1}, {"x": 0}, {"x": -3}])
        rows = connection.rows
        connection.close()
    assert found == [{"label": True}, None, {"label": False}, None]
    assert rows == 4


@pytest.mark.parametrize(
    "answer",
    [
        (500, {}, {"finding": "LG605"}),
        (200, {}, {"predictions": []}),
        (200, {}, ["no", "object"]),
        (422, {}, {"errors": []}),
        (422, {}, {"errors": [{"loc": [7, "x"]}]}),
    ],
)
def test_a_strange_answer_is_an_error(answer: tuple[int, dict[str, str], Any]) -> None:
    """LG985: it is never taken for an answer, and never for a record that was refused."""
    with gateway(lambda _: answer) as url:
        connection = Connection(url, "key")
        with pytest.raises(Unavailable) as caught:
            connection.predict([{"x": 1}])
        connection.close()
    assert caught.value.finding == "LG985"


def test_nobody_there_is_an_error() -> None:
    """LG985: a house that has ended is told, at once."""
    with gateway(contract) as url:
        pass
    with pytest.raises(Unavailable) as caught:
        Connection(url, "key").predict([{"x": 1}])
    assert caught.value.finding == "LG985"


def test_a_rate_limit_is_waited_for_and_a_suspicion_is_not() -> None:
    """LG610 is the rate: wait as long as is said. LG6100 is what the drill looks for: it ends the pass."""
    answers = iter(
        [
            (429, {"Retry-After": "2"}, {"finding": "LG610"}),
            (200, {}, {"predictions": [{"label": 1}]}),
            (429, {"Retry-After": "3600"}, {"finding": "LG6100"}),
        ]
    )
    waited: list[float] = []
    with gateway(lambda _: next(answers)) as url:
        patient = Patient(Connection(url, "key"), sleep=waited.append)
        assert patient.predict([{"x": 1}]) == [{"label": 1}]
        with pytest.raises(Limited) as caught:
            patient.predict([{"x": 1}])
        patient.close()
    assert waited == [2.0]
    assert caught.value.finding == "LG6100"


def test_patience_ends() -> None:
    """A rate limit that never lets anything through does not keep a drill for ever."""
    waited: list[float] = []
    with gateway(lambda _: (429, {"Retry-After": "7200"}, {"finding": "LG610"})) as url:
        patient = Patient(Connection(url, "key"), sleep=waited.append)
        with pytest.raises(Limited):
            patient.predict([{"x": 1}])
        patient.close()
    assert waited
    assert sum(waited) <= 2 * PATIENCE


def test_coarser_answers_are_noticed() -> None:
    """Scores that were there and are there no more: after how many rows, where the policy gives scores."""
    answers = iter([{"label": 1, "scores": {"0": 0.1, "1": 0.9}}, {"label": 1}, {"label": 1}])
    with gateway(lambda _: (200, {}, {"predictions": [next(answers)]})) as url:
        patient = Patient(Connection(url, "key"), scored=True)
        for _ in range(3):
            patient.predict([{"x": 1}])
        patient.close()
    assert patient.coarse == 2


def test_a_gateway_that_starts_again_is_asked_again() -> None:
    """503 LG614 passes; one that does not pass is an error, after ten seconds."""
    answers: Iterator[Any] = iter([(503, {}, {"finding": "LG614"}), (200, {}, {"predictions": [{"label": 1}]})])
    waited: list[float] = []
    with gateway(lambda _: next(answers)) as url:
        connection = Connection(url, "key", sleep=waited.append)
        assert connection.predict([{"x": 1}]) == [{"label": 1}]
        connection.close()
    assert waited == [0.5]
    with gateway(lambda _: (503, {}, {"finding": "LG614"})) as url:
        connection = Connection(url, "key", sleep=waited.append)
        with pytest.raises(Unavailable):
            connection.predict([{"x": 1}])
        connection.close()
    assert sum(waited) == 10.5
