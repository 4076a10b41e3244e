"""Making the locked environment from a warm wheel store, and verifying one, beside uv alone with its own warm cache.

    python bench/environment_warm.py [--rounds 5] [--json FILE]

The lock of the flights example. Lockgate makes an environment in a new project (links, then every file is read and
compared) and verifies a finished one. uv installs the same lock into an empty environment, with links from its cache
and without compiling (its fastest way), and with compiling, which is what Lockgate's environment has. Interleaved; a
first round that fills every cache is thrown away. The claim that is steered by: under two seconds for either.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uv

from lockgate.runtime import environment

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "examples" / "flights" / "requirements.lock"
CLAIM = 2.0


def timed(work: Callable[[], object]) -> float:
    """Wall-clock seconds of `work`."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def install(place: Path, cache: Path, *options: str) -> Callable[[], None]:
    """What installs the lock by uv into a new, empty environment."""
    shutil.rmtree(place, ignore_errors=True)
    tool = uv.find_uv_bin()
    subprocess.run([tool, "venv", "--quiet", "--python", sys.executable, str(place)], check=True)
    command = [tool, "pip", "install", "--quiet", "--python", str(place / "bin/python"), "--no-deps"]
    command += ["--require-hashes", "--only-binary", ":all:", "--cache-dir", str(cache), "-r", str(LOCK), *options]

    def run() -> None:
        subprocess.run(command, check=True, env={**os.environ, "UV_SYSTEM_CERTS": "1"})

    return run


def measure(rounds: int) -> dict[str, Any]:
    """Time all four, interleaved, with caches of their own that are removed afterwards."""
    lock = LOCK.read_bytes()
    times: dict[str, list[float]] = {"make": [], "verify": [], "uv": [], "uv_compiled": []}
    with tempfile.TemporaryDirectory(prefix="lockgate-bench-") as name:
        place = Path(name)
        os.environ["XDG_STATE_HOME"] = str(place / "state")
        environ = {**os.environ, "XDG_CACHE_HOME": str(place / "cache")}

        def build(home: Path) -> object:
            return environment.build(lock, home, say=lambda _: None, environ=environ)

        for turn in range(rounds + 1):
            home = place / f"project-{turn}" / ".lockgate"
            home.mkdir(parents=True)
            took = {
                "make": timed(lambda home=home: build(home)),  # type: ignore[misc]
                "verify": timed(lambda home=home: build(home)),  # type: ignore[misc]
                "uv": timed(install(place / "venv", place / "uv")),
                "uv_compiled": timed(install(place / "venv", place / "uv", "--compile-bytecode")),
            }
            shutil.rmtree(home.parent)
            if turn:
                for key, value in took.items():
                    times[key].append(value)
    medians = {key: round(statistics.median(values), 2) for key, values in times.items()}
    return {
        "benchmark": "environment_warm",
        "rounds": rounds,
        "cores": len(os.sched_getaffinity(0)),
        "seconds": {key: [round(value, 2) for value in values] for key, values in times.items()},
        "median": medians,
        "make_to_uv": round(medians["make"] / medians["uv"], 2),
        "make_to_uv_compiled": round(medians["make"] / medians["uv_compiled"], 2),
        "claim": CLAIM,
        "claim_holds": max(medians["make"], medians["verify"]) <= CLAIM,
    }


def main() -> None:
    """Print the result as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    result = json.dumps(measure(options.rounds), indent=2)
    print(result)
    if options.json:
        options.json.write_text(result + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
