"""The grammar of a request's head and body: what is taken, what is not, and that two other parsers read the same."""

from __future__ import annotations

import h11
import httptools
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lockgate.serve.bodies import Chunks, Sized, TooLarge
from lockgate.serve.heads import Malformed, Parsed, hopeless, parse

GET = b"GET /v2?a=%20b HTTP/1.1\r\nHost: x\r\n"


def read(head: bytes) -> Parsed:
    """With the limits of the tests."""
    return parse(head, most_headers=8, most_target=64)


def test_a_plain_head_is_read() -> None:
    """The positive control: names in lower case, values without blanks around them, the target split at `?`."""
    head = (
        b"POST /predict?x=1?2 HTTP/1.1\r\nHost:x:80\r\nContent-Type: \t application/json \t\r\nContent-Length: 12\r\n"
    )
    assert read(head) == Parsed(
        "POST", "/predict", "x=1?2", {"host": "x:80", "content-type": "application/json", "content-length": "12"},
        12, False, True, False, False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "keep"),
    [
        (b"Connection: close", False),
        (b"connection: Keep-Alive, CLOSE", False),
        (b"Connection: keep-alive", True),
        (b"A: b", True),
        (b"Connection: closer", True),
    ],
)
def test_who_wants_the_connection_kept(line: bytes, keep: bool) -> None:
    """HTTP/1.1 keeps it unless told otherwise."""
    assert read(GET + line + b"\r\n").keep is keep


def test_http_1_0_keeps_only_what_it_asks_for() -> None:
    """And needs no Host, and never waits for 100 Continue."""
    assert read(b"GET / HTTP/1.0\r\n").keep is False
    assert read(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n").keep is True
    assert read(b"GET / HTTP/1.0\r\nExpect: 100-continue\r\n").continues is False
    assert read(GET + b"Expect: 100-Continue\r\n").continues is True


def test_repeated_headers_that_are_lists_are_joined() -> None:
    """As RFC 9110 says of them."""
    assert read(GET + b"Accept: a\r\nACCEPT: b\r\n").headers["accept"] == "a, b"


REFUSED = {
    "no request": b"nonsense\r\n",
    "lower-case method": b"get / HTTP/1.1\r\nHost: x\r\n",
    "no version": b"GET /\r\nHost: x\r\n",
    "version 2": b"PRI * HTTP/2.0\r\n",
    "version 1.2": b"GET / HTTP/1.2\r\nHost: x\r\n",
    "version 01.1": b"GET / HTTP/01.1\r\nHost: x\r\n",
    "two spaces": b"GET  / HTTP/1.1\r\nHost: x\r\n",
    "tab": b"GET\t/ HTTP/1.1\r\nHost: x\r\n",
    "space behind the version": b"GET / HTTP/1.1 \r\nHost: x\r\n",
    "absolute target": b"GET http://x/ HTTP/1.1\r\nHost: x\r\n",
    "star": b"OPTIONS * HTTP/1.1\r\nHost: x\r\n",
    "authority": b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n",
    "connect a path": b"CONNECT /x HTTP/1.1\r\nHost: x\r\n",
    "fragment": b"GET /a#b HTTP/1.1\r\nHost: x\r\n",
    "target in UTF-8": b"GET /\xc3\xa4 HTTP/1.1\r\nHost: x\r\n",
    "NUL in the target": b"GET /\0 HTTP/1.1\r\nHost: x\r\n",
    "long target": b"GET /" + b"a" * 64 + b" HTTP/1.1\r\nHost: x\r\n",
    "empty line first": b"\r\nGET / HTTP/1.1\r\nHost: x\r\n",
    "no host": b"GET / HTTP/1.1\r\nA: b\r\n",
    "two hosts": GET + b"host: x\r\n",
    "folded": GET + b"A: b\r\n c\r\n",
    "space before colon": GET + b"A : b\r\n",
    "space before name": GET + b" A: b\r\n",
    "no colon": GET + b"A\r\n",
    "empty name": GET + b": b\r\n",
    "name in brackets": GET + b"A(b): c\r\n",
    "name in UTF-8": GET + b"\xc3\xa4: c\r\n",
    "bare LF": GET + b"A: b\nC: d\r\n",
    "bare CR": GET + b"A: b\rC: d\r\n",
    "CR CR LF": GET + b"A: b\r\r\n",
    "NUL in a value": GET + b"A: b\0c\r\n",
    "DEL in a value": GET + b"A: b\x7fc\r\n",
    "VT before a value": GET + b"Transfer-Encoding:\x0bchunked\r\n",
    "nine headers": GET + b"".join(b"A%d: b\r\n" % n for n in range(8)),
    "two authorizations": GET + b"Authorization: a\r\nauthorization: b\r\n",
    "two equal lengths": GET + b"Content-Length: 5\r\nContent-Length: 5\r\n",
    "a list of lengths": GET + b"Content-Length: 5, 5\r\n",
    "negative length": GET + b"Content-Length: -1\r\n",
    "signed length": GET + b"Content-Length: +5\r\n",
    "hex length": GET + b"Content-Length: 0x5\r\n",
    "empty length": GET + b"Content-Length:\r\n",
    "length with a gap": GET + b"Content-Length: 5 5\r\n",
    "huge length": GET + b"Content-Length: 18446744073709551621\r\n",
    "length in other digits": GET + b"Content-Length: \xb2\r\n",
    "both lengths": GET + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    "both, the other way": GET + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    "coding twice": GET + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    "chunked, chunked": GET + b"Transfer-Encoding: chunked, chunked\r\n",
    "gzip, chunked": GET + b"Transfer-Encoding: gzip, chunked\r\n",
    "identity": GET + b"Transfer-Encoding: identity\r\n",
    "xchunked": GET + b"Transfer-Encoding: xchunked\r\n",
    "quoted chunked": GET + b'Transfer-Encoding: "chunked"\r\n',
    "chunked;q": GET + b"Transfer-Encoding: chunked;q=1\r\n",
    "empty coding": GET + b"Transfer-Encoding:\r\n",
    "chunked in 1.0": b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n",
    "expects more": GET + b"Expect: 200-ok\r\n",
    "expects twice": GET + b"Expect: 100-continue\r\nExpect: 100-continue\r\n",
    "websocket": GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\n",
    "two types": GET + b"Content-Type: a/b\r\nContent-Type: a/c\r\n",
    "no end of line": GET + b"A: b",
}


@pytest.mark.parametrize("head", REFUSED.values(), ids=REFUSED)
def test_what_has_two_meanings_or_none_is_refused(head: bytes) -> None:
    """Every one of these is read in another way by some server or proxy."""
    with pytest.raises(Malformed):
        read(head)


@pytest.mark.parametrize(
    "line",
    [b"Transfer-Encoding: Chunked", b"Upgrade: h2c", b"Content-Length: 0", b"Content-Length: 007", b"A:",
     b"A: \xe4 \t b", b"Cookie: a=b; c", b"X-~!#$%&'*+.^_`|1: v"],
)  # fmt: skip
def test_what_is_only_unusual_passes(line: bytes) -> None:
    """The grammar is strict, not narrow. An offer of h2c, which one common client makes each time, is passed over."""
    assert read(GET + line + b"\r\n").method == "GET"


def test_a_refusal_names_the_line_and_quotes_nothing() -> None:
    """What is in the head may be a key."""
    with pytest.raises(Malformed, match="header line 2 ") as refusal:
        read(GET + b"Authorization : Bearer lgk_secret\r\n")
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    "held", [b"\x16\x03\x01", b"GET / HTTP/1.1\n", b"GET / HTTP/1.1\r\nA: b\n", b"a\rb", b"GET / HTTP/9\r\nA", b"\0"]
)
def test_what_can_become_no_head_is_refused_before_its_end(held: bytes) -> None:
    """Nobody waits for the end of what is wrong already, a TLS greeting among them."""
    with pytest.raises(Malformed):
        hopeless(held, 0)


@pytest.mark.parametrize("end", range(1, len(GET)))
def test_every_beginning_of_a_good_head_is_waited_for(end: int) -> None:
    """Wherever the network cuts it, and wherever it was cut before."""
    hopeless(GET[:end], end - 1)
    hopeless(GET[:end], 0)


# Judges: whatever passes here, h11 (strict, Python) and llhttp (lenient, C) read with the same lengths and names.

_NAMES = st.sampled_from(
    [b"Content-Length", b"Transfer-Encoding", b"content-length", b"A", b"B-c", b"Connection", b"Expect", b"Host"]
)
_VALUES = st.one_of(
    st.sampled_from(
        [b"5", b"0", b"chunked", b"Chunked", b"close", b"keep-alive", b"5,5", b"+5", b"identity", b"x", b""]
    ),
    st.binary(max_size=6),
)
_ENDS = st.sampled_from([b"\r\n"] * 12 + [b"\n", b"\r", b"\r\n ", b"\r\r\n", b" \r\n", b"\t\r\n"])
_COLONS = st.sampled_from([b": "] * 8 + [b":", b" : ", b":\t", b":\x0b", b": \x00"])
_LINES = st.tuples(_NAMES, _COLONS, _VALUES, _ENDS).map(b"".join)
HEADS = st.tuples(
    st.sampled_from(
        [b"GET / HTTP/1.1\r\n", b"POST /a?b=%00 HTTP/1.1\r\n", b"PUT /x HTTP/1.0\r\n", b"GET /a HTTP/1.1\n"]
    ),
    st.sampled_from([b"Host: x\r\n", b"Host: x\r\n", b"host:x\r\n", b""]),
    st.lists(_LINES, max_size=4).map(b"".join),
).map(b"".join)


class Heard:
    """What llhttp tells."""

    def __init__(self) -> None:
        self.names: list[bytes] = []
        self.url = b""
        self.body = b""
        self.ended = 0

    def on_url(self, url: bytes) -> None:
        """The target."""
        self.url += url

    def on_header(self, name: bytes, _value: bytes) -> None:
        """A header."""
        self.names.append(name.lower())

    def on_body(self, body: bytes) -> None:
        """Body bytes."""
        self.body += body

    def on_message_complete(self) -> None:
        """The end."""
        self.ended += 1


@given(HEADS)
@example(GET + b"Content-Length: 5\r\n")
@example(GET + b"Transfer-Encoding: chunked\r\n")
def test_two_other_parsers_read_the_same(head: bytes) -> None:
    """No head that passes frames its body otherwise for anybody else: that is what smuggling needs."""
    try:
        parsed = read(head)
    except Malformed:
        return
    body = b"5\r\nhello\r\n0\r\n\r\n" if parsed.chunked else b"b" * min(parsed.length, 100)
    meant = b"hello" if parsed.chunked else body
    if parsed.length > 100:
        return
    heard = Heard()
    httptools.HttpRequestParser(heard).feed_data(head + b"\r\n" + body)
    assert (heard.body, heard.ended) == (meant, 1)
    assert set(heard.names) == {name.encode() for name in parsed.headers}
    assert heard.url.decode() == parsed.path + ("?" + parsed.query if parsed.query else "")
    judge = h11.Connection(h11.SERVER)
    judge.receive_data(head + b"\r\n" + body)
    request, read_body = judge.next_event(), b""
    assert isinstance(request, h11.Request)
    while isinstance(event := judge.next_event(), h11.Data):
        read_body += bytes(event.data)
    assert isinstance(event, h11.EndOfMessage)
    assert read_body == meant
    assert judge.trailing_data[0] == b""


# Bodies.


def test_a_body_by_length_leaves_the_rest() -> None:
    """What comes behind it is the next request's."""
    body = Sized(5)
    assert body.feed(b"hel") is None
    assert body.feed(b"loGET") == b"GET"
    assert bytes(body.body) == b"hello"


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_chunks_are_put_together_however_they_are_cut(size: int) -> None:
    """One byte at a time too; and what comes behind is left."""
    body, whole = Chunks(5), b"2\r\nhe\r\n0003\r\nllo\r\n0\r\n\r\n"
    for at in range(0, len(whole), size):
        rest = body.feed(whole[at : at + size])
        assert (rest is None) == (at + size < len(whole))
    assert bytes(body.body) == b"hello"
    again = Chunks(5)
    assert again.feed(whole + b"GET") == b"GET"


BROKEN = {
    "no hex": b"ZZ\r\n",
    "signed": b"-1\r\n",
    "0x": b"0x5\r\nhello\r\n",
    "blank before": b" 5\r\nhello\r\n",
    "blank behind": b"5 \r\nhello\r\n",
    "extension": b"5;a=b\r\nhello\r\n",
    "extension of the last": b"0;a\r\n\r\n",
    "bare LF": b"5\nhello\r\n",
    "bare CR": b"5\rhello\r\n",
    "empty size": b"\r\n",
    "nine digits": b"000000005\r\nhello\r\n",
    "too long": b"5\r\nhelloo\r\n",
    "no line end behind": b"5\r\nhelloXX0\r\n\r\n",
    "LF behind": b"5\r\nhello\n0\r\n\r\n",
    "trailer": b"0\r\nA: b\r\n\r\n",
    "LF at the end": b"0\r\n\n",
    "underscore": b"1_0\r\n",
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_chunks_out_of_form_are_refused(data: bytes) -> None:
    """At the byte that is wrong, also when they come one by one."""
    with pytest.raises(Malformed):
        Chunks(100).feed(data)
    slow = Chunks(100)
    with pytest.raises(Malformed):
        all(slow.feed(bytes([byte])) is None for byte in data)


def test_a_chunk_above_the_limit_is_refused_by_its_size() -> None:
    """Before a byte of it is kept."""
    body = Chunks(5)
    assert body.feed(b"5\r\nhello\r\n") is None
    with pytest.raises(TooLarge):
        body.feed(b"1\r\n")
    with pytest.raises(TooLarge):
        Chunks(5).feed(b"ffffffff\r\n")


def test_many_tiny_chunks_are_refused() -> None:
    """Each costs us more than its sender; a few hundred are nothing."""
    few, many = Chunks(1 << 20), Chunks(1 << 20)
    assert few.feed(b"1\r\na\r\n" * 256) is None
    with pytest.raises(Malformed, match="too small"):
        many.feed(b"1\r\na\r\n" * 300)
    assert Chunks(1 << 20).feed((b"40\r\n" + b"a" * 64 + b"\r\n") * 2000) is None
