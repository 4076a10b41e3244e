"""What the benchmarks of the inner loop share: a new project of flights, one command timed, the result kept."""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "flights"
LOCKGATE = [sys.executable, "-m", "lockgate"]


def once(command: list[str], folder: Path, environment: Mapping[str, str]) -> tuple[float, float]:
    """Wall-clock and CPU seconds of one command. Stops with what it said when it fails."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@contextmanager
def flights() -> Iterator[tuple[Path, dict[str, str]]]:
    """The example as a new project, and an environment with keys of its own; both are removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="lockgate-bench-") as name:
        place = Path(name)
        project = place / "flights"
        shutil.copytree(EXAMPLE, project)
        homes = {"XDG_CONFIG_HOME": str(place / "config"), "XDG_STATE_HOME": str(place / "state")}
        cores = str(len(os.sched_getaffinity(0)))
        # The jail fixes the number of threads; without it OpenMP's spinning would decide a plain script's time.
        threads = {"OMP_NUM_THREADS": cores, "OMP_WAIT_POLICY": "PASSIVE"}
        environment = {**os.environ, **homes, **threads}
        once([*LOCKGATE, "init"], project, environment)
        yield project, environment


def asked(about: str | None, rounds: int, *switches: str) -> argparse.Namespace:
    """The command line of such a benchmark: `rounds`, `json`, and whether each of `switches` is given."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--json", type=Path, metavar="FILE")
    for switch in switches:
        parser.add_argument(switch, action="store_true")
    return parser.parse_args()


def keep(result: Mapping[str, Any], file: Path | None) -> None:
    """Print the numbers, and keep them where asked."""
    text = json.dumps(result, indent=2)
    print(text)
    if file:
        file.write_text(text + "\n", encoding="utf-8")
