"""TLS of the edge: one context for new connections, made of what the supervisor hands over, exchanged while serving.

TLS 1.2 and later, forward secrecy and authenticated encryption only, no compression, no renegotiation. With a client
authority, peers show a certificate of its; what a peer is by it is read from what TLS has verified.
"""

from __future__ import annotations

import hashlib
import logging
import os
import ssl
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from lockgate.errors import VerificationFailed
from lockgate.serve.http import Certificate
from lockgate.trust.tls_material import Material, days_left

CLIENT: Final = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
MOST_NAMES = 64

_log = logging.getLogger(__name__)


class Tls:
    """The context that new connections use. `reload` exchanges it; connections that are open go on with theirs, unless
    other clients' certificates are taken from then on: `trust` is another object then, and `distrusted` is called.
    """

    def __init__(self, material: Material) -> None:
        self._material = material
        self.context = context_of(material)
        self.trust = object()
        self.distrusted: Callable[[], None] = lambda: None

    @staticmethod
    def of(data: bytes) -> Tls | None:
        """From what was handed over; None for nothing. Raises VerificationFailed LG637."""
        return Tls(Material.parse(data)) if data else None

    def reload(self, data: bytes) -> None:
        """Take over what is new. What cannot be used is warned of, and what was there goes on. Never raises."""
        try:
            if not data:
                raise _unusable("there is none any more")
            material = Material.parse(data)
            context = context_of(material)
        except VerificationFailed as error:
            _log.warning("%s %s; the certificate before it stays in use", error.finding, error.message)
            return
        before, self._material, self.context = self._material, material, context
        if (before.client, before.client_ca) != (material.client, material.client_ca):
            self.trust = object()
            self.distrusted()

    def days_left(self, now: datetime) -> float:
        """Days until the certificate in use expires, negative when it has."""
        return days_left(self._material.certificate, now)


def context_of(material: Material) -> ssl.SSLContext:
    """The server's context. Raises VerificationFailed LG637, which says what of it is wrong and never quotes it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_ciphers(CIPHERS)
    context.set_alpn_protocols(["http/1.1"])
    try:
        load_chain(context, f"{material.certificate}\n{material.key}\n".encode())
        if material.client_ca:
            context.load_verify_locations(cadata=material.client_ca)
    except (OSError, ValueError) as error:
        raise _unusable(str(getattr(error, "reason", None) or type(error).__name__)) from None
    context.verify_mode = CLIENT[material.client]
    return context


def certificate_of(connection: Any) -> Certificate | None:
    """Who the peer is by the certificate that TLS verified; None where it showed none.

    `names`: as `URI:...` and `DNS:...`, at most MOST_NAMES; other kinds of names are left out.
    """
    found: Mapping[str, Any] | None = connection.getpeercert()
    raw: bytes | None = connection.getpeercert(True)
    if not found or raw is None:
        return None
    common = [value for part in found.get("subject", ()) for name, value in part if name == "commonName"]
    names = [f"{kind}:{value}" for kind, value in found.get("subjectAltName", ()) if kind in {"URI", "DNS"}]
    digest = hashlib.sha256(raw).hexdigest()
    subject = common[0] if len(common) == 1 else ""
    return Certificate(subject, tuple(names[:MOST_NAMES]), digest, _seconds(found.get("notAfter", "")))


def _seconds(text: str) -> float:
    """A certificate's time in seconds since the epoch; long ago where it cannot be read."""
    try:
        return float(ssl.cert_time_to_seconds(text))
    except ValueError:
        return 0.0


def load_chain(context: ssl.SSLContext, pem: bytes) -> None:
    """OpenSSL reads files only: this one is memory, and gone when it is read. An encrypted key is no key here."""
    fd = os.memfd_create("tls", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(fd), "wb") as file:
            file.write(pem)
        context.load_cert_chain(f"/proc/self/fd/{fd}", password=lambda: "")
    finally:
        os.ftruncate(fd, 0)
        os.close(fd)


def _unusable(why: str) -> VerificationFailed:
    return VerificationFailed(
        "LG637", f"the TLS certificate, its key or the clients' authority cannot be used: {why}", next="lockgate doctor"
    )
