"""Signed notes, log checkpoints and verifier keys as text. Pure: nothing here says that a signature is good.

Sources: C2SP signed-note, tlog-checkpoint. Each parser accepts the one spelling that the writer beside it
writes, and raises ValueError on everything else. `lockgate.trust.note` checks the Ed25519 signatures.

    note         <text ending in newline> LF { "— " name " " base64(key id || signature) LF }
    checkpoint   origin LF size LF base64(root) LF { extension LF }
    vkey         name "+" 8 hex digits of the key id "+" base64(type || public key)

The type of a key is 0x01 for a log's own line, 0x04 for cosignatures (`core.cosignature`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from lockgate.core.merkle import HASH_BYTES

ED25519, COSIGNATURE = 0x01, 0x04
"""Signature types: a log's own line; a timestamped one by a witness, or the log's own heartbeat."""
KEY_ID_BYTES = 4
MAX_NOTE_BYTES = 1 << 18
MAX_SIGNATURES = 64
MAX_SIZE = (1 << 63) - 1

_DECIMAL = re.compile(r"(0|[1-9][0-9]{0,18})\Z")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True)
class NoteSignature:
    """One signature line: the key's name, its id (4 bytes) and what it signed with."""

    name: str
    key_id: bytes
    signature: bytes

    def line(self) -> str:
        """The line as it stands in a note, without its newline."""
        return f"\N{EM DASH} {self.name} {to_base64(self.key_id + self.signature)}"


@dataclass(frozen=True)
class Note:
    """The text (UTF-8, ends in newline) and the signatures over exactly those bytes."""

    text: bytes
    signatures: tuple[NoteSignature, ...]

    def encode(self) -> bytes:
        """The note's bytes."""
        return self.text + b"\n" + "".join(signature.line() + "\n" for signature in self.signatures).encode()


@dataclass(frozen=True)
class Checkpoint:
    """What a log commits to: its name, the number of leaves, the root over them."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def text(self) -> bytes:
        """The note text. Raises ValueError when a field cannot be written."""
        lines = [self.origin, str(self.size), to_base64(self.root), *self.extensions]
        text = "".join(line + "\n" for line in lines).encode()
        if parse_checkpoint(text) != self:
            raise ValueError("a checkpoint that would be read otherwise")
        return text


@dataclass(frozen=True)
class VerifierKey:
    """An Ed25519 public key (32 bytes) under a name. `kind`: what it signs, ED25519 or COSIGNATURE."""

    name: str
    public_key: bytes
    kind: int = ED25519

    @property
    def key_id(self) -> bytes:
        """The first four bytes of SHA-256(name LF type key)."""
        return hashlib.sha256(self.name.encode() + b"\n" + self._typed()).digest()[:KEY_ID_BYTES]

    def line(self) -> str:
        """`name+keyid+key`, without newline."""
        check_name(self.name)
        return f"{self.name}+{self.key_id.hex()}+{to_base64(self._typed())}"

    def _typed(self) -> bytes:
        if len(self.public_key) != 32:
            raise ValueError("an Ed25519 public key has 32 bytes")
        return bytes([self.kind]) + self.public_key


def parse_note(data: bytes) -> Note:
    """Read a signed note of at least one and at most `MAX_SIGNATURES` signatures. Raises ValueError."""
    if len(data) > MAX_NOTE_BYTES:
        raise ValueError("the note is too long")
    found = data.decode("utf-8")
    if _CONTROL.search(found):
        raise ValueError("a control character in a note")
    body, blank, rest = found.rpartition("\n\n")
    if not blank or not body or not rest.endswith("\n"):
        raise ValueError("a note is text, a blank line and signature lines")
    lines = rest[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise ValueError("too many signatures")
    note = Note((body + "\n").encode(), tuple(_signature(line) for line in lines))
    if note.encode() != data:
        raise ValueError("not in the one accepted encoding")
    return note


def parse_checkpoint(text: bytes) -> Checkpoint:
    """Read a checkpoint from the text of a note whose signature the caller has checked. Raises ValueError."""
    lines = text.decode("utf-8").split("\n")
    if len(lines) < 4 or lines.pop() or not all(lines) or any(_CONTROL.search(line) for line in lines):
        raise ValueError("a checkpoint is origin, size, root and optional extension lines")
    origin, size, root, *extensions = lines
    if not _DECIMAL.match(size) or int(size) > MAX_SIZE:
        raise ValueError(f"not a tree size: {size[:40]!r}")
    found = from_base64(root)
    if len(found) != HASH_BYTES:
        raise ValueError(f"a root has {HASH_BYTES} bytes")
    return Checkpoint(origin, int(size), found, tuple(extensions))


def parse_vkey(line: str, kind: int = ED25519) -> VerifierKey:
    """Read `VerifierKey.line` of a key of this `kind`. Raises ValueError, also for a key of another."""
    name, _, rest = line.partition("+")
    typed = from_base64(rest.partition("+")[2])
    if not typed or typed[0] != kind:
        raise ValueError("not a key for cosignatures" if kind == COSIGNATURE else "not an Ed25519 key")
    key = VerifierKey(name, typed[1:], kind)
    if key.line() != line:
        raise ValueError("not in the one accepted encoding")
    return key


def check_name(name: str) -> None:
    """Raise ValueError unless `name` may name a key: not empty, no space, no plus sign, no control character."""
    if not name or "+" in name or any(letter.isspace() for letter in name) or _CONTROL.search(name):
        raise ValueError(f"not a key name: {name[:80]!r}")


def to_base64(data: bytes) -> str:
    """Standard base64 with padding."""
    return base64.b64encode(data).decode("ascii")


def from_base64(text: str) -> bytes:
    """Read what `to_base64` wrote. Raises ValueError on any other spelling."""
    try:
        data = binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError):
        raise ValueError("not base64") from None
    if to_base64(data) != text:
        raise ValueError("not base64 in its one accepted encoding")
    return data


def _signature(line: str) -> NoteSignature:
    dash, name, encoded = [*line.split(" "), "", ""][:3]
    if dash != "\N{EM DASH}":
        raise ValueError("a signature line starts with an em dash")
    check_name(name)
    data = from_base64(encoded)
    if len(data) <= KEY_ID_BYTES:
        raise ValueError("a signature line holds a key id and a signature")
    return NoteSignature(name, data[:KEY_ID_BYTES], data[KEY_ID_BYTES:])
