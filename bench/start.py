"""How long the command line takes to start: `--help`, and `status` in a project with some twenty statements.

    python -m bench.start [--rounds 15] [--json FILE]

Each in a fresh process, after one that fills caches, interleaved with `python -c pass`. Told are the wall-clock time
and the CPU time (user and system), of which the latter says more on a busy machine. The claim: 150 ms at most for each.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from typing import Any

from bench.loop import LOCKGATE, asked, flights, keep, once

COMMANDS = {
    "python": [sys.executable, "-c", "pass"],
    "help": [*LOCKGATE, "--help"],
    "status": [*LOCKGATE, "status"],
}
RUNS = 3
"""With `init` they leave some twenty statements."""
CLAIM = 150.0


def measure(rounds: int) -> dict[str, Any]:
    """Time all, interleaved, in a project and with keys of their own that are removed afterwards."""
    with flights() as (project, environment):
        for _ in range(RUNS):
            once([*LOCKGATE, "run", "--fresh"], project, environment)
        said = subprocess.run(
            [*LOCKGATE, "log", "show"], cwd=project, env=environment, capture_output=True, text=True, check=True
        )
        taken: dict[str, list[tuple[float, float]]] = {key: [] for key in COMMANDS}
        for turn in range(rounds + 1):
            for key, command in COMMANDS.items():
                wall, cpu = once(command, project, environment)
                if turn:
                    taken[key].append((1000 * wall, 1000 * cpu))
    median = {
        kind: {key: round(statistics.median(one[at] for one in each), 1) for key, each in taken.items()}
        for at, kind in enumerate(("wall_ms", "cpu_ms"))
    }
    return {
        "benchmark": "start",
        "rounds": rounds,
        "statements": sum(line[:1].isdigit() for line in said.stdout.splitlines()),
        **median,
        "least_wall_ms": {key: round(min(one[0] for one in each), 1) for key, each in taken.items()},
        "claim_ms": CLAIM,
    }


def main() -> None:
    """Measure, print a table, and keep the numbers where asked."""
    arguments = asked(__doc__, 15)
    result = measure(arguments.rounds)
    print(f"{'':<22}{'wall':>9}{'CPU':>9}{'least wall':>12}   ms, median of {arguments.rounds}", file=sys.stderr)
    for key in COMMANDS:
        told = (result["wall_ms"][key], result["cpu_ms"][key], result["least_wall_ms"][key])
        name = "python -c pass" if key == "python" else f"lockgate {'--' * (key == 'help')}{key}"
        print(f"{name:<22}{told[0]:>9.1f}{told[1]:>9.1f}{told[2]:>12.1f}", file=sys.stderr)
    print(f"claim: {CLAIM:.0f} ms at most; {result['statements']} statements", file=sys.stderr)
    keep(result, arguments.json)


if __name__ == "__main__":
    main()
