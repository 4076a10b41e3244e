"""Certificates on model signatures: who holds the key, in the word of a root that the verifier chose.

The path from a certificate to a root is built and judged by `cryptography.x509.verification`: signatures, validity
of every certificate, name constraints, path lengths, CA flags, weak algorithms. This module adds only what a
certificate is for. No root of the operating system is ever trusted, and none that came with the signature.

What no bundle can prove: when it was made. So a certificate counts only at the time of verification (or at the time
that the caller names), unlike in the reference tool, which judges it as of its first valid second and so accepts any
that has expired. Revocation lists are not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NoReturn

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder, Store, VerificationError

from lockgate.core.moments import rfc3339
from lockgate.errors import LockgateError, Refused, Usage, VerificationFailed
from lockgate.trust.keys import PublicKey, import_public_key
from lockgate.trust.oms import Certified
from lockgate.trust.oms_bundle import MOST_CERTIFICATES

_DEEPEST = 8
_KINDS = {x509.RFC822Name: "email", x509.UniformResourceIdentifier: "uri", x509.DNSName: "dns"}
_BROKEN = (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)


class Authorities:
    """Roots that the verifier trusts to say who holds a key, asked about one moment."""

    def __init__(self, roots: Sequence[x509.Certificate], at: datetime) -> None:
        """`roots` are believed without a further word; `at` (with a time zone) is when certificates must be valid."""
        self._roots = list(roots)
        self._at = at

    @staticmethod
    def read(pem: bytes, at: datetime) -> Authorities:
        """The certificates of one or more PEM files, joined. Raises Usage (LG839)."""
        return Authorities(_load_all(pem), at)

    def certified(self, chain: Sequence[bytes]) -> Certified:
        """What the first certificate of `chain` (DER) says, if a root vouches for it.

        1. Each certificate can be read.
        2. The first one is for signing, and no authority.
        3. A path leads from it, over the others, to a root; every certificate on it is valid at this time.

        Raises VerificationFailed: LG850 (1), LG839 (2), LG838 a certificate outside its time, LG836 no path (3).
        """
        # 1.
        try:
            leaf, *others = (x509.load_der_x509_certificate(one) for one in chain)
            names = _names(leaf)
        except _BROKEN as error:
            raise VerificationFailed(
                "LG850", f"a certificate in the signature is malformed: {error}", next="sign the files again"
            ) from None
        # 2.
        key = key_for_signing(leaf, VerificationFailed)
        # 3.
        try:
            path = self._path(leaf, others, self._at)
        except (VerificationError, *_BROKEN) as error:
            self._refuse(leaf, others, error)
        root = path[-1]
        return Certified(
            key,
            names,
            _subject(root),
            leaf.fingerprint(hashes.SHA256()).hex(),
            root.fingerprint(hashes.SHA256()).hex(),
            rfc3339(min(one.not_valid_after_utc for one in path)),
        )

    def _path(
        self, leaf: x509.Certificate, others: Sequence[x509.Certificate], at: datetime
    ) -> Sequence[x509.Certificate]:
        authorities = (
            ExtensionPolicy.webpki_defaults_ca()
            .may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _for_signers)
            .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _certifies)
        )
        verifier = (
            PolicyBuilder()
            .store(Store(self._roots))
            .time(at)
            .max_chain_depth(_DEEPEST)
            .extension_policies(ca_policy=authorities, ee_policy=ExtensionPolicy.permit_all())
            .build_client_verifier()
        )
        return verifier.verify(leaf, list(others)).chain

    def _refuse(self, leaf: x509.Certificate, others: Sequence[x509.Certificate], error: Exception) -> NoReturn:
        """Word the refusal; it stands already. Would the path hold when the certificate was new, time is the reason."""
        try:
            self._path(leaf, others, leaf.not_valid_before_utc)
        except (VerificationError, *_BROKEN):
            raise VerificationFailed(
                "LG836",
                "the signer's certificate does not lead to a root that you trust",
                seen={
                    "certificate": _subject(leaf),
                    "issued_by": printable(leaf.issuer.rfc4514_string()),
                    "trusted": [_subject(root) for root in self._roots[:8]],
                    "reason": printable(str(error)),
                },
                next="give the root of the signer's authority; a missing link is added with lockgate sign --chain",
            ) from None
        spans = [one for one in (leaf, *others, *self._roots) if not within(one, self._at)]
        raise _out_of_time(spans[0] if spans else leaf, self._at, VerificationFailed)


def own_chain(certificate: bytes, others: bytes, key: PublicKey, now: datetime) -> tuple[bytes, ...]:
    """The chain (DER) to sign with: the PEM `certificate` of `key`, then those in `others`.

    Refuses what every verifier would: Usage LG832 the key is not the certificate's, LG839 it is not for signing or
    cannot be read; Refused LG838 it is not valid now.
    """
    leaf, *more = _load_all(certificate) + (_load_all(others) if others else [])
    if key_for_signing(leaf, Usage) != key:
        raise Usage(
            "LG832",
            "the private key is not the one in the certificate",
            seen={"certificate": _subject(leaf), "keyid": key.keyid},
            next="give the key that the certificate was issued for",
        )
    if not within(leaf, now):
        raise _out_of_time(leaf, now, Refused)
    if len(more) >= MOST_CERTIFICATES:
        raise _unusable(leaf, f"its chain has more than {MOST_CERTIFICATES} certificates", Usage)
    return tuple(one.public_bytes(serialization.Encoding.DER) for one in (leaf, *more))


def key_in(certificate: bytes) -> PublicKey:
    """The key of a PEM certificate that may sign code. Raises Usage (LG839)."""
    return key_for_signing(_load_all(certificate)[0], Usage)


def key_for_signing(leaf: x509.Certificate, refusal: type[LockgateError]) -> PublicKey:
    """The key of a certificate that may sign code. Raises `refusal` (LG839).

    Key usage, where it is stated, includes digitalSignature; extended key usage, where it is stated, includes code
    signing; one of them is stated. The reference tool asks for one of the two only, and so would take a signature
    made with a web server's certificate.
    """
    try:
        found = {type(extension.value): extension.value for extension in leaf.extensions}
        key = import_public_key(
            leaf.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )
    except _BROKEN as error:
        raise _unusable(leaf, str(error), refusal) from None
    usage, purposes = found.get(x509.KeyUsage), found.get(x509.ExtendedKeyUsage)
    constraints = found.get(x509.BasicConstraints)
    if key.kind == "ed25519":
        raise _unusable(leaf, "OpenSSF Model Signing knows ECDSA keys only", refusal)
    if isinstance(constraints, x509.BasicConstraints) and constraints.ca:
        raise _unusable(leaf, "it is an authority's own", refusal)
    if isinstance(usage, x509.KeyUsage) and not usage.digital_signature:
        raise _unusable(leaf, "its key usage does not include digital signatures", refusal)
    if isinstance(purposes, x509.ExtendedKeyUsage) and ExtendedKeyUsageOID.CODE_SIGNING not in purposes:
        raise _unusable(leaf, "its extended key usage does not include code signing", refusal)
    if usage is None and purposes is None:
        raise _unusable(leaf, "it does not say what its key is for", refusal)
    return key


def within(certificate: x509.Certificate, at: datetime) -> bool:
    """Whether `at` lies in the certificate's own time."""
    return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc


def printable(text: str) -> str:
    """`text` of a stranger, for a terminal: control and direction characters written as escapes."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def _certifies(_policy: object, _certificate: object, usage: x509.KeyUsage | None) -> None:
    # RFC 5280, 6.1.4 (n). The web's authorities must state a usage; `openssl req -x509` writes roots without one.
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("an authority on the path may not certify keys")


def _for_signers(_policy: object, _certificate: object, purposes: x509.ExtendedKeyUsage | None) -> None:
    if purposes is not None and ExtendedKeyUsageOID.CODE_SIGNING not in purposes:
        raise ValueError("an authority on the path may not certify keys for code signing")


def _names(leaf: x509.Certificate) -> tuple[str, ...]:
    # An authority may be constrained in one kind of name and free in the others, where it can write the same text.
    subject = f"subject:{_subject(leaf)}"
    try:
        others = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return (subject,)
    written = tuple(
        f"{kind}:{printable(other.value)}"
        for other in others
        for form, kind in _KINDS.items()
        if isinstance(other, form) and isinstance(other.value, str)
    )
    return (subject, *written) if _subject(leaf) or not written else written


def _subject(certificate: x509.Certificate) -> str:
    return printable(certificate.subject.rfc4514_string())


def _load_all(pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except _BROKEN as error:
        raise Usage(
            "LG839", f"these are no PEM certificates: {error}", next="openssl x509 -in CERT -outform PEM -out CERT.pem"
        ) from None


def _unusable(leaf: x509.Certificate, why: str, refusal: type[LockgateError]) -> LockgateError:
    return refusal(
        "LG839",
        f"the certificate cannot speak for a signed model: {why}",
        seen={"certificate": _subject(leaf)},
        next="ask the authority for a certificate with digitalSignature and codeSigning, of an EC key",
    )


def _out_of_time(certificate: x509.Certificate, at: datetime, refusal: type[LockgateError]) -> LockgateError:
    return refusal(
        "LG838",
        "a certificate is not valid at this time",
        seen={
            "certificate": _subject(certificate),
            "from": rfc3339(certificate.not_valid_before_utc),
            "until": rfc3339(certificate.not_valid_after_utc),
            "at": rfc3339(at),
        },
        next="sign again with a valid certificate; for a signature that you know is old: --at DATE",
    )
