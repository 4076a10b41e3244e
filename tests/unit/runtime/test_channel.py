"""runtime.channel: what was sealed is what is loaded, and a peer cannot send more than is asked for."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator

import pytest

from lockgate.core import wire
from lockgate.core.digest import digest_of
from lockgate.core.wire import Frame, WireError
from lockgate.runtime import channel


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a stream."""
    left, right = socket.socketpair()
    left.settimeout(5)
    right.settimeout(5)
    with left, right:
        yield left, right


def _open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_a_sealed_file_cannot_change(pair: tuple[socket.socket, socket.socket]) -> None:
    """After sealing, write, shrink, grow and unsealing all fail; the receiver reads the very bytes."""
    sealed = channel.seal(b"model", "model.onnx")
    for change in (
        lambda: os.pwrite(sealed.fd, b"x", 0),
        lambda: os.ftruncate(sealed.fd, 1),
        lambda: os.ftruncate(sealed.fd, 9),
        lambda: fcntl.fcntl(sealed.fd, fcntl.F_ADD_SEALS, 0),
    ):
        with pytest.raises(OSError, match="not permitted"):
            change()
    channel.send(pair[0], {"op": "load"}, files=[sealed.fd])
    received = channel.receive(pair[1], max_files=1)
    assert received is not None
    frame, (fd,) = received
    assert frame == Frame({"op": "load"})
    assert channel.read_sealed(fd, digest_of(b"model"), max_bytes=5) == b"model"
    os.close(fd)
    sealed.close()


def test_an_empty_file_can_be_sealed() -> None:
    """The empty file is a file."""
    sealed = channel.seal(b"", "empty")
    assert channel.read_sealed(sealed.fd, digest_of(b""), max_bytes=0) == b""
    sealed.close()


def test_what_is_not_sealed_not_ours_or_too_large_is_refused(tmp_path: object) -> None:
    """A memfd without every seal, an ordinary file, another digest, a size above the limit: each refused."""
    fd = os.memfd_create("half", os.MFD_ALLOW_SEALING)
    os.write(fd, b"model")
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)
    with pytest.raises(WireError, match="sealed"):
        channel.read_sealed(fd, digest_of(b"model"), max_bytes=5)
    os.close(fd)
    plain = os.open(__file__, os.O_RDONLY)
    with pytest.raises(WireError, match=r"not a memfd|not sealed"):
        channel.read_sealed(plain, digest_of(b"model"), max_bytes=5)
    os.close(plain)
    sealed = channel.seal(b"model", "m")
    assert channel.read_sealed(sealed.fd, digest_of(b"model"), max_bytes=5) == b"model"
    with pytest.raises(WireError, match="digest"):
        channel.read_sealed(sealed.fd, digest_of(b"other"), max_bytes=5)
    with pytest.raises(WireError, match="at most"):
        channel.read_sealed(sealed.fd, digest_of(b"model"), max_bytes=4)
    sealed.close()


def test_frames_arrive_in_order_and_the_end_is_clean(pair: tuple[socket.socket, socket.socket]) -> None:
    """Two frames in one stream, then the end between frames is None."""
    channel.send(pair[0], {"n": 1}, b"abc")
    channel.send(pair[0], {"n": 2})
    pair[0].close()
    assert channel.receive(pair[1]) == (Frame({"n": 1}, b"abc"), [])
    assert channel.receive(pair[1]) == (Frame({"n": 2}), [])
    assert channel.receive(pair[1]) is None


@pytest.mark.parametrize("part", [b"\x02\0", wire.PREFIX.pack(2, 5) + b"{}abc"])
def test_an_end_inside_a_frame_is_an_error(pair: tuple[socket.socket, socket.socket], part: bytes) -> None:
    """Half a frame is never taken for a frame or for the end."""
    pair[0].sendall(part)
    pair[0].close()
    with pytest.raises(WireError, match="ended inside"):
        channel.receive(pair[1])


def test_uninvited_descriptors_are_refused_and_closed(pair: tuple[socket.socket, socket.socket]) -> None:
    """A peer cannot fill our descriptor table."""
    before = _open_files()
    with open(__file__, "rb") as file:
        channel.send(pair[0], {"op": "predict"}, files=[file.fileno()] * 2)
        with pytest.raises(WireError, match="descriptors"):
            channel.receive(pair[1], max_files=1)
    assert _open_files() == before


def test_a_payload_above_the_limit_is_refused(pair: tuple[socket.socket, socket.socket]) -> None:
    """The receiver sets the size, not the sender."""
    channel.send(pair[0], {}, b"12345")
    with pytest.raises(WireError, match="limits"):
        channel.receive(pair[1], max_payload=4)


def test_too_many_descriptors_are_not_sent(pair: tuple[socket.socket, socket.socket]) -> None:
    """The sender keeps to the limit itself."""
    with pytest.raises(WireError):
        channel.send(pair[0], {}, files=[0] * (channel.MAX_DESCRIPTORS + 1))
