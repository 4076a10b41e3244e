"""`lockgate run` with a warm environment, against a plain script that validates, converts and evaluates too.

    python -m bench.run_vs_plain [--rounds 5] [--json FILE]

Both do the flights example: 166,158 rows through the same Pydantic contract, the same `train.py`, the conversion to
ONNX compared with the fitted model on the held-out fifth. The two are interleaved, each in a fresh process; a first
round that warms caches and builds the training environment is thrown away. The claim that is steered by: a ratio of
1.5 at most.

Every stage is done anew (`run --fresh`); with `--edited`, what a person does all day: `train.py` is edited, and what it
does not change is not done again. The plain script does all of its work in both.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.beside import interleaved, tell
from bench.loop import EXAMPLE, LOCKGATE, ROOT, asked, flights, keep, once

CLAIM = 1.5


def measure(rounds: int, *, edited: bool) -> Any:
    """Time both in a project and with keys of their own that are removed afterwards."""
    with flights() as (project, environment), tempfile.TemporaryDirectory() as place:
        plain = [sys.executable, str(ROOT / "bench" / "plain.py"), str(EXAMPLE), f"{place}/plain"]
        if edited:
            once([*LOCKGATE, "run"], project, environment)

        def ours(turn: int) -> tuple[float, float]:
            if not edited:
                return once([*LOCKGATE, "run", "--fresh"], project, environment)
            with (project / "train.py").open("a", encoding="utf-8") as file:
                file.write(f"# edit {turn}\n")
            return once([*LOCKGATE, "run"], project, environment)

        return interleaved(
            "run_vs_plain_edited" if edited else "run_vs_plain",
            rounds,
            CLAIM,
            ours,
            lambda _: once(plain, Path(place), environment),
        )


def main() -> None:
    """Measure, print a table, and keep the numbers where asked."""
    arguments = asked(__doc__, 5, "--edited")
    result = measure(arguments.rounds, edited=arguments.edited)
    tell(result, "lockgate run")
    keep(result, arguments.json)


if __name__ == "__main__":
    main()
