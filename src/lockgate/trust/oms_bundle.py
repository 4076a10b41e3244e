"""The outer half of `model.sig`: a Sigstore bundle with either a key's hint or a chain of certificates. Pure.

    {"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
     "verificationMaterial": {"publicKey": {"hint": hex sha256(PEM)}, "tlogEntries": []}
                          or {"x509CertificateChain": {"certificates": [{"rawBytes": base64(DER)}...]}, ...}
     "dsseEnvelope": {"payload", "payloadType", "signatures": [{"sig", "keyid": ""}]}}

The first certificate is the signer's own; the others are what its signer thought helpful, in any order. Nothing in
the material is covered by the signature: whoever reads it looks up a key that it trusts for another reason. Bundles
of others are not in our encoding, so JSON is read strictly, but not compared byte by byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from lockgate.core.encoding import decode, encode
from lockgate.core.statement import PAYLOAD_TYPE
from lockgate.trust.dsse import from_base64, pae, to_base64

MEDIA_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
MOST: Final = 64 << 20
MOST_CERTIFICATES: Final = 16
MOST_CERTIFICATE: Final = 64 << 10


@dataclass(frozen=True)
class KeyHint:
    """Signed with a bare key: the hex SHA-256 of its PEM text, or None where an older tool left it out."""

    hint: str | None


@dataclass(frozen=True)
class Chain:
    """Signed with a certificate: DER, the signer's own first."""

    certificates: tuple[bytes, ...]


Material: TypeAlias = KeyHint | Chain


@dataclass(frozen=True)
class Bundle:
    """What a bundle holds; nothing of it is believed yet."""

    material: Material
    payload: bytes
    signature: bytes

    @property
    def signed(self) -> bytes:
        """The bytes that the signature covers."""
        return pae(PAYLOAD_TYPE, self.payload)

    def encode(self) -> bytes:
        """The bytes of `model.sig`."""
        return encode(
            {
                "mediaType": MEDIA_TYPE,
                "verificationMaterial": {**_written(self.material), "tlogEntries": []},
                "dsseEnvelope": {
                    "payload": to_base64(self.payload),
                    "payloadType": PAYLOAD_TYPE,
                    "signatures": [{"sig": to_base64(self.signature), "keyid": ""}],
                },
            }
        )


def parse_bundle(data: bytes) -> Bundle:
    """Read a bundle of the one media type, without any field that we do not know.

    Raises ValueError, KeyError or TypeError.
    """
    if len(data) > MOST:
        raise ValueError("too large")
    value = decode(data)
    exactly(value, {"mediaType", "verificationMaterial", "dsseEnvelope"}, "a bundle")
    if value["mediaType"] != MEDIA_TYPE:
        raise ValueError(f"media type {value['mediaType']!r}")
    envelope = value["dsseEnvelope"]
    exactly(envelope, {"payload", "payloadType", "signatures"}, "an envelope")
    if envelope["payloadType"] != PAYLOAD_TYPE:
        raise ValueError(f"payload type {envelope['payloadType']!r}")
    if not isinstance(envelope["signatures"], list) or len(envelope["signatures"]) != 1:
        raise ValueError("there is exactly one signature")
    signature = envelope["signatures"][0]
    exactly(signature, {"sig", "keyid"}, "a signature", optional={"keyid"})
    if signature.get("keyid", "") != "":
        raise ValueError("a keyid that nobody checks")
    material = _material(value["verificationMaterial"])
    return Bundle(material, from_base64(envelope["payload"]), from_base64(signature["sig"]))


def exactly(value: Any, fields: set[str], what: str, optional: set[str] | None = None) -> None:
    """Refuse an object with a field too many or too few. Raises ValueError."""
    if not isinstance(value, dict) or not fields - (optional or set()) <= set(value) <= fields:
        raise ValueError(f"{what} has exactly {', '.join(sorted(fields))}")


def _written(material: Material) -> dict[str, Any]:
    if isinstance(material, KeyHint):
        return {"publicKey": {"hint": material.hint}}
    return {"x509CertificateChain": {"certificates": [{"rawBytes": to_base64(one)} for one in material.certificates]}}


def _material(value: Any) -> Material:
    kind = "x509CertificateChain" if isinstance(value, dict) and "x509CertificateChain" in value else "publicKey"
    exactly(value, {kind, "tlogEntries"}, "key material", optional={"tlogEntries"})
    if value.get("tlogEntries", []) != []:
        raise ValueError("entries of a transparency log, which signatures by key or certificate do not have")
    if kind == "publicKey":
        exactly(value[kind], {"hint"}, "a public key hint", optional={"hint"})
        return KeyHint(value[kind].get("hint"))
    exactly(value[kind], {"certificates"}, "a chain")
    listed = value[kind]["certificates"]
    if not isinstance(listed, list) or not 0 < len(listed) <= MOST_CERTIFICATES:
        raise ValueError(f"a chain has 1 to {MOST_CERTIFICATES} certificates")
    for one in listed:
        exactly(one, {"rawBytes"}, "a certificate")
    certificates = tuple(from_base64(one["rawBytes"]) for one in listed)
    if max(map(len, certificates)) > MOST_CERTIFICATE:
        raise ValueError("a certificate is too large")
    return Chain(certificates)
