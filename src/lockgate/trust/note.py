"""Ed25519 signatures of C2SP signed notes. Holds no key: the signer is a callable, the public key an argument.

Trusts the caller's public key, nothing in the note. Promises that the text it returns was signed by that key.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from lockgate.core.checkpoint import Note, NoteSignature, VerifierKey, check_name, parse_note


def verify_note(note: bytes, name: str, public_key: bytes) -> bytes:
    """Return the text of `note`, signed by the Ed25519 `public_key` (32 bytes) under `name`. Raises ValueError.

    1. The note has its one accepted encoding.
    2. At least one line bears our key's name and id; other keys' lines are skipped, as the specification demands.
    3. Every such line verifies over the exact text.
    """
    parsed = parse_note(note)
    key = VerifierKey(name, public_key)
    ours = [line for line in parsed.signatures if (line.name, line.key_id) == (name, key.key_id)]
    if not ours:
        raise ValueError(f"no signature by {name}+{key.key_id.hex()}")
    for line in ours:
        check_signature(line.signature, parsed.text, public_key)
    return parsed.text


def sign_note(text: bytes, name: str, public_key: bytes, sign: Callable[[bytes], bytes]) -> bytes:
    """The note over `text` with one signature. Raises ValueError when `sign` used another key than `public_key`."""
    check_name(name)
    signature = sign(text)
    check_signature(signature, text, public_key)
    note = Note(text, (NoteSignature(name, VerifierKey(name, public_key).key_id, signature),)).encode()
    if parse_note(note).text != text:
        raise ValueError("not the text of a note")
    return note


def check_signature(signature: bytes, text: bytes, public_key: bytes) -> None:
    """Raise ValueError unless `signature` (64 bytes) is one of `public_key` over `text`."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, text)
    except InvalidSignature:
        raise ValueError("the signature does not verify") from None
