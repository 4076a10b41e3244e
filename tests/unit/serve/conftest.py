"""A gateway without jails: the real edge and service over a fake engine and recorder."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from lockgate.core.digest import Digest
from lockgate.core.wire import Column
from lockgate.serve import rules
from lockgate.serve.body import Record
from lockgate.serve.edge import create_app
from lockgate.serve.service import Prediction, Service
from lockgate.serve.spec import Caps, Checked, Client, Served, ServedField

PEPPER = b"p" * 32
SERVED = Served(
    name="flights",
    version=3,
    manifest=Digest("sha256:" + "a" * 64),
    environment="dev",
    rung="live",
    task="binary",
    label="late",
    classes=(False, True),
    fields=(ServedField("distance", "float"), ServedField("carrier", "string"), ServedField("stops", "int")),
)


@dataclass
class FakeEngine:
    """Refuses records with a distance above 1e6 or of another type; predicts from the distance."""

    served: Served = SERVED
    fails: Exception | None = None
    asked: list[int] = field(default_factory=list)

    async def check(self, records: Sequence[Record]) -> Checked:
        """As Pydantic would say it."""
        errors = [
            {"type": "less_than_equal", "loc": [row, "distance"], "msg": "too far"}
            for row, record in enumerate(records)
            if not isinstance(record.get("distance"), int | float) or record["distance"] > 1e6
        ]
        if errors:
            return Checked(errors=tuple(errors))
        return Checked((Column.of("distance", "float64", [float(record["distance"]) for record in records]),))

    async def predict(self, columns: Sequence[Column], rows: int) -> Sequence[Prediction]:
        """Late when far."""
        await asyncio.sleep(0)
        if self.fails:
            raise self.fails
        self.asked.append(rows)
        return [_prediction(self.served, value) for value in columns[0].values()]


def _prediction(served: Served, value: float) -> Prediction:
    if served.task == "regression":
        return {"value": value}
    return {"label": value > 1000, "scores": {"false": 0.25, "true": 0.75}}


@dataclass
class FakeRecorder:
    """Remembers what it was given, in the order of events."""

    seen: list[tuple[str, int]] = field(default_factory=list)
    fails: Exception | None = None

    async def record(
        self, served: Served, client: str, inputs: Sequence[Record], outputs: Sequence[Prediction]
    ) -> Sequence[str]:
        """One token per row."""
        if self.fails:
            raise self.fails
        start = sum(rows for _, rows in self.seen)
        self.seen.append((client, len(inputs)))
        return [f"lgr1.{'0' * 16}.{start + row}.salt" for row in range(len(outputs))]


@dataclass
class House:
    """The service with its fakes, and one client's key."""

    service: Service
    engine: FakeEngine
    recorder: FakeRecorder
    key: str
    now: list[float]

    def send(self, method: str, path: str, *, key: str | None = "own", **more: Any) -> httpx.Response:
        """One request through the real application. `key` None sends none."""
        headers = dict(more.pop("headers", {}))
        if key is not None:
            headers["Authorization"] = f"Bearer {self.key if key == 'own' else key}"

        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(app=create_app(self.service))
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.request(method, path, headers=headers, **more)

        return asyncio.run(call())


def make_client(key: str, **changes: Any) -> Client:
    """A client with this key."""
    settled: dict[str, Any] = {
        "name": "ada",
        "kind": "external",
        "created": "",
        "rate": 1000.0,
        "burst": 2000,
    } | changes
    return Client(digest=rules.key_digest(PEPPER, key), **settled)


@pytest.fixture
def make_house() -> Callable[..., House]:
    """Makes a house; keyword arguments change the client, `caps` the limits, `served` the model."""

    def make(*, caps: Caps | None = None, served: Served = SERVED, **client: Any) -> House:
        key = rules.new_key(b"k" * 32)
        recorder, engine, now = FakeRecorder(), FakeEngine(served), [1000.0]
        service = Service(
            caps=caps or Caps(),
            pepper=PEPPER,
            recorder=recorder,
            clock=lambda: now[0],
            clients=[make_client(key, **client)],
        )
        service.open(engine)
        return House(service, engine, recorder, key, now)

    return make


@pytest.fixture
def house(make_house: Callable[..., House]) -> House:
    """A house with default limits."""
    return make_house()
