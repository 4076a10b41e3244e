"""Offline proofs that an entry is in a log, as C2SP tlog-proof files.

c2sp.org/tlog-proof@v1 LF [ "extra " base64 LF ] "index " decimal LF { base64(hash) LF } LF <checkpoint note>
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lockgate.audit.log import Log, verify_checkpoint
from lockgate.audit.tiles import broken
from lockgate.core.checkpoint import MAX_NOTE_BYTES, Checkpoint, from_base64, to_base64
from lockgate.core.merkle import HASH_BYTES, check_inclusion, inclusion_proof, leaf_hash
from lockgate.errors import Refused

HEADER = "c2sp.org/tlog-proof@v1"
MAX_HASHES = 63
MAX_EXTRA_BYTES = 1 << 16

_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})\Z")


@dataclass(frozen=True)
class Proof:
    """What a proof file says; only `check_proof` makes it worth anything. `extra` is never authenticated."""

    index: int
    hashes: tuple[bytes, ...]
    note: bytes
    extra: bytes | None = None

    def encode(self) -> bytes:
        """The file's bytes."""
        extra = [] if self.extra is None else [f"extra {to_base64(self.extra)}"]
        lines = [HEADER, *extra, f"index {self.index}", *map(to_base64, self.hashes)]
        return "".join(line + "\n" for line in lines).encode() + b"\n" + self.note


@dataclass(frozen=True)
class Proved:
    """A leaf stands at `index` in the log that `checkpoint` commits to."""

    index: int
    checkpoint: Checkpoint


def prove(log: Log, index: int) -> bytes:
    """A proof file for the entry at `index`. Raises Refused LG714 outside the log, VerificationFailed."""
    if not 0 <= index < log.size:
        raise Refused(
            "LG714", "the log has no such entry", seen={"index": index, "size": log.size}, next="lockgate log show"
        )
    return Proof(index, tuple(inclusion_proof(index, log.size, log.subtree)), log.note).encode()


def parse_proof(data: bytes) -> Proof:
    """Read a proof file, none of which is checked. Raises ValueError unless it has its one accepted encoding."""
    head, _, note = data.partition(b"\n\n")
    if len(note) > MAX_NOTE_BYTES or len(head) > 2 * MAX_EXTRA_BYTES:
        raise ValueError("the proof is too long")
    lines = head.decode("ascii").split("\n")
    if lines.pop(0) != HEADER or not lines:
        raise ValueError(f"a proof begins with {HEADER}")
    extra = from_base64(lines.pop(0)[6:]) if lines[0].startswith("extra ") else None
    index = _INDEX.match(lines.pop(0)) if lines else None
    if index is None:
        raise ValueError("a proof names the index of its entry")
    hashes = tuple(from_base64(line) for line in lines)
    if len(hashes) > MAX_HASHES or any(len(found) != HASH_BYTES for found in hashes):
        raise ValueError(f"a proof has at most {MAX_HASHES} hashes of {HASH_BYTES} bytes")
    proof = Proof(int(index.group(1)), hashes, note, extra)
    if proof.encode() != data:
        raise ValueError("not in the one accepted encoding")
    return proof


def check_proof(proof: bytes, leaf: bytes, public_key: bytes, origin: str) -> Proved:
    """Check that `leaf` is in the log `origin` whose sealer has `public_key` (Ed25519, 32 bytes).

    1. The file has its one accepted encoding.
    2. The checkpoint in it is one of this log and signed by this key.
    3. The hashes lead from the leaf, at the index that the file names, to the checkpoint's root.

    Raises VerificationFailed LG715, LG702, LG703, LG716.
    """
    try:
        parsed = parse_proof(proof)
    except ValueError as error:
        raise broken("LG715", f"the proof is malformed: {error}") from None
    checkpoint = verify_checkpoint(parsed.note, public_key, origin)
    try:
        check_inclusion(leaf_hash(leaf), parsed.index, checkpoint.size, parsed.hashes, checkpoint.root)
    except ValueError as error:
        raise broken(
            "LG716",
            f"the proof does not show that the entry is in the log: {error}",
            index=parsed.index,
            size=checkpoint.size,
            leaf_hash=leaf_hash(leaf).hex(),
        ) from None
    return Proved(parsed.index, checkpoint)
