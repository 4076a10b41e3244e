"""What of some paths a jail is shown: a folder as it lies there, or one of ours with its regular files.

A folder that holds a socket, a pipe, a device or something unreadable cannot be shown as it is: what is behind a
socket would be in reach. Nor can, to a jail of root's, one with files that only root may read. Its files are then
copied (large ones: given a second name, where that can be) into a folder of ours, and so are files that were named one
by one. No link is followed.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from lockgate.errors import Usage
from lockgate.register.import_formats import MAX_FILES
from lockgate.register.scan_words import ScannedFile, skipped
from lockgate.store.files import writing

_LARGE: Final = 64 << 20
_READABLE: Final = 0o644
_OPEN: Final = 0o755
"""Whoever may look into the folder around them may read the copies."""

_NOT_LOOKED_AT: Final = {
    stat.S_IFSOCK: "it is a socket",
    stat.S_IFIFO: "it is a pipe",
    stat.S_IFBLK: "it is a device",
    stat.S_IFCHR: "it is a device",
}


@dataclass(frozen=True)
class Root:
    """A folder that is shown. `names`: the entries in it that were asked for, None for all; `prefix` of their paths."""

    folder: Path
    prefix: str
    names: tuple[str, ...] | None


@dataclass
class Shown:
    """The folders, and what of the paths is in none of them."""

    roots: list[Root] = field(default_factory=list)
    missed: list[ScannedFile] = field(default_factory=list)


def show(paths: Sequence[str], scratch: Path) -> Shown:
    """Every path once. Raises Usage LG940 for one that is not there."""
    shown = Shown()
    single: dict[str, list[str]] = {}
    for path in dict.fromkeys(paths):
        mode = _mode(path)
        if stat.S_ISDIR(mode):
            prefix = path.rstrip("/") + "/"
            folder = _Copy(shown, scratch / str(len(shown.roots)), prefix)
            plain = folder.is_plain(path)
            shown.roots.append(Root(Path(os.path.abspath(path)) if plain else folder.of(path), prefix, None))
        elif stat.S_ISREG(mode):
            folder_name, slash, name = path.rpartition("/")
            single.setdefault(folder_name + slash, []).append(name)
        else:
            shown.missed.append(skipped(path, _why(path, mode)))
    for prefix, names in single.items():
        copy = _Copy(shown, scratch / str(len(shown.roots)), prefix)
        shown.roots.append(Root(copy.these(prefix or ".", names), prefix, tuple(names)))
    return shown


def _mode(path: str) -> int:
    try:
        return os.lstat(path.rstrip("/") or "/").st_mode
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise Usage("LG940", f"{path}: {why}", seen={"path": path}, next="lockgate scan --help") from None


def _why(path: str, mode: int) -> str:
    if stat.S_ISLNK(mode):
        return f"it is a symbolic link, and none is followed; it leads to {os.readlink(path.rstrip('/'))}"
    return _NOT_LOOKED_AT.get(stat.S_IFMT(mode), "it is no regular file")


@dataclass
class _Copy:
    """A folder of ours with what a jail may see of another one."""

    shown: Shown
    target: Path
    prefix: str
    _left: int = field(default_factory=lambda: MAX_FILES)

    def is_plain(self, folder: str) -> bool:
        """Whether all below `folder` can be read, and is file, folder or link."""
        try:
            return all(stat.S_IFMT(mode) not in _NOT_LOOKED_AT and _in_reach(mode) for mode in _below(folder))
        except OSError:
            return False

    def of(self, folder: str) -> Path:
        """All below `folder`; what cannot be shown is told as not looked at."""
        self._folder(folder, "")
        return self.target

    def these(self, folder: str, names: Sequence[str]) -> Path:
        """These files of one folder; beside an ONNX model also large ones that its weights may lie in."""
        self.target.mkdir(parents=True)
        self.target.chmod(_OPEN)
        for name in names:
            self._file(os.path.join(folder, name), name)
        if any(name.lower().endswith(".onnx") for name in names):
            for entry in os.scandir(folder):
                data = _may_be_data(entry.name) and entry.name not in names
                if data and entry.is_file(follow_symlinks=False):
                    self._file(entry.path, entry.name)
        return self.target

    def _folder(self, folder: str, below: str) -> None:
        (self.target / below).mkdir(parents=True)
        (self.target / below).chmod(_OPEN)
        try:
            entries = sorted(os.scandir(folder), key=lambda one: one.name)
        except OSError as error:
            self._miss(below or ".", f"it cannot be read: {error.strerror}")
            return
        for entry in entries:
            name = below + entry.name
            mode = entry.stat(follow_symlinks=False).st_mode
            if stat.S_ISDIR(mode):
                self._folder(entry.path, name + "/")
            elif stat.S_ISREG(mode):
                self._file(entry.path, name)
            else:
                self._miss(name, _why(entry.path, mode))

    def _file(self, path: str, name: str) -> None:
        self._left -= 1
        if self._left < 0:
            if self._left == -1:
                self._miss(name, f"more than {MAX_FILES:,} files: neither it nor what is behind it", rest=True)
            return
        target = self.target / name
        try:
            status = os.lstat(path)
            if status.st_size > _LARGE and _in_reach(status.st_mode) and _linked(path, target):
                return
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            self._miss(name, f"it cannot be read: {error.strerror}")
            return
        with os.fdopen(descriptor, "rb") as source:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                self._miss(name, "it is no regular file")
                return
            with writing(target), target.open("xb") as copy:
                os.fchmod(copy.fileno(), _READABLE)
                shutil.copyfileobj(source, copy, 1 << 20)

    def _miss(self, name: str, why: str, *, rest: bool = False) -> None:
        self.shown.missed.append(skipped(self.prefix + name, why, rest=rest))


def _linked(path: str, target: Path) -> bool:
    try:
        os.link(path, target, follow_symlinks=False)
    except OSError:
        return False
    return True


def _in_reach(mode: int) -> bool:
    """Whether a jail can read it: that of root runs as somebody to whom nothing belongs."""
    wanted = stat.S_IROTH | (stat.S_IXOTH if stat.S_ISDIR(mode) else 0)
    return bool(os.geteuid()) or stat.S_ISLNK(mode) or mode & wanted == wanted


def _below(folder: str) -> Iterator[int]:
    """The mode of the folder and of everything below. Raises OSError."""
    yield os.lstat(folder).st_mode
    waiting = [folder]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                mode = entry.stat(follow_symlinks=False).st_mode
                yield mode
                if stat.S_ISDIR(mode):
                    waiting.append(entry.path)


def _may_be_data(name: str) -> bool:
    """Whether exporters call the weights beside a graph so."""
    return "data" in name.lower() or name.lower().endswith((".bin", ".weights"))
