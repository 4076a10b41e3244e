"""Where a jail without a root of its own finds what its settings show: all places below one folder (pure).

    BASE/outside         a file that no rule names: the canary of the witness
    BASE/root            $LOCKGATE_ROOT, read-only; what follows lies in it
        tmp/  out/       writable, counted by the watchdog
        in/ job env ...  links to the sources; who follows one finds the rule of what it leads to

`reach` says by which path the jail gets at a source. It is the source itself, but for a launcher that is root, which
shows it at a place that an ordinary user can reach.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lockgate.errors import Unfit
from lockgate.sandbox._landlock import abi
from lockgate.sandbox._landlock.rules import Rule
from lockgate.sandbox._view import Mount, View
from lockgate.sandbox.settings import JailSettings

WRITABLE = ("/tmp", "/out")
_PACKAGE = "/lockgate/lockgate"
_NODES = {"/dev/null": 1, "/dev/zero": 1, "/dev/full": 1, "/dev/random": 0, "/dev/urandom": 0}
# What libraries ask of the machine to see how many threads and how much memory they may use.
_FACTS = (
    *("/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/version", "/proc/sys/vm/overcommit_memory"),
    *("/sys/devices/system/cpu", "/sys/devices/system/node", "/sys/fs/cgroup/cpu.max"),
    *("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/fs/cgroup/cpu/cpu.cfs_period_us"),
)


@dataclass(frozen=True)
class Ground:
    """One jail's places. `base` is the folder as the jail reaches it."""

    settings: JailSettings
    view: View
    base: str
    reach: Mapping[str, str]

    @property
    def root(self) -> str:
        """`$LOCKGATE_ROOT`."""
        return f"{self.base}/root"

    @property
    def cwd(self) -> str:
        """The working directory, by the path that the kernel has for it."""
        source = next((mount.source for mount in self.moved() if mount.target == self.view.cwd), "")
        return self.reach.get(source, source) or f"{self.root}{self.view.cwd}"

    def moved(self) -> tuple[Mount, ...]:
        """The sources that are shown at another path than their own."""
        return moved(self.settings, self.view)

    def links(self) -> list[tuple[str, str]]:
        """Each link's path below the root, and where it leads."""
        return [(mount.target, self.reach.get(mount.source, mount.source)) for mount in self.moved()]

    def places(self) -> tuple[str, ...]:
        """The paths of the settings that lie below the root here."""
        return tuple(dict.fromkeys(["/in", *WRITABLE, "/lockgate", *(mount.target for mount in self.moved())]))

    def environment(self) -> tuple[tuple[str, str], ...]:
        """The view's, every place in it put where it lies here."""
        places = "|".join(re.escape(place) for place in sorted(self.places(), key=len, reverse=True))
        word = re.compile(f"(?:(?<=[:,= ])|^)(?=(?:{places})(?:[/:, ]|$))")
        moved = {name: word.sub(lambda _: self.root, value) for name, value in self.view.environment}
        return tuple(sorted({**moved, "LOCKGATE_ROOT": self.root}.items()))

    def rules(self, exists: Sequence[str]) -> list[Rule]:
        """What may be done where. `exists` are those of `facts` that this machine has."""
        rules: list[Rule] = [(abi.RUN, self.root)]
        rules += [(abi.FULL, f"{self.root}{place}") for place in WRITABLE]
        rules += [(abi.LOOK | abi.WRITE_FILE * writes, node) for node, writes in _NODES.items()]
        rules += [(abi.LOOK, path) for path in exists]
        kinds = {"ro": abi.RUN, "rw": abi.FULL, "device": abi.LOOK | abi.WRITE_FILE | abi.IOCTL_DEV}
        for mount in self.view.sources():
            rules.append((kinds[mount.kind], self.reach.get(mount.source, mount.source)))
        return rules

    def attempts(self) -> list[tuple[str, str, str]]:
        """What only the domain refuses: a folder, the canary, a write where the mode allows it, other processes."""
        found = [
            ("paths", "list", "/"),
            ("canary", "read", f"{self.base}/outside"),
            ("read-only", "make", f"{self.root}/probe"),
            ("processes", "list", "/proc"),
        ]
        return [*found, *((f"absent {name}", "absent", str(path)) for name, path in self.settings.absent)]


def facts() -> tuple[str, ...]:
    """Files of the kernel that a jail may read where there are any."""
    return _FACTS


def moved(settings: JailSettings, view: View) -> tuple[Mount, ...]:
    """The sources of `view` that are shown at another path than their own. Raises Unfit LG913: one in another."""
    ours = {"/env", _PACKAGE, *(bind.target for bind in (*settings.binds, *settings.writable))}
    found = tuple(mount for mount in view.sources() if mount.target in ours)
    targets = {mount.target for mount in found}
    for target in sorted(targets):
        if any(target.startswith(other + "/") for other in targets) or target in WRITABLE:
            raise Unfit(
                "LG913",
                "this launcher cannot show one thing inside another",
                seen={"place": target, "launcher": "landlock"},
                next="lockgate doctor",
            )
    return found
