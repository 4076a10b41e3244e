"""An engine over workers that are threads: what a test needs of the gateway without jails."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from lockgate.contract.given import Given
from lockgate.core.digest import Digest
from lockgate.core.table import pack_table, unpack_table
from lockgate.core.wire import Column, Frame, pack_columns
from lockgate.runtime import channel
from lockgate.runtime.serving import Field, Input, ServingSpec
from lockgate.serve.answers import Prediction
from lockgate.serve.engine import JailedEngine, Outcome
from lockgate.serve.http import Reply
from lockgate.serve.link import WorkerLink
from lockgate.serve.spec import Asked, Caps, Client, Served, ServedField

SPEC = ServingSpec(
    "binary", "late", (False, True), (Field("x", "float"),), (Input("x", ("x",), "float32"),), "label", "scores", None
)
SERVED = Served(
    name="flights",
    version=1,
    manifest=Digest("sha256:" + "a" * 64),
    environment="dev",
    rung="live",
    task="binary",
    label="late",
    classes=(False, True),
    fields=(ServedField("x", "float"),),
)
Worker = Callable[[socket.socket], None]


def client(name: str = "ada", **changes: Any) -> Client:
    """A client."""
    settled: dict[str, Any] = {"digest": "", "kind": "external", "created": "", "rate": 1000.0, "burst": 2000}
    return Client(name, **{**settled, **changes})


def asked(*values: float, name: str = "ada", since: float | None = None) -> Asked:
    """A request for these rows."""
    canonical = [b'{"x":%r}' % value for value in values]
    given = Given(len(values), canonical, [(value,) for value in values])
    when = time.monotonic() if since is None else since
    return Asked(client(name), given, lambda answer: Reply(200, b",".join(answer.encoded)), lambda reply: None, when)


def answer_frame(number: int, count: int, **changes: Any) -> Frame:
    """A good answer of the model worker, its columns or header fields changed."""
    columns: dict[str, list[Any]] = {"label": [True] * count, "score.0": [0.25] * count, "score.1": [0.75] * count}
    columns |= {name: values for name, values in changes.items() if name in columns}
    header, payload = pack_table(SPEC.answer_types, list(columns.values()), len(columns["label"]))
    more = {name: value for name, value in changes.items() if name not in columns}
    return Frame({"op": "answer", "id": number, **header, **more}, payload)


def good_contract(sock: socket.socket) -> None:
    """Accepts all."""
    while (received := channel.receive(sock)) is not None:
        rows = received[0].header["count"]
        header, payload = pack_columns([Column.of("x", "float64", [float(row) for row in range(rows)])], rows)
        channel.send(sock, {"op": "accepted", "id": received[0].header["id"], **header}, payload)


def good_model(sock: socket.socket) -> None:
    """Fails on any batch with a row of 13, dies of one with 666, else answers: `true` for every row, score x/1000."""
    while (received := channel.receive(sock)) is not None:
        header = received[0].header
        values = unpack_table(SPEC.field_types, header, received[0].payload)[0].values()
        if 666.0 in values:
            return
        if 13.0 in values:
            channel.send(sock, {"op": "failed", "id": header["id"], "message": "thirteen"})
        else:
            scores = {"score.0": [1 - value / 1000 for value in values], "score.1": [value / 1000 for value in values]}
            frame = answer_frame(header["id"], header["rows"], label=[True] * len(values), **scores)
            channel.send(sock, frame.header, frame.payload)


class Scene:
    """An engine with two workers in threads; a lost one is started anew, as the supervisor does, `again` times."""

    def __init__(self, contract: Worker, model: Worker, *, caps: Caps, deadline: float = 5.0, again: int = 0) -> None:
        self.lost: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.answered: list[tuple[Asked, list[Prediction]]] = []
        self.failed: list[tuple[Asked, Exception]] = []
        self.batches: list[int] = []
        self.news = asyncio.Event()
        self.workers = {"contract": contract, "model": model}
        self._deadline = deadline
        self._again = again
        self.engine = JailedEngine(SERVED, SPEC, caps, Outcome(self._answered, self._failed), time.monotonic)

    async def start(self, *kinds: str) -> None:
        """Give the engine its workers."""
        for kind in kinds or ("contract", "model"):
            await self.renew(kind)

    async def renew(self, kind: str) -> None:
        """A fresh worker of one kind."""
        ours, theirs = socket.socketpair()

        def work() -> None:
            with theirs, suppress(OSError):
                self.workers[kind](theirs)

        threading.Thread(target=work, daemon=True).start()

        def lost(why: str) -> None:
            self.lost.append(why)
            if self._again:
                self._again -= 1
                self.tasks.append(asyncio.get_running_loop().create_task(self.renew(kind)))

        self.engine.replace(kind, await WorkerLink.open(ours, deadline=self._deadline, on_lost=lost))

    async def until(self, count: int, seconds: float = 5.0) -> None:
        """Wait for `count` outcomes."""
        async with asyncio.timeout(seconds):
            while len(self.answered) + len(self.failed) < count:
                self.news.clear()
                await self.news.wait()
        assert count == len(self.answered) + len(self.failed)

    def _answered(self, engine: JailedEngine, batch: Sequence[Asked], predictions: Sequence[Prediction]) -> None:
        self.batches.append(len(predictions))
        start = 0
        for one in batch:
            end = start + one.given.rows
            self.answered.append((one, list(predictions[start:end])))
            start = end
        self.news.set()

    def _failed(self, engine: JailedEngine, asked: Asked, error: Exception) -> None:
        self.failed.append((asked, error))
        self.news.set()
