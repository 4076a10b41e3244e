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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lockgate.sandbox.launch import Jail, RunningJail, Target
from lockgate.serve.settings import GatewaySettings
from lockgate.serve.spec import Caps
from lockgate.supervise import jails
from tests.support.serving import Serving, servable_project, serving

ATTEMPTS = r"""
import glob, json, os, signal, socket, sys
want = json.loads(sys.argv[1])
found = {}

def attempt(name, call):
    try:
        found[name] = call() or "done"
    except BaseException as error:
        found[name] = "no: " + type(error).__name__

def read(path):
    with open(path, "rb") as file:
        return "read %d" % len(file.read())

def write(path):
    with open(path, "ab") as file:
        file.write(b"")
    return "wrote"

for path in want["keys"]:
    attempt("read " + path, lambda: read(path))
for folder in want["folders"]:
    attempt("list " + folder, lambda: "listed" if os.listdir(folder) is not None else "")
for path in want["files"]:
    attempt("write " + path, lambda: write(path))
for pid in want["pids"]:
    attempt("signal %d" % pid, lambda: os.kill(pid, 0))
    attempt("environ %d" % pid, lambda: read("/proc/%d/cmdline" % pid))
attempt("connect", lambda: socket.create_connection(("127.0.0.1", want["port"]), 2).close())
attempt("unix", lambda: socket.socket(socket.AF_UNIX).connect(want["unix"]))
found["processes"] = len([name for name in os.listdir("/proc") if name.isdigit()])
found["environment"] = sorted(os.environ)
found["modules"] = sorted(name for name in sys.modules if name.startswith("lockgate"))
print(json.dumps(found))
"""
LOAD = "import sys; sys.path.insert(0, '/lockgate'); import lockgate.serve.gateway\n"


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A house that runs while its gateway's jail is attacked."""
    with pytest.MonkeyPatch.context() as patch:
        project = servable_project(tmp_path_factory.mktemp("edge"), patch)
        project.make_live(patch)
        with serving(project) as found:
            yield found


def wanted(up: Serving, tmp_path: Path) -> tuple[dict[str, Any], list[socket.socket]]:
    """What an attacker would like, with the host's own names for it; and listeners to reach."""
    keyring = up.project.keyring
    keys = [str(path) for path in sorted(keyring.folder.iterdir())] + [str(keyring.root_key)]
    processes = [up.house.kept[name].process for name in ("sealer", "model", "contract")]
    pids = [os.getpid(), *(one.pid for one in processes if isinstance(one, RunningJail))]
    tcp, unix = socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_UNIX)
    unix.bind(str(tmp_path / "s"))
    unix.listen()
    home = up.project.home
    want = {
        "keys": keys,
        "folders": [str(keyring.folder), str(home / "state"), str(home / "log" / "predictions")],
        "files": [str(home / "log" / "events" / "checkpoint"), str(home / "state" / "clients.json")],
        "pids": pids,
        "port": tcp.getsockname()[1],
        "unix": str(tmp_path / "s"),
    }
    return want, [tcp, unix]


def inside(up: Serving, script: str, argument: str) -> dict[str, Any]:
    """Run `script` in the gateway's jail."""
    root = up.project.created.project_id
    settings, _ = jails.gateway(up.project.home, GatewaySettings(root, "dev", "flights", "0" * 16, Caps()))
    result = Jail(settings).run(Target(command=("python", "-c", script, argument)))
    assert result.exit_code == 0, result.talk
    return dict(json.loads(result.talk))


def test_a_taken_over_gateway_reaches_nothing(up: Serving, tmp_path: Path) -> None:
    """No key, no folder of the host, no tile, no process, no address: each refused inside, each possible outside."""
    want, listeners = wanted(up, tmp_path)
    # Inside, the evidence is known under other names as well.
    more = ["/project/log/events/checkpoint", "/project/registry/index.json", "/project/registry/blobs/sha256/x"]
    try:
        found = inside(up, LOAD + ATTEMPTS, json.dumps(want | {"files": want["files"] + more}))
        outside = subprocess.run(
            [sys.executable, "-c", ATTEMPTS, json.dumps(want)], capture_output=True, check=True, text=True
        )
    finally:
        for listener in listeners:
            listener.close()
    attempts = {name: said for name, said in found.items() if " " in name or name in ("connect", "unix")}
    assert len(attempts) > 20
    assert [name for name, said in attempts.items() if not said.startswith("no:")] == []
    control = json.loads(outside.stdout)
    assert [name for name in attempts if name in control and control[name].startswith("no:")] == []
    assert found["processes"] <= 3
    assert not [name for name in found["environment"] if "XDG" in name or "KEY" in name]


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


def test_a_worker_sees_neither_evidence_nor_spool_nor_network(up: Serving, tmp_path: Path) -> None:
    """The jails of both workers hold even less than the gateway's."""
    from lockgate.sandbox.settings import PythonEnv

    want, listeners = wanted(up, tmp_path)
    want["folders"] += ["/project", "/spool", "/predictions"]
    try:
        for kind in ("contract", "model"):
            settings, _ = jails.worker(kind, PythonEnv.own())
            result = Jail(settings).run(Target(command=("python", "-c", ATTEMPTS, json.dumps(want))))
            found = json.loads(result.talk)
            done = [name for name, said in found.items() if isinstance(said, str) and not said.startswith("no:")]
            assert done == []
    finally:
        for listener in listeners:
            listener.close()
