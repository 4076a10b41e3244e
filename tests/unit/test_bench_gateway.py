"""The benchmark of the gateway measures what it says: its clock, its counts, its stand-ins."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from bench.gateway_overload import growth
from bench.gateway_stand_ins import AnyKey, AnyRate, PlainChecker, admission
from bench.open_loop import Generator, Plan
from lockgate.serve.admission.admission import Admission

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
LATER = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
BARE = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
BROKEN = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
STALL = 0.2


class Server:
    """Answers one connection with `answers` in turn, the first of them after `stall` seconds."""

    def __init__(self, answers: list[bytes], stall: float) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._answers, self._stall = answers, stall
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        peer, _ = self._listener.accept()
        with peer:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            count = 0
            while peer.recv(65536):
                time.sleep(self._stall if count == 0 else 0)
                answer = self._answers[count % len(self._answers)]
                peer.sendall(answer[:20])
                peer.sendall(answer[20:])
                count += 1

    def close(self) -> None:
        """End it."""
        self._listener.close()
        self._thread.join(5)


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server that is gone after the test."""
    made = Server(*request.param)
    yield made
    made.close()


def _plan(*, rate: float, seconds: float) -> Plan:
    return Plan("one", rate, seconds, 1, {"X": "y"}, "{}", warm=0.0)


@pytest.mark.parametrize("server", [([OK], STALL)], indirect=True)
def test_latency_counts_from_a_requests_time(server: Server) -> None:
    """What had to wait behind a server that stood still waited: its latency says so, though it was sent late."""
    (result,) = Generator(server.port, [_plan(rate=100, seconds=0.2)]).run()
    assert (result.accepted, result.refused, result.lost) == (20, 0, 0)
    assert result.worst >= 1000 * STALL
    assert result.p50 >= 250 * STALL
    assert result.late_p99 >= 500 * STALL


@pytest.mark.parametrize("server", [([OK, LATER, BARE, BROKEN], 0.0)], indirect=True)
def test_every_answer_is_counted_as_what_it_is(server: Server) -> None:
    """Accepted, refused, refused without a word when to come again, and anything else."""
    (result,) = Generator(server.port, [_plan(rate=200, seconds=0.1)]).run()
    assert (result.accepted, result.refused, result.bare, result.other, result.lost) == (5, 10, 5, 5, 0)


@pytest.mark.parametrize("server", [([OK, OK[:-1]], 0.0)], indirect=True)
def test_a_request_without_a_whole_answer_is_lost(server: Server) -> None:
    """It is not taken for answered, and the others' waiting for the connection ends."""
    (result,) = Generator(server.port, [_plan(rate=200, seconds=0.1)]).run(grace=0.3)
    assert (result.accepted, result.lost) == (1, 1)


def test_growth_compares_the_end_with_the_beginning_after_warming_up() -> None:
    """The first fifth is none of it."""
    assert growth([10, 10, 20, 20, 20, 20, 20, 20, 20, 20]) == 1.0
    assert growth([10, 10, 20, 20, 20, 20, 20, 20, 30, 30]) == 1.5


@pytest.mark.parametrize(("keys", "rates"), [(True, True), (True, False), (False, True), (False, False)])
def test_what_is_left_out_is_left_out_and_nothing_else(*, keys: bool, rates: bool) -> None:
    """Each half of admission is the real one, or the one that lets everything by."""
    made = admission(keys=keys, rates=rates)
    assert keys is (made.authenticate is Admission.authenticate) is not issubclass(made, AnyKey)
    assert rates is (made.charge is Admission.charge) is not issubclass(made, AnyRate)


def test_the_plain_checker_reads_numbers() -> None:
    """Names and numbers, and the exact encoding only where somebody records it."""
    body = b'{"records":[{"b":2.5,"a":1.0},{"a":3.0,"b":4.0}]}'
    given = PlainChecker(["a", "b"], recorded=True).read(body, limit=10)
    assert (given.rows, given.values) == (2, [(1.0, 2.5), (3.0, 4.0)])
    assert list(given.canonical) == [b'{"a":1.0,"b":2.5}', b'{"a":3.0,"b":4.0}']
    assert list(PlainChecker(["a", "b"], recorded=False).read(body, limit=10).canonical) == [b"", b""]
