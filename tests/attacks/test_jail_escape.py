"""Code in a jail that tries to get out: files, environment, network, processes, privileges, the kernel's doors."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lockgate.sandbox._bwrap.find import find_bubblewrap
from lockgate.sandbox.launch import Jail, Target
from lockgate.sandbox.settings import Bind, JailName, PythonEnv, named
from tests.support import jail_attacks

CANARY = "canary-7f3a91"

# What anybody can do on a machine without a jail: the positive control of the attacks.
OUTSIDE = {
    "fs_read_secret",
    "fs_read_passwd",
    "fs_list_home",
    "fs_sysfs",
    "fs_write_input",
    "fs_link_to_secret",
    "fs_setuid_file",
    "env_secret",
    "net_socket_inet",
    "net_socket_netlink",
    "net_tcp_to_host",
    "net_udp",
    "net_unix_socket_of_host",
    "net_abstract_socket_of_host",
    "proc_signal_host",
    "proc_see_others",
    "ipc_shared_memory_of_host",
    "kernel_shmget",
    "kernel_msgget",
    "kernel_memfd_create",
    "kernel_openat2",
    "kernel_personality",
    "kernel_clone3",
}

# What a network jail may do by its settings; everything else stays stopped.
NETWORK = {"net_socket_inet", "net_socket_inet6", "net_tcp_to_host", "net_udp", "net_interfaces"}
SHARED = {"net_abstract_socket_of_host", "net_dns"}


@pytest.fixture(name="facts", scope="module")
def _facts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What there is to find on this host: a secret, a listening port, sockets, shared memory, a process."""
    folder = tmp_path_factory.mktemp("host")
    (folder / "secret").write_text(CANARY)
    (folder / "input").write_text("data")
    shm = Path(f"/dev/shm/lockgate-{os.getpid()}")
    shm.write_text(CANARY)
    abstract = f"lockgate-{os.getpid()}"
    servers = [socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)]
    servers[1].bind(str(folder / "socket"))
    servers[2].bind("\0" + abstract)
    for server in servers[1:]:
        server.listen(64)
    yield {
        "secret": str(folder / "secret"),
        "input": str(folder / "input"),
        "port": servers[0].getsockname()[1],
        "unix": str(folder / "socket"),
        "abstract": abstract,
        "shm": str(shm),
        "pid": os.getpid(),
        "canary": CANARY,
    }
    shm.unlink()
    for server in servers:
        server.close()


def outcomes_inside(name: JailName, facts: dict[str, Any], folder: Path) -> dict[str, str]:
    """Every attack, in a jail of that name whose launcher's own environment holds the secret."""
    folder.chmod(0o755)
    shutil.copy(jail_attacks.__file__, folder / "attacks.py")
    binds = [Bind(folder, "/job"), Bind(Path(facts["input"]), "/in/input")]
    jail = Jail(named(name, python=PythonEnv.own(), binds=binds))
    inside = json.dumps({**facts, "input": "/in/input"})
    result = jail.run(Target(command=("python", "/job/attacks.py", inside)))
    assert result.exit_code == 0, result.talk.decode()
    found: dict[str, str] = json.loads(result.talk)
    return found


@pytest.fixture(name="bare", scope="module")
def _bare(facts: dict[str, Any]) -> dict[str, str]:
    """The same attacks without a jail: by an ordinary user's Python, which is harmless for the host."""
    user = {"user": 65533, "group": 65533, "extra_groups": ()} if os.geteuid() == 0 else {}
    python = "/usr/bin/python3" if user else sys.executable
    if not os.path.exists(python):
        pytest.skip("no interpreter that an ordinary user may run")
    for path in Path(facts["secret"]).parents[:4]:
        path.chmod(path.stat().st_mode | 0o055)
    os.chmod(facts["input"], 0o666)
    os.chmod(facts["unix"], 0o777)
    run = subprocess.run(
        [python, "-I", "-c", Path(jail_attacks.__file__).read_text(), json.dumps(facts)],
        env={"AWS_SECRET_ACCESS_KEY": CANARY},
        capture_output=True,
        cwd="/tmp",
        check=True,
        **user,  # type: ignore[call-overload]
    )
    found: dict[str, str] = json.loads(run.stdout)
    for name in ("setuid", "link", "attributed"):
        Path("/tmp", name).unlink(missing_ok=True)
    return found


@pytest.fixture(name="inside", scope="module")
def _inside(facts: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_SECRET_ACCESS_KEY", CANARY)
        return outcomes_inside("train", facts, tmp_path_factory.mktemp("job"))


@pytest.mark.parametrize("name", sorted(jail_attacks.ATTACKS))
def test_an_attack_from_training_is_stopped(name: str, inside: dict[str, str]) -> None:
    """Each of the suite, from inside the settings that training gets."""
    assert inside[name] == "stopped"


@pytest.mark.parametrize("name", sorted(OUTSIDE))
def test_the_same_attack_succeeds_without_a_jail(name: str, bare: dict[str, str]) -> None:
    """The positive control: the attack is written so that it works where nothing stops it."""
    if name == "proc_signal_host" and os.geteuid() == 0:
        pytest.skip("the host's process is root's, the bare attacker is not")
    assert bare[name] == "reached"


@pytest.mark.parametrize("name", ["edge", "tools"])
def test_a_network_jail_reaches_the_network_and_nothing_else(
    name: JailName, facts: dict[str, Any], tmp_path: Path
) -> None:
    """Sharing the host's network opens two socket families, and no file, process or kernel call with them."""
    found = outcomes_inside(name, facts, tmp_path)
    reached = {attack for attack, outcome in found.items() if outcome == "reached"}
    allowed = NETWORK | SHARED | ({"kernel_memfd_create"} if name == "edge" else set())
    assert {"net_tcp_to_host", "net_socket_inet"} <= reached <= allowed


AS_USER = """
import json, sys
from pathlib import Path
from lockgate.sandbox.launch import Jail, Target
from lockgate.sandbox.settings import Bind, PythonEnv, named
folder, facts = Path(sys.argv[1]), json.loads(sys.argv[2])
binds = [Bind(folder, "/job"), Bind(Path(facts["input"]), "/in/input")]
command = ("python3", "/job/attacks.py", json.dumps({**facts, "input": "/in/input"}))
sys.stdout.buffer.write(Jail(named("train", python=PythonEnv.own(), binds=binds)).run(Target(command=command)).talk)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests already run as an ordinary user")
def test_the_jail_of_an_ordinary_user_stops_them_too(facts: dict[str, Any], tmp_path: Path) -> None:
    """The same attacks in a jail that no root had a hand in, by the system's interpreter."""
    sources = [Path(sys.modules["lockgate"].__file__ or "").parents[1], find_bubblewrap().tree]
    if not all(os.stat(folder).st_mode & 0o005 for path in sources for folder in (path, *path.parents)):
        pytest.skip("the sources are in a private folder")
    if not os.path.exists("/usr/bin/python3") or sys.version_info[:2] != (3, 11):
        pytest.skip("no system interpreter that fits")
    for folder in (tmp_path, *tmp_path.parents[:3], *Path(facts["input"]).parents[:3]):
        folder.chmod(folder.stat().st_mode | 0o055)
    shutil.copy(jail_attacks.__file__, tmp_path / "attacks.py")
    program = f"import sys; sys.path[:0] = {[str(path) for path in sources]}\n{AS_USER}"
    run = subprocess.run(
        ["/usr/bin/python3", "-c", program, str(tmp_path), json.dumps(facts)],
        env={"PATH": "/usr/bin", "AWS_SECRET_ACCESS_KEY": CANARY},
        user=65532,
        group=65532,
        extra_groups=(),
        cwd="/",
        capture_output=True,
        check=True,
    )
    found: dict[str, str] = json.loads(run.stdout)
    assert len(found) == len(jail_attacks.ATTACKS)
    assert {attack for attack, outcome in found.items() if outcome == "reached"} == set()


def test_the_suite_is_large_enough() -> None:
    """At least ninety attacks, so that a lost registration is noticed."""
    assert len(jail_attacks.ATTACKS) >= 90
