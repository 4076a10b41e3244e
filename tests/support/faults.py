"""Disks that fail, die or lose power at a chosen step."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import NoReturn

from lockgate.audit.disk import Disk


def full() -> NoReturn:
    """What a full disk says."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def die() -> NoReturn:
    """What kill -9 leaves of a process: no handler runs, no buffer is flushed."""
    os._exit(9)


@dataclass
class Faulty(Disk):
    """Counts its steps and calls `fault` before step `at` (from 1); a write gets half of its bytes down first."""

    at: int = 0
    fault: Callable[[], NoReturn] = full
    for_good: bool = False
    steps: int = 0

    def _step(self) -> None:
        self.steps += 1
        if self.steps == self.at or (self.for_good and self.steps > self.at > 0):
            self.fault()

    def write_new(self, path: Path, data: bytes, mode: int = 0o644) -> None:
        """Three steps: create, write, sync."""
        self._step()
        super().write_new(path, data, mode)

    def write(self, descriptor: int, data: bytes) -> None:
        """Torn when it fails."""
        if self.steps + 1 == self.at:
            os.write(descriptor, data[: len(data) // 2])
        self._step()
        super().write(descriptor, data)

    def sync(self, descriptor: int) -> None:
        """One step, and no cost."""
        self._step()

    def sync_data(self, descriptor: int) -> None:
        """One step, and no cost."""
        self._step()

    def make_folder(self, path: Path) -> None:
        """One step."""
        self._step()
        super().make_folder(path)

    def replace(self, source: Path, target: Path) -> None:
        """One step."""
        self._step()
        super().replace(source, target)

    def remove(self, path: Path) -> None:
        """One step."""
        self._step()
        super().remove(path)

    def remove_folder(self, path: Path) -> None:
        """One step."""
        self._step()
        super().remove_folder(path)


@dataclass
class _File:
    data: bytes
    synced: bool = False


@dataclass
class Unplugged(Disk):
    """A disk that remembers what a power cut may take: bytes before their fsync, names before their folder's.

    `after_power_cut` writes one of the states that the disk may be found in. Rename is atomic; between two syncs
    of a folder each change of a name may be lost on its own.
    """

    root: Path
    durable: dict[str, _File | None] = field(default_factory=dict)
    pending: list[tuple[str, str, _File | None]] = field(default_factory=list)
    live: dict[str, _File | None] = field(default_factory=dict)
    steps: int = 0
    cut_at: int = 0

    def write_new(self, path: Path, data: bytes, mode: int = 0o644) -> None:
        """Create, then sync."""
        file = _File(data)
        self._change(path, file)
        super().write_new(path, data, mode)
        self._step()
        file.synced = True

    def write_many(self, files: Sequence[tuple[Path, bytes]], mode: int = 0o644) -> None:
        """Create all, then sync each."""
        made = [_File(data) for _, data in files]
        for (path, _), file in zip(files, made, strict=True):
            self._change(path, file)
        super().write_many(files, mode)
        for file in made:
            self._step()
            file.synced = True

    def sync(self, descriptor: int) -> None:
        """The callers above and below know more."""

    def sync_data(self, descriptor: int) -> None:
        """As `sync`."""

    def make_folder(self, path: Path) -> None:
        """A name without a file."""
        self._change(path, None)
        super().make_folder(path)

    def replace(self, source: Path, target: Path) -> None:
        """Both names change in one step."""
        self._step()
        file = self.live.pop(self._name(source))
        self.live[self._name(target)] = file
        self.pending.append(("replace", f"{self._name(source)}|{self._name(target)}", file))
        super().replace(source, target)

    def remove(self, path: Path) -> None:
        """The name goes."""
        self._step()
        self.live.pop(self._name(path), None)
        self.pending.append(("remove", self._name(path), None))
        super().remove(path)

    def remove_folder(self, path: Path) -> None:
        """The name goes."""
        self._step()
        self.pending.append(("remove", self._name(path), None))
        super().remove_folder(path)

    def sync_folder(self, path: Path) -> None:
        """What happened to the names in this folder stays."""
        self._step()
        here = [change for change in self.pending if self._parent(change[1]) == self._name(path)]
        for change in here:
            _apply(self.durable, change)
        self.pending = [change for change in self.pending if change not in here]

    def after_power_cut(self, target: Path, random: Random) -> None:
        """Write a state that the disk may be in to `target`."""
        state = dict(self.durable)
        for change in self.pending:
            if random.random() < 0.5:
                _apply(state, change)
        for name, file in sorted(state.items()):
            path = target / name
            if any(part not in state for part in _parents(name)):
                continue
            if file is None:
                path.mkdir(exist_ok=True)
            else:
                kept = len(file.data) if file.synced else random.randrange(len(file.data) + 1)
                path.write_bytes(file.data[:kept])

    def _change(self, path: Path, file: _File | None) -> None:
        self._step()
        self.live[self._name(path)] = file
        self.pending.append(("create", self._name(path), file))

    def _step(self) -> None:
        self.steps += 1
        if self.steps == self.cut_at:
            raise PowerCut

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix() if path != self.root else "."

    @staticmethod
    def _parent(name: str) -> str:
        return Path(name.partition("|")[0]).parent.as_posix()


class PowerCut(BaseException):
    """No handler for errors catches it."""


def _apply(state: dict[str, _File | None], change: tuple[str, str, _File | None]) -> None:
    kind, name, file = change
    if kind == "create":
        state[name] = file
    elif kind == "remove":
        state.pop(name, None)
    else:
        source, target = name.split("|")
        state.pop(source, None)
        state[target] = file


def _parents(name: str) -> list[str]:
    return [parent.as_posix() for parent in Path(name).parents if parent.as_posix() != "."]
