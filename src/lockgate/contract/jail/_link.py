"""One end of the socket between two jails: whole frames, blocking."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

from lockgate.contract.ask import MAX_PAYLOAD
from lockgate.core.wire import PREFIX, Frame, WireError, lengths, pack, parse


class Link:
    """Frames over `end`. Every method raises OSError when the peer is gone, WireError when it sends something else."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    def send(self, header: Mapping[str, Any], payload: bytes = b"") -> None:
        """One frame."""
        self._end.sendall(pack(header, payload, max_payload=MAX_PAYLOAD))

    def receive(self) -> Frame | None:
        """The next frame, or None when the peer has ended between two frames."""
        prefix = self._read(PREFIX.size)
        if not prefix:
            return None
        head, payload = lengths(prefix, max_payload=MAX_PAYLOAD)
        return parse(self._exactly(head), self._exactly(payload))

    def answer(self) -> Frame:
        """The next frame, which is due."""
        frame = self.receive()
        if frame is None:
            raise ConnectionResetError("the other jail has ended")
        return frame

    def _exactly(self, count: int) -> bytes:
        data = self._read(count)
        if len(data) != count:
            raise WireError("the stream ended inside a frame")
        return data

    def _read(self, count: int) -> bytes:
        """`count` bytes, or none at the end of the stream."""
        held = bytearray(count)
        view, done = memoryview(held), 0
        while done < count:
            got = self._end.recv_into(view[done:])
            if not got:
                if done:
                    raise WireError("the stream ended inside a frame")
                return b""
            done += got
        return bytes(held)
