"""A gateway's core in one process: real gate, admission, contract, service, records and detectors; the model is a line.

No worker, no socket, no disk but the spool's. Whoever asks gets the reply that a peer would get.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from lockgate.audit.spool import read_spool
from lockgate.contract.plan import FieldPlan, Plan, Real
from lockgate.contract.requests import RequestChecker
from lockgate.core.digest import Digest
from lockgate.core.encoding import encode
from lockgate.core.record_kinds import AnyRecord, parse_any
from lockgate.core.record_suspicion import SuspicionRecord
from lockgate.monitor import making
from lockgate.monitor.abuse import population
from lockgate.monitor.plan import INPUTS
from lockgate.serve import rules
from lockgate.serve.abuse.abuse import Abuse
from lockgate.serve.admission.admission import Admission
from lockgate.serve.calls.metrics import Metrics
from lockgate.serve.calls.table import table
from lockgate.serve.client_file import render_clients
from lockgate.serve.gate import Gate
from lockgate.serve.http import Head, Peer, Reply
from lockgate.serve.recording.parts import part_path, parts
from lockgate.serve.recording.recorder import SpoolRecorder
from lockgate.serve.service import Live, Service
from lockgate.serve.settings import GatewaySettings
from lockgate.serve.spec import Asked, Caps, Checked, Client, Served, ServedField, ServePolicy
from lockgate.serve.tally import Tally
from lockgate.trust.policy_abuse import AbusePolicy, AbuseRule
from tests.support.monitored import Now

FIELDS = tuple(f"f{number}" for number in range(8))
KINDS = dict.fromkeys(FIELDS, "float")
SERVED = Served(
    "flights",
    1,
    Digest("sha256:" + "a" * 64),
    "dev",
    "live",
    "binary",
    "late",
    (False, True),
    tuple(ServedField(name, "float") for name in FIELDS),
)
PLAN = Plan("Row", "2.14", tuple(FieldPlan(name, "float", (name,), Real(finite=True)) for name in FIELDS), "forbid")
PEPPER, PSEUDONYM = b"p" * 32, b"q" * 32
LIMIT = AbusePolicy(kinds={"external": AbuseRule("limit")})
_WEIGHTS = np.array([1.5, -1.0, 0.8, 0.5, -0.7, 0.3, 1.1, -0.4])


def natural(count: int, seed: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Rows of the population: fields that depend on each other."""
    rng = np.random.default_rng(seed)
    base = rng.normal(size=(count, 3))
    mix = np.random.default_rng(1).normal(size=(3, len(FIELDS)))
    return base @ mix + rng.normal(size=(count, len(FIELDS))) * 0.5


def scores(rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """What the model says for `True`."""
    with np.errstate(all="ignore"):
        found = 1 / (1 + np.exp(-np.clip(rows @ _WEIGHTS, -50, 50)))
    return np.where(np.isfinite(found), found, 0.5)


@cache
def plans() -> Mapping[str, bytes]:
    """What is registered with the model."""
    columns = dict(zip(FIELDS, natural(3000, 5).T, strict=True))
    made = making.make({name: column[:500] for name, column in columns.items()}, KINDS, seed=5)
    return {INPUTS: replace(made, population=population.make(columns, KINDS, seed=5)).encode()}


def client(name: str, **changes: Any) -> Client:
    """Who asks with the key `key(name)`."""
    settled: dict[str, Any] = {"kind": "external", "created": "2026-11-26T00:00:00Z", "rate": 1e6, "burst": 100_000}
    return Client(name, rules.key_digest(PEPPER, key(name)), **{**settled, **changes})


def key(name: str) -> str:
    """A client's own."""
    return ("lg_" + name).ljust(rules.KEY_LENGTH, "0")[: rules.KEY_LENGTH]


class _Engine:
    """Answers at once."""

    def __init__(self, service: Service, served: Served, policy: ServePolicy) -> None:
        self.served, self.policy = served, policy
        self.patience = 0.0
        self.closed = False
        self.reader = SimpleNamespace(encode=lambda prediction: encode(dict(prediction)))
        self.line = SimpleNamespace(crowded=lambda _name: False, rows=0)
        self._service = service

    async def check(self, asked: Asked) -> Checked:
        """The plan refused it, and so does the contract."""
        return Checked(errors=tuple({"loc": [row]} for row in range(asked.given.rows)))

    def submit(self, asked: Asked) -> None:
        """One batch."""
        rows = np.array(asked.given.values, float)
        said = [
            {"label": bool(one > 0.5), "scores": {"false": 1 - float(one), "true": float(one)}} for one in scores(rows)
        ]
        self._service._answered(cast("Any", self), [asked], said)


class Core:
    """One gateway. To be made in a running loop."""

    def __init__(
        self,
        folder: Path,
        clients: Sequence[Client],
        policy: AbusePolicy = LIMIT,
        *,
        files: Mapping[str, bytes] | None = None,
        serving: ServePolicy | None = None,
        gateway: str = "0123456789abcdef",
        make: Any = None,
        now: Now | None = None,
        **settings: Any,
    ) -> None:
        self.folder, self.tally, self.alarms = folder, Tally(), list[tuple[str, str]]()
        self.now, self.gateway = now or Now(), gateway
        self.serving = serving or ServePolicy(record="written")
        told: Callable[[str, str], None] = lambda finding, message: self.alarms.append((finding, message))  # noqa: E731
        self.recorder = SpoolRecorder(folder, gateway, pseudonym_key=PSEUDONYM, tally=self.tally, alarm=told)
        self.service = Service(recorder=self.recorder, tally=self.tally)
        self.admission = Admission(
            environment="dev", caps=Caps(unheard=0), pepper=PEPPER, clock=self.now.now, wall=lambda: 1_760_000_000.0
        )
        caps = Caps(unheard=0, max_rows=20_000)
        metrics = Metrics(self.tally, served=lambda: self.service.served, caps=caps)
        routes = table(self.service, self.admission, caps=caps, metrics=metrics)
        self.gate = Gate(self.admission, routes, self.service, self.tally, caps=caps, clock=self.now.now)
        self._settings, self._make = GatewaySettings("0" * 64, "dev", "flights", gateway, caps, **settings), make
        self._told = told
        self.abuse = self.another()
        self.registry(clients)
        self._files = plans() if files is None else files
        self.become(policy)

    def another(self) -> Abuse:
        """As it looks at clients after a start."""
        return Abuse(
            self.service,
            self.recorder,
            self._settings,
            self.tally,
            alarm=self._told,
            pseudonym=lambda name: rules.pseudonym(PSEUDONYM, name),
            spool=self.folder,
            clocks=cast("Any", self.now),
            make=self._make,
        )

    def become(self, policy: AbusePolicy, served: Served = SERVED) -> None:
        """Live, under this policy."""
        engine: Any = _Engine(self.service, served, self.serving)
        checker = RequestChecker(PLAN, [(name, "float") for name in FIELDS])
        self.service.open(Live(engine, checker))
        loaded = SimpleNamespace(served=served, policy=self.serving, abuse=policy, plans=self._files)
        self.abuse.settle([cast("Any", loaded)])
        if self.abuse._task is not None:
            self.abuse._task.cancel()  # turns are taken when the test says so

    async def ready(self) -> None:
        """Until the detectors are made."""
        for task in list(self.abuse._making):
            await task

    def registry(self, clients: Sequence[Client]) -> None:
        """The registry was written anew."""
        self.admission.reload("clients", render_clients(clients))
        self.abuse.clients(self.admission.clients())

    def ask(self, name: str, rows: Any, address: str = "192.0.2.1") -> Reply:
        """One request, and its reply. The raw `rows` may be JSON already."""
        return self.send(name, rows, address)[0]

    def send(self, name: str, rows: Any, address: str = "192.0.2.1") -> list[Reply]:
        """The replies so far: none while an answer waits."""
        body = rows
        if not isinstance(rows, bytes):
            listed = np.atleast_2d(rows).tolist()
            body = json.dumps({"records": [dict(zip(FIELDS, row, strict=True)) for row in listed]}).encode()
        headers = {"authorization": f"Bearer {key(name)}", "content-type": "application/json"}
        begun = self.gate.begin(Head("POST", "/predict", headers, Peer(address)))
        if isinstance(begun, Reply):
            return [begun]
        replies: list[Reply] = []
        begun.whole(body, replies.append)
        return replies

    def look(self) -> None:
        """As many turns as there is work for."""
        while True:
            self.now.seconds += 1.0
            self.abuse._turn(self.now.seconds)
            if not self.abuse._given and not any(len(one.waiting) for one in self.abuse._models.values()):
                return

    async def settled(self) -> None:
        """Until what is to be written is."""
        self.look()
        if self.abuse._writing is not None:
            await self.abuse._writing

    async def end(self) -> None:
        """Ends in order."""
        await self.abuse.close()
        await self.recorder.end()

    def records(self) -> list[AnyRecord]:
        """In the spool, after `end`."""
        found: list[AnyRecord] = []
        for number in parts(self.folder)[self.gateway]:
            with suppress(FileNotFoundError):
                found += map(parse_any, read_spool(part_path(self.folder, self.gateway, number)).records)
        return found

    def steps(self) -> list[SuspicionRecord]:
        """The steps among them."""
        return [one for one in self.records() if isinstance(one, SuspicionRecord)]


def play(scene: Callable[[], Awaitable[None]]) -> None:
    """In a loop of its own."""

    async def whole() -> None:
        await scene()

    asyncio.run(whole())


def label(reply: Reply) -> int:
    """The place of the first label of an answer."""
    return int(json.loads(reply.body)["predictions"][0]["label"])
