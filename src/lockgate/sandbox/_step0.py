"""Never as uid 0: what a root launcher does on one thread before bubblewrap starts.

A process whose kernel uid is 0 is root of the host wherever it is not stopped by a namespace, even without
capabilities. So the calling thread, and only it, moves into a private mount namespace, shows every source
at a place that any user can reach, and starts it there as an unprivileged uid with no_new_privs.
Threads may have mount namespaces of their own; nothing of the rest of the process changes.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from lockgate.errors import Unfit
from lockgate.sandbox import _idmap
from lockgate.sandbox._view import Mount, View
from lockgate.sandbox.identity import OUTSIDE

_CLONE_NEWNS = 0x00020000
_MS_NOSUID, _MS_NODEV, _MS_REC, _MS_PRIVATE = 2, 4, 1 << 14, 1 << 18
_PR_SET_NO_NEW_PRIVS = 38
_AT_FDCWD = -100
_OPEN_TREE_CLONE, _OPEN_TREE_CLOEXEC, _AT_RECURSIVE = 1, 0o2000000, 0x8000
_MOVE_MOUNT_F_EMPTY_PATH = 4
# The same numbers on every architecture: calls newer than 5.0 share one table.
_SYS_OPEN_TREE, _SYS_MOVE_MOUNT = 428, 429
_STAGE = Path("/tmp")


@dataclass(frozen=True)
class Identity:
    """The uid and gid to take on; supplementary groups are given up."""

    uid: int
    gid: int


class Program(Protocol):
    """What is started. `tree` is the directory that must stay whole for it to load its libraries."""

    @property
    def path(self) -> Path: ...
    @property
    def tree(self) -> Path: ...


@dataclass(frozen=True)
class Start:
    """How the program is started: its path, the view with reachable sources, and as whom."""

    program: Path
    view: View
    identity: Identity | None


def prepare(view: View, program: Program) -> Start:
    """What a launcher that is not root needs: nothing."""
    return Start(program.path, view, None)


def prepare_as_root(view: View, program: Program) -> Start:
    """Stage every source for uid 65533; the calling thread is changed for good. Raises Unfit LG904.

    A writable source, and one that not everybody can read, appears as owned by that uid: by a mapped mount,
    or, where none can be made, a writable source is given to that uid for good.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    sources = {str(program.tree): "ro", **{mount.source: mount.kind for mount in view.sources()}}
    places: dict[str, Path] = {}
    try:
        _check(libc.unshare(_CLONE_NEWNS), "unshare")
        _check(libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None), "mount private")
        # Every source is picked up before the stage covers a part of the tree.
        trees = {source: _pick_up(libc, source, writable=kind == "rw") for source, kind in sources.items()}
        flags = _MS_NOSUID | _MS_NODEV
        _check(libc.mount(b"tmpfs", bytes(_STAGE), b"tmpfs", flags, b"mode=0755,size=1m"), "mount tmpfs")
        for index, (source, tree) in enumerate(trees.items()):
            places[source] = _set_down(libc, tree, _STAGE / str(index))
        _check(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    except OSError as error:
        raise Unfit(
            "LG904",
            "started as root, and this machine does not let root give up being root for a jail",
            seen={"step": error.strerror, "errno": error.errno},
            next="run lockgate as an ordinary user",
        ) from error
    reachable = places[str(program.tree)] / program.path.relative_to(program.tree)
    mounts = tuple(_staged(mount, places) for mount in view.mounts)
    return Start(reachable, replace(view, mounts=mounts), Identity(OUTSIDE, OUTSIDE))


def _staged(mount: Mount, places: Mapping[str, Path]) -> Mount:
    return replace(mount, source=str(places[mount.source])) if mount.kind in ("ro", "rw", "device") else mount


def _pick_up(libc: ctypes.CDLL, source: str, *, writable: bool) -> int:
    """A detached copy of the mount at `source`, as a descriptor."""
    status = os.stat(source)
    wanted = stat.S_IROTH | (stat.S_IXOTH if stat.S_ISDIR(status.st_mode) else 0)
    if not writable and status.st_mode & wanted == wanted:
        return _open_tree(libc, source, _AT_RECURSIVE)
    tree = _open_tree(libc, source, 0)
    if not _idmap.show_as(libc, tree, (status.st_uid, status.st_gid), OUTSIDE) and writable:
        _hand_over(source)
    return tree


def _open_tree(libc: ctypes.CDLL, source: str, recursive: int) -> int:
    flags = _OPEN_TREE_CLONE | _OPEN_TREE_CLOEXEC | recursive
    return _check(libc.syscall(_SYS_OPEN_TREE, _AT_FDCWD, os.fsencode(source), flags), f"open_tree {source}")


def _set_down(libc: ctypes.CDLL, tree: int, place: Path) -> Path:
    if stat.S_ISDIR(os.fstat(tree).st_mode):
        place.mkdir(mode=0o755)
    else:
        place.touch(mode=0o644)
    result = libc.syscall(_SYS_MOVE_MOUNT, tree, b"", _AT_FDCWD, bytes(place), _MOVE_MOUNT_F_EMPTY_PATH)
    _check(result, f"move_mount {place}")
    os.close(tree)
    return place


def _hand_over(source: str) -> None:
    os.chown(source, OUTSIDE, OUTSIDE, follow_symlinks=False)
    for folder, names, files in os.walk(source):
        for name in (*names, *files):
            os.chown(os.path.join(folder, name), OUTSIDE, OUTSIDE, follow_symlinks=False)


def _check(result: int, step: str) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), step)
    return result
