"""The folder from which another runtime makes a jail: a root with nothing but places to mount on, and its state.

As root it lies in the private mount namespace of the jail's thread and goes with it. An ordinary user has no such
place: the folder has a name that tells whose it is, and what a killed launcher left is removed at the next start.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from lockgate.errors import Unfit
from lockgate.sandbox._oci import Place

_PREFIX = "lockgate-"


_STAGE = Path("/tmp/bundle")


def stage() -> Path:
    """A new private folder for root, on the jail's thread once that has staged its sources. Raises Unfit LG904."""
    _STAGE.mkdir(mode=0o700)
    # Without flags: what is nosuid or nodev here, no user namespace may remount read-only.
    if ctypes.CDLL(None, use_errno=True).mount(b"tmpfs", bytes(_STAGE), b"tmpfs", 0, b"mode=0700,size=16m") != 0:
        raise Unfit(
            "LG904",
            "started as root, and this machine lets root make no folder for a jail that is not root's",
            seen={"errno": ctypes.get_errno()},
            next="run lockgate as an ordinary user",
        )
    return _STAGE


def scratch(longest: int = 4096) -> Path:
    """A new private folder for an ordinary user, on a file system without `nosuid` and `nodev` where there is one.

    `longest` is how long the path of the folder above it may be.
    """
    candidates = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]
    candidates = [path for path in candidates if len(str(path)) <= longest]
    above = next((path for path in candidates if _plain(path)), candidates[0])
    _remove_stale(above)
    return Path(tempfile.mkdtemp(prefix=f"{_owned()}{os.getpid()}-", dir=above))


def furnish(root: Path, places: Iterable[Place]) -> None:
    """Make `places` below the new folder `root`."""
    root.mkdir(mode=0o755)
    for place in places:
        path = root / place.path.lstrip("/")
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        match place.kind:
            case "folder":
                path.mkdir(mode=0o755, exist_ok=True)
            case "file":
                path.touch(mode=0o644)
            case "symlink":
                path.symlink_to(place.to)


def hand_over(folder: Path, uid: int, gid: int) -> None:
    """Give a new folder, and everything in it, to whom the runtime will run as."""
    os.chown(folder, uid, gid)
    for above, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(os.path.join(above, name), uid, gid, follow_symlinks=False)


def _owned() -> str:
    """How our folders' names begin; in another pid namespace the same number is another process."""
    return f"{_PREFIX}{os.stat('/proc/self/ns/pid').st_ino}-"


def _plain(path: Path) -> bool:
    try:
        flags = os.statvfs(path).f_flag
    except OSError:
        return False
    return not flags & (os.ST_NOSUID | os.ST_NODEV) and os.access(path, os.W_OK)


def _remove_stale(above: Path) -> None:
    for left in above.glob(f"{_owned()}*-*"):
        launcher = left.name.removeprefix(_owned()).partition("-")[0]
        with suppress(OSError):
            if launcher.isdigit() and left.stat().st_uid == os.geteuid() and not os.path.exists(f"/proc/{launcher}"):
                shutil.rmtree(left)
