"""A wheel cache of the twin's own, which costs no room and no fetching: what this user has, under other names.

A twin founds an environment like any project with the same lock. In the user's own cache it would unpack each wheel
again, for its state is new, and pull files away under whoever builds beside it. Trusted: nothing. The store hashes each
wheel, and whoever assembles an environment compares every file with what the state says.
"""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

from lockgate.drills.attacks import link
from lockgate.runtime.locked.wheels import cache_folder
from lockgate.store.lock import lock as hold
from lockgate.trust.pin import state_home


def own_cache(place: Path, lock: bytes) -> Path:
    """Make it in `place/cache`, for a twin with this lock whose state is in `place/state`; its `XDG_CACHE_HOME`.

    Wheels are links to the user's folders. Unpacked files are second names of the user's, where the disk is one, so
    nothing may write into one in place; else copies.
    """
    theirs, ours = cache_folder(os.environ), place / "cache" / "lockgate"
    wanted = {found.decode() for found in re.findall(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])", lock)}
    records = place / "state" / "lockgate" / "unpacked"
    for folder in (ours / "wheels", ours / "unpacked", records):
        folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    # As whoever unpacks holds it: no folder changes while it is linked.
    with hold(theirs / "lock"):
        for wheel in sorted(wanted):
            if (theirs / "wheels" / wheel).is_dir():
                (ours / "wheels" / wheel).symlink_to(theirs / "wheels" / wheel)
        for folder in sorted((theirs / "unpacked").glob("*")):
            record = state_home() / "unpacked" / folder.name
            if folder.name.partition("-")[0] in wanted and folder.is_dir() and record.is_file():
                link_tree(folder, ours / "unpacked" / folder.name)
                shutil.copyfile(record, records / folder.name)
    return ours.parent


def link_tree(source: Path, target: Path) -> None:
    """A folder's files under second names. One that goes away meanwhile is left out: it is unpacked again."""
    with suppress(shutil.Error, FileNotFoundError):
        shutil.copytree(source, target, symlinks=True, copy_function=link)
