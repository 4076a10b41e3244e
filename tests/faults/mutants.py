"""Logs with one of their precautions left out. Each is a fault that the rounds must find, or they are worth nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lockgate.audit.disk import Disk
from lockgate.audit.folder import CHECKPOINT, NEXT_CHECKPOINT
from lockgate.audit.log import Log
from lockgate.audit.seal import Sealer
from lockgate.audit.spool import Spool
from lockgate.serve.sealer import Carrier
from tests.faults.chain import Kinds


class NamesNotSynced(Disk):
    """No fsync of a folder."""

    def sync_folder(self, path: Path) -> None:
        """Left out."""


class BytesNotSynced(Disk):
    """No fsync of a file of the log."""

    def sync(self, descriptor: int) -> None:
        """Left out."""


class AnsweredBeforeSync(Spool):
    """A gateway that answers when its record is written, and calls that durable."""

    def sync(self) -> None:
        """Left out."""


class CheckpointFirst(Disk):
    """The checkpoint is published before the tiles are written."""

    def __init__(self) -> None:
        self._late: list[tuple[Path, bytes]] = []

    def write_new(self, path: Path, data: bytes, mode: int = 0o644) -> None:
        """Tiles wait."""
        if "tile" in path.parts:
            self._late.append((path, data))
        else:
            super().write_new(path, data, mode)

    def write_many(self, files: Sequence[tuple[Path, bytes]], mode: int = 0o644) -> None:
        """Tiles wait."""
        for path, data in files:
            self.write_new(path, data, mode)

    def replace(self, source: Path, target: Path) -> None:
        """And then the tiles."""
        super().replace(source, target)
        late, self._late = self._late, []
        for path, data in late:
            super().write_new(path, data)


class NotRenamed(Disk):
    """The checkpoint is written over in place."""

    def replace(self, source: Path, target: Path) -> None:
        """Take the old one away, and write the new one."""
        data = source.read_bytes()
        if target.exists():
            self.remove(target)
        self.write_new(target, data)
        self.remove(source)


class NextDropped(Sealer):
    """A signed `checkpoint.next` is thrown away at the start."""

    def _carry_through(self, log: Log) -> None:
        self._disk.remove(self.log_dir / NEXT_CHECKPOINT)


class PublishedBeforeDurable(Sealer):
    """The rename comes before the new checkpoint's own name is on the disk."""

    def _publish(self, note: bytes) -> None:
        self._disk.write_new(self.log_dir / NEXT_CHECKPOINT, note)
        self._disk.replace(self.log_dir / NEXT_CHECKPOINT, self.log_dir / CHECKPOINT)
        self._disk.sync_folder(self.log_dir)


class FoldersBelieved(Sealer):
    """A folder that is there is taken for one that is on the disk."""

    def _make_folders(self, folder: Path, changed: dict[Path, None]) -> None:
        if folder.is_dir():
            return
        self._make_folders(folder.parent, changed)
        self._disk.make_folder(folder)
        changed[folder.parent] = None


class CacheBelieved(Sealer):
    """A `checkpoint.next` is renamed as it can be read, though its fsync may have failed."""

    def _carry_through(self, log: Log) -> None:
        self._disk.replace(self.log_dir / NEXT_CHECKPOINT, self.log_dir / CHECKPOINT)
        self._disk.sync_folder(self.log_dir)


class CommitRepeated(Carrier):
    """After a commit that failed it is taken for granted that nothing of it is in the log."""

    def _catch_up(self) -> None:
        self._unsure = False


MUTANTS: dict[str, Kinds] = {
    "checkpoint before tiles": Kinds(disk=CheckpointFirst),
    "no fsync of folders": Kinds(disk=NamesNotSynced),
    "no fsync of files": Kinds(disk=BytesNotSynced),
    "answered before fsync": Kinds(spool=AnsweredBeforeSync),
    "checkpoint not by rename": Kinds(disk=NotRenamed),
    "signed checkpoint dropped": Kinds(sealer=NextDropped),
    "published before durable": Kinds(sealer=PublishedBeforeDurable),
    "folders believed": Kinds(sealer=FoldersBelieved),
    "cache believed": Kinds(sealer=CacheBelieved),
    "failed commit repeated": Kinds(carrier=CommitRepeated),
}
