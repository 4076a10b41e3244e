"""What the fuzzers of the log start from: good ones of every kind, made with keys of their own, and near misses."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lockgate.core.checkpoint import COSIGNATURE, Checkpoint, Note, NoteSignature, VerifierKey, parse_note
from lockgate.core.merkle import consistency_proof, inclusion_proof, leaf_hash, root_of

ORIGIN = "lockgate/fuzz/events"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
LOG = VerifierKey(ORIGIN, PUBLIC)
WITNESS_KEY = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
WITNESS = VerifierKey("witness.example/w", WITNESS_KEY.public_key().public_bytes_raw(), COSIGNATURE)
LEAVES = tuple(b"entry %d" % i for i in range(9))
LONG = 1 << 17
"""Above it the readers of a proof have limits of their own."""
GATEWAY = "0123456789abcdef"


def honest_root(size: int) -> bytes:
    """Of the log that all of this is about."""
    return root_of([leaf_hash(one) for one in LEAVES[:size]]) if size <= len(LEAVES) else b""


def cosigned_last() -> Checkpoint:
    """What the witness has cosigned."""
    return Checkpoint(ORIGIN, 5, honest_root(5))


@cache
def note(size: int = len(LEAVES), *, cosigned: bool = False) -> bytes:
    """The log's checkpoint at a size."""
    from lockgate.trust.note import cosign

    text = Checkpoint(ORIGIN, size, honest_root(size)).text()
    lines = [NoteSignature(ORIGIN, LOG.key_id, KEY.sign(text))]
    if cosigned:
        lines.append(cosign(text, WITNESS, 1_800_000_000 + size, WITNESS_KEY.sign))
    return Note(text, tuple(lines)).encode()


TEXT = Checkpoint(ORIGIN, len(LEAVES), honest_root(len(LEAVES))).text()


def changed_note(data: bytes) -> bytes:
    """A real note with a piece replaced: where (two bytes), how many (one), by what (the rest)."""
    real = note(cosigned=bool(data) and bool(data[0] & 1))
    at, count = int.from_bytes(data[1:3], "big") % (len(real) + 1), data[3] if data[3:] else 0
    return real[:at] + data[4:] + real[at + count :]


def _notes() -> Iterator[bytes]:
    for size in range(10):
        yield note(size)
        yield note(size, cosigned=True)
        yield note(size).replace(b"\n\n", b"\nextension\n\n")
        yield note(size)[:-1]
        yield note(size) + note(1)


def _changes() -> Iterator[bytes]:
    yield from (b"\0\0\0\0", b"\1\0\0\0")
    for at in range(0, len(note()), 7):
        yield b"\0" + at.to_bytes(2, "big") + b"\1" + b"A"
        yield b"\1" + at.to_bytes(2, "big") + b"\1"


def _keys() -> Iterator[bytes]:
    for i in range(10):
        for kind in (1, COSIGNATURE):
            line = VerifierKey(f"log.example/{i}", bytes([i]) * 32, kind).line()
            yield from (line.encode(), line.encode() + b"\n", line.replace("+", "-", 1).encode())


def _cosignatures() -> Iterator[bytes]:
    for size in (1, 5, 9):
        lines = parse_note(note(size, cosigned=True)).signatures
        yield lines[1].signature
        yield (lines[1].line() + "\n").encode()
        yield "".join(one.line() + "\n" for one in (*lines, *lines[1:])).encode()
        for time in range(8):
            yield time.to_bytes(8, "big") + bytes(64)
    for name in ("witness.example/w", "other"):
        yield (NoteSignature(name, WITNESS.key_id, bytes(72)).line() + "\n").encode()


def _requests() -> Iterator[bytes]:
    from lockgate.audit.witness.protocol import Request

    def subtree(start: int, end: int) -> bytes:
        return root_of([leaf_hash(one) for one in LEAVES[start:end]])

    for old in range(1, 10):
        for size in range(old, 10):
            yield Request(old, tuple(consistency_proof(old, size, subtree)), note(size)).encode()
    yield Request(0, (), note(9, cosigned=True)).encode()


def _proofs() -> Iterator[bytes]:
    from lockgate.audit.prove import Proof

    for size in range(1, 10):
        for index in range(size):
            hashes = tuple(inclusion_proof(index, size, lambda a, b: root_of([leaf_hash(x) for x in LEAVES[a:b]])))
            yield Proof(index, hashes, note(size, cosigned=bool(index % 2)), b"x" * (index % 3) or None).encode()


def _tiles() -> Iterator[bytes]:
    from lockgate.audit.tiles import Tile, encode_bundle

    for level in (-1, 0, 1, 7):
        for index in (0, 5, 999, 1000, 1_234_067):
            yield Tile(level, index).path.encode()
            yield Tile(level, index, 17).path.encode()
    for count in (0, 1, 3, 9):
        yield count.to_bytes(2, "big") + encode_bundle(LEAVES[:count])
        yield count.to_bytes(2, "big") + bytes(32 * count)


def _spools() -> Iterator[bytes]:
    from lockgate.audit.spool import frame

    frames = b"".join(map(frame, LEAVES))
    yield frames
    for at in range(0, len(frames), 3):
        yield frames[:at]
    yield from (frames[:30] + b"\0" + frames[31:], frames + bytes(4096), bytes(40), frames[:30] + frames[20:])


def _records() -> Iterator[bytes]:
    from lockgate.core.digest import digest_of
    from lockgate.core.record_kinds import FeedbackRecord, FileRecord, ObservedRecord, Of, RefusedRecord, RequestRecord
    from lockgate.core.record_kinds import UnrecordedRecord as Unrecorded
    from lockgate.core.record_suspicion import SuspicionRecord
    from lockgate.core.record_window import WindowRecord
    from lockgate.core.records import PredictionRecord

    model, rows = digest_of(b"manifest"), ("ab" * 32, "cd" * 32, "ef" * 32)
    where: dict[str, Any] = {"model": model, "environment": "dev", "rung": "live"}
    of: dict[str, Any] = {**where, "client": "fe" * 8}
    suspected: dict[str, Any] = {"rule": "near", "scope": "client", "level": 2, "since": 1_750_000_000_000}
    counted: dict[str, Any] = {
        "rows": 12,
        "dropped": 3,
        "seen": 250,
        "labelled": 2,
        "stride": 8,
        "since": 1_750_000_000_000,
    }
    for seq in range(4):
        here: dict[str, Any] = {"gateway": GATEWAY, "seq": seq * 1001, "time": 1_760_000_000_000}
        for record in (
            PredictionRecord(**here, **of, input=rows[0], output=rows[1]),
            RequestRecord(**here, **of, first=seq, inputs=rows, outputs=rows[::-1], tag="0" * 32),
            RefusedRecord(**here, **of, finding="LG612", input=rows[0]),
            FeedbackRecord(**here, client="fe" * 8, label=rows[2], of_=Of(GATEWAY, seq, seq)),
            Unrecorded(**here, rows=seq + 1, since=1_750_000_000_000),
            FileRecord(**here, **of, rows=100_000, root=rows[2]),
            ObservedRecord(**here, **where, base=model, step=seq, counts={"candidate.rows": 12, "live.rows": seq + 1}),
            SuspicionRecord(**here, **of, **suspected, counts={"probes": 40, "rows": 300}),
            WindowRecord(**here, **where, life=seq, bins=((0, 0, (5, 0, 7)), (0, 12, (12,))), **counted),
        ):
            yield record.encode()


def _receipts() -> Iterator[bytes]:
    from lockgate.core.records import Receipt

    for seq in (0, 1, 9, 10, 1 << 40):
        for row in (None, 0, 7, 255):
            token = Receipt(GATEWAY, seq, bytes(range(32)), row).token().encode()
            yield from (token, token[:-1])


def _slots() -> Iterator[bytes]:
    from lockgate.serve.recording import payload_format as form

    yield bytes(64)
    for number in range(16):
        yield form.kept_slot(number, number * 1000)
        yield form.erased_slot(number)
        yield bytes([number]) * 64


def _leaves() -> Iterator[bytes]:
    from lockgate.audit.evidence import Leaf
    from lockgate.core.digest import digest_of

    for number, claim in enumerate(("roles", "register", "deploy", "judge", "erase")):
        for size in range(4):
            time = datetime(2026, 11, 1 + number, 12, 0, size, tzinfo=UTC)
            one = Leaf(claim, digest_of(bytes([number, size])), "https://lockgate.example/v1", size, time).encode()
            yield from (one, one[:-1] + b',"w":1}')


def _envelopes() -> Iterator[bytes]:
    from lockgate.core.encoding import encode
    from lockgate.core.statement import PAYLOAD_TYPE, ROLES, STATEMENT_TYPE
    from lockgate.trust.dsse import Envelope, Signature

    for number in range(32):
        statement = {
            "_type": STATEMENT_TYPE,
            "predicate": {"claim": "roles", "version": number},
            "predicateType": ROLES,
            "subject": [{"digest": {"sha256": "ab" * 32}, "name": "project"}],
        }
        signatures = tuple(Signature(f"{i:02x}" * 32, bytes(64 + i)) for i in range(number % 4))
        yield Envelope(encode(statement), PAYLOAD_TYPE, signatures).encode()


def _appended() -> Iterator[bytes]:
    from lockgate.audit.spool import frame
    from lockgate.serve.appending import spec

    frames = b"".join(map(frame, LEAVES))
    for number in range(8):
        hello = spec.said("hello", v=1, gateway=GATEWAY, next=number)
        yield hello
        yield hello + spec.said("records", frames, gateway=GATEWAY, first=number) + spec.said("ping")
        yield spec.said("have", gateway=GATEWAY, next=number, sealed=0) + spec.said("pong")
        yield spec.said("sealed", note(number), gateway=GATEWAY, next=number)
        yield spec.said("refused", gateway="", finding="LG7021", message="no")


def _archives() -> Iterator[bytes]:
    for number in range(1, 9):
        for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            made = io.BytesIO()
            with zipfile.ZipFile(made, "w", method) as archive:
                for one in range(number):
                    info = zipfile.ZipInfo(f"a/{one:03d}.json", (1980, 1, 1, 0, 0, 0))
                    info.external_attr, info.create_system, info.compress_type = 0o100644 << 16, 3, method
                    archive.writestr(info, b"{}" * one * 9)
            yield made.getvalue()
            yield made.getvalue() + b"\0"


def _manifests() -> Iterator[bytes]:
    from lockgate.audit.index.manifest import Manifest, Segment

    for count in range(4):
        for gateways in (None, {}, {GATEWAY: (0, 7)}, {GATEWAY: (3, 5), "ab" * 8: (0, 0)}):
            listed = tuple(Segment("ab" * 32, "cd" * 32, 7, i * 10, i * 10 + 9, gateways) for i in range(count))
            one = Manifest(ORIGIN, 65_536, listed).encode()
            yield from (one, one.replace(b":", b": ", 1))


SEEDS: Mapping[str, Callable[[], Iterator[bytes]]] = {
    "note": _notes,
    "signed": _changes,
    "key": _keys,
    "cosignature": _cosignatures,
    "request": _requests,
    "proof": _proofs,
    "tile": _tiles,
    "spool": _spools,
    "record": _records,
    "receipt": _receipts,
    "slot": _slots,
    "leaf": _leaves,
    "envelope": _envelopes,
    "appended": _appended,
    "evidence": _archives,
    "manifest": _manifests,
}
