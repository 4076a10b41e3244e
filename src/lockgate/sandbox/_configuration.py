"""What the launcher tells the harness (pure): what to set, and, apart from it, what to expect.

The two are computed apart on purpose: a protection that was not asked for is still expected, so its
absence is seen from inside.
"""

from __future__ import annotations

import math
import os
import resource
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lockgate.sandbox import seccomp
from lockgate.sandbox._view import Mount, View
from lockgate.sandbox.identity import HOSTNAME, NOBODY
from lockgate.sandbox.jail import frames
from lockgate.sandbox.settings import JailSettings, Limits

Row = tuple[str, ...]

NAMESPACES = {
    "user": "--unshare-user",
    "pid": "--unshare-pid",
    "net": "--unshare-net",
    "ipc": "--unshare-ipc",
    "uts": "--unshare-uts",
    "cgroup": "--unshare-cgroup",
    "mnt": "bubblewrap",
}

# The single witnesses of what bubblewrap makes true.
WITNESSES = (
    *("interfaces", "capabilities", "new privileges", "first process", "other processes", "session"),
    *("dies with launcher", "user", "group", "other groups", "host name", "working directory", "environment"),
    *("descriptors", "table of mounts", "nested user namespaces"),
)

# A file in a writable bind is bounded by its file system, not by the size of a tmpfs.
_LARGEST_FILE = 1 << 40


@dataclass(frozen=True)
class Outside:
    """What the launcher is itself: its namespaces by kind, how many filters it is under, whether it is root."""

    namespaces: Mapping[str, str]
    filters: int
    root: bool


def outside() -> Outside:
    """What this process is."""
    namespaces = {kind: os.readlink(f"/proc/self/ns/{kind}") for kind in NAMESPACES}
    with open("/proc/self/status", encoding="utf-8") as file:
        filters = [line.split()[1] for line in file if line.startswith("Seccomp_filters:")]
    return Outside(namespaces, int(filters[0]) if filters else 0, root=os.geteuid() == 0)


def rlimits(limits: Limits, *, long_lived: bool, writable: bool) -> dict[str, tuple[int, int]]:
    """Resource limits by name, soft and hard, none above what this process may set itself."""
    wanted = {
        # 1 and not 0: a core pattern that is a pipe starts a program of the host, and heeds no other limit (core(5)).
        "RLIMIT_CORE": 1,
        "RLIMIT_NOFILE": limits.files,
        "RLIMIT_NPROC": limits.tasks,
        "RLIMIT_FSIZE": _LARGEST_FILE if writable else max(limits.output_bytes, limits.tmp_bytes),
        # Virtual size: allocators reserve more than they use, so the watchdog's count is the limit.
        "RLIMIT_DATA": limits.memory + limits.memory // 2,
        "RLIMIT_MEMLOCK": 0,
        "RLIMIT_NICE": 0,
        "RLIMIT_RTPRIO": 0,
        "RLIMIT_MSGQUEUE": 0,
    }
    if not long_lived:
        wanted["RLIMIT_CPU"] = limits.cpu_seconds
    # At the soft limit of processor time comes a signal that tells why; at the hard one the end.
    grace = {"RLIMIT_CPU": 5}
    return {name: (_within(name, value), _within(name, value + grace.get(name, 0))) for name, value in wanted.items()}


def protections(settings: JailSettings, machine: str, *, long_lived: bool) -> list[tuple[bytes, ...]]:
    """The rows that make the harness set something: resource limits and the filter."""
    limits = rlimits(settings.limits, long_lived=long_lived, writable=bool(settings.writable))
    program = seccomp.program(machine, network=settings.network, memfd=settings.memfd)
    return [
        *_rows(("rlimit", name, str(soft), str(hard)) for name, (soft, hard) in limits.items()),
        (b"hide mounts", b"1"),
        (b"give up capabilities", b"1"),
        (b"seccomp", program),
        *([(b"seccomp", seccomp.inward(machine))] if settings.answers_only else []),
    ]


def expectations(
    settings: JailSettings, view: View, machine: str, outside: Outside, *, long_lived: bool
) -> list[tuple[bytes, ...]]:
    """The rows that the probes compare with."""
    rows: list[Row] = [
        ("hostname", HOSTNAME),
        ("nobody", str(NOBODY)),
        ("cwd", view.cwd),
        ("filters", str(outside.filters)),
        ("groups", "given up" if outside.root else "kept"),
    ]
    rows += [("witness", name) for name in WITNESSES if not (name == "interfaces" and settings.network)]
    rows += [
        ("namespace", kind, flag, outside.namespaces.get(kind, ""))
        for kind, flag in NAMESPACES.items()
        if not (kind == "net" and settings.network)
    ]
    rows += [("environment", name, value) for name, value in view.environment]
    rows += [row for mount in view.mounts for row in _expected_mount(mount)]
    rows.append(("mount", "/", "--remount-ro", "tmpfs", "ro", "nosuid", "nodev"))
    limits = rlimits(settings.limits, long_lived=long_lived, writable=bool(settings.writable))
    rows += [("limit", name, str(soft), str(hard)) for name, (soft, hard) in limits.items()]
    rows += attempts(settings)
    answers = seccomp.answers(machine, network=settings.network, memfd=settings.memfd)
    answers += seccomp.answers_inward(machine) if settings.answers_only else []
    rows += [("answer", name, *map(str, numbers)) for name, *numbers in answers]
    return _rows(rows)


def attempts(settings: JailSettings) -> list[Row]:
    """The rows of what is tried: to read what the settings call absent, and to write where nobody may."""
    shown = {bind.target for bind in settings.writable}
    places = [place for place in ("/", "/usr/lib", "/lockgate", "/proc/sys/kernel", "/in") if place not in shown]
    rows: list[Row] = [("absent", name, str(path)) for name, path in settings.absent]
    return rows + [("unwritable", place) for place in places]


def order(
    command: Sequence[str], descriptors: Mapping[int, int], *, collect: bool, relay: str = ""
) -> list[tuple[bytes, ...]]:
    """The rows that say what to run: the command, the target's descriptors (inside: held), whether to collect.

    `relay` is "together" or "apart" where the standard streams go over the channel.
    """
    rows: list[Row] = [("descriptor", str(inside), str(held)) for inside, held in descriptors.items()]
    rows.append(("command", *command))
    if collect:
        rows.append(("collect", "1"))
    if relay:
        rows.append(("relay", relay))
    return _rows(rows)


def encoded(rows: Iterable[tuple[bytes, ...]]) -> bytes:
    """The rows as frames, and the frame that ends them."""
    return b"".join(frames.frame(b"C", frames.pack(list(row))) for row in rows) + frames.frame(b"R")


def _expected_mount(mount: Mount) -> list[Row]:
    head = ("mount", mount.target)
    match mount.kind:
        case "proc":
            return [(*head, "--proc", "proc", "ro", "nosuid", "nodev", "noexec")]
        case "dev":
            return [(*head, "--dev", "tmpfs", "ro", "nosuid")]
        case "tmpfs":
            return [(*head, "--tmpfs", "tmpfs", "rw", "nosuid", "nodev", "mode=700", size_option(mount.size))]
        case "ro":
            return [(*head, "--ro-bind", "", "ro", "nosuid", "nodev")]
        case "rw":
            return [(*head, "--bind", "", "rw", "nosuid", "nodev")]
        case "device":
            return [(*head, "--dev-bind", "", "rw", "nosuid")]
        case "symlink":
            return [("link", mount.target, mount.source)]
        case "dir":
            return [("folder", mount.target)]


def size_option(size: int) -> str:
    """How the kernel spells a tmpfs of at least `size` bytes: whole pages, in kibibytes."""
    page = os.sysconf("SC_PAGE_SIZE")
    return f"size={math.ceil(size / page) * page // 1024}k"


def _within(name: str, value: int) -> int:
    hard = resource.getrlimit(getattr(resource, name))[1]
    return value if hard == resource.RLIM_INFINITY else min(value, hard)


def _rows(rows: Iterable[Row]) -> list[tuple[bytes, ...]]:
    return [tuple(os.fsencode(field) for field in row) for row in rows]
