"""Who lives in a jail and what it has written, as seen from outside."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True)
class Usage:
    """What one writable place of a jail holds, or its memory.

    `most_bytes` is None where the file system itself bounds it.
    """

    inodes: int
    bytes: int = 0
    most_bytes: int | None = None
    verdict: Literal["tmp", "output", "memory"] = "tmp"


class Population(Protocol):
    """The processes of one jail. `proc` is a descriptor of a /proc that shows them."""

    @property
    def proc(self) -> int: ...  # noqa: D102 - see above

    def pids(self) -> list[str]:
        """The process ids that `proc` has for them."""

    def runtime(self) -> Collection[str]:
        """Those of `pids` that are the launcher's machinery: their memory counts, their threads do not."""

    def usage(self) -> Sequence[Usage]:
        """One entry per writable place that is bounded."""

    def kill(self) -> None:
        """End every process but the harness, as far as that is not the kernel's own work when the harness ends."""

    def close(self) -> None:
        """Let go of the descriptors."""


class OfNamespace:
    """A jail with a pid namespace of its own: its /proc shows its processes and no others."""

    def __init__(self, pid: int, places: Sequence[str]) -> None:
        """Raises OSError when the jail is already gone."""
        self.proc = os.open(f"/proc/{pid}/root/proc", os.O_RDONLY | os.O_DIRECTORY)
        self._places = [os.open(f"/proc/{pid}/root{place}", os.O_RDONLY | os.O_DIRECTORY) for place in places]

    def pids(self) -> list[str]:
        """Those that /proc lists."""
        return [name for name in os.listdir(self.proc) if name.isdigit()]

    def runtime(self) -> Collection[str]:
        """There is none: bubblewrap becomes the jail's first process."""
        return ()

    def usage(self) -> Sequence[Usage]:
        """Bubblewrap cannot bound a tmpfs's inodes: they are counted."""
        found = [os.fstatvfs(place) for place in self._places]
        return [
            Usage(status.f_files - status.f_ffree, (status.f_blocks - status.f_bfree) * status.f_frsize)
            for status in found
        ]

    def kill(self) -> None:
        """The kernel does that when the namespace's first process ends."""

    def close(self) -> None:
        """Let go of the jail's directories."""
        for descriptor in (self.proc, *self._places):
            with suppress(OSError):
                os.close(descriptor)
        self._places = []
