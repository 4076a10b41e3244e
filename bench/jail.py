"""What a jail costs: starting it, training in it, answering from it, watching it.

    python -m bench.jail [--rounds 40] [--trainings 7] [--json FILE]

Everything is interleaved with the same program without a jail, and each difference or ratio is taken within a round.

start      `python -I -S -c pass` bare, in bubblewrap by hand (namespaces, a root and nothing else), and by `Jail.run`
           with harness, probes, filter and limits; as root also as an ordinary user, by the system's Python
training   scikit-learn's gradient boosting on the breast cancer data: processor and wall time of the fit
answer     a worker on an inherited SOCK_SEQPACKET pair: round trip of 256 bytes
watching   processor time of the launcher while a jail sleeps

-S, because what lies in this machine's site packages is not the jail's cost. The claims: at most 40 ms added to a bare
start, a training within 3 %, an idle watchdog below 1 % of a core.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockgate.sandbox._bwrap.find import find_bubblewrap
from lockgate.sandbox.launch import Jail, Target
from lockgate.sandbox.settings import PythonEnv, named

PASS = ("-I", "-S", "-c", "pass")
USER = 65532
SLEEPING = 3.0
MOST_ADDED, MOST_SLOWER, MOST_WATCHING = 40.0, 1.03, 0.01

FIT = """
import json, time
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier
x, y = load_breast_cancer(return_X_y=True)
wall, cpu = time.perf_counter(), time.process_time()
GradientBoostingClassifier(n_estimators=200, random_state=0).fit(x, y)
print(json.dumps([time.perf_counter() - wall, time.process_time() - cpu]))
"""

ECHO = """
import socket
channel = socket.socket(fileno=3)
while True:
    data = channel.recv(4096)
    if not data: break
    channel.send(data)
"""


@dataclass(frozen=True)
class Claim:
    """A number that is held against a bound."""

    what: str
    measured: float
    most: float
    unit: str

    def as_json(self) -> dict[str, object]:
        """With whether it holds."""
        holds = self.measured <= self.most
        return {"claim": self.what, "measured": round(self.measured, 4), "at most": self.most, "holds": holds}

    def __str__(self) -> str:
        verdict = "holds" if self.measured <= self.most else "does NOT hold"
        return f"{self.what:<52}{self.measured:>9.3f}{self.unit}   (at most {self.most}{self.unit}: {verdict})"


def milliseconds(action: Callable[[], object]) -> float:
    """How long it took."""
    begun = time.perf_counter()
    action()
    return 1000 * (time.perf_counter() - begun)


def interleaved(sides: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each side, one after the other in each round; the first round warms up."""
    found: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(rounds + 1):
        for name, action in sides.items():
            took = milliseconds(action)
            if turn:
                found[name].append(took)
    return found


def starts(rounds: int) -> dict[str, Any]:
    """Medians of the three starts, and the medians of what each adds in its round."""
    settings = named("train", python=PythonEnv.own())
    python = str(settings.python.base_python)
    by_hand = [str(find_bubblewrap().path), "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev"]
    found = interleaved(
        {
            "bare": lambda: subprocess.run([python, *PASS], check=True),
            "bubblewrap by hand": lambda: subprocess.run([*by_hand, "--", python, *PASS], check=True),
            "jail": lambda: _ended(Jail(settings).run(Target(command=(python, *PASS))).ok),
        },
        rounds,
    )
    added = {name: [a - b for a, b in zip(found[name], found["bare"], strict=True)] for name in found}
    return {
        "median_ms": {name: round(statistics.median(values), 2) for name, values in found.items()},
        "fastest_ms": {name: round(min(values), 2) for name, values in found.items()},
        "added_ms": {name: round(statistics.median(values), 2) for name, values in added.items() if name != "bare"},
    }


def starts_of_a_user(rounds: int) -> dict[str, Any] | None:
    """The same by an ordinary user, where this process is root and a user could read what it needs; else None."""
    python = "/usr/bin/python3"
    sources = [
        Path(sys.modules["lockgate"].__file__ or "").parents[1],
        find_bubblewrap().tree,
        Path(__file__).parents[1],
    ]
    open_to_all = all(os.stat(folder).st_mode & 0o005 for path in sources for folder in (path, *path.parents))
    if os.geteuid() != 0 or not open_to_all or not os.path.exists(python):
        return None
    program = (
        f"import sys; sys.path[:0] = {[str(path) for path in sources]}\n"
        f"import json; from bench import jail; print(json.dumps(jail.starts({rounds})))"
    )
    run = subprocess.run(
        [python, "-c", program],
        env={"PATH": "/usr/bin"},
        cwd="/",
        user=USER,
        group=USER,
        extra_groups=(),
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode != 0:
        print(f"as a user: not measured: {run.stderr[-300:]}", file=sys.stderr)
        return None
    found: dict[str, Any] = json.loads(run.stdout)
    return found


def trainings(rounds: int) -> dict[str, Any]:
    """Ratios of the fit in a jail to the fit without one, wall and processor time."""
    one_thread = {"OMP_NUM_THREADS": "1"}
    plain = {"PATH": "/usr/bin:/bin", "PYTHONHASHSEED": "0", **one_thread}
    inside = named("train", python=PythonEnv.own(), environment=one_thread.items())
    ratios: dict[str, list[float]] = {"wall": [], "cpu": []}
    seconds: list[float] = []
    for turn in range(rounds + 1):
        bare = json.loads(
            subprocess.run([sys.executable, "-c", FIT], env=plain, capture_output=True, check=True).stdout
        )
        result = Jail(inside).run(Target(command=("/env/bin/python", "-c", FIT)))
        _ended(result.ok)
        jailed = json.loads(result.talk)
        if turn:
            seconds.append(bare[0])
            for at, name in enumerate(("wall", "cpu")):
                ratios[name].append(jailed[at] / bare[at])
    return {
        "bare_fit_s": round(statistics.median(seconds), 3),
        "ratio": {name: round(statistics.median(values), 4) for name, values in ratios.items()},
        "ratio_range": {name: [round(min(values), 3), round(max(values), 3)] for name, values in ratios.items()},
    }


def answers(trips: int = 3000) -> dict[str, Any]:
    """Microseconds of a round trip to a worker, jailed and bare, in alternating batches."""
    settings = named("worker", python=PythonEnv.own())
    python = str(settings.python.base_python)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    jail = Jail(settings).start(Target(command=(python, "-I", "-S", "-c", ECHO)), descriptors={3: theirs.fileno()})
    theirs.close()
    bare_ours, bare_theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    code = ECHO.replace("fileno=3", f"fileno={bare_theirs.fileno()}")
    with subprocess.Popen([python, "-I", "-S", "-c", code], pass_fds=[bare_theirs.fileno()]):
        bare_theirs.close()
        found: dict[str, list[float]] = {"bare": [], "jail": []}
        for batch in range(10):
            for name, channel in (("bare", bare_ours), ("jail", ours)):
                times = [1000 * milliseconds(lambda channel=channel: _trip(channel)) for _ in range(trips // 10)]  # type: ignore[misc]
                found[name] += times if batch else []
        bare_ours.close()
    ours.close()
    jail.kill()
    return {
        "median_us": {name: round(statistics.median(values), 1) for name, values in found.items()},
        "p99_us": {name: round(statistics.quantiles(values, n=100)[98], 1) for name, values in found.items()},
    }


def watching() -> float:
    """The share of a core that this process uses while a jail sleeps."""
    settings = named("train", python=PythonEnv.own())
    jail = Jail(settings).start(Target(command=("sleep", "60")), descriptors={})
    time.sleep(0.3)
    begun = time.process_time()
    time.sleep(SLEEPING)
    share = (time.process_time() - begun) / SLEEPING
    jail.kill()
    return share


def measure(rounds: int, fits: int) -> dict[str, Any]:
    """Everything, and the claims."""
    # An installed package has its bytecode; a checkout that never wrote any would be compiled at each start.
    compileall.compile_dir(Path(sys.modules["lockgate"].__file__ or "").parent / "sandbox" / "jail", quiet=2)
    who = "root" if os.geteuid() == 0 else "user"
    started = {who: starts(rounds)}
    if (user := starts_of_a_user(rounds)) is not None:
        started["user"] = user
    training, answer, share = trainings(fits), answers(), watching()
    claims = [
        Claim(f"start as {name}: added to bare Python", found["added_ms"]["jail"], MOST_ADDED, " ms")
        for name, found in started.items()
    ]
    claims += [
        Claim(f"training: {name} time of the fit, against bare", ratio, MOST_SLOWER, "")
        for name, ratio in training["ratio"].items()
    ]
    claims.append(Claim("watching a jail that sleeps: share of a core", share, MOST_WATCHING, ""))
    return {
        "benchmark": "jail",
        "rounds": rounds,
        "trainings": fits,
        "cores": len(os.sched_getaffinity(0)),
        "start": started,
        "training": training,
        "answer": answer,
        "watching": round(share, 5),
        "claims": [claim.as_json() for claim in claims],
        "lines": [str(claim) for claim in claims],
    }


def _trip(channel: socket.socket) -> None:
    channel.send(bytes(256))
    channel.recv(4096)


def _ended(well: bool, /) -> None:  # noqa: FBT001 - a result, not a switch
    if not well:
        sys.exit("a jail did not run")


def main() -> None:
    """Measure, print a table, and keep the numbers where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--trainings", type=int, default=7)
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lockgate-bench-") as scratch:
        os.environ["TMPDIR"] = scratch
        result = measure(arguments.rounds, arguments.trainings)
    for who, found in result["start"].items():
        each = "  ".join(f"{name} {value} ms" for name, value in found["median_ms"].items())
        print(f"start as {who}: {each}", file=sys.stderr)
    median = result["answer"]["median_us"]
    print(f"answer: {median['jail']} us in a jail, {median['bare']} us bare", file=sys.stderr)
    print("\n".join(result.pop("lines")), file=sys.stderr)
    text = json.dumps(result, indent=2)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
