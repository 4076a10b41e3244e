"""Rootless podman as a launcher: the kernel's namespaces, made by runc, in a container without an image.

The same witnesses as in bubblewrap's jail, the same filter, and the same resource limits, which the harness sets. Root
gives up being root first, as for bubblewrap.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from lockgate.sandbox import _bundle as bundle
from lockgate.sandbox import _configuration as configuration
from lockgate.sandbox import _oci as oci
from lockgate.sandbox import seccomp
from lockgate.sandbox._descendants import Held, bearing
from lockgate.sandbox._gvisor.launcher import require_plain
from lockgate.sandbox._podman import arguments
from lockgate.sandbox._podman.find import Podman, find_podman
from lockgate.sandbox._step0 import Start, prepare, prepare_as_root
from lockgate.sandbox._view import View, view_of
from lockgate.sandbox.identity import HOSTNAME
from lockgate.sandbox.launcher import Row, boot, started
from lockgate.sandbox.population import OfNamespace
from lockgate.sandbox.settings import JailSettings

FOLDER = "/lockgate"
_NAMESPACES = {
    "user": "unshare --user",
    "pid": "--pid",
    "net": "--network",
    "ipc": "--ipc",
    "uts": "--uts",
    "cgroup": "--cgroupns",
    "mnt": "podman",
}
WITNESSES = (
    *("interfaces", "capabilities", "new privileges", "first process", "other processes", "session"),
    *("user", "group", "other groups", "host name", "working directory", "environment", "descriptors"),
    *("table of mounts", "nested user namespaces"),
)
# podman allows 50 characters for the folder of its state, and ours has 36 for itself and 2 for the last one.
_LONGEST = 11
# Locks in files: the others lie in the host's shared memory and stay there.
_SETTINGS = '[engine]\nlock_type = "file"\n'


class PodmanJail:
    """One container."""

    relays = True
    level = 3
    folder = FOLDER

    def __init__(self, settings: JailSettings, podman: Podman, *, long_lived: bool) -> None:
        self._settings, self._podman, self._long_lived = settings, podman, long_lived
        self.launcher = f"podman {podman.version} (rootless, runc)"
        self.view: View = view_of(settings)
        self.python = "/env/bin/python" if settings.python.site else str(settings.python.base_python)
        self._identifier = f"lockgate-{uuid.uuid4().hex}"
        self._scratch: Path | None = None

    def rows(self) -> Sequence[Row]:
        """The harness sets what it sets in bubblewrap's jail; what it expects is what podman makes."""
        machine, settings, outside = platform.machine(), self._settings, configuration.outside()
        limits = configuration.rlimits(settings.limits, long_lived=self._long_lived, writable=bool(settings.writable))
        rows: list[tuple[str, ...]]
        rows = [("limit", name, str(soft), str(hard)) for name, (soft, hard) in limits.items()]
        rows += [("hostname", HOSTNAME), ("nobody", str(oci.UID)), ("cwd", self.view.cwd)]
        rows += [("groups", "given up" if outside.root else "kept"), ("filters", str(outside.filters))]
        rows += [("namespace", kind, flag, outside.namespaces.get(kind, "")) for kind, flag in _NAMESPACES.items()]
        rows += [("witness", name) for name in WITNESSES]
        rows += [("environment", name, value) for name, value in self.view.environment]
        rows += configuration.attempts(settings)
        answers = seccomp.answers(machine, network=settings.network, memfd=settings.memfd)
        rows += [("answer", name, *map(str, rest)) for name, *rest in answers]
        rows += arguments.expected(self.view)
        protections = configuration.protections(settings, machine, long_lived=self._long_lived)
        return [*protections, *(tuple(os.fsencode(field) for field in row) for row in rows)]

    def limits(self) -> Mapping[str, str]:
        """As in bubblewrap's jail: an ordinary user's podman has no control group on every machine."""
        return {
            "memory": "watchdog (proportional set size), RLIMIT_DATA",
            "tasks": "RLIMIT_NPROC, watchdog",
            "files": "RLIMIT_NOFILE",
            "inodes": "watchdog (statvfs)",
            "tmp_bytes": "tmpfs size",
            "shm_bytes": "tmpfs size",
            "output_bytes": "tmpfs size, launcher",
            "cpu_seconds": "RLIMIT_CPU",
            "wall_seconds": "watchdog",
            "talk_bytes": "launcher",
        }

    def spawn(self, channel: int, words: int, held: Sequence[int]) -> subprocess.Popen[bytes]:
        """Root gives up being root on this thread; podman's environment is what it needs to find its own folder."""
        if held:
            raise ValueError("podman hands no descriptor on")
        start, folder = self._place()
        identity = start.identity
        self._fill(folder, start.view)
        if identity is not None:
            bundle.hand_over(folder, identity.uid, identity.gid)
        python = str(self._settings.python.base_python)
        command = (
            *arguments.namespace_arguments(str(self._podman.setpriv), str(self._podman.unshare)),
            *(str(self._podman.path), *arguments.podman_arguments(str(folder))),
            *arguments.run_arguments(start.view, f"{folder}/root", self._identifier),
            *arguments.command(self.view, python, boot(FOLDER)),
        )
        return started(
            command,
            identity,
            channel,
            words,
            env=self._environment(folder, os.geteuid() if identity is None else identity.uid),
        )

    def population(self, pid: int) -> OfNamespace:
        """Its pid namespace, every tmpfs of the view, and podman's own on /dev."""
        return OfNamespace(pid, ["/dev", *(mount.target for mount in self.view.mounts if mount.kind == "tmpfs")])

    def close(self) -> None:
        """The kernel ends everything with the namespace's first process; an ordinary user's folder is removed."""
        Held(bearing(self._identifier)).end()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch = None

    def _place(self) -> tuple[Start, Path]:
        """How podman is started, and its folder, which exists and is empty."""
        if os.geteuid() != 0:
            self._scratch = bundle.scratch(_LONGEST)
            return prepare(self.view, self._podman), self._scratch
        return prepare_as_root(self.view, self._podman), bundle.stage()

    def _fill(self, folder: Path, view: View) -> None:
        bundle.furnish(folder / "root", oci.places(view, is_folder=os.path.isdir))
        for place in arguments.COVERED:
            (folder / "root" / place.lstrip("/")).mkdir(parents=True, exist_ok=True)
        for name in ("store", "run", "c", "home", "hooks"):
            (folder / name).mkdir(mode=0o700)
        (folder / "containers.conf").write_text(_SETTINGS, encoding="ascii")
        storage = f'[storage]\ndriver = "vfs"\ngraphroot = "{folder}/store"\nrunroot = "{folder}/c"\n'
        (folder / "storage.conf").write_text(storage, encoding="utf-8")

    def _environment(self, folder: Path, user: int) -> dict[str, str]:
        return {
            "PATH": self._podman.search,
            "HOME": f"{folder}/home",
            "XDG_RUNTIME_DIR": f"{folder}/run",
            "TMPDIR": f"{folder}/run",
            "CONTAINERS_CONF": f"{folder}/containers.conf",
            "CONTAINERS_STORAGE_CONF": f"{folder}/storage.conf",
            "_CONTAINERS_USERNS_CONFIGURED": "done",
            "_CONTAINERS_ROOTLESS_UID": str(user),
            "_CONTAINERS_ROOTLESS_GID": str(user),
        }


class PodmanLauncher:
    """Level 3 by rootless podman, for training and judging."""

    name = "podman"

    def prepare(self, settings: JailSettings, *, long_lived: bool) -> PodmanJail:
        """Raises Unfit LG916 without podman, LG918 for settings that it cannot serve, Usage LG903 without a source."""
        require_plain(settings, "podman")
        return PodmanJail(settings, find_podman(), long_lived=long_lived)
