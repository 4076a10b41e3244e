"""What answers gave away, in bits, of a model to a client or an organisation; and who is held back. Survives restarts.

File, 0600, exact encoding:

    {"held": [HELD...], "leaks": {MODEL: {ACCOUNT: [DAY, BITS OF THE DAY, BITS FOR EVER, SINCE]}}, "v": 1}

ACCOUNT is `c:CLIENT`, or `o:ORGANISATION` for all keys of one; DAY since the epoch in UTC; SINCE, in milliseconds, when
it began or was cleared. Bits are written ahead of those that are used, so that a restart gives none back: it costs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lockgate.core.encoding import decode_exact, encode
from lockgate.errors import VerificationFailed
from lockgate.store.files import atomic_write, read_regular

if TYPE_CHECKING:
    from lockgate.serve.spec import Client

BITS: Final[Mapping[str, float]] = {"label": 1.0, "top": 2.0, "rounded": 2.0, "full": 8.0}
"""Of a row that nobody looked at, by the form of its answer; a test holds it against `monitor.abuse.leak`."""
DAY_MS: Final = 86_400_000
MAX_BYTES: Final = 8 << 20
_SLICES, _LEAST_AHEAD = 32, 64
"""So many writes for a cap, and bits that are written ahead at least."""
_MOST: Final = 1 << 53


@dataclass(slots=True)
class Account:
    """Bits of one: used in the day and for ever, and as many as the file says."""

    day: int
    used_today: float
    used: float
    since: int
    kept_today: int = 0
    kept: int = 0


def account_of(client: Client) -> str:
    """Who is charged for a client."""
    return f"o:{client.organisation}" if client.organisation else f"c:{client.name}"


class Spent:
    """The accounts of one gateway. `share`: among how many gateways of the house caps are divided."""

    def __init__(self, path: Path, share: int = 1, others: Iterable[Path] = ()) -> None:
        """`others`: of gateways that are no more; what they gave away is taken over, and their files go.

        Raises VerificationFailed LG6107 when a file is malformed: it cannot be told what was used. LockgateError.
        """
        self._path = path
        self._share = share
        self.held: list[dict[str, Any]]
        """Who is held back, as the file has it: read at the start, and to be set before `render`."""
        self.held, self._accounts = _read(path)
        self.wanted = False
        """Whether the file is to be written."""
        gone = [one for one in others if one.exists()]
        for one in gone:
            self._absorb(_read(one)[1])
        if gone:
            self.write(self.render((0, 0)))
            for one in gone:
                one.unlink()

    def charge(self, model: str, who: str, bits: float, caps: tuple[int, int], now: int) -> str:
        """These were given away. The rule that says enough: `leak-life`, `leak-day`, or empty. `now`: milliseconds.

        A clock that is set back opens no new day.
        """
        day = now // DAY_MS
        account = self._accounts.get((model, who))
        if account is None:
            account = self._accounts[model, who] = Account(day, 0.0, 0.0, now)
        if day > account.day:
            account.day, account.used_today, account.kept_today = day, 0.0, 0
        account.used_today = min(account.used_today + bits, float(_MOST))
        account.used = min(account.used + bits, float(_MOST))
        for used, kept, cap in zip(
            (account.used_today, account.used), (account.kept_today, account.kept), self._caps(caps), strict=True
        ):
            self.wanted = self.wanted or used + _ahead(cap) / 2 > kept
        return self.enough(model, who, caps, now)

    def enough(self, model: str, who: str, caps: tuple[int, int], now: int) -> str:
        """As `charge`, without charging."""
        account = self._accounts.get((model, who))
        if account is None:
            return ""
        today, ever = self._caps(caps)
        if ever and account.used >= ever:
            return "leak-life"
        same_day = now // DAY_MS <= account.day
        return "leak-day" if today and same_day and account.used_today >= today else ""

    def counts(self, model: str, who: str, rule: str, caps: tuple[int, int]) -> dict[str, int]:
        """The evidence: bits that were given away, and the cap."""
        account, (today, ever) = self._accounts[model, who], self._caps(caps)
        used, cap = (account.used, ever) if rule == "leak-life" else (account.used_today, today)
        return {"bits": max(1, math.ceil(used)), "cap": cap}

    def clear(self, who: str, cleared: int, now: int) -> bool:
        """An operator looked at `cleared`: what was given away before counts no more. Whether there was anything.

        What began at a time to come was written by a clock that was wrong: it counts as before.
        """
        found = False
        for (_, name), account in self._accounts.items():
            if name == who and (account.since < cleared or account.since > now):
                found = found or account.used > 0
                account.used = account.used_today = 0.0
                account.kept = account.kept_today = 0
                account.day, account.since = now // DAY_MS, max(now, cleared)
                self.wanted = True
        return found

    def known(self) -> list[tuple[str, str]]:
        """Model and account of all."""
        return list(self._accounts)

    def render(self, caps: tuple[int, int]) -> bytes:
        """The file's bytes, with bits ahead. Who renders writes: from now on the file is taken to say so."""
        today, ever = self._caps(caps)
        leaks: dict[str, dict[str, list[int]]] = {}
        for (model, who), account in self._accounts.items():
            account.kept_today = max(account.kept_today, _kept(account.used_today, today))
            account.kept = max(account.kept, _kept(account.used, ever))
            leaks.setdefault(model, {})[who] = [account.day, account.kept_today, account.kept, account.since]
        self.wanted = False
        return encode({"held": self.held, "leaks": leaks, "v": 1})

    def write(self, data: bytes) -> None:
        """Blocking: in a thread. Raises LockgateError."""
        atomic_write(self._path, data, 0o600)

    def _absorb(self, accounts: Mapping[tuple[str, str], Account]) -> None:
        for name, gone in accounts.items():
            own = self._accounts.get(name)
            if own is None:
                self._accounts[name] = gone
                continue
            own.used += gone.used
            own.used_today += gone.used_today if gone.day == own.day else 0.0

    def _caps(self, caps: tuple[int, int]) -> tuple[int, int]:
        return (_part(caps[0], self._share), _part(caps[1], self._share))


def _part(cap: int, share: int) -> int:
    return max(1, cap // share) if cap else 0


def _ahead(cap: int) -> int:
    return max(_LEAST_AHEAD, cap // _SLICES)


def _kept(used: float, cap: int) -> int:
    """Ahead of what is used, and not beyond the cap: a restart alone uses nobody's budget up."""
    needed = math.ceil(used)
    ahead = needed + _ahead(cap)
    return max(needed, min(ahead, cap - 1)) if cap else ahead


def _read(path: Path) -> tuple[list[dict[str, Any]], dict[tuple[str, str], Account]]:
    try:
        value = decode_exact(read_regular(path, MAX_BYTES))
    except FileNotFoundError:
        return [], {}
    except ValueError:
        value = None
    if not isinstance(value, dict) or set(value) != {"held", "leaks", "v"} or value["v"] != 1:
        raise malformed(path)
    held, leaks = value["held"], value["leaks"]
    if not isinstance(held, list) or not isinstance(leaks, dict):
        raise malformed(path)
    found: dict[tuple[str, str], Account] = {}
    for model, accounts in leaks.items():
        if not isinstance(accounts, dict):
            raise malformed(path)
        for who, numbers in accounts.items():
            if not isinstance(numbers, list) or len(numbers) != 4 or not all(map(_is_number, numbers)):
                raise malformed(path)
            day, today, ever, since = numbers
            found[model, who] = Account(day, float(today), float(ever), since, today, ever)
    return held, found


def _is_number(value: object) -> bool:
    return type(value) is int and 0 <= value <= _MOST


def malformed(path: Path) -> VerificationFailed:
    """What a gateway that starts says of such a file."""
    return VerificationFailed(
        "LG6107",
        "the file of what answers gave away is malformed",
        seen={"file": path.name},
        next=f"remove {path.name} in .lockgate/state/spool; leak budgets, and who is held back, then start anew",
    )
