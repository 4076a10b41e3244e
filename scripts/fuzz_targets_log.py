"""What is fuzzed of the log: every parser of what a stranger, a gateway or a disk may put there.

Beside "no accident" each target holds its parser to a promise: what it accepts is the one spelling of what it read,
two readers of one format agree, and so do the product and the verifier that shares no code with it.
"""

from __future__ import annotations

import importlib
import io
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

from scripts.fuzz_form import Fuzzed, may_refuse

VERIFIER = Path(__file__).resolve().parents[1] / "verifier"


def note(data: bytes) -> None:
    """A signed note, and the checkpoint in it."""
    from lockgate.core.checkpoint import parse_checkpoint, parse_note

    ours = _or_none(lambda: parse_note(data))
    theirs = _or_none(lambda: _verifier().read_note(data))
    _same(ours is None, theirs is None)
    if ours is not None:
        _same(data, ours.encode())
        _same((ours.text, tuple((one.name, one.key_id, one.signature) for one in ours.signatures)), _note(theirs))
        checkpoint = _or_none(lambda: parse_checkpoint(ours.text))
        if checkpoint is not None:
            _same(ours.text, checkpoint.text())


def signed(data: bytes) -> None:
    """A checkpoint whose signature is verified: the first byte says which of the real ones is changed, and how."""
    from lockgate.audit.log import verify_checkpoint
    from lockgate.errors import VerificationFailed
    from scripts import fuzz_seeds_log as seeds

    note = seeds.changed_note(data)
    ours = may_refuse(lambda: verify_checkpoint(note, seeds.PUBLIC, seeds.ORIGIN), VerificationFailed)
    verifier = _verifier()
    theirs = may_refuse(lambda: verifier.read_checkpoint(note, seeds.ORIGIN, seeds.PUBLIC), ValueError, verifier.Fault)
    _same(ours is None, theirs is None)
    if ours is not None:
        _same(seeds.TEXT, note[: len(seeds.TEXT)])


def key(data: bytes) -> None:
    """A verifier key as a line."""
    from lockgate.core.checkpoint import COSIGNATURE, ED25519, parse_vkey

    line = data.decode("utf-8", "replace")
    for kind in (ED25519, COSIGNATURE):
        found = _or_none(partial(parse_vkey, line, kind))
        _same(line, line if found is None else found.line())
        if kind == COSIGNATURE:
            theirs = _or_none(lambda: _verifier().read_witness(line))
            _same(None if found is None else (found.name, found.public_key), theirs)


def cosignature(data: bytes) -> None:
    """A witness's answer: signature lines, and what is in them; and beside the checkpoint that they are of."""
    from lockgate.audit.cosigned import cosignatures
    from lockgate.core.cosignature import Cosignature, parse_lines
    from lockgate.errors import VerificationFailed
    from scripts import fuzz_seeds_log as seeds

    one = _or_none(lambda: Cosignature.parse(data))
    _same(data, data if one is None else one.encode())
    lines = _or_none(lambda: parse_lines(data))
    if lines is not None:
        _same(data, "".join(line.line() + "\n" for line in lines).encode())
        note = seeds.note() + data
        if _or_none(lambda: _verifier().read_note(note)) is not None:
            named = {"w": seeds.WITNESS}
            ours = may_refuse(lambda: cosignatures(note, named), VerificationFailed)
            theirs = may_refuse(lambda: _cosigned(note), _verifier().Fault)
            _same(ours, theirs)


def request(data: bytes) -> None:
    """The body of an add-checkpoint request, and what a witness decides."""
    from lockgate.audit.witness.protocol import Accepted, Refusal, Request, decide, origin_of
    from scripts import fuzz_seeds_log as seeds

    found = _or_none(lambda: Request.parse(data))
    _same(data, data if found is None else found.encode())
    asked = origin_of(data)
    if not isinstance(asked, Refusal):
        decided = decide(*asked, {seeds.ORIGIN: [seeds.LOG]}, seeds.cosigned_last())
        if isinstance(decided, Accepted):
            _same(True, decided.checkpoint.size >= seeds.cosigned_last().size)
            _same(seeds.honest_root(decided.checkpoint.size), decided.checkpoint.root)


def proof(data: bytes) -> None:
    """A tlog-proof file: both readers read the same, and both verify the same."""
    from lockgate.audit.prove import check_proof, parse_proof
    from lockgate.core.checkpoint import MAX_NOTE_BYTES
    from lockgate.errors import VerificationFailed
    from scripts import fuzz_seeds_log as seeds

    verifier = _verifier()
    ours = _or_none(lambda: parse_proof(data))
    theirs = _or_none(lambda: verifier.read_proof(data))
    if ours is not None:
        _same(data, ours.encode())
        _same((ours.index, ours.hashes, ours.note), (theirs.index, theirs.path, theirs.note) if theirs else None)
    elif theirs is not None and len(theirs.note) <= MAX_NOTE_BYTES:
        # It looks at the length of a hash only when it computes with it.
        _same(True, any(len(one) != 32 for one in theirs.path) or len(data) > seeds.LONG)
    index = ours.index if ours is not None else 0
    for leaf in (seeds.LEAVES[index % len(seeds.LEAVES)], seeds.LEAVES[(index + 1) % len(seeds.LEAVES)]):
        one = may_refuse(partial(check_proof, data, leaf, seeds.PUBLIC, seeds.ORIGIN), VerificationFailed)
        other = may_refuse(
            partial(verifier.check_proof, data, leaf, seeds.ORIGIN, seeds.PUBLIC), ValueError, verifier.Fault
        )
        _same(None if one is None else one.index, None if other is None else other[0])
        if one is not None:
            _same(seeds.LEAVES[one.index], leaf)


def tile(data: bytes) -> None:
    """A tile's path; and its bytes, as hashes and as a bundle of as many entries as the first two bytes say."""
    from lockgate.audit.tiles import encode_bundle, parse_bundle, parse_hashes, parse_path

    path = data.decode("utf-8", "replace")
    found = _or_none(lambda: parse_path(path))
    _same(path, path if found is None else found.path)
    count, rest = int.from_bytes(data[:2], "big"), data[2:]
    entries = _or_none(lambda: parse_bundle(rest, count))
    if entries is not None:
        _same((count, rest), (len(entries), encode_bundle(entries)))
    hashes = _or_none(lambda: parse_hashes(rest, count))
    if hashes is not None:
        _same((count, rest), (len(hashes), b"".join(hashes)))


def spool(data: bytes) -> None:
    """A gateway's file: whole records from the front, and opening it for writing takes none of them away."""
    from lockgate.audit.spool import Spool, frame, read_spool
    from lockgate.errors import VerificationFailed

    path = _scratch() / "spool"
    path.write_bytes(data)

    def read() -> tuple[list[bytes], bool]:
        records, offset = list[bytes](), 0
        while True:
            try:
                part = read_spool(path, offset)
            except VerificationFailed:
                return records, False
            if not part.records:
                return records, True
            records += part.records
            offset = part.offset

    before, well = read()
    _same(True, data.startswith(b"".join(map(frame, before))))
    try:
        with Spool(path) as one:
            _same(True, well)
            one.append([b"one more"])
    except VerificationFailed:
        _same(False, well)
        _same(data, path.read_bytes())
        return
    _same(([*before, b"one more"], True), read())


def record(data: bytes) -> None:
    """A prediction record: the quick reader accepts what the strict one does, and says the same of it."""
    from lockgate.core.record_kinds import parse_any
    from lockgate.core.record_scan import answered, place_of

    strict = _or_none(lambda: parse_any(data))
    quick = _or_none(lambda: place_of(data))
    _same(None if strict is None else (strict.gateway.encode(), strict.seq), quick)
    if strict is not None:
        _same(data, strict.encode())
        answered(data)
        value = _verifier().read_record(data)
        _same((strict.gateway, strict.seq), (value["gateway"], value["seq"]))


def receipt(data: bytes) -> None:
    """A receipt's token."""
    from lockgate.core.records import parse_receipt

    token = data.decode("utf-8", "replace")
    found = _or_none(lambda: parse_receipt(token))
    _same(token, token if found is None else found.token())


def slot(data: bytes) -> None:
    """A slot of payload keys, as a disk or another process left it."""
    from lockgate.serve.recording.payload_format import began, erased_day, kept_days, read_slot

    slot = data[:64]
    days, day = kept_days(slot), erased_day(slot)
    began(slot)
    if _or_none(lambda: (read_slot(slot),)) is None:
        _same((None, None), (days, day))


def leaf(data: bytes) -> None:
    """A leaf of the event log."""
    from lockgate.audit.evidence import Leaf

    ours = _or_none(lambda: Leaf.parse(data))
    theirs = _or_none(lambda: _verifier().read_leaf(data))
    if ours is not None:
        _same(data, ours.encode())
        _same((ours.digest, ours.size), (theirs["digest"], theirs["size"]) if theirs else None)
    elif theirs is not None:  # it compares the words with those of the statement
        _same(False, isinstance(theirs["claim"], str) and isinstance(theirs["predicateType"], str))


def envelope(data: bytes) -> None:
    """A signed statement, and the roles file that it may be."""
    from lockgate.errors import VerificationFailed
    from lockgate.trust.dsse import Envelope
    from lockgate.trust.roles import Roles

    ours = may_refuse(lambda: Envelope.parse(data), VerificationFailed)
    theirs = _or_none(lambda: _verifier().read_envelope(data))
    if ours is None:
        return
    _same(data, ours.encode())
    _same(True, theirs is not None)
    _same(ours.signed, theirs.signed)
    statement = may_refuse(ours.statement, VerificationFailed)
    if statement is not None:
        may_refuse(lambda: Roles.from_predicate(statement.predicate), VerificationFailed)
        may_refuse(lambda: _verifier().read_statement(ours.payload), ValueError)


def appended(data: bytes) -> None:
    """What an appender sends to the intake, in pieces of any size."""
    from lockgate.core.wire import Assembler, WireError
    from lockgate.serve.appending import spec

    def heard(pieces: list[bytes]) -> list[object]:
        found: list[object] = []
        assembler = Assembler(spec.MOST_PAYLOAD)
        try:
            for piece in pieces:
                for frame in assembler.feed(piece):
                    found.append((frame.header, bytes(frame.payload)))
                    may_refuse(partial(spec.checked, frame), WireError)
        except WireError:
            found.append("refused")
        return found

    step = 1 + data[0] % 61 if data else 1
    _same(heard([data]), heard([data[at : at + step] for at in range(0, len(data), step)]))


def archive_of_evidence(data: bytes) -> None:
    """A ZIP with evidence: what the product takes for one, the verifier does, with the same files; and vice versa."""
    import zipfile
    import zlib

    from lockgate.project import offline_zip

    refusals = (zipfile.BadZipFile, zlib.error, NotImplementedError, ValueError, EOFError, RuntimeError)
    ours = may_refuse(lambda: offline_zip._read(data), *refusals)  # noqa: SLF001 - the form, without the index
    verifier = _verifier()
    import struct

    theirs = may_refuse(
        lambda: verifier.read_archive(io.BytesIO(data)), verifier.Fault, ValueError, struct.error, zlib.error
    )
    _same(ours, None if theirs is None else {name: one.data for name, one in theirs.items()})


def manifest(data: bytes) -> None:
    """The list of an index's segments."""
    from lockgate.audit.index.manifest import Manifest

    found = _or_none(lambda: Manifest.parse(data))
    _same(data, data if found is None else found.encode())


def _seeds(name: str) -> Iterator[bytes]:
    """Only who wants them loads what they are made with: that is what is to be instrumented."""
    from scripts.fuzz_seeds_log import SEEDS

    return SEEDS[name]()


@cache
def _verifier() -> Any:
    """The verifier of one file."""
    if str(VERIFIER) not in sys.path:
        sys.path.insert(0, str(VERIFIER))
    return importlib.import_module("lockgate_verify")


@cache
def _scratch() -> Path:
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="lockgate-fuzz-", dir=memory if memory.is_dir() else None))


def _or_none(work: Callable[[], Any]) -> Any:
    return may_refuse(work, ValueError)


def _same(expected: object, found: object) -> None:
    if expected != found:
        raise AssertionError(f"not the same: {str(expected)[:300]} and {str(found)[:300]}")


def _note(found: Any) -> object:
    return None if found is None else (found.text, found.lines)


def _cosigned(note: bytes) -> dict[str, int]:
    from scripts import fuzz_seeds_log as seeds

    verifier = _verifier()
    time = verifier.cosigned(verifier.read_note(note), seeds.WITNESS.name, seeds.WITNESS.public_key)
    return {} if time is None else {"w": time}


_VERIFIES = ("lockgate_verify",)
_TARGETS: Mapping[str, tuple[Callable[[bytes], None], tuple[str, ...]]] = {
    "note": (note, ("lockgate.core.checkpoint", *_VERIFIES)),
    "signed": (signed, ("lockgate.audit.log", *_VERIFIES)),
    "key": (key, ("lockgate.core.checkpoint", *_VERIFIES)),
    "cosignature": (cosignature, ("lockgate.audit.cosigned", *_VERIFIES)),
    "request": (request, ("lockgate.audit.witness.protocol",)),
    "proof": (proof, ("lockgate.audit.prove", *_VERIFIES)),
    "tile": (tile, ("lockgate.audit.tiles",)),
    "spool": (spool, ("lockgate.audit.spool",)),
    "record": (record, ("lockgate.core.record_scan", "lockgate.core.record_kinds", *_VERIFIES)),
    "receipt": (receipt, ("lockgate.core.records",)),
    "slot": (slot, ("lockgate.serve.recording.payload_format",)),
    "leaf": (leaf, ("lockgate.audit.evidence", *_VERIFIES)),
    "envelope": (envelope, ("lockgate.trust.dsse", "lockgate.trust.roles", *_VERIFIES)),
    "appended": (appended, ("lockgate.core.wire", "lockgate.serve.appending.spec")),
    "evidence": (archive_of_evidence, ("lockgate.project.offline_zip", *_VERIFIES)),
    "manifest": (manifest, ("lockgate.audit.index.manifest",)),
}

TARGETS: Mapping[str, Fuzzed] = {
    f"log-{name}": Fuzzed(target, seeds=partial(_seeds, name), modules=modules)
    for name, (target, modules) in _TARGETS.items()
}
