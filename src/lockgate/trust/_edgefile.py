"""The edge's secrets: API-key pepper, key of the clients' pseudonyms, key of TLS. No signing key is near here.

File `<keys>/edge.json`, 0600, one exact encoding: `{"pepper": <64 hex>, "pseudonym": <64 hex>, "v": 1}`.
The key of TLS stays where the person keeps it (`[serve.tls]`): a plain PEM file, 0600, read anew when it changes.
Lost pepper: every API key must be given out anew. Leaked pepper: stored digests of 256-bit keys stay useless.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from lockgate.core.encoding import decode_exact, encode
from lockgate.errors import Refused, VerificationFailed
from lockgate.store.files import open_nofollow, read_regular
from lockgate.trust._privatefile import read_private_file
from lockgate.trust.tls_material import Material

_BYTES = 32
_MAX = 4096
_FIELDS = ({"pepper", "pseudonym", "v"}, {"payload", "pepper", "pseudonym", "subject_field", "v"})
_MOST_PEM = 1 << 20


@dataclass(frozen=True)
class EdgeSecrets:
    """32 random bytes each. Not shown by `repr`.

    `payload`, `subject_field`: whom payloads are sealed to, and which field says whom a record is about. They are no
    secrets, and in no file: the gateway gets them with these.
    """

    pepper: bytes = field(repr=False)
    pseudonym: bytes = field(repr=False)
    payload: bytes = b""
    subject_field: str = ""

    def encode(self) -> bytes:
        """The file's bytes; also, of version 2 with what goes along, what the gateway gets through a descriptor."""
        secrets: dict[str, object] = {"pepper": self.pepper.hex(), "pseudonym": self.pseudonym.hex(), "v": 1}
        if self.payload:
            secrets |= {"payload": self.payload.hex(), "subject_field": self.subject_field, "v": 2}
        return encode(secrets)


def parse_edge_secrets(data: bytes) -> EdgeSecrets:
    """Read exactly what `EdgeSecrets.encode` wrote. Raises VerificationFailed LG630."""
    try:
        value = decode_exact(data)
        if not isinstance(value, dict) or set(value) not in _FIELDS:
            raise ValueError("edge secrets have exactly pepper, pseudonym and v")
        pepper, pseudonym, payload = (bytes.fromhex(value.get(name, "")) for name in ("pepper", "pseudonym", "payload"))
        found = EdgeSecrets(pepper, pseudonym, payload, str(value.get("subject_field", "")))
        lengths = {len(found.pepper), len(found.pseudonym), len(found.payload) or _BYTES}
        if lengths != {_BYTES} or found.encode() != data:
            raise ValueError("each secret is 32 bytes in lower-case hex")
    except (ValueError, TypeError) as error:
        raise VerificationFailed(
            "LG630", f"the edge's secrets are malformed: {error}", next="lockgate doctor"
        ) from None
    return found


def edge_secrets(path: Path, randomness: Callable[[int], bytes] = os.urandom) -> EdgeSecrets:
    """The secrets in `path`, made once where there are none. The first of two racing makers wins.

    Raises:
        VerificationFailed: LG630 when the file is malformed.
        Refused: LG631 when others than its owner may read it, or it is not a plain file.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        _create(path, EdgeSecrets(randomness(_BYTES), randomness(_BYTES)).encode())
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(fd, "rb") as file:
        mode = os.fstat(fd).st_mode
        if not stat.S_ISREG(mode) or mode & 0o077:
            raise Refused(
                "LG631",
                "the edge's secrets must be a plain file that only its owner may read",
                seen={"file": str(path), "mode": oct(stat.S_IMODE(mode))},
                next=f"chmod 600 {path}",
            )
        return parse_edge_secrets(file.read(_MAX))


def tls_material(certificate: Path, key: Path, client_ca: Path | None, client: str) -> Material:
    """What is in the files of `[serve.tls]`, not judged yet. Links are followed: renewals move one.

    Raises Refused LG831 when others than its owner may read the key, LG639 when a file is not there or no text.
    """
    try:
        chain = read_regular(certificate.resolve(), _MOST_PEM).decode()
        authority = read_regular(client_ca.resolve(), _MOST_PEM).decode() if client_ca is not None else ""
        secret = _key(key.resolve()).decode()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise Refused(
            "LG639",
            f"TLS cannot be served: a file of [serve.tls] cannot be read: {why}",
            seen={"certificate": str(certificate), "key": str(key), "client_ca": str(client_ca or "")},
            next=f"ls -l {certificate} {key}",
        ) from None
    return Material(chain, secret, authority, client if authority else "none")


def _key(path: Path) -> bytes:
    """The key of TLS. systemd hands a service its credentials by an access list, which shows as a mode of 0440."""
    handed = os.environ.get("CREDENTIALS_DIRECTORY")
    if handed and path.parent == Path(handed).resolve():
        fd = open_nofollow(path)
        with os.fdopen(fd, "rb") as file:
            status = os.fstat(fd)
            if status.st_uid in {os.geteuid(), 0} and not status.st_mode & 0o037:
                return file.read(_MOST_PEM)
    return read_private_file(path, "the key of TLS")


def _create(path: Path, data: bytes) -> None:
    """Write under a name of our own, then link: the file is never seen half-written and never replaced."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(fd)
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink(missing_ok=True)
