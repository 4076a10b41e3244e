"""What is recorded, and what stands behind whoever records: values and a protocol."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from lockgate.serve.declined import CannotRecord
from lockgate.serve.spec import Client, RecordMode, Served, ServePolicy


@dataclass(slots=True)
class Entry:
    """What one request adds: the records as sent and the predictions as given, each in the exact encoding.

    `id`: the client's own id of the request; empty when it sent none.
    """

    served: Served
    client: Client
    canonical: Sequence[bytes]
    encoded: Sequence[bytes]
    id: str = ""


class Recorder(Protocol):
    """Records predictions. `policy` says what a record must be before its answer leaves."""

    policy: ServePolicy

    @property
    def mode(self) -> RecordMode:
        """What the policy demands of a record before its answer leaves; nobody needs to wait for `written`."""

    def write(self, entries: Sequence[Entry]) -> list[Sequence[str]]:
        """Number and write the records of a batch; the receipts of each entry, in its order.

        An entry's receipts are () where the policy lets its answer go unrecorded. Raises CannotRecord.
        """

    def when_durable(self, told: Callable[[bool | CannotRecord], None], requests: int = 1) -> None:
        """`durable` without a task: `told` is called once, with what it gives or raises."""

    def sweep(self) -> None:
        """Tell those who have waited too long."""

    async def durable(self) -> bool:
        """Wait until all that was written so far is what the policy demands.

        False: it is not, and the policy lets the answers go without receipts. Raises CannotRecord.
        """

    def proofs(self, receipts: Sequence[str]) -> Sequence[str]:
        """What an answer of these receipts carries beside them: proofs of their records, once each, in order."""

    def refuse(self, served: Served, client: Client, canonical: bytes, finding: str) -> str:
        """Record a row that gets no answer; its receipt, or nothing when it cannot be recorded."""

    async def feedback(self, client: Client, labelled: Sequence[tuple[str, Any]]) -> Sequence[str]:
        """Record labels of predictions, by receipt, all or none; a receipt for each. Raises Declined, CannotRecord."""
