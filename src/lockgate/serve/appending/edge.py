"""One connection of the intake, after its peer was found out: by the kernel, or by the certificate that TLS verified.

What a peer sends is bytes of a network: nothing of it is believed beyond its form, and no length is allocated that it
only names. A peer that is silent, slow, or out of form is cut off.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from lockgate.audit.spool import unframe
from lockgate.core.wire import Assembler, Frame, WireError
from lockgate.errors import LockgateError, Refused
from lockgate.serve.appending import spec
from lockgate.serve.appending.office import Office

PIECE = 64 << 10
CLOSE_SECONDS = 2.0


class Session:
    """Serves one appender's connection until it ends."""

    def __init__(
        self, office: Office, appender: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.appender = appender
        self._office = office
        self._reader = reader
        self._writer = writer
        self._gateways: set[str] = set()
        self._number = office.join(self)

    async def run(self) -> str:
        """Until the peer leaves, or is cut off; why, when it was."""
        why = ""
        try:
            limits = self._office.limits
            async for frame in frames(self._reader, limits.silent_seconds, limits.frame_seconds):
                await self._take(frame)
        except (WireError, ValueError) as error:
            why = self._last("LG7021", str(error))
        except LockgateError as error:
            why = self._last(error.finding, error.message)
        except TimeoutError:
            why = self._last("LG7025", "silent or slow for too long")
        except OSError as error:
            why = error.strerror or type(error).__name__
        finally:
            self._office.leave(self._number)
            await self.end()
        return why

    async def end(self) -> None:
        """Close the connection, whoever is at its other end."""
        self._writer.close()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._writer.wait_closed()
        except (OSError, TimeoutError):
            self._writer.transport.abort()

    def dismiss(self, finding: str, message: str) -> None:
        """The last that it hears: whoever calls this ends the connection."""
        self._last(finding, message)

    def sealed(self, gateway: str, number: int, proof: bytes) -> None:
        """The log has more: told of this connection's gateways alone."""
        if gateway in self._gateways:
            self._send("sealed", proof, gateway=gateway, next=number)

    async def _take(self, frame: Frame) -> None:
        """Raises WireError, ValueError, LockgateError, OSError, TimeoutError: what ends the connection."""
        what, header = spec.checked(frame)
        if what == "hello":
            await self._hello(header["gateway"])
        elif what == "records":
            await self._records(header["gateway"], header["first"], frame.payload)
        elif what == "ping":
            self._send("pong")
        else:
            raise WireError(f"{what}: an appender does not say that")
        async with asyncio.timeout(self._office.limits.silent_seconds):
            await self._writer.drain()

    async def _hello(self, gateway: str) -> None:
        try:
            kept, sealed = await self._office.open(gateway, self.appender, self._number)
        except Refused as no:
            self._refuse(gateway, no)
            return
        self._gateways.add(gateway)
        self._send("have", gateway=gateway, next=kept, sealed=sealed)
        self._office.prove([gateway])

    async def _records(self, gateway: str, first: int, payload: bytes) -> None:
        if gateway not in self._gateways:
            return  # refused before, and the peer had not heard of it yet
        await self._office.pay(self.appender, len(payload))
        try:
            kept = await self._office.put(gateway, first, unframe(payload))
        except Refused as no:
            self._gateways.discard(gateway)
            self._refuse(gateway, no)
            return
        self._send("kept", gateway=gateway, next=kept)

    def _refuse(self, gateway: str, no: LockgateError) -> None:
        self._send("refused", gateway=gateway, finding=no.finding, message=_printable(no.message))

    def _last(self, finding: str, message: str) -> str:
        with suppress(OSError, WireError):
            self._send("refused", gateway="", finding=finding, message=_printable(message))
        return f"{finding} {message}"

    def _send(self, what: str, payload: bytes = b"", **fields: Any) -> None:
        if self._writer.transport.get_write_buffer_size() > spec.MOST_PAYLOAD:
            self._writer.transport.abort()  # it takes in nothing of what it is told
        elif not self._writer.is_closing():
            self._writer.write(spec.said(what, payload, **fields))


async def frames(reader: asyncio.StreamReader, silent: float, slow: float) -> AsyncIterator[Frame]:
    """The messages of a stream until it ends. Raises WireError, OSError; TimeoutError after `silent` seconds without
    a byte, or when a message that was begun takes longer than `slow`.
    """
    assembler = Assembler(max_payload=spec.MOST_PAYLOAD)
    loop = asyncio.get_running_loop()
    began = 0.0
    while True:
        until = loop.time() + silent if assembler.idle else began + slow
        async with asyncio.timeout_at(until):
            data = await reader.read(PIECE)
        if not data:
            if not assembler.idle:
                raise WireError("the stream ended inside a message")
            return
        fresh = assembler.idle
        for frame in assembler.feed(data):
            fresh = True
            yield frame
        if fresh:
            began = loop.time()


def _printable(text: str) -> str:
    return "".join(sign for sign in text if sign.isprintable())[:500]
