"""What is damaged beside the logs: spools, kept payloads and their keys, labels. None of it is evidence; it is told.

Nothing of this is repaired but an unfinished last line of labels, which the next writer would cut off as well.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from lockgate.audit.damage_checkpoint import MEND, Damage
from lockgate.audit.spool import read_spool
from lockgate.errors import LockgateError
from lockgate.project import payload_files
from lockgate.project.payload_files import Part
from lockgate.serve.recording import payload_format as form
from lockgate.serve.recording.label_lines import cut_torn, damaged_lines, torn_bytes
from lockgate.serve.recording.labels import LINES

SPOOLS = ("spool", "intake")
MOST = 100
"""The most that is told of one kind."""
_AGAIN = "restore the file from a backup, then: lockgate log erase --again"
_NEVER_SEALED = "what this gateway recorded after it and is not sealed is lost; what is in the log is whole"


def state_damages(home: Path) -> list[Damage]:
    """All that is damaged under `.lockgate/state`, by file. Raises OSError."""
    found: list[Damage] = []
    for check in (_spools, _payloads, _labels):
        found += [one for one, _ in zip(check(home), range(MOST), strict=False)]
    return found


def cut_labels(home: Path) -> bool:
    """Cut off what a killed writer left of a line, if nobody writes; whether there was any. Raises OSError."""
    return cut_torn(home / "state" / "feedback") > 0


def _spools(home: Path) -> Iterator[Damage]:
    for folder in SPOOLS:
        for path in sorted((home / "state" / folder).glob("*.spool")):
            try:
                offset = 0
                while (part := read_spool(path, offset)).records:
                    offset = part.offset
            except LockgateError as error:
                repair = f"copy {path.name} for the inquiry, stop its gateway: lockgate explain LG731"
                yield _damage(home, "LG731", path, error.message, _NEVER_SEALED, repair, error.seen)


def _payloads(home: Path) -> Iterator[Damage]:
    folder = home / "state" / "payloads"
    names = {path.stem for path in folder.glob(f"*{form.KEYS_ENDING}") if form.NAME.match(path.stem)}
    for part in payload_files.parts(folder):
        yield from _part(home, part)
    for data in sorted(folder.glob(f"*{form.DATA_ENDING}")):
        if data.stem not in names:
            means = "nothing in it can be read: its keys are gone"
            yield _damage(home, "LG7064", data, "kept payloads without their keys", means, f"{_AGAIN}; or remove it")


def _part(home: Path, part: Part) -> Iterator[Damage]:
    """1. Each slot is one.   2. Each data key is under a wrapping key.   3. Each payload names a slot that is there."""
    remove = f"{_AGAIN}; or remove {part.keys.name} and {part.data.name}"
    # 1. 2.
    kinds: dict[int, object] = {}
    for at, slot in enumerate(part.slots):
        try:
            kinds[at] = form.read_slot(slot)
        except ValueError as error:
            where = {"slot": at, "byte": at * form.SLOT_BYTES}
            means = "what this key opens cannot be read, and nobody can tell whose it is"
            yield _damage(home, "LG7064", part.keys, f"slot {at} is no key: {error}", means, remove, where)
            return
    for at, found in kinds.items():
        if isinstance(found, form.DataKey) and not isinstance(kinds.get(found.wrapping), bytes):
            where = {"slot": at, "byte": at * form.SLOT_BYTES}
            means = "what this key opens cannot be read"
            yield _damage(home, "LG7064", part.keys, f"slot {at} names no wrapping key", means, remove, where)
            return
    # 3.
    try:
        beyond = [slot for _, slot in part.places() if slot >= len(part.slots)]
    except LockgateError as error:
        means = "payloads after it cannot be read; the log is whole"
        yield _damage(home, "LG7064", part.data, error.message, means, remove, error.seen)
        return
    if beyond:
        where = {"slot": beyond[0], "byte": len(part.slots) * form.SLOT_BYTES}
        message = f"the file of keys is shorter than {len(beyond)} of its payloads need"
        yield _damage(home, "LG7064", part.keys, message, "those payloads cannot be read", remove, where)


def _labels(home: Path) -> Iterator[Damage]:
    path = home / "state" / "feedback" / LINES
    if torn := _torn(path):
        where = {"byte": path.stat().st_size - torn}
        means = "a writer was killed; its label was not taken"
        yield _damage(home, "LG7065", path, "the last line is not finished", means, MEND, where, b"")
    for number, offset in damaged_lines(path.parent):
        means = "monitors pass over it; the log has the label's record, if it was one"
        where = {"line": number, "byte": offset}
        again = "lockgate feedback FILE --on id"
        yield _damage(home, "LG7065", path, f"line {number} is no label", means, again, where)


def _torn(path: Path) -> int:
    """Bytes of an unfinished last line, if nobody is writing it now."""
    with suppress(FileNotFoundError, BlockingIOError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return torn_bytes(path.parent)
        finally:
            os.close(descriptor)
    return 0


def _damage(
    home: Path,
    finding: str,
    path: Path,
    message: str,
    means: str,
    repair: str,
    seen: object = None,
    content: bytes | None = None,
) -> Damage:
    where = dict(seen) if isinstance(seen, dict) else {}
    where.pop("file", None)
    return Damage(finding, str(path.relative_to(home)), message, means, repair, where, content)
