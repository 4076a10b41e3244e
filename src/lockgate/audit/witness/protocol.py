"""C2SP tlog-witness `add-checkpoint`: what is asked, in its one encoding, and what is answered. Pure.

old SIZE LF { base64(hash) LF } LF checkpoint          at most 63 hashes

200   signature lines                       400   no such request, or old above the checkpoint's size
403   no signature by a known key           404   unknown origin
409   the size that was cosigned last       422   the proof does not lead from there to here
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lockgate.core.checkpoint import (
    MAX_SIZE,
    Checkpoint,
    Note,
    NoteSignature,
    VerifierKey,
    from_base64,
    parse_checkpoint,
    parse_note,
    to_base64,
)
from lockgate.core.merkle import EMPTY_ROOT, HASH_BYTES, check_consistency
from lockgate.trust.note import check_signature

PATH = "/add-checkpoint"
MOST_HASHES = 63
MOST_BODY = 128 << 10
SIZE_TYPE = "text/x.tlog.size"
TEXT_TYPE = "text/plain; charset=utf-8"

_OLD = re.compile(rb"old (0|[1-9][0-9]{0,18})\n")


@dataclass(frozen=True)
class Request:
    """`old`: the size that the client believes was cosigned last. `note`: the signed checkpoint."""

    old: int
    proof: tuple[bytes, ...]
    note: bytes

    def encode(self) -> bytes:
        """The request's body. Raises ValueError with more hashes than may be sent."""
        if len(self.proof) > MOST_HASHES:
            raise ValueError(f"at most {MOST_HASHES} hashes")
        lines = b"".join(to_base64(each).encode() + b"\n" for each in self.proof)
        return b"old %d\n" % self.old + lines + b"\n" + self.note

    @staticmethod
    def parse(body: bytes) -> Request:
        """Read what `encode` wrote. The note is not looked at. Raises ValueError."""
        found = _OLD.match(body)
        if len(body) > MOST_BODY or found is None or int(found[1]) > MAX_SIZE:
            raise ValueError("no request to cosign a checkpoint: it begins with the old size")
        head, blank, note = body[found.end() - 1 :].partition(b"\n\n")
        lines = head.decode("ascii").split("\n")[1:]
        if not blank or len(lines) > MOST_HASHES:
            raise ValueError(f"after at most {MOST_HASHES} hashes comes an empty line, and then the checkpoint")
        proof = tuple(from_base64(line) for line in lines)
        if any(len(each) != HASH_BYTES for each in proof):
            raise ValueError(f"a hash has {HASH_BYTES} bytes")
        return Request(int(found[1]), proof, note)


@dataclass(frozen=True)
class Refusal:
    """What is answered instead of a cosignature. `forked`: the checkpoint is one that an honest log never signs."""

    status: int
    why: str
    size: int | None = None
    forked: bool = False
    origin: str = ""

    @property
    def body(self) -> bytes:
        """The size alone where the client needs it, else words for a person."""
        return (f"{self.size}\n" if self.size is not None else f"{self.why}\n").encode()

    @property
    def content_type(self) -> str:
        """The type of `body`."""
        return SIZE_TYPE if self.size is not None else TEXT_TYPE


@dataclass(frozen=True)
class Accepted:
    """A checkpoint that may be cosigned once it is kept. `note`: its text, with the lines that were verified."""

    checkpoint: Checkpoint
    note: Note


def origin_of(body: bytes) -> tuple[Request, Note, Checkpoint] | Refusal:
    """The request, its note and its checkpoint, as far as their form tells; nothing is verified yet."""
    try:
        request = Request.parse(body)
        note = parse_note(request.note)
        return request, note, parse_checkpoint(note.text)
    except ValueError as error:
        return Refusal(400, str(error))


def decide(
    request: Request,
    note: Note,
    checkpoint: Checkpoint,
    keys: Mapping[str, Sequence[VerifierKey]],
    last: Checkpoint | None,
) -> Accepted | Refusal:
    """What a witness does with a request. `keys`: of the logs that it knows, by origin; `last`: what it cosigned last.

    1. The origin is known (404).   2. A known key of it signed, and each line of such a key verifies (403).
    3. The old size is no larger than the checkpoint's (400), and is what was cosigned last (409).
    4. The same size has the same root (409).   5. The proof leads from the one tree to the other (422).
    """
    # 1.
    known = keys.get(checkpoint.origin, ())
    if not known:
        return Refusal(404, "this witness does not know a log of that name", origin=checkpoint.origin)
    # 2.
    lines = _signed(note, known)
    if not lines:
        return Refusal(403, "no signature by a key that this witness knows", origin=checkpoint.origin)
    # 3.
    if request.old > checkpoint.size:
        return Refusal(400, "the old size is larger than the checkpoint's", origin=checkpoint.origin)
    size, root = (last.size, last.root) if last is not None else (0, EMPTY_ROOT)
    same_size = checkpoint.size == size > 0
    if request.old != size:
        forked = same_size and checkpoint.root != root
        return Refusal(409, "another size was cosigned last", size, forked, checkpoint.origin)
    # 4.
    if same_size and checkpoint.root != root:
        return Refusal(409, "another tree of this size was cosigned", size, forked=True, origin=checkpoint.origin)
    # 5.
    try:
        _check_proof(size, root, checkpoint, request.proof)
    except ValueError as error:
        return Refusal(422, str(error), origin=checkpoint.origin)
    return Accepted(checkpoint, Note(note.text, lines))


def _check_proof(size: int, root: bytes, checkpoint: Checkpoint, proof: Sequence[bytes]) -> None:
    if size == 0:
        # Every tree begins with the empty one.
        if proof:
            raise ValueError("the proof from the empty tree is empty")
        if checkpoint.size == 0 and checkpoint.root != EMPTY_ROOT:
            raise ValueError("the empty tree has another root")
        return
    check_consistency(size, root, checkpoint.size, checkpoint.root, proof)


def _signed(note: Note, keys: Sequence[VerifierKey]) -> tuple[NoteSignature, ...]:
    """The lines by one of `keys`, one of each; none at all when one of them does not verify.

    A line that is repeated would fill the record, whose notes hold no more lines than any other.
    """
    found: dict[tuple[str, bytes], NoteSignature] = {}
    for line in note.signatures:
        for key in keys:
            if (line.name, line.key_id) == (key.name, key.key_id):
                try:
                    check_signature(line.signature, note.text, key.public_key)
                except ValueError:
                    return ()
                found.setdefault((line.name, line.key_id), line)
    return tuple(found.values())
