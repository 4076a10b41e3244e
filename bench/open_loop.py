"""Open-loop load: each request has its time, and its latency counts from that time, however late it was sent.

    python -m bench.open_loop PORT < PLAN        # `Plan`s as JSON; a `Result` for each on stdout

One process, plain sockets and epoll, kept-alive connections, one request at a time on each. A request whose time has
come and for which no connection is free waits here, and its clock runs. Every plan's requests are evenly spaced.
"""

from __future__ import annotations

import array
import json
import select
import socket
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

END = b"\r\n\r\n"
LENGTH = b"content-length:"
RECEIVED = 1 << 16
NEVER = float("inf")


@dataclass(frozen=True)
class Plan:
    """`rate` requests a second for `seconds`, those of the first `warm` seconds not counted, with these headers."""

    name: str
    rate: float
    seconds: float
    connections: int
    headers: dict[str, str]
    body: str
    warm: float = 1.0


@dataclass
class Result:
    """What came of a plan. Latencies in milliseconds, of accepted requests; `late`: how late requests were sent.

    `bare`: refusals with 503 without a `Retry-After`, `other`: answers that are neither 200 nor 503, `lost`: requests
    without an answer.
    """

    name: str
    accepted: int = 0
    refused: int = 0
    bare: int = 0
    other: int = 0
    lost: int = 0
    p50: float = 0.0
    p99: float = 0.0
    worst: float = 0.0
    refused_p99: float = 0.0
    late_p99: float = 0.0
    seconds: float = 0.0


@dataclass
class _Connection:
    sock: socket.socket
    load: _Load
    due: float = 0.0
    held: bytes = b""


@dataclass
class _Load:
    """One plan at work."""

    plan: Plan
    started: float
    result: Result
    request: bytes
    free: deque[_Connection] = field(default_factory=deque)
    sent: int = 0
    open: int = 0
    accepted: array.array[float] = field(default_factory=lambda: array.array("d"))
    refused: array.array[float] = field(default_factory=lambda: array.array("d"))
    late: array.array[float] = field(default_factory=lambda: array.array("d"))

    def due(self) -> float:
        """When the next request is to be sent; never, when all were."""
        at = self.sent / self.plan.rate
        return self.started + at if at < self.plan.seconds else NEVER

    def counts(self, due: float) -> bool:
        """Whether a request of this time is counted."""
        return due >= self.started + self.plan.warm


class Generator:
    """Sends what is due, takes what comes."""

    def __init__(self, port: int, plans: Sequence[Plan]) -> None:
        self._epoll = select.epoll()
        self._by_number: dict[int, _Connection] = {}
        started = time.perf_counter() + 0.2
        self._loads = [_Load(plan, started, Result(plan.name), _request(plan)) for plan in plans]
        for load in self._loads:
            for _ in range(load.plan.connections):
                self._connect(port, load)

    def run(self, grace: float = 5.0) -> list[Result]:
        """All of it, once; answers are waited for so many seconds after the last request."""
        end = max(load.started + load.plan.seconds for load in self._loads) + grace
        while (now := time.perf_counter()) < end:
            if all(load.due() == NEVER and not load.open for load in self._loads):
                break
            due = min(load.due() if load.free else NEVER for load in self._loads)
            # select takes microseconds, epoll alone only milliseconds.
            select.select((self._epoll,), (), (), max(0.0, min(due, end, now + 0.1) - now))
            for number, _ in self._epoll.poll(0):
                self._take(self._by_number[number])
            for load in self._loads:
                self._send(load)
        for connection in self._by_number.values():
            connection.sock.close()
        self._epoll.close()
        return [_result(load) for load in self._loads]

    def _connect(self, port: int, load: _Load) -> None:
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        connection = _Connection(sock, load)
        self._by_number[sock.fileno()] = connection
        self._epoll.register(sock.fileno(), select.EPOLLIN)
        load.free.append(connection)

    def _send(self, load: _Load) -> None:
        while load.free and (due := load.due()) <= (now := time.perf_counter()):
            connection = load.free.popleft()
            connection.due = due
            load.sent += 1
            load.open += 1
            connection.sock.send(load.request)
            if load.counts(due):
                load.late.append(now - due)

    def _take(self, connection: _Connection) -> None:
        load = connection.load
        data = connection.sock.recv(RECEIVED)
        if not data:
            raise SystemExit("the gateway closed a connection")
        held = connection.held = connection.held + data if connection.held else data
        head, found, body = held.partition(END)
        if not found or len(body) < _length(head):
            return
        connection.held = b""
        load.open -= 1
        load.free.append(connection)
        if load.counts(connection.due):
            _count(load, head, time.perf_counter() - connection.due)


def _count(load: _Load, head: bytes, seconds: float) -> None:
    status = head[9:12]
    if status == b"200":
        load.accepted.append(seconds)
    elif status == b"503":
        load.refused.append(seconds)
        load.result.bare += b"\r\nretry-after:" not in head.lower()
    else:
        load.result.other += 1


def _length(head: bytes) -> int:
    lower = head.lower()
    at = lower.index(LENGTH) + len(LENGTH)
    return int(lower[at:].partition(b"\r\n")[0])


def _request(plan: Plan) -> bytes:
    body = plan.body.encode()
    headers = {"Host": "bench", "Content-Type": "application/json", "Content-Length": len(body), **plan.headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST /predict HTTP/1.1\r\n{lines}\r\n".encode() + body


def _result(load: _Load) -> Result:
    result = load.result
    accepted, refused, late = (sorted(times) for times in (load.accepted, load.refused, load.late))
    result.accepted, result.refused, result.lost = len(accepted), len(refused), load.open
    result.p50, result.p99 = _at(accepted, 0.5), _at(accepted, 0.99)
    result.worst, result.refused_p99, result.late_p99 = _at(accepted, 1.0), _at(refused, 0.99), _at(late, 0.99)
    result.seconds = load.plan.seconds - load.plan.warm
    return result


def _at(times: Sequence[float], share: float) -> float:
    return times[min(len(times) - 1, int(share * len(times)))] * 1000 if times else 0.0


def main() -> None:
    """Entry point."""
    plans = [Plan(**plan) for plan in json.load(sys.stdin)]
    results = Generator(int(sys.argv[1]), plans).run()
    print(json.dumps([asdict(result) for result in results]))


if __name__ == "__main__":
    main()
