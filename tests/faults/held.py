"""What the modelled disk holds of a file and of a name, and what may happen to it."""

from __future__ import annotations

import errno
from dataclasses import dataclass, field
from random import Random

SECTOR = 512


class Killed(BaseException):
    """The process ended here. No handler for errors catches it, and nothing that it still tries has an effect."""


@dataclass
class File:
    """What the disk has of a file, and what it may have. `path`: where it lies, while it does."""

    path: str
    durable: bytes | None = None
    """None: as it lies there, all of it synced."""
    dirty: list[tuple[int, int]] = field(default_factory=list)
    resized: bool = False
    gone: bytes | None = None
    """The bytes of the cache, once it has no name any more."""
    forgotten: bool = False
    """An fsync failed: bytes that were dirty then are in the cache only, whatever a later fsync says."""

    def cached(self) -> bytes:
        """As a reader sees it."""
        if self.gone is not None:
            return self.gone
        with open(self.path, "rb") as file:
            return file.read()

    def synced(self) -> None:
        """A good fsync: the disk has it, but for what an earlier, bad one made the kernel forget."""
        if self.durable is None:
            return
        if self.forgotten:
            cached = self.cached()
            found = bytearray(self.durable.ljust(len(cached), b"\0")[: len(cached)])
            for start, end in self.dirty:
                found[start:end] = cached[start:end]
            self.durable = bytes(found)
        else:
            self.durable = self.cached()
        self.dirty.clear()
        self.resized = False

    def after_power_cut(self, random: Random) -> bytes:
        """The bytes of a file after a power cut."""
        cached = self.cached()
        if self.durable is None:
            return cached
        chance = random.random()
        if not self.dirty and not self.resized:
            return self.durable
        if chance < 0.25:
            return self.durable
        if chance < 0.4 and not self.forgotten:
            return cached
        shortest, longest = sorted((len(self.durable), len(cached)))
        length = random.choice((longest, random.randint(shortest, longest)))
        found = bytearray(self.durable.ljust(longest, b"\0")[:length])
        torn = random.random() < 0.5
        for start, end in self.dirty:
            if torn:  # in order, up to somewhere
                stop = random.randint(start, end)
                found[start:stop] = cached[start:stop]
                if stop < end:
                    break
                continue
            for at in range(start - start % SECTOR, end, SECTOR):
                if random.random() < 0.5:
                    one, other = max(at, start), min(at + SECTOR, end)
                    found[one:other] = cached[one:other]
        return bytes(found[:length])


@dataclass(frozen=True)
class Change:
    """A name that came, went, or moved, in one folder."""

    number: int
    kind: str
    name: str
    file: int = 0
    source: str = ""

    def apply(self, names: dict[str, int]) -> None:
        """Let it have happened."""
        if self.kind == "add":
            names[self.name] = self.file
        elif self.kind == "remove":
            names.pop(self.name, None)
        else:
            names.pop(self.source, None)
            names[self.name] = self.file


@dataclass
class Fault:
    """What happens at step `at`, counted from 1. `kind`: kill, cut, error, short; `lasting`: steps that err.

    With `call` only steps of that call count.
    """

    at: int = 0
    call: str = ""
    kind: str = "kill"
    errno: int = errno.EIO
    lasting: int = 1
    done: bool = False
    """An error is told although the work was done."""
    hit: str = ""
    """The call that it hit, afterwards."""
