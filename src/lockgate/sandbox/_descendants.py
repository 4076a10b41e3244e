"""Who lives in a jail whose runtime has processes of its own: everything that descends from the one we started."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress

from lockgate.sandbox.population import Usage

_PATIENCE = 10.0
_FOREIGN, _RUNTIME, _INSIDE = "", "runtime", "inside"


class OfDescendants:
    """The processes below `first`, itself included, on the host.

    Those below `kernel`, which is one of them, run the jail's code; the others serve it. Without `kernel` all serve.
    A process is looked at once, when it is first seen, so that looking often costs little on a machine with many.
    """

    def __init__(self, first: int, kernel: int | None = None) -> None:
        self.proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
        self._kernel = str(kernel)
        self._roles = {str(first): _RUNTIME}

    def pids(self) -> list[str]:
        """Those that are there now."""
        names = {name for name in os.listdir(self.proc) if name.isdigit()}
        # Another thread may ask at the same time: what both know is replaced as a whole.
        roles = {name: role for name, role in self._roles.items() if name in names}
        above = {name: parent for name in names - roles.keys() if (parent := self._parent(name)) is not None}
        while above:
            known = {name: self._below(parent, roles) for name, parent in above.items() if parent in roles}
            if not known:
                break
            roles |= known
            above = {name: parent for name, parent in above.items() if name not in known}
        roles |= dict.fromkeys(above, _FOREIGN)
        self._roles = roles
        return [name for name, role in roles.items() if role != _FOREIGN]

    def runtime(self) -> Collection[str]:
        """The runtime's own."""
        return [name for name, role in self._roles.items() if role == _RUNTIME]

    def usage(self) -> Sequence[Usage]:
        """Nothing that is known here."""
        return ()

    def kill(self) -> None:
        """SIGKILL to every one of them."""
        for name in self.pids():
            with suppress(ProcessLookupError):
                os.kill(int(name), signal.SIGKILL)

    def close(self) -> None:
        """Let go of /proc."""
        if self.proc >= 0:
            os.close(self.proc)
            self.proc = -1

    def _below(self, parent: str, roles: Mapping[str, str]) -> str:
        return _INSIDE if parent == self._kernel and roles[parent] == _RUNTIME else roles[parent]

    def _parent(self, name: str) -> str | None:
        fields = self._stat(name)
        return fields[1] if len(fields) > 1 else None

    def _stat(self, name: str) -> list[str]:
        """The fields after the command's name, which may hold anything: state, parent and the rest."""
        try:
            opened = os.open(f"{name}/stat", os.O_RDONLY, dir_fd=self.proc)
        except OSError:
            return []
        try:
            return os.read(opened, 4096).decode("utf-8", "replace").rpartition(")")[2].split()
        except OSError:
            return []
        finally:
            os.close(opened)


class Held:
    """Processes that must be gone in the end, held by descriptors: a number may be given to somebody else by then."""

    def __init__(self, pids: Iterable[str]) -> None:
        self._descriptors = []
        for name in pids:
            with suppress(ProcessLookupError):
                self._descriptors.append(os.pidfd_open(int(name)))

    def end(self) -> None:
        """Kill each of them, and wait until none runs."""
        deadline = time.monotonic() + _PATIENCE
        for descriptor in self._descriptors:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        for descriptor in self._descriptors:
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
            os.close(descriptor)
        self._descriptors = []


def bearing(token: str) -> list[str]:
    """The processes with `token` in their command line, whoever their parent is by now."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            with open(f"/proc/{name}/cmdline", "rb") as file:
                words = file.read()
            if token.encode() in words:
                found.append(name)
    return found
