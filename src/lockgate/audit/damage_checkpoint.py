"""What a log is read by when it is damaged: its key, and a signed checkpoint, its own or the best that is to be had.

A checkpoint of another copy, or the one that was last seen outside the folder, is signed as well as the log's own. It
is put back only where nothing can be lost by it: where it contains what was seen, and no entry lies beyond it. A log
that has forked is left as it lies: both trees are evidence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from lockgate.audit.cosigned import check_lines
from lockgate.audit.disk import read_file
from lockgate.audit.folder import CHECKPOINT
from lockgate.audit.log import VKEY, Log, check_vkey, signed_by, verify_checkpoint, vkey_bytes
from lockgate.audit.tiles import BOTH, TileReader
from lockgate.core.checkpoint import MAX_NOTE_BYTES, Checkpoint, Note, VerifierKey, parse_note
from lockgate.errors import LockgateError, VerificationFailed

MEND = "lockgate log verify --repair"
FROM = "lockgate log verify --repair --from DIR   # DIR: .lockgate/log of a mirror or a backup of this project"


@dataclass(frozen=True)
class Damage:
    """One thing that is wrong.

    Attributes:
        file: below the log's folder. `means`: what follows from it. `seen`: entry, byte, digests.
        repair: what a person does. `content`: what the file must hold, proved; None: nobody here knows.
        found: of the checkpoint, what lay there; None: nothing that can be read.
    """

    finding: str
    file: str
    message: str
    means: str
    repair: str
    seen: Mapping[str, object] = field(default_factory=dict)
    content: bytes | None = field(default=None, repr=False)
    found: bytes | None = field(default=None, repr=False)

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        said = {name: value for name, value in vars(self).items() if name not in {"content", "found"}}
        return {**said, "seen": dict(self.seen), "can_be_repaired": self.content is not None}


@dataclass(frozen=True)
class Trusted:
    """Whose log it must be. `last`: the note that was last seen of it, outside the folder.

    `witnesses`: who may have cosigned it; None: nobody can say now, and no line beside the log's own is judged.
    """

    public_key: bytes
    origin: str
    former: Sequence[bytes] = ()
    last: bytes | None = None
    witnesses: Sequence[VerifierKey] | None = ()


@dataclass(frozen=True)
class Chosen:
    """By what the log is read; None: by nothing. `damages`: what is wrong with its own."""

    checkpoint: Checkpoint | None
    damages: tuple[Damage, ...] = ()


def key_damages(reader: TileReader, trusted: Trusted) -> Iterator[Damage]:
    """`log.vkey` names the key that the caller trusts: LG704, or LG866 where a rotation was interrupted."""
    try:
        check_vkey(reader, trusted.public_key, trusted.origin, trusted.former)
    except VerificationFailed as error:
        unfinished = error.finding == "LG866"
        content = None if unfinished else vkey_bytes(trusted.public_key, trusted.origin)
        means = "outside verifiers are sent astray; nothing in the log is"
        repair = error.next if unfinished else MEND
        yield Damage(error.finding, VKEY, error.message, means, repair, error.seen, content)


def chosen_checkpoint(reader: TileReader, trusted: Trusted, copy: TileReader | None, beyond: int) -> Chosen:
    """The log's own checkpoint; else the other copy's, or the one last seen. `beyond`: so many entries lie here.

    1. Its own, if it is signed and not older than what was seen. Lines that nobody can check are told. Of a fork its
       own as well: what is seen of it is told, and nothing is put in its place.
    2. Else one that is signed and contains what was seen. It may be older than what lies here: then it is read by,
       and not put back, for the next writer would clear what lies beyond it.
    """
    # 1.
    own = _own(reader, trusted)
    found_here = raw_note(reader.log_dir)
    if isinstance(own, Checkpoint):
        return Chosen(own, tuple(_lines(reader.note(), trusted)))
    if own.finding == "LG708":
        forked = verify_checkpoint(reader.note(), trusted.public_key, trusted.origin)
        return Chosen(forked, (_no_checkpoint(own, None, None, beyond),))
    # 2.
    notes = list(_note(copy.log_dir)) if copy is not None else []
    notes += [trusted.last] if trusted.last is not None else []
    for note in notes:
        with suppress(LockgateError, ValueError):
            found = verify_checkpoint(note, trusted.public_key, trusted.origin)
            if _contains_seen(note, found, trusted, copy):
                whole = found.size >= beyond
                damage = _no_checkpoint(own, note if whole else None, found, beyond)
                return Chosen(found, (replace(damage, found=found_here),))
    return Chosen(None, (_no_checkpoint(own, None, None, beyond),))


def _own(reader: TileReader, trusted: Trusted) -> Checkpoint | LockgateError:
    try:
        found = verify_checkpoint(reader.note(), trusted.public_key, trusted.origin)
    except LockgateError as error:
        return error
    last = _seen(trusted)
    if last is not None and found.size < last.size:
        sizes = {"size": found.size, "last_seen_size": last.size}
        return VerificationFailed("LG707", "the log was rolled back", seen=sizes, next=FROM)
    if last is not None and found.size == last.size and found.root != last.root:
        roots = {"root": found.root.hex(), "last_seen_root": last.root.hex()}
        return VerificationFailed("LG708", "the log has forked: two trees of one size", seen=roots, next=BOTH)
    return found


def _lines(note: bytes, trusted: Trusted) -> Iterator[Damage]:
    """Beside the log's own line lie only lines of those who may have cosigned it: without the others it is whole."""
    if trusted.witnesses is None:
        return
    try:
        check_lines(note, trusted.origin, trusted.public_key, trusted.witnesses)
    except LockgateError as error:
        own, parsed = VerifierKey(trusted.origin, trusted.public_key), parse_note(note)
        line = next(one for one in parsed.signatures if (one.name, one.key_id) == (own.name, own.key_id))
        means = "whoever counts witnesses is deceived; the log's own signature holds"
        good = [one for one in parsed.signatures if one != line and _checks(Note(parsed.text, (line, one)), trusted)]
        kept = {(one.name, one.key_id): one for one in good}.values()
        content = Note(parsed.text, (line, *kept)).encode()
        yield Damage(error.finding, CHECKPOINT, error.message, means, MEND, error.seen, content, note)


def _checks(note: Note, trusted: Trusted) -> bool:
    try:
        check_lines(note.encode(), trusted.origin, trusted.public_key, trusted.witnesses or ())
    except (LockgateError, ValueError):
        return False
    return True


def _seen(trusted: Trusted) -> Checkpoint | None:
    if trusted.last is None:
        return None
    key = signed_by(trusted.last, trusted.origin, (trusted.public_key, *trusted.former))
    return None if key is None else verify_checkpoint(trusted.last, key, trusted.origin)


def _contains_seen(note: bytes, found: Checkpoint, trusted: Trusted, copy: TileReader | None) -> bool:
    """Whether a signed checkpoint is of this log as far as this machine saw it. Raises VerificationFailed."""
    last = _seen(trusted)
    if last is None or trusted.last is None or (found.size, found.root) == (last.size, last.root):
        return True
    if copy is None or found.size <= last.size:
        return False
    Log(copy, found, note).check_extends(trusted.last, trusted.public_key, trusted.origin, trusted.former)
    return True


def _no_checkpoint(error: LockgateError, note: bytes | None, found: Checkpoint | None, beyond: int) -> Damage:
    seen: dict[str, object] = {**error.seen, "entries_here": beyond}
    if found is not None:
        seen |= {"known_size": found.size, "known_root": found.root.hex()}
    if error.finding == "LG708":
        means = "whoever holds the sealer's key showed different readers different logs"
        return Damage(error.finding, CHECKPOINT, error.message, means, BOTH, seen)
    means = "nothing in the log is proved without it" if found is None else "the log is read by another signed one"
    return Damage(error.finding, CHECKPOINT, error.message, means, FROM if note is None else MEND, seen, note)


def raw_note(folder: Path) -> bytes | None:
    """The bytes of a log's checkpoint, whatever they are; None where none can be read."""
    return next(_note(folder), None)


def _note(folder: Path) -> Iterator[bytes]:
    with suppress(OSError, ValueError):
        yield read_file(folder / CHECKPOINT, MAX_NOTE_BYTES)
