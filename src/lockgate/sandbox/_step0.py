"""Never as uid 0: what a root launcher does on one thread before bubblewrap starts.

A process whose kernel uid is 0 is root of the host wherever it is not stopped by a namespace, even without
capabilities. So the calling thread, and only it, moves into a private mount namespace, shows every source
at a place that any user can reach, and starts bubblewrap there as an unprivileged uid with no_new_privs.
Threads may have mount namespaces of their own; nothing of the rest of the process changes.
"""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from lockgate.errors import Unfit
from lockgate.sandbox._bwrap import NOBODY, Bubblewrap
from lockgate.sandbox._view import Mount, View

_CLONE_NEWNS = 0x00020000
_MS_NOSUID, _MS_NODEV, _MS_REC, _MS_PRIVATE = 2, 4, 1 << 14, 1 << 18
_PR_SET_NO_NEW_PRIVS = 38
_AT_FDCWD = -100
_OPEN_TREE_CLONE, _OPEN_TREE_CLOEXEC, _AT_RECURSIVE = 1, 0o2000000, 0x8000
_MOVE_MOUNT_F_EMPTY_PATH = 4
_SYS_OPEN_TREE, _SYS_MOVE_MOUNT = 428, 429
_STAGE = Path("/tmp")  # noqa: S108 - hidden under a tmpfs of this thread's own


@dataclass(frozen=True)
class Start:
    """How bubblewrap is started: its path, the view with reachable sources, and the identity for `Popen`."""

    bwrap: Path
    view: View
    identity: Mapping[str, object]


def prepare(view: View, bwrap: Bubblewrap) -> Start:
    """What a launcher that is not root needs: nothing."""
    return Start(bwrap.path, view, {})


def prepare_as_root(view: View, bwrap: Bubblewrap) -> Start:
    """Stage every source for uid 65534; the calling thread is changed for good. Raises Unfit LG904.

    Writable sources are handed to that uid.
    """
    if platform.machine() not in ("x86_64", "aarch64"):
        raise Unfit("LG904", "as root, jails are started on x86_64 and aarch64 only", next="run as an ordinary user")
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        for mount in view.mounts:
            if mount.kind == "rw":
                _hand_over(mount.source)
        _check(libc.unshare(_CLONE_NEWNS), "unshare")
        _check(libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None), "mount private")
        sources = dict.fromkeys([str(bwrap.tree), *(mount.source for mount in view.sources())])
        trees = {source: _open_tree(libc, source) for source in sources}
        flags = _MS_NOSUID | _MS_NODEV
        _check(libc.mount(b"tmpfs", bytes(_STAGE), b"tmpfs", flags, b"mode=0755,size=1m"), "mount tmpfs")
        places = {}
        for index, (source, tree) in enumerate(trees.items()):
            place = _STAGE / str(index)
            if os.path.isdir(f"/proc/self/fd/{tree}"):
                place.mkdir(mode=0o755)
            else:
                place.touch(mode=0o644)
            _move(libc, tree, place)
            os.close(tree)
            places[source] = place
        _check(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    except OSError as error:
        raise Unfit(
            "LG904",
            "started as root, and this machine does not let root give up being root for a jail",
            seen={"step": str(error.strerror), "errno": error.errno},
            next="run lockgate as an ordinary user",
        ) from error
    mounts = tuple(_staged(mount, places) for mount in view.mounts)
    program = places[str(bwrap.tree)] / bwrap.path.relative_to(bwrap.tree)
    return Start(
        program, replace(view, mounts=mounts), {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    )


def _staged(mount: Mount, places: Mapping[str, Path]) -> Mount:
    return replace(mount, source=str(places[mount.source])) if mount.kind in ("ro", "rw") else mount


def _hand_over(source: str) -> None:
    os.chown(source, NOBODY, NOBODY, follow_symlinks=False)
    for folder, names, files in os.walk(source):
        for name in (*names, *files):
            os.chown(os.path.join(folder, name), NOBODY, NOBODY, follow_symlinks=False)


def _open_tree(libc: ctypes.CDLL, source: str) -> int:
    flags = _OPEN_TREE_CLONE | _OPEN_TREE_CLOEXEC | _AT_RECURSIVE
    return _check(libc.syscall(_SYS_OPEN_TREE, _AT_FDCWD, os.fsencode(source), flags), f"open_tree {source}")


def _move(libc: ctypes.CDLL, tree: int, place: Path) -> None:
    result = libc.syscall(_SYS_MOVE_MOUNT, tree, b"", _AT_FDCWD, bytes(place), _MOVE_MOUNT_F_EMPTY_PATH)
    _check(result, f"move_mount {place}")


def _check(result: int, step: str) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), step)
    return result
