"""The calls of the gateway without a gateway: real table, protocols, contract on requests; fakes stand for the rest."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from lockgate.contract.plan import Choice, FieldPlan, Plan, Real, Whole
from lockgate.contract.requests import RequestChecker
from lockgate.core.digest import Digest
from lockgate.core.encoding import encode
from lockgate.serve import output
from lockgate.serve.admission.counters import Later
from lockgate.serve.calls import media
from lockgate.serve.calls.ask import Ask
from lockgate.serve.calls.table import Table, table
from lockgate.serve.declined import Declined
from lockgate.serve.http import Head, Peer, Reply
from lockgate.serve.spec import Action, Answer, Asked, Caps, Client, Labelled, OutputRule, Served, ServedField
from lockgate.serve.spec import ServePolicy as Policy

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
PLAN = Plan(
    "Flight",
    "2.14",
    (
        FieldPlan("distance", "float", ("distance",), Real(finite=True, ge=0, le=20_000)),
        FieldPlan("carrier", "string", ("carrier",), Choice(("AA", "UA"))),
        FieldPlan("stops", "int", ("stops",), Whole(ge=0, le=3)),
    ),
    "forbid",
)
GOOD = {"distance": 200.0, "carrier": "UA", "stops": 0}
FAR = {"distance": 2000.0, "carrier": "AA", "stops": 1}
ACTIONS: tuple[Action, ...] = ("predict", "describe", "label", "metrics")


def client(**changes: Any) -> Client:
    """One who may do everything."""
    settled: dict[str, Any] = {"name": "ada", "digest": "", "kind": "external", "created": "", "rate": 1.0, "burst": 9}
    return Client(**({**settled, "actions": ACTIONS} | changes))


@dataclass
class FakeLive:
    """A model."""

    served: Served = SERVED
    checker: RequestChecker = field(
        default_factory=lambda: RequestChecker(PLAN, [("distance", "float"), ("carrier", "string"), ("stops", "int")])
    )
    policy: Policy = field(default_factory=Policy)


@dataclass
class FakeService:
    """Predicts from the distance; what the plan does not accept is refused, as Pydantic would."""

    now: FakeLive | None = field(default_factory=FakeLive)
    asked: list[Asked] = field(default_factory=list)
    labels: list[Labelled] = field(default_factory=list)
    fails: Exception | None = None
    recorded: bool = True

    @property
    def served(self) -> Served | None:
        """As the service has it."""
        return self.now.served if self.now else None

    def live(self) -> FakeLive:
        """As the service has it."""
        if self.now is None:
            raise Declined(503, "LG614", "no model is ready here yet", headers={"Retry-After": "1"})
        return self.now

    def routed(self, ask: Ask) -> FakeLive:
        """There is no candidate."""
        del ask
        return self.live()

    def room(self, client: Client) -> None:
        """For everybody."""

    def predict(self, live: FakeLive, asked: Asked) -> None:
        """At once."""
        self.asked.append(asked)
        given, rule = asked.given, live.policy.output(asked.client.kind)
        if given.values is None:
            asked.reply(Declined(422, "LG609", "the contract refuses", errors=[{"loc": ["records", 0]}]).reply())
            return
        plain = [_prediction(live.served, row[0]) for row in given.values]
        shaped = [output.shape(one, rule, live.served.task) for one in plain]
        receipts = [f"lgr1.{row}" for row in range(given.rows)] if self.recorded else []
        answer = Answer(live.served, shaped, [encode(dict(one)) for one in shaped], receipts, given.id)
        try:
            reply = asked.spell(answer)
        except Declined as declined:
            reply = declined.reply()
        reply.headers = (*asked.headers, *reply.headers)
        asked.reply(reply)

    async def feedback(self, client: Client, labelled: Sequence[Labelled]) -> Sequence[str]:
        """Remembers them."""
        await asyncio.sleep(0)
        if self.fails:
            raise self.fails
        self.labels += labelled
        return [f"lgl1.{number}" for number in range(len(labelled))]


def _prediction(served: Served, distance: float) -> Mapping[str, Any]:
    if served.task == "regression":
        return {"value": distance / 8}
    if served.task == "multiclass":
        return {"label": served.classes[1], "scores": {"c": 0.125, "a": 0.25, "b": 0.625}}
    late = distance / 20_000
    return {"label": late > 0.05, "scores": {"false": 1 - late, "true": late}}


@dataclass
class FakeAdmission:
    """Permits what the client lists; remembers what it charged and fined. `later`: how often others are asked.

    `burst`: the most rows of one request.
    """

    charged: list[tuple[str, str, int, int]] = field(default_factory=list)
    fined: list[tuple[str, int]] = field(default_factory=list)
    burst: int = 1 << 20
    fails: Exception | None = None
    later: int = 0
    waiting: list[Callable[[], None]] = field(default_factory=list)

    def authorise(self, client: Client, action: Action, model: str | None) -> None:
        """By the lists alone."""
        if action not in client.actions or (model is not None and not {"*", model} & set(client.models)):
            raise Declined(403, "LG602", "may not")

    def charge(self, client: Client, model: str, rows: int, *, price: int = 1) -> Sequence[tuple[str, str]]:
        """Remembers."""
        if self.later:
            self.later -= 1
            raise Later(self.waiting.append)
        if self.fails:
            raise self.fails
        self.charged.append((client.name, model, rows, price))
        return (("RateLimit", "1"),)

    def most(self, client: Client) -> int:
        """For everybody the same."""
        return self.burst

    def fine(self, client: Client, rows: int) -> None:
        """Remembers."""
        self.fined.append((client.name, rows))


@dataclass
class Desk:
    """The calls."""

    service: FakeService = field(default_factory=FakeService)
    admission: FakeAdmission = field(default_factory=FakeAdmission)
    caps: Caps = field(default_factory=Caps)

    @cached_property
    def table(self) -> Table:
        """The routes, made once."""
        return table(self.service, self.admission, caps=self.caps)

    def send(self, method: str, path: str, body: Any = None, *, who: Client | None = None, **headers: Any) -> Reply:
        """One request, as the gate would pass it on; `body` is JSON unless it is bytes. `content_type="text/csv"`..."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        head = Head(method, path, named, Peer())
        return asyncio.run(self._send(head, data, who or client()))

    async def _send(self, head: Head, body: bytes, who: Client) -> Reply:
        replied: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        try:
            call, named = self.table.match(head.method, head.path)
            self.admission.authorise(who, call.action, named.get("model"))
            media.check(call, head)
            call.answer(Ask(head, who, named, body, replied.set_result))
        except Declined as declined:
            return declined.reply()
        while self.admission.waiting:
            self.admission.waiting.pop()()
        return await asyncio.wait_for(replied, 5)


def desk(*, rule: OutputRule | None = None, served: Served = SERVED, caps: Caps | None = None) -> Desk:
    """A desk with this output rule for external clients."""
    live = FakeLive(served=served, policy=Policy(outputs={"external": rule} if rule else {}))
    return Desk(FakeService(live), caps=caps or Caps())


def said(reply: Reply) -> Any:
    """The JSON of a reply."""
    return json.loads(reply.body)
