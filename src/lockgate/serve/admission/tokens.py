"""`[serve.oidc]` on its way to the gateway: the supervisor reads the files, the gateway gets bytes.

{"audience": TEXT, "issuer": TEXT, "jwks": TEXT, "v": 1}        exact encoding
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lockgate.core.encoding import decode_exact, encode
from lockgate.errors import LockgateError
from lockgate.serve.admission.jwks import MAX_BYTES, VerifyingKey, parse_jwks, unusable
from lockgate.store.files import read_regular


@dataclass(frozen=True)
class TokenSettings:
    """Whose tokens count, those made for whom, and the keys that say so."""

    issuer: str
    audience: str
    keys: Mapping[str, VerifyingKey]


def render_tokens(issuer: str, audience: str, jwks: str) -> bytes:
    """What the gateway is handed as `tokens`."""
    return encode({"audience": audience, "issuer": issuer, "jwks": jwks, "v": 1})


def parse_tokens(data: bytes) -> TokenSettings:
    """Read exactly what `render_tokens` wrote. Raises Usage LG643, LG648."""
    try:
        value = decode_exact(data)
        if not isinstance(value, dict) or set(value) != {"audience", "issuer", "jwks", "v"} or value["v"] != 1:
            raise ValueError("not token settings of version 1")
        texts = (value["issuer"], value["audience"], value["jwks"])
        if not all(isinstance(text, str) and text for text in texts):
            raise ValueError("issuer, audience and jwks are texts")
    except ValueError as error:
        raise unusable(f"the token settings are malformed: {error}") from None
    return TokenSettings(texts[0], texts[1], parse_jwks(texts[2]))


def reader(path: Path, issuer: str, audience: str, say: Callable[[str], None]) -> Callable[[], bytes]:
    """A function that gives the tokens' bytes as they are on disk now; nothing but what parses is ever given.

    Raises Usage LG643, LG648 here and now when the file cannot be used. Later on such a file is said once, and what was
    read before it goes on being given: a key set that is being replaced must not lock everybody out.
    """

    def read() -> bytes:
        try:
            text = read_regular(path, MAX_BYTES).decode()
        except FileNotFoundError:
            raise unusable(f"there is no file {path}: [serve.oidc] jwks names the issuer's public keys") from None
        except UnicodeDecodeError:
            raise unusable(f"{path} is not UTF-8") from None
        return render_tokens(issuer, audience, text)

    good = seen = read()
    parse_tokens(good)
    said = ""

    def again() -> bytes:
        nonlocal good, seen, said
        try:
            data = read()
            if data != seen:
                parse_tokens(data)
                good, said = data, ""
            seen = data if data == good else seen
        except LockgateError as error:
            words = f"tokens: {error.finding} {error.message}; the keys read before it stay in force"
            if words != said:
                say(words)
            said = words
        return good

    return again
