"""Jails that are killed at a random moment, and whatever is left of them on the host.

    python -m bench.killed_jails [--rounds 1000] [--seed 1] [--json FILE]

Each round starts a launcher with a jail full of processes that do not want to go: daemons in sessions of their own,
children that ignore every signal, output on its way. Between 0 and 300 ms later the launcher is killed, or the jail's
first process, or the launcher calls `Jail.stop()`. A second after that there must be no process of it, no mount, no
file where the jail wrote, nothing in the launcher's temporary folder, and nobody in its control group; the empty group
of a killed launcher is gone when the next jail has started. The claim: nothing left after 1,000 rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lockgate.sandbox.launch import Jail, JailReport, Target
from lockgate.sandbox.settings import Limits, PythonEnv, named

LONGEST = 0.3
PATIENCE = 1.0
WAYS = ("launcher", "harness", "stop")

TARGET = """
import os, signal, sys, time
for number in range(1, 65):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
for place in ("/tmp", "/out", "/dev/shm"):
    open(place + "/" + sys.argv[1], "w").write(sys.argv[1])
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for descriptor in range(3): os.close(descriptor)
        os.fork()
        while True: time.sleep(60)
    os._exit(0)
os.fork()
number = 0
while True:
    number += 1
    print("words on their way " * 50, flush=True)
    open(f"/out/{number % 50}", "w").write("x" * 10000)
    time.sleep(0.002)
"""


@dataclass
class Round:
    """One jail. `processes` are (id, start) of everything that descended from the launcher when it was killed."""

    way: str
    marker: str
    launcher: int = 0
    harness: int = 0
    namespaces: set[str] = field(default_factory=set)
    processes: set[tuple[int, str]] = field(default_factory=set)


def start_of(pid: int) -> str:
    """When a process began, "" when there is none or nothing but its exit code is left of it."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def below(pid: int) -> Iterable[int]:
    """Every process that descends from `pid`."""
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            for child in Path(f"/proc/{pid}/task/{thread}/children").read_text().split():
                yield int(child)
                yield from below(int(child))


def launch(done: Round, moment: float, scratch: Path, tell: int) -> None:
    """In a process of its own: a jail, which is stopped at `moment` when that is the way. Never returns."""
    os.dup2(os.open(os.devnull, os.O_RDWR), 1)
    os.environ["TMPDIR"] = tempfile.tempdir = str(scratch)
    settings = named("train", python=PythonEnv.own(), limits=Limits(wall_seconds=20))
    jail = Jail(settings)

    def started(_report: JailReport) -> None:
        running = jail._running  # noqa: SLF001 - the process that a killer from outside would find
        os.write(tell, f"{running.pid if running else 0}\n".encode())

    if done.way == "stop":
        threading.Timer(moment, jail.stop).start()
    try:
        jail.run(Target(command=("python3", "-I", "-S", "-c", TARGET, done.marker)), started=started)
    finally:
        os._exit(0)


def one(way: str, moment: float, number: int, scratch: Path) -> Round:
    """Start, wait, kill."""
    done = Round(way, f"killed-{os.getpid()}-{number}")
    reading, writing = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    done.launcher = os.fork()
    if done.launcher == 0:
        launch(done, moment, scratch, writing)
    os.close(writing)
    time.sleep(moment)
    with suppress(BlockingIOError):
        done.harness = int(os.read(reading, 64) or 0)
    os.close(reading)
    if way == "stop":
        # It may take a moment: from here on everything must be over within the same second.
        note(done)
        _wait(lambda: start_of(done.launcher) == "", PATIENCE)
    elif way == "harness" and done.harness:
        note(done)
        with suppress(ProcessLookupError):
            os.kill(done.harness, signal.SIGKILL)
        _wait(lambda: start_of(done.launcher) == "", PATIENCE)
    else:
        os.kill(done.launcher, signal.SIGSTOP)
        note(done)
    with suppress(ProcessLookupError):
        os.kill(done.launcher, signal.SIGKILL)
    os.waitpid(done.launcher, 0)
    return done


def note(done: Round) -> None:
    """Write down what there is to be killed."""
    ours = os.readlink("/proc/self/ns/pid")
    for pid in below(done.launcher):
        if start := start_of(pid):
            done.processes.add((pid, start))
            with suppress(OSError):
                done.namespaces.add(os.readlink(f"/proc/{pid}/ns/pid"))
    done.namespaces.discard(ours)


def left_of(done: Round, scratch: Path) -> list[str]:
    """What is still there of a round."""
    found = [f"process {pid}" for pid, start in done.processes if start_of(pid) == start]
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        with suppress(OSError):
            inside = os.readlink(f"/proc/{name}/ns/pid") in done.namespaces
            named_so = done.marker.encode() in Path(f"/proc/{name}/cmdline").read_bytes()
            if (inside or named_so) and start_of(int(name)):
                found.append(f"process {name} of the jail")
    found += [f"file {place}" for place in ("/tmp", "/dev/shm", "/out") if os.path.exists(f"{place}/{done.marker}")]
    found += [f"temporary {name}" for name in os.listdir(scratch)]
    for folder in groups({done.launcher}):
        with suppress(OSError):
            found += [f"member {pid} of {folder.name}" for pid in (folder / "cgroup.procs").read_text().split()]
    return found


def groups(launchers: set[int]) -> list[Path]:
    """The control groups of these launchers."""
    found: list[Path] = []
    for top in ("/sys/fs/cgroup", *(str(path) for path in Path("/sys/fs/cgroup").glob("*"))):
        for folder, names, _ in os.walk(top):
            if folder.count("/") > top.count("/") + 6:
                names.clear()
            found += [
                Path(folder, name)
                for name in names
                if name.startswith("lockgate-") and int(name.split("-")[2]) in launchers
            ]
    return list(dict.fromkeys(found))


def mounts() -> set[str]:
    """Where something is mounted, as this process sees it."""
    return {line.split(" ")[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()}


def _wait(over: Callable[[], bool], longest: float) -> bool:
    give_up = time.monotonic() + longest
    while not over():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.005)
    return True


def measure(rounds: int, seed: int) -> dict[str, Any]:
    """All rounds, and what was left of each."""
    moments = random.Random(seed)  # noqa: S311 - moments, not secrets
    ways: Counter[str] = Counter()
    left: list[str] = []
    launchers: set[int] = set()
    running = most = 0
    before = mounts()
    with tempfile.TemporaryDirectory(prefix="lockgate-killed-") as name:
        scratch = Path(name)
        for number in range(rounds):
            way = WAYS[number % len(WAYS)]
            done = one(way, moments.uniform(0, LONGEST), number, scratch)
            launchers.add(done.launcher)
            ways[way] += 1
            running += bool(done.processes)
            most = max(most, len(done.processes))
            if not _wait(lambda done=done: not left_of(done, scratch), PATIENCE):  # type: ignore[misc]
                left.append(f"round {number} ({way}): {', '.join(left_of(done, scratch))}")
        # A jail that ends by itself sweeps what its dead predecessors could not take away.
        Jail(named("train", python=PythonEnv.own())).probe()
        left += [f"control group {folder}" for folder in groups(launchers)]
        left += [f"mount {place}" for place in mounts() - before if place.startswith((name, "/tmp/"))]
    return {
        "benchmark": "killed_jails",
        "rounds": rounds,
        "seed": seed,
        "ways": dict(ways),
        "killed_while_processes_ran": running,
        "most_processes": most,
        "left": left,
        "claim": "nothing left",
        "holds": not left,
    }


def main() -> None:
    """Measure, say it in a line, and keep the numbers where asked. Exit code 1 when something was left."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    result = measure(arguments.rounds, arguments.seed)
    what = f"{result['killed_while_processes_ran']} of {result['rounds']} while processes ran"
    print(f"killed at random: {what}, left over: {len(result['left'])}   (claim: none)", file=sys.stderr)
    text = json.dumps(result, indent=2)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n", encoding="utf-8")
    sys.exit(0 if result["holds"] else 1)


if __name__ == "__main__":
    main()
