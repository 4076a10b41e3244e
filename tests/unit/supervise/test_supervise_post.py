"""What children say to the supervisor, in and out of form."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from lockgate.core import wire
from lockgate.serve import control
from lockgate.supervise import post
from lockgate.supervise.post import Post


@pytest.fixture
def said() -> list[str]:
    """Lines for a person."""
    return []


@pytest.fixture
def office(said: list[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Post]:
    """A post with little patience."""
    monkeypatch.setattr(post, "PATIENCE_SECONDS", 0.2)
    office = Post(said.append)
    yield office
    office.close()


def test_messages_go_both_ways(office: Post) -> None:
    """What a child says arrives with its name; what it is told arrives there."""
    with office.connect("sealer") as child:
        control.tell(child, "sealed", b"note", size=3)
        ((name, told),) = office.collect(1.0)
        assert (name, told.what, told.payload) == ("sealer", "sealed", b"note")
        office.tell("sealer", "seen", b"old")
        heard = control.hear(child)
        assert heard is not None
        assert heard.payload == b"old"


@pytest.mark.parametrize("garbage", [b"\xff" * 64, b"\x05\0\0\0\0\0\0\0{", b""], ids=["form", "half", "end"])
def test_a_child_out_of_form_is_cut_off(office: Post, garbage: bytes) -> None:
    """Garbage, a message that stalls half-way, an end: the socket is closed, and the others are heard."""
    child, other = office.connect("gateway"), office.connect("sealer")
    with child, other:
        if garbage:
            child.sendall(garbage)
        else:
            child.close()
        control.tell(other, "sealed")
        heard = [name for _ in range(3) for name, _ in office.collect(0.3)]
        assert heard == ["sealer"]
        office.tell("gateway", "clients")
        if garbage:
            with suppress(ConnectionResetError):
                assert child.recv(10) == b""


def test_descriptors_from_a_child_are_refused(office: Post) -> None:
    """A child cannot fill the supervisor's table of descriptors."""
    with office.connect("gateway") as child:
        before = len(os.listdir("/proc/self/fd"))
        control.tell(child, "open", files=(0,))
        assert list(office.collect(0.3)) == []
        assert len(os.listdir("/proc/self/fd")) <= before


def test_stderr_is_shown_by_line_and_cannot_drive_the_terminal(office: Post, said: list[str]) -> None:
    """Lines come whole, however they were written, with the name in front and without control characters."""
    pipe = office.talk("contract")
    os.write(pipe, b"one\ntw")
    list(office.collect(0.2))
    os.write(pipe, b"o\x1b[2J\rthree\nend")
    os.close(pipe)
    for _ in range(3):
        list(office.collect(0.1))
    assert said == ["contract | one", "contract | two [2J", "contract | three", "contract | end"]


def drip(office: Post, slow: socket.socket, other: socket.socket, data: bytes) -> list[str]:
    """Who is heard while one child says `data` byte by byte, and another speaks all the time."""
    heard: list[str] = []
    for byte in data:
        with suppress(OSError):
            slow.send(bytes([byte]))
        control.tell(other, "open")
        time.sleep(0.005)
        heard += [name for name, _ in office.collect(0.05)]
    return heard


def test_a_child_that_talks_slowly_keeps_nobody_waiting(office: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """Byte by byte: the others are heard meanwhile. Whole in time it is heard; else cut off, though it goes on."""
    message = wire.pack({"tell": "judged"}, b"x" * 40)
    with office.connect("controller") as slow, office.connect("gateway") as other:
        monkeypatch.setattr(post, "PATIENCE_SECONDS", 5.0)
        heard = drip(office, slow, other, message)
        assert (heard.count("controller"), heard.count("gateway")) == (1, len(message))
        monkeypatch.setattr(post, "PATIENCE_SECONDS", 0.1)
        heard = drip(office, slow, other, message)
        assert (heard.count("controller"), heard.count("gateway")) == (0, len(message))
        assert not office.hears("controller")


def test_many_messages_at_once_are_heard_in_order(office: Post) -> None:
    """Whatever came with one look, and nothing of a child that was cut off by the first of them."""
    with office.connect("sealer") as child:
        child.sendall(b"".join(wire.pack({"tell": "sealed", "size": n}, b"") for n in range(5)))
        assert list(range(5)) == [told.header["size"] for _, told in office.collect(0.3)]
        child.sendall(b"".join(wire.pack({"tell": "sealed", "size": n}, b"") for n in range(5)))
        heard = []
        for name, told in office.collect(0.3):
            heard.append(told.header["size"])
            office.drop(name)
        assert heard == [0]
