"""Where frames go: into the spool, and from there onto the disk; into memory, bounded, while the disk fails.

Everything that is not known to be on the disk is held in memory, in order. After a fault, of a write or of a sync, the
file is left as it is and all of that is written anew into the next part: the sealer takes each number once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path

from lockgate.audit.disk import Disk
from lockgate.audit.spool import Spool
from lockgate.errors import LockgateError
from lockgate.serve.recording.parts import part_path
from lockgate.serve.recording.syncer import Syncer

PART_BYTES = 64 << 20
MOST_BYTES = 24 << 20
"""The most that is held in memory: at 10,000 records a second some four seconds of a disk that stands still."""
SYNC_SECONDS = 0.01
"""How long a record that nobody waits for may be in the file and not on the disk."""
GROUP_SECONDS = 0.001
"""How far apart syncs begin, unless all who are being answered wait for one: each costs more than a request."""
RETRY_SECONDS = 0.25


class Keeper:
    """One gateway's spool. To be made, and called, in a running loop; what waits for the disk runs in one thread.

    `fault` is called with a sentence when the disk begins to fail, and with "" when it is back; `moved` whenever more
    is on the disk; `all_wait` says whether all who are being answered wait for the disk.
    """

    def __init__(
        self,
        folder: Path,
        gateway: str,
        *,
        fault: Callable[[str], None],
        moved: Callable[[], None],
        all_wait: Callable[[], bool],
        disk: Disk | None = None,
        part_bytes: int = PART_BYTES,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        """Opens the first part, which nobody may have begun. Raises LockgateError LG732."""
        self._folder = folder
        self._gateway = gateway
        self._fault = fault
        self._moved = moved
        self._all_wait = all_wait
        self._disk = disk
        self._part_bytes = part_bytes
        self._most_bytes = most_bytes
        self._number = self._part = 0
        self._spool = Spool(part_path(folder, gateway, 0), disk=disk)
        self._parts: deque[tuple[int, int]] = deque()
        """Parts that are done, and the number after their last record."""
        self._held: deque[bytes] = deque()
        """Chunks of frames that are not known to be on the disk."""
        self._bytes = 0
        self.written = self.synced = 0
        """The number after the last record that was taken, and after the last that is on the disk."""
        self.failing = ""
        self._running = self._stopped = False
        self._timer: asyncio.TimerHandle | None = None
        self._wanted = False
        self._began = 0.0
        self._loop = asyncio.get_running_loop()
        self._syncer = Syncer(self._loop)

    @property
    def full(self) -> bool:
        """Whether no more is taken."""
        return self._bytes >= self._most_bytes

    @property
    def records_held(self) -> int:
        """How many records are in no file at all, because the disk fails."""
        return self.written - self.synced if self.failing else 0

    def put(self, frames: bytes, after: int) -> None:
        """Take frames; `after`: the number after their last record. Never raises: see `full` before."""
        self._held.append(frames)
        self._bytes += len(frames)
        self.written = after
        if not self.failing:
            try:
                self._spool.write(frames)
            except LockgateError as error:
                self._failed(error)
        if self._timer is None and not self._running:
            self._again(SYNC_SECONDS)

    def hurry(self) -> None:
        """Somebody waits for what was written: begin a sync as soon as it is worth one."""
        self._wanted = True
        if self._running or self.failing or self._stopped:
            return
        wait = self._began + GROUP_SECONDS - self._loop.time()
        if wait <= 0 or self._all_wait():
            self._sync()
        else:
            self._again(wait)

    def sealed(self, number: int) -> None:
        """Everything below `number` is in the log: whole parts of it are removed."""
        while self._parts and self._parts[0][1] <= number:
            part, _ = self._parts.popleft()
            self._syncer.ask(partial(part_path(self._folder, self._gateway, part).unlink, missing_ok=True))

    def stop(self) -> None:
        """No more rounds are begun. In the loop, before `close`."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> str:
        """Write and sync what is left, blocking, in any thread; says what could not be."""
        self._syncer.join()
        try:
            if self.failing:
                self._renew(list(self._held)).close()
            elif self._held:
                self._spool.sync()
        except LockgateError as error:
            return error.message
        finally:
            self._spool.close()
        return ""

    def _sync(self) -> None:
        """Begin a round in the thread: sync, or while the disk fails, write everything anew."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._running, self._wanted, self._began = True, False, self._loop.time()
        chunks, after = len(self._held), self.written
        work: Callable[[], Spool | None] = self._sync_part
        if self.failing:
            work = partial(self._renew, list(self._held))
        elif self._spool.size >= self._part_bytes:
            work = self._rotate
        self._syncer.ask(work, lambda spool, error: self._done(spool, error, chunks, after))

    def _again(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self._sync)

    def _sync_part(self) -> None:
        self._spool.sync()

    def _rotate(self) -> Spool:
        self._spool.sync()
        return self._next_part()

    def _renew(self, held: list[bytes]) -> Spool:
        """The next part, with what was held when this began."""
        spool = self._next_part()
        try:
            spool.write(b"".join(held))
            spool.sync()
        except LockgateError:
            spool.close()
            raise
        return spool

    def _next_part(self) -> Spool:
        # The number moves on first: a part that was begun and failed is not taken up again.
        self._number += 1
        return Spool(part_path(self._folder, self._gateway, self._number), disk=self._disk)

    def _done(self, spool: Spool | None, error: Exception | None, chunks: int, after: int) -> None:
        self._running = False
        if self._stopped:
            return
        try:
            if error is not None:
                raise error
            self._settled(spool, chunks, after)
        except LockgateError as failed:
            self._failed(failed)
        if self._held and not self._running:
            if self._wanted and not self.failing:
                self.hurry()
            elif self._timer is None:
                self._again(RETRY_SECONDS if self.failing else SYNC_SECONDS)

    def _settled(self, spool: Spool | None, chunks: int, after: int) -> None:
        """The first `chunks` of what is held are on the disk. What came meanwhile goes into the new part as well."""
        for _ in range(chunks):
            self._bytes -= len(self._held.popleft())
        self.synced = after
        if spool is None:
            self._moved()
            return
        before, self._spool = self._spool, spool
        before.close()
        self._parts.extend((part, self.written) for part in range(self._part, self._number))
        self._part = self._number
        if self._held:
            spool.write(b"".join(self._held))
        if self.failing:
            self.failing = ""
            self._fault("")
        self._moved()

    def _failed(self, error: LockgateError) -> None:
        if not self.failing:
            self.failing = error.message
            self._fault(error.message)
