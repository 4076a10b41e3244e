"""What stands in the gateway where a control is left out: as little as the rest can work with.

These are for `bench.gateway_controls` only. Nothing here refuses anything.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from lockgate.contract.given import Given
from lockgate.contract.plan import Plan
from lockgate.core.wire import Column
from lockgate.serve.admission.admission import Admission
from lockgate.serve.declined import CannotRecord
from lockgate.serve.http import Head, Peer
from lockgate.serve.line import Line
from lockgate.serve.recording.entry import Entry
from lockgate.serve.spec import Action, Asked, Client, RecordMode, Served, ServePolicy
from lockgate.serve.tally import Tally

LIMITLESS = 10**9
TOKEN = ("none",)


class AnyKey(Admission):
    """Everybody is `somebody` and may do everything."""

    somebody: Client

    def unheard(self, peer: Peer) -> None:
        """No address is looked at."""

    def authenticate(self, head: Head) -> Client:  # noqa: ARG002 - as its parent's
        """No key is looked at."""
        return self.somebody

    def authorise(self, client: Client, action: Action, model: str | None) -> None:
        """Everything is allowed."""

    def enter(self, client: Client, action: Action) -> None:
        """No request is counted."""

    def leave(self, client: Client) -> None:
        """As before."""


class AnyRate(Admission):
    """Nothing is charged."""

    def most(self, client: Client) -> int:  # noqa: ARG002 - as its parent's
        """Any number."""
        return LIMITLESS

    def fine(self, client: Client, rows: int) -> None:
        """Nobody pays for what is refused."""

    def charge(self, client: Client, model: str, rows: int, *, price: int = 1) -> Sequence[tuple[str, str]]:  # noqa: ARG002
        """No header either."""
        return ()


def admission(*, keys: bool, rates: bool) -> type[Admission]:
    """Admission with these controls; a class of its own, so that what is left out costs no call more."""
    if keys:
        return Admission if rates else AnyRate
    return AnyKey if rates else type("Open", (AnyKey, AnyRate), {})


class PlainChecker:
    """JSON to numbers by msgspec, as a server without a contract does it: names and types, no more.

    `recorded`: the exact encoding of each record is made, because somebody commits to it.
    """

    plan: Plan | None = None

    def __init__(self, names: Sequence[str], *, recorded: bool) -> None:
        record = msgspec.defstruct("Record", [(name, float) for name in names], gc=False)
        body = msgspec.defstruct("Body", [("records", list[record])], gc=False)  # type: ignore[valid-type]
        self._decode: Callable[[bytes], Any] = msgspec.json.Decoder(body).decode
        self._lines = msgspec.json.Encoder().encode_lines if recorded else None

    def read(self, body: bytes, *, limit: int) -> Given:  # noqa: ARG002 - as the real one
        """The records of a body."""
        records = self._decode(body).records
        rows = len(records)
        canonical = self._lines(records).split(b"\n")[:-1] if self._lines is not None else (b"",) * rows
        return Given(rows, canonical, list(map(msgspec.structs.astuple, records)))

    def records(self, records: Sequence[Any]) -> Given:
        """Records of another protocol, which nobody sends here."""
        raise NotImplementedError

    def learn(self, given: Given, columns: Sequence[Column]) -> Sequence[tuple[Any, ...]]:
        """What Pydantic said, which nobody asks here."""
        raise NotImplementedError


class NoRecorder:
    """Nothing is recorded."""

    def __init__(self) -> None:
        self.policy = ServePolicy(record="written")
        self.written = self.in_log = 0

    @property
    def mode(self) -> RecordMode:
        """Nobody waits."""
        return "written"

    def write(self, entries: Sequence[Entry]) -> list[Sequence[str]]:
        """One token for all."""
        return [TOKEN] * len(entries)

    def when_durable(self, told: Callable[[bool | CannotRecord], None], requests: int = 1) -> None:  # noqa: ARG002
        """It never was to be."""
        told(True)

    def proofs(self, receipts: Sequence[str]) -> Sequence[str]:  # noqa: ARG002
        """None."""
        return ()

    def sweep(self) -> None:
        """Nobody waits."""

    async def durable(self) -> bool:
        """It never was to be."""
        return True

    def refuse(self, served: Served, client: Client, canonical: bytes, finding: str) -> str:  # noqa: ARG002
        """Nothing."""
        return ""

    async def feedback(self, client: Client, labelled: Sequence[tuple[str, Any]]) -> Sequence[str]:
        """Nobody sends any."""
        raise NotImplementedError

    def sealed(self, number: int) -> None:
        """There is no log."""

    def close(self) -> None:
        """There is no file."""


class NoTally(Tally):
    """Replies are not counted."""

    def replied(self, call: str, status: int, seconds: float) -> None:
        """Not even one."""


class PlainLine(Line):
    """First come, first served, without a bound."""

    def __init__(self, batch: int) -> None:
        super().__init__(batch, LIMITLESS)
        self._line: deque[Asked] = deque()

    def crowded(self, name: str) -> bool:  # noqa: ARG002 - as its parent's
        """Never."""
        return False

    def push(self, asked: Asked) -> Asked | None:
        """Let it wait."""
        self._line.append(asked)
        self.rows += asked.given.rows
        return None

    def take(self) -> list[Asked]:
        """The next batch."""
        taken: list[Asked] = []
        rows, line = 0, self._line
        while line and (not taken or rows + line[0].given.rows <= self.batch):
            asked = line.popleft()
            rows += asked.given.rows
            taken.append(asked)
        self.rows -= rows
        return taken

    def late(self, before: float) -> list[Asked]:  # noqa: ARG002 - as its parent's
        """Nobody is ever late."""
        return []

    def took(self, seconds: float) -> None:
        """Nothing is learned."""
