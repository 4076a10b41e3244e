"""What the screen costs: CPU and memory over 300,000 flights, beside one training of the example's model.

    python -m bench.screen_cost [--rows 300000] [--rounds 3] [--rules RULE ...] [--json FILE]

Each side runs in a process of its own; a round runs each once, and the ratio is taken within a round. The screen's side
is what its jail runs: reading the accepted rows, all rules, writing the account. CPU is of the whole work, without the
imports of either side, which are told apart, and with one thread each: threads that wait in a loop are no work. The
largest resident memory is the process's, imports and all.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from bench.environments import BENCH
from lockgate.contract.spec import ACCEPTED, ROW, SOURCE, ContractField, FieldTable, Kind
from lockgate.validate.screen.spec import RULES

EXAMPLE = BENCH.parent / "examples" / "flights"
KINDS: dict[str, Kind] = {"scheduled": "timestamp", "carrier": "string", "origin": "string", "dest": "string"}
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}
CLAIM = 3.0
SEED = 8


def write(rows: int, folder: Path) -> None:
    """Accepted rows of a whole year, as `validate` leaves them: twelve sources."""
    months = sorted((EXAMPLE / "data").glob("flights-*.parquet"))
    frames = [
        pl.read_parquet(path).drop_nulls().with_row_index(ROW).with_columns(pl.lit(place, pl.Int32).alias(SOURCE))
        for place, path in enumerate(months)
    ]
    frame = pl.concat(frames).with_columns(pl.col(ROW).cast(pl.Int64))
    table: pa.Table = frame[:rows].to_arrow()
    texts = [field.with_type(pa.string()) if field.type == pa.large_string() else field for field in table.schema]
    pq.write_table(table.cast(pa.schema(texts)), folder / ACCEPTED)


def screened(folder: Path, rules: list[str]) -> Callable[[], Any]:
    """The work of the screen's jail."""
    from sklearn import ensemble, neighbors

    from lockgate.validate.jail.screen import look

    del ensemble, neighbors  # loaded here, as an import
    names = [name for name in pq.read_schema(folder / ACCEPTED).names if name not in (ROW, SOURCE)]
    fields = tuple(
        ContractField(name, "bool" if name == "late" else KINDS.get(name, "int"), label=name == "late")
        for name in names
    )
    task = {
        "table": FieldTable("Flight", fields).as_json(),
        "label": "late",
        "sensitive": [],
        "origin": "",
        "sources": [f"flights-2013-{month:02d}.parquet" for month in range(1, 13)],
        "rules": rules,
        "seed": SEED,
        "marks": [],
    }
    return lambda: look(task, folder, folder)


def trained(folder: Path) -> Callable[[], Any]:
    """One training of the example's model."""
    import pandas as pd

    named = importlib.util.spec_from_file_location("example_train", EXAMPLE / "train.py")
    if named is None or named.loader is None:
        raise SystemExit(f"{EXAMPLE}/train.py is not there")
    module = importlib.util.module_from_spec(named)
    named.loader.exec_module(module)
    data = pd.read_parquet(folder / ACCEPTED)
    return lambda: module.train(data, {"trees": 150, "learning_rate": 0.1})


def child(side: str, folder: Path, rules: list[str]) -> None:
    """Run one side in this process, and print what it cost."""
    work = trained(folder) if side == "train" else screened(folder, rules)
    before, began = time.process_time(), time.monotonic()
    work()
    cpu, wall = time.process_time() - before, time.monotonic() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"cpu_s": cpu, "wall_s": wall, "before_s": before, "peak_mib": peak}))


def run(side: str, folder: Path, rules: list[str]) -> dict[str, float]:
    """One side in a process of its own."""
    command = [sys.executable, "-m", "bench.screen_cost", "--child", side, "--folder", str(folder), "--rules", *rules]
    environment = {**os.environ, **ONE_THREAD}
    done = subprocess.run(command, cwd=BENCH.parent, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}\n{done.stderr}")
    cost: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(
        f"{side:<18}{cost['cpu_s']:>8.2f} CPU s{cost['wall_s']:>8.2f} s{cost['peak_mib']:>9.0f} MiB"
        f"   (imports and reading before: {cost['before_s']:.2f} CPU s)"
    )
    return cost


def main() -> None:
    """Measure, print, and say whether the claim holds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rules", nargs="+", default=list(RULES), choices=RULES)
    parser.add_argument("--each", action="store_true", help="each rule alone as well, once")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", choices=("train", "screen"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child, arguments.folder, arguments.rules)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(arguments.rows, folder)
        rounds = [
            (run("train", folder, list(RULES)), run("screen", folder, arguments.rules)) for _ in range(arguments.rounds)
        ]
        if arguments.each:
            for rule in arguments.rules:
                print(rule)
                run("screen", folder, [rule])
    ratio = statistics.median(screen["cpu_s"] / train["cpu_s"] for train, screen in rounds)
    peak = max(screen["peak_mib"] for _, screen in rounds)
    print(f"the screen costs {ratio:.2f} trainings (goal: at most {CLAIM:g}), and {peak:.0f} MiB at most")
    if arguments.json:
        found = {"rows": arguments.rows, "ratio": ratio, "peak_mib": peak, "rounds": rounds}
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
