"""Start a jail: witnesses first, then the target. The only door to untrusted data and code.

`Jail.run` is for one job: it returns what the target wrote to /out and said. `Jail.start` is for processes
that stay: workers, the gateway, the sealer. Both refuse before the target starts unless every probe holds.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lockgate.errors import Unfit
from lockgate.sandbox import levels
from lockgate.sandbox._collect import Collector
from lockgate.sandbox._handshake import Handshake
from lockgate.sandbox._pump import Pump
from lockgate.sandbox._pump_relay import RelayPump
from lockgate.sandbox.launcher import Launcher, Prepared, module_words
from lockgate.sandbox.report import JailReport, Probe
from lockgate.sandbox.settings import JailSettings
from lockgate.sandbox.system import require_linux
from lockgate.sandbox.watchdog import Ended

__all__ = ["Jail", "JailReport", "JailResult", "Probe", "RunningJail", "Target"]


@dataclass(frozen=True)
class Target:
    """What runs in a jail: `main(arguments)` of one of our jail modules, or a command of the user's."""

    module: str = ""
    arguments: tuple[str, ...] = ()
    command: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if bool(self.module) == bool(self.command) or (self.command and self.arguments):
            raise ValueError("a target is a module with arguments, or a command")
        if any("\0" in part for part in (self.module, *self.arguments, *self.command)):
            raise ValueError("an argument cannot hold a NUL")

    def words(self, prepared: Prepared) -> tuple[str, ...]:
        """The command line inside."""
        if self.command:
            return self.command
        return module_words(prepared.python, prepared.folder, self.module, self.arguments)


@dataclass(frozen=True)
class JailResult:
    """What came of a run.

    `exit_code` is the target's, 128 + n after signal n. `files` are untrusted bytes in the caller's
    directory; `skipped` says what was left behind and why. `talk` is at most `Limits.talk_bytes`.
    """

    exit_code: int
    ended: Ended
    report: JailReport
    talk: bytes = b""
    files: Mapping[str, Path] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)
    peak_memory: int = 0

    @property
    def ok(self) -> bool:
        """The target ended by itself with exit code 0 and within every limit."""
        return self.exit_code == 0 and self.ended == "exit"


class Jail:
    """One jail's settings, ready to start.

    `least` is the isolation level below which nothing is started; without it, the one that `levels.required` says.
    `launcher` makes it; without it, the best one of this machine that reaches the level.
    Raises Unfit LG901 where there is no Linux.
    """

    def __init__(self, settings: JailSettings, *, least: int | None = None, launcher: Launcher | None = None) -> None:
        require_linux()
        self._settings = settings
        self._least = levels.required() if least is None else least
        self._launcher = launcher
        self._running: Handshake | None = None
        self._stopped = False

    def probe(self) -> JailReport:
        """The report of such a jail; no target runs and no level is required. Raises Unfit when none starts."""
        prepared = self._prepare(long_lived=False)
        handshake = Handshake(self._settings, prepared, ("/bin/false",), {}, collect=False, long_lived=False)
        handshake.abandon()
        return handshake.report

    def run(
        self,
        target: Target,
        *,
        stdin: bytes | int = b"",
        talk: Callable[[bytes], None] | None = None,
        errors: Callable[[bytes], None] | None = None,
        out_dir: Path | None = None,
        started: Callable[[JailReport], None] | None = None,
        descriptors: Mapping[int, int] | None = None,
    ) -> JailResult:
        """Run `target` to its end.

        `stdin` is what it reads, or a descriptor of ours that is relayed to it. `talk` gets its output as it
        comes: standard output and error together, or, with `errors`, apart. Files of /out go to `out_dir`, a
        directory of the caller's without files of the same names; without it nothing is collected.
        `started` sees the report before the target starts. `descriptors` maps further descriptors of the target, from
        3 on, to ours, which may be closed from `started` on.

        Raises Unfit when the jail does not reach the least level, Unavailable LG908 when the disk is full.
        """
        prepared = self._prepare(long_lived=False)
        if prepared.relays:
            _require_no_descriptors(prepared, descriptors)
        make = RelayPump if prepared.relays else Pump
        with make(stdin, talk, errors, self._settings.limits.talk_bytes) as pump:
            handshake = Handshake(
                self._settings,
                prepared,
                target.words(prepared),
                {**pump.theirs, **(descriptors or {})},
                collect=out_dir is not None,
                long_lived=False,
                relay=pump.relay,
            )
            collector = Collector(out_dir, self._settings.limits.output_bytes)
            self._running = handshake
            if self._stopped:
                handshake.keeper.kill()
            try:
                handshake.report.require(self._least)
                if started is not None:
                    started(handshake.report)
                handshake.go()
                pump.run(handshake, collector)
                handshake.keeper.ended.wait()
            finally:
                handshake.abandon()
                collector.close()
        return _result(handshake, collector, pump.talk)

    def stop(self) -> None:
        """End what `run` has started, or is about to start, from another thread: it returns as after a SIGKILL."""
        self._stopped = True
        if self._running is not None:
            self._running.keeper.kill()

    def start(self, target: Target, *, descriptors: Mapping[int, int]) -> RunningJail:
        """Start `target` and leave it running, until it ends, is killed, or this process ends.

        `descriptors` maps the target's descriptors to ours; ours stay open here and may be closed after the
        call. 0, 1 and 2 are /dev/null unless given. Raises Unfit when the jail does not reach the least level.
        """
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        try:
            wanted = {**dict.fromkeys((0, 1, 2), null), **descriptors}
            prepared = self._prepare(long_lived=True)
            if prepared.relays:
                _require_no_descriptors(prepared, wanted)
            words = target.words(prepared)
            handshake = Handshake(self._settings, prepared, words, wanted, collect=False, long_lived=True)
        finally:
            os.close(null)
        try:
            handshake.report.require(self._least)
            handshake.go()
        except BaseException:
            handshake.abandon()
            raise
        return RunningJail(handshake)

    def _prepare(self, *, long_lived: bool) -> Prepared:
        launcher = self._launcher or levels.launcher(self._settings, self._least)
        return launcher.prepare(self._settings, long_lived=long_lived)


class RunningJail:
    """A jail that stays. It dies with this process."""

    def __init__(self, handshake: Handshake) -> None:
        self._handshake = handshake
        handshake.keeper.closes_channel = True
        self.report = handshake.report
        self.pid = handshake.pid

    def poll(self) -> int | None:
        """The exit code, 128 + n after signal n, or None while it runs."""
        return self._code() if self._handshake.keeper.ended.is_set() else None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the exit code. Raises TimeoutError."""
        if not self._handshake.keeper.ended.wait(timeout):
            raise TimeoutError(f"the jail still runs after {timeout} s")
        return self._code()

    def terminate(self) -> None:
        """Ask the target to end: SIGTERM."""
        self._handshake.keeper.signal(signal.SIGTERM)

    def kill(self) -> None:
        """End everything in the jail at once, and wait until it is gone."""
        self._handshake.abandon()

    @property
    def ended(self) -> Ended | None:
        """Why it ended, or None while it runs."""
        keeper = self._handshake.keeper
        if not keeper.ended.is_set():
            return None
        return keeper.verdict or ("exit" if (keeper.status or 0) >= 0 and (keeper.status or 0) < 128 else "signal")

    def _code(self) -> int:
        status = self._handshake.keeper.status or 0
        return status if status >= 0 else 128 - status


def _require_no_descriptors(prepared: Prepared, descriptors: Mapping[int, int] | None) -> None:
    if descriptors:
        prepared.close()
        raise Unfit(
            "LG917",
            f"{prepared.launcher} hands no descriptor on, and this jail needs some",
            seen={"descriptors": sorted(descriptors)},
            next="run this with LOCKGATE_LAUNCHER=bubblewrap",
        )


def _result(handshake: Handshake, collector: Collector, talk: bytes) -> JailResult:
    keeper = handshake.keeper
    if keeper.unwatched:
        message = f"the jail could not be watched any more, and was ended: {keeper.unwatched}"
        raise Unfit("LG907", message, next="lockgate doctor")
    code, number = collector.exit if collector.exit is not None else (128 + signal.SIGKILL, signal.SIGKILL)
    ended = keeper.verdict or _ended_by(number)
    if collector.exit is not None and ended == "exit" and not collector.complete:
        raise Unfit("LG907", "the jail ended before its output was complete", next="lockgate doctor")
    return JailResult(
        exit_code=code,
        ended=ended,
        report=handshake.report,
        talk=talk,
        files=dict(collector.files),
        skipped=dict(collector.skipped),
        peak_memory=keeper.peak_memory,
    )


def _ended_by(number: int) -> Ended:
    if number == 0:
        return "exit"
    return "time" if number == signal.SIGXCPU else "signal"
