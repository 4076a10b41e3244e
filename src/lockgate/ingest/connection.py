"""The address of a PostgreSQL server, made safe: verified TLS, read-only, one host. Pure.

The address is a secret (it holds the password) and is never quoted; a refusal names its table in lockgate.toml.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from lockgate.errors import Usage
from lockgate.ingest.addresses import is_loopback

READ_ONLY = "-c default_transaction_read_only=on"
_SYSTEM_CA = "/etc/ssl/certs/ca-certificates.crt"
_PARAMETERS = ("application_name", "connect_timeout", "options", "sslmode")
_VERIFIED = ("verify-full", "verify-ca")


@dataclass(frozen=True)
class Connection:
    """`uri` is for the driver, in a jail; `secrets` is what must not be said of it; `host` may be."""

    uri: str = field(repr=False)
    host: str
    secrets: tuple[str, ...] = field(repr=False)


def connection(url: str, name: str, *, ca: str = "") -> Connection:
    """What `url` of `[data.databases.NAME]` says, with what Lockgate asks of every connection.

    1. One host, and only parameters that are known.   2. Beyond this machine the server's certificate is verified,
    against `ca` or the system's.   3. Transactions are read-only from the start. Raises Usage LG127.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
        given = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:
        raise _unusable(name, "it is not postgresql://USER:PASSWORD@HOST/DATABASE") from None
    if parts.scheme not in {"postgresql", "postgres"} or not host or "," in parts.netloc or parts.fragment:
        raise _unusable(name, "it is not postgresql://USER:PASSWORD@HOST/DATABASE, with one host")
    if not set(given) <= set(_PARAMETERS):
        raise _unusable(name, f"its parameters may be {', '.join(_PARAMETERS)}")
    if not is_loopback(host) and given.setdefault("sslmode", "verify-full") not in _VERIFIED:
        raise _unusable(name, f"beyond this machine sslmode is {' or '.join(_VERIFIED)}")
    if given.get("sslmode") in _VERIFIED:
        given["sslrootcert"] = ca or _SYSTEM_CA
    given.setdefault("connect_timeout", "15")
    given.setdefault("application_name", "lockgate")
    # The last setting of an option counts, so that a url cannot take ours back.
    given["options"] = f"{given.get('options', '')} {READ_ONLY}".strip()
    uri = urlunsplit(("postgresql", parts.netloc, parts.path, urlencode(given, quote_via=quote), ""))
    password = parts.password or ""
    return Connection(uri, host, tuple({url, uri, password, unquote(password)} - {""}))


def _unusable(name: str, why: str) -> Usage:
    return Usage(
        "LG127",
        f"the url of [data.databases.{name}] cannot be used: {why}",
        seen={"database": name},
        next="change what the reference gives",
    )
