"""A request's head, from untrusted bytes to values: one strict grammar, of which every other parser reads the same.

    GET /path?query HTTP/1.1 CRLF (name ":" OWS value OWS CRLF)* CRLF        RFC 9112, without what it merely tolerates

Not taken: folded lines, a bare CR or LF, NUL, blanks around names, empty lines before, targets that are not a path,
any transfer coding but `chunked`, a length that is not plain digits, and two lengths. What is left has one meaning.
Pure. Whoever stands before us may be laxer; nobody can be stricter about what passes here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from lockgate.serve.http import SINGLE

MOST_DIGITS = 15
REMEMBERED, REMEMBERED_BYTES = 512, 1024

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_LINE = rb"[A-Z]{1,20} /[!-\"$-~]*+ HTTP/1\.[01]\r\n"
_FIELD = _TOKEN + rb":[\t -~\x80-\xff]*+\r\n"
_GRAMMAR = re.compile(rb"([A-Z]{1,20}) (/[!-\"$-~]*+) HTTP/1\.([01])\r\n((?:" + _FIELD + rb")*+)")
_FIRST = re.compile(_LINE)
_ONE = re.compile(_FIELD)
_NEVER = re.compile(rb"[^\t\r\n -~\x80-\xff]|\r[^\n]|(?<!\r)\n")
_DIGITS = re.compile(rf"[0-9]{{1,{MOST_DIGITS}}}")


class Malformed(ValueError):
    """These bytes are no request that is taken here. The message is for the peer, and quotes nothing of it."""


@dataclass(slots=True)
class Parsed:
    """A head; nobody changes it, and freezing it would cost a microsecond.

    `length`: bytes of body that follow, when not `chunked`. `keep`: the peer wants the connection kept. `continues`: it
    waits for `100 Continue`. `old`: it speaks HTTP/1.0.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    length: int
    chunked: bool
    keep: bool
    continues: bool
    old: bool


def parse(head: bytes, *, most_headers: int, most_target: int) -> Parsed:
    """Read a head that ends with the CRLF of its last line. Raises Malformed.

    Clients send the same short heads again and again: these are read once and remembered, a bounded number of them.
    """
    if len(head) <= REMEMBERED_BYTES:
        return _remembered(head, most_headers, most_target)
    return _parse(head, most_headers, most_target)


def hopeless(held: bytes, start: int) -> None:
    """Raise Malformed when `held`, an unfinished head, can no longer become one. Looked at from `start` on."""
    if _NEVER.search(held, max(0, start - 1), len(held) - held.endswith(b"\r")):
        raise Malformed("a line ends with CR LF, and holds neither of them nor another control character")
    end = held.find(b"\r\n")
    if end >= 0 and start <= end + 1 and not _FIRST.match(held):
        raise Malformed(_why(held))


def _parse(head: bytes, most_headers: int, most_target: int) -> Parsed:
    """Steps: 1. the grammar; 2. counts; 3. each header once where it says one thing; 4. one length; 5. the rest."""
    # 1.
    match = _GRAMMAR.fullmatch(head)
    if match is None:
        raise Malformed(_why(head))
    method, target, minor, fields = match.groups()
    # 2.
    if len(target) > most_target:
        raise Malformed(f"the target is longer than {most_target} bytes")
    lines = fields.decode("latin-1").split("\r\n")
    if len(lines) > most_headers + 1:
        raise Malformed(f"there are more than {most_headers} headers")
    # 3.
    headers: dict[str, str] = {}
    for line in lines[:-1]:
        name, _, value = line.partition(":")
        name = name.lower()
        if name in headers:
            put(headers, name, value.strip(" \t"))
        else:
            headers[name] = value.strip(" \t")
    # 4. 5.
    old = minor == b"0"
    path, _, query = target.decode("ascii").partition("?")
    keep, continues = _persistence(headers, old=old)
    length, chunked = framing(headers, old=old)
    _refuse_switching(method, headers, old=old)
    return Parsed(method.decode("ascii"), path, query, headers, length, chunked, keep, continues, old)


_remembered = lru_cache(maxsize=REMEMBERED)(_parse)


def put(headers: dict[str, str], name: str, value: str) -> None:
    """Add one header, `name` in lower case. Raises Malformed when it is there and says one thing (`SINGLE`)."""
    if name not in headers:
        headers[name] = value
    elif name in SINGLE:
        raise Malformed(f"{name} is sent twice")
    else:
        headers[name] += ", " + value


def framing(headers: Mapping[str, str], *, old: bool) -> tuple[int, bool]:
    """How long the body is, by one header at most (RFC 9112 section 6.3, and no tolerance), and whether in chunks.

    Raises Malformed.
    """
    coding, length = headers.get("transfer-encoding"), headers.get("content-length")
    if coding is None:
        if length is None:
            return 0, False
        if not _DIGITS.fullmatch(length):
            raise Malformed(f"content-length is a number of at most {MOST_DIGITS} digits")
        return int(length), False
    if length is not None:
        raise Malformed("a body has one length, not two")
    if old or coding.lower() != "chunked":
        raise Malformed("transfer-encoding is chunked and nothing else, in HTTP/1.1 only")
    return 0, True


def _persistence(headers: Mapping[str, str], *, old: bool) -> tuple[bool, bool]:
    if "connection" not in headers and "expect" not in headers:
        return not old, False
    tokens = [token.strip() for token in headers.get("connection", "").lower().split(",")]
    expected = headers.get("expect")
    if expected is not None and expected.lower() != "100-continue":
        raise Malformed("nothing but 100-continue can be expected here")
    keep = "close" not in tokens and (not old or "keep-alive" in tokens)
    return keep, expected is not None and not old


def _refuse_switching(method: bytes, headers: Mapping[str, str], *, old: bool) -> None:
    """One host is named, and no other protocol. An offer of h2c, which some clients make each time, is passed over."""
    if "host" not in headers and not old:
        raise Malformed("HTTP/1.1 names a host")
    if method == b"CONNECT" or ("upgrade" in headers and headers["upgrade"].lower() != "h2c"):
        raise Malformed("this is neither a tunnel nor another protocol than HTTP/1.1")


def _why(head: bytes) -> str:
    """Which line is out of form."""
    match = _FIRST.match(head)
    if match is None:
        return "the first line is METHOD /path HTTP/1.1, in printable ASCII"
    at, number = match.end(), 1
    while field := _ONE.match(head, at):
        at, number = field.end(), number + 1
    return f"header line {number} is not a name, a colon and a value on one line"
