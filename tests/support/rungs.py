"""A ladder in one process: two engines with workers in threads, a service, and what a gateway would write down."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast

from lockgate.contract.plan import FieldPlan, Plan, Real
from lockgate.contract.requests import RequestChecker
from lockgate.core.digest import Digest, digest_of
from lockgate.core.records import Receipt
from lockgate.core.table import unpack_table
from lockgate.runtime import channel
from lockgate.serve.declined import CannotRecord
from lockgate.serve.http import Head, Peer, Reply
from lockgate.serve.recording.entry import Entry
from lockgate.serve.rungs.ladder import Ladder
from lockgate.serve.rungs.observer import Observer
from lockgate.serve.rungs.routing import Router
from lockgate.serve.service import Live, Service
from lockgate.serve.shelf import Beside
from lockgate.serve.spec import Caps, Served, ServePolicy, Step
from lockgate.serve.tally import Tally
from lockgate.trust.policy_ladder import LadderPolicy, Rung
from tests.support import engines

GATEWAY = "0123456789abcdef"
PLAN = Plan("Flight", "2.14", (FieldPlan("x", "float", ("x",), Real(finite=True)),), "forbid")
LIVE = dataclasses.replace(engines.SERVED, manifest=digest_of(b"live"))
CANDIDATE = dataclasses.replace(engines.SERVED, version=2, manifest=digest_of(b"candidate"), rung="canary")


class Written:
    """A recorder that notes what it is given, in order."""

    def __init__(self) -> None:
        self.policy = ServePolicy(record="written")
        self.full = False
        self.seq = 0
        self.rows: list[tuple[str, int]] = []
        self.observed: list[tuple[Step, dict[str, int]]] = []

    def write(self, entries: Sequence[Entry]) -> list[Sequence[str]]:
        """Receipts as a gateway gives them."""
        given = []
        for entry in entries:
            self.rows.append((entry.served.rung, len(entry.canonical)))
            rows = range(len(entry.canonical))
            given.append([Receipt(GATEWAY, self.seq, b"s" * 32, row).token() for row in rows])
            self.seq += 1
        return cast("list[Sequence[str]]", given)

    def observe(self, step: Step, counts: Mapping[str, int]) -> bool:
        """Note it."""
        if not self.full:
            self.observed.append((step, dict(counts)))
        return not self.full

    def when_durable(self, told: Callable[[bool | CannotRecord], None], requests: int = 1) -> None:
        """At once."""
        told(True)

    def proofs(self, receipts: Sequence[str]) -> Sequence[str]:
        """None."""
        return ()

    def sweep(self) -> None:
        """Nobody waits."""

    def refuse(self, *_: Any) -> str:
        """A row that killed its worker."""
        return ""

    @property
    def counts(self) -> dict[str, int]:
        """All that was written down, added up."""
        found: dict[str, int] = {}
        for _, counts in self.observed:
            for name, count in counts.items():
                found[name] = found.get(name, 0) + count
        return found


class TwoModels:
    """A live model and a candidate. `share`, `pairs`: of the rung."""

    def __init__(
        self,
        *,
        share: float = 0.0,
        pairs: float = 1.0,
        live: engines.Worker = engines.good_model,
        candidate: engines.Worker = engines.good_model,
        policy: LadderPolicy | None = None,
        same_contract: bool = True,
        answer: float = 2.0,
    ) -> None:
        self.recorder = Written()
        self.service = Service(recorder=cast("Any", self.recorder), tally=Tally())
        caps = Caps(answer=answer)
        self.scenes = {
            served.version: engines.Scene(engines.good_contract, worker, caps=caps, again=3)
            for served, worker in ((LIVE, live), (CANDIDATE, candidate))
        }
        self.live, self.candidate = (self._side(self.scenes[one.version], one) for one in (LIVE, CANDIDATE))
        rung = Rung("canary", share, pairs=pairs)
        decision = SimpleNamespace(share=share, sequence=2, rung=rung.name)
        loaded = SimpleNamespace(decision=decision)
        settled = policy or LadderPolicy((rung,), sticky="client")
        beside = Beside(cast("Any", loaded), cast("Any", loaded), rung, settled)
        step = Step("dev", rung.name, CANDIDATE.manifest, LIVE.manifest, 2)
        self.now = 0.0
        self.ladder = Ladder(
            beside,
            self.live,
            self.candidate,
            router=Router(b"k" * 32, CANDIDATE.manifest, beside.ladder.sticky),
            observer=Observer(cast("Any", self.recorder), step, lambda: self.now),
            same_contract=same_contract,
        )

    def _side(self, scene: engines.Scene, served: Served) -> Live:
        scene.engine._outcome = self.service.outcome()
        scene.engine.served = served
        scene.engine.policy = ServePolicy(record="written")
        return Live(scene.engine, RequestChecker(PLAN, [("x", "float")]))

    async def start(self, *, candidate: bool = True) -> None:
        """With workers, and the ladder in the service."""
        for scene in self.scenes.values():
            if candidate or scene is self.scenes[1]:
                await scene.start()
        self.service.open(self.live)
        self.service.ladder = self.ladder
        self.service.stand_in(self.candidate.engine, 5.0)
        self.ladder.observer.flush()

    async def ask(self, *values: float, name: str = "ada") -> tuple[Reply, int]:
        """One request; its reply and the version that it was routed to."""
        one = engines.asked(*values, name=name)
        routed = self.service.routed(cast("Any", ask_of(name)))
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        one.reply = future.set_result
        self.service.predict(routed, one)
        return await future, routed.served.version

    async def settle(self) -> dict[str, int]:
        """Let the comparisons end, and write down what was counted."""
        idle = 0
        for _ in range(500):
            await asyncio.sleep(0.002)
            working = [one for one in (scene.engine for scene in self.scenes.values()) if one._alone or one._away]
            lines = sum(scene.engine.line.rows for scene in self.scenes.values())
            idle = 0 if working or lines or self.ladder._tasks else idle + 1
            if idle == 4:
                break
        self.ladder.observer.flush(now=True)
        return self.recorder.counts

    def close(self) -> None:
        """Let the workers go."""
        for scene in self.scenes.values():
            scene.engine.close()


def ask_of(name: str = "ada", *, body: bytes = b"", headers: Mapping[str, str] | None = None, **path: str) -> Any:
    """As much of a request as routing looks at."""
    head = Head("POST", "/predict", headers or {}, Peer())
    return SimpleNamespace(client=engines.client(name), head=head, body=body, path=path)


def manifest(name: str) -> Digest:
    """Of a model that is only named."""
    return digest_of(name.encode())


def run(made: TwoModels, work: Callable[[TwoModels], Awaitable[None]], *, candidate: bool = True) -> None:
    """In a loop of its own."""

    async def whole() -> None:
        await made.start(candidate=candidate)
        try:
            async with asyncio.timeout(20):
                await work(made)
        finally:
            made.close()
            await asyncio.sleep(0.01)

    asyncio.run(whole())


def contrary(sock: socket.socket) -> None:
    """Says `false` of every row of 5 and above, else what the other one says."""
    while (received := channel.receive(sock)) is not None:
        header = received[0].header
        values = unpack_table(engines.SPEC.field_types, header, received[0].payload)[0].values()
        frame = engines.answer_frame(header["id"], header["rows"], label=[value < 5 for value in values])
        channel.send(sock, frame.header, frame.payload)
