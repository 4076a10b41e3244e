"""Certificate authorities and signers' certificates that exist for one test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

NOW = datetime(2026, 11, 26, 12, 0, 0, tzinfo=UTC)
CODE, SERVER = ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.SERVER_AUTH
MAIL = "ada@example.org"


@dataclass(frozen=True)
class Held:
    """A certificate and the private key in it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def der(self) -> bytes:
        """The certificate's bytes."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> bytes:
        """The certificate as people pass it on."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def write(self, folder: Path, name: str) -> Path:
        """`name.pem` and, 0600, `name.key`; the first one's path."""
        key, form = folder / f"{name}.key", serialization.PrivateFormat.PKCS8
        key.write_bytes(self.key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
        key.chmod(0o600)
        key.with_suffix(".pem").write_bytes(self.pem)
        return key.with_suffix(".pem")


def authority(
    name: str,
    issuer: Held | None = None,
    *,
    purposes: Sequence[ObjectIdentifier] = (),
    until: datetime = NOW + timedelta(days=3650),
    signs: bool = False,
    certifies: bool | None = True,
    only: x509.NameConstraints | None = None,
) -> Held:
    """A root, or a link below `issuer`; `certifies` None: without any key usage. `only`: for which names."""
    usage = x509.KeyUsage(
        digital_signature=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=bool(certifies),
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    extensions: list[tuple[x509.ExtensionType, bool]] = [(x509.BasicConstraints(ca=True, path_length=None), True)]
    if certifies is not None:
        extensions.append((usage, True))
    if only is not None:
        extensions.append((only, True))
    return _issue(name, issuer, extensions, purposes, ec.SECP256R1(), NOW - timedelta(365), until)


def leaf(
    issuer: Held,
    name: str = "Ada Lovelace",
    *,
    signs: bool | None = True,
    purposes: Sequence[ObjectIdentifier] = (CODE,),
    curve: ec.EllipticCurve | None = None,
    since: datetime = NOW - timedelta(days=30),
    until: datetime = NOW + timedelta(days=30),
    others: Sequence[x509.GeneralName] = (x509.RFC822Name(MAIL),),
) -> Held:
    """A signer's certificate; `signs` None: without any key usage. `others`: its alternative names."""
    extensions: list[tuple[x509.ExtensionType, bool]] = [(x509.SubjectAlternativeName(others), False)]
    if signs is not None:
        usage = x509.KeyUsage(
            digital_signature=signs,
            content_commitment=False,
            key_encipherment=not signs,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=False,
            crl_sign=False,
            encipher_only=False,
            decipher_only=False,
        )
        extensions.append((usage, True))
    return _issue(name, issuer, extensions, purposes, curve or ec.SECP256R1(), since, until)


def _issue(
    name: str,
    issuer: Held | None,
    extensions: Sequence[tuple[x509.ExtensionType, bool]],
    purposes: Sequence[ObjectIdentifier],
    curve: ec.EllipticCurve,
    since: datetime,
    until: datetime,
) -> Held:
    key = ec.generate_private_key(curve)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    parent = issuer.key if issuer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if issuer:
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(parent.public_key())
        builder = builder.add_extension(identifier, critical=False)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    return Held(builder.sign(parent, hashes.SHA256()), key)
