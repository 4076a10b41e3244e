"""Row validation: Lockgate's engine against what people use or would write by hand, on the same rows.

    python -m bench.validate_rows [--quick] [--rounds 3] [--json FILE]

Typed rows from Parquet (5 million by 12 columns, one in a thousand bad) and a CSV file of texts with messy cells. Each
side runs in an environment and a process of its own; a round runs each side once. Ratios are taken within a round, and
their median is held against the claim. Great Expectations and the tenfold file run once.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench import rows, rows_messy
from bench.environments import BENCH, interpreter
from bench.rows_claims import Claim, Measured, Results, claims, missed_and_false

DATA = BENCH / ".data"
OURS = Path(sys.executable)
PEERS = {
    "floor": ("polars", "floor"),
    "pandera": ("pandera", "pandera_polars"),
    "pydantic": ("pydantic", "pydantic_loop"),
}
ONE_THREAD = {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1"}

Runs = dict[str, list[dict[str, Any]]]


def side(python: Path, program: str, *arguments: str, **variables: str) -> dict[str, Any]:
    """Run one program of `rows_peers` once; what it printed. Stops with what it said when it fails."""
    command = [str(python), "-m", f"bench.rows_peers.{program}", *arguments]
    environment = {**os.environ, **variables}
    done = subprocess.run(command, cwd=BENCH.parent, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(f"  {said['peer']:<20}{said['cpu_s']:>9.2f} CPU s {said['wall_s']:>9.2f} s", file=sys.stderr)
    return said


def made(name: str, write: Callable[[Path], None]) -> Path:
    """A file of generated data; written unless it is there. Its name says how it was made."""
    path = DATA / name
    if not path.exists():
        DATA.mkdir(exist_ok=True)
        (DATA / ".gitignore").write_text("*\n", encoding="ascii")
        print(f"making bench/.data/{name}", file=sys.stderr)
        write(path)
    return path


def parquet(count: int) -> Path:
    """Typed rows."""
    return made(f"rows-{rows.SEED}-{count}.parquet", lambda path: rows.write(path, count))


def csv(count: int, share: float) -> Path:
    """Texts."""
    return made(f"rows-{rows.SEED}-{count}-{share:g}.csv", lambda path: rows_messy.write(path, count, share))


def snapshot(source: Path) -> tuple[Path, dict[str, Any]]:
    """What `ingest` makes of a source, and what it cost; made anew each time, as its code may have changed."""
    path = source.with_suffix(".snapshot")
    return path, side(OURS, "lockgate_engine", str(source), "--ingest", str(path))


def measure(arguments: argparse.Namespace) -> Measured:
    """Run everything, interleaved."""
    typed, texts = parquet(arguments.rows), csv(arguments.csv_rows, arguments.messy)
    taken, ingested = snapshot(typed)
    pythons = {name: interpreter(environment) for name, (environment, _) in PEERS.items()}
    by_rows: Runs = {name: [] for name in (*PEERS, "lockgate")}
    by_csv: Runs = {"csv_loop": [], "lockgate": []}
    workers: Runs = {"one": [], "two": []}
    for turn in range(arguments.rounds):
        print(f"round {turn + 1} of {arguments.rounds}", file=sys.stderr)
        by_rows["lockgate"].append(side(OURS, "lockgate_engine", str(taken)))
        for name, (_, program) in PEERS.items():
            by_rows[name].append(side(pythons[name], program, str(typed)))
        by_csv["lockgate"].append(side(OURS, "lockgate_engine", str(texts)))
        by_csv["csv_loop"].append(side(pythons["pydantic"], "csv_loop", str(texts)))
        for name, count in (("one", "1"), ("two", "2")):
            workers[name].append(side(OURS, "lockgate_engine", str(taken), "--workers", count, **ONE_THREAD))
    gx = interpreter("great_expectations")
    once = {"great_expectations": [side(gx, "great_expectations_pandas", str(typed))]}
    taken.unlink()
    return Measured({**by_rows, **once}, by_csv, workers, tenfold(arguments), ingested)


def tenfold(arguments: argparse.Namespace) -> dict[str, Any] | None:
    """Lockgate on ten times the rows, to see that memory does not grow; the files are removed again."""
    if arguments.no_tenfold:
        return None
    source = parquet(arguments.rows * 10)
    taken, _ = snapshot(source)
    try:
        return side(OURS, "lockgate_engine", str(taken))
    finally:
        taken.unlink()
        if not arguments.keep:
            source.unlink()


def summary(sides: Mapping[str, Results], judge: str) -> list[dict[str, object]]:
    """Per side the medians, and how its rows differ from Pydantic's."""
    table: list[dict[str, object]] = []
    for name, results in sides.items():
        medians = {
            key: round(statistics.median(r[key] for r in results), 3) for key in ("cpu_s", "wall_s", "peak_rss_mb")
        }
        missed, false = missed_and_false(sides[judge][0], results[0])
        counts = {
            "bad_rows": results[0]["bad_rows"],
            "reasons": results[0]["reasons"],
            "missed": missed,
            "false": false,
        }
        rounds = {"cpu_s_rounds": [r["cpu_s"] for r in results]}
        table.append({"side": name, **medians, **counts, **rounds})
    return table


def show(title: str, table: list[dict[str, object]]) -> None:
    """A table for a person."""
    print(f"\n{title}", file=sys.stderr)
    print(
        f"{'':<20}{'CPU s':>9}{'time s':>9}{'peak MB':>9}{'bad rows':>10}{'reasons':>9}  missed / false",
        file=sys.stderr,
    )
    for line in table:
        numbers = (
            f"{line['cpu_s']:>9}{line['wall_s']:>9}{line['peak_rss_mb']:>9}{line['bad_rows']:>10}{line['reasons']:>9}"
        )
        print(f"{line['side']:<20}{numbers}  {line['missed']} / {line['false']}", file=sys.stderr)


def show_claims(found: list[Claim]) -> None:
    """Each claim with what was measured."""
    print(file=sys.stderr)
    for claim in found:
        verdict = "holds" if claim.holds else "DOES NOT HOLD"
        print(
            f"{claim.what:<52}{claim.value:>9.2f}  ({claim.low:.2f} to {claim.high:.2f};"
            f" claim: {claim.side} {claim.bound:g})  {verdict}",
            file=sys.stderr,
        )


def options() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="500,000 rows, one round: does it run, not a measurement")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--csv-rows", type=int, default=200_000)
    parser.add_argument("--messy", type=float, default=rows_messy.SHARE, help="share of messy cells in each column")
    parser.add_argument("--no-tenfold", action="store_true", help="leave out the file of ten times the rows")
    parser.add_argument("--keep", action="store_true", help="keep that file for the next run")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    arguments.rounds = arguments.rounds or (1 if arguments.quick else 3)
    arguments.rows = arguments.rows or (500_000 if arguments.quick else 5_000_000)
    return arguments


def main() -> None:
    """Measure, print tables and claims, and keep the numbers where asked."""
    arguments = options()
    measured = measure(arguments)
    by_rows, by_csv = summary(measured.rows, "pydantic"), summary(measured.csv, "csv_loop")
    show(f"{arguments.rows:,} rows by {len(rows.COLUMNS)} columns, Parquet", by_rows)
    show(f"{arguments.csv_rows:,} rows of texts, CSV, {arguments.messy:.0%} of the cells messy", by_csv)
    found = claims(measured)
    show_claims(found)
    text = json.dumps(
        {
            "benchmark": "validate_rows",
            "rounds": arguments.rounds,
            "cores": len(os.sched_getaffinity(0)),
            "rows": by_rows,
            "csv": by_csv,
            "workers": {name: [r["wall_s"] for r in results] for name, results in measured.workers.items()},
            "paths": {"rows": measured.rows["lockgate"][0]["paths"], "csv": measured.csv["lockgate"][0]["paths"]},
            "ingest": {key: measured.ingested[key] for key in ("cpu_s", "wall_s", "peak_rss_mb")},
            "tenfold": measured.large and {key: measured.large[key] for key in ("cpu_s", "wall_s", "peak_rss_mb")},
            "claims": [claim.as_json() for claim in found],
        },
        indent=2,
    )
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
