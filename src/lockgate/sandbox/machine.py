"""What this machine can isolate, why not more, and the command that mends it: for `lockgate doctor`."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass

from lockgate.errors import LockgateError, Unfit
from lockgate.sandbox import levels
from lockgate.sandbox._bwrap.find import find_bubblewrap
from lockgate.sandbox.launch import Jail
from lockgate.sandbox.report import LEVELS, JailReport
from lockgate.sandbox.settings import PythonEnv, named
from lockgate.sandbox.system import require_linux


@dataclass(frozen=True)
class Fitness:
    """The answer: `level` of `LEVELS`; `why` it is not more and the `mend` for it, both empty at the top."""

    level: int
    launcher: str
    why: str = ""
    mend: str = ""
    report: JailReport | None = None

    @property
    def holding(self) -> int:
        """How many probes hold."""
        return sum(probe.holds for probe in self.report.probes) if self.report else 0

    def require(self, level: int = LEVELS) -> None:
        """Raise Unfit LG901 unless the machine reaches `level`."""
        if self.level < level:
            raise Unfit(
                "LG901",
                f"this machine isolates at level {self.level} of {LEVELS}: {self.why}",
                seen={"level": self.level, "launcher": self.launcher},
                next=self.mend or "lockgate doctor",
            )

    def as_json(self) -> dict[str, object]:
        """The answer as `doctor --json` prints it."""
        return {
            "level": self.level,
            "of": LEVELS,
            "launcher": self.launcher,
            "why": self.why,
            "mend": self.mend,
            "probes": [probe.as_json() for probe in self.report.probes] if self.report else [],
            "limits": dict(self.report.limits) if self.report else {},
        }


def machine(python: PythonEnv | None = None) -> Fitness:
    """Start a jail of bubblewrap's with nothing in it and read its witnesses. Never raises: what cannot be had is the
    answer.
    """
    try:
        require_linux()
        found = find_bubblewrap()
    except LockgateError as error:
        return Fitness(0, "none", error.message, error.next)
    fitness = fitness_of("bubblewrap", python)
    if fitness.report is None and not fitness.mend.startswith("run lockgate as"):
        # A root that cannot step down has its own mend, whatever the machine allows to others.
        why, mend = _forbidden(str(found.path))
        return Fitness(0, f"bubblewrap {found.version}", why or fitness.why, mend or fitness.mend)
    return fitness


def others(python: PythonEnv | None = None) -> tuple[Fitness, ...]:
    """The same for every other launcher that there is. Takes about a second where gVisor and podman are installed."""
    return tuple(fitness_of(name, python) for name in levels.LAUNCHERS if name != "bubblewrap")


def fitness_of(name: str, python: PythonEnv | None = None) -> Fitness:
    """What the launcher of that name gives on this machine."""
    try:
        report = Jail(named("train", python=python or PythonEnv.own()), launcher=levels.by_name(name)).probe()
    except LockgateError as error:
        said = str(error.seen.get("bubblewrap") or error.seen.get("words") or error.seen.get("step") or "")
        return Fitness(0, name, f"{error.message} {said}".strip(), error.next)
    if report.open:
        first = report.open[0]
        return Fitness(report.level, report.launcher, f"the probe {first.name} is open: {first.witness}", "", report)
    return Fitness(report.level, report.launcher, report=report)


def _forbidden(bwrap: str) -> tuple[str, str]:
    """The switch of this machine that forbids user namespaces, and what turns it; empty when none is known."""
    if _switch("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1":
        return "AppArmor lets only named programs make user namespaces", apparmor_mend(bwrap)
    if _switch("/proc/sys/user/max_user_namespaces") == "0":
        return "the kernel allows no user namespaces", "sudo sysctl -w user.max_user_namespaces=15000"
    if _switch("/proc/sys/kernel/unprivileged_userns_clone") == "0":
        return "the kernel gives user namespaces to root only", "sudo sysctl -w kernel.unprivileged_userns_clone=1"
    if os.path.exists("/.dockerenv") or os.path.exists("/run/.containerenv"):
        return (
            "the container that this runs in forbids namespaces",
            "docker run --security-opt seccomp=unconfined --security-opt systempaths=unconfined ...",
        )
    return "", ""


def apparmor_mend(bwrap: str) -> str:
    """The command that installs an AppArmor profile for this very bwrap, and for nothing else."""
    profile = (
        "abi <abi/4.0>,\ninclude <tunables/global>\n"
        f'profile lockgate-bwrap "{bwrap}" flags=(unconfined) {{\n  userns,\n}}\n'
    )
    place = "/etc/apparmor.d/lockgate-bwrap"
    return f"printf %s {shlex.quote(profile)} | sudo tee {place} >/dev/null && sudo apparmor_parser -r {place}"


def _switch(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip()
    except (OSError, UnicodeDecodeError):
        return ""
