"""The one writer of a log: appends entries and signs the checkpoint over them.

Holds no key: `sign` is a callable that gives an Ed25519 signature (64 bytes) over the note text, here or in
another process. Promises: when `append` returns, the entries are durable and proved by the returned
checkpoint; a process that is killed at any moment loses nothing that was returned; of any two checkpoints
that were ever signed, one is a prefix of the other.

    bundles -> tiles (each a new file, fsynced) -> folders -> checkpoint.next -> rename to checkpoint -> seen

The rename is the only commit point. What lies beyond the checkpoint is removed by the next writer, with one
exception: a whole, signed `checkpoint.next` is carried through, for what was signed must stay true.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lockgate.audit import cosigned
from lockgate.audit.disk import Disk, locked, read_file
from lockgate.audit.folder import (
    AGAIN_CHECKPOINT,
    CHECKPOINT,
    NEXT_CHECKPOINT,
    NEXT_VKEY,
    TILES,
    beyond,
    check_folder,
    outlived,
    superseded,
)
from lockgate.audit.log import VKEY, Log, verify_checkpoint, vkey_bytes
from lockgate.audit.seen import SeenStore
from lockgate.audit.tiles import MAX_ENTRY_BYTES, WIDTH, RightEdge, Tile, TileReader, broken
from lockgate.core.checkpoint import MAX_NOTE_BYTES, Checkpoint, NoteSignature, VerifierKey
from lockgate.errors import Refused, Unavailable, VerificationFailed
from lockgate.trust.note import cosign, sign_note

Sign = Callable[[bytes], bytes]


def seal(
    log_dir: Path,
    entries: Sequence[bytes],
    *,
    origin: str,
    sign: Sign,
    public_key: bytes,
    seen: SeenStore | None = None,
    lock: Path | None = None,
) -> Checkpoint:
    """Append `entries` to the log in `log_dir`, which is made if there is none. See `Sealer.append`."""
    return Sealer(log_dir, origin=origin, sign=sign, public_key=public_key, seen=seen, lock=lock).append(entries)


class Sealer:
    """A writer that keeps the right edge in memory between batches. Several may take turns on one log."""

    def __init__(
        self,
        log_dir: Path,
        *,
        origin: str,
        sign: Sign,
        public_key: bytes,
        seen: SeenStore | None = None,
        lock: Path | None = None,
        disk: Disk | None = None,
        former: Sequence[bytes] = (),
        clock: Callable[[], float] | None = None,
    ) -> None:
        """`lock`: a file to hold as well; the log's folder itself is always locked. `former`: as for `Log.open`.

        `clock`: POSIX seconds; with it each checkpoint bears the log's own heartbeat (`audit.cosigned`).
        """
        self.log_dir = log_dir
        self.origin = origin
        self.public_key = public_key
        self._sign = sign
        self._seen = seen
        self._lock = lock
        self._disk = disk or Disk()
        self._former = tuple(former)
        self._clock = clock
        self._edge = RightEdge()
        self._note: bytes | None = None
        self._kept_folders: set[Path] = set()
        """Folders whose own name, and the names of whose folders, are on the disk."""

    def append(self, entries: Sequence[bytes]) -> Checkpoint:
        """Append `entries` as one commit and return the checkpoint over them; with none, just start up.

        Raises:
            VerificationFailed: the folder, the key or the checkpoint last seen do not agree; nothing was written.
            Refused: an entry is longer than 65,535 bytes (LG711), or `sign` uses another key (LG717).
            Unavailable: the disk failed (LG713) or the log stayed locked (LG712); no entry is acknowledged, though it
                may be in the log when the next writer has come up.
        """
        if any(len(entry) > MAX_ENTRY_BYTES for entry in entries):
            raise Refused(
                "LG711",
                f"a log entry has at most {MAX_ENTRY_BYTES} bytes",
                seen={"bytes": max(map(len, entries))},
                next="log the digest and keep the bytes in a store",
            )
        with self._telling_faults(), self._locked():
            if self._note is None or self._published() != self._note:
                self._start()
            if entries:
                self._commit(entries)
            return Checkpoint(self.origin, self._edge.size, self._edge.root)

    def hand_over(self, entries: Sequence[bytes], *, sign: Sign, public_key: bytes) -> Checkpoint:
        """Append `entries` as one commit that another key signs; the log is that key's from then on.

        With no entry the same tree is signed anew. The checkpoint is the commit point, and `log.vkey` follows it:
        a process killed in between leaves what `audit.handover` finishes. Raises as `append`.
        """
        with self._telling_faults(), self._locked():
            self._start()
            before = self._sign, self.public_key, self._former
            self._sign, self.public_key, self._former = sign, public_key, (*self._former, self.public_key)
            try:
                self._commit(entries)
            except BaseException:
                self._sign, self.public_key, self._former = before
                raise
            write_vkey(self.log_dir, public_key, self.origin, self._disk)
            return Checkpoint(self.origin, self._edge.size, self._edge.root)

    def beat(self) -> bytes | None:
        """Say again that this is the newest tree, and when: a heartbeat beside the checkpoint. Raises as `append`.

        Gives the note that lies there now; None without a `clock`, or when the last one was in this second.
        """
        if self._clock is None:
            return None
        with self._telling_faults(), self._locked():
            if self._note is None or self._published() != self._note:
                self._start()
            text = Checkpoint(self.origin, self._edge.size, self._edge.root).text()
            return self._beside([self._heartbeat(text)], [self._own()])

    def attach(self, lines: Sequence[NoteSignature], keys: Sequence[VerifierKey]) -> bytes | None:
        """Put cosignatures by `keys` beside the checkpoint, those that are over this very tree. Raises as `append`.

        Gives the note that lies there now; None when nothing was added.
        """
        with self._telling_faults(), self._locked():
            if self._note is None or self._published() != self._note:
                self._start()
            return self._beside(lines, keys)

    def _beside(self, lines: Sequence[NoteSignature], keys: Sequence[VerifierKey]) -> bytes | None:
        note = cosigned.attach_locked(self.log_dir, lines, keys, self._disk)
        if note is not None:
            self._note = note
            if self._seen:
                self._seen.advance(note)
        return note

    def _own(self) -> VerifierKey:
        return cosigned.heartbeat_key(self.origin, self.public_key)

    def _heartbeat(self, text: bytes) -> NoteSignature:
        return cosign(text, self._own(), int(self._clock() if self._clock else 0), self._sign)

    def _start(self) -> None:
        """Come up on what the last writer left.

        1. A folder without checkpoint must be one in which no log was ever begun.
        2. What names lie there is on the disk, before anybody keeps the checkpoint among them as seen.
        3. A signed checkpoint that was not renamed yet is carried through, if its tree is all there. A reader may have
           seen it under its own name before a power cut took the rename back.
        4. The log verifies: key, signature, right edge, consistent with the checkpoint last seen.
        5. What lies beyond the checkpoint is removed, and partial tiles that a full one has outlived.
        """
        self._kept_folders.clear()
        if self._published() is None:
            self._begin()
        self._disk.sync_folder(self.log_dir)
        if os.path.lexists(self.log_dir / NEXT_CHECKPOINT):
            self._carry_through(self._open(None))
        if os.path.lexists(self.log_dir / AGAIN_CHECKPOINT):
            self._disk.remove(self.log_dir / AGAIN_CHECKPOINT)
        log = self._open(self._seen)
        for tile in list(beyond(self.log_dir, log.size)):
            self._disk.remove(self.log_dir / tile.path)
        self._clear(outlived(self.log_dir, log.size))
        self._edge, self._note = log.with_bundle(), log.note

    def _begin(self) -> None:
        """Begin a log: its key, then a signed checkpoint of size 0, so that tiles never lie there without one."""
        if (self._seen and self._seen.load() is not None) or (self.log_dir / TILES).exists():
            raise broken("LG701", "the log's checkpoint is gone", file=CHECKPOINT, folder=str(self.log_dir))
        for name in (VKEY, NEXT_CHECKPOINT, AGAIN_CHECKPOINT):
            if os.path.lexists(self.log_dir / name):
                self._disk.remove(self.log_dir / name)
        self._disk.sync_folder(self.log_dir.parent)
        self._disk.write_new(self.log_dir / VKEY, vkey_bytes(self.public_key, self.origin))
        self._disk.sync_folder(self.log_dir)
        self._publish(self._signed(RightEdge(0)))

    def _open(self, seen: SeenStore | None) -> Log:
        return Log.open(self.log_dir, public_key=self.public_key, origin=self.origin, seen=seen, former=self._former)

    def _carry_through(self, log: Log) -> None:
        path = self.log_dir / NEXT_CHECKPOINT
        try:
            note = read_file(path, MAX_NOTE_BYTES)
            checkpoint = verify_checkpoint(note, self.public_key, self.origin)
        except (ValueError, VerificationFailed):
            self._disk.remove(path)
            return
        if checkpoint.size <= log.size:
            self._disk.remove(path)
            return
        found = Log(TileReader(self.log_dir), checkpoint, note)
        last = self._seen.load() if self._seen else None
        for earlier in filter(None, (log.note, last)):
            found.check_extends(earlier, self.public_key, self.origin, self._former)
        carry(self.log_dir, note, self._disk)

    def _commit(self, entries: Sequence[bytes]) -> None:
        """Write, sign, publish. Until it returns, the next `append` starts up anew.

        1. New files, lowest first, each fsynced; then the folders whose names changed.
        2. The checkpoint is signed, and its signature checked with the public key that readers use.
        3. It is published by rename, and kept as seen.
        4. Partial tiles that a full one replaces are removed.
        """
        self._note = None
        edge, files = self._edge.grow(entries)
        folders: dict[Path, None] = {}
        new: list[tuple[Path, bytes]] = []
        for tile, data in files:
            path = self.log_dir / tile.path
            self._make_folders(path.parent, folders)
            if path.exists():
                self._disk.remove(path)
            new.append((path, data))
            folders[path.parent] = None
        self._disk.write_many(new)
        for folder in folders:
            self._disk.sync_folder(folder)
        self._kept_folders.update(folders)
        note = self._signed(edge)
        self._publish(note)
        if self._seen:
            self._seen.advance(note)
        self._clear(tile for tile, _ in files if tile.width == WIDTH)
        self._edge, self._note = edge, note

    def _signed(self, edge: RightEdge) -> bytes:
        text = Checkpoint(self.origin, edge.size, edge.root).text()
        try:
            note = sign_note(text, self.origin, self.public_key, self._sign)
            return note if self._clock is None else note + f"{self._heartbeat(text).line()}\n".encode()
        except ValueError as error:
            raise Refused(
                "LG717",
                f"the sealer's key is not the one that the roles file gives the log: {error}",
                seen={"log": self.origin},
                next="lockgate trust show",
            ) from None

    def _publish(self, note: bytes) -> None:
        self._disk.write_new(self.log_dir / NEXT_CHECKPOINT, note)
        # Before any reader can see it as the checkpoint, a power cut must not take it any more.
        self._disk.sync_folder(self.log_dir)
        self._disk.replace(self.log_dir / NEXT_CHECKPOINT, self.log_dir / CHECKPOINT)
        self._disk.sync_folder(self.log_dir)

    def _clear(self, full: Iterator[Tile]) -> None:
        for tile in full:
            partials = superseded(self.log_dir, tile)
            for partial in partials:
                self._disk.remove(self.log_dir / partial.path)
            if partials:
                self._disk.remove_folder(self.log_dir / f"{tile.path}.p")
                self._kept_folders.discard(self.log_dir / f"{tile.path}.p")

    def _make_folders(self, folder: Path, changed: dict[Path, None]) -> None:
        """Whoever came before may have been killed between making a folder and syncing the one above it."""
        if folder in self._kept_folders or folder in changed or folder == self.log_dir:
            return
        self._make_folders(folder.parent, changed)
        check_folder(self.log_dir, folder.relative_to(self.log_dir).as_posix())
        if not folder.is_dir():
            self._disk.make_folder(folder)
        changed[folder.parent] = None

    def _published(self) -> bytes | None:
        try:
            return read_file(self.log_dir / CHECKPOINT, MAX_NOTE_BYTES)
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise broken("LG701", f"the log's checkpoint is no checkpoint: {error}", file=CHECKPOINT) from None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.log_dir.mkdir(mode=0o755, parents=True, exist_ok=True)
        with locked(self.log_dir):
            if self._lock is None:
                yield
            else:
                with locked(self._lock):
                    yield

    @contextmanager
    def _telling_faults(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Unavailable(
                "LG713",
                f"the log cannot be written: {error.strerror or error}",
                seen={"folder": str(self.log_dir), "errno": error.errno},
                next="lockgate doctor",
            ) from None


def carry(log_dir: Path, note: bytes, disk: Disk) -> None:
    """Make `note`, which was read from `checkpoint.next` and verified, the checkpoint. The caller holds the lock.

    It is written anew: what can be read of a file whose fsync failed need not be on the disk.
    """
    again = log_dir / AGAIN_CHECKPOINT
    if os.path.lexists(again):
        disk.remove(again)
    disk.write_new(again, note)
    disk.replace(again, log_dir / NEXT_CHECKPOINT)
    disk.sync_folder(log_dir)
    disk.replace(log_dir / NEXT_CHECKPOINT, log_dir / CHECKPOINT)
    disk.sync_folder(log_dir)


def write_vkey(log_dir: Path, public_key: bytes, origin: str, disk: Disk) -> None:
    """Let `log.vkey` name `public_key`, in one step. The caller holds the log's lock."""
    fresh = log_dir / NEXT_VKEY
    if os.path.lexists(fresh):
        disk.remove(fresh)
    disk.write_new(fresh, vkey_bytes(public_key, origin))
    disk.replace(fresh, log_dir / VKEY)
    disk.sync_folder(log_dir)
