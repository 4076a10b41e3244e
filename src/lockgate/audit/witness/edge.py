"""The little of HTTP/1.1 that a witness speaks: a strict part of RFC 9112, by length only. Pure but for reading.

No chunks, no folds, no second length, no other protocol. What has two meanings is refused, and the connection ends.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

MOST_HEAD = 8 << 10
_REQUEST = re.compile(rb"([A-Z]{1,16}) (/[!-~]{0,1000}) HTTP/1\.([01])\Z")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}):[ \t]*((?:[!-~](?:[\t -~]*[!-~])?)?)[ \t]*\Z")
_LENGTH = re.compile(r"0|[1-9][0-9]{0,9}")

REASONS = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict",
    413: "Content Too Large",
    417: "Expectation Failed",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


class BadRequest(Exception):
    """What cannot be answered otherwise; the connection ends after it."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


@dataclass(frozen=True)
class Head:
    """`length`: bytes of the body that follows. `keep`: whether the client would go on with this connection."""

    method: str
    path: str
    length: int
    keep: bool


def parse_head(data: bytes, most: int) -> Head:
    """Read a request's head, without the empty line at its end. `most`: bytes that a body may have.

    Raises BadRequest: 400 out of form, 413 a longer body, 417 an expectation.
    """
    first, *lines = data.split(b"\r\n")
    found = _REQUEST.match(first)
    if found is None:
        raise BadRequest(400, "no request of HTTP/1.1")
    headers: dict[str, str] = {}
    for line in lines:
        header = _HEADER.match(line)
        name = header[1].decode().lower() if header is not None else ""
        if header is None or name in headers:
            raise BadRequest(400, "a header that cannot be read, or that is there twice")
        headers[name] = header[2].decode()
    if "transfer-encoding" in headers or "upgrade" in headers:
        raise BadRequest(400, "only a body with a length is taken")
    if "expect" in headers:
        raise BadRequest(417, "nothing is promised before the body is there")
    old = found[3] == b"0"
    if not old and not headers.get("host"):
        raise BadRequest(400, "no Host")
    words = {word.strip().lower() for word in headers.get("connection", "").split(",")}
    method = found[1].decode()
    length = headers.get("content-length", "0" if method in {"GET", "HEAD"} else "")
    if not _LENGTH.fullmatch(length):
        raise BadRequest(400, "a body needs its length")
    if int(length) > most:
        raise BadRequest(413, f"a body has at most {most} bytes")
    return Head(method, found[2].decode(), int(length), keep="close" not in words and not old)


async def read_request(reader: asyncio.StreamReader, most: int, first: bytes) -> tuple[Head, bytes]:
    """A whole request, of which `first` was read already. Raises BadRequest, OSError."""
    try:
        data = first + await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        raise BadRequest(400, "the head was cut off") from None
    except asyncio.LimitOverrunError:
        raise BadRequest(400, f"a head has at most {MOST_HEAD} bytes") from None
    head = parse_head(data[:-4], most)
    try:
        return head, await reader.readexactly(head.length)
    except asyncio.IncompleteReadError:
        raise BadRequest(400, "the body was cut off") from None


def answer(status: int, body: bytes, content_type: str, *, keep: bool) -> bytes:
    """A whole reply."""
    head = (
        f"HTTP/1.1 {status} {REASONS.get(status, 'Error')}\r\n"
        f"Content-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        f"Connection: {'keep-alive' if keep else 'close'}\r\n\r\n"
    )
    return head.encode() + body
