"""One connection of the HTTP edge: bytes from a network to requests of the core, one at a time. Nothing is trusted.

    HEAD -> begin -> BODY -> whole -> ANSWER -> reply -> HEAD ...        refused: SKIP | LINGER -> closed

What is held for a peer is bounded in every state, and every state in time: ANSWER by the core's own deadlines, and by
one far beyond them. What comes while a request is in flight is not read before it is answered. An end of the peer's
bytes is its leaving.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import cast

from lockgate.serve.bodies import Chunks, Sized, TooLarge
from lockgate.serve.heads import Malformed, Parsed, hopeless, parse
from lockgate.serve.host import Host
from lockgate.serve.http import Exchange, Head, Peer, Reply
from lockgate.serve.limits import ANSWERS
from lockgate.serve.tls import certificate_of
from lockgate.serve.writing import CONTINUE

HEAD, BODY, ANSWER, SKIP, LINGER = range(5)
SKIPPED = 64 << 10
"""So much of a refused request's body is read and dropped to keep the connection; above it, it is closed."""
WRITE_BUFFER = 64 << 10

_log = logging.getLogger(__name__)


class Connection(asyncio.Protocol):
    """One peer. `deadline`: when `Front` ends it, `aged`: when it takes no further request; both in the loop's time.

    `stuck_since`: since when the peer does not read what it was sent; 0.0 while it does. `trust`: what its handshake
    was held against (`Tls.trust`).
    """

    __slots__ = (
        "_body", "_busy", "_charged", "_due", "_exchange", "_front", "_head", "_head_only", "_held", "_keep",
        "_last", "_left", "_loop", "_number", "_old", "_parsed", "_paused", "_peer", "_seen", "_state", "_transport",
        "_until", "address", "aged", "deadline", "made", "stuck_since", "trust",
    )  # fmt: skip

    def __init__(self, front: Host[Connection], loop: asyncio.AbstractEventLoop, address: str) -> None:
        self._front, self._loop = front, loop
        self.address, self._peer = address, Peer(address)
        self._transport: asyncio.Transport
        self._state = HEAD
        # Bytes that were not looked at; how far an unfinished head was; how much of a body is still to be dropped.
        self._held, self._seen, self._left = b"", 0, 0
        self._parsed: Parsed | None = None
        self._head: Head | None = None
        self._exchange: Exchange | None = None
        self._body: Sized | Chunks | None = None
        self._charged = self._number = 0
        self._keep, self._head_only, self._old = True, False, False
        self._busy, self._due, self._paused, self._last = False, False, False, False
        # Until when what the peer has shown in the handshake counts, in wall time; None where it has shown nothing.
        self._until: float | None = None
        self.deadline = self.stuck_since = self.aged = 0.0
        self.made = False
        self.trust: object = None

    # what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A peer is here, and its certificate is verified where TLS asked for one. Its clock runs."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=WRITE_BUFFER)
        secure = transport.get_extra_info("ssl_object")
        if secure is not None:
            certificate = certificate_of(secure)
            self._peer = Peer(self.address, tls=True, certificate=certificate)
            self._until = None if certificate is None else certificate.until
        now, limits = self._loop.time(), self._front.limits
        self.deadline, self.aged = now + limits.head, now + limits.age
        self.made = True
        self._front.joined(self)

    def data_received(self, data: bytes) -> None:
        """Bytes of the peer's."""
        state = self._state
        if state == LINGER:
            return
        if state == HEAD and not self._held:
            self._held = data
        else:
            self._held += data
        if state == ANSWER:
            self._pause()
        else:
            self._advance()

    def eof_received(self) -> bool:
        """The peer sends nothing more: it is gone."""
        return False

    def pause_writing(self) -> None:
        """The peer does not take what it was sent: nothing more of its is read."""
        self.stuck_since = self._loop.time()
        self._pause()

    def resume_writing(self) -> None:
        """The peer took it."""
        self.stuck_since = 0.0
        self._advance()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the event loop's signature
        """The connection ended, whoever ended it: what was held for it is let go."""
        self._let_go()
        exchange, self._exchange = self._exchange, None
        self._state, self._held = LINGER, b""
        self._front.left(self, self.address)
        if exchange is not None:
            exchange.gone()

    # what the front calls

    def overdue(self) -> None:
        """The deadline has passed."""
        if self._state == BODY:
            try:
                self._refuse("LG615")
            except Exception:  # noqa: BLE001 - whatever it is
                self._fault()
        elif self._state == HEAD and not self._transport.is_closing():
            self._close()
        else:
            if self._state == ANSWER:
                _log.error("LG616: a request was not answered")
            self._transport.abort()

    def abort(self) -> None:
        """End at once."""
        self._transport.abort()

    def unsent(self) -> int:
        """Bytes of replies that the peer has not taken."""
        return self._transport.get_write_buffer_size()

    def last(self) -> None:
        """The next reply is the last."""
        self._keep, self._last = False, True

    def distrust(self) -> None:
        """Who vouched for the peer does so no more: what is in flight is answered, and no request after it."""
        self._until = 0.0
        self.retire()

    def retire(self) -> None:
        """Close now when nothing is in flight; otherwise the next reply is the last."""
        self.last()
        if self._state == HEAD and not self._held:
            self._close()

    # the request's way

    def _advance(self) -> None:
        """Go as far as the held bytes allow. A fault of ours ends this connection, and no other."""
        if self._busy or self.stuck_since:
            return
        self._busy = True
        try:
            while self._held and not self.stuck_since and _STEPS[self._state](self):
                pass
        except Exception:  # noqa: BLE001 - whatever it is
            self._fault()
        finally:
            self._busy = self._due
        if self._paused and self._state != ANSWER and not (self._due or self.stuck_since):
            self._resume()

    def _take_head(self) -> bool:
        held, limits = self._held, self._front.limits
        end = held.find(b"\r\n\r\n", 0, limits.head_bytes)
        if end < 0:
            return self._unfinished_head()
        self._seen = 0
        try:
            parsed = parse(held[: end + 2], most_headers=limits.headers, most_target=limits.target)
        except Malformed as error:
            return self._malformed(str(error))
        self._held = held = held[end + 4 :]
        self._keep = parsed.keep and not (self._last or self._front.stopping)
        if parsed is not self._parsed:
            self._parsed = parsed
            self._head = Head(parsed.method, parsed.path, parsed.headers, self._peer, parsed.query)
            self._old, self._head_only = parsed.old, parsed.method == "HEAD"
        if self._until is not None and self._front.wall() > self._until:
            return self._unproven(parsed)
        begun = self._front.core.begin(cast("Head", self._head))
        if isinstance(begun, Reply):
            return self._turn_away(begun, parsed)
        self._exchange = begun
        length = parsed.length
        if length > begun.most:
            return self._refuse("LG605")
        if length <= len(held) and not parsed.chunked:
            self._held = held[length:]
            return self._whole(held[:length])
        return self._await_body(begun.most, parsed)

    def _unproven(self, parsed: Parsed) -> bool:
        """The certificate counts no more. The core hears of one who has shown nothing, so that it says what it does to
        those; whatever else this peer has, a new handshake comes first.
        """
        begun = self._front.core.begin(Head(parsed.method, parsed.path, {}, Peer(self.address, tls=True)))
        if isinstance(begun, Reply):
            return self._close_with(begun)
        begun.gone()
        return self._close()

    def _unfinished_head(self) -> bool:
        held, limits, seen = self._held, self._front.limits, self._seen
        if len(held) >= limits.head_bytes:
            return self._malformed(f"the head is larger than {limits.head_bytes} bytes")
        try:
            hopeless(held, seen)
        except Malformed as error:
            return self._malformed(str(error))
        if not seen:
            self.deadline = min(self.deadline, self._loop.time() + limits.head)
        self._seen = len(held)
        return False

    def _await_body(self, most: int, parsed: Parsed) -> bool:
        """The body is still to come. It is asked for only now, when the core has let the request in."""
        self._state = BODY
        self._body = Chunks(most) if parsed.chunked else Sized(parsed.length)
        self.deadline = self._loop.time() + self._front.caps.receive
        if parsed.continues and not self._held:
            self._transport.write(CONTINUE)
        return True

    def _take_body(self) -> bool:
        body, data = cast("Sized | Chunks", self._body), self._held
        self._held = b""
        try:
            rest = body.feed(data)
        except Malformed:
            return self._refuse("LG608")
        except TooLarge:
            return self._refuse("LG605")
        if rest is None:
            more, self._charged = len(body.body) - self._charged, len(body.body)
            within = self._front.hold(cast("Exchange", self._exchange).owner, more)
            return False if within else self._refuse("LG636")
        self._held = rest
        self._let_go()
        return self._whole(bytes(body.body))

    def _whole(self, body: bytes) -> bool:
        """One request in flight: the next is looked at when this one is answered, in a later turn of the loop."""
        self._state = ANSWER
        self._number += 1
        self.deadline = self._loop.time() + ANSWERS * self._front.caps.answer
        cast("Exchange", self._exchange).whole(body, partial(self._reply, self._number))
        if self._held:
            self._pause()
        return False

    def _skip(self) -> bool:
        dropped = min(self._left, len(self._held))
        self._held = self._held[dropped:]
        self._left -= dropped
        if not self._left:
            self._next()
        return True

    def _let_go(self) -> None:
        """Of the body that was collected; it counts no more as held."""
        if self._charged:
            self._front.hold(cast("Exchange", self._exchange).owner, -self._charged)
        self._body, self._charged = None, 0

    # replies

    def _reply(self, number: int, reply: Reply) -> None:
        """The core's one word on the request in flight; of no use when the peer has left, and on no other request."""
        if self._state != ANSWER or number != self._number:
            return
        self._exchange = None
        if self._send(reply):
            self._next()
            self._look_later()
        else:
            self._close()

    def _next(self) -> None:
        self._state = HEAD
        self.deadline = self._loop.time() + self._front.limits.idle

    def _look_later(self) -> None:
        """What came behind the request just answered waits for its turn, and nothing is read until it had it."""
        if self._held and not self._due:
            self._pause()
            self._due = self._busy = True
            self._loop.call_soon(self._look)
        elif self._paused and not self.stuck_since:
            self._resume()

    def _look(self) -> None:
        self._due = self._busy = False
        self._advance()

    def _turn_away(self, reply: Reply, parsed: Parsed) -> bool:
        """The core refused the head. A short body that is on its way is dropped, so that the connection can go on."""
        length = parsed.length
        if parsed.chunked or parsed.continues or length > SKIPPED:
            return self._close_with(reply)
        kept = self._send(reply)
        self._next()
        self._held, self._left = self._held[length:], length - len(self._held)
        if not kept:
            return self._linger() if self._left > 0 else self._close()
        if self._left > 0:
            self._state = SKIP
            self.deadline = self._loop.time() + self._front.caps.receive
        self._look_later()
        return False

    def _malformed(self, message: str) -> bool:
        self._old, self._head_only, self._parsed = False, False, None
        return self._close_with(self._front.core.malformed(self._peer, message))

    def _refuse(self, finding: str) -> bool:
        self._let_go()
        exchange, self._exchange = cast("Exchange", self._exchange), None
        return self._close_with(exchange.refused(finding))

    def _close_with(self, reply: Reply) -> bool:
        self._keep = False
        self._send(reply)
        return self._linger()

    def _linger(self) -> bool:
        """Close after the peer could read the reply: closing while it still sends would take it away from it."""
        self._state, self._held = LINGER, b""
        self.deadline = self._loop.time() + self._front.limits.linger
        if self._transport.can_write_eof() and not self._transport.is_closing():
            self._transport.write_eof()
        return False

    def _close(self) -> bool:
        """Close when all is sent; the peer has so long to take it."""
        self._state, self._held = LINGER, b""
        self.deadline = self._loop.time() + self._front.limits.send
        self._transport.close()
        return False

    def _send(self, reply: Reply) -> bool:
        """Write it; whether the connection goes on."""
        keep = self._keep and not reply.close and not self._front.stopping
        try:
            data = self._front.writer.spell(reply, keep=keep, head=self._head_only, old=self._old)
        except ValueError:
            _log.exception("LG616: a reply could not be spelled")
            keep, data = False, self._front.writer.spell(Reply(500), keep=False)
        self._transport.write(data)
        return keep

    def _fault(self) -> None:
        _log.exception("LG616: a request ended in an internal error")
        self._transport.abort()

    def _pause(self) -> None:
        if not self._paused and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()

    def _resume(self) -> None:
        self._paused = False
        if not self._transport.is_closing():
            self._transport.resume_reading()


_STEPS = (
    Connection._take_head,  # noqa: SLF001 - one table of one class, in the order of the states
    Connection._take_body,  # noqa: SLF001
    lambda _: False,
    Connection._skip,  # noqa: SLF001
    lambda _: False,
)
