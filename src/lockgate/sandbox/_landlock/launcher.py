"""Level 2: no namespace at all. Landlock, the filter and resource limits around the target, a harness that it cannot
signal outside, and a watchdog that counts what nothing else bounds. What is missing stands in the report.
"""

from __future__ import annotations

import os
import platform
import resource
import subprocess
from collections.abc import Mapping, Sequence

from lockgate.errors import Unfit
from lockgate.sandbox import _configuration as configuration
from lockgate.sandbox import seccomp
from lockgate.sandbox._landlock import abi, rules, stage
from lockgate.sandbox._landlock.ground import WRITABLE, Ground, facts, moved
from lockgate.sandbox._landlock.population import OfDescendants, Place
from lockgate.sandbox._landlock.scratch import Scratch, new_path
from lockgate.sandbox._view import View, view_of
from lockgate.sandbox.identity import OUTSIDE
from lockgate.sandbox.launcher import Row, boot, started
from lockgate.sandbox.settings import JailSettings

# PR_SET_NO_NEW_PRIVS; PR_SET_CHILD_SUBREAPER; and SIGCONT as PR_SET_PDEATHSIG: a launcher that is killed while it holds
# the harness stopped lets it go on, and the harness ends the jail.
_PRCTL = (("38", "1"), ("36", "1"), ("1", "18"))
_WITNESSES = (
    *("new privileges", "session", "other groups", "working directory", "environment", "descriptors"),
    *("privileges in use", "adopts orphans", "goes on without launcher"),
)
LACKS = (
    "namespaces of its own: that a process or a file of the host exists can be found out",
    "a bound by the kernel on what is stored: it is counted, and files that are only mapped are not",
    "shared memory: locks and queues of multiprocessing do not work, and joblib works in one process",
)
# Tasks that others of the same user may begin meanwhile: the kernel counts them together.
_SPARE_TASKS = 512


class LandlockJail:
    """One jail. Its folder is made when it is started and removed when it has ended."""

    relays = False

    def __init__(self, settings: JailSettings, version: int, *, long_lived: bool) -> None:
        self._settings, self._long_lived, self._version = settings, long_lived, version
        self._root = os.geteuid() == 0
        self._others = _SPARE_TASKS + _tasks_of(OUTSIDE if self._root else os.geteuid())
        self._view = view_of(settings)
        self._moved = moved(settings, self._view)
        self._base = new_path()
        reach = stage.places(self._base, self._view, self._moved) if self._root else {}
        base = reach.get(self._base, self._base)
        self._reach = reach
        self._scratch: Scratch | None = None
        self.ground = Ground(settings, self._view, base, reach)
        self.launcher = f"landlock ABI {version}"
        self.level = 1 if settings.devices else 2
        self.view = View(self._view.mounts, self.ground.cwd, self.ground.environment())
        self.folder = f"{self.ground.root}/lockgate"
        site = settings.python.site
        self.python = str(settings.python.base_python) if site is None else f"{self.ground.root}/env/bin/python"

    def rows(self) -> Sequence[Row]:
        """Protections, then expectations: computed apart, as for bubblewrap."""
        return [*self.protections(), *self.expectations()]

    def protections(self) -> list[Row]:
        """What the harness sets."""
        settings, ground = self._settings, self.ground
        program = seccomp.program(
            platform.machine(), network=settings.network, memfd=settings.memfd, alone=self._alone()
        )
        found: list[tuple[str, ...]] = [("prctl", *pair) for pair in _PRCTL]
        found += [("rlimit", name, str(soft), str(hard)) for name, (soft, hard) in self._rlimits().items()]
        found += [("alone", "1"), ("interpreter", self.python), *(("moved", place) for place in ground.places())]
        exists = [path for path in facts() if os.access(path, os.R_OK)]
        return [
            *_rows(found),
            *rules.protections(ground.rules(exists), self._version, network=settings.network),
            (b"seccomp", program),
            *([(b"seccomp", seccomp.inward(platform.machine()))] if settings.answers_only else []),
        ]

    def expectations(self) -> list[Row]:
        """What the probes compare with."""
        settings, machine, outside = self._settings, platform.machine(), configuration.outside()
        found: list[tuple[str, ...]] = [
            ("cwd", self.ground.cwd),
            ("filters", str(outside.filters)),
            ("groups", "given up" if outside.root else "kept"),
            *(("witness", name) for name in _WITNESSES),
            *(("environment", name, value) for name, value in self.view.environment),
            *(("limit", name, str(soft), str(hard)) for name, (soft, hard) in self._rlimits().items()),
        ]
        answers = seccomp.answers(machine, network=settings.network, memfd=settings.memfd)
        answers += seccomp.answers_alone(machine, self._alone())
        answers += seccomp.answers_inward(machine) if settings.answers_only else []
        found += [("answer", name, *map(str, numbers)) for name, *numbers in answers]
        attempts = rules.expectations(self._version, network=settings.network, paths=self.ground.attempts())
        return [*_rows(found), *attempts]

    def limits(self) -> Mapping[str, str]:
        """Resource limits, and the watchdog for nearly everything else."""
        found = {
            "memory": "watchdog (proportional set size), RLIMIT_DATA",
            "tasks": "watchdog, RLIMIT_NPROC above what the user runs already",
            "files": "RLIMIT_NOFILE",
            "inodes": "watchdog (counted)",
            "tmp_bytes": "watchdog (counted), RLIMIT_FSIZE",
            "shm_bytes": "no shared memory",
            "output_bytes": "watchdog (counted), RLIMIT_FSIZE, launcher",
            "landlock": f"ABI {self._version}",
            "lacks": "; ".join(LACKS),
        }
        if not self._long_lived:
            found |= {"cpu_seconds": "RLIMIT_CPU", "wall_seconds": "watchdog", "talk_bytes": "launcher"}
        return found

    def spawn(self, channel: int, words: int, held: Sequence[int]) -> subprocess.Popen[bytes]:
        """The harness as a plain process: an empty environment but for the jail's, and a session of its own."""
        self._lay_out()
        identity = None
        if self._root:
            identity = stage.enter(self._base, self._view, self._moved, self._reach)
        return started(
            [str(self._settings.python.base_python), *boot(self.folder)],
            identity,
            channel,
            words,
            env=dict(self.view.environment),
            cwd=self.ground.cwd,
            held=held,
        )

    def population(self, pid: int) -> OfDescendants:
        """Everything below the harness; the writable places, by their paths on our side."""
        limits, root = self._settings.limits, f"{self._base}/root"
        places = [Place(f"{root}/tmp", limits.tmp_bytes, "tmp"), Place(f"{root}/out", limits.output_bytes, "output")]
        return OfDescendants(pid, places)

    def close(self) -> None:
        """Remove the folder; nothing runs any more that could change it meanwhile.

        Through a descriptor from before: the thread of a launcher that is root no longer sees the host's `/tmp`.
        """
        if self._scratch is not None:
            self._scratch.remove()

    def _lay_out(self) -> None:
        root = f"{self._base}/root"
        self._scratch = Scratch(self._base)
        with open(f"{self._base}/outside", "xb") as canary:
            canary.write(b"canary")
        for place in ("", "/in", *WRITABLE):
            if place not in {mount.target for mount in self._moved}:
                os.mkdir(root + place, 0o700)
        for target, leads_to in self.ground.links():
            os.makedirs(os.path.dirname(root + target), mode=0o700, exist_ok=True)
            os.symlink(leads_to, root + target)

    def _alone(self) -> seccomp.Alone:
        # uv sets the executable bit of what it installs; it is ours to choose, not the project's.
        return seccomp.Alone(metadata=self._settings.name == "tools")

    def _rlimits(self) -> Mapping[str, tuple[int, int]]:
        limits = self._settings.limits
        found = configuration.rlimits(limits, long_lived=self._long_lived, writable=bool(self._settings.writable))
        hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
        tasks = limits.tasks + self._others
        tasks = tasks if hard == resource.RLIM_INFINITY else min(tasks, hard)
        return {**found, "RLIMIT_NPROC": (tasks, tasks)}


class LandlockLauncher:
    """Level 2, for machines that forbid user namespaces."""

    name = "landlock"

    def prepare(self, settings: JailSettings, *, long_lived: bool) -> LandlockJail:
        """Raises Unfit LG911 without a Landlock that is new enough, LG905 without a call table, Usage LG903."""
        version = abi.kernel_abi()
        if version < abi.LEAST_ALONE:
            raise Unfit(
                "LG911",
                "this kernel's Landlock is too old for a jail without namespaces" if version else "no Landlock here",
                seen={"abi": version, "least": abi.LEAST_ALONE},
                next="lockgate doctor",
            )
        return LandlockJail(settings, version, long_lived=long_lived)


def _tasks_of(uid: int) -> int:
    """How many tasks the user runs now."""
    found = 0
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                status = os.stat(f"/proc/{name}")
                found += os.stat(f"/proc/{name}/task").st_nlink - 2 if status.st_uid == uid else 0
            except OSError:
                continue
    return found


def _rows(rows: Sequence[tuple[str, ...]]) -> list[Row]:
    return [tuple(os.fsencode(field) for field in row) for row in rows]
