"""Frames and sealed files over an inherited socket pair. Standard library only: gateway, judge and jail load it.

A model travels as a memfd that is sealed against write, shrink and grow *before* it is hashed: what was verified
is then what is loaded, however hostile the process at the other end. The receiver trusts neither: it reads the
seals back and hashes again.

What is too large for the sender's memory travels as the descriptor of the stored file itself. Whoever owns that file
can write into it, so that the receiver makes the sealed copy (`seal_file`), and loads that, once it has the digest.
"""

from __future__ import annotations

import array
import fcntl
import hashlib
import mmap
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lockgate.core import wire
from lockgate.core.digest import Digest, from_hex
from lockgate.core.wire import Frame, WireError

SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
MAX_DESCRIPTORS = 16

_PIECE = 4 << 20
_INT = array.array("i").itemsize


@dataclass(frozen=True)
class Sealed:
    """A memfd whose bytes nobody can change any more. `close` it after handing it over."""

    fd: int
    digest: Digest
    size: int

    def close(self) -> None:
        """Close our descriptor; the bytes live on where it was sent."""
        os.close(self.fd)


def seal(data: bytes | memoryview, name: str) -> Sealed:
    """Put `data` into a memfd, seal it, then hash what is in it. Raises OSError where memfds are forbidden."""
    return _sealed(name, lambda fd: _write(fd, memoryview(data)))


def seal_file(source: int, name: str, *, max_bytes: int) -> Sealed:
    """A sealed memfd with what is behind `source` now, whose position is neither used nor moved; hashed once sealed.

    Whatever happens to `source` afterwards, the copy stays. Raises WireError above `max_bytes`; OSError.
    """

    def copy(fd: int) -> None:
        offset = 0
        while piece := os.pread(source, _PIECE, offset):
            offset += len(piece)
            if offset > max_bytes:
                raise WireError(f"the file has more than the {max_bytes} bytes that are taken")
            _write(fd, memoryview(piece))

    return _sealed(name, copy)


def mapped(sealed: Sealed) -> memoryview:
    """The bytes of a sealed memfd, read-only and not copied. They stay when `sealed` is closed."""
    return memoryview(_map(sealed.fd, sealed.size))


def _sealed(name: str, fill: Callable[[int], None]) -> Sealed:
    fd = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        fill(fd)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, SEALS)
        digest, size = _hash(fd)
    except BaseException:
        os.close(fd)
        raise
    return Sealed(fd, digest, size)


def _write(fd: int, view: memoryview) -> None:
    while view:
        view = view[os.write(fd, view) :]


def read_sealed(fd: int, digest: Digest, *, max_bytes: int) -> bytes:
    """The bytes of a memfd that came from elsewhere.

    1. it carries every seal; 2. it is not larger than `max_bytes`; 3. the bytes read have `digest`.
    Raises WireError.
    """
    try:
        seals = fcntl.fcntl(fd, fcntl.F_GET_SEALS)
    except OSError:
        raise WireError("the descriptor is not a memfd") from None
    if seals & SEALS != SEALS:
        raise WireError("the memfd is not sealed against every change")
    size = os.fstat(fd).st_size
    if size > max_bytes:
        raise WireError(f"the file has {size} bytes; at most {max_bytes} are taken")
    with _map(fd, size) as view:
        data = bytes(view)
    found = from_hex(hashlib.sha256(data).hexdigest())
    if found != digest:
        raise WireError(f"the file has digest {found}, not {digest}")
    return data


def send(sock: socket.socket, header: Mapping[str, Any], payload: bytes = b"", *, files: Sequence[int] = ()) -> None:
    """Send one frame; `files` ride on its first bytes. Raises WireError above limits, OSError when the peer left."""
    message = memoryview(wire.pack(header, payload))
    if len(files) > MAX_DESCRIPTORS:
        raise WireError(f"{len(files)} descriptors in one frame")
    if files:
        sent = socket.send_fds(sock, [message], list(files))
        message = message[sent:]
    if message:
        sock.sendall(message)


def receive(
    sock: socket.socket, *, max_payload: int = wire.MAX_PAYLOAD, max_files: int = 0
) -> tuple[Frame, list[int]] | None:
    """The next frame and the descriptors that came with it, or None when the peer closed between two frames.

    Raises WireError on anything else, and closes every descriptor that came with it.
    """
    files: list[int] = []
    try:
        prefix = _receive_prefix(sock, files, max_files)
        if not prefix:
            return None
        head, payload = wire.lengths(prefix, max_payload=max_payload)
        body = _receive_exactly(sock, head + payload)
        return wire.parse(body[:head], body[head:]), files
    except BaseException:
        for fd in files:
            os.close(fd)
        raise


def _receive_prefix(sock: socket.socket, files: list[int], max_files: int) -> bytes:
    data, ancillary, flags, _ = sock.recvmsg(
        wire.PREFIX.size, socket.CMSG_SPACE(MAX_DESCRIPTORS * _INT), socket.MSG_CMSG_CLOEXEC
    )
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            numbers = array.array("i")
            numbers.frombytes(content[: len(content) - len(content) % _INT])
            files += numbers
    if flags & socket.MSG_CTRUNC or len(files) > max_files:
        raise WireError(f"more descriptors than the {max_files} that are taken here")
    if not data:
        return b""
    return data + _receive_exactly(sock, wire.PREFIX.size - len(data))


def _receive_exactly(sock: socket.socket, size: int) -> bytes:
    """`size` bytes. Descriptors that ride on them are dropped by the kernel, as no room is made for them."""
    held = bytearray(size)
    view = memoryview(held)
    while view:
        count = sock.recv_into(view)
        if not count:
            raise WireError("the stream ended inside a frame")
        view = view[count:]
    return bytes(held)


def _hash(fd: int) -> tuple[Digest, int]:
    size = os.fstat(fd).st_size
    with _map(fd, size) as view:
        return from_hex(hashlib.sha256(view).hexdigest()), size


def _map(fd: int, size: int) -> mmap.mmap | memoryview:
    return mmap.mmap(fd, size, prot=mmap.PROT_READ) if size else memoryview(b"")
