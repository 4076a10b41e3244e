"""`lockgate run` with a warm environment, against a plain script that validates, converts and evaluates too.

    python bench/run_vs_plain.py [--rounds 5] [--json FILE]

Both do the flights example: 166,158 rows through the same Pydantic contract, the same `train.py`, the conversion to
ONNX compared with the fitted model on the held-out fifth. The two are interleaved, each in a fresh process; a first
round that warms caches and builds the training environment is thrown away. The claim that is steered by: a ratio of
1.5 at most.
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
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "flights"
LOCKGATE = [sys.executable, "-m", "lockgate"]
CLAIM = 1.5


def seconds(command: list[str], folder: Path, environment: dict[str, str]) -> float:
    """Run a command; return its wall-clock time. Stops with what it said when it fails."""
    begun = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    took = time.perf_counter() - begun
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return took


def measure(rounds: int) -> dict[str, Any]:
    """Time both, interleaved, in a project and with keys of their own that are removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="lockgate-bench-") as name:
        place = Path(name)
        project = place / "flights"
        shutil.copytree(EXAMPLE, project)
        homes = {"XDG_CONFIG_HOME": str(place / "config"), "XDG_STATE_HOME": str(place / "state")}
        cores = str(len(os.sched_getaffinity(0)))
        # The jail fixes the number of threads; without it OpenMP's spinning would decide the plain script's time.
        threads = {"OMP_NUM_THREADS": cores, "OMP_WAIT_POLICY": "PASSIVE"}
        environment = {**os.environ, **homes, **threads}
        seconds([*LOCKGATE, "init"], project, environment)
        run = [*LOCKGATE, "run", "--fresh"]
        plain = [sys.executable, str(ROOT / "bench" / "plain.py"), str(EXAMPLE), str(place / "plain")]
        times: dict[str, list[float]] = {"lockgate": [], "plain": []}
        for turn in range(rounds + 1):
            pair = {"lockgate": seconds(run, project, environment), "plain": seconds(plain, place, environment)}
            if turn:
                for key, value in pair.items():
                    times[key].append(value)
    medians = {key: round(statistics.median(values), 2) for key, values in times.items()}
    ratios = [a / b for a, b in zip(times["lockgate"], times["plain"], strict=True)]
    return {
        "benchmark": "run_vs_plain",
        "rounds": rounds,
        "cores": len(os.sched_getaffinity(0)),
        "seconds": {key: [round(value, 2) for value in values] for key, values in times.items()},
        "median": medians,
        "ratio": round(statistics.median(ratios), 2),
        "ratio_range": [round(min(ratios), 2), round(max(ratios), 2)],
        "claim": CLAIM,
    }


def main() -> None:
    """Measure, print a table, and keep the numbers where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    result = measure(arguments.rounds)
    print(f"{'':<14}{'median':>9}   each round, seconds", file=sys.stderr)
    for key, label in (("lockgate", "lockgate run"), ("plain", "plain script")):
        every = "  ".join(f"{value:.2f}" for value in result["seconds"][key])
        print(f"{label:<14}{result['median'][key]:>7.2f} s   {every}", file=sys.stderr)
    low, high = result["ratio_range"]
    print(f"ratio         {result['ratio']:>7}     {low} to {high}   (claim: {CLAIM} at most)", file=sys.stderr)
    text = json.dumps(result, indent=2)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
