"""Bearer tokens of an OpenID Connect issuer (RFC 7519, RFC 9068), verified with its published keys.

1. Bounded, and three parts.     2. Its header names one of our keys by `kid`, an algorithm that this key is for, and
nothing that must be understood beyond it; `jku`, `x5u`, `jwk` and `x5c` in it are not read.     3. The signature holds.
4. Issuer and audience are ours, and there is a subject.     5. It has begun and not ended, with a minute's leeway.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from lockgate.serve.admission.tokens import TokenSettings, parse_tokens

MOST_BYTES = 8192
LEEWAY = 60.0
KEPT = 4096
NOBODY = "\0"
"""The subject of a token that does not hold; no client can be listed with it."""
_LATEST = 2.0**53
_KINDS = frozenset({"", "jwt", "at+jwt", "application/at+jwt"})


class Bearers:
    """Verifies tokens, and remembers the ones that held until they end. Nothing of a token is kept but its digest."""

    def __init__(self, settings: TokenSettings) -> None:
        self._settings = settings
        self._held: dict[bytes, tuple[str, float]] = {}

    @staticmethod
    def of(data: bytes) -> Bearers:
        """From `tokens.render_tokens`. Raises Usage LG643, LG648."""
        return Bearers(parse_tokens(data))

    def subject(self, token: str, now: float) -> str:
        """Who the issuer says this is; NOBODY when the token does not hold. `now`: seconds since the epoch."""
        if len(token) > MOST_BYTES or token.count(".") != 2:
            return NOBODY
        digest = sha256(token.encode()).digest()
        held = self._held.get(digest)
        if held is not None:
            if now < held[1]:
                return held[0]
            del self._held[digest]
            return NOBODY
        claims = self._claims(token)
        until = ends(claims, now)
        if until <= now:
            return NOBODY
        if len(self._held) >= KEPT:
            self._held.pop(next(iter(self._held)))
        self._held[digest] = (claims["sub"], until)
        return str(claims["sub"])

    def _claims(self, token: str) -> Mapping[str, Any]:
        """What the issuer signed, for us; empty when it did not."""
        import jwt

        settings = self._settings
        try:
            header = jwt.get_unverified_header(token)
            found = settings.keys.get(header.get("kid", ""))
            kind = header.get("typ", "")
            if (
                found is None
                or {"crit", "b64"} & set(header)
                or not isinstance(kind, str)
                or kind.lower() not in _KINDS
            ):
                return {}
            return jwt.decode(
                token,
                found.key,
                algorithms=list(found.algorithms),
                issuer=settings.issuer,
                audience=settings.audience,
                options={
                    "require": ["iss", "aud", "sub", "exp"],
                    "verify_exp": False,  # by `ends`, with the clock that we are given
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            return {}


def ends(claims: Mapping[str, Any], now: float) -> float:
    """When a token with these claims ends, leeway included; 0.0 when it does not say when, or has not begun.

    `nbf` or, where the issuer writes none, `iat` must say when it began.
    """
    expires = claims.get("exp")
    begins = [claims[name] for name in ("nbf", "iat") if name in claims]
    if not begins or not all(_is_moment(value) for value in (expires, *begins)):
        return 0.0
    if max(begins) > now + LEEWAY:
        return 0.0
    return float(expires) + LEEWAY  # type: ignore[arg-type]


def _is_moment(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _LATEST
