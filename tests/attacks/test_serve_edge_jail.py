"""Code inside the gateway's own jail: what could somebody do who has taken the gateway over?

The jail is made from the very settings of the running house. Each attempt stands beside a positive control: the
same code, outside of the jail, succeeds.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from lockgate.sandbox.launch import Jail, RunningJail, Target
from lockgate.sandbox.settings import JailSettings, PythonEnv
from lockgate.serve.settings import LISTENER_FD, GatewaySettings
from lockgate.serve.spec import Caps
from lockgate.supervise import jails
from tests.support.serving import Serving, servable_project, serving

ATTEMPTS = r"""
import ctypes, json, os, socket, sys
want = json.loads(sys.argv[1])
found = {}
libc = ctypes.CDLL(None, use_errno=True)

def attempt(name, call):
    try:
        found[name] = call() or "done"
    except BaseException as error:
        found[name] = "no: " + type(error).__name__

def read(path):
    with open(path, "rb") as file:
        return "read %d" % len(file.read(4096))

def write(path):
    with open(path, "r+b"):
        return "wrote"

def create(folder):
    os.close(os.open(folder + "/lockgate-attack", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    os.unlink(folder + "/lockgate-attack")

def memory(pid):
    os.close(os.open("/proc/%d/mem" % pid, os.O_RDWR))

def trace(pid):
    # PTRACE_SEIZE stops nothing; the tracer's end lets go
    if libc.ptrace(ctypes.c_long(0x4206), ctypes.c_long(pid), ctypes.c_long(0), ctypes.c_long(0)) < 0:
        raise OSError(ctypes.get_errno(), "refused")

for path in want["keys"]:
    attempt("read " + path, lambda: read(path))
for folder in want["folders"]:
    attempt("list " + folder, lambda: "listed" if os.listdir(folder) is not None else "")
for path in want["files"]:
    attempt("write " + path, lambda: write(path))
for folder in want["places"]:
    attempt("create in " + folder, lambda: create(folder))
for who, pid in want["pids"].items():
    attempt("signal " + who, lambda: os.kill(pid, 0))
    attempt("words of " + who, lambda: read("/proc/%d/cmdline" % pid))
    attempt("environment of " + who, lambda: read("/proc/%d/environ" % pid))
    attempt("descriptors of " + who, lambda: "listed" if os.listdir("/proc/%d/fd" % pid) else "")
    attempt("handle of " + who, lambda: os.close(os.pidfd_open(pid)))
    attempt("memory of " + who, lambda: memory(pid))
    attempt("trace " + who, lambda: trace(pid))
attempt("connect to a port", lambda: socket.create_connection(("127.0.0.1", want["port"]), 2).close())
attempt("listen on a port", lambda: socket.create_server(("127.0.0.1", 0)).close())
attempt("connect to a path", lambda: socket.socket(socket.AF_UNIX).connect(want["unix"]))
attempt("connect to a name", lambda: socket.socket(socket.AF_UNIX).connect("\0" + want["abstract"]))
attempt("look up a name", lambda: str(socket.getaddrinfo("localhost", 80)))
with open("/proc/net/unix") as file:
    found["sockets with a name"] = [line.split()[-1] for line in file.read().splitlines()[1:] if line.split()[7:]]
found["processes"] = len([name for name in os.listdir("/proc") if name.isdigit()])
found["variables"] = sorted(os.environ)
print(json.dumps(found))
"""
# What another user's jail refuses even to the user who started it, when that is not root.
_LOOKING = ("environment", "descriptors", "memory", "trace")
# Everybody in a jail may know that it has a first process, and by which public words it was started.
KNOWN = {"words of first process", "handle of first process"}
LOAD = "import sys; sys.path.insert(0, '/lockgate'); import lockgate.serve.gateway\n"


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A house of two gateways that runs while a gateway's jail is attacked."""
    with pytest.MonkeyPatch.context() as patch:
        project = servable_project(tmp_path_factory.mktemp("edge"), patch)
        project.make_live(patch)
        with serving(project, gateways=2) as found:
            yield found


def running(up: Serving) -> dict[str, RunningJail]:
    """The processes of the house by name, all of them started."""
    deadline = time.monotonic() + 20
    while True:
        found = {name: kept.process for name, kept in up.house.kept.items()}
        jailed = {name: process for name, process in found.items() if isinstance(process, RunningJail)}
        if len(jailed) == len(found):
            return jailed
        assert time.monotonic() < deadline, found
        time.sleep(0.02)


@pytest.fixture(name="want")
def _want(up: Serving, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """What an attacker would like, with the host's own names for it; and listeners to reach."""
    keyring, home = up.project.keyring, up.project.home
    keys = [str(path) for path in (*sorted(keyring.folder.iterdir()), keyring.root_key)]
    blob = next((home / "registry" / "blobs" / "sha256").iterdir())
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.socket(family)) for family in (socket.AF_INET, 1, 1)]
        abstract = f"lockgate-edge-{os.getpid()}"
        addresses: list[tuple[str, int] | str] = [("127.0.0.1", 0), str(tmp_path / "s"), "\0" + abstract]
        for listener, address in zip(listeners, addresses, strict=True):
            listener.bind(address)
            listener.listen(16)
        yield {
            "keys": [*keys, str(home / "state" / "clients.json")],
            "folders": [str(place) for place in (keyring.folder, home / "state", home / "log" / "predictions")],
            "files": [
                *(str(home / name) for name in ("log/events/checkpoint", "log/events/log.vkey", "state/clients.json")),
                *(str(home / name) for name in ("registry/index.json", "log/events/tile/entries/000.p/1")),
                str(blob),
            ],
            "places": [str(home / name) for name in ("log/events/tile", "log/predictions", "registry/blobs/sha256")],
            "pids": {"supervisor": os.getpid(), **{name: jail.pid for name, jail in running(up).items()}},
            "port": listeners[0].getsockname()[1],
            "unix": str(tmp_path / "s"),
            "abstract": abstract,
        }


def shown_inside(want: dict[str, Any], home: Path) -> dict[str, Any]:
    """The same wishes, with what of them the gateway knows under names of its own as well."""
    own = {
        name: [path.replace(str(home), "/project") for path in want[name] if path.startswith(str(home))]
        for name in ("files", "places")
    }
    more = {name: [*want[name], *paths] for name, paths in own.items()}
    return {**want, **more, "pids": {**want["pids"], "first process": 1}}


def inside(up: Serving, script: str, argument: str) -> dict[str, Any]:
    """Run `script` in the gateway's jail."""
    result = Jail(settings(up)).run(Target(command=("python", "-c", script, argument)))
    assert result.exit_code == 0, result.talk
    return dict(json.loads(result.talk))


def settings(up: Serving) -> JailSettings:
    """The settings of the gateway's jail in that house."""
    root = up.project.created.project_id
    return jails.gateway(up.project.home, GatewaySettings(root, "dev", "flights", "0" * 16, Caps(), 1, 2))[0]


def attempts(found: dict[str, Any]) -> dict[str, str]:
    """What was tried, and what came of it."""
    return {name: said for name, said in found.items() if isinstance(said, str)}


def test_a_taken_over_gateway_reaches_nothing(up: Serving, want: dict[str, Any]) -> None:
    """No key, no folder of the host, no tile, no process, no address: each refused inside, each possible outside."""
    found = inside(up, LOAD + ATTEMPTS, json.dumps(shown_inside(want, up.project.home)))
    tried = attempts(found)
    assert len(want["keys"]) > 10
    assert len(tried) > 80
    assert {name for name, said in tried.items() if not said.startswith("no:")} <= KNOWN
    assert found["processes"] <= 3
    assert not [name for name in found["variables"] if "XDG" in name or "KEY" in name or "SECRET" in name]


def test_the_same_attempts_succeed_outside(want: dict[str, Any]) -> None:
    """The positive control, by a process of the supervisor's own user."""
    run = subprocess.run([sys.executable, "-c", ATTEMPTS, json.dumps(want)], capture_output=True, check=True, text=True)
    found = json.loads(run.stdout)
    own = {name for name in found if os.geteuid() != 0 and name.split(" ")[0] in _LOOKING and "supervisor" not in name}
    assert [name for name, said in attempts(found).items() if said.startswith("no:") and name not in own] == []


def test_no_process_of_the_house_has_an_address(up: Serving, want: dict[str, Any]) -> None:
    """The sealer, the workers and the controller are reached through inherited pairs: nobody can come as somebody else.

    The control is the listener of this test, which the same look does find.
    """
    run = subprocess.run([sys.executable, "-c", ATTEMPTS, json.dumps(want)], capture_output=True, check=True, text=True)
    named = json.loads(run.stdout)["sockets with a name"]
    assert want["unix"] in named
    home = str(up.project.home)
    assert [name for name in named if name.startswith(home) or "sealer" in name or "gateway" in name] == []


CALL_OUT = r"""
import ctypes, json, socket, sys
listener, port, found = int(sys.argv[1]), int(sys.argv[2]), {}
libc = ctypes.CDLL(None, use_errno=True)
taken = socket.socket(fileno=listener)
accepted, _ = taken.accept()

def attempt(name, call):
    try:
        found[name] = "done" if call() is None else "done"
    except OSError as error:
        found[name] = "no: " + str(error.errno)

def forget(sock):
    # connect to no family makes a connected socket a fresh one
    if libc.connect(sock.fileno(), bytes(16), 16) < 0:
        raise OSError(ctypes.get_errno(), "refused")

def fast(sock, words):
    sock.sendto(words, socket.MSG_FASTOPEN, ("127.0.0.1", port))

attempt("turn an accepted socket round", lambda: forget(accepted))
attempt("connect it", lambda: (accepted.connect(("127.0.0.1", port)), accepted.sendall(b"accepted")))
attempt("turn the listener round", lambda: forget(taken))
attempt("connect the listener", lambda: (taken.connect(("127.0.0.1", port)), taken.sendall(b"listener")))
attempt("turn it round again", lambda: forget(taken))
attempt("send with fast open", lambda: fast(taken, b"fast"))
attempt("turn it round once more", lambda: forget(taken))
attempt("send a message with fast open", lambda: taken.sendmsg(
    [b"message"], [], socket.MSG_FASTOPEN, ("127.0.0.1", port)))
print(json.dumps(found))
"""


TURN_ROUND = r"""
import ctypes, json, socket, sys
lent, port, found = socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]), {}
libc = ctypes.CDLL(None, use_errno=True)

def attempt(name, call):
    try:
        call()
        found[name] = "done"
    except OSError as error:
        found[name] = "no: " + str(error.errno)

def forget():
    if libc.connect(lent.fileno(), bytes(16), 16) < 0:
        raise OSError(ctypes.get_errno(), "refused")

attempt("turn it round", forget)
attempt("connect it", lambda: (lent.connect(("127.0.0.1", port)), lent.sendall(b"lent")))
attempt("send elsewhere", lambda: lent.sendto(b"elsewhere", socket.MSG_FASTOPEN, ("127.0.0.1", port)))
print(json.dumps(found))
"""


def called_out(call: Any) -> tuple[dict[str, str], set[bytes]]:
    """What `call` found who was given a listener with a caller, and what arrived at somebody else's port."""
    with ExitStack() as stack:
        target = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        stack.enter_context(socket.create_connection(listener.getsockname()))
        found = json.loads(call(listener, str(target.getsockname()[1])))
        target.settimeout(0.2)
        arrived: set[bytes] = set()
        with suppress(TimeoutError):
            while True:
                peer = stack.enter_context(target.accept()[0])
                peer.settimeout(0.2)
                arrived.add(peer.recv(100))
        return found, arrived


def test_the_listening_socket_is_no_way_out(up: Serving) -> None:
    """A socket of the host's network, inherited to answer on, cannot be turned round to call somebody."""

    def jailed(listener: socket.socket, port: str) -> bytes:
        target = Target(command=("python", "-c", CALL_OUT, str(LISTENER_FD), port))
        return Jail(settings(up)).run(target, descriptors={LISTENER_FD: listener.fileno()}).talk

    found, arrived = called_out(jailed)
    assert {"no: 1"} == set(found.values()) - {"no: 32", "no: 106"}
    assert {said for name, said in found.items() if "turn" in name} == {"no: 1"}
    assert arrived == set()


def test_the_connection_to_redis_is_no_way_out(up: Serving) -> None:
    """Handed over connected, it stays with whom the supervisor connected it to: it cannot be turned round either."""

    def jailed(server: socket.socket, port: str) -> bytes:
        with socket.create_connection(server.getsockname()) as lent:
            target = Target(command=("python", "-c", TURN_ROUND, str(LISTENER_FD), port))
            return Jail(settings(up)).run(target, descriptors={LISTENER_FD: lent.fileno()}).talk

    found, arrived = called_out(jailed)
    assert found == {"turn it round": "no: 1", "connect it": "no: 1", "send elsewhere": "no: 1"}
    assert arrived == set()


def test_the_same_connection_is_a_way_out_without_the_jail() -> None:
    """The control: turned round and connected anew, its words arrive at another port."""

    def bare(server: socket.socket, port: str) -> bytes:
        with socket.create_connection(server.getsockname()) as lent:
            command = [sys.executable, "-c", TURN_ROUND, str(lent.fileno()), port]
            return subprocess.run(command, capture_output=True, check=True, pass_fds=(lent.fileno(),)).stdout

    found, arrived = called_out(bare)
    assert found["turn it round"] == found["connect it"] == "done"
    assert b"lent" in arrived


def test_the_same_socket_is_a_way_out_without_the_jail() -> None:
    """The control: both the accepted socket and the listener are turned round, and their words arrive."""

    def bare(listener: socket.socket, port: str) -> bytes:
        command = [sys.executable, "-c", CALL_OUT, str(listener.fileno()), port]
        return subprocess.run(command, capture_output=True, check=True, pass_fds=(listener.fileno(),)).stdout

    found, arrived = called_out(bare)
    assert {"accepted", "listener"} <= {words.decode() for words in arrived}
    assert found["connect the listener"] == "done"


def test_the_gateway_writes_to_its_spool_and_reads_the_evidence(up: Serving) -> None:
    """The other positive control: what it needs is there, so that the refusals above are not a broken jail."""
    script = (
        "import json, os; open('/spool/probe', 'wb').write(b'x'); os.unlink('/spool/probe'); "
        "print(json.dumps({'checkpoint': len(open('/project/log/events/checkpoint').read()),"
        " 'registry': len(os.listdir('/project/registry/blobs/sha256'))}))"
    )
    found = inside(up, script, "")
    assert found["checkpoint"] > 100
    assert found["registry"] > 5


@pytest.mark.parametrize("module", ["lockgate.serve.gateway", "lockgate.serve.sealer"])
def test_no_signing_key_can_be_reached_even_indirectly(up: Serving, module: str) -> None:
    """What the process has loaded, in a fresh interpreter in its own jail, knows no way to a signing key."""
    forbidden = {
        *("lockgate.trust.signer", "lockgate.trust._keyfile", "lockgate.trust.keyring"),
        *("lockgate.supervise", "lockgate.project", "lockgate.audit.workplace", "lockgate.sandbox.launch"),
    }
    script = (
        f"import sys, json; sys.path.insert(0, '/lockgate'); import {module}; "
        "print(json.dumps({'m': list(sys.modules)}))"
    )
    loaded = set(inside(up, script, "")["m"])
    assert module in loaded
    assert loaded & forbidden == set()


def test_the_same_look_finds_the_signer_where_it_is_loaded() -> None:
    """The control: the supervisor, which may, does reach it."""
    script = "import sys, lockgate.trust.keyring; print('lockgate.trust.signer' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    assert found.stdout == "True\n"


def test_a_worker_sees_neither_evidence_nor_spool_nor_network(up: Serving, want: dict[str, Any]) -> None:
    """The jails of both workers hold even less than the gateway's."""
    wishes = shown_inside(want, up.project.home)
    wishes["folders"] = [*wishes["folders"], "/project", "/spool", "/sealed/predictions"]
    for kind in ("contract", "model"):
        jail, _ = jails.worker(kind, PythonEnv.own())
        result = Jail(jail).run(Target(command=("python", "-c", ATTEMPTS, json.dumps(wishes))))
        tried = attempts(json.loads(result.talk))
        assert {name for name, said in tried.items() if not said.startswith("no:")} <= KNOWN
