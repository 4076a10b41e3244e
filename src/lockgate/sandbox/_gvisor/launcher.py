"""gVisor as a launcher: untrusted code calls a kernel that is a program of an ordinary user's, in Go.

Level 3 for what it shows and hides. It enforces less than bubblewrap's jail by resource limits and more by its small
surface towards the host; `limits` says by what each limit is held. Descriptors other than 0 to 2 are not handed on.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from lockgate.errors import Unfit
from lockgate.sandbox import _bundle as bundle
from lockgate.sandbox import _configuration as protections
from lockgate.sandbox import _oci as oci
from lockgate.sandbox import seccomp
from lockgate.sandbox._descendants import Held, bearing
from lockgate.sandbox._gvisor.arguments import runsc_arguments
from lockgate.sandbox._gvisor.find import Runsc, find_runsc
from lockgate.sandbox._gvisor.population import OfSandbox
from lockgate.sandbox._step0 import Start, prepare, prepare_as_root
from lockgate.sandbox._view import View, view_of
from lockgate.sandbox.identity import HOSTNAME
from lockgate.sandbox.launcher import Row, boot, started
from lockgate.sandbox.settings import JailSettings

FOLDER = "/lockgate"
SETTINGS = ("train", "judge")
WITNESSES = (
    *("gVisor kernel", "gVisor capabilities", "gVisor new privileges"),
    *("interfaces", "first process", "other processes", "user", "group", "other groups"),
    *("host name", "working directory", "environment", "descriptors"),
)
# gVisor's own mount, of its own kernel's making.
_SYS = ("mount", "/sys", "gVisor", "sysfs")
LACKS = (
    "RLIMIT_CPU, RLIMIT_DATA and RLIMIT_NPROC are numbers that nobody enforces inside",
    "the target may stop or end the first process, and say over its channel what it may say anyway",
    "a namespace inode beside the launcher's, as the kernel inside is another one",
)
# What gVisor answers itself as our filter would: these two tell nothing.
_ANSWERED_ANYWAY = ("openat2", "socket AF_VSOCK")


class GvisorJail:
    """One sandbox."""

    relays = True
    level = 3
    folder = FOLDER

    def __init__(self, settings: JailSettings, runsc: Runsc, *, long_lived: bool) -> None:
        self._settings, self._runsc, self._long_lived = settings, runsc, long_lived
        self.launcher = f"gVisor {runsc.version} ({runsc.platform})"
        self.view: View = view_of(settings)
        self.python = "/env/bin/python" if settings.python.site else str(settings.python.base_python)
        self._identifier = f"lockgate-{uuid.uuid4().hex}"
        self._scratch: Path | None = None
        self._runs: subprocess.Popen[bytes] | None = None
        self._held: Held | None = None

    def rows(self) -> Sequence[Row]:
        """What the sandboxed kernel can be told by the harness, and what its answers must be."""
        machine, settings = platform.machine(), self._settings
        answers = seccomp.answers(machine, network=settings.network, memfd=settings.memfd)
        program = seccomp.program(machine, network=settings.network, memfd=settings.memfd)
        rows: list[tuple[str, ...]]
        # gVisor lets nobody change most of them afterwards, so the runtime sets them and not the harness.
        rows = [("limit", name, str(soft), str(hard)) for name, (soft, hard) in self._rlimits().items()]
        rows += [("hostname", HOSTNAME), ("nobody", str(oci.UID)), ("cwd", self.view.cwd), ("groups", "given up")]
        rows += [("filters", "0"), _SYS, *oci.expected(self.view)]
        rows += [("witness", name) for name in WITNESSES]
        rows += [("environment", name, value) for name, value in self.view.environment]
        rows += protections.attempts(settings)
        rows += [("answer", name, *map(str, rest)) for name, *rest in answers if name not in _ANSWERED_ANYWAY]
        return [(b"seccomp", program), *(tuple(os.fsencode(field) for field in row) for row in rows)]

    def limits(self) -> Mapping[str, str]:
        """By gVisor: RLIMIT_NOFILE, RLIMIT_FSIZE and the sizes of its file systems. The rest is held outside."""
        return {
            "memory": "watchdog (gVisor's memory file, with /tmp, /out and /dev/shm in it; proportional set size)",
            "tasks": "watchdog (the host's threads that run the sandbox's)",
            "files": "RLIMIT_NOFILE",
            "inodes": "watchdog, as memory: gVisor counts no inodes",
            "tmp_bytes": "tmpfs size",
            "shm_bytes": "tmpfs size",
            "output_bytes": "tmpfs size, launcher",
            "cpu_seconds": "wall_seconds: gVisor counts no processor time against a limit",
            "wall_seconds": "watchdog",
            "talk_bytes": "launcher",
            "lacks": "; ".join(LACKS),
        }

    def spawn(self, channel: int, words: int, held: Sequence[int]) -> subprocess.Popen[bytes]:
        """Root gives up being root on this thread; then runsc starts with an empty environment and dies with it."""
        if held:
            raise ValueError("gVisor hands no descriptor on")
        start, folder = self._place()
        identity = start.identity
        self._fill(folder, start.view)
        if identity is not None:
            bundle.hand_over(folder, identity.uid, identity.gid)
        options = runsc_arguments(str(folder), self._runsc.platform, self._identifier)
        self._runs = started(
            [str(self._runsc.setpriv), "--no-new-privs", "--pdeathsig", "KILL", "--", str(start.program), *options],
            identity,
            channel,
            words,
        )
        return self._runs

    def population(self, pid: int) -> OfSandbox:
        """All processes of this sandbox. `pid` is its kernel's, which says to the host whatever the harness says."""
        if self._runs is None:
            raise ProcessLookupError("the sandbox was not started")
        found = OfSandbox(self._runs.pid, pid, self._settings.limits.memory)
        self._held = Held(found.pids())
        return found

    def close(self) -> None:
        """End what is left of it, and remove what was made for it."""
        if self._runs is not None:
            # One that was stopped before it was watched still has processes that are about to end.
            for left in (self._held, Held(bearing(self._identifier))):
                if left is not None:
                    left.end()
            self._runs = self._held = None
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch = None

    def _place(self) -> tuple[Start, Path]:
        """How runsc is started, and the folder of its bundle, which exists and is empty."""
        if os.geteuid() != 0:
            self._scratch = bundle.scratch()
            return prepare(self.view, self._runsc), self._scratch
        start = prepare_as_root(self.view, self._runsc)
        return start, bundle.stage()

    def _fill(self, folder: Path, view: View) -> None:
        bundle.furnish(folder / "root", oci.places(view, is_folder=os.path.isdir))
        (folder / "state").mkdir(mode=0o700)
        command = (str(self._settings.python.base_python), *boot(FOLDER))
        written = oci.configuration(view, command, root="root", limits=self._rlimits())
        (folder / "config.json").write_text(json.dumps(written), encoding="utf-8")

    def _rlimits(self) -> dict[str, tuple[int, int]]:
        settings = self._settings
        return protections.rlimits(settings.limits, long_lived=self._long_lived, writable=bool(settings.writable))


class GvisorLauncher:
    """Level 3 with a kernel of its own, for training and judging."""

    name = "gvisor"

    def prepare(self, settings: JailSettings, *, long_lived: bool) -> GvisorJail:
        """Raises Unfit LG915 without runsc, LG918 for settings that it cannot serve, Usage LG903 without a source."""
        require_plain(settings, "gVisor")
        return GvisorJail(settings, find_runsc(), long_lived=long_lived)


def require_plain(settings: JailSettings, what: str) -> None:
    """Raise Unfit LG918 unless `settings` are of a job that gets data and gives files, and needs nothing else."""
    if settings.name in SETTINGS and not (settings.network or settings.devices or settings.memfd):
        return
    raise Unfit(
        "LG918",
        f"{what} makes jails for training and judging without devices, and not for this one",
        seen={"settings": settings.name, "devices": [str(path) for path in settings.devices]},
        next="run this with LOCKGATE_LAUNCHER=bubblewrap",
    )
