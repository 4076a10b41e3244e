"""The ruleset of a jail as rows for the harness, and, apart from it, what its witness must find refused (pure).

landlock    paths tcp scopes         what is refused unless a rule allows it
allowed     rights path              one rule: everything beneath `path`
landlocked  name attempt argument    an attempt that must work before the domain is entered, and fail inside it
"""

from __future__ import annotations

from collections.abc import Iterable

from lockgate.sandbox._landlock import abi
from lockgate.sandbox._view import Mount, View

Row = tuple[bytes, ...]
Rule = tuple[int, str]


def protections(rules: Iterable[Rule], version: int, *, network: bool) -> list[Row]:
    """The ruleset. No row where the kernel has no Landlock."""
    if version == 0:
        return []
    handled = abi.handled(version, network=network)
    rows: list[tuple[str, ...]] = [("landlock", str(handled.paths), str(handled.tcp), str(handled.scopes))]
    rows += [("allowed", str(rights & handled.paths), path) for rights, path in rules]
    return _encoded(rows)


def expectations(version: int, *, network: bool, paths: Iterable[tuple[str, str, str]]) -> list[Row]:
    """The attempts; `paths` are those on the file system."""
    if version == 0:
        return []
    rows = list(paths)
    if version >= 5:
        rows.append(("devices", "ioctl", "/dev/null"))
    if version >= 4 and not network:
        rows += [("tcp bind", "bind", ""), ("tcp connect", "connect", "")]
    if version >= 6:
        rows += [("signals", "signal", ""), ("abstract sockets", "abstract", "")]
    return _encoded(("landlocked", *row) for row in rows)


def on_view(view: View) -> list[Rule]:
    """The rules that say of a jail with an own root what its mounts say already."""
    rules = [rule for mount in view.mounts for rule in _of_mount(mount)]
    shown = {mount.target for mount in view.mounts}
    above = {parent for target in shown for parent in _parents(target)}
    # An import looks its folder through; what lies there is shown to the jail anyway.
    return [*rules, *((abi.READ_DIR, parent) for parent in sorted(above - shown))]


def _of_mount(mount: Mount) -> list[Rule]:
    match mount.kind:
        case "proc":
            return [(abi.LOOK, mount.target)]
        case "dev":
            terminals = abi.LOOK | abi.WRITE_FILE | abi.IOCTL_DEV
            nodes = (abi.LOOK | abi.WRITE_FILE, mount.target)
            return [nodes, (terminals, f"{mount.target}/pts"), (terminals, f"{mount.target}/tty")]
        case "tmpfs" | "rw":
            return [(abi.FULL, mount.target)]
        case "ro":
            return [(abi.RUN, mount.target)]
        case "device":
            return [(abi.READ_FILE | abi.WRITE_FILE | abi.IOCTL_DEV, mount.target)]
        case "dir":
            return [(abi.READ_DIR, mount.target)]
        case "symlink":
            return []


def _parents(target: str) -> list[str]:
    parts = target.strip("/").split("/")
    return ["/" + "/".join(parts[:count]) for count in range(1, len(parts))]


def _encoded(rows: Iterable[tuple[str, ...]]) -> list[Row]:
    return [tuple(field.encode("utf-8", "surrogateescape") for field in row) for row in rows]
