"""The edge's secrets: the API-key pepper and the key of the clients' pseudonyms. No signing key is near here.

File `<keys>/edge.json`, 0600, one exact encoding: `{"pepper": <64 hex>, "pseudonym": <64 hex>, "v": 1}`.
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

_BYTES = 32
_MAX = 4096


@dataclass(frozen=True)
class EdgeSecrets:
    """32 random bytes each. Not shown by `repr`."""

    pepper: bytes = field(repr=False)
    pseudonym: bytes = field(repr=False)

    def encode(self) -> bytes:
        """The file's bytes; also what the gateway gets through a descriptor."""
        return encode({"pepper": self.pepper.hex(), "pseudonym": self.pseudonym.hex(), "v": 1})


def parse_edge_secrets(data: bytes) -> EdgeSecrets:
    """Read exactly what `EdgeSecrets.encode` wrote. Raises VerificationFailed LG630."""
    try:
        value = decode_exact(data)
        if not isinstance(value, dict) or set(value) != {"pepper", "pseudonym", "v"} or value["v"] != 1:
            raise ValueError("edge secrets have exactly pepper, pseudonym and v")
        found = EdgeSecrets(bytes.fromhex(value["pepper"]), bytes.fromhex(value["pseudonym"]))
        if len(found.pepper) != _BYTES or len(found.pseudonym) != _BYTES or found.encode() != data:
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
