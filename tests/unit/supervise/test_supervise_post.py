"""What children say to the supervisor, in and out of form."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress

import pytest

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
