"""What launcher and harness say to each other over one inherited stream socket.

    frame   = kind (1 byte)  length (u32 little-endian)  payload
    payload of kinds C, P, X, F, S = fields, each: length (u32 little-endian)  bytes

    C  launcher -> harness   one row of the configuration        G  launcher -> harness   start the target
    P  probe: name flag holds witness       R  end of the report
    X  target ended: exit code, signal      F  file: name size   D  bytes of that file
    S  left behind: name reason             E  end of the output
    I, O, U  the target's standard streams, where no descriptor can be handed on: see `relay.py`

The harness imports this before anything untrusted runs, so it imports nothing.
"""

from __future__ import annotations

CHUNK = 1 << 18
LARGEST = 1 << 20


def frame(kind: bytes, payload: bytes = b"") -> bytes:
    """One frame."""
    return kind + len(payload).to_bytes(4, "little") + payload


def pack(fields: list[bytes]) -> bytes:
    """Fields as one payload."""
    return b"".join(len(field).to_bytes(4, "little") + field for field in fields)


def unpack(payload: bytes) -> list[bytes]:
    """The fields of a payload. Raises ValueError when a length does not fit."""
    fields, at = [], 0
    while at < len(payload):
        end = at + 4 + int.from_bytes(payload[at : at + 4], "little")
        if end > len(payload) or at + 4 > len(payload):
            raise ValueError("a field is cut off")
        fields.append(payload[at + 4 : end])
        at = end
    return fields


class Parser:
    """Frames out of bytes as they come. `feed` raises ValueError on a frame above `LARGEST`."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """The frames that `data` completes, in order."""
        self._buffer += data
        found, at = [], 0
        while len(self._buffer) - at >= 5:
            length = int.from_bytes(self._buffer[at + 1 : at + 5], "little")
            if length > LARGEST:
                raise ValueError("a frame is too long")
            if len(self._buffer) - at - 5 < length:
                break
            found.append((bytes(self._buffer[at : at + 1]), bytes(self._buffer[at + 5 : at + 5 + length])))
            at += 5 + length
        del self._buffer[:at]
        return found
