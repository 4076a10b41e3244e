"""Which level is asked for, and which launcher gives it on this machine. Never a silent downgrade.

The level is the policy's: whoever opens a project says it once for the whole process. Until then it is the highest,
so that nothing runs at less because somebody forgot to say it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lockgate.sandbox._bwrap.launcher import BubblewrapLauncher
from lockgate.sandbox.launcher import Launcher
from lockgate.sandbox.report import LEVELS
from lockgate.sandbox.settings import JailSettings

_required = LEVELS


def required() -> int:
    """The isolation level below which no jail of this process starts."""
    return _required


@contextmanager
def at_least(level: int) -> Iterator[None]:
    """Ask for `level` from now on."""
    global _required  # noqa: PLW0603 - one policy decides for the whole process, threads included
    before, _required = _required, level
    try:
        yield
    finally:
        _required = before


def launcher(settings: JailSettings, least: int) -> Launcher:  # noqa: ARG001 - launchers of level 2 choose by both
    """The best launcher of this machine."""
    return BubblewrapLauncher()
