"""C2SP tlog-cosignature, the Ed25519 form: what a witness signs, and how it stands in a note. Pure.

Nothing here says that a signature is good: `lockgate.trust.note` does.

    timestamped_signature   u64 POSIX seconds, big-endian || 64 bytes of Ed25519
    signed message          "cosignature/v1" LF "time " seconds LF || the note's text (its signatures are not in it)

A cosignature says: at that time this was the largest consistent tree that the signer had seen of this log.
"""

from __future__ import annotations

from dataclasses import dataclass

from lockgate.core.checkpoint import MAX_NOTE_BYTES, MAX_SIZE, NoteSignature, parse_note

HEADER = b"cosignature/v1\n"
SIGNATURE_BYTES = 64
MAX_TIME = MAX_SIZE
MAX_LINES_BYTES = MAX_NOTE_BYTES

_TIME_BYTES = 8
_SOME_TEXT = b"-\n"
"""Stands for the note that lines without one belong to."""


@dataclass(frozen=True)
class Cosignature:
    """`time`: POSIX seconds at which it was made. `signature`: 64 bytes."""

    time: int
    signature: bytes

    def encode(self) -> bytes:
        """As it follows the key id in a signature line. Raises ValueError."""
        _check(self.time, self.signature)
        return self.time.to_bytes(_TIME_BYTES, "big") + self.signature

    @staticmethod
    def parse(data: bytes) -> Cosignature:
        """Read what `encode` wrote. Raises ValueError."""
        found = Cosignature(int.from_bytes(data[:_TIME_BYTES], "big"), data[_TIME_BYTES:])
        _check(found.time, found.signature)
        return found


def message(text: bytes, time: int) -> bytes:
    """What is signed for a checkpoint with the note text `text` at `time`. Raises ValueError."""
    _check_time(time)
    return HEADER + b"time %d\n" % time + text


def parse_lines(data: bytes) -> tuple[NoteSignature, ...]:
    """Read signature lines without their note, as a witness answers with them: at least one. Raises ValueError.

    A line whose signature nobody here knows is kept: whoever verifies skips it.
    """
    if not data or len(data) > MAX_LINES_BYTES:
        raise ValueError("no signature line, or far too many")
    note = parse_note(_SOME_TEXT + b"\n" + data)
    if note.text != _SOME_TEXT:
        raise ValueError("a blank line among signature lines")
    return note.signatures


def _check(time: int, signature: bytes) -> None:
    _check_time(time)
    if len(signature) != SIGNATURE_BYTES:
        raise ValueError(f"a cosignature is a time and {SIGNATURE_BYTES} bytes")


def _check_time(time: int) -> None:
    if not 0 <= time <= MAX_TIME:
        raise ValueError("a time beyond 2^63 - 1, or before 1970")
