"""What makes a jail on this machine: one small interface, implemented by `_bwrap` and the others.

A launcher prepares one jail from settings; what it prepared is started by the keeper's thread and proved by the
harness inside. Rows say what the harness is to set and, apart from it, what its probes expect.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from lockgate.sandbox._step0 import Identity
from lockgate.sandbox._view import View
from lockgate.sandbox.jail import harness
from lockgate.sandbox.population import Population
from lockgate.sandbox.settings import JailSettings

Row = tuple[bytes, ...]

# The packages above the harness are named but not run: their doors import what costs more than the jail itself.
# That we import it here leaves its bytecode where the jail finds it. {} is the folder that holds `lockgate`.
_BOOT = (
    "import sys\n"
    "for name in ('lockgate', 'lockgate.sandbox'):\n"
    "    sys.modules[name] = type(sys)(name)\n"
    "    sys.modules[name].__path__ = [{folder!r} + '/' + name.replace('.', '/')]\n"
    f"from {harness.__package__} import harness\n"
    "harness.main()"
)
_RUN_MODULE = (
    "import sys; sys.path.insert(0, {folder!r}); from importlib import import_module; "
    "import_module(sys.argv[1]).main(tuple(sys.argv[2:]))"
)


class Prepared(Protocol):
    """One jail, ready to be started once.

    Attributes:
        launcher: name and version, as the evidence says it.
        level: the isolation level that it has when every probe holds.
        view: what is seen inside, and the environment.
        relays: descriptors cannot be handed on; the harness relays the standard streams over the channel.
        folder: the folder inside that holds Lockgate's package.
        python: the interpreter that runs a target's module, inside.
    """

    @property
    def launcher(self) -> str: ...  # noqa: D102 - see above
    @property
    def level(self) -> int: ...  # noqa: D102
    @property
    def view(self) -> View: ...  # noqa: D102
    @property
    def relays(self) -> bool: ...  # noqa: D102
    @property
    def folder(self) -> str: ...  # noqa: D102
    @property
    def python(self) -> str: ...  # noqa: D102

    def rows(self) -> Sequence[Row]:
        """Protections, then expectations."""

    def limits(self) -> Mapping[str, str]:
        """The mechanism that enforces each limit, by the limit's name."""

    def spawn(self, channel: int, words: int, held: Sequence[int]) -> subprocess.Popen[bytes]:
        """Start it: the harness gets `channel` as descriptor 0, `words` as 1 and 2, and `held`.

        Called in a thread that stays until the jail has ended, and that may be changed for good.
        Raises Unfit LG904 when root cannot be given up, OSError when nothing can be started.
        """

    def population(self, pid: int) -> Population:
        """Where the watchdog looks; `pid` is the harness's on the launcher's side. Raises OSError when it is gone."""

    def close(self) -> None:
        """Let go of what was made for this jail. Called when nothing of it runs any more."""


class Launcher(Protocol):
    """Makes jails. `name` is its short name in settings and evidence."""

    @property
    def name(self) -> str: ...  # noqa: D102 - see above

    def prepare(self, settings: JailSettings, *, long_lived: bool) -> Prepared:
        """Raises Unfit (LG901 where the machine lacks what it needs), Usage LG903 when a source is missing."""


Choose = Callable[[JailSettings, int], Launcher]


def started(
    command: Sequence[str],
    identity: Identity | None,
    channel: int,
    words: int,
    *,
    env: Mapping[str, str] | None = None,
    cwd: str = "/",
    held: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start what makes a jail, in a session of its own: as `identity` and without its groups, where root gave up being
    root. Nothing of our environment and no descriptor but those named goes with it.
    """
    return subprocess.Popen(
        command,
        env={} if env is None else env,
        cwd=cwd,
        stdin=channel,
        stdout=words,
        stderr=words,
        pass_fds=held,
        start_new_session=True,
        user=None if identity is None else identity.uid,
        group=None if identity is None else identity.gid,
        extra_groups=None if identity is None else (),
    )


def boot(folder: str) -> tuple[str, ...]:
    """The interpreter's arguments that run the harness."""
    return ("-I", "-S", "-B", "-c", _BOOT.format(folder=folder))


def module_words(python: str, folder: str, module: str, arguments: Sequence[str]) -> tuple[str, ...]:
    """The command line of one of our modules. `-P -s` and not `-I`: the environment is ours and sets the hash seed."""
    return (python, "-P", "-s", "-B", "-c", _RUN_MODULE.format(folder=folder), module, *arguments)
