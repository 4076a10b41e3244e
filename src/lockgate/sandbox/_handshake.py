"""From a started jail to a report: nothing of the target runs before the launcher has read it."""

from __future__ import annotations

import fcntl
import os
import select
import socket
import struct
import time
from collections.abc import Mapping, Sequence

from lockgate.errors import LockgateError, Unfit
from lockgate.sandbox import _configuration as configuration
from lockgate.sandbox._cgroup import Group, make
from lockgate.sandbox._keeper import Keeper
from lockgate.sandbox.jail import frames
from lockgate.sandbox.launcher import Prepared
from lockgate.sandbox.report import JailReport, Probe
from lockgate.sandbox.settings import JailSettings
from lockgate.sandbox.watchdog import Watchdog

_PATIENCE = 30.0
_MOST_WORDS = 4096
_NO_NAMESPACES = (
    *("uid map", "Creating new namespace", "No permissions to create", "user namespace", "namespaces"),
    # Within another container: namespaces can be made, and what they are for is forbidden there.
    "Can't set hostname",
)


class Handshake:
    """One jail that has started and reported. `channel` then carries the word to go, and the output."""

    def __init__(
        self,
        settings: JailSettings,
        prepared: Prepared,
        command: Sequence[str],
        descriptors: Mapping[int, int],
        *,
        collect: bool,
        long_lived: bool,
        relay: str = "",
    ) -> None:
        """Raises Unfit when no jail can be made here; the report may still have open probes."""
        self._limits, self._long_lived, self._prepared = settings.limits, long_lived, prepared
        # 0, 1 and 2 are the harness's own, so what is handed on must be numbered above them.
        held = {inside: fcntl.fcntl(ours, fcntl.F_DUPFD_CLOEXEC, 3) for inside, ours in descriptors.items()}
        rows = [*prepared.rows(), *configuration.order(command, held, collect=collect, relay=relay)]
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.channel.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        words_in, words_out = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        # What relays runs its processes in groups of its own.
        self._group = None if prepared.relays else make(settings.limits)
        # The keeper holds the channel: the jail ends when the channel closes, not when this object is let go.
        self.keeper = Keeper(prepared, self.channel, self._group)
        self.parser = frames.Parser()
        self.pid = self.uid = 0
        try:
            try:
                self.keeper.start_jail(theirs, words_out, tuple(held.values()))
            finally:
                theirs.close()
                for descriptor in (words_out, *held.values()):
                    os.close(descriptor)
            probes = self._exchange(configuration.encoded(rows), words_in)
            self.keeper.know(self.pid)
            if self._group is not None and not self._group.take(self.pid):
                self._group = self.keeper.group = None
            self.report = _report(settings, prepared, probes, self._group)
        except BaseException:
            self.abandon()
            raise
        finally:
            os.close(words_in)

    def go(self) -> None:
        """Let the target start, watched. Raises Unfit LG907 when it cannot be."""
        self.keeper.watch(self._watchdog())
        self.channel.sendall(b"G")

    def abandon(self) -> None:
        """End the jail and wait until nothing of it is left.

        Killed first: a harness that sees its channel end may be quicker to leave by itself, with a status of its own.
        """
        alive = self.keeper.is_alive()
        try:
            if alive:
                self.keeper.kill()
        finally:
            self.channel.close()
        if alive:
            self.keeper.ended.wait()
        elif self._group is not None:
            # A keeper that never began, for want of threads, has not removed it.
            self._group.remove()

    def _exchange(self, rows: bytes, words_in: int) -> list[Probe]:
        deadline = time.monotonic() + _PATIENCE
        try:
            self.channel.sendall(rows)
        except OSError:
            raise _not_started(self.keeper, words_in) from None
        probes: list[Probe] = []
        while True:
            ready, _, _ = select.select([self.channel], [], [], max(0.0, deadline - time.monotonic()))
            data = self._receive() if ready else b""
            if not data:
                raise _not_started(self.keeper, words_in)
            for kind, payload in self.parser.feed(data):
                if kind == b"R":
                    mapped = self.pid > 0 and self.uid > 0
                    return [*probes, Probe("kernel user", "setuid", mapped, f"uid {self.uid} on the launcher's side")]
                name, flag, holds, witness = (field.decode("utf-8", "replace") for field in frames.unpack(payload))
                probes.append(Probe(name, flag, holds == "1", witness))

    def _receive(self) -> bytes:
        """Bytes from the harness, and with them the kernel's word for its process and user id on our side."""
        try:
            data, ancillary, _, _ = self.channel.recvmsg(65536, socket.CMSG_SPACE(struct.calcsize("3i")))
        except OSError:
            return b""
        for level, kind, value in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS) and len(value) >= struct.calcsize("3i"):
                self.pid, self.uid, _ = struct.unpack("3i", value[: struct.calcsize("3i")])
        return data

    def _watchdog(self) -> Watchdog:
        try:
            population = self._prepared.population(self.pid)
            return Watchdog(population, self._limits, long_lived=self._long_lived, group=self._group)
        except OSError as error:
            raise Unfit(
                "LG907",
                "the jail cannot be watched from outside",
                seen={"reason": error.strerror, "process": self.pid},
                next="lockgate doctor",
            ) from error


def _report(settings: JailSettings, prepared: Prepared, probes: list[Probe], group: Group | None) -> JailReport:
    limits = dict(prepared.limits())
    for name, mechanism in (group.limits() if group is not None else {}).items():
        limits[name] = f"{mechanism}, {limits[name]}" if name in limits else mechanism
    return JailReport(
        launcher=prepared.launcher,
        settings=settings.name,
        settings_digest=settings.digest,
        probes=tuple(probes),
        limits=limits,
        most=prepared.level,
    )


def _not_started(keeper: Keeper, words_in: int) -> LockgateError:
    keeper.kill()
    keeper.ended.wait()
    try:
        words = os.read(words_in, _MOST_WORDS).decode("utf-8", "replace").strip()
    except OSError:
        words = ""
    if words.startswith("bwrap:") and any(sign in words for sign in _NO_NAMESPACES):
        return Unfit(
            "LG901",
            "this machine does not let an ordinary user make namespaces",
            seen={"bubblewrap": words},
            next="lockgate doctor",
        )
    return Unfit("LG907", f"the jail did not start: {words[-300:]}", seen={"words": words}, next="lockgate doctor")
