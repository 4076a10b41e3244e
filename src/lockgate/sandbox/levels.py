"""Which level is asked for, and which launcher gives it on this machine. Never a silent downgrade.

The level is the policy's: whoever opens a project says it once for the whole process. Until then it is the highest,
so that nothing runs at less because somebody forgot to say it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module

from lockgate.errors import Unfit, Usage
from lockgate.sandbox._bwrap.launcher import BubblewrapLauncher
from lockgate.sandbox._handshake import Handshake
from lockgate.sandbox.launcher import Launcher
from lockgate.sandbox.report import LEVELS
from lockgate.sandbox.settings import JailSettings, PythonEnv, named

_MODULES: Mapping[str, str] = {
    "bubblewrap": "lockgate.sandbox._bwrap.launcher:BubblewrapLauncher",
    "landlock": "lockgate.sandbox._landlock.launcher:LandlockLauncher",
    "gvisor": "lockgate.sandbox._gvisor.launcher:GvisorLauncher",
    "podman": "lockgate.sandbox._podman.launcher:PodmanLauncher",
}
LAUNCHERS = tuple(_MODULES)

WISH = "LOCKGATE_LAUNCHER"
# These cannot hand a descriptor on: they make the jails of a job, and bubblewrap the others.
_FOR_ONE_JOB, _ONE_JOB = ("gvisor", "podman"), ("train", "judge")
# The level of a jail without namespaces, and what says that none can be made.
_ALONE, _NO_NAMESPACES = 2, ("LG901", "LG904")

_asked: list[int] = []


def by_name(name: str) -> Launcher:
    """The launcher of that name. Raises Usage LG940 for a word that is none."""
    if name not in _MODULES:
        raise Usage("LG940", f"there is no launcher {name!r}", seen={"known": list(LAUNCHERS)}, next="lockgate doctor")
    module, _, wanted = _MODULES[name].partition(":")
    made: Launcher = getattr(import_module(module), wanted)()
    return made


def required() -> int:
    """The isolation level below which no jail of this process starts: the strictest that is asked for now."""
    return max(_asked, default=LEVELS)


@contextmanager
def at_least(level: int) -> Iterator[None]:
    """Ask for `level` from now on, in every thread; whoever asks for more at the same time is heeded."""
    _asked.append(level)
    try:
        yield
    finally:
        _asked.remove(level)


def launcher(settings: JailSettings, least: int) -> Launcher:
    """The best launcher of this machine, or the one that `LOCKGATE_LAUNCHER` names.

    bubblewrap is given up only where it cannot make a jail at all and the level that is asked for allows it; the
    report names who made the jail. Raises Usage LG940 for a name that is none.
    """
    wish = os.environ.get(WISH, "")
    if wish and (wish not in _FOR_ONE_JOB or settings.name in _ONE_JOB):
        return by_name(wish)
    if least <= _ALONE and not _bubblewrap_works():
        return by_name("landlock")
    return BubblewrapLauncher()


@lru_cache(maxsize=1)
def _bubblewrap_works() -> bool:
    """Whether this machine lets it make namespaces: one empty jail, asked once per process."""
    settings = named("parse", python=PythonEnv.own())
    try:
        prepared = BubblewrapLauncher().prepare(settings, long_lived=False)
        Handshake(settings, prepared, ("/bin/false",), {}, collect=False, long_lived=False).abandon()
    except Unfit as error:
        return error.finding not in _NO_NAMESPACES
    return True
