"""Units of systemd for `lockgate serve` and for `lockgate run --deploy`, as closed as their jails allow. Pure.

Each setting stands with what it takes away; what had to be left open stands at the end, with the reason, so that
whoever reads the unit need not find out. `systemd-analyze verify` and `security` judge it in the tests, and strace
shows that a jail needs no system call beyond CALLS.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from lockgate.core.shown import visible
from lockgate.errors import Usage

CALLS = (
    "@system-service",
    "@mount",
    "sethostname",
    "seccomp",
    "landlock_create_ruleset",
    "landlock_add_rule",
    "landlock_restrict_self",
)
"""What a process of the unit may ask of the kernel. Each jail has a narrower filter of its own."""

FAMILIES = ("AF_UNIX", "AF_INET", "AF_INET6", "AF_NETLINK")
"""AF_NETLINK: bubblewrap brings up the loopback device of a jail without a network."""

_STOP_SECONDS = 30
_LONGEST_RUN = 12 * 3600
_WHEN = re.compile(r"[A-Za-z0-9*:/., -]+")
_WORD = re.compile(r"[A-Za-z0-9/._:=@+,-]+")


@dataclass(frozen=True)
class UnitSpec:
    """One service. `program`: the command before its arguments, the first an absolute path. Paths are absolute.

    `writable`: folders that it writes to, with a dash before one that need not be there. `hidden`: files and folders of
    the same user that it has no business in. `credentials`: name and file, read by systemd as root and shown to this
    service alone; an argument names one as `%d/NAME`. `memory`: most bytes of all its processes. `home`: whether what
    it reads lies in somebody's home.
    """

    name: str
    project: str
    program: tuple[str, ...]
    arguments: tuple[str, ...]
    user: str
    writable: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()
    credentials: tuple[tuple[str, str], ...] = ()
    hidden: tuple[str, ...] = ()
    memory: int = 8 << 30
    home: bool = True

    @property
    def file(self) -> str:
        """What the unit is called."""
        return f"lockgate-{self.name}.service"

    @property
    def timer_file(self) -> str:
        """What the timer is called that starts it."""
        return f"lockgate-{self.name}.timer"


def unit(spec: UnitSpec) -> str:
    """The text of the service that answers. Raises Usage LG681 for a path or a name that a unit cannot say."""
    name = _word(spec.name)
    begins = (
        f"# lockgate serve, for {name}. Written by: lockgate export systemd",
        "# Install: sudo install -m 644 FILE /etc/systemd/system/ && sudo systemctl daemon-reload",
        "",
        "[Unit]",
        f"Description=Lockgate gateway of {name}",
        *_ONLINE,
        "StartLimitIntervalSec=300",
        "StartLimitBurst=5",
        "",
        "[Service]",
        "Type=exec",
    )
    ends = (*_SERVED, "", "[Install]", "WantedBy=multi-user.target")
    return "\n".join((*begins, *_started(spec), *_ENDING, *_closed(spec), *ends)) + "\n"


def scheduled(spec: UnitSpec) -> str:
    """The text of the service that a timer starts: once through, then it is over. Raises as `unit`."""
    name = _word(spec.name)
    begins = (
        f"# lockgate run --deploy, for {name}. Written by: lockgate export systemd --every SPAN",
        "# Its timer has the same name. It is over when it has run: exit status 0 also where nothing is new.",
        "",
        "[Unit]",
        f"Description=Lockgate run of {name}",
        *_ONLINE,
        "",
        "[Service]",
        "Type=oneshot",
    )
    ends = (f"TimeoutStartSec={_LONGEST_RUN}", "# A stage that was stopped is done again by the next run.")
    return "\n".join((*begins, *_started(spec), *ends, *_closed(spec))) + "\n"


def timer(spec: UnitSpec, when: str) -> str:
    """The text of the timer that starts `scheduled`. `when` is of `export.schedule.calendar`. Raises as `unit`."""
    if not _WHEN.fullmatch(when):
        raise _unsayable(when, "is no time")
    lines = (
        f"# When lockgate run --deploy runs, for {_word(spec.name)}. Written by: lockgate export systemd --every SPAN",
        "# Install: sudo install -m 644 FILES /etc/systemd/system/ && sudo systemctl daemon-reload &&",
        f"#          sudo systemctl enable --now {_word(spec.timer_file)}",
        "",
        "[Unit]",
        f"Description=Schedule of the Lockgate run of {_word(spec.name)}",
        "",
        "[Timer]",
        f"OnCalendar={when}",
        "# What was missed while the machine was off is made up for once.",
        "Persistent=yes",
        "AccuracySec=1min",
        f"Unit={_word(spec.file)}",
        "",
        "[Install]",
        "WantedBy=timers.target",
    )
    return "\n".join(lines) + "\n"


def _started(spec: UnitSpec) -> list[str]:
    """Who starts what, where."""
    return [
        f"User={_word(spec.user)}",
        f"WorkingDirectory={_path(spec.project)}",
        f"ExecStart={' '.join((_path(spec.program[0]), *map(_argument, (*spec.program[1:], *spec.arguments))))}",
        *(f"Environment={_word(f'{name}={value}')}" for name, value in spec.environment),
    ]


def _closed(spec: UnitSpec) -> list[str]:
    """What is taken away from it."""
    return [
        *_credentials(spec.credentials),
        "",
        "# Files: all read-only but these.",
        "ProtectSystem=strict",
        f"ReadWritePaths={' '.join(map(_writable, spec.writable))}",
        *([f"InaccessiblePaths={' '.join(f'-{_path(one)}' for one in spec.hidden)}"] if spec.hidden else []),
        f"ProtectHome={'read-only' if spec.home else 'yes'}",
        *_FILES,
        "",
        "# No privilege, now or later. A jail has its own, inside a user namespace, and gives it up before it begins.",
        *_PRIVILEGES,
        "",
        "# What may be asked of the kernel.",
        f"SystemCallFilter={' '.join(CALLS)}",
        *_KERNEL,
        f"RestrictAddressFamilies={' '.join(FAMILIES)}",
        "",
        "# Bounds. Memory: the limits of all jails; of a gateway, with the workers of up to three models.",
        f"MemoryMax={spec.memory}",
        *_BOUNDS,
        "",
        *_LEFT_OPEN,
    ]


_ONLINE = ("After=network-online.target", "Wants=network-online.target")
_ENDING = (
    "Restart=on-failure",
    "RestartSec=2",
    "# The supervisor ends its processes in order: no more answers first, the last record sealed at the end.",
    "KillMode=mixed",
    f"TimeoutStopSec={_STOP_SECONDS}",
    "# A worker that runs out of memory is started again alone.",
    "OOMPolicy=continue",
)
_FILES = (
    "PrivateTmp=yes",
    "PrivateDevices=yes",
    "ProtectControlGroups=yes",
    "ProtectKernelModules=yes",
    "UMask=0077",
    "RemoveIPC=yes",
)
_PRIVILEGES = (
    "NoNewPrivileges=yes",
    "CapabilityBoundingSet=",
    "AmbientCapabilities=",
    "RestrictSUIDSGID=yes",
    "KeyringMode=private",
)
_KERNEL = (
    "SystemCallErrorNumber=EPERM",
    "SystemCallArchitectures=native",
    "LockPersonality=yes",
    "RestrictRealtime=yes",
    "ProtectClock=yes",
)
_BOUNDS = (
    "TasksMax=1024",
    "LimitNOFILE=8192",
    "# A core would hold records and keys.",
    "LimitCORE=0",
)
_LEFT_OPEN = (
    "# Left open, and why:",
    "#   RestrictNamespaces       each jail is made of a user namespace and six others.",
    "#   ProtectKernelTunables, ProtectKernelLogs, ProtectProc, ProcSubset",
    "#                            they cover parts of /proc, and then the kernel lets no user namespace mount a /proc",
    "#                            of its own, which each jail needs. An unprivileged service changes none of it.",
    "#   ProtectHostname          refuses sethostname: a jail has a name of its own.",
    "#   PrivateUsers             not tried with the namespaces inside it.",
    "#   MemoryDenyWriteExecute   a model's libraries may make code; their jail bounds them instead.",
    "#   PrivateNetwork, IPAddressDeny",
    "#                            clients come in, and packages are fetched, outside of the jails. Gateway, workers,",
    "#                            sealer, training and judging have no network in theirs.",
)
_SERVED = ("#   WatchdogSec              serve does not tell systemd that it is alive: alert on the metrics instead.",)


def _credentials(found: Sequence[tuple[str, str]]) -> list[str]:
    lines = [f"LoadCredential={_word(name)}:{_path(path)}" for name, path in found]
    return ["# Read by systemd as root, and shown to this service alone.", *lines] if lines else []


def _argument(text: str) -> str:
    """A word of the command. `%d/NAME` is where a credential is; no other specifier is let through."""
    return f"%d/{_word(text[3:])}" if text.startswith("%d/") else _word(text)


def _path(path: str) -> str:
    """An absolute path, which systemd reads as it is."""
    if not PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise _unsayable(path, "is not an absolute path")
    return _word(path)


def _writable(path: str) -> str:
    return f"-{_path(path[1:])}" if path.startswith("-") else _path(path)


def _word(text: str) -> str:
    """A word that needs no quotes: systemd has four ways to read them, by setting, and `%` and `$` besides."""
    if not _WORD.fullmatch(text):
        raise _unsayable(text, "has other signs than a-z, A-Z, 0-9 and / . _ : = @ + , -")
    return text


def _unsayable(text: str, why: str) -> Usage:
    return Usage(
        "LG681",
        f"{visible(text[:200])} {why}: a unit does not say it safely",
        seen={"text": text[:200]},
        next="move or link the project to a path of these signs, and export there",
    )
