"""A witness's own key: it cosigns checkpoints, and can be asked for nothing else.

An Ed25519 private key as PEM, 0600, made at the first start, with a passphrase where one is set as for other keys
outside a project (LOCKGATE_PASSPHRASE_KEY, ..._FILE_KEY). It must be used for nothing else: the signed message begins
with `cosignature/v1`, and does not name the witness.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lockgate.core.checkpoint import COSIGNATURE, Note, NoteSignature, VerifierKey, check_name, parse_checkpoint
from lockgate.errors import Usage
from lockgate.trust import signer
from lockgate.trust.authority import SEALER
from lockgate.trust.note import check_cosignature, cosign, verify_cosignature
from lockgate.trust.passphrases import Passphrases


class WitnessKey:
    """`verifier`: what others verify its cosignatures with."""

    def __init__(self, name: str, public_key: bytes, sign: Callable[[bytes], bytes]) -> None:
        self.verifier = VerifierKey(name, public_key, COSIGNATURE)
        self._sign = sign

    def cosign(self, note: Note, time: int) -> NoteSignature:
        """The cosignature line over a checkpoint, at `time` (POSIX seconds). Raises ValueError for any other text."""
        parse_checkpoint(note.text)
        line = cosign(note.text, self.verifier, time, self._sign)
        check_cosignature(line, note.text, self.verifier)
        return line

    def time_of(self, note: Note) -> int:
        """When this key cosigned `note` last; -1 when it did not, or its line does not verify."""
        try:
            time = verify_cosignature(note.encode(), self.verifier)
        except ValueError:
            return -1
        return -1 if time is None else time

    def __repr__(self) -> str:
        return f"WitnessKey({self.verifier.line()})"

    def __reduce__(self) -> str:
        raise TypeError("a key does not travel")


def open_key(path: Path, name: str, *, passphrase: Callable[[], bytes] | None = None) -> tuple[WitnessKey, bool]:
    """The key in `path`, and whether it was made just now. `passphrase` gives one for a new key; None: it has none.

    Raises Usage LG832 no key of this kind, LG871 wrong passphrase, LG940 no name; Refused LG831; Unavailable LG872.
    """
    try:
        check_name(name)
    except ValueError as error:
        raise Usage("LG940", str(error), seen={"name": name[:80]}, next="lockgate log witness --help") from None
    fresh = not path.exists()
    if fresh:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        signer.save(signer.generate(SEALER), path, passphrase() if passphrase is not None else None)
    found = signer.load(path, "", Passphrases())
    if found.public.kind != "ed25519":
        raise Usage(
            "LG832",
            f"the key of a witness is an Ed25519 key, not {found.public.kind}",
            seen={"file": str(path)},
            next="lockgate log witness --key FILE",
        )
    return WitnessKey(name, found.public.raw, found.signature), fresh
