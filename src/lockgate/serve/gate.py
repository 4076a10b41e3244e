"""What every request passes before anything is done for it, in this order; nothing here reads a body.

1. Its address has not asked too often.   2. It names a client.   3. There is such a call.   4. The client may make it,
on this model, here.   5. The body is declared as what the call takes.   6. The client has not too much in flight, and
a row left of its rate.   7. Its rows do not fill the line before the model already.

No request without a valid credential is answered otherwise than by 401, whatever its path or method.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from lockgate.serve.calls import media
from lockgate.serve.calls.ask import Ask, Call
from lockgate.serve.declined import Declined
from lockgate.serve.http import Exchange, Head, Peer, Reply, Replying
from lockgate.serve.service import Service
from lockgate.serve.spec import Action, Caps, Client
from lockgate.serve.tally import Tally

UNKNOWN = "none"
"""The name, in counters, of a request that reached no call."""

_log = logging.getLogger(__name__)


class Admits(Protocol):
    """Who may ask (`serve.admission`)."""

    def unheard(self, peer: Peer) -> None:
        """Raises Declined 429."""

    def authenticate(self, head: Head) -> Client:
        """Raises Declined 401."""

    def authorise(self, client: Client, action: Action, model: str | None) -> None:
        """Raises Declined 403."""

    def enter(self, client: Client, action: Action) -> None:
        """Raises Declined 429."""

    def fine(self, client: Client, rows: int) -> None:
        """A body that was read for nothing costs its client rows. Never raises."""

    def leave(self, client: Client) -> None:
        """One of the client's requests has ended."""


class Routes(Protocol):
    """What can be asked (`serve.calls`)."""

    def match(self, method: str, path: str) -> tuple[Call, Mapping[str, str]]:
        """Raises Declined 404, 405."""


class Gate:
    """The core that a front stands before (`serve.http.Core`)."""

    def __init__(
        self,
        admission: Admits,
        routes: Routes,
        service: Service,
        tally: Tally,
        *,
        caps: Caps,
        clock: Callable[[], float],
        traced: Callable[[str, Head, int, float, float], Sequence[tuple[str, str]]] | None = None,
    ) -> None:
        """`clock`: monotonic seconds. `traced` gets call, head, status, start and end of each request; it gives headers
        for its reply.
        """
        self.admission = admission
        self.tally = tally
        self.clock = clock
        self.traced = traced
        self.in_flight = 0
        """Requests past their head that have no reply yet."""
        self._routes = routes
        self._service = service
        self._caps = caps

    def begin(self, head: Head) -> Exchange | Reply:
        """Take a request by its head, or refuse it at once. Never raises."""
        started = self.clock()
        name = UNKNOWN
        try:
            admission = self.admission
            admission.unheard(head.peer)
            client = admission.authenticate(head)
            call, path = self._routes.match(head.method, head.path)
            name = call.name
            served = self._service.served
            model = path.get("model") or (served.name if served is not None else None)
            admission.authorise(client, call.action, model)
            media.check(call, head)
            admission.enter(client, call.action)
            if call.action == "predict":
                self._crowd(client)
        except Exception as error:  # noqa: BLE001 - whatever it is, the peer gets a reply and no internals
            reply = declined(error).reply()
            self.ended(name, head, reply, started, error)
            return reply
        return _Passing(self, call, client, path, head, started, self._caps.max_body if call.media else 0)

    def _crowd(self, client: Client) -> None:
        try:
            self._service.room(client)
        except Declined:
            self.admission.leave(client)
            raise

    def malformed(self, peer: Peer, message: str) -> Reply:
        """What a peer gets whose bytes were no request at all: 400 (LG608), and the end of its connection."""
        error = Declined(400, "LG608", message, headers={"Connection": "close"})
        reply = error.reply()
        self.ended(UNKNOWN, Head("", "", {}, peer), reply, self.clock(), error)
        return reply

    def ended(self, name: str, head: Head, reply: Reply, started: float, error: Exception | None = None) -> None:
        """Count a reply."""
        now = self.clock()
        self.tally.replied(name, reply.status, now - started)
        if error is not None:
            self.tally.refused[error.finding if isinstance(error, Declined) else "LG616"] += 1
        if self.traced is not None:
            reply.headers = (*reply.headers, *self.traced(name, head, reply.status, started, now))


class _Passing:
    """A request past its head."""

    __slots__ = ("_call", "_client", "_ended", "_gate", "_head", "_path", "_reply", "_started", "most")

    def __init__(
        self, gate: Gate, call: Call, client: Client, path: Mapping[str, str], head: Head, started: float, most: int
    ) -> None:
        self.most = most
        self._gate = gate
        self._call = call
        self._client = client
        self._path = path
        self._head = head
        self._started = started
        self._reply: Replying | None = None
        self._ended = False
        gate.in_flight += 1

    @property
    def owner(self) -> str:
        """The client's name."""
        return self._client.name

    def whole(self, body: bytes, reply: Replying) -> None:
        """The whole body is here. `reply` is called exactly once. Never raises."""
        self._reply = reply
        try:
            self._call.answer(Ask(self._head, self._client, self._path, body, self._send, self._started, self._wanted))
        except Exception as error:  # noqa: BLE001 - as in `begin`
            said = declined(error)
            self._gate.tally.refused[said.finding] += 1
            self._send(said.reply())

    def refused(self, finding: str) -> Reply:
        """The front refuses the body: at the client's cost, unless others' bodies are why."""
        if finding != "LG636":
            self._gate.admission.fine(self._client, 1)
        error = refusal_of_body(finding, self.most)
        reply = error.reply()
        self._leave(reply, error)
        return reply

    def gone(self) -> None:
        """The peer left before it had its reply."""
        self._leave(Reply(499))

    def _wanted(self) -> bool:
        return not self._ended

    def _send(self, reply: Reply) -> None:
        if not self._ended and self._reply is not None:
            self._leave(reply)
            self._reply(reply)

    def _leave(self, reply: Reply, error: Exception | None = None) -> None:
        if not self._ended:
            self._ended = True
            self._gate.in_flight -= 1
            self._gate.admission.leave(self._client)
            self._gate.ended(self._call.name, self._head, reply, self._started, error)


def declined(error: Exception) -> Declined:
    """The refusal that an error becomes: itself, or 500 (LG616) with nothing of what went wrong."""
    if isinstance(error, Declined):
        return error
    _log.error("LG616: a request ended in an internal error", exc_info=error)
    return Declined(500, "LG616", "the gateway failed on this request")


def refusal_of_body(finding: str, most: int) -> Declined:
    """What a front says of a body: LG605 its size, LG615 its time, LG608 its form, LG636 too much is held already."""
    headers = {"Connection": "close"}
    match finding:
        case "LG605":
            return Declined(413, "LG605", f"the body is larger than {most} bytes", headers=headers)
        case "LG615":
            return Declined(408, "LG615", "the body did not arrive in time", headers=headers)
        case "LG636":
            message = "too many unfinished bodies are held here just now"
            return Declined(503, "LG636", message, headers={**headers, "Retry-After": "1"})
        case _:
            return Declined(400, "LG608", "the body is not framed as HTTP/1.1 says", headers=headers)
