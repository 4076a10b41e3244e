"""The decisions of the gateway as functions of values: keys, permission, names. Rates: `admission.rules`."""

from __future__ import annotations

import hmac
import ipaddress
import re
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta

from lockgate.serve.spec import ANY_ENVIRONMENT, ANY_MODEL, Action, Client

KEY_BYTES = 32
KEY_LENGTH = 47
CONTRACT_PRICE = 4
"""What a row costs of a client's rate that the compiled plan does not accept, so that Pydantic must decide it."""
_SPAN = re.compile(r"([1-9][0-9]{0,5})(d|h|min)\Z")
_UNITS = {"d": "days", "h": "hours", "min": "minutes"}
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?\Z")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?\Z")


def new_key(randomness: bytes) -> str:
    """An API key from 32 random bytes: `lgk_` and 43 base64url characters. Raises ValueError on any other length."""
    if len(randomness) != KEY_BYTES:
        raise ValueError("an API key is made of 32 random bytes")
    return "lgk_" + urlsafe_b64encode(randomness).rstrip(b"=").decode()


def key_digest(pepper: bytes, key: str) -> str:
    """HMAC-SHA256(pepper, key) in hex: what is stored and looked up, so that timing tells nothing about a key."""
    return hmac.digest(pepper, key.encode(), "sha256").hex()


def pseudonym(pseudonym_key: bytes, client: str) -> str:
    """The client's name in prediction records: 16 hex digits, stable, meaningless without the key."""
    return hmac.digest(pseudonym_key, client.encode(), "sha256").hex()[:16]


def is_client_name(text: str) -> bool:
    """Whether `text` may name a client: 1 to 64 of a-z, 0-9, dot, dash, underscore."""
    return _NAME.match(text) is not None


def permits(client: Client, action: Action, model: str | None, environment: str) -> bool:
    """Whether `client` may do `action` here: only what is listed, and nothing once revoked.

    `model` None: nothing that is asked names a model, so only the action and the environment count.
    """
    named = model is None or ANY_MODEL in client.models or model in client.models
    here = ANY_ENVIRONMENT in client.environments or environment in client.environments
    return client.revoked is None and action in client.actions and named and here


def parse_expiry(text: str, now: datetime) -> datetime:
    """When something ends: after `90d`, `12h`, `30min`, or with the last second of a day such as `2027-01-31` (UTC).

    Raises ValueError when it is neither, or lies not in the future.
    """
    span = _SPAN.match(text)
    if span is not None:
        end = now + timedelta(**{_UNITS[span[2]]: int(span[1])})
    elif _DATE.match(text) and not text.startswith("9999"):
        end = datetime.fromisoformat(text).replace(tzinfo=UTC) + timedelta(days=1)
    else:
        raise ValueError("expected a time such as 90d or 12h, or a date such as 2027-01-31")
    if end <= now:
        raise ValueError("that is not in the future")
    return end


def certificate_name(text: str) -> str:
    """How the registry spells a name of a certificate: `URI:`, `DNS:` or `CN:` and the name itself.

    `spiffe://...` is a URI, `CN=...` the subject's common name, anything else a DNS name. Raises ValueError.
    """
    if not text.isprintable():
        raise ValueError("a certificate's name is printable")
    if text.startswith("CN="):
        name = text.removeprefix("CN=")
        if not name or name != name.strip():
            raise ValueError("there is no plain name behind CN=")
        return "CN:" + name
    if "://" in text and " " not in text:
        return "URI:" + text
    if not _HOST.match(text):
        raise ValueError("expected spiffe://..., a DNS name, or CN=NAME")
    return "DNS:" + text


def is_loopback(host: str) -> bool:
    """Whether `host` is a literal loopback address or `localhost`. Other names are not resolved, hence False."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
