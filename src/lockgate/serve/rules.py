"""The decisions of the gateway as functions of values: keys, permission, rate. Time in seconds comes as an argument."""

from __future__ import annotations

import hmac
import ipaddress
import math
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from lockgate.serve.spec import ANY_MODEL, Action, Client

KEY_BYTES = 32
_KEY = re.compile(r"lgk_[A-Za-z0-9_-]{43}\Z")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?\Z")


def new_key(randomness: bytes) -> str:
    """An API key from 32 random bytes: `lgk_` and 43 base64url characters. Raises ValueError on any other length."""
    if len(randomness) != KEY_BYTES:
        raise ValueError("an API key is made of 32 random bytes")
    return "lgk_" + urlsafe_b64encode(randomness).rstrip(b"=").decode()


def key_digest(pepper: bytes, key: str) -> str:
    """HMAC-SHA256(pepper, key) in hex: what is stored and looked up, so that timing tells nothing about a key."""
    return hmac.new(pepper, key.encode(), sha256).hexdigest()


def pseudonym(pseudonym_key: bytes, client: str) -> str:
    """The client's name in prediction records: 16 hex digits, stable, meaningless without the key."""
    return hmac.new(pseudonym_key, client.encode(), sha256).hexdigest()[:16]


def is_client_name(text: str) -> bool:
    """Whether `text` may name a client: 1 to 64 of a-z, 0-9, dot, dash, underscore."""
    return _NAME.match(text) is not None


def bearer(header: str | None) -> str | None:
    """The API key in an Authorization header, or None when there is none of our form (RFC 6750 section 2.1)."""
    scheme, _, token = (header or "").partition(" ")
    token = token.strip(" ")
    return token if scheme.lower() == "bearer" and _KEY.match(token) else None


def by_digest(clients: Iterable[Client]) -> Mapping[str, Client]:
    """The clients that may come in, by key digest. Revoked ones are left out."""
    return {client.digest: client for client in clients if client.revoked is None}


def permits(client: Client, action: Action, model: str) -> bool:
    """Whether `client` may do `action` on `model`: only what is listed, and nothing once revoked."""
    named = ANY_MODEL in client.models or model in client.models
    return client.revoked is None and action in client.actions and named


def is_loopback(host: str) -> bool:
    """Whether `host` is a literal loopback address or `localhost`. Other names are not resolved, hence False."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class Rate:
    """What GCRA says about one request: whether it may pass, how many rows are left, and the times in seconds.

    `arrival` is the theoretical arrival time to keep for the client; `retry` is 0 where the request passed;
    `reset` is when the whole burst is free again.
    """

    passed: bool
    arrival: float
    remaining: int
    retry: float
    reset: float


def gcra(arrival: float, now: float, rows: int, *, rate: float, burst: int) -> Rate:
    """Generic cell rate algorithm in rows (ITU-T I.371, virtual scheduling form).

    `arrival` is what the last call for this client returned, or anything in the past. A request of more rows than
    `burst` never passes: the caller refuses it by size.
    """
    cell = 1.0 / rate
    start = max(arrival, now)
    after = start + rows * cell
    early = after - burst * cell - now
    # Comparing with a sliver of one row: at large clock values the sums round by less than that.
    if early > cell * 1e-6:
        return Rate(False, arrival, _left(start, now, cell, burst), early, start - now)
    return Rate(True, after, _left(after, now, cell, burst), 0.0, after - now)


def rate_headers(said: Rate, *, rate: float, burst: int) -> dict[str, str]:
    """`RateLimit` fields (IETF httpapi-ratelimit-headers), and `Retry-After` in whole seconds where refused."""
    found = {
        "RateLimit-Policy": f'"rows";q={burst};w={max(1, math.ceil(burst / rate))}',
        "RateLimit": f'"rows";r={said.remaining};t={math.ceil(said.reset)}',
    }
    if not said.passed:
        found["Retry-After"] = str(max(1, math.ceil(said.retry)))
    return found


def _left(arrival: float, now: float, cell: float, burst: int) -> int:
    return max(0, min(burst, math.floor(burst - (arrival - now) / cell + 1e-6)))
