"""The scan of model files: all hostile ones refused, no benign one, and what it costs for a small file.

    python -m bench.scan_corpus [--rounds 3] [--json FILE]

One run of the real command over each corpus, as often as there are rounds, and the least CPU of them: its own, and its
jails'. A small file is one of at most 64 KiB. By family: what the parsers take in this process, without a jail.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.benign import corpus as benign_corpus
from tests.support.hostile import corpus as hostile_corpus
from tests.support.looking import Looked, look

SMALL = 65_536
CLAIM_MS = 10.0


def cpu_of_children() -> float:
    """Seconds of processor that processes started by this one have taken, their children's included."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def scanned(folder: Path) -> tuple[Mapping[str, Any], float]:
    """The report of one run, and its CPU seconds."""
    before = cpu_of_children()
    done = subprocess.run(
        [sys.executable, "-m", "lockgate", "scan", folder, "--json"],
        capture_output=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=False,
    )
    return json.loads(done.stdout), cpu_of_children() - before


def least(folder: Path, rounds: int) -> tuple[Mapping[str, Any], float]:
    """The last report, and the least CPU of all rounds."""
    runs = [scanned(folder) for _ in range(rounds)]
    return runs[-1][0], min(seconds for _, seconds in runs)


def by_family() -> Mapping[str, list[Looked]]:
    """What each file of both corpora takes in this process."""
    found: dict[str, list[Looked]] = defaultdict(list)
    for one in hostile_corpus.hostile():
        found[one.family].append(look(one.name, one.data, one.beside))
    for good in benign_corpus.benign():
        found[f"benign: {good.family}"].append(look(good.name, good.data, good.beside))
    return found


def _only_small(folder: Path) -> int:
    """Remove what is not small; how many files are left."""
    for path in folder.rglob("*"):
        if path.is_file() and path.stat().st_size > SMALL:
            path.unlink()
    return sum(path.is_file() for path in folder.rglob("*"))


def measure(rounds: int) -> dict[str, Any]:
    """All figures."""
    with tempfile.TemporaryDirectory() as name:
        bad, good, small = Path(name, "bad"), Path(name, "good"), Path(name, "small")
        placed = {f"{bad}/{path}" for path in hostile_corpus.write(bad)}
        kept = len(benign_corpus.write(good))
        hostile_corpus.write(small)
        files = _only_small(small)
        report, _ = scanned(bad)
        passed = [one["path"] for one in report["files"] if one["path"] in placed and one["verdict"] == "ok"]
        benign_report, benign_seconds = least(good, rounds)
        _, small_seconds = least(small, rounds)
    return {
        "hostile": len(placed),
        "passed": passed,
        "benign": kept,
        "refused_benign": [one["path"] for one in benign_report["files"] if one["verdict"] != "ok"],
        "ms_a_small_file": round(1000 * small_seconds / files, 2),
        "ms_a_benign_file": round(1000 * benign_seconds / len(benign_report["files"]), 2),
        "families": {
            family: {
                "files": len(looked),
                "refused": sum(bool(one.finding) for one in looked),
                "mean_ms": round(1000 * statistics.mean(one.seconds for one in looked), 2),
                "most_ms": round(1000 * max(one.seconds for one in looked), 1),
            }
            for family, looked in by_family().items()
        },
    }


def line(figures: Mapping[str, Any]) -> str:
    """The line of bench/README.md."""
    refused, wrong = figures["hostile"] - len(figures["passed"]), len(figures["refused_benign"])
    claim = "all of at least 500 hostile model files are refused, none of at least 100 that real libraries wrote; "
    claim += f"at most {CLAIM_MS:.0f} ms of CPU for a small file within one run"
    counts = f"**{refused:,} of {figures['hostile']:,}** refused, **{wrong} of {figures['benign']}** benign"
    costs = (
        f"**{figures['ms_a_small_file']} ms** for a small hostile file, {figures['ms_a_benign_file']} ms for a benign"
    )
    return f"| `scan_corpus.py` | {claim} | {counts}; {costs} one, start and jail included |"


def main() -> int:
    """Measure and print; 1 when a claim does not hold."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    figures = measure(given.rounds)
    print(f"{'family':40} {'files':>6} {'refused':>8} {'mean ms':>8} {'most ms':>8}")
    for family, one in figures["families"].items():
        print(f"{family:40} {one['files']:>6} {one['refused']:>8} {one['mean_ms']:>8} {one['most_ms']:>8}")
    for path in (*figures["passed"], *figures["refused_benign"]):
        print("WRONG", path)
    print(line(figures))
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2))
    wrong = figures["passed"] or figures["refused_benign"] or figures["ms_a_small_file"] > CLAIM_MS
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
