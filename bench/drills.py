"""How long `lockgate drill` takes with all attacks, and how long each of them: on the phishing project, two cores.

    python -m bench.drills [--cores 0,1] [--alone]

Founds a project in a temporary folder (init, run, deploy), then drills it by the command line, twin and all. `--alone`
also plays them one at a time, to show what two at a time bring. Nothing of the user's keys and pins is touched. Prints
one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "phishing"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--cores", default="0,1")
    parser.add_argument("--alone", action="store_true")
    given = parser.parse_args()
    cores = {int(one) for one in given.cores.split(",")}
    os.sched_setaffinity(0, cores)
    with tempfile.TemporaryDirectory(prefix="bench-drills-") as folder:
        place = Path(folder)
        root = place / "phishing"
        shutil.copytree(EXAMPLE, root, ignore=shutil.ignore_patterns(".lockgate", "__pycache__"))
        for words in (("init", "."), ("run",), ("deploy", "latest")):
            _lockgate(place, root, *words)
        found: dict[str, Any] = {"cores": sorted(cores), "load_before": round(os.getloadavg()[0], 2)}
        found["two_at_a_time"] = _drill(place, root)
        if given.alone:
            os.sched_setaffinity(0, {min(cores)})
            found["one_core"] = _drill(place, root)
        print(json.dumps(found, indent=2))


def _drill(place: Path, root: Path) -> dict[str, Any]:
    begun = time.monotonic()
    told = _lockgate(place, root, "drill", "--to-file", str(place / f"{begun}.dsse"), codes={0, 1})
    seconds = {one["id"]: one["seconds"] for one in told["drills"]}
    slowest = sorted(seconds.items(), key=lambda one: -one[1])[:10]
    return {
        "wall_s": round(time.monotonic() - begun, 1),
        "sum_s": round(sum(seconds.values()), 1),
        "counts": told["counts"],
        "not_stopped": [one["id"] for one in told["drills"] if one["stopped"] is False],
        "slowest_s": dict(slowest),
    }


def _lockgate(place: Path, root: Path, *words: str, codes: frozenset[int] | set[int] = frozenset({0})) -> Any:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("LOCKGATE")}
    environ |= {"XDG_CONFIG_HOME": str(place / "config"), "XDG_STATE_HOME": str(place / "state")}
    done = subprocess.run(
        [sys.executable, "-m", "lockgate", *words, "--json"], cwd=root, env=environ, capture_output=True, check=False
    )
    if done.returncode not in codes:
        raise SystemExit(done.stderr.decode(errors="replace"))
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
