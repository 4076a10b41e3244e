"""A doorman with clocks of its own, clients with known keys, and an issuer of tokens."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from lockgate.serve import rules
from lockgate.serve.admission.admission import Admission
from lockgate.serve.admission.tokens import render_tokens
from lockgate.serve.clients import render_clients
from lockgate.serve.declined import Declined
from lockgate.serve.http import Certificate, Head, Peer
from lockgate.serve.spec import Caps, Client

PEPPER = b"p" * 32
WALL = 1_795_000_000.0
"""2026-11-18, 11:06:40 UTC."""
KEY = rules.new_key(b"k" * 32)
ISSUER, AUDIENCE = "https://issuer.example", "lockgate-test"


def client(key: str = KEY, **changes: Any) -> Client:
    """A client with this key, or with none."""
    settled: dict[str, Any] = {"name": "ada", "kind": "external", "created": "", "rate": 10.0, "burst": 100} | changes
    return Client(digest=rules.key_digest(PEPPER, key) if key else "", **settled)


def head(
    authorization: str | None = f"Bearer {KEY}", *, address: str = "192.0.2.1", certificate: Certificate | None = None
) -> Head:
    """A request's head."""
    headers = {} if authorization is None else {"authorization": authorization}
    return Head("POST", "/predict", headers, Peer(address, certificate=certificate))


@dataclass
class Door:
    """A doorman. `now`: monotonic; `wall`: seconds since the epoch."""

    clients: Sequence[Client] = (client(),)
    caps: Caps = field(default_factory=Caps)
    more: dict[str, Any] = field(default_factory=dict)
    now: float = 1000.0
    wall: float = WALL

    def __post_init__(self) -> None:
        self.admission = Admission(
            environment="dev",
            caps=self.caps,
            pepper=PEPPER,
            clock=lambda: self.now,
            wall=lambda: self.wall,
            **self.more,
        )
        self.admission.reload("clients", render_clients(self.clients))

    def asks(self, asked: Head | None = None) -> Client:
        """Steps 1 and 2. Raises Declined."""
        asked = head() if asked is None else asked
        self.admission.unheard(asked.peer)
        return self.admission.authenticate(asked)

    def status(self, asked: Head | None = None) -> int:
        """What steps 1 and 2 come to."""
        try:
            self.asks(asked)
        except Declined as declined:
            return declined.status
        return 200


@dataclass
class Issuer:
    """An OpenID Connect issuer with one key."""

    key: Any
    algorithm: str
    kid: str = "one"

    @staticmethod
    def of(algorithm: str) -> Issuer:
        """With a new key for this algorithm."""
        if algorithm == "ES256":
            return Issuer(ec.generate_private_key(ec.SECP256R1()), algorithm)
        if algorithm == "EdDSA":
            return Issuer(ed25519.Ed25519PrivateKey.generate(), algorithm)
        return Issuer(rsa.generate_private_key(65537, 2048), algorithm)

    def jwk(self, **more: Any) -> dict[str, Any]:
        """The public key as it is published."""
        names = {"ES256": jwt.algorithms.ECAlgorithm, "EdDSA": jwt.algorithms.OKPAlgorithm}
        kind: Any = names.get(self.algorithm, jwt.algorithms.RSAAlgorithm)
        return {**json.loads(kind.to_jwk(self.key.public_key())), "kid": self.kid, "use": "sig"} | more

    def settings(self, *others: dict[str, Any]) -> bytes:
        """What the gateway is handed."""
        return render_tokens(ISSUER, AUDIENCE, json.dumps({"keys": [self.jwk(), *others]}))

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Of a token that holds for five minutes. A change to None takes a claim out."""
        settled = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "service-7",
            "iat": int(WALL),
            "nbf": int(WALL),
            "exp": int(WALL) + 300,
        } | changes
        return {name: value for name, value in settled.items() if value is not None}

    def token(self, headers: dict[str, Any] | None = None, **changes: Any) -> str:
        """A signed token."""
        named = {"kid": self.kid} | (headers or {})
        return jwt.encode(self.claims(**changes), self.key, algorithm=self.algorithm, headers=named)
