"""Level 2 for a launcher that is root: every source where an ordinary user reaches it, and then no longer root.

The thread's private mount namespace (see `_step0`) shows the sources at `/tmp/N`. What has to be at its own path, such
as an interpreter below a private home, gets an empty folder in the place of what cannot be passed.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lockgate.errors import Unfit
from lockgate.sandbox._step0 import Identity, prepare_as_root
from lockgate.sandbox._view import Mount, View

_STAGE = "/tmp"
_MS_NOSUID, _MS_NODEV, _MS_BIND, _MS_REC = 2, 4, 4096, 1 << 14


@dataclass(frozen=True)
class _Base:
    path: Path
    tree: Path


def places(base: str, view: View, moved: Sequence[Mount]) -> dict[str, str]:
    """Where each staged source will be, the base first; the numbers are `prepare_as_root`'s."""
    sources = [base, *(mount.source for mount in _staged(view, moved))]
    return {source: f"{_STAGE}/{index}" for index, source in enumerate(dict.fromkeys(sources))}


def enter(base: str, view: View, moved: Sequence[Mount], expected: Mapping[str, str]) -> Identity:
    """Change the calling thread for good. Raises Unfit LG904."""
    staged = _staged(view, moved)
    mounts = (Mount("rw", "/", base), *staged)
    start = prepare_as_root(View(mounts, "/", ()), _Base(Path(base), Path(base)))
    found = {mount.source: shown.source for mount, shown in zip(mounts, start.view.mounts, strict=True)}
    if found != dict(expected) or start.identity is None:
        raise _cannot("stage", 0)
    libc = ctypes.CDLL(None, use_errno=True)
    own = {mount.target for mount in moved}
    for mount in staged:
        if mount.target not in own:
            _put(libc, found[mount.source], mount.target)
    return start.identity


def _staged(view: View, moved: Sequence[Mount]) -> list[Mount]:
    own = {mount.target for mount in moved}
    return [mount for mount in view.sources() if mount.target in own or not reachable(mount.target, mount.source)]


def reachable(target: str, source: str) -> bool:
    """Whether anybody gets at `source` by the path `target`, and finds it readable there."""
    if os.path.realpath(target) != os.path.realpath(source):
        return False
    status = os.stat(source)
    wanted = stat.S_IROTH | (stat.S_IXOTH if stat.S_ISDIR(status.st_mode) else 0)
    passable = all(os.stat(parent).st_mode & stat.S_IXOTH for parent in _parents(target))
    return passable and status.st_mode & wanted == wanted


def _put(libc: ctypes.CDLL, shown: str, target: str) -> None:
    """Show at `target` what is at `shown`."""
    closed = [parent for parent in _parents(target) if os.path.isdir(parent) and not _passable(parent)]
    if closed:
        _mount(libc, "tmpfs", closed[0], _MS_NOSUID | _MS_NODEV, "mode=0755,size=64k")
    os.makedirs(os.path.dirname(target), mode=0o755, exist_ok=True)
    if not os.path.lexists(target):
        if os.path.isdir(shown):
            os.mkdir(target, 0o755)
        else:
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))
    _mount(libc, shown, target, _MS_BIND | _MS_REC, "")


def _passable(folder: str) -> bool:
    return bool(os.stat(folder).st_mode & stat.S_IXOTH)


def _parents(path: str) -> list[str]:
    return [str(parent) for parent in reversed(Path(path).parents)]


def _mount(libc: ctypes.CDLL, source: str, target: str, flags: int, options: str) -> None:
    kind = b"tmpfs" if source == "tmpfs" else None
    where, what = os.fsencode(target), os.fsencode(source)
    if libc.mount(what, where, kind, ctypes.c_ulong(flags), os.fsencode(options) or None) != 0:
        raise _cannot(f"mount {target}", ctypes.get_errno())


def _cannot(step: str, errno: int) -> Unfit:
    return Unfit(
        "LG904",
        "started as root, and this machine does not let root give up being root for a jail",
        seen={"step": step, "errno": errno},
        next="run lockgate as an ordinary user",
    )
