"""Rows a day, counted by one gateway so that no restart gives any back.

File, 0600, exact encoding: `{"day": DAYS, "reserved": {CLIENT: ROWS}, "v": 1}`, DAYS since the epoch in UTC. Rows are
reserved in the file before they are given out, a slice at a time: what a crash loses counts as used.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lockgate.core.encoding import decode_exact, encode
from lockgate.errors import LockgateError, VerificationFailed
from lockgate.serve.declined import unavailable
from lockgate.serve.spec import Client
from lockgate.store.files import atomic_write, read_regular

MAX_BYTES = 8 << 20
SLICES = 32
"""A day's budget is reserved in about so many writes: a restart costs a client at most one of them."""
_DAY = 86400


class LocalBudgets:
    """The `counters.Budgets` of a gateway that counts alone. `share`: among how many gateways a budget is divided."""

    def __init__(self, path: Path, wall: Callable[[], float], share: int = 1) -> None:
        """Raises VerificationFailed LG647 when the file is malformed: it cannot be told what was used."""
        self._path = path
        self._wall = wall
        self._share = share
        self._day, self._reserved = _read(path)
        self._used = dict(self._reserved)

    def take(self, client: Client, rows: int) -> int:
        """See `counters.Budgets`. A clock that is set back opens no new day. Raises Declined 503 LG647."""
        if client.budget is None:
            return -1
        day = int(self._wall() // _DAY)
        if day > self._day:
            self._day, self._reserved, self._used = day, {}, {}
        budget = max(1, client.budget // self._share)
        after = self._used.get(client.name, 0) + rows
        if after > budget:
            return -1
        if after > self._reserved.get(client.name, 0):
            self._reserve(client.name, min(budget, after + budget // SLICES))
        self._used[client.name] = after
        return budget - after

    def _reserve(self, name: str, rows: int) -> None:
        reserved = {**self._reserved, name: rows}
        try:
            atomic_write(self._path, encode({"day": self._day, "reserved": reserved, "v": 1}), 0o600)
        except LockgateError:
            raise unavailable("LG647", "the rows of this day cannot be counted just now, so none are given") from None
        self._reserved = reserved


def _read(path: Path) -> tuple[int, dict[str, int]]:
    try:
        value = decode_exact(read_regular(path, MAX_BYTES))
    except FileNotFoundError:
        return 0, {}
    except ValueError:
        value = None
    if not isinstance(value, dict) or set(value) != {"day", "reserved", "v"} or value["v"] != 1:
        raise _malformed(path)
    day, reserved = value["day"], value["reserved"]
    if type(day) is not int or not isinstance(reserved, dict):
        raise _malformed(path)
    if not all(type(rows) is int and rows >= 0 for rows in reserved.values()):
        raise _malformed(path)
    return day, reserved


def _malformed(path: Path) -> VerificationFailed:
    return VerificationFailed(
        "LG647",
        "the file of used budgets is malformed",
        seen={"file": path.name},
        next=f"remove {path.name} in .lockgate/state/spool; today's budgets then start anew",
    )
