"""Who else may hand records to the sealer here: by name, a certificate's digest or a user of this machine.

`.lockgate/state/appenders.json`, 0600, kept by the user who serves, as the clients' keys are. No statement: it says who
may fill this log, which only its sealer's machine can say, and each gateway's records name the gateway for ever.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from lockgate.core.encoding import decode_exact, encode
from lockgate.errors import Refused, Unavailable, Usage, VerificationFailed
from lockgate.store.files import atomic_write, open_nofollow, read_fd
from lockgate.store.lock import lock

FILE = "appenders.json"
OWN = "this user"
"""Whoever runs the house: always an appender over the socket."""
MOST_BYTES = 4 << 20
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}\Z")
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True)
class Appender:
    """`fingerprint`: SHA-256 of its certificate, 64 hex digits, or "". `certificate`: PEM, where it was given.
    `uid`: of a user of this machine, or -1. `added`: RFC 3339.
    """

    name: str
    fingerprint: str = ""
    certificate: str = ""
    uid: int = -1
    added: str = ""


class Appenders:
    """The file in a `.lockgate` folder."""

    def __init__(self, home: Path) -> None:
        self.path = home / "state" / FILE
        self._lock = home / "state" / "locks" / "appenders"

    def read(self) -> tuple[Appender, ...]:
        """Everybody, by name; nobody where there is no file. Raises VerificationFailed LG7028, LG806."""
        try:
            descriptor = open_nofollow(self.path)
        except FileNotFoundError:
            return ()
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
                raise _damaged(self.path, "others can write it")
            data = read_fd(descriptor, MOST_BYTES)
        finally:
            os.close(descriptor)
        try:
            value = decode_exact(data)
            found = tuple(Appender(**one) for one in value["appenders"])
        except (ValueError, TypeError, KeyError):
            raise _damaged(self.path, "it is malformed") from None
        return tuple(sorted(found, key=lambda one: one.name))

    def add(self, appender: Appender) -> None:
        """Enrol. Raises Usage LG7029: the name, the certificate or the user is another's, or has not its form."""
        if not _NAME.match(appender.name):
            raise _no(f"{appender.name!r} is no name of letters, digits and hyphens")
        if bool(appender.fingerprint) == (appender.uid >= 0):
            raise _no("an appender has a certificate, or is a user of this machine")
        if appender.fingerprint and not _DIGEST.match(appender.fingerprint):
            raise _no("a fingerprint is SHA-256 of the certificate: 64 hex digits")
        with self._changing() as found:
            for other in found:
                if other.name == appender.name:
                    raise _no(f"{appender.name} is enrolled already")
                if (other.fingerprint, other.uid) == (appender.fingerprint, appender.uid):
                    raise _no(f"that one is enrolled already, as {other.name}")
            found.append(appender)

    def remove(self, name: str) -> None:
        """Take out. Raises Refused LG7029."""
        with self._changing() as found:
            rest = [one for one in found if one.name != name]
            if len(rest) == len(found):
                raise Refused("LG7029", f"there is no appender {name}", next="lockgate log appender list")
            found[:] = rest

    @contextmanager
    def _changing(self) -> Iterator[list[Appender]]:
        with lock(self._lock):
            found = list(self.read())
            yield found
            try:
                atomic_write(self.path, encode({"v": 1, "appenders": [asdict(one) for one in found]}), 0o600)
            except OSError as error:
                raise Unavailable("LG7028", f"{FILE} cannot be written: {error}", next="lockgate doctor") from None


def fingerprint_of(pem: bytes) -> str:
    """SHA-256 of the first certificate of a PEM text. Raises Usage LG7029."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        certificate = x509.load_pem_x509_certificates(pem)[0]
    except ValueError:
        raise _no("that file is no PEM certificate") from None
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


def _no(why: str) -> Usage:
    return Usage("LG7029", f"cannot be enrolled: {why}", next="lockgate log appender add --help")


def _damaged(path: Path, why: str) -> VerificationFailed:
    return VerificationFailed(
        "LG7028", f"{path.name} is not used: {why}", seen={"file": str(path)}, next=f"ls -ln {path}"
    )
