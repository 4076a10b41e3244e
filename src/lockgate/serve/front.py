"""uvicorn's HTTP/1.1 front (h11, a strict parser in Python) with the limits that it lacks or leaves open by default.

Header bytes and their time are bounded here; the body's size and time in `edge`; connections by uvicorn.
No access log (records are the log), no server header, no proxy headers, no websockets.
"""

from __future__ import annotations

import asyncio
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from lockgate.serve.spec import Caps

HEADER_BYTES = 16 << 10
HEADER_SECONDS = 10.0
IDLE_SECONDS = 30
GRACE_SECONDS = 5


class Front(H11Protocol):
    """Closes a connection whose request line and headers are not complete after HEADER_SECONDS."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """A peer came: its clock starts with the connection, not with its first byte."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Bytes came; a complete header stops the clock, more of an incomplete one does not wind it."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer left."""
        self._stop()
        super().connection_lost(exc)

    def _watch(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._stop()
        elif self._timer is None:
            self._timer = self.loop.call_later(HEADER_SECONDS, self._too_slow)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        self._timer = None
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self.transport.close()


def server(app: ASGIApp, caps: Caps) -> uvicorn.Server:
    """The HTTP server for `app`; run it on a socket that listens already."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=Front,
            ws="none",
            lifespan="off",
            interface="asgi3",
            loop="asyncio",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=caps.connections,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
            h11_max_incomplete_event_size=HEADER_BYTES,
        )
    )
