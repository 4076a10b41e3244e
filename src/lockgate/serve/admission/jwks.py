"""The public keys that tokens are verified with: a JSON Web Key Set (RFC 7517), read from a file, never fetched.

Only what can verify one of four algorithms counts, each key for its own: `RSA` RS256 and PS256 from 2048 bits on,
`EC` P-256 ES256, `OKP` Ed25519 EdDSA. Others in the set, and those for encryption, are passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lockgate.core.encoding import decode
from lockgate.errors import Usage

MAX_BYTES = 256 << 10
_MOST_KEYS = 100
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_LEAST_BITS = 2048
_ALGORITHMS = {("RSA", ""): ("RS256", "PS256"), ("EC", "P-256"): ("ES256",), ("OKP", "Ed25519"): ("EdDSA",)}


@dataclass(frozen=True)
class VerifyingKey:
    """One public key, and the algorithms that it may be used with: never one that takes it for a shared secret."""

    key: Any
    algorithms: tuple[str, ...]


def parse_jwks(text: str) -> Mapping[str, VerifyingKey]:
    """The usable keys by `kid`; a key without one is not used.

    Raises Usage LG648 when the set holds a secret, LG643 when it is malformed, has a `kid` twice or no usable key.
    """
    try:
        value = decode(text.encode())
    except ValueError as error:
        raise unusable(f"the JWKS is not JSON: {error}") from None
    keys = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(keys, list) or len(keys) > _MOST_KEYS or not all(isinstance(one, dict) for one in keys):
        raise unusable(f'a JWKS is {{"keys": [...]}} with at most {_MOST_KEYS} keys')
    if any(_PRIVATE & set(one) for one in keys):
        raise Usage(
            "LG648",
            "the JWKS holds a private or a shared key: whoever reads it can make tokens",
            next="put the public keys only into the file, and change those keys: they were where they must not be",
        )
    found: dict[str, VerifyingKey] = {}
    for one in keys:
        algorithms, kid = _algorithms(one), one.get("kid")
        if not algorithms or not isinstance(kid, str) or not kid:
            continue
        if kid in found:
            raise unusable(f"the JWKS has the kid {kid!r} twice")
        found[kid] = VerifyingKey(_public_key(one, kid), algorithms)
    if not found:
        raise unusable("the JWKS has no key with a kid for RS256, PS256, ES256 or EdDSA")
    return found


def unusable(message: str) -> Usage:
    """Tokens cannot be verified with this."""
    return Usage("LG643", message, next="lockgate explain LG643")


def _algorithms(one: Mapping[str, Any]) -> tuple[str, ...]:
    """What this key may be used with; nothing where it is not for verifying signatures, or not one of ours."""
    uses = one.get("key_ops", ["verify"])
    if one.get("use", "sig") != "sig" or not isinstance(uses, list) or "verify" not in uses:
        return ()
    possible = _ALGORITHMS.get((str(one.get("kty")), str(one.get("crv", ""))), ())
    named = one.get("alg")
    return possible if named is None else tuple(name for name in possible if name == named)


def _public_key(one: Mapping[str, Any], kid: str) -> Any:
    from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
    from jwt.exceptions import PyJWTError

    reader: Any = {"RSA": RSAAlgorithm, "EC": ECAlgorithm, "OKP": OKPAlgorithm}[one["kty"]]
    try:
        key = reader.from_jwk(dict(one))
    except (PyJWTError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise unusable(f"the key {kid!r} in the JWKS is malformed: {error}") from None
    if one["kty"] == "RSA" and key.key_size < _LEAST_BITS:
        raise unusable(f"the key {kid!r} in the JWKS has {key.key_size} bits; at least {_LEAST_BITS} are needed")
    return key
