"""What happens to a request between the HTTP edge and the answer; knows nothing of HTTP but a refusal's status.

1. The client may do this with the model that is live.   2. Its rate allows so many rows.
3. The contract accepts every record, in Pydantic's own words where not.   4. The model predicts.
5. Each prediction is recorded, durably.   6. Only then is it answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from lockgate.core.wire import Column
from lockgate.serve import rules
from lockgate.serve.body import Record
from lockgate.serve.declined import Declined, unavailable
from lockgate.serve.spec import Action, Answer, Caps, Checked, Client, Served
from lockgate.serve.turn import Full

Prediction = Mapping[str, Any]


class WorkerLost(Exception):
    """The worker's socket ended, or it broke the protocol or its deadline. Its requests in flight are lost."""


class NoAnswer(Exception):
    """The model gave nothing that can be handed on for these rows; the worker goes on."""


class CannotRecord(Exception):
    """The record could not be made durable."""


class Engine(Protocol):
    """A verified model in its jails."""

    @property
    def served(self) -> Served:
        """What the model is."""

    async def check(self, records: Sequence[Record]) -> Checked:
        """The contract's word. Raises WorkerLost, Full."""

    async def predict(self, columns: Sequence[Column], rows: int) -> Sequence[Prediction]:
        """One prediction per row. Raises WorkerLost, NoAnswer, Full."""


class Recorder(Protocol):
    """The way into the log."""

    async def record(
        self, served: Served, client: str, inputs: Sequence[Record], outputs: Sequence[Prediction]
    ) -> Sequence[str]:
        """Make one record per prediction durable; gives the receipt tokens. Raises CannotRecord, Full."""


class Service:
    """One gateway's state: who may come in, what is live, how much each has used."""

    def __init__(
        self,
        *,
        caps: Caps,
        pepper: bytes,
        recorder: Recorder,
        clock: Callable[[], float],
        clients: Sequence[Client] = (),
    ) -> None:
        self.caps = caps
        self._pepper = pepper
        self._recorder = recorder
        self._clock = clock
        self._clients = rules.by_digest(clients)
        self._arrivals: dict[str, float] = {}
        self._engine: Engine | None = None
        self._closed = unavailable("LG614", "no model is ready here yet")

    def admit(self, clients: Sequence[Client]) -> None:
        """Take over a new client registry. What each has used of its rate stays."""
        self._clients = rules.by_digest(clients)
        names = {client.name for client in clients}
        self._arrivals = {name: at for name, at in self._arrivals.items() if name in names}

    def open(self, engine: Engine) -> None:
        """Answer with this model from now on; requests in flight finish with the one they started with."""
        self._engine = engine

    def close(self, reason: Declined) -> None:
        """Answer nothing from now on but `reason`."""
        self._engine = None
        self._closed = reason

    @property
    def served(self) -> Served | None:
        """What is live, or None when nothing is answered."""
        return self._engine.served if self._engine else None

    def authenticate(self, authorization: str | None) -> Client:
        """The client whose key the header carries. Raises Declined 401 (LG601), the same for every cause."""
        key = rules.bearer(authorization)
        client = self._clients.get(rules.key_digest(self._pepper, key)) if key else None
        if client is None:
            raise Declined(
                401,
                "LG601",
                "no valid API key: send `Authorization: Bearer KEY` (lockgate clients add NAME gives one)",
                headers={"WWW-Authenticate": 'Bearer realm="lockgate"'},
            )
        return client

    def live(self) -> Engine:
        """The model that answers. Raises Declined 503 with the reason when there is none."""
        if self._engine is None:
            raise self._closed
        return self._engine

    def authorise(self, client: Client, action: Action, model: str | None = None, version: str | None = None) -> Engine:
        """The live model, if `client` may do this with it. `model` None means whichever is live.

        Permission comes before existence: a client learns nothing of models that it may not use.
        Raises Declined 403 (LG602), 404 (LG603), 503.
        """
        if model is not None and not rules.permits(client, action, model):
            raise Declined(403, "LG602", f"client {client.name} may not {action} here")
        engine = self.live()
        served = engine.served
        if not rules.permits(client, action, served.name):
            raise Declined(403, "LG602", f"client {client.name} may not {action} here")
        if model not in (None, served.name) or version not in (None, str(served.version)):
            raise Declined(404, "LG603", "this model or version is not live here")
        return engine

    async def answer(self, client: Client, engine: Engine, records: Sequence[Record]) -> tuple[Answer, dict[str, str]]:
        """Answer and `RateLimit` headers. Raises Declined.

        The answer leaves only after its records are durable. A record may exist without an answer, never the
        other way round.
        """
        headers = self._charge(client, len(records))
        try:
            async with asyncio.timeout(self.caps.answer):
                answer = await self._answer(client, engine, records)
        except Declined as declined:
            declined.headers = headers | declined.headers
            raise
        except TimeoutError:
            raise unavailable("LG612", "no answer within the time limit") from None
        except Full:
            raise unavailable("LG611", "too much is waiting already") from None
        except WorkerLost:
            raise unavailable("LG612", "the process that had this request ended; it is being restarted") from None
        except NoAnswer:
            raise Declined(500, "LG617", "the model has no usable answer for these records") from None
        except CannotRecord:
            raise unavailable("LG613", "the record of this prediction cannot be written, so it is not given") from None
        return answer, headers

    async def _answer(self, client: Client, engine: Engine, records: Sequence[Record]) -> Answer:
        checked = await engine.check(records)
        if checked.errors:
            refused = len({error["loc"][0] for error in checked.errors if error.get("loc")})
            raise Declined(
                422,
                "LG609",
                f"the contract refuses {refused} of {len(records)} records; nothing was predicted",
                errors=[{**error, "loc": ["records", *error["loc"]]} for error in checked.errors],
            )
        predictions = await engine.predict(checked.columns, len(records))
        receipts = await self._recorder.record(engine.served, client.name, records, predictions)
        return Answer(tuple(predictions), tuple(receipts), engine.served)

    def _charge(self, client: Client, rows: int) -> dict[str, str]:
        if rows > client.burst:
            raise Declined(413, "LG606", f"{rows} records in one request; this client may send {client.burst}")
        now = self._clock()
        said = rules.gcra(self._arrivals.get(client.name, now), now, rows, rate=client.rate, burst=client.burst)
        headers = rules.rate_headers(said, rate=client.rate, burst=client.burst)
        if not said.passed:
            raise Declined(429, "LG610", f"client {client.name} is above its rate", headers=headers)
        self._arrivals[client.name] = said.arrival
        return headers
