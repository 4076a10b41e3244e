"""The service over a real engine with workers in threads: who is answered, as what, and what is recorded of it."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

from lockgate.core.digest import Digest
from lockgate.serve.declined import CannotRecord, unavailable
from lockgate.serve.gate import Gate
from lockgate.serve.http import Head, Peer, Reply
from lockgate.serve.recording.entry import Entry
from lockgate.serve.service import Live, Service
from lockgate.serve.spec import Caps, ServePolicy
from lockgate.serve.tally import Tally
from tests.support.engines import Scene, asked, client, good_contract, good_model


class Recorder:
    """Notes the model of each entry."""

    def __init__(self) -> None:
        self.policy = ServePolicy(record="written")
        self.models: list[str] = []

    def write(self, entries: Sequence[Entry]) -> list[Sequence[str]]:
        """A token for each."""
        self.models += [entry.served.name for entry in entries]
        return [("token",)] * len(entries)

    def when_durable(self, told: Callable[[bool | CannotRecord], None], requests: int = 1) -> None:
        """At once."""
        told(True)

    def proofs(self, receipts: Sequence[str]) -> Sequence[str]:
        """None."""
        return ()

    def sweep(self) -> None:
        """Nobody waits."""


def scene_of(service: Service, name: str) -> Scene:
    """An engine whose results go to `service`."""
    scene = Scene(good_contract, good_model, caps=Caps(answer=2.0))
    scene.engine._outcome = service.outcome()
    scene.engine.served = dataclasses.replace(scene.engine.served, name=name, manifest=Digest("sha256:" + "b" * 64))
    scene.engine.policy = ServePolicy(record="written")
    return scene


def run(work: Callable[[Service, Recorder], Awaitable[None]]) -> None:
    """One service in a loop of its own."""

    async def whole() -> None:
        recorder = Recorder()
        await work(Service(recorder=cast("Any", recorder), tally=Tally()), recorder)
        await asyncio.sleep(0.01)

    asyncio.run(whole())


async def answered(service: Service, live: Live, value: float) -> asyncio.Future[Reply]:
    """Ask, and give what will be the reply."""
    future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
    one = asked(value)
    one.reply = future.set_result
    service.predict(live, one)
    await asyncio.sleep(0)
    return future


def test_nothing_is_answered_or_recorded_once_the_service_is_closed() -> None:
    """Also not what was away by then; before, the same request is answered."""

    async def work(service: Service, recorder: Recorder) -> None:
        scene = scene_of(service, "flights")
        live = Live(scene.engine, cast("Any", None))
        service.open(live)
        await scene.start()
        assert (await (await answered(service, live, 1.0))).status == 200
        away = await answered(service, live, 2.0)
        service.close(unavailable("LG514", "no more"))
        reply = await away
        assert (reply.status, b"LG514" in reply.body) == (503, True)
        assert recorder.models == ["flights"]
        scene.engine.close()

    run(work)


def test_a_model_that_was_replaced_answers_what_it_was_asked_as_itself() -> None:
    """Its answer is not recorded as that of the next one."""

    async def work(service: Service, recorder: Recorder) -> None:
        old, new = scene_of(service, "old"), scene_of(service, "new")
        before, after = Live(old.engine, cast("Any", None)), Live(new.engine, cast("Any", None))
        await new.start()
        service.open(before)
        away = await answered(service, before, 1.0)
        service.open(after)
        assert (await (await answered(service, after, 1.0))).status == 200
        await old.start()
        assert (await away).status == 200
        assert recorder.models == ["new", "old"]
        old.engine.close()
        new.engine.close()

    run(work)


def test_a_client_that_fills_the_line_is_refused_before_its_body_is_read() -> None:
    """Its place among those in flight is given back; another client is let in."""

    async def work(service: Service, recorder: Recorder) -> None:
        scene = Scene(good_contract, good_model, caps=Caps(batch_rows=1, waiting_rows=4))
        service.open(Live(scene.engine, cast("Any", None)))
        scene.engine.line.away = 1
        scene.engine.line._limit = 4
        for _ in range(4):
            scene.engine.line.push(asked(1.0, name="greedy"))
        inside: list[str] = []

        class Admits:
            name = "greedy"

            def __getattr__(self, name: str) -> Any:
                return lambda *_a: None

            def authenticate(self, head: Head) -> Any:
                return client(self.name)

            def enter(self, one: Any, action: str) -> None:
                inside.append(one.name)

            def leave(self, one: Any) -> None:
                inside.remove(one.name)

        class Call:
            name, action, media = "predict", "predict", ("application/json",)

        admits = Admits()
        routes = cast("Any", type("Routes", (), {"match": staticmethod(lambda *_a: (Call(), {}))}))
        gate = Gate(cast("Any", admits), routes, service, Tally(), caps=Caps(), clock=time.monotonic)
        head = Head("POST", "/predict", {"content-type": "application/json"}, Peer())
        refused = gate.begin(head)
        assert isinstance(refused, Reply)
        assert (refused.status, dict(refused.headers)["Retry-After"], inside) == (503, "1", [])
        admits.name = "modest"
        assert not isinstance(gate.begin(head), Reply)
        assert inside == ["modest"]

    run(work)
