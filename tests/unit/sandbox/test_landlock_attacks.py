"""The attack suite against level 2: what it stops, and the few things that it says itself it does not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from lockgate.sandbox._landlock import abi
from lockgate.sandbox._landlock.launcher import LandlockLauncher
from tests.support import jail_attacks, jail_attacks_host
from tests.support.jail_attacks_host import Host, reached

# No view of its own: that a path exists is seen, and so is the host's name. A handle for a process is got and is of no
# use: it takes no signal. A time of a file is answered with success and not set; "may I write" asks the mode alone.
SEEN = {"env_name_of_host", "fs_list_home", "fs_list_temporary_files_of_host", "proc_handle_of_host"}
NOT_DONE = {"fs_touch_input", "fs_python_path_is_writable"}
USER = 65532

pytestmark = pytest.mark.skipif(abi.kernel_abi() < abi.LEAST_ALONE, reason="this kernel's Landlock is older")


@pytest.fixture(name="host", scope="module")
def _host() -> Iterator[Host]:
    with jail_attacks_host.host() as found:
        yield found


def test_level_two_stops_nine_of_ten_and_names_the_rest(host: Host) -> None:
    """Above nine in ten of the suite, and every one that gets through is one of the named."""
    os.utime(host.facts["input"], (0, 0))
    found = jail_attacks_host.inside(host, "train", LandlockLauncher(), 2)
    assert reached(found) <= SEEN | NOT_DONE
    assert 10 * len(reached(found)) < len(found)
    assert os.stat(host.facts["input"]).st_mtime == 0


AS_USER = """
import json, sys
from pathlib import Path
from lockgate.sandbox._landlock.launcher import LandlockLauncher
from lockgate.sandbox.launch import Jail, Target
from lockgate.sandbox.settings import Bind, PythonEnv, named
job, facts, start = Path(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3]
binds = [Bind(job, "/job"), Bind(Path(facts["input"]), "/in/input")]
target = Target(command=("python3", "-c", start, json.dumps(facts)))
jail = Jail(named("train", python=PythonEnv.own(), binds=binds), least=2, launcher=LandlockLauncher())
sys.stdout.buffer.write(jail.run(target).talk)
"""


@pytest.mark.skipif(not jail_attacks_host.ROOT, reason="the other test already runs as an ordinary user")
def test_the_same_of_an_ordinary_users(host: Host) -> None:
    """In a jail that no root had a hand in, by the system's interpreter."""
    source = Path(sys.modules["lockgate"].__file__ or "").parents[1]
    if not all(os.stat(folder).st_mode & 0o005 for folder in (source, *source.parents)):
        pytest.skip("the sources are in a private folder")
    if shutil.which("python3", path="/usr/bin") is None or sys.version_info[:2] != (3, 11):
        pytest.skip("no system interpreter that fits")
    program = f"import sys; sys.path[:0] = [{str(source)!r}]\n{AS_USER}"
    with ExitStack() as stack:
        facts = {**host.facts, "pid": jail_attacks_host.sleeper(stack, USER)}
        run = subprocess.run(
            ["/usr/bin/python3", "-c", program, str(host.job), json.dumps(facts), jail_attacks.START],
            env={"PATH": "/usr/bin", **jail_attacks_host.SECRETS},
            user=USER,
            group=USER,
            extra_groups=(),
            cwd="/",
            capture_output=True,
            check=True,
        )
    found = json.loads(run.stdout)
    assert len(found) == len(jail_attacks.ATTACKS)
    assert reached(found) <= SEEN | NOT_DONE
