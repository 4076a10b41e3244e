"""Records of predictions, made durable in the spool before anything is answered.

The gateway makes the records and signs nothing; the sealer, another process, carries them into the log. A
sequence number is given in the very step that writes the record, so that numbers have no gap and no repeat.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

from lockgate.audit.spool import Spool
from lockgate.core.records import SALT_BYTES, PredictionRecord, Receipt, commitment
from lockgate.errors import LockgateError
from lockgate.serve import rules
from lockgate.serve.body import Record
from lockgate.serve.service import CannotRecord, Prediction
from lockgate.serve.spec import Served
from lockgate.serve.turn import Turn


@dataclass(frozen=True)
class _Entry:
    """What one request adds to the spool."""

    served: Served
    client: str
    inputs: Sequence[Record]
    outputs: Sequence[Prediction]


class SpoolRecorder:
    """Writes to one gateway's own spool file, which starts empty: a gateway's id is never used twice.

    One fsync serves all requests that arrived while the last one was under way.
    """

    def __init__(
        self,
        spool: Spool,
        gateway: str,
        *,
        pseudonym_key: bytes,
        now: Callable[[], int],
        randomness: Callable[[int], bytes],
        waiting_rows: int,
    ) -> None:
        """`now`: milliseconds since the epoch; `randomness(n)`: n bytes for salts."""
        self._spool = spool
        self._gateway = gateway
        self._now = now
        self._randomness = randomness
        self._next = 0
        self._thread = ThreadPoolExecutor(1, "spool")
        self._pseudonym = lru_cache(maxsize=4096)(lambda client: rules.pseudonym(pseudonym_key, client))
        self._turn: Turn[_Entry, tuple[str, ...]] = Turn(self._write, batch=waiting_rows, queue=waiting_rows)

    async def record(
        self, served: Served, client: str, inputs: Sequence[Record], outputs: Sequence[Prediction]
    ) -> Sequence[str]:
        """Make one record per prediction durable; gives the receipt tokens. Raises CannotRecord, Full."""
        return await self._turn.ask(_Entry(served, client, inputs, outputs), len(outputs))

    async def _write(self, entries: Sequence[_Entry]) -> Sequence[tuple[str, ...]]:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._append, entries)

    def _append(self, entries: Sequence[_Entry]) -> list[tuple[str, ...]]:
        """In the one spool thread: nothing else gives out sequence numbers, and a failed append gives out none."""
        now, seq = self._now(), self._next
        records: list[bytes] = []
        tokens: list[tuple[str, ...]] = []
        for entry in entries:
            own = []
            for given, made in zip(entry.inputs, entry.outputs, strict=True):
                salt = self._randomness(SALT_BYTES)
                records.append(self._record(entry, seq + len(records), now, salt, given, made))
                own.append(Receipt(self._gateway, seq + len(records) - 1, salt).token())
            tokens.append(tuple(own))
        try:
            self._spool.append(records)
        except LockgateError as error:
            raise CannotRecord(error.message) from error
        self._next = seq + len(records)
        return tokens

    def _record(self, entry: _Entry, seq: int, now: int, salt: bytes, given: Record, made: Prediction) -> bytes:
        served = entry.served
        return PredictionRecord(
            gateway=self._gateway,
            seq=seq,
            time=now,
            model=served.manifest,
            environment=served.environment,
            rung=served.rung,
            client=self._pseudonym(entry.client),
            input=commitment(salt, given),
            output=commitment(salt, made),
        ).encode()
