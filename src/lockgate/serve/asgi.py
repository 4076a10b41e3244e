"""The gateway's core as a plain ASGI application, for people who bring their own server. No framework.

What HTTP is, how many connections there are and how slow a head may come is the server's then; the limits that ASGI
leaves to an application are the front's own: headers, target, body by size and time, and one meaning of each header.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from lockgate.serve.heads import Malformed, framing, put
from lockgate.serve.http import Core, Exchange, Head, Peer, Reply
from lockgate.serve.limits import ANSWERS, Limits
from lockgate.serve.spec import Caps
from lockgate.serve.writing import lines

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def application(core: Core, caps: Caps, limits: Limits | None = None) -> Application:
    """The application over `core`. Its requests are answered in the server's event loop."""
    bounds = limits or Limits()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            reply = await _answer(core, caps, bounds, scope, receive)
            if reply is not None:
                await _send(reply, send, head=scope["method"] == "HEAD")
        elif scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1003})
        else:
            raise ValueError(f"the gateway speaks HTTP, not {scope['type']}")

    return app


async def _answer(core: Core, caps: Caps, limits: Limits, scope: Scope, receive: Receive) -> Reply | None:
    """The reply; None when the peer has left."""
    client = scope.get("client")
    peer = Peer(str(client[0]) if client else "", tls=scope.get("scheme") == "https")
    try:
        head, length = _head(scope, limits, peer)
    except Malformed as error:
        return core.malformed(peer, str(error))
    begun = core.begin(head)
    if isinstance(begun, Reply):
        return begun
    if length > begun.most:
        return begun.refused("LG605")
    body = await _body(begun, caps, receive)
    return await _whole(begun, body, caps, receive) if isinstance(body, bytes) else body


def _head(scope: Scope, limits: Limits, peer: Peer) -> tuple[Head, int]:
    """Steps: 1. counts and sizes; 2. the path as it was sent; 3. each header once where it says one thing; 4. length.

    Raises Malformed.
    """
    # 1.
    fields = list(scope["headers"])
    if len(fields) > limits.headers or sum(len(name) + len(value) + 4 for name, value in fields) > limits.head_bytes:
        raise Malformed(f"there are more than {limits.headers} headers, or {limits.head_bytes} bytes of them")
    # 2.
    raw = scope.get("raw_path") or scope["path"].encode()
    query = bytes(scope.get("query_string", b""))
    if len(raw) + len(query) > limits.target:
        raise Malformed(f"the target is longer than {limits.target} bytes")
    try:
        path, asked = raw.decode("ascii").removeprefix(scope.get("root_path", "")), query.decode("ascii")
    except UnicodeDecodeError:
        raise Malformed("the target is printable ASCII") from None
    if not path.startswith("/") or not (path + asked).isprintable() or " " in path + asked:
        raise Malformed("the target is a path, in printable ASCII")
    # 3.
    headers: dict[str, str] = {}
    for name, value in fields:
        put(headers, name.decode("latin-1").lower(), value.decode("latin-1").strip(" \t"))
    # 4.
    length, _ = framing(headers, old=False)
    return Head(scope["method"], path, headers, peer, asked), length


async def _body(exchange: Exchange, caps: Caps, receive: Receive) -> bytes | Reply | None:
    """The whole body, within its size and time; the refusal when it is not; None when the peer has left."""
    held = bytearray()
    try:
        async with asyncio.timeout(caps.receive):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    exchange.gone()
                    return None
                held += message.get("body", b"")
                if len(held) > exchange.most:
                    return exchange.refused("LG605")
                if not message.get("more_body", False):
                    return bytes(held)
    except TimeoutError:
        return exchange.refused("LG615")
    except BaseException:  # servers raise what they like
        exchange.gone()
        raise


async def _whole(exchange: Exchange, body: bytes, caps: Caps, receive: Receive) -> Reply | None:
    """The core's reply, unless the peer leaves before it has one, or it was forgotten."""
    replied: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

    def reply(given: Reply) -> None:
        if not replied.done():
            replied.set_result(given)

    waited: set[asyncio.Future[Any]] = {replied}
    try:
        exchange.whole(body, reply)
        if not replied.done():
            waited.add(asyncio.ensure_future(_until_gone(receive)))
            await asyncio.wait(waited, timeout=ANSWERS * caps.answer, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waited - {replied}:
            one.cancel()
        if not replied.done():
            replied.cancel()
            exchange.gone()
    return None if replied.cancelled() else replied.result()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(reply: Reply, send: Send, *, head: bool) -> None:
    try:
        lines(reply.headers)
    except ValueError:
        reply = Reply(500)
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers]
    headers = [pair for pair in headers if pair[0] != b"connection"]
    if reply.status not in {204, 304}:
        headers.append((b"content-type", reply.media.encode("latin-1")))
        headers.append((b"content-length", b"%d" % len(reply.body)))
    if reply.close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else reply.body})


async def _live(receive: Receive, send: Send) -> None:
    """Nothing is started or ended with the server: the core is its owner's."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
