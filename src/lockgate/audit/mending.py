"""Puts right what `audit.damage` found, as far as it is proved. Signs nothing, invents nothing, throws nothing away.

    damaged file -> copied to `kept`, byte for byte
    its content  -> a new file in `staging`, fsynced -> renamed into its place -> folder fsynced

What lies beyond the checkpoint is cleared as the next writer would clear it, and is kept as well. Killed at any moment,
each file is what it was or what it must be.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from lockgate.audit.damage_checkpoint import Damage, Trusted, raw_note
from lockgate.audit.disk import Disk, locked
from lockgate.audit.folder import CHECKPOINT, beyond, is_own
from lockgate.audit.seal import Sealer
from lockgate.audit.seen import SeenStore
from lockgate.audit.tiles import TileReader
from lockgate.errors import LockgateError, Unavailable

_MOST_KEPT = 100


def mend(
    log_dir: Path,
    damages: Sequence[Damage],
    *,
    staging: Path,
    kept: Path,
    lock: Path | None = None,
    disk: Disk | None = None,
) -> list[Damage]:
    """Write the files whose content is known; those that were. The checkpoint comes last: it is the commit point.

    Left as they lie: what is below a link, for that is not the log's; what is a folder or a device itself; a
    checkpoint that is another one by now than the one that was found damaged.

    `staging`: a folder of the same file system. `kept`: where what lies in their place goes. `lock`: a file to hold as
    well. Raises Unavailable LG712, LG713.
    """
    disk = disk or Disk()
    known = sorted((one for one in damages if one.content is not None), key=lambda one: one.file == CHECKPOINT)
    done: list[Damage] = []
    if not known:
        return []
    with _telling_faults(log_dir):
        for folder in (log_dir, *((lock.parent,) if lock else ())):
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    with _telling_faults(log_dir), locked(log_dir), locked(lock) if lock else nullcontext():
        for one in known:
            path = log_dir / one.file
            if not is_own(log_dir, one.file) or not _is_file(path):
                continue
            if one.file == CHECKPOINT and raw_note(log_dir) != one.found:
                continue
            keep(path, kept / one.file)
            _make_folders(path.parent, disk)
            fresh = staging / f"mending.{os.getpid()}"
            fresh.unlink(missing_ok=True)
            disk.write_new(fresh, one.content or b"")
            disk.replace(fresh, path)
            disk.sync_folder(path.parent)
            done.append(one)
    return done


def clear(log_dir: Path, trusted: Trusted, *, kept: Path, seen: SeenStore | None, lock: Path | None = None) -> int:
    """Come up as the next writer would, without a key: what was signed is carried through, left-overs go; how many.

    Raises VerificationFailed: the log does not verify; Unavailable LG712, LG713.
    """
    with _telling_faults(log_dir):
        size = TileReader(log_dir).claimed_size()
        left = [one.path for one in beyond(log_dir, size)]
        left += [path.name for path in log_dir.glob("*.next")] + [path.name for path in log_dir.glob("*.again")]
        for path in left:
            keep(log_dir / path, kept / path)
    if left:
        Sealer(
            log_dir,
            origin=trusted.origin,
            sign=_nobody_signs,
            public_key=trusted.public_key,
            former=trusted.former,
            seen=seen,
            lock=lock,
        ).append([])
    return len(left)


def keep(path: Path, copy: Path) -> None:
    """Copy what lies at `path`, a link as a link; nothing where there is nothing. Raises OSError.

    What was kept there before stays: the name then ends in `.again1` and so on.
    """
    if os.path.lexists(path):
        names = (copy, *(copy.with_name(f"{copy.name}.again{number}") for number in range(1, _MOST_KEPT)))
        copy = next((one for one in names if not os.path.lexists(one)), names[-1])
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copy2(path, copy, follow_symlinks=False)


def _is_file(path: Path) -> bool:
    """Whether a file, or a link, can be kept from there and another be put in its place."""
    return not os.path.lexists(path) or path.is_symlink() or path.is_file()


def _make_folders(folder: Path, disk: Disk) -> None:
    if not folder.is_dir():
        _make_folders(folder.parent, disk)
        disk.make_folder(folder)
        disk.sync_folder(folder.parent)


def _nobody_signs(_: bytes) -> bytes:
    raise ValueError("repairing signs nothing")


@contextmanager
def _telling_faults(log_dir: Path) -> Iterator[None]:
    try:
        yield
    except LockgateError:
        raise
    except OSError as error:
        raise Unavailable(
            "LG713",
            f"the log cannot be repaired: {error.strerror or error}",
            seen={"folder": str(log_dir), "errno": error.errno},
            next="lockgate doctor",
        ) from None
