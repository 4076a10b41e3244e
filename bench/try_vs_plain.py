"""`lockgate try` in a project that was run before, against a plain script that fits and scores.

    python -m bench.try_vs_plain [--rounds 5] [--json FILE]

The inner loop: one parameter is changed, and both train anew on the same 103,000 flights and judge on the next 26,000.
Ingest, validate and the environment are as `lockgate run` left them, so that `try` says that they are unchanged. The
two are interleaved, each in a fresh process; a first round that warms caches is thrown away. The claim that is steered
by: a ratio of 1.2 at most. Told as well is the CPU time of both, which a busy machine changes less.
"""

from __future__ import annotations

import sys
from typing import Any

from bench.beside import interleaved, tell
from bench.loop import EXAMPLE, LOCKGATE, ROOT, asked, flights, keep, once

CLAIM = 1.2


def measure(rounds: int) -> Any:
    """Time both in a project and with keys of their own that are removed afterwards."""
    with flights() as (project, environment):
        once([*LOCKGATE, "run"], project, environment)
        plain = [sys.executable, str(ROOT / "bench" / "plain_try.py"), str(EXAMPLE)]
        return interleaved(
            "try_vs_plain",
            rounds,
            CLAIM,
            lambda turn: once([*LOCKGATE, "try", "--set", f"learning_rate={_rate(turn)}"], project, environment),
            lambda turn: once([*plain, _rate(turn)], project, environment),
        )


def _rate(turn: int) -> str:
    return str(round(0.1 + 0.001 * turn, 3))


def main() -> None:
    """Measure, print a table, and keep the numbers where asked."""
    arguments = asked(__doc__, 5)
    result = measure(arguments.rounds)
    tell(result, "lockgate try")
    keep(result, arguments.json)


if __name__ == "__main__":
    main()
