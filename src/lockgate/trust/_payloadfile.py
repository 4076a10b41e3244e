"""The key that opens kept payloads: X25519, in the clear, in the project's key folder. The gateway never has it.

File `<keys>/payload.json`, 0600, one exact encoding: `{"private": <64 hex>, "v": 1}`. Destroyed, every kept payload is.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from lockgate.core.encoding import decode_exact, encode
from lockgate.errors import VerificationFailed
from lockgate.trust._edgefile import edge_secrets
from lockgate.trust._privatefile import read_private_file

FILE = "payload.json"
_BYTES = 32


def payload_key(folder: Path, *, make: bool) -> X25519PrivateKey:
    """The key in `folder`; with `make`, made once where there is none. The first of two racing makers wins.

    Raises VerificationFailed LG669 when the file is malformed or missing, Refused LG831 when others may read it.
    """
    path = folder / FILE
    if make and not path.exists():
        _create(path)
    try:
        return _parse(path, read_private_file(path, "the key of kept payloads"))
    except OSError as error:
        raise _malformed(path, str(error)) from None


def handed_secrets(folder: Path, subject_field: str = "") -> bytes:
    """What the gateway gets: the edge's secrets, and of this key the public half. Raises as `edge_secrets`."""
    public = payload_key(folder, make=True).public_key().public_bytes_raw()
    return replace(edge_secrets(folder / "edge.json"), payload=public, subject_field=subject_field).encode()


def _parse(path: Path, data: bytes) -> X25519PrivateKey:
    try:
        value = decode_exact(data)
        if not isinstance(value, dict) or set(value) != {"private", "v"} or value["v"] != 1:
            raise ValueError("it has exactly private and v")
        private = bytes.fromhex(value["private"])
        if len(private) != _BYTES or _encoded(private) != data:
            raise ValueError("the key is 32 bytes in lower-case hex")
    except (ValueError, TypeError) as error:
        raise _malformed(path, str(error)) from None
    return X25519PrivateKey.from_private_bytes(private)


def _encoded(private: bytes) -> bytes:
    return encode({"private": private.hex(), "v": 1})


def _create(path: Path) -> None:
    """Write under a name of our own, then link: the file is never seen half-written and never replaced."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(_encoded(os.urandom(_BYTES)))
            file.flush()
            os.fsync(descriptor)
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink(missing_ok=True)


def _malformed(path: Path, why: str) -> VerificationFailed:
    return VerificationFailed(
        "LG669", f"the key of kept payloads cannot be read: {why}", seen={"file": str(path)}, next="lockgate serve"
    )
