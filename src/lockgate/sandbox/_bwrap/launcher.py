"""bubblewrap as a launcher: an own root, eight kinds of namespace, and a filter that the harness loads."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence

from lockgate.sandbox import _configuration as configuration
from lockgate.sandbox._bwrap.arguments import bubblewrap_arguments
from lockgate.sandbox._bwrap.find import Bubblewrap, find_bubblewrap
from lockgate.sandbox._landlock import rules
from lockgate.sandbox._landlock.abi import kernel_abi
from lockgate.sandbox._step0 import prepare, prepare_as_root
from lockgate.sandbox._view import View, view_of
from lockgate.sandbox.launcher import Row, boot, started
from lockgate.sandbox.population import OfNamespace
from lockgate.sandbox.settings import JailSettings

FOLDER = "/lockgate"


class BubblewrapJail:
    """One jail of bubblewrap's."""

    relays = False
    folder = FOLDER

    def __init__(self, settings: JailSettings, bwrap: Bubblewrap, *, long_lived: bool) -> None:
        self._settings, self._bwrap, self._long_lived = settings, bwrap, long_lived
        self.launcher = f"bubblewrap {bwrap.version}"
        # A driver's ioctls are a way into the kernel that no filter of ours knows.
        self.level = 2 if settings.devices else 3
        self.view: View = view_of(settings)
        self.python = "/env/bin/python" if settings.python.site else str(settings.python.base_python)

    def rows(self) -> Sequence[Row]:
        """See `_configuration`."""
        machine, version, network = platform.machine(), kernel_abi(), self._settings.network
        return [
            *rules.protections(rules.on_view(self.view), version, network=network),
            *rules.expectations(version, network=network, paths=[("paths", "list", "/")]),
            *configuration.protections(self._settings, machine, long_lived=self._long_lived),
            *configuration.expectations(
                self._settings, self.view, machine, configuration.outside(), long_lived=self._long_lived
            ),
        ]

    def limits(self) -> Mapping[str, str]:
        """Resource limits, sizes of file systems, and the watchdog for what neither counts."""
        found = {
            "memory": "watchdog (proportional set size), RLIMIT_DATA",
            "tasks": "RLIMIT_NPROC, watchdog",
            "files": "RLIMIT_NOFILE",
            "inodes": "watchdog (statvfs)",
            "tmp_bytes": "tmpfs size",
            "shm_bytes": "tmpfs size",
            "output_bytes": "tmpfs size, launcher",
            # Beside the limits: a second refusal, which is not in every kernel.
            "landlock": f"ABI {version}" if (version := kernel_abi()) else "not in this kernel",
        }
        if not self._long_lived:
            found |= {"cpu_seconds": "RLIMIT_CPU", "wall_seconds": "watchdog", "talk_bytes": "launcher"}
        return found

    def spawn(self, channel: int, words: int, held: Sequence[int]) -> subprocess.Popen[bytes]:
        """Bubblewrap gets an empty environment and its options from a sealed-off descriptor."""
        start = (prepare_as_root if os.geteuid() == 0 else prepare)(self.view, self._bwrap)
        arguments = bubblewrap_arguments(start.view, network=self._settings.network)
        options = os.memfd_create("options", os.MFD_CLOEXEC)
        try:
            os.write(options, b"".join(os.fsencode(argument) + b"\0" for argument in arguments))
            os.lseek(options, 0, os.SEEK_SET)
            python = str(self._settings.python.base_python)
            return started(
                [str(start.program), "--args", str(options), "--", python, *boot(FOLDER)],
                start.identity,
                channel,
                words,
                held=(options, *held),
            )
        finally:
            os.close(options)

    def population(self, pid: int) -> OfNamespace:
        """Its pid namespace, and every tmpfs of the view."""
        return OfNamespace(pid, [mount.target for mount in self.view.mounts if mount.kind == "tmpfs"])

    def close(self) -> None:
        """The kernel takes everything back with the namespaces."""


class BubblewrapLauncher:
    """Level 3, the default."""

    name = "bubblewrap"

    def prepare(self, settings: JailSettings, *, long_lived: bool) -> BubblewrapJail:
        """Raises Unfit LG901 without bubblewrap, LG905 without a call table, Usage LG903 without a source."""
        return BubblewrapJail(settings, find_bubblewrap(), long_lived=long_lived)
