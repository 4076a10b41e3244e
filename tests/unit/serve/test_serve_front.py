"""The HTTP front over real sockets: what is answered, in which order, how, and what is cut off."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from lockgate.serve.http import Reply
from lockgate.serve.writing import Writer
from tests.support.fronts import (
    FLOOD,
    HONEST,
    LAST,
    MOST,
    SHORT,
    Running,
    flood,
    fronting,
    get,
    parts,
    post,
    statuses,
    wait_for,
)


@pytest.fixture(scope="module")
def shared() -> Iterator[Running]:
    """One front for the tests that leave nothing behind."""
    with fronting() as running:
        yield running


# What is answered.


def test_a_plain_request_is_answered(shared: Running) -> None:
    """The positive control: our reply with its length and date, and without a word about the server."""
    heard = shared.talk(HONEST)
    headers, body = parts(heard)
    assert heard.startswith(b"HTTP/1.1 200 OK\r\n")
    assert headers["content-length"] == str(len(body))
    assert headers["content-type"] == "application/json"
    assert headers["lockgate-model"] == "m@1"
    assert headers["connection"] == "close"
    assert abs(parsedate_to_datetime(headers["date"]).timestamp() - time.time()) < 5
    assert "server" not in headers
    assert json.loads(body)["length"] == 5


@pytest.mark.parametrize("cut", range(1, len(HONEST), 7))
def test_it_does_not_matter_how_the_network_cuts_it(shared: Running, cut: int) -> None:
    """Any two pieces give the same answer."""
    assert statuses(shared.talk(HONEST[:cut], HONEST[cut:], pause=0.002)) == [200]


def test_path_and_query_arrive_as_they_were_sent(shared: Running) -> None:
    """Nothing is decoded, joined or cleaned on the way to the router."""
    _, body = parts(shared.talk(get(b"/v2//../%2e%00?a=%20&b", LAST)))
    assert (json.loads(body)["path"], json.loads(body)["query"]) == ("/v2//../%2e%00", "a=%20&b")


def test_a_chunked_body_arrives_whole(shared: Running) -> None:
    """And the request behind it is the next one."""
    chunked = b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
    heard = shared.talk(chunked + HONEST)
    assert statuses(heard) == [200, 200]
    assert heard.count(b'"length": 5') == 2


def test_requests_in_one_piece_are_answered_one_by_one_in_order(shared: Running) -> None:
    """Each once, though all were there at once, and the answer takes its time."""
    ways = [b"/later", b"/echo", b"/later", b"/echo"]
    pieces = b"".join(post(b"a" * n, way) for n, way in enumerate(ways, 1)) + get(b"/echo", LAST)
    heard = shared.talk(pieces)
    assert [json.loads(reply.partition(b"\r\n\r\n")[2])["length"] for reply in heard.split(b"HTTP/1.1 ")[1:]] == [
        1, 2, 3, 4, 0,
    ]  # fmt: skip


@pytest.mark.parametrize("together", [True, False])
def test_nothing_is_read_while_a_request_is_in_flight(together: bool) -> None:
    """A peer that goes on sending fills its own buffers, not ours, and its next request waits for its answer."""
    with fronting() as running, running.connect() as sock:
        first, second = post(b"a", b"/hold"), post(b"b", b"/hold")
        sock.sendall(first + second if together else first)
        assert wait_for(lambda: len(running.core.held) == 1)
        sock.sendall(b"" if together else second)
        assert flood(sock) < FLOOD
        assert len(running.core.heads) == 1
        running.reply(Reply(200, b"first"))
        assert wait_for(lambda: len(running.core.held) == 1)
        assert running.core.bodies == [b"a", b"b"]
        sock.settimeout(3)
        assert sock.recv(65536).endswith(b"first")


def test_the_core_has_one_word_for_each_request() -> None:
    """A second one would be the answer to somebody's next request: it is not sent."""
    with fronting() as running, running.connect() as sock:
        for body in (b"first", b"next"):
            sock.sendall(post(b"a", b"/hold"))
            assert wait_for(lambda: len(running.core.held) == 1)
            again = running.core.held[0]
            running.reply(Reply(200, body))
            assert sock.recv(65536).endswith(body)
            running.loop.call_soon_threadsafe(again, Reply(200, b"twice"))
        sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            sock.recv(100)


def test_head_and_no_content_have_no_body(shared: Running) -> None:
    """HEAD says the length that GET would have; 204 has none."""
    headers, body = parts(shared.talk(b"HEAD /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
    assert (int(headers["content-length"]) > 10, body) == (True, b"")
    headers, body = parts(shared.talk(get(b"/nothing", LAST)))
    assert ("content-length" in headers, "content-type" in headers, body) == (False, False, b"")


def test_http_1_0_is_answered_and_closed_unless_it_asks(shared: Running) -> None:
    """And told when it is kept."""
    assert statuses(shared.talk(b"GET /echo HTTP/1.0\r\n\r\n" * 2)) == [200]
    heard = shared.talk(b"GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + b"GET /echo HTTP/1.0\r\n\r\n")
    assert statuses(heard) == [200, 200]
    assert heard.count(b"connection: keep-alive") == 1


def test_100_continue_comes_only_when_the_core_has_let_it_in(shared: Running) -> None:
    """Who is refused gets the final status at once, and sends nothing; who waits is told to go on."""
    more = b"Expect: 100-continue\r\n"
    with shared.connect() as sock:
        sock.sendall(post(b"hello", more=more)[:-5])
        assert sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"hello")
        assert sock.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")
    assert statuses(shared.talk(post(b"hello", b"/refuse", more)[:-5])) == [401]
    assert statuses(shared.talk(post(b"h" * (MOST + 1), more=more)[: -MOST - 1])) == [413]
    assert statuses(shared.talk(post(b"hello", more=more + LAST))) == [200]
    begun = post(b"hello", more=more + LAST)
    assert statuses(shared.talk(begun[:-3], begun[-3:], pause=0.02)) == [200]


def test_a_refused_request_keeps_the_connection_when_its_body_is_short(shared: Running) -> None:
    """The body is dropped, wherever it is cut, and what is behind it is the next request and not the body's."""
    smuggled = get(b"/smuggled")
    pieces = post(smuggled, b"/refuse") + HONEST
    for cut in (1, len(pieces) - len(HONEST) - 5, len(pieces) - len(HONEST), len(pieces) - 3):
        assert statuses(shared.talk(pieces[:cut], pieces[cut:], pause=0.005)) == [401, 200]
    assert "/smuggled" not in [head.path for head in shared.core.heads]


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\nabc",
        b"POST /refuse HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n",
        b"POST /refuse/close HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n",
    ],
)
def test_a_refused_request_with_more_to_come_is_the_last(shared: Running, request_bytes: bytes) -> None:
    """The reply is read before the connection ends, though the peer still sends."""
    assert statuses(shared.talk(request_bytes, b"x" * 1000, pause=0.01)) == [401]


def test_a_reply_that_ends_the_connection_is_the_last(shared: Running) -> None:
    """Whatever is behind its request."""
    heard = shared.talk(get(b"/refuse/close") + HONEST)
    assert (statuses(heard), b"connection: close" in heard) == ([401], True)


# What is refused.


def test_a_body_above_the_limit_is_refused_before_it_is_kept(shared: Running) -> None:
    """By its length at once, by counting when it is in chunks; one byte less passes."""
    chunks = b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert statuses(shared.talk(post(b"a" * MOST, more=LAST))) == [200]
    assert statuses(shared.talk(post(b"a" * (MOST + 1))[:-1000])) == [413]
    assert statuses(shared.talk(chunks + b"3e8\r\n" + b"a" * MOST + b"\r\n1\r\n")) == [413]
    assert shared.core.refused[-2:] == ["LG605", "LG605"]


def test_a_broken_chunk_is_refused_and_closes(shared: Running) -> None:
    """Nothing behind it is looked at."""
    broken = b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n0\r\n\r\n"
    assert statuses(shared.talk(broken + HONEST)) == [400]


def test_heads_above_the_limits_are_refused(shared: Running) -> None:
    """Size, number of headers, length of the target; also when the head never ends."""
    assert statuses(shared.talk(get(b"/echo", b"A: " + b"b" * 3000 + b"\r\n" + LAST))) == [200]
    assert statuses(shared.talk(get(b"/echo", b"A: " + b"b" * 5000 + b"\r\n"))) == [400]
    assert statuses(shared.talk(b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 4096)) == [400]
    assert statuses(shared.talk(get(b"/echo", b"".join(b"A%d: b\r\n" % n for n in range(14)) + LAST))) == [200]
    assert statuses(shared.talk(get(b"/echo", b"".join(b"A%d: b\r\n" % n for n in range(16))))) == [400]
    assert statuses(shared.talk(get(b"/" + b"a" * 199, LAST))) == [200]
    assert statuses(shared.talk(get(b"/" + b"a" * 200))) == [400]


def test_a_header_of_ours_cannot_break_its_line(shared: Running) -> None:
    """A fault of ours becomes a 500 without a word of it, not a second header."""
    heard = shared.talk(get(b"/broken"))
    assert statuses(heard) == [500]
    assert (b"Injected" in heard, b"secret" in heard) == (False, False)


def test_a_fault_of_ours_ends_one_connection(shared: Running) -> None:
    """The others go on."""
    assert shared.talk(get(b"/fails")) == b""
    assert shared.honest()


# Leaving.


def test_a_peer_that_leaves_is_told_of_once() -> None:
    """During its body or before its reply; a reply that comes later goes nowhere."""
    with fronting() as running:
        with running.connect() as sock:
            sock.sendall(post(b"hello")[:-1])
            assert wait_for(lambda: len(running.core.heads) == 1)
        assert wait_for(lambda: running.core.gone == 1)
        with running.connect() as sock:
            sock.sendall(post(b"hello", b"/hold"))
            assert wait_for(lambda: len(running.core.held) == 1)
        assert wait_for(lambda: running.core.gone == 2)
        running.reply(Reply(200, b"late"))
        assert running.honest()
        assert running.core.gone == 2


def test_a_refused_peer_is_not_gone(shared: Running) -> None:
    """What the core refused, or answered, it has let go of already."""
    before = shared.core.gone
    shared.talk(post(b"a" * (MOST + 1)))
    shared.talk(HONEST)
    assert shared.core.gone == before


def test_it_ends_when_those_in_flight_are_answered() -> None:
    """Idle ones are closed at once, nobody new comes in, and the last reply says that it is the last."""
    with fronting() as running:
        with running.connect() as idle, running.connect() as busy:
            idle.sendall(post(b"a"))
            assert idle.recv(65536).startswith(b"HTTP/1.1 200")
            busy.sendall(post(b"a", b"/hold"))
            assert wait_for(lambda: len(running.core.held) == 1)
            running.stop()
            assert idle.recv(100) == b""
            time.sleep(0.1)
            assert running.thread.is_alive()
            running.reply(Reply(200, b"last"))
            heard = b"".join(iter(lambda: busy.recv(65536), b""))
            assert heard.endswith(b"last")
            assert b"connection: close" in heard
        running.thread.join(3)
        assert not running.thread.is_alive()


def test_it_ends_after_its_grace_whatever_is_in_flight() -> None:
    """A core that never answers does not hold it."""
    with fronting(limits=replace(SHORT, grace=0.2)) as running, running.connect() as busy:
        busy.sendall(post(b"a", b"/hold"))
        assert wait_for(lambda: len(running.core.held) == 1)
        running.stop()
        running.thread.join(3)
        assert not running.thread.is_alive()
        assert running.core.gone == 1


# Replies.


@pytest.mark.parametrize(
    "headers", [(("A", "b\r\nC: d"),), (("A\r\nB", "c"),), (("A", "b\nc"),), (("A", "b\0"),), (("A", "\u20ac"),)]
)
def test_a_reply_that_would_break_a_line_is_not_spelled(headers: Any) -> None:
    """Whatever a header's value was made of; the same without it is."""
    writer = Writer(lambda: 0.0)
    with pytest.raises(ValueError):  # noqa: PT011 - also what encoding raises
        writer.spell(Reply(200, b"", headers), keep=True)
    assert writer.spell(Reply(200, b"x", (("A", "b"),)), keep=True) == (
        b"HTTP/1.1 200 OK\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\ncontent-type: application/json\r\n"
        b"A: b\r\ncontent-length: 1\r\n\r\nx"
    )


def test_the_end_of_a_connection_is_said_once() -> None:
    """Also where the core says it by a header of its own."""
    reply = Reply(400, b"", (("Connection", "close"), ("A", "b")), close=True)
    spelled = Writer(lambda: 0.0).spell(reply, keep=False)
    assert (spelled.lower().count(b"connection: close\r\n"), b"A: b\r\n" in spelled) == (1, True)


def test_the_date_follows_the_clock() -> None:
    """Though it is spelled once a second only."""
    now = [0.0]
    writer = Writer(lambda: now[0])
    now[0] = 61.5
    assert b"00:00:00" in writer.spell(Reply(200), keep=True)
    writer.tick()
    assert b"00:01:01" in writer.spell(Reply(200), keep=True)
