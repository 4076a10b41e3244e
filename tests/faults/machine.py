"""A folder on a machine that fails at a chosen call of `os`: it errs, tears, dies, or loses what was not synced.

The folder is real, on a file system of memory; beside it stands what its disk would hold. Of a file: the bytes of its
last good fsync, and which were written since. Of a folder: the names of its last good fsync, and each change since.

    kill        the process is gone; what it wrote is in the page cache and stays
    power cut   each change of a name that was not synced came through or did not, in order or on its own; of bytes
                that were not synced any 512 of them may be missing; a rename is one step
    error       a call says EIO or ENOSPC, with half of its bytes written, or with its work done after all; after an
                fsync that failed the kernel forgets what was dirty, and the next fsync succeeds without it

Everything goes through the functions of `os`, so that no code under test can forget the seam. Whatever comes into the
folder by another way is found by `audit`.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

from tests.faults.held import Change, Fault, File, Killed

CREATES = os.O_CREAT | os.O_TRUNC
CHANGING = (
    "open",
    "write",
    "fsync",
    "fdatasync",
    "ftruncate",
    "rename",
    "replace",
    "unlink",
    "remove",
    "rmdir",
    "mkdir",
)
UNKNOWN = ("writev", "pwrite", "pwritev", "truncate", "link", "symlink", "sendfile", "posix_fallocate", "mkfifo")
"""Calls that the model does not know: used within the folder they fail the test."""


class Machine:
    """A folder, its disk, and the fault to come. One life of its processes is within `running`."""

    def __init__(self, root: Path) -> None:
        """`root` holds nothing that is not synced."""
        self.root = root
        self.renamed: Callable[[str], None] = lambda _: None
        """Called with the new path when a file was renamed: from then on every reader may see it."""
        self.fault = Fault()
        self.steps = Counter[str]()
        self.dead = False
        self._number = 0
        self._numbers: dict[int, int] = {}
        """Of each inode that is in use: the number by which what lies there is known here."""
        self._files: dict[int, File] = {}
        self._folders: dict[int, str] = {}
        self._durable: dict[int, dict[str, int]] = {}
        self._pending: dict[int, list[Change]] = {}
        self._device = root.stat().st_dev
        self._prefix = f"{root}{os.sep}"
        self._real: dict[str, Callable[..., Any]] = {
            name: getattr(os, name) for name in (*CHANGING, *UNKNOWN, "fdopen")
        }
        self._take_in(str(root))

    @contextmanager
    def running(self, fault: Fault | None = None) -> Iterator[None]:
        """Calls of `os` go through the model here."""
        self.fault, self.dead = fault or Fault(), False
        self.steps.clear()
        here: dict[str, Callable[..., Any]] = {
            name: getattr(self, f"_{'rename' if name == 'replace' else 'unlink' if name == 'remove' else name}")
            for name in (*CHANGING, "fdopen")
        }
        here |= {name: self._unknown(name) for name in UNKNOWN}
        for name, call in here.items():
            setattr(os, name, call)
        try:
            yield
        finally:
            for name, real in self._real.items():
                setattr(os, name, real)

    def power_cut(self, target: Path, random: Random) -> Machine:
        """The machine after power came back: one of the states that the disk may be in, written to `target`."""
        pending = sorted((change for changes in self._pending.values() for change in changes), key=lambda c: c.number)
        ordered, upto = random.random() < 0.5, random.randrange(len(pending) + 1)
        kept = {
            change.number
            for place, change in enumerate(pending)
            if (place < upto if ordered else random.random() < 0.5)
        }
        self._write_out(self._of(self.root.stat()), target, kept, random)
        return Machine(target)

    def audit(self) -> None:
        """Raises AssertionError when something lies in the folder that came by a call which the model does not see."""
        for folder, names in self._names().items():
            found = set(os.listdir(folder))
            assert found == names, f"by which call did this come? {folder}: {found ^ names}"
        for file in self._files.values():
            if file.gone is None and not (file.dirty or file.resized or file.forgotten or file.durable is None):
                assert file.durable == file.cached(), f"by which call was this written? {file.path}"

    # What the disk holds

    def _take_in(self, folder: str) -> None:
        names = self._durable[self._begins(os.stat(folder), folder)]
        with os.scandir(folder) as found:
            for entry in found:
                if entry.is_dir(follow_symlinks=False):
                    self._take_in(entry.path)
                else:
                    self._begins(entry.stat(follow_symlinks=False), File(entry.path))
                names[entry.name] = self._of(entry.stat(follow_symlinks=False))

    def _names(self) -> dict[str, set[str]]:
        found = {}
        for number, folder in self._folders.items():
            names = dict(self._durable[number])
            for change in self._pending[number]:
                change.apply(names)
            if os.path.isdir(folder):
                found[folder] = set(names)
        return found

    def _write_out(self, folder: int, target: Path, kept: set[int], random: Random) -> None:
        names = dict(self._durable[folder])
        for change in self._pending[folder]:
            if change.number in kept:
                change.apply(names)
        for name, child in sorted(names.items()):
            if child in self._durable:
                (target / name).mkdir()
                self._write_out(child, target / name, kept, random)
                continue
            file = self._files[child]
            if file.durable is None and file.gone is None:
                os.link(file.path, target / name)
            else:
                (target / name).write_bytes(file.after_power_cut(random))

    # The calls

    def _open(self, path: Any, flags: int, mode: int = 0o777, **more: Any) -> int:
        name = os.fspath(path)
        if not self._within(name):
            return int(self._real["open"](path, flags, mode, **more))
        assert not more, "the model knows no dir_fd"
        new = bool(flags & os.O_CREAT) and not os.path.lexists(name)
        if not new:
            if flags & os.O_ACCMODE == os.O_RDONLY:
                self._read(name)
            assert not flags & os.O_TRUNC
            return int(self._real["open"](path, flags, mode))
        with self._step("open") as after:
            descriptor = int(self._real["open"](path, flags, mode))
            number = self._begins(os.fstat(descriptor), File(name, b""))
            self._change(os.path.dirname(name), "add", os.path.basename(name), number)
            try:
                after()
            except OSError:
                os.close(descriptor)
                raise
        return descriptor

    def _write(self, descriptor: int, data: Any) -> int:
        file = self._file(descriptor)
        if file is None:
            return int(self._real["write"](descriptor, data))
        data = memoryview(data)
        fault, part = self._due("write"), data
        if fault:
            part = data[: max(len(data) // 2, fault.kind == "short")]
        if file.durable is None:
            file.durable = file.cached()
        count = int(self._real["write"](descriptor, part)) if len(part) else 0
        if count:
            end = os.lseek(descriptor, 0, os.SEEK_CUR)
            file.dirty.append((end - count, end))
        if fault:
            self._strike("write")
        return count

    def _fsync(self, descriptor: int) -> None:
        found = os.fstat(descriptor)
        which = self._of(found)
        folder = which in self._durable
        file = None if folder else self._file(descriptor)
        if not folder and file is None:
            self._real["fsync"](descriptor)
            return
        try:
            with self._step("fsync folder" if folder else "fsync"):
                if folder:
                    for change in self._pending[which]:
                        change.apply(self._durable[which])
                    self._pending[which].clear()
                elif file is not None:
                    file.synced()
        except OSError:
            if file is not None:  # the pages are clean now, and their bytes nowhere but in the cache
                file.dirty.clear()
                file.resized = True
                file.forgotten = True
            raise

    _fdatasync = _fsync

    def _ftruncate(self, descriptor: int, length: int) -> None:
        file = self._file(descriptor)
        if file is None:
            self._real["ftruncate"](descriptor, length)
            return
        with self._step("ftruncate") as after:
            if file.durable is None:
                file.durable = file.cached()
            self._real["ftruncate"](descriptor, length)
            file.dirty = [(start, min(end, length)) for start, end in file.dirty if start < length]
            file.resized = True
            after()

    def _rename(self, source: Any, target: Any, **more: Any) -> None:
        one, other = os.fspath(source), os.fspath(target)
        if not self._within(one) and not self._within(other):
            self._real["rename"](source, target, **more)
            return
        folder = os.path.dirname(one)
        assert folder == os.path.dirname(other), "the model moves within a folder only"
        with self._step("rename") as after:
            number = self._of(os.lstat(one))
            self._leaves(other)
            self._real["rename"](one, other)
            self._files[number].path = other
            self._change(folder, "move", os.path.basename(other), number, os.path.basename(one))
            self.renamed(other)
            after()

    def _unlink(self, path: Any, **more: Any) -> None:
        name = os.fspath(path)
        if not self._within(name):
            self._real["unlink"](path, **more)
            return
        with self._step("unlink") as after:
            self._leaves(name)
            self._real["unlink"](name)
            self._change(os.path.dirname(name), "remove", os.path.basename(name))
            after()

    def _mkdir(self, path: Any, mode: int = 0o777, **more: Any) -> None:
        name = os.fspath(path)
        if not self._within(name) or os.path.lexists(name):
            self._real["mkdir"](path, mode, **more)
            return
        with self._step("mkdir") as after:
            self._real["mkdir"](name, mode)
            number = self._begins(os.stat(name), name)
            self._change(os.path.dirname(name), "add", os.path.basename(name), number)
            after()

    def _rmdir(self, path: Any, **more: Any) -> None:
        name = os.fspath(path)
        if not self._within(name):
            self._real["rmdir"](path, **more)
            return
        with self._step("rmdir") as after:
            self._real["rmdir"](name)
            self._change(os.path.dirname(name), "remove", os.path.basename(name))
            after()

    def _fdopen(self, descriptor: int, *more: Any, **named: Any) -> Any:
        if self._file(descriptor) is not None:
            assert (more or (named.get("mode", "r"),))[0] in ("r", "rb"), (
                "the model does not see what a file object writes"
            )
        return self._real["fdopen"](descriptor, *more, **named)

    def _unknown(self, name: str) -> Callable[..., Any]:
        real = self._real[name]

        def call(first: Any, *more: Any, **named: Any) -> Any:
            touched = [first, *more[:1]]  # of a link, the second is the new name
            ours = [
                self._file(one) is not None if isinstance(one, int) else self._within(os.fspath(one))
                for one in touched
                if isinstance(one, (int, str, os.PathLike)) and not (isinstance(one, int) and one is not first)
            ]
            assert not any(ours), f"the model does not know os.{name}"
            return real(first, *more, **named)

        return call

    # Steps and faults

    @contextmanager
    def _step(self, call: str) -> Iterator[Callable[[], None]]:
        """Before the work, and what to call after it: an error may be told although it was done."""
        fault = self._due(call)
        late = fault is not None and fault.kind == "error" and fault.done and not call.startswith("fsync")
        if fault is not None and not late:
            self._strike(call)
        yield (lambda: self._strike(call)) if late else (lambda: None)

    def _read(self, name: str) -> None:
        if self._due("read") is not None and os.path.isfile(name):
            self._strike("read")

    def _due(self, call: str) -> Fault | None:
        """The fault, if this is where it strikes."""
        if self.dead:
            raise Killed
        self.steps[call] += 1
        if call != "read":
            self.steps[""] += 1
        fault = self.fault
        applies = call == fault.call or (not fault.call and call != "read")
        return fault if applies and 0 < fault.at <= self.steps[fault.call] < fault.at + fault.lasting else None

    def _strike(self, call: str) -> None:
        fault = self.fault
        if fault.kind == "short" and call != "write":
            return
        fault.hit = fault.hit or call
        if fault.kind == "short":
            return
        if fault.kind in ("kill", "cut"):
            self.dead = True
            raise Killed
        raise OSError(fault.errno, os.strerror(fault.errno))

    # Helpers

    def _within(self, path: Any) -> bool:
        return isinstance(path, str) and path.startswith(self._prefix)

    def _file(self, descriptor: int) -> File | None:
        return self._files.get(self._of(os.fstat(descriptor)))

    def _of(self, found: os.stat_result) -> int:
        """Our number of what lies there; 0: nothing of ours."""
        return self._numbers.get(found.st_ino, 0) if found.st_dev == self._device else 0

    def _begins(self, found: os.stat_result, what: File | str) -> int:
        """A new file, or a new folder by its path, gets a number: a file system gives an inode out again."""
        number = self._numbers[found.st_ino] = len(self._files) + len(self._folders) + 1
        if isinstance(what, File):
            self._files[number] = what
        else:
            self._folders[number], self._durable[number], self._pending[number] = what, {}, []
        return number

    def _leaves(self, name: str) -> None:
        """A file's name goes: its bytes may still be wanted, if that is not synced."""
        try:
            number = self._of(os.lstat(name))
        except FileNotFoundError:
            return
        if number in self._files:
            self._files[number].gone = self._files[number].cached()

    def _change(self, folder: str, kind: str, name: str, file: int = 0, source: str = "") -> None:
        self._number += 1
        self._pending[self._of(os.stat(folder))].append(Change(self._number, kind, name, file, source))
