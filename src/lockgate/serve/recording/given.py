"""The receipts that this gateway gave out last: what a forged one is told by.

The beginnings of salts, in memory alone. A salt has 32 bytes: the 24 that are not held hide a value as well as before.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence

from lockgate.core.records import MAX_ROWS, SALT_BYTES, Receipt
from lockgate.serve.recording.entry import Entry

KEPT_ROWS = 100_000
"""So many are remembered, and for a while up to twice as many, 16 bytes each with what finds them."""
_HELD = 8


class GivenOut:
    """Counts a gateway's records, and knows the salts of the last ones' rows."""

    def __init__(self, kept: int = KEPT_ROWS) -> None:
        self._kept = kept
        self._salts = array("Q")
        self._rows = array("Q")
        """Of each record that is remembered: how many rows came before its own, since the gateway began."""
        self._first_row = self._first_record = 0

    def add(self, salts: bytes, entries: Sequence[Entry], records: int) -> None:
        """Receipts of predictions. `salts`: of all rows; `records`: how many the entries are."""
        self._trim()
        row = self._first_row + len(self._salts)
        rows = len(salts) // SALT_BYTES
        self._salts.frombytes(memoryview(salts).cast("Q")[:: SALT_BYTES // _HELD].tobytes())
        if rows == records:
            self._rows.extend(range(row, row + rows))
            return
        for entry in entries:
            self._rows.extend(range(row, row + len(entry.canonical), MAX_ROWS))
            row += len(entry.canonical)

    def skip(self) -> None:
        """A record that answers nothing: there is no prediction that its number stands for."""
        self._trim()
        self._rows.append(self._first_row + len(self._salts))

    def is_forged(self, receipt: Receipt) -> bool:
        """Whether this gateway cannot have given this receipt out. Of those that it no longer knows nobody can say."""
        at = receipt.seq - self._first_record
        if at < 0:
            return False
        if at >= len(self._rows):
            return True
        end = self._rows[at + 1] if at + 1 < len(self._rows) else self._first_row + len(self._salts)
        row = self._rows[at] + (receipt.row or 0)
        held = self._salts[row - self._first_row : row - self._first_row + 1].tobytes() if row < end else b""
        return held != receipt.salt[:_HELD]

    def _trim(self) -> None:
        """Forget all but the last, once there are twice as many: so it costs little each time."""
        if len(self._salts) < 2 * self._kept and len(self._rows) < 2 * self._kept:
            return
        last = self._first_row + len(self._salts) - self._kept
        records = max(bisect_right(self._rows, last) - 1, len(self._rows) - self._kept, 0)
        left = self._rows[records] if records < len(self._rows) else self._first_row + len(self._salts)
        del self._rows[:records]
        del self._salts[: left - self._first_row]
        self._first_row, self._first_record = left, self._first_record + records
