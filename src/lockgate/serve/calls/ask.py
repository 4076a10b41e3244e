"""What a call gets, what it may lean on, and what it is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from lockgate.contract.given import Given
from lockgate.contract.plan import Plan
from lockgate.core.encoding import encode
from lockgate.serve.admission.counters import Later
from lockgate.serve.declined import Declined
from lockgate.serve.http import Head, Reply, Replying, pairs
from lockgate.serve.spec import Action, Asked, Caps, Client, Labelled, Served, ServePolicy

MEDIA_JSON = "application/json"
MEDIA_BINARY = "application/octet-stream"
LONGEST_ID = 64
LONGEST_RECEIPT = 256
_FINED = 4096
"""Bytes of a refused body that cost its client a row."""

_Read = TypeVar("_Read")

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Ask:
    """One request whose body is whole. `path`: what stood in the pattern's braces; `since`: monotonic seconds."""

    head: Head
    client: Client
    path: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    reply: Replying = lambda _reply: None
    since: float = 0.0
    wanted: Callable[[], bool] = lambda: True
    """Whether the peer still waits for its reply."""


class Call(Protocol):
    """One thing that a client can ask. `media`: content types that it takes, none when it takes no body."""

    name: str
    action: Action
    media: tuple[str, ...]

    def answer(self, ask: Ask) -> None:
        """Call `ask.reply` once, now or later. Raises Declined instead, before it did."""


class Checker(Protocol):
    """The contract on requests, as the compiled plan knows it."""

    @property
    def plan(self) -> Plan | None:
        """The plan, where there is one."""

    def read(self, body: bytes, *, limit: int) -> Given:
        """Records of the body of `POST /predict`. Raises NotJson, TooMany."""

    def records(self, records: Sequence[Mapping[str, Any]]) -> Given:
        """Records that came by another protocol."""


class Live(Protocol):
    """The model that answers, and what holds for it."""

    @property
    def served(self) -> Served:
        """What it is."""

    @property
    def checker(self) -> Checker:
        """Its contract."""

    @property
    def policy(self) -> ServePolicy:
        """What the signed policy says of serving it."""


class Answering(Protocol):
    """The service, as calls see it."""

    def live(self) -> Any:
        """What is `Live`. Raises Declined 503 when nothing is."""

    def routed(self, ask: Any) -> Any:
        """What is `Live` for these predictions: that, or a candidate beside it. Raises Declined 503 when nothing is."""

    def predict(self, live: Any, asked: Asked) -> None:
        """Never raises: `asked.reply` gets what `asked.spell` makes of the answer, or a refusal."""

    async def feedback(self, client: Client, labelled: Sequence[Labelled]) -> Sequence[str]:
        """Record all of them or none; a receipt for each. Raises Declined 400, 409, CannotRecord."""


class Admitting(Protocol):
    """Admission, as calls see it."""

    def authorise(self, client: Client, action: Action, model: str | None) -> None:
        """Raises Declined 403."""

    def charge(self, client: Client, model: str, rows: int, *, price: int = 1) -> Sequence[tuple[str, str]]:
        """Headers for the reply. Raises Declined 413, 429, and Later when it has to ask others first."""

    def most(self, client: Client) -> int:
        """How many rows of one request could ever pass. Raises Declined 403."""

    def fine(self, client: Client, rows: int) -> None:
        """Take rows of the client's rate, whether it has them or not, for what `charge` never saw. Never raises."""


@dataclass(frozen=True, slots=True)
class Doors:
    """What every call needs."""

    service: Answering
    admission: Admitting
    caps: Caps

    def live(self, ask: Ask, action: Action) -> Live:
        """The model that `ask` is about, if its client may do this with it now.

        The gate authorised it by the head; another model may have gone live since. Permission comes before existence:
        a client learns nothing of a model that it may not use. Raises Declined 403 (LG602), 404 (LG603), 503.
        """
        path = ask.path
        if path:
            self.admission.authorise(ask.client, action, path["model"])
        live: Live = self.service.routed(ask) if action == "predict" else self.service.live()
        served = live.served
        version = str(served.version)
        if path and (path["model"] != served.name or path.get("version", version) != version):
            raise Declined(404, "LG603", "this model or version is not live here")
        self.admission.authorise(ask.client, action, served.name)
        return live

    def read(self, ask: Ask, live: Live, reading: Callable[[Ask, Live], _Read]) -> tuple[Live, _Read]:
        """What a request says, and who is to answer it: where a candidate cannot read it, the live model.

        Raises Declined, at the client's cost.
        """
        try:
            try:
                return live, reading(ask, live)
            except Declined:
                plain: Live = self.service.live()
                if plain is live:
                    raise
                return plain, reading(ask, plain)
        except Declined:
            self.fine(ask)
            raise

    def most(self, ask: Ask) -> int:
        """How many rows this request may have. Known before its body is read. Raises Declined 403."""
        return min(self.caps.max_rows, self.admission.most(ask.client))

    def fine(self, ask: Ask) -> None:
        """A body that is refused before it was charged costs what it took to read it: else refusals are free."""
        self.admission.fine(ask.client, max(1, -(-len(ask.body) // _FINED)))


def postpone(later: Later, ask: Ask, step: Callable[[], None]) -> None:
    """Do `step`, which charges, once the shared counters have answered; a refusal then is the reply."""

    def again() -> None:
        try:
            try:
                step()
            except Later as once_more:
                postpone(once_more, ask, step)
        except Declined as declined:
            ask.reply(declined.reply())
        except Exception as error:  # noqa: BLE001 - whatever it was, the request gets its one reply
            ask.reply(failed(error).reply())

    later.then(again)


def failed(error: Exception) -> Declined:
    """500 (LG616) for what no call expects, logged, with nothing of what went wrong."""
    _log.error("LG616: a request ended in an internal error", exc_info=error)
    return Declined(500, "LG616", "the gateway failed on this request")


def json_reply(value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """`value` as a JSON answer."""
    return Reply(status, encode(value), pairs(headers or {}))


def is_request_id(text: object) -> bool:
    """Whether `text` may be the id of a request: at most 64 printable ASCII characters. It goes into records."""
    return isinstance(text, str) and len(text) <= LONGEST_ID and text.isascii() and text.isprintable()


def check_id(text: object) -> str:
    """An id that may be one. Raises Declined 400 (LG658)."""
    if not isinstance(text, str) or not is_request_id(text):
        raise Declined(400, "LG658", f"id must be a text of at most {LONGEST_ID} printable ASCII characters")
    return text
