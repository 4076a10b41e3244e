"""A difference that harms nobody, on many rows: whom it pages with a band of 0.05 sd and without one.

    python -m bench.drift_harmless [--streams 10] [--rows 10000000] [--seed 8] [--json FILE]
    python -m bench.drift_harmless --streams 1 --rows 200000     # does it run; not a result

A plan of 220,000 rows (200,000 counted, the most that are) of 5 numbers, and millions of rows of which each number is
moved by a part of a sd: 0.01, which nobody would call a change, and 0.05, the edge of what the band says is harmless.
Then ones that do harm, in one number alone, and how many rows the band costs. Windows of 10,000 rows; there of 1,000.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bench.drift_data import NONE, REPORTED, Change, Seed, World
from bench.drift_watch import Setting, Watch, exact
from lockgate.monitor.detector import TestSettings

BAND = 0.05
WORLD = World(features=5)
ALL = tuple(range(WORLD.features))


@dataclass(frozen=True)
class Moved:
    """By how much, and whether it does harm."""

    change: Change
    harmful: bool = False
    most_rows: int = 10**9
    window: int = 10_000


MOVES = {
    "nothing": Moved(NONE),
    "0.01 sd in all": Moved(Change(ALL, shift=0.01)),
    "0.02 sd in all": Moved(Change(ALL, shift=0.02)),
    "0.05 sd in all": Moved(Change(ALL, shift=0.05)),
    "0.15 sd in one": Moved(Change((0,), shift=0.15), harmful=True, most_rows=100_000, window=1000),
    "0.25 sd in one": Moved(Change((0,), shift=0.25), harmful=True, most_rows=100_000, window=1000),
}


def seen(moved: Moved, band: float, rows: int, seed: Seed) -> int | None:
    """Rows until an alarm, or None."""
    setting = Setting(reference=220_000, window=moved.window, test=TestSettings(band=band))
    watch, most = Watch(WORLD, setting, seed), min(rows, moved.most_rows)
    while watch.seen < most:
        if watch.look(moved.change):
            return watch.seen
    return None


def main() -> None:
    """Count, print; with --json, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=10)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=REPORTED)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    result: dict[str, Any] = {"benchmark": "drift_harmless", "rows": options.rows, "moves": []}
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for place, (name, moved) in enumerate(MOVES.items()):
            seeds = [(options.seed, 3, place, one) for one in range(options.streams)]
            for band in (0.0, BAND):
                rows = list(pool.map(partial(seen, moved, band, options.rows), seeds))
                known = [one for one in rows if one is not None]
                low, high = exact(len(known), len(rows))
                median = f", median {statistics.median(known):,.0f} rows" if known else ""
                print(
                    f"{name}, band {band:g}: {len(known)} of {len(rows)} alarm [{low:.1%}, {high:.1%}]{median}",
                    flush=True,
                )
                result["moves"].append({"moved": name, "band": band, "harmful": moved.harmful, "rows": rows})
    banded = [one for one in result["moves"] if one["band"]]
    result["claims"] = {
        "with the band nothing harmless alarms": all(
            set(one["rows"]) == {None} for one in banded if not one["harmful"]
        ),
        "with the band harm alarms": all(None not in one["rows"] for one in banded if one["harmful"]),
    }
    print(json.dumps(result["claims"]))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
