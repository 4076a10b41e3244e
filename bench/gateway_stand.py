"""The gateway's own parts in one process without a jail, with the controls that are asked for and no others.

    python -m bench.gateway_stand JSON          # a `Stand`; says its port on stdout when it answers

For `bench.gateway_controls` and `bench.gateway_overload`. Its model is the verified one of `bench.gateway_project`, in
a worker process without a jail, or one that only sleeps. There is no sealer: every record counts as sealed after a
second, so that the spool's files go.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import uvloop

from bench.gateway_project import PLACE
from bench.gateway_stand_ins import LIMITLESS, AnyKey, NoRecorder, NoTally, PlainChecker, PlainLine, admission
from lockgate.contract.plan import parse_plan
from lockgate.contract.requests import RequestChecker
from lockgate.serve import rules
from lockgate.serve.admission.admission import Admission
from lockgate.serve.admission.budgets import LocalBudgets
from lockgate.serve.calls.metrics import Metrics
from lockgate.serve.calls.table import table
from lockgate.serve.client_file import render_clients
from lockgate.serve.engine import JailedEngine
from lockgate.serve.evidence import Loadable
from lockgate.serve.front import Front
from lockgate.serve.gate import Gate
from lockgate.serve.handover import hand_over
from lockgate.serve.link import WorkerLink
from lockgate.serve.recording.recorder import SpoolRecorder
from lockgate.serve.service import Live, Service
from lockgate.serve.settings import GatewaySettings
from lockgate.serve.shelf import Shelf
from lockgate.serve.spec import ACTIONS, Caps, Client, OutputRule, ServePolicy
from lockgate.serve.tally import Tally
from lockgate.serve.traces import Tracer
from lockgate.serve.watching import Library

CONTROLS = ("keys", "rates", "contract", "fairness", "rounded", "counted", "traced", "evidence")
"""What can be left out; records are apart (`Stand.record`)."""
CLIENTS = ("one", "other")
TRACED = 0.05
PEPPER = b"p" * 32
MODEL_WORKER = "import sys; from lockgate.runtime.jail.worker import main; main(sys.argv[1:])"
CONTRACT_WORKER = (
    "import socket, sys, tempfile; from pathlib import Path; import lockgate.contract.jail.worker as worker;"
    "worker.serve(socket.socket(fileno=int(sys.argv[1])), Path(tempfile.mkdtemp()).resolve())"
)


@dataclass(frozen=True)
class Stand:
    """`controls`: of CONTROLS. `record`: `written`, `synced`, or nothing. `sleep`: seconds a batch, 0: the real model.

    `batch`: most rows of one call of the model.
    """

    controls: tuple[str, ...] = CONTROLS
    record: str = "synced"
    sleep: float = 0.0
    batch: int = Caps().batch_rows

    def command(self) -> list[str]:
        """What starts it."""
        return [sys.executable, "-m", "bench.gateway_stand", json.dumps(asdict(self))]


def key_of(name: str) -> str:
    """The API key of one of CLIENTS."""
    return rules.new_key(sha256(name.encode()).digest())


class Standing:
    """The parts, joined. To be made in the running loop."""

    def __init__(self, stand: Stand, loaded: Loadable, settings: GatewaySettings, scratch: Path) -> None:
        self._stand, self._loaded, self._scratch = stand, loaded, scratch
        self.caps = settings.caps
        self.tally = Tally() if "counted" in stand.controls else NoTally()
        self.recorder = self._recorder(settings.gateway)
        self.service = Service(recorder=self.recorder, tally=self.tally)
        self.tracer = self._tracer(settings.gateway)
        admitting = self._admission()
        metrics = Metrics(self.tally, served=lambda: self.service.served, caps=self.caps)
        routes = table(self.service, admitting, caps=self.caps, metrics=metrics)
        traced = self.tracer.span if self.tracer is not None else None
        gate = Gate(admitting, routes, self.service, self.tally, caps=self.caps, clock=time.monotonic, traced=traced)
        self.front = Front(gate, self.caps)

    async def connect(self) -> None:
        """The workers, and what they answer with."""
        loaded, stand = self._loaded, self._stand
        engine = JailedEngine(loaded.served, loaded.spec, self.caps, self.service.outcome(), time.monotonic)
        rule = OutputRule("rounded", 3) if "rounded" in stand.controls else OutputRule()
        engine.policy = ServePolicy({"external": rule}, record="synced" if stand.record == "synced" else "written")
        if "fairness" not in stand.controls:
            engine.line = PlainLine(self.caps.batch_rows)
        checker: Any = PlainChecker([field.name for field in loaded.spec.fields], recorded=bool(stand.record))
        for kind in ("contract", "model"):
            sock = _worker(kind, stand.sleep)
            plan = await asyncio.to_thread(hand_over, kind, sock, loaded, seconds=60)
            if kind == "contract" and "contract" in stand.controls:
                checker = RequestChecker(parse_plan(plan), [(field.name, field.kind) for field in loaded.spec.fields])
            engine.replace(kind, await WorkerLink.open(sock, deadline=60, on_lost=_lost))
        self.service.open(Live(engine, checker))

    async def each_second(self, library: Library) -> None:
        """What a gateway does once a second."""
        while True:
            await asyncio.sleep(1)
            if "evidence" in self._stand.controls:
                await asyncio.to_thread(library.look, Shelf(self._loaded))
            if "counted" in self._stand.controls:
                self.tally.now["connections"] = self.front.connections
                self.tally.sealing(self.recorder.written, self.recorder.in_log, time.time())
            if self.tracer is not None:
                self.tracer.flush()
            self.recorder.sealed(self.recorder.written)

    def _recorder(self, gateway: str) -> SpoolRecorder | NoRecorder:
        if not self._stand.record:
            return NoRecorder()
        return SpoolRecorder(self._scratch, gateway, pseudonym_key=b"q" * 32, tally=self.tally, alarm=_lost)

    def _tracer(self, gateway: str) -> Tracer | None:
        if "traced" not in self._stand.controls:
            return None
        counted = self.tally.spans
        return Tracer.open(TRACED, self._scratch, gateway=gateway, version="0", environment="dev", counted=counted)

    def _admission(self) -> Admission:
        controls = self._stand.controls
        budgets = LocalBudgets(self._scratch / "budgets.json", time.time)
        admitting = admission(keys="keys" in controls, rates="rates" in controls)(
            environment="dev",
            caps=self.caps,
            pepper=PEPPER,
            clock=time.monotonic,
            wall=time.time,
            budgets=budgets,
        )
        clients = [_client(name) for name in CLIENTS]
        admitting.reload("clients", render_clients(clients))
        if isinstance(admitting, AnyKey):
            admitting.somebody = clients[0]
        return admitting


def _client(name: str) -> Client:
    """One whose limits are counted and far away."""
    return Client(
        name,
        rules.key_digest(PEPPER, key_of(name)),
        "external",
        "2026-01-01T00:00:00Z",
        float(LIMITLESS),
        LIMITLESS,
        actions=(*ACTIONS, "metrics"),
        in_flight=100_000,
        budget=LIMITLESS,
    )


def _worker(kind: str, sleep: float) -> socket.socket:
    """Start a worker; our end of its socket."""
    ours, theirs = socket.socketpair()
    with theirs:
        number = str(theirs.fileno())
        command = [sys.executable, "-c", CONTRACT_WORKER if kind == "contract" else MODEL_WORKER, number]
        if kind == "model" and sleep:
            command = [sys.executable, "-m", "bench.gateway_sleeper", number, str(sleep)]
        os.set_inheritable(theirs.fileno(), True)
        subprocess.Popen(command, close_fds=False)
    return ours


def _lost(*why: str) -> None:
    sys.stderr.write(f"bench.gateway_stand: {' '.join(why)}\n")


async def run(stand: Stand, scratch: Path) -> None:
    """Answer until SIGTERM."""
    home = PLACE / "cells" / ".lockgate"
    config = PLACE / "config" / "lockgate"
    root = next(path.name for path in config.iterdir() if re.fullmatch(r"[0-9a-f]{64}", path.name))
    settings = GatewaySettings(root, "dev", None, os.urandom(8).hex(), Caps(batch_rows=stand.batch))
    library = Library(settings, home, b"")
    shelf = library.look(None)
    if shelf is None:
        raise SystemExit("nothing is live")
    standing = Standing(stand, shelf.live, settings, scratch)
    await standing.connect()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, standing.front.stop)
    tasks = [asyncio.create_task(work) for work in (standing.service.sweep(), standing.each_second(library))]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        await standing.front.serve(listener)
    for task in tasks:
        task.cancel()
    await asyncio.to_thread(standing.recorder.close)


def main() -> None:
    """Entry point."""
    asked = json.loads(sys.argv[1])
    scratch = Path(tempfile.mkdtemp(prefix="spool-", dir=PLACE))
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run(Stand(**{**asked, "controls": tuple(asked["controls"])}), scratch))
    finally:
        shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
