"""What TLS is served with: a certificate chain, its key, and who vouches for clients; and their judgement. No I/O.

{"certificate": PEM chain, "client": "none" | "optional" | "required", "client_ca": PEM or "", "key": PEM, "v": 1}
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NoReturn

from lockgate.core.encoding import decode_exact, encode
from lockgate.errors import Refused, VerificationFailed

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

CLIENT = ("none", "optional", "required")


@dataclass(frozen=True)
class Material:
    """PEM texts. The key is not shown by `repr`. `client` is `none` exactly where there is no `client_ca`."""

    certificate: str
    key: str = field(repr=False)
    client_ca: str = ""
    client: str = "none"

    def encode(self) -> bytes:
        """What the gateway gets through its control socket."""
        value = {"certificate": self.certificate, "client": self.client, "client_ca": self.client_ca, "key": self.key}
        return encode({**value, "v": 1})

    @staticmethod
    def parse(data: bytes) -> Material:
        """Read exactly what `encode` wrote. Raises VerificationFailed LG637."""
        try:
            value = decode_exact(data)
            if not isinstance(value, dict) or value.pop("v", None) != 1:
                raise ValueError("not of version 1")
            if not all(isinstance(text, str) for text in value.values()):
                raise ValueError("not texts")
            found = Material(**value)
            if found.client not in CLIENT or (found.client == "none") != (not found.client_ca):
                raise ValueError("clients show certificates of an authority, or none")
        except (ValueError, TypeError) as error:
            raise VerificationFailed(
                "LG637", f"what TLS is to be served with is malformed: {error}", next="lockgate serve"
            ) from None
        return found


def check(material: Material, now: datetime) -> None:
    """Whether this can be served with `now`: what is a matter of the files, so that the person hears it at once.

    Raises Refused LG639: 1. no certificate; 2. it has expired, or is not valid yet; 3. no key, or an encrypted one;
    4. the key is another's; 5. the clients' authority is none.
    """
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    # 1. 2.
    leaf = _certificates(material.certificate, "the certificate")[0]
    if not leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc:
        _refuse(
            "the certificate is not valid now",
            **{"from": leaf.not_valid_before_utc.isoformat(), "until": leaf.not_valid_after_utc.isoformat()},
        )
    # 3.
    try:
        key = load_pem_private_key(material.key.encode(), None)
    except TypeError:
        _refuse("the key is encrypted: it must be a plain one that only its owner may read")
    except ValueError:
        _refuse("the key is no PEM private key")
    # 4.
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*form) != leaf.public_key().public_bytes(*form):
        _refuse("the key is not the one of the certificate")
    # 5.
    if material.client_ca:
        _certificates(material.client_ca, "the clients' authority")


def days_left(certificate: str, now: datetime) -> float:
    """Days until the first certificate of a PEM chain expires, negative when it has. Raises Refused LG639."""
    until = _certificates(certificate, "the certificate")[0].not_valid_after_utc
    return (until - now.astimezone(UTC)).total_seconds() / 86_400


def _certificates(pem: str, what: str) -> list[Certificate]:
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificates(pem.encode())
    except ValueError:
        _refuse(f"{what} is no PEM certificate")


def _refuse(why: str, **seen: object) -> NoReturn:
    raise Refused("LG639", f"TLS cannot be served: {why}", seen=seen, next="openssl x509 -noout -text -in CERTIFICATE")
