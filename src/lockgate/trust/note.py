"""Ed25519 signatures of C2SP signed notes, plain and as timestamped cosignatures. Holds no key.

The signer is a callable, the public key an argument.

Trusts the caller's public key, nothing in the note. Promises that the text it returns was signed by that key.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from lockgate.core.checkpoint import COSIGNATURE, Note, NoteSignature, VerifierKey, check_name, parse_note
from lockgate.core.cosignature import Cosignature, message


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


def verify_cosignature(note: bytes, key: VerifierKey) -> int | None:
    """When `key` (of kind COSIGNATURE) cosigned `note`, in POSIX seconds; None when it did not.

    Of several lines by this key each must verify, and the newest counts. Lines of other keys are skipped. The note's
    own signature is not looked at: the caller verifies it. Raises ValueError: a line that bears this key's name and id
    does not verify, or the note has no form.
    """
    parsed = parse_note(note)
    times = [
        check_cosignature(line, parsed.text, key)
        for line in parsed.signatures
        if (line.name, line.key_id) == (key.name, key.key_id)
    ]
    return max(times, default=None)


def check_cosignature(line: NoteSignature, text: bytes, key: VerifierKey) -> int:
    """The time of a cosignature line by `key` over the note text `text`. Raises ValueError unless it is one."""
    if (line.name, line.key_id, COSIGNATURE) != (key.name, key.key_id, key.kind):
        raise ValueError(f"no cosignature by {key.name}+{key.key_id.hex()}")
    found = Cosignature.parse(line.signature)
    check_signature(found.signature, message(text, found.time), key.public_key)
    return found.time


def cosign(text: bytes, key: VerifierKey, time: int, sign: Callable[[bytes], bytes]) -> NoteSignature:
    """A cosignature line by `key` over a checkpoint's note text. `sign` is believed to use that key. ValueError."""
    return NoteSignature(key.name, key.key_id, Cosignature(time, sign(message(text, time))).encode())
