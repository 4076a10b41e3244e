"""Who may ask, what, and how much. Everything here is decided in memory, in the event loop, and at once.

1. `unheard`: the address does not owe too much.      2. `authenticate`: its credentials name one client.
3. `authorise`: listed for this model, environment and action; what is not listed is denied.
4. `enter`: not too many requests at once, and a row left where a body follows.
5. `charge`: rate in rows, of the client and of the model; budget. What is refused with its body costs: `fine`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence

from lockgate.serve import rules
from lockgate.serve.admission import accounts
from lockgate.serve.admission.accounts import Account, Book, Way
from lockgate.serve.admission.bearers import Bearers
from lockgate.serve.admission.counters import Budgets, Rates, Ready
from lockgate.serve.admission.rules import Addresses, Meter, names_of
from lockgate.serve.clients import parse_clients
from lockgate.serve.declined import Declined
from lockgate.serve.http import Certificate, Head, Peer
from lockgate.serve.rules import KEY_LENGTH
from lockgate.serve.spec import Action, Caps, Client

FAILURE = 4
"""What a request without a valid credential costs its address: itself, and three more for the guess."""
_REFUSED = 1
"""Rows of its own rate that a refused charge costs a client: its body was read. No client has more read than it has
rows."""
_PAID: tuple[Action, ...] = ("predict", "label")
_SAID_SECONDS = 0.02
"""For so long `RateLimit` is said again as it was: it is advice, and costs more to spell than all else of a charge."""
_BURST_SECONDS = 4
_DAY = 86400
_SCHEME = "Bearer "
_UNKNOWN = (
    "no valid credential: send one API key as `Authorization: Bearer KEY` (lockgate clients add NAME gives one, which "
    "a running gateway knows within two seconds)"
)
_CROWDED = "all clients together are above this model's rate"
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="lockgate"'}


class Admission:
    """One gateway's doorman. `clock` is monotonic; `wall`, in seconds since the epoch, is for expiry and tokens.

    `budgets` None: no client that has a budget is answered. `rates`, `ready`: see `counters`. `share`: among how many
    gateways of this house, each of which counts alone, rates, bursts and budgets are divided.
    """

    def __init__(
        self,
        *,
        environment: str,
        caps: Caps,
        pepper: bytes,
        clock: Callable[[], float],
        wall: Callable[[], float],
        budgets: Budgets | None = None,
        rates: Rates | None = None,
        ready: Ready | None = None,
        share: int = 1,
    ) -> None:
        self._environment = environment
        self._clock = clock
        self._wall = wall
        self._budgets = budgets
        self._rates = rates
        self._ready = ready
        self._share = share
        self._pepper = pepper
        self._book: Book = accounts.EMPTY
        self._ways: dict[str, Way] = {}
        self._bearers: Bearers | None = None
        self._addresses = (
            Addresses(caps.unheard, caps.unheard * _BURST_SECONDS, FAILURE, os.urandom(16)) if caps.unheard else None
        )
        self._model_rate = caps.model_rate / share
        self._model_burst = max(caps.max_rows, math.ceil(caps.model_rate)) // share or 1
        self._models: dict[str, Meter] = {}

    def reload(self, name: str, data: bytes) -> None:
        """Take over `clients` (the registry's bytes) or `tokens` (`tokens.render_tokens`); empty: there are none.

        Raises LockgateError LG622, LG643, LG648, and then keeps what it had.
        """
        if name == "clients":
            clients = parse_clients(data) if data else ()
            self._book = accounts.open_book(clients, self._environment, self._book, self._share)
            self._ways = {}
        elif name == "tokens":
            self._bearers = Bearers.of(data) if data else None
        else:
            raise ValueError(f"admission knows nothing of {name}")

    def clients(self) -> list[Client]:
        """All who are listed."""
        return [account.client for account in self._book.by_name.values()]

    def ends(self) -> list[float]:
        """When each client that is not revoked ends, in seconds since the epoch; infinite without an end."""
        return [account.until for account in self._book.by_name.values() if account.client.revoked is None]

    def unheard(self, peer: Peer) -> None:
        """Refuse an address that owes too much, before its credential is looked at. Raises Declined 429 LG642."""
        if self._addresses is None:
            return
        wait = self._addresses.wait(peer.address, self._clock())
        if wait:
            raise _slower("LG642", "too many requests without a valid credential came from this address", wait)

    def authenticate(self, head: Head) -> Client:
        """Whose request it is. Raises Declined 401 LG601, with one answer for every cause."""
        header = head.headers.get("authorization")
        certificate = head.peer.certificate
        account = None if header is None else self._by_header(header)
        if certificate is not None:
            account = self._with_certificate(certificate, header, account)
        if account is None:
            if self._addresses is not None:
                self._addresses.charge(head.peer.address, self._clock())
            raise Declined(401, "LG601", _UNKNOWN, headers=_CHALLENGE)
        return account.client

    def authorise(self, client: Client, action: Action, model: str | None) -> None:
        """Whether `client` may do this, with this model if one is named. Raises Declined 403 LG602."""
        account = self._book.by_name.get(client.name)
        if account is None or not account.allows(action, model):
            raise _forbidden(client, action)

    def enter(self, client: Client, action: Action) -> None:
        """One more request of this client is under way.

        Raises Declined 429 LG645; LG610 for an action that is paid in rows, while the client has none: before a byte of
        the body is read, and at no cost.
        """
        account = self._book.by_name.get(client.name)
        if account is None:
            raise _forbidden(client, "ask")
        if account.flights >= account.client.in_flight:
            raise _slower("LG645", f"client {client.name} has {account.flights} requests under way already", 1.0)
        if action in _PAID and account.meter.spent(now := self._clock()):
            raise self._refused(account, "LG610", _above(client), account.meter.wait(now, 1), now)
        account.flights += 1

    def leave(self, client: Client) -> None:
        """A request that entered is over."""
        account = self._book.by_name.get(client.name)
        if account is not None and account.flights:
            account.flights -= 1

    def most(self, client: Client) -> int:
        """How many rows one request of this client may ever have. Raises Declined 403 LG602."""
        account = self._book.by_name.get(client.name)
        if account is None:
            raise _forbidden(client, "predict")
        return min(account.most, self._model_burst) if self._model_rate else account.most

    def fine(self, client: Client, rows: int) -> None:
        """A body that was read, and refused before it was charged, costs its client rows. Never raises."""
        account = self._book.by_name.get(client.name)
        if account is not None:
            account.meter.fine(self._clock(), rows)
            account.said_until = 0.0

    def charge(self, client: Client, model: str, rows: int, *, price: int = 1) -> Sequence[tuple[str, str]]:
        """Count rows that are asked of `model`, which is live; gives the `RateLimit` headers.

        `price`: how many rows of the client's own rate each one costs, at most the whole burst; the model's rate and
        the budget count rows. What is refused costs one row of the client's rate, and nothing else. Raises Declined 413
        LG606 for what would never pass, 429 LG610 (the client's rate), LG644 (the model's), LG646 (the day's budget);
        counters.Later before anything is counted.
        """
        account = self._book.by_name.get(client.name)
        if account is None:
            raise _forbidden(client, "predict")
        meter, total = account.meter, self._total(model) if self._model_rate else None
        if rows > account.most or (total is not None and rows > total.burst):
            self.fine(client, _REFUSED)
            raise Declined(413, "LG606", f"{rows} records in one request; {self.most(client)} may be asked at once")
        cost = rows if price == 1 else min(rows * price, meter.burst)
        if self._ready is not None:
            self._ready(client, cost, rows, ((f"model:{model}", total.rate, total.burst),) if total else ())
        now = self._clock()
        if wait := meter.wait(now, cost):
            raise self._fined(account, "LG610", _above(client), wait, (now, cost))
        if total is not None and (wait := total.wait(now, rows)):
            raise self._fined(account, "LG644", _CROWDED, wait, (now, cost))
        if self._rates is not None:
            self._shared(self._rates, account, model, total, (cost, rows), now)
        left = None if account.budget is None else self._spend(account, (cost, rows), now)
        meter.take(now, cost)
        if total is not None:
            total.take(now, rows)
        if now >= account.said_until:
            account.said = (account.policy, _standing(meter, now, left, self._wall))
            account.said_until = now + _SAID_SECONDS
        return account.said

    def _shared(
        self, rates: Rates, account: Account, model: str, total: Meter | None, counts: tuple[int, int], now: float
    ) -> None:
        """What several gateways count together lets these pass too. `counts`: of the client's rate, of the model's."""
        name, meter = account.client.name, account.meter
        if wait := rates.take(f"client:{name}", counts[0], meter.rate, meter.burst):
            raise self._fined(account, "LG610", _above(account.client), wait, (now, counts[0]))
        if total is not None and (wait := rates.take(f"model:{model}", counts[1], total.rate, total.burst)):
            raise self._fined(account, "LG644", _CROWDED, wait, (now, counts[0]))

    def _spend(self, account: Account, counts: tuple[int, int], now: float) -> int:
        """Take rows of today's budget; how many are left."""
        left = self._budgets.take(account.client, counts[1]) if self._budgets is not None else -1
        if left < 0:
            wait, message = _DAY - self._wall() % _DAY, f"client {account.client.name} has used today's rows up"
            raise self._fined(account, "LG646", message, wait, (now, counts[0]))
        return left

    def _fined(self, account: Account, finding: str, message: str, wait: float, asked: tuple[float, int]) -> Declined:
        """Refused with its body read. `asked`: when, and the cost, which passes after the wait that is said."""
        now, cost = asked
        account.meter.fine(now, _REFUSED)
        account.said_until = 0.0
        return self._refused(account, finding, message, max(wait, account.meter.wait(now, cost)), now)

    def _refused(self, account: Account, finding: str, message: str, wait: float, now: float) -> Declined:
        headers = (account.policy, _standing(account.meter, now, None, self._wall))
        return _slower(finding, message, wait, headers)

    def _total(self, model: str) -> Meter:
        found = self._models.get(model)
        if found is None:
            found = self._models[model] = Meter(self._model_rate, self._model_burst)
        return found

    def _with_certificate(
        self, certificate: Certificate, header: str | None, account: Account | None
    ) -> Account | None:
        """Who it is by the certificate; where a header says who it is, the certificate may name nobody else."""
        by_certificate = self._book.by_certificate
        named = {found.client.name: found for name in names_of(certificate) if (found := by_certificate.get(name))}
        if header is not None:
            return account if all(found is account for found in named.values()) else None
        found = next(iter(named.values())) if len(named) == 1 else None
        return found if found is not None and self._wall() < found.until else None

    def _by_header(self, header: str) -> Account | None:
        way = self._ways.get(header)
        if way is not None:
            return way.account if self._wall() < way.until else None
        key = header[len(_SCHEME) :]
        plain = len(key) == KEY_LENGTH and header.startswith(_SCHEME)
        if not plain:
            key = _credential(header)
        if len(key) == KEY_LENGTH:
            way = self._book.by_digest.get(rules.key_digest(self._pepper, key))
            if way is None or self._wall() >= way.until:
                return None
            if plain:  # one spelling of each key that counts, so no client can have it hold more
                self._ways[header] = way
            return way.account
        if self._bearers is None:
            return None
        now = self._wall()
        account = self._book.by_subject.get(self._bearers.subject(key, now))
        return account if account is not None and now < account.until else None


def _credential(header: str) -> str:
    """What follows the scheme, in whatever case and with however many spaces (RFC 9110)."""
    scheme, _, rest = header.partition(" ")
    return rest.strip(" ") if scheme.lower() == "bearer" else ""


def _standing(meter: Meter, now: float, left: int | None, wall: Callable[[], float]) -> tuple[str, str]:
    said = f'"rows";r={meter.left(now)};t={meter.reset(now)}'
    if left is not None:
        said += f', "day";r={left};t={math.ceil(_DAY - wall() % _DAY)}'
    return ("RateLimit", said)


def _above(client: Client) -> str:
    return f"client {client.name} is above its rate"


def _forbidden(client: Client, action: str) -> Declined:
    return Declined(403, "LG602", f"client {client.name} may not {action} here")


def _slower(finding: str, message: str, wait: float, headers: Sequence[tuple[str, str]] = ()) -> Declined:
    return Declined(429, finding, message, headers={**dict(headers), "Retry-After": str(max(1, math.ceil(wait)))})
