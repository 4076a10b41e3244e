"""The index of one log: segments that this user made, those that are missing made now, and what lies behind them.

1. The manifest is read; segments whose range has another hash in this log are not of it, and go.
2. For each full range that has no segment one is made from the verified entries, written under its own digest, and
   then named in the manifest: killed in between, the next one makes it again.
3. A segment's file counts only with the digest that the manifest says. One that is missing or changed is made again.

Where nothing can be written the segments are made and held in memory, and answer all the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final

from lockgate.audit.disk import locked, read_file
from lockgate.audit.index.manifest import MOST_BYTES, Manifest, Segment
from lockgate.audit.log import Log
from lockgate.errors import LockgateError
from lockgate.store.files import atomic_write

WIDTH: Final = 1 << 16
"""Entries of a segment: 256 full bundles, so that their hash is one hash of the log's third level."""

FEW: Final = 4096
"""A tail of fewer entries is asked entry by entry: to make a segment of it would take longer."""

Progress = Callable[[int, int], None]
"""Told how many entries of how many were read."""


@dataclass(frozen=True)
class Place:
    """Where an index lies. `manifest`: in the user's own folder. `width`, a power of two, and `few` are for tests."""

    folder: Path
    manifest: Path
    width: int = WIDTH
    few: int = FEW


class Index:
    """See the module. `notes`: what had to be made again, and why; a line each."""

    def __init__(
        self, place: Place, log: Log, *, fresh: bool = False, progress: Progress | None = None, build: bool = True
    ) -> None:
        """Open the index of `log`. `fresh`: believe nothing that is there. `build` False: make nothing that is missing.

        Raises VerificationFailed as reading the log does.
        """
        self.place, self.log = place, log
        self.notes: list[str] = []
        self._held: dict[int, bytes] = {}
        self._writes = True
        self._progress = progress
        self._manifest = Manifest(log.checkpoint.origin, place.width) if fresh else self._of_this_log()
        if build and self.indexed < log.size // place.width * place.width:
            with self._alone():
                self._build(fresh=fresh)
        if fresh:
            self._sweep()

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Those that there are; the one at place i begins at i * width."""
        return self._manifest.segments

    @property
    def indexed(self) -> int:
        """Where the tail begins."""
        return len(self.segments) * self.place.width

    def tail(self) -> Iterator[tuple[int, bytes]]:
        """The entries behind the last segment, each with its place in the log."""
        yield from enumerate(self.log.entries(self.indexed, self.log.size), start=self.indexed)

    @cached_property
    def rest(self) -> bytes | None:
        """The tail as a segment of its own, which is not kept; None where it is short: then entry by entry is as quick.

        Raises VerificationFailed as reading the log does.
        """
        if self.log.size - self.indexed < self.place.few:
            return None
        return self._segment(self.indexed, self.log.size)[1]

    def data(self, number: int) -> bytes:
        """The file of a segment, with the digest that the manifest says. Raises VerificationFailed as the log does."""
        found = self._held.get(number) or self._on_disk(number)
        if found is None:
            self.notes.append(f"segment {number} of the index was missing or changed, and was made again from the log")
            segment, found = self._made(number)
            self._keep(number, segment, found)
        return found

    def good(self, number: int) -> bool:
        """Whether the file of a segment is there, as the manifest says."""
        return number in self._held or self._on_disk(number) is not None

    def _of_this_log(self) -> Manifest:
        nothing = Manifest(self.log.checkpoint.origin, self.place.width)
        try:
            found = Manifest.parse(read_file(self.place.manifest, MOST_BYTES))
        except FileNotFoundError:
            return nothing
        except (ValueError, OSError) as error:
            self.notes.append(f"the index's manifest cannot be read ({error}): it is made again from the log")
            return nothing
        if (found.origin, found.width) != (nothing.origin, nothing.width):
            self.notes.append("the index was of another log, or of another version: it is made again from this one")
            return nothing
        count = 0
        for number, segment in enumerate(found.segments):
            start, end = number * found.width, (number + 1) * found.width
            if end > self.log.size or self.log.subtree(start, end).hex() != segment.tree:
                self.notes.append(
                    f"segment {number} of the index is not of this log: it and what follows is made again"
                )
                break
            count += 1
        return replace(found, segments=found.segments[:count])

    def _build(self, *, fresh: bool) -> None:
        if not fresh:
            # Another process may have made them while this one waited.
            notes, self._manifest = list(self.notes), self._of_this_log()
            self.notes = notes
        last = self.log.size // self.place.width
        for number in range(len(self.segments), last):
            self._keep(number, *self._made(number))
            if self._progress is not None:
                self._progress(self.indexed, last * self.place.width)

    def _made(self, number: int) -> tuple[Segment, bytes]:
        return self._segment(number * self.place.width, (number + 1) * self.place.width)

    def _segment(self, start: int, end: int) -> tuple[Segment, bytes]:
        # Whoever finds all that is asked for in segments that there are loads nothing of what makes them.
        from lockgate.audit.index.segment import make

        tree = self.log.subtree(start, end)
        return make(self.log.entries(start, end), start, tree, self.log.checkpoint.origin)

    def _keep(self, number: int, segment: Segment, data: bytes) -> None:
        segments = (*self.segments[:number], segment, *self.segments[number + 1 :])
        self._manifest = replace(self._manifest, segments=segments)
        if self._writes:
            try:
                self.place.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                atomic_write(self._path(number), data, 0o600)
                self.place.manifest.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                atomic_write(self.place.manifest, self._manifest.encode(), 0o600)
            except (LockgateError, OSError) as error:
                self._writes = False
                self.notes.append(f"the index cannot be kept: {error}")
        if not self._writes:
            self._held[number] = data

    def _path(self, number: int) -> Path:
        return self.place.folder / f"{number:06d}-{self.segments[number].sha256[:16]}.parquet"

    def _on_disk(self, number: int) -> bytes | None:
        segment = self.segments[number]
        with suppress(OSError, ValueError):
            data = read_file(self._path(number), segment.bytes)
            if hashlib.sha256(data).hexdigest() == segment.sha256:
                return data
        return None

    def _sweep(self) -> None:
        """Remove what an earlier index, a killed writer or somebody else left in the folder."""
        own = {self._path(number).name for number in range(len(self.segments))}
        with suppress(OSError):
            for path in self.place.folder.iterdir():
                if path.name not in own and path.suffix in {".parquet", ".tmp"}:
                    path.unlink()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the folder's lock, where there can be one: two that build at once would both do all of it."""
        try:
            self.place.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            held = locked(self.place.folder)
            held.__enter__()
        except (LockgateError, OSError) as error:
            self._writes = False
            self.notes.append(f"the index cannot be kept: {error}")
            yield
            return
        try:
            yield
        finally:
            held.__exit__(None, None, None)
