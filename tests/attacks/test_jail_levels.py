"""The attack suite under every launcher that this machine has: what each leaves open, by name, and why.

Each set is exact: an attack that comes through anew fails here, and so does one that is stopped at last.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from lockgate.errors import Unfit, Usage
from lockgate.sandbox import levels
from lockgate.sandbox.launch import Jail, Target
from lockgate.sandbox.launcher import Launcher
from lockgate.sandbox.settings import Bind, Limits, PythonEnv, named
from tests.support import jail_attacks, jail_attacks_host
from tests.support.jail_attacks import ATTACKS, CONTROL
from tests.support.jail_attacks_host import ROOT, SECRETS, Host, reached

# Without a mount or host name namespace the names of the host are seen; its files are not opened for all that.
_NAMES = "Landlock refuses to open and to list, not to ask whether a name exists"
LANDLOCK: Mapping[str, str] = {
    "env_name_of_host": "there is no namespace of the host's name",
    "fs_list_home": _NAMES,
    "fs_touch_input": "Landlock has no right for times; who may write the source's bytes may set its times",
    "proc_handle_of_host": "a handle may be opened on any process; a signal through it is refused",
}
_SENTRY = "the sentry's own, which is an ordinary process of the host"
GVISOR: Mapping[str, str] = {
    "env_descriptors_of_pid_1": "the sentry does not know a process that is not to be looked into",
    "env_memory_map_of_pid_1": "the sentry does not know a process that is not to be looked into",
    "fs_mounts_are_listed": _SENTRY,
    "fs_sysfs": _SENTRY,
    "priv_become_root": _SENTRY,
    "priv_become_root_group": _SENTRY,
    "priv_priority": _SENTRY,
}
_INSIDE = "the user inside has the number 0, without a capability, and is an ordinary one outside"
PODMAN: Mapping[str, str] = {
    "env_descriptors_of_pid_1": "their numbers are listed to the user 0 of the container; none can be read or opened",
    "fs_list_home": "podman's empty root has the usual folders",
    "priv_become_root": _INSIDE,
    "priv_become_root_group": _INSIDE,
}

# The sentry lets a target end or stop the first process, and the jail with it: each has a jail of its own.
ENDS: Mapping[str, Mapping[str, str]] = {
    "gvisor": {"proc_kill_pid_1": "signal", "proc_stop_pid_1": "time"},
    # There the first process is the host's, and no test aims at it; test_jail_late aims at the keeper.
    "landlock": {"proc_kill_pid_1": "", "proc_stop_pid_1": ""},
}

OPEN: Mapping[str, Mapping[str, str]] = {"landlock": LANDLOCK, "gvisor": GVISOR, "podman": PODMAN}


@pytest.fixture(name="host", scope="module")
def _host() -> Iterator[Host]:
    with jail_attacks_host.host() as found:
        yield found


def _present(name: str) -> Launcher:
    """The launcher of that name, where the machine has what it is made of."""
    try:
        launcher = levels.by_name(name)
        launcher.prepare(named("train", python=PythonEnv.own()), long_lived=False).close()
    except (ImportError, Unfit, Usage) as missing:
        pytest.skip(f"this machine has no {name}: {missing}")
    return launcher


# gVisor by night: by day tests/unit/sandbox/test_gvisor.py sees each of its protections hold, and be missed.
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.nightly) if name == "gvisor" else name for name in OPEN]
)
def test_what_a_launcher_leaves_open(name: str, host: Host) -> None:
    """Exactly the attacks that it is known not to stop."""
    found = jail_attacks_host.inside(host, "train", launcher=_present(name), least=1, without=ENDS.get(name, ()))
    assert reached(found) == set(OPEN[name])


@pytest.mark.parametrize("attack", ENDS["gvisor"])
def test_a_jail_whose_first_process_is_attacked_ends(attack: str, host: Host) -> None:
    """Nothing is gained by it: the run has failed, within its time, and nothing of it comes out."""
    settings = named("train", python=PythonEnv.own(), binds=[Bind(host.job, "/job")], limits=Limits(wall_seconds=2))
    facts = json.dumps({**host.facts, "only": [attack]})
    jail = Jail(settings, launcher=_present("gvisor"), least=1)
    result = jail.run(Target(command=("python", "-c", jail_attacks.START, facts)))
    assert (result.ended, result.ok, result.files) == (ENDS["gvisor"][attack], False, {})


FORGE = """
import os
frame = b"X" + (10).to_bytes(4, "little") + b"\\1\\0\\0\\0000\\1\\0\\0\\0000"
told = 0
for keeper in {1, os.getppid()}:
    for number in range(16):
        path = f"/proc/{keeper}/fd/{number}"
        try:
            if os.readlink(path).startswith(("socket:", "host:")):
                told += os.write(os.open(path, os.O_WRONLY | os.O_NONBLOCK), frame)
        except OSError:
            pass
os._exit(3 if told == 0 else 4)
"""


@pytest.mark.parametrize("name", OPEN)
def test_no_launcher_lets_a_target_speak_as_its_keeper(name: str) -> None:
    """Where the keeper's descriptors are seen, its end of the channel cannot be opened: the exit code is the true one.

    That a frame on the channel itself would be believed is test_jail_output's control.
    """
    settings = named("train", python=PythonEnv.own(), limits=Limits(wall_seconds=20))
    result = Jail(settings, launcher=_present(name), least=1).run(Target(command=("python", "-c", FORGE)))
    assert (result.exit_code, result.ended) == (3, "exit")


AS_USER = """
import json, sys
from pathlib import Path
from lockgate.sandbox import levels
from lockgate.sandbox.launch import Jail, Target
from lockgate.sandbox.launcher import Launcher
from lockgate.sandbox.settings import Bind, PythonEnv, named
job, facts, start = Path(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3]
binds = [Bind(job, "/job"), Bind(Path(facts["input"]), "/in/input")]
target = Target(command=("python3", "-c", start, json.dumps(facts)))
jail = Jail(named("train", python=PythonEnv.own(), binds=binds), launcher=levels.by_name("landlock"), least=1)
sys.stdout.buffer.write(jail.run(target).talk)
"""


@pytest.mark.skipif(not ROOT, reason="the other test already runs as an ordinary user")
def test_what_landlock_leaves_open_without_root(host: Host) -> None:
    """The same: root adds nothing to this launcher but places that other users can reach."""
    sources = [Path(sys.modules["lockgate"].__file__ or "").parents[1], Path(pytest.__file__).parents[1]]
    if not all(os.stat(folder).st_mode & 0o005 for path in sources for folder in (path, *path.parents)):
        pytest.skip("the sources are in a private folder")
    if shutil.which("python3", path="/usr/bin") is None or sys.version_info[:2] != (3, 11):
        pytest.skip("no system interpreter that fits")
    program = f"import sys; sys.path[:0] = {[str(path) for path in sources]}\n{AS_USER}"
    with ExitStack() as stack:
        only = [attack for attack in ATTACKS if attack not in ENDS["landlock"]]
        facts = {**host.facts, "pid": jail_attacks_host.sleeper(stack, 65532), "only": only}
        run = subprocess.run(
            ["/usr/bin/python3", "-c", program, str(host.job), json.dumps(facts), jail_attacks.START],
            env={"PATH": "/usr/bin", "SSH_AUTH_SOCK": host.facts["unix"], **SECRETS},
            user=65532,
            group=65532,
            extra_groups=(),
            cwd="/",
            capture_output=True,
            check=False,
        )
    assert run.returncode == 0, run.stderr.decode()
    found = json.loads(run.stdout)
    assert set(found) == set(only)
    assert reached(found) == set(LANDLOCK)


def test_level_2_stops_nine_of_ten() -> None:
    """The share that the level promises; what is open is known by name and control."""
    assert len(LANDLOCK) * 10 <= len(ATTACKS)
    assert set().union(*OPEN.values()) <= set(CONTROL)
