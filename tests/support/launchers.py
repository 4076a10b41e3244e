"""What the tests of gVisor and podman share: a run with canaries, what is left, an ordinary user, edits of words."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from lockgate.sandbox._descendants import OfDescendants
from lockgate.sandbox.launch import Jail, JailResult, Target

CANARY = "canary-20c7"
# What the program below tries; outside of a jail the first of them succeed.
REACHED_OUTSIDE = ("secret file", "host's port", "host's socket", "signal to the launcher", "own environment")
ATTEMPTS = (
    *REACHED_OUTSIDE,
    *("host's passwords", "write to the input", "write to the program", "first process's environment"),
)
SOURCES = Path(sys.modules["lockgate"].__file__ or "").parents[1]

# What a target finds of its surroundings: it reads its input, tries what it should not get, and leaves a file.
CANARY_PROGRAM = """
import json, os, socket, sys
facts = json.loads(sys.stdin.read())
found = {}
def attempt(name, action):
    try:
        found[name] = "reached" if action() is not False else "stopped"
    except Exception:
        found[name] = "stopped"
attempt("secret file", lambda: open(facts["secret"]).read())
attempt("host's passwords", lambda: open("/etc/shadow").read())
attempt("host's port", lambda: socket.create_connection(("127.0.0.1", facts["port"]), 2))
attempt("host's socket", lambda: socket.socket(socket.AF_UNIX).connect("\\0" + facts["abstract"]))
attempt("write to the input", lambda: open("/in/rows.csv", "a"))
attempt("write to the program", lambda: open("/lockgate/lockgate/x", "w"))
attempt("signal to the launcher", lambda: os.kill(facts["pid"], 0))
attempt("own environment", lambda: facts["canary"] in str(os.environ))
attempt("first process's environment", lambda: facts["canary"] in open("/proc/1/environ").read())
print(json.dumps(found), flush=True)
print("to the errors", file=sys.stderr)
open("/out/model.bin", "wb").write(bytes(range(256)) * 5000)
os.symlink("/etc/passwd", "/out/link")
print(open("/in/rows.csv").read().strip())
sys.exit(7)
"""


@dataclass(frozen=True)
class Honest:
    """One run of the program above, and what it found."""

    result: JailResult
    found: dict[str, str]
    said: str
    errors: str
    files: dict[str, bytes]


@contextmanager
def canaries(folder: Path) -> Iterator[bytes]:
    """What there is to find on this host, in `folder` and elsewhere; yields what the program reads."""
    (folder / "secret").write_text(CANARY)
    name = f"lockgate-canary-{os.getpid()}"
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_UNIX) as abstract,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("AWS_SECRET_ACCESS_KEY", CANARY)
        abstract.bind("\0" + name)
        abstract.listen()
        facts = {"canary": CANARY, "secret": str(folder / "secret"), "abstract": name, "pid": os.getpid()}
        yield json.dumps({**facts, "port": server.getsockname()[1]}).encode()


def honest_run(jail: Jail, folder: Path) -> Honest:
    """Run the program in `jail`, which shows it /in/rows.csv."""
    out: list[bytes] = []
    errors: list[bytes] = []
    (folder / "out").mkdir()
    with canaries(folder) as given:
        target = Target(command=("python", "-c", CANARY_PROGRAM))
        result = jail.run(target, stdin=given, talk=out.append, errors=errors.append, out_dir=folder / "out")
    said, _, rest = b"".join(out).decode().partition("\n")
    files = {name: path.read_bytes() for name, path in result.files.items()}
    return Honest(result, json.loads(said), rest, b"".join(errors).decode(), files)


def gone(processes: OfDescendants, within: float = 8.0) -> bool:
    """Whether everything that descended from the first of `processes` ends by itself in time."""
    names, deadline = processes.pids(), time.monotonic() + within
    assert len(names) > 1
    while time.monotonic() < deadline:
        if not any(alive(name) for name in names):
            return True
        time.sleep(0.02)
    return False


def alive(name: str) -> bool:
    """Whether the process of that number runs: an ended one that nobody has asked for does not."""
    try:
        return Path("/proc", name, "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] not in "ZX"
    except (OSError, IndexError):
        return False


def kill_launcher(module: str, name: str, code: str) -> OfDescendants:
    """Start a process that starts a jail with the launcher `name` of `module`; kill it once the target says so."""
    program = (
        f"import sys; sys.path[:0] = [{str(SOURCES)!r}]\n"
        f"from {module} import {name} as Launcher\n"
        "from lockgate.sandbox.launch import Jail, Target\n"
        "from lockgate.sandbox.settings import PythonEnv, named\n"
        f"jail = Jail(named('train', python=PythonEnv.own()), launcher=Launcher())\n"
        f"jail.run(Target(command=('python3', '-c', {code!r})), talk=lambda said: print('up', flush=True))\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as launcher:
        try:
            assert launcher.stdout is not None
            assert launcher.stdout.readline() == b"up\n"
            time.sleep(1)
            processes = OfDescendants(launcher.pid)
            processes.pids()
        finally:
            launcher.send_signal(signal.SIGKILL)
    return processes


def as_user(program: str, *arguments: str) -> bytes:
    """What `program` prints when an ordinary user runs it; skips where none can."""
    if os.geteuid() != 0:
        pytest.skip("the other tests run as an ordinary user already")
    if not all(os.stat(folder).st_mode & 0o005 for folder in (SOURCES, *SOURCES.parents)):
        pytest.skip("the sources are in a private folder")
    if not os.path.exists("/usr/bin/python3") or sys.version_info[:2] != (3, 11):
        pytest.skip("no system interpreter that fits")
    return subprocess.run(
        ["/usr/bin/python3", "-B", "-c", f"import sys; sys.path[:0] = [{str(SOURCES)!r}]\n{program}", *arguments],
        env={"PATH": "/usr/bin"},
        user=65532,
        group=65532,
        extra_groups=(),
        cwd="/",
        stdout=subprocess.PIPE,
        check=True,
        timeout=60,
    ).stdout


def instead(old: tuple[str, ...], new: tuple[str, ...]) -> Callable[[tuple[str, ...]], tuple[str, ...]]:
    """An edit that puts `new` in the place of the run `old` of a command line, which must be there."""

    def edit(words: tuple[str, ...]) -> tuple[str, ...]:
        at = next(i for i in range(len(words)) if words[i : i + len(old)] == old)
        return (*words[:at], *new, *words[at + len(old) :])

    return edit
