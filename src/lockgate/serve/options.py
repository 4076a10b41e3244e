"""`[serve]` of lockgate.toml."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from lockgate.core.strict import Document, Key, Kind, Table, one_of, size, text, whole
from lockgate.errors import Usage

_REDIS = r"(?:(?:redis|rediss|unix)://[^\0]+|env:[A-Za-z_][A-Za-z0-9_]*|file:(?!//)[^\0]+|cmd:[^\0]+)"
_LITERAL = object()


def _rate() -> Kind:
    units = {"s": 1.0, "min": 60.0, "h": 3600.0}

    def read(value: object) -> float:
        match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?/ ?(s|min|h)", value) if isinstance(value, str) else None
        if match is None or float(match[1]) <= 0:
            raise ValueError("the units are /s, /min, /h")
        return float(match[1]) / units[match[2]]

    form = {"type": "string", "pattern": r"^[0-9]+(?:\.[0-9]+)? ?/ ?(?:s|min|h)$"}
    return Kind('rows per time, such as "100/s"', read, form)


def _traced() -> Kind:
    def read(value: object) -> float:
        if isinstance(value, bool):
            return float(value)
        if not isinstance(value, float | int) or not 0 <= value <= 1:
            raise ValueError("a share is from 0 to 1")
        return float(value)

    shape = {"anyOf": [{"type": "boolean"}, {"type": "number", "minimum": 0, "maximum": 1}]}
    return Kind("true, false, or a share of the requests such as 0.01", read, shape)


def _redis() -> Kind:
    def read(value: object) -> object:
        if not isinstance(value, str) or not re.fullmatch(_REDIS, value):
            raise ValueError
        # Told apart later, so that no message quotes it.
        return _LITERAL if re.match(r"(redis|rediss|unix)://[^/]*@", value) else value

    expects = 'an address, or, where it holds a login, a reference: "env:NAME", "file:PATH", "cmd:COMMAND"'
    return Kind(expects, read, {"type": "string"})


RATE = _rate()

TABLE = Table(
    {
        "port": Key(whole(0, 65535), 8080, "On loopback. 0 takes a free one."),
        "rate": Key(RATE, 100.0, "Rows that one client may ask for."),
        "burst": Key(whole(1), 2000, "Rows at once before the rate holds."),
        "max_rows": Key(whole(1, 100_000), 1000, "Most records in one request."),
        "max_body": Key(size(), 1 << 20, "Largest request body."),
        "model_rate": Key(RATE, 0.0, "Rows of one model over all clients; without it, any number."),
        "unheard": Key(whole(0, 1_000_000), 120, "Bad requests a second from one address; 0: any number."),
        "oidc": Table(
            {
                "jwks": Key(text(), "", "A file with the issuer's public keys (JWKS)."),
                "issuer": Key(text(), "", "Whose tokens count: their `iss`."),
                "audience": Key(text(), "", "What the tokens must be made for: their `aud`."),
            },
            "Bearer tokens of an OpenID Connect issuer, besides API keys. All three keys, or none.",
        ),
        "tls": Table(
            {
                "certificate": Key(text(), "", "PEM file: the server's certificate, and those above it."),
                "key": Key(text(), "", "PEM file of its key, 0600. Both are read anew when they change."),
                "client_ca": Key(text(), "", "PEM file: who vouches for clients' certificates."),
                "client": Key(one_of("required", "optional"), "required", "With client_ca: must a client show one."),
            },
            "TLS, without which only loopback is served.",
        ),
        "gateways": Key(whole(1, 64), 1, "How many answer on the one port."),
        "redis": Key(_redis(), "", "Where gateways share limits: redis://HOST, rediss://HOST, unix:///PATH."),
        "redis_ca": Key(text(), "", "For rediss://: a file of the authorities that vouch for the server."),
        "subject_field": Key(text(), "", "The field that says whom a record is about; kept payloads are erased by it."),
        "traces": Key(_traced(), 0.0, "Requests that leave a span in .lockgate/state/traces."),
    }
)


@dataclass(frozen=True)
class ServeSettings:
    """`[serve]`. Rate in rows a second."""

    port: int
    rate: float
    burst: int
    max_rows: int
    max_body: int
    model_rate: float = 0.0
    unheard: int = 120
    oidc: Mapping[str, str] = field(default_factory=dict)
    traces: float = 0.0
    tls: Mapping[str, str] = field(default_factory=dict)
    gateways: int = 1
    redis: str = ""
    redis_ca: str = ""
    subject_field: str = ""


def of(document: Document) -> ServeSettings:
    """The settings that were read. Raises Usage LG124 (a login in `redis`), LG643 (`[serve.oidc]` is half said)."""
    settings = ServeSettings(**document.values["serve"])
    if settings.redis is _LITERAL:
        raise Usage(
            "LG124",
            f"{document.where('serve', 'redis')}: serve.redis holds a login: refer to the whole address instead",
            seen={"file": document.filename, "key": "redis"},
            next='refer to it: redis = "env:NAME"; and change the password, for it was in a file',
        )
    missing = sorted(key for key, value in settings.oidc.items() if not value)
    if missing and len(missing) < len(settings.oidc):
        where = f"{document.where('serve', 'oidc')}: serve.oidc needs {' and '.join(missing)} too"
        raise Usage("LG643", where, seen={"missing": missing}, next=f"edit {document.filename}")
    return settings
