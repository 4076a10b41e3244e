"""One jail as an OCI runtime configuration, version 1.0 of its specification (pure).

Uid 0 inside, without a capability: in a namespace that maps one user it is whoever started the runtime, and so the
only one who can read private inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lockgate.sandbox._configuration import size_option
from lockgate.sandbox._view import Mount, View
from lockgate.sandbox.identity import HOSTNAME

UID = 0
_SETS = ("bounding", "effective", "inheritable", "permitted", "ambient")
_NAMESPACES = ("pid", "network", "ipc", "uts", "mount")


@dataclass(frozen=True)
class Place:
    """What the root folder holds, so that it can be read-only: a place to mount on, or a link."""

    kind: Literal["folder", "file", "symlink"]
    path: str
    to: str = ""


def configuration(
    view: View, command: Sequence[str], *, root: str, limits: Mapping[str, tuple[int, int]]
) -> dict[str, Any]:
    """The runtime's `config.json`. `root` is the folder that holds what `places` names; sources must be reachable.

    `limits` are resource limits by name, soft and hard.
    """
    return {
        "ociVersion": "1.0.0",
        "process": {
            "terminal": False,
            "user": {"uid": UID, "gid": UID},
            "args": list(command),
            "env": [f"{name}={value}" for name, value in view.environment],
            "cwd": view.cwd,
            "capabilities": {name: [] for name in _SETS},
            "noNewPrivileges": True,
            "rlimits": [{"type": name, "soft": soft, "hard": hard} for name, (soft, hard) in limits.items()],
        },
        "root": {"path": root, "readonly": True},
        "hostname": HOSTNAME,
        "mounts": [entry for mount in view.mounts if (entry := _mount(mount)) is not None],
        "linux": {"namespaces": [{"type": kind} for kind in _NAMESPACES]},
    }


def places(view: View, *, is_folder: Callable[[str], bool]) -> list[Place]:
    """What must be in the root folder, in an order in which it can be made. `is_folder` knows the host's paths."""
    found = []
    for mount in view.mounts:
        match mount.kind:
            case "symlink":
                found.append(Place("symlink", mount.target, mount.source))
            case "proc" | "dev" | "tmpfs" | "dir":
                found.append(Place("folder", mount.target))
            case "ro" | "rw" | "device":
                found.append(Place("folder" if is_folder(mount.source) else "file", mount.target))
    return found


def expected(view: View) -> list[tuple[str, ...]]:
    """What the probes must find of it, apart from how it was asked for: rows of mounts, links and folders.

    gVisor's table does not tell `nosuid` and `nodev`; the empty capability sets stand for both.
    """
    rows: list[tuple[str, ...]] = [("mount", "/", "root.readonly", "", "ro")]
    for mount in view.mounts:
        head = ("mount", mount.target, "mounts")
        match mount.kind:
            case "proc":
                rows.append((*head, "proc", "ro", "noexec"))
            case "dev":
                rows.append((*head, "tmpfs", "rw"))
            case "tmpfs":
                rows.append((*head, "tmpfs", "rw", "mode=700", size_option(mount.size)))
            case "ro":
                rows.append((*head, "", "ro"))
            case "rw":
                rows.append((*head, "", "rw"))
            case "symlink":
                rows.append(("link", mount.target, mount.source))
            case "dir":
                rows.append(("folder", mount.target))
            case "device":
                raise ValueError("a sandbox with a kernel of its own shows no device")
    return rows


def _mount(mount: Mount) -> dict[str, Any] | None:
    match mount.kind:
        case "proc":
            return _entry(mount.target, "proc", "proc", "ro", "nosuid", "nodev", "noexec")
        case "dev":
            # gVisor refuses to write to a device on a read-only mount. What is put here is its memory, and counted.
            return _entry(mount.target, "tmpfs", "tmpfs", "rw", "nosuid")
        case "tmpfs":
            options = ("rw", "nosuid", "nodev", "mode=700", size_option(mount.size))
            return _entry(mount.target, "tmpfs", "tmpfs", *options)
        case "ro" | "rw":
            return _entry(mount.target, "bind", mount.source, "rbind", mount.kind, "nosuid", "nodev")
        case "device":
            raise ValueError("a sandbox with a kernel of its own shows no device")
        case "symlink" | "dir":
            return None


def _entry(target: str, kind: str, source: str, *options: str) -> dict[str, Any]:
    return {"destination": target, "type": kind, "source": source, "options": list(options)}
