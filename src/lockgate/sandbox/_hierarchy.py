"""Where this process's own control groups are, from the kernel's two tables (pure).

/proc/self/cgroup      hierarchy ":" controllers ":" path          0::/user.slice/a.scope    4:memory:/job
/proc/self/mountinfo   id parent device root place options... "-" type source super-options
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True)
class Own:
    """One hierarchy: its version, where it is mounted, and the folder below it that is this process's group."""

    version: int
    mounted: str
    folder: str


def own_groups(groups: str, mounts: str) -> dict[str, Own]:
    """By controller; the unified hierarchy is called "". What lies outside the mounted part is left out."""
    paths = _paths(groups)
    found: dict[str, Own] = {}
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields, rest = before.split(" "), after.split(" ")
        if len(fields) < 5 or len(rest) < 3 or rest[0] not in ("cgroup", "cgroup2"):
            continue
        version = 2 if rest[0] == "cgroup2" else 1
        names = [""] if version == 2 else [name for name in rest[2].split(",") if name]
        root, mounted = _plain(fields[3]), _plain(fields[4])
        for name in names:
            below = _below(root, paths[name]) if name in paths else None
            if below is not None:
                found.setdefault(name, Own(version, mounted, mounted + below))
    return found


def member_of(groups: str, controller: str, name: str) -> bool:
    """Whether a process with this /proc/PID/cgroup is in the group called `name`."""
    return _paths(groups).get(controller, "").endswith(f"/{name}")


def _paths(groups: str) -> dict[str, str]:
    found = {}
    for line in groups.splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        for name in controllers.split(",") if number != "0" else [""]:
            found[name] = path
    return found


def _below(root: str, path: str) -> str | None:
    """`path` as seen from a mount whose own root is `root`."""
    if "/.." in path or "/.." in root:
        return None
    if root == "/":
        return path.rstrip("/")
    return path[len(root) :] if path == root or path.startswith(root + "/") else None


def _plain(field: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), field)
