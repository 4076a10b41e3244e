"""Code in a jail that tries to get out: files, environment, network, processes, privileges, the kernel's doors."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from lockgate.errors import Unfit, Usage
from lockgate.sandbox import _configuration
from lockgate.sandbox._bwrap.arguments import bubblewrap_arguments
from lockgate.sandbox._bwrap.find import find_bubblewrap
from lockgate.sandbox.launch import Jail, Target
from lockgate.sandbox.report import JailReport
from lockgate.sandbox.settings import Bind, JailName, PythonEnv, named
from tests.support import jail_attacks, jail_attacks_host
from tests.support.jail_attacks import ATTACKS, CONTROL
from tests.support.jail_attacks_host import ROOT, Host, reached

# What this or that machine does not have, told by what the attack runs into outside of every jail.
_NO_CALL, _NO_FAMILY, _NO_FILE = "stopped: ENOSYS", "stopped: EAFNOSUPPORT", "stopped: ENOENT"
_NOTHING, _TERMINAL_OFF = "stopped: nothing found", "stopped: EIO"
NOT_EVERYWHERE = {
    _NO_CALL: {
        *(f"kernel_{name}" for name in ("uselib", "x32", "iopl", "ioperm", "kexec_load", "kexec_file_load")),
        *(f"kernel_{name}" for name in ("init_module", "finit_module", "delete_module", "open_tree_attr", "mseal")),
        *(f"kernel_{name}" for name in ("statmount", "listmount", "futex_wake", "memfd_secret", "move_pages")),
        *("kernel_modify_ldt", "kernel_userfaultfd", "fs_newest_attribute_call", "fs_set_user_id_newest_call"),
    },
    _NO_FAMILY: {
        *(f"net_socket_{name}" for name in ("alg", "bluetooth", "can", "key", "smc", "tipc", "vsock", "xdp")),
        *("net_socket_vsock_datagram", "net_socket_inet6", "net_socket_inet6_raw"),
    },
    "stopped: ENODEV": {"net_socket_vsock_datagram"},
    "stopped: EPROTONOSUPPORT": {"net_socket_multipath", "net_socket_bluetooth", "net_socket_netlink_audit"},
    _NO_FILE: {"fs_read_kernel_core", "fs_read_kernel_memory", "fs_write_module_loader", "fs_write_sysrq"},
    _NOTHING: {"fs_list_block_devices", "net_interfaces", "net_interfaces_by_ioctl", "ipc_cgroups_of_host"},
    _TERMINAL_OFF: {"kernel_terminal_input", "kernel_terminal_input_with_high_bits"},
}
# What root itself may not do where somebody has taken CAP_SYS_RESOURCE from it, as some containers and machines do.
NEEDS_RESOURCE = {"proc_lock_memory", "proc_never_killed_for_memory", "proc_raise_own_limit"}
SYS_RESOURCE, SYS_ADMIN = 24, 21

# What a network jail may do by its settings; everything else stays stopped.
NETWORK = {
    *("net_socket_inet", "net_socket_inet_datagram", "net_socket_inet6", "net_socket_multipath", "net_tcp_to_host"),
    *("net_tcp_fast_open", "net_listen", "net_dns_query", "net_socket_with_high_bits", "net_interfaces"),
    *("net_interfaces_by_ioctl", "net_ports_of_host", "net_sockets_of_host"),
}
# An abstract name belongs to the network namespace; whoever answers there may hand out what it likes.
SHARED = {"net_abstract_socket_of_host", "net_descriptor_from_host"}


@pytest.fixture(name="host", scope="module")
def _host() -> Iterator[Host]:
    with jail_attacks_host.host() as found:
        yield found


@pytest.fixture(name="inside", scope="module")
def _inside(host: Host) -> dict[str, str]:
    return jail_attacks_host.inside(host, "train")


@pytest.fixture(name="bare", scope="module")
def _bare(host: Host) -> dict[str, str]:
    if not os.path.exists(jail_attacks_host.PYTHON):
        pytest.skip("no interpreter that an ordinary user may run")
    return jail_attacks_host.bare(host)


@pytest.fixture(name="unfiltered", scope="module")
def _unfiltered(host: Host) -> dict[str, str]:
    return jail_attacks_host.unfiltered(host)


@pytest.fixture(name="root", scope="module")
def _root(host: Host) -> dict[str, str]:
    if not ROOT or not _may(SYS_ADMIN):
        pytest.skip("needs a root that may make namespaces")
    return jail_attacks_host.root(host)


def _may(capability: int) -> bool:
    lines = Path("/proc/self/status").read_text().splitlines()
    effective = next(line.split()[1] for line in lines if line.startswith("CapEff:"))
    return bool(int(effective, 16) >> capability & 1)


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_an_attack_from_training_is_stopped(name: str, inside: dict[str, str]) -> None:
    """Each of the suite, from inside the settings that training gets."""
    assert inside[name].startswith("stopped")


@pytest.mark.parametrize("name", [name for name in sorted(ATTACKS) if not CONTROL[name].startswith("none")])
def test_the_same_attack_succeeds_where_nothing_stops_it(name: str, request: pytest.FixtureRequest) -> None:
    """The positive control: the attack is written so that it works, in the weakest setting that has its target."""
    outcome = request.getfixturevalue(CONTROL[name])[name]
    if name in NOT_EVERYWHERE.get(outcome, ()):
        pytest.skip(f"this machine has no such door ({outcome})")
    if name in NEEDS_RESOURCE and not _may(SYS_RESOURCE):
        pytest.skip("this root may not raise its own limits")
    assert outcome == "reached"


def test_every_attack_names_its_control() -> None:
    """One of three settings, or the reason why there is none; at most one in fifty may be without."""
    without = {name: control for name, control in CONTROL.items() if control not in ("bare", "unfiltered", "root")}
    assert [name for name, control in without.items() if len(control.removeprefix("none: ")) < 20] == []
    assert len(without) * 50 <= len(CONTROL)


def test_the_suite_is_large_enough() -> None:
    """Two hundred attacks of seven kinds, so that a lost registration is noticed."""
    kinds = Counter(name.partition("_")[0] for name in ATTACKS)
    least = {"fs": 45, "env": 9, "net": 33, "proc": 15, "ipc": 4, "priv": 10, "kernel": 75}
    assert len(ATTACKS) >= 200
    assert set(least) == set(kinds)
    assert [kind for kind, count in kinds.items() if count < least[kind]] == []


MISSING = {
    "seccomp": {"kernel_ptrace", "kernel_keyctl", "kernel_unshare_user", "fs_set_user_id_chmod", "net_socket_inet"},
    "--unshare-net": {"net_ports_of_host", "net_sockets_of_host"},
    "--unshare-ipc": {"ipc_system_v_of_host"},
}


@pytest.mark.parametrize("protection", MISSING)
def test_the_suite_notices_a_protection_that_is_missing(
    protection: str, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The witnesses refuse such a jail. Were it started all the same, the attacks would tell what it lacks."""
    protections, arguments = _configuration.protections, bubblewrap_arguments

    def fewer(*args: Any, **kwargs: Any) -> list[tuple[bytes, ...]]:
        return [row for row in protections(*args, **kwargs) if row[0].decode() != protection]

    def shorter(*args: Any, **kwargs: Any) -> tuple[str, ...]:
        return tuple(word for word in arguments(*args, **kwargs) if word != protection)

    monkeypatch.setattr(_configuration, "protections", fewer)
    monkeypatch.setattr("lockgate.sandbox._bwrap.launcher.bubblewrap_arguments", shorter)
    with pytest.raises(Unfit, match="is of level 0"):
        jail_attacks_host.inside(host, "train")
    monkeypatch.setattr(JailReport, "require", lambda _report, _least: None)
    found = reached(jail_attacks_host.inside(host, "train"))
    assert MISSING[protection] <= found
    assert (len(found) > 60) == (protection == "seccomp")


@pytest.mark.parametrize("name", ["edge", "tools"])
def test_a_network_jail_reaches_the_network_and_nothing_else(name: JailName, host: Host) -> None:
    """Sharing the host's network opens two socket families, and no file, process or kernel call with them."""
    found = reached(jail_attacks_host.inside(host, name))
    # uv looks names up; the gateway shares memory with its workers.
    own = {"net_name_lookup"} if name == "tools" else {"kernel_memfd_create"}
    assert {"net_tcp_to_host", "net_socket_inet"} <= found <= NETWORK | SHARED | own


def _socket(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(place))


DOORS: Mapping[str, Callable[[Path], None]] = {"socket": _socket, "pipe": os.mkfifo}


@pytest.mark.parametrize("depth", ["", "a/b"])
@pytest.mark.parametrize("kind", DOORS)
def test_a_folder_with_a_door_to_the_host_is_not_shown(kind: str, depth: str, tmp_path: Path) -> None:
    """What listens in a bound folder would answer, read-only or not; without it the same folder is shown."""
    folder = tmp_path / "job" / depth
    folder.mkdir(parents=True)
    (folder / "honest").write_text("")
    jail = Jail(named("train", python=PythonEnv.own(), binds=[Bind(tmp_path / "job", "/job")]))
    assert jail.run(Target(command=("true",))).ok
    DOORS[kind](folder / "door")
    with pytest.raises(Usage) as refused:
        jail.run(Target(command=("true",)))
    assert refused.value.finding == "LG903"
    assert refused.value.seen == {"path": str(folder / "door")}


AS_USER = """
import json, sys
from pathlib import Path
from lockgate.sandbox.launch import Jail, Target
from lockgate.sandbox.settings import Bind, PythonEnv, named
job, facts, start = Path(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3]
binds = [Bind(job, "/job"), Bind(Path(facts["input"]), "/in/input")]
target = Target(command=("python3", "-c", start, json.dumps(facts)))
sys.stdout.buffer.write(Jail(named("train", python=PythonEnv.own(), binds=binds)).run(target).talk)
"""


@pytest.mark.skipif(not ROOT, reason="the other tests already run as an ordinary user")
def test_the_jail_of_an_ordinary_user_stops_them_too(host: Host) -> None:
    """The same attacks in a jail that no root had a hand in, by the system's interpreter."""
    sources = [Path(sys.modules["lockgate"].__file__ or "").parents[1], find_bubblewrap().tree]
    if not all(os.stat(folder).st_mode & 0o005 for path in sources for folder in (path, *path.parents)):
        pytest.skip("the sources are in a private folder")
    if shutil.which("python3", path="/usr/bin") is None or sys.version_info[:2] != (3, 11):
        pytest.skip("no system interpreter that fits")
    program = f"import sys; sys.path[:0] = {[str(path) for path in sources]}\n{AS_USER}"
    with ExitStack() as stack:
        facts = {**host.facts, "pid": jail_attacks_host.sleeper(stack, 65532)}
        run = subprocess.run(
            ["/usr/bin/python3", "-c", program, str(host.job), json.dumps(facts), jail_attacks.START],
            env={"PATH": "/usr/bin", **jail_attacks_host.SECRETS},
            user=65532,
            group=65532,
            extra_groups=(),
            cwd="/",
            capture_output=True,
            check=True,
        )
    found = json.loads(run.stdout)
    assert len(found) == len(ATTACKS)
    assert reached(found) == set()
