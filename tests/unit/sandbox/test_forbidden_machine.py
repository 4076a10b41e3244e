"""A machine that forbids what a jail needs: the mend and exit 4; and the protections that no flag makes."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lockgate.sandbox.jail import probes

LIBC = ctypes.CDLL(None, use_errno=True)
NEW_USER = 0x10000000
EVERYBODY = "0 0 4294967295"
DOCTOR = (sys.executable, "-m", "lockgate", "doctor", "--json")

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a machine that forbids")


def in_a_user_namespace(mapped: str, before: Callable[[], None]) -> tuple[int, str]:
    """`lockgate doctor --json` below a namespace with that id map, after `before`: its exit code and what it said."""
    ready_in, ready_out = os.pipe()
    go_in, go_out = os.pipe()
    said_in, said_out = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            signal.alarm(60)
            if LIBC.unshare(NEW_USER) != 0:
                os._exit(99)
            os.write(ready_out, b".")
            os.read(go_in, 1)
            before()
            os.dup2(said_out, 1)
            os.dup2(said_out, 2)
            os.execv(DOCTOR[0], DOCTOR)
        finally:
            os._exit(98)
    for descriptor in (ready_out, go_in, said_out):
        os.close(descriptor)
    os.read(ready_in, 1)
    for name in ("uid_map", "gid_map"):
        Path(f"/proc/{child}/{name}").write_text(mapped)
    os.write(go_out, b".")
    with os.fdopen(said_in, "rb") as stream:
        said = stream.read().decode()
    os.close(ready_in)
    os.close(go_out)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said


def allow(namespaces: int) -> Callable[[], None]:
    """Set how many user namespaces may be made below this one; the host's own setting stays."""

    def write() -> None:
        Path("/proc/sys/user/max_user_namespaces").write_text(str(namespaces))

    return write


@needs_root
def test_without_user_namespaces_doctor_names_the_switch_and_ends_with_4() -> None:
    """Level 0, why, and the one command that mends it: on a kernel that really refuses, below a limit of none."""
    code, said = in_a_user_namespace(EVERYBODY, allow(0))
    assert code == 4, said
    assert '"level": 0' in said
    assert "the kernel allows no user namespaces" in said
    assert "sudo sysctl -w user.max_user_namespaces=" in said


@needs_root
def test_the_same_machine_with_the_switch_turned_is_fit() -> None:
    """The positive control, and the proof that the mend is one: the same namespace, with namespaces allowed."""
    code, said = in_a_user_namespace(EVERYBODY, allow(1000))
    assert code == 0, said
    assert '"level": 3' in said


@needs_root
def test_a_root_that_cannot_become_anybody_else_is_told_to_be_ordinary() -> None:
    """As under `unshare -Ur`, where one user is mapped: exit 4 and the reason, never a jail of root's."""
    code, said = in_a_user_namespace("0 0 1", lambda: None)
    assert code == 4, said
    assert "does not let root give up being root" in said
    assert "run lockgate as an ordinary user" in said


def witness(name: str, found: list[probes.Witness]) -> bool:
    """Whether the probe of that name holds."""
    return next(holds == "1" for probe, _, holds, _ in found if probe == name)


@pytest.mark.parametrize("kind", ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"])
def test_a_namespace_that_is_the_launchers_is_seen(kind: str) -> None:
    """By its inode, which nothing else can change: also those that bubblewrap makes unasked, and cannot be dropped."""
    own = os.readlink(f"/proc/self/ns/{kind}")
    for outside, holds in ((own, False), (f"{kind}:[1]", True), ("", False)):
        rows = {"namespace": [[kind.encode(), b"--flag", outside.encode()]]}
        assert witness(f"namespace {kind}", probes.before_filter(rows, Harmless())) is holds


@pytest.mark.parametrize("value", ["0", "1", None])
def test_a_process_that_could_gain_privileges_is_seen(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bubblewrap sets no_new_privs always; were it not to, the kernel's word would differ. Silence is no protection."""
    monkeypatch.setattr(probes, "_status", lambda: {} if value is None else {"NoNewPrivs": value})
    rows = {"witness": [[b"new privileges"]]}
    assert witness("new privileges", probes.before_filter(rows, Harmless())) is (value == "1")


def test_a_witness_that_nobody_knows_is_open() -> None:
    """A name that is misspelt in a launcher is missed, not left out."""
    assert witness("no such thing", probes.before_filter({"witness": [[b"no such thing"]]}, Harmless())) is False


@pytest.mark.parametrize("held", ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
def test_each_set_of_capabilities_is_looked_at(held: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One bit in one of the five sets opens the witness; all empty, it holds."""
    empty = dict.fromkeys(("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"), "0000000000000000")
    for value, holds in (("0000000000000000", True), ("0000000000001000", False)):
        monkeypatch.setattr(probes, "_status", lambda value=value: {**empty, held: value})
        rows = {"witness": [[b"capabilities"]]}
        assert witness("capabilities", probes.before_filter(rows, Harmless())) is holds


@pytest.mark.parametrize("name", ["RLIMIT_NICE", "RLIMIT_RTPRIO", "RLIMIT_NOFILE"])
def test_a_limit_other_than_asked_for_is_seen(name: str) -> None:
    """Soft and hard are read back: also where this machine is as tight as the jail, so that dropping shows nothing."""
    soft, hard = resource.getrlimit(getattr(resource, name))
    for wanted, holds in (((soft, hard), True), ((soft + 1, hard), False), ((soft, hard + 1), False)):
        rows = {"limit": [[name.encode(), *(str(value).encode() for value in wanted)]]}
        assert witness(f"limit {name}", probes.before_filter(rows, Harmless())) is holds


class Harmless(ctypes.CDLL):
    """A C library whose calls the probes may make in this process, because they do nothing."""

    def __init__(self) -> None:
        super().__init__(None, use_errno=True)
        self.unshare = self.prctl = lambda *_arguments: -1
