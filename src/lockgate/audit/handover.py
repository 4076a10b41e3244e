"""The sealer's key is rotated: what makes the two logs whole again after a process was killed in between.

    events       the roles file that names the new key is the first entry under a checkpoint by the new key
    predictions  the same tree, signed anew, as soon as the event log says so

Each log has one commit point, the rename of its checkpoint; `log.vkey` follows it. So a killed process leaves one of:

    checkpoint.next signed by the new key    -> carried through: what was signed must stay true (`mend`)
    checkpoint by the new key, vkey of old   -> the vkey is written (`mend`, `renew`)
    prediction log still by the former key   -> signed anew (`renew`)

Whoever stole the former key must not have a log signed anew by the new one. So `renew` wants a checkpoint last seen,
outside of `.lockgate`, which is still by a former key: once it is by the new key, the rotation was finished.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from lockgate.audit.disk import Disk, locked, read_file
from lockgate.audit.folder import NEXT_CHECKPOINT, NEXT_VKEY
from lockgate.audit.log import Log, check_vkey, signed_by, verify_checkpoint
from lockgate.audit.seal import Sealer, Sign, carry, write_vkey
from lockgate.audit.seen import SeenStore
from lockgate.audit.tiles import TileReader
from lockgate.core.checkpoint import MAX_NOTE_BYTES, parse_checkpoint, parse_note
from lockgate.errors import LockgateError, VerificationFailed

Keys = Callable[[Sequence[bytes]], tuple[bytes, ...]]
"""The sealer's keys that the leaves of an event log establish, the one in force last. Raises VerificationFailed."""


def is_unfinished(log_dir: Path) -> bool:
    """Whether a process was killed in this log, as far as names tell."""
    return any((log_dir / name).exists() for name in (NEXT_CHECKPOINT, NEXT_VKEY))


def mend(log_dir: Path, *, origin: str, keys: Keys, disk: Disk | None = None) -> None:
    """Finish a hand-over of the event log. Needs no key: everything that matters has been signed.

    1. A whole checkpoint.next, by the key that the roles files up to there name, over a tree that contains this
       one, is published. Anything else is left to the next writer.
    2. Where the checkpoint is by the key in force, log.vkey names it, if it named a former one.

    Raises VerificationFailed: the log does not verify.
    """
    disk, reader = disk or Disk(), TileReader(log_dir)
    with locked(log_dir):
        if (log_dir / NEXT_VKEY).exists():
            disk.remove(log_dir / NEXT_VKEY)
        # 1.
        if _is_carried(reader, origin, keys):
            carry(log_dir, read_file(log_dir / NEXT_CHECKPOINT, MAX_NOTE_BYTES), disk)
        # 2.
        *former, key = keys(list(reader.entries(0, reader.claimed_size())))
        verify_checkpoint(reader.note(), key, origin)
        _follow(reader, key, origin, former, disk)


def needs_renewal(log_dir: Path, *, origin: str, key: bytes, former: Sequence[bytes]) -> bool:
    """Whether `renew` has anything to do: the checkpoint or log.vkey is a former key's."""
    reader = TileReader(log_dir)
    if signed_by(reader.note(), origin, former) is not None:
        return True
    try:
        check_vkey(reader, key, origin, former)
    except VerificationFailed as error:
        return error.finding == "LG866"
    return False


def renew(
    log_dir: Path,
    *,
    origin: str,
    key: bytes,
    former: Sequence[bytes],
    sign: Sign,
    seen: SeenStore,
    lock: Path | None = None,
    disk: Disk | None = None,
) -> bool:
    """Have the log, which a former key sealed, signed by `key`: the same tree. Returns whether anything was done.

    1. A log that `key` signed gets its log.vkey, no more.
    2. The checkpoint last seen is there, and by a former key: this log was not handed over before.
    3. The log verifies under the former key, and contains what was last seen.
    4. The same tree is signed by `key`, and kept as seen.

    Raises VerificationFailed: LG868 (2); as `Log.open` (3).
    """
    reader = TileReader(log_dir)
    note = reader.note()
    signer = signed_by(note, origin, (key, *former))
    if signer is None:
        return False
    # 1.
    if signer == key:
        with locked(log_dir):
            return _follow(reader, key, origin, former, disk or Disk())
    # 2.
    last = seen.load()
    if last is None or signed_by(last, origin, former) is None:
        raise VerificationFailed(
            "LG868",
            "the log is signed by the sealer's former key, long after it was handed over to the new one",
            seen={"folder": str(log_dir), "seen": str(seen.path), "seen_by_the_new_key": last is not None},
            next="lockgate explain LG868",
        )
    # 3. 4.
    writer = Sealer(
        log_dir, origin=origin, sign=_nobody_signs, public_key=signer, former=former, seen=seen, lock=lock, disk=disk
    )
    writer.hand_over([], sign=sign, public_key=key)
    return True


def _is_carried(reader: TileReader, origin: str, keys: Keys) -> bool:
    try:
        note = read_file(reader.log_dir / NEXT_CHECKPOINT, MAX_NOTE_BYTES)
        leaves = list(reader.entries(0, parse_checkpoint(parse_note(note).text).size))
        *former, key = keys(leaves)
        log = Log(reader, verify_checkpoint(note, key, origin), note)
        log.check_extends(reader.note(), key, origin, former)
        return list(log.entries(0, log.size)) == leaves
    except (FileNotFoundError, ValueError, LockgateError):
        return False


def _follow(reader: TileReader, key: bytes, origin: str, former: Sequence[bytes], disk: Disk) -> bool:
    try:
        check_vkey(reader, key, origin, former)
    except VerificationFailed as error:
        if error.finding != "LG866":
            raise
        write_vkey(reader.log_dir, key, origin, disk)
        return True
    return False


def _nobody_signs(_: bytes) -> bytes:
    raise ValueError("the former key is not used any more")
