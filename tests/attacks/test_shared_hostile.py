"""The server of the shared limits is taken over: what it says, or does not say, harms no gateway.

Threats: model extraction. A server can always refuse, or let pass what each gateway's own limit lets pass; no more.
"""

from __future__ import annotations

import asyncio
import resource
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from lockgate.serve.declined import Declined
from lockgate.serve.shared import connection
from lockgate.serve.shared.replies import Replies, command
from tests.unit.serve.test_serve_shared import Gateway, client, until

LOADED = b"$40\r\n" + b"a" * 40 + b"\r\n"


def facing(server: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any], call: Callable[[Gateway], Any]) -> Any:
    """Run `call` with a gateway that is connected to `server`, which loaded both scripts honestly."""

    async def run() -> Any:
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=theirs)

        async def serve() -> None:
            await reader.readuntil(b"return {got, math.max(0, tonumber(ARGV[3]) - used)}\n\r\n")
            writer.write(LOADED * 2)
            await server(reader, writer)

        task = asyncio.create_task(serve())
        gateway = Gateway()
        gateway.shared.connect(ours.detach())
        await until(lambda: gateway.told)
        try:
            return await call(gateway)
        finally:
            task.cancel()
            writer.close()

    return asyncio.run(run())


@pytest.mark.parametrize(
    "answer",
    [
        b"*4000000000\r\n",
        b"*100000000\r\n:1\r\n",
        b"$-1\r\n",
        b"*-1\r\n",
        b"$1000000000\r\n",
        b":1\r\n",
        b"*2\r\n:1\r\n$1\r\n1\r\n",
        b"*3\r\n:1\r\n:1\r\n:1\r\n",
        b"*2\r\n:9223372036854775807\r\n:0\r\n",
        b"*2\r\n:1000000\r\n:0\r\n",
        b"*2\r\n:-5\r\n:0\r\n",
        b"*2\r\n:1\r\n:-1\r\n",
        b"*2\r\n:1\r\n:999999999999999999\r\n",
        b"*2\r\n:1\r\n:0\r\n" * 50,
        b"*8\r\n" * 1000,
        b"-" + b"x" * 2000,
        b"\x00" * 100_000,
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"",
    ],
    ids=lambda answer: answer[:24].decode("latin-1").replace("\r\n", " ") or "end",
)
def test_answers_out_of_form_cost_the_connection_and_nothing_else(
    answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another type, a length that would be allocated, a grant that nobody asked for, a second answer: the connection is
    given up, rates go on in part, budgets are refused; memory and time stay small.
    """
    monkeypatch.setattr(connection, "PATIENCE_SECONDS", 0.1)

    async def lying(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(answer)
        if not answer:
            writer.close()
        await asyncio.sleep(1)

    async def call(gateway: Gateway) -> None:
        before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
        assert await gateway.ask(client())
        await until(lambda: gateway.told[-1]["state"] == "lost")
        assert await gateway.ask(client())
        with pytest.raises(Declined) as caught:
            await gateway.ask(client("eve", budget=10))
        assert (caught.value.status, caught.value.finding) == (503, "LG686")
        assert time.monotonic() - start < 2.0
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000

    facing(lying, call)


def test_words_of_a_server_are_not_believed_to_be_short_or_printable() -> None:
    """What it says on refusing is a first word of printable text, at most."""
    assert Replies().feed(b"-NOPERM this user\r\n")[0].refused == "NOPERM this user"
    for words in (b"-a\x1b[2J\r\n" * 100, b"-" + b"y" * 600 + b"\r\n"):
        with pytest.raises(ValueError, match="out of form"):
            Replies().feed(words)


def test_a_server_that_refuses_every_script_is_as_one_that_is_away() -> None:
    """NOPERM, OOM, READONLY: no request waits longer than its deadline, none is lost, budgets are 503."""

    async def refusing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(b"-OOM command not allowed\r\n" * data.count(b"EVALSHA"))

    async def call(gateway: Gateway) -> None:
        assert await gateway.ask(client())
        with pytest.raises(Declined):
            await gateway.ask(client("eve", budget=10))
        assert gateway.shared.reached

    facing(refusing, call)


def test_a_server_that_grants_everything_lets_no_gateway_above_its_own_limit() -> None:
    """The gateway's own meter holds as well: `Admission.charge` refuses above the client's whole rate."""
    from lockgate.serve.admission.admission import Admission
    from lockgate.serve.admission.counters import Later
    from lockgate.serve.clients import render_clients
    from lockgate.serve.spec import Caps

    async def granting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            for piece in data.split(b"EVALSHA")[1:]:
                want = float(piece.split(b"\r\n")[8])
                writer.write(b"*2\r\n:%d\r\n:0\r\n" % max(0, want))

    async def call(gateway: Gateway) -> tuple[int, int]:
        who = replace(client(rate=0.001, burst=30), digest="0" * 64)
        admission = Admission(
            environment="dev",
            caps=Caps(),
            pepper=b"p" * 32,
            clock=time.monotonic,
            wall=time.time,
            budgets=gateway.shared.budgets,
            rates=gateway.shared.rates,
            ready=gateway.shared.ready,
        )
        admission.reload("clients", render_clients([who]))
        passed = refused = 0
        for _ in range(200):
            try:
                admission.charge(who, "flights", 1)
                passed += 1
            except Later as later:
                again: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                later.then(lambda again=again: again.set_result(None))  # type: ignore[misc]
                await again
            except Declined:
                refused += 1
        return passed, refused

    passed, refused = facing(granting, call)
    assert passed == 30
    assert refused >= 100


def test_a_client_s_name_cannot_become_another_command() -> None:
    """Commands carry lengths: no byte of a key or an argument ends one."""
    assert command(b"GET", b"a\r\n*1\r\n$8\r\nFLUSHALL") == b"*2\r\n$3\r\nGET\r\n$19\r\na\r\n*1\r\n$8\r\nFLUSHALL\r\n"
