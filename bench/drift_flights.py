"""The flights example: its later months against those that it was trained on, as they came. Reported as what it is.

    python -m bench.drift_flights [--json FILE]

Timetables have seasons, so the later months do differ, and an alarm is no false one. What is told is when it comes, and
which fields it names. Rows stand by departure, so neighbours are of one hour: they depend on each other, unless rows
are told apart by weekday and hour. With each month in no order only what is different about the month is left. Beside
it what should not alarm: half of the months before, by chance, against the other half, in no order; and as it was.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from bench.drift_data import REPORTED, Rows
from bench.drift_watch import Monitor, Setting
from bench.environments import BENCH
from lockgate.monitor.making import Wanted, make
from lockgate.monitor.plan import Plan

DATA = BENCH.parent / "examples" / "flights" / "data"
NUMBERS, TEXTS = ("month", "day", "weekday", "hour", "minute", "distance"), ("carrier", "origin", "dest")
CALENDAR = ("month", "day", "weekday")
"""Fields that a window of a day cannot share with a half-year."""
CLOCK = ("hour", "minute")
ANY_TIME = Wanted()
STRATA = Wanted(("weekday", "hour"), "scheduled")
WINDOW = 1000


def months(first: int, last: int) -> pl.DataFrame:
    """What was asked of the timetable, by time."""
    files = [DATA / f"flights-2013-{month:02d}.parquet" for month in range(first, last + 1)]
    return pl.concat([pl.read_parquet(one) for one in files]).sort("scheduled")


def columns(frame: pl.DataFrame, without: Sequence[str]) -> Rows:
    """As the monitor reads them."""
    at = frame["scheduled"].to_physical().to_numpy()
    numbers: Rows = {"scheduled": at} | {
        name: frame[name].cast(pl.Float64).to_numpy() for name in NUMBERS if name not in without
    }
    return numbers | {name: np.array(frame[name].to_list(), dtype=object) for name in TEXTS if name not in without}


def plan(frame: pl.DataFrame, without: Sequence[str], wanted: Wanted) -> Plan:
    """Of the months before."""
    kinds = {name: "int" for name in NUMBERS if name not in without} | dict.fromkeys(TEXTS, "string")
    return make(columns(frame, without), kinds, seed=REPORTED, wanted=wanted)


def replay(
    name: str, before: pl.DataFrame, after: pl.DataFrame, without: Sequence[str] = (), wanted: Wanted = ANY_TIME
) -> dict[str, Any]:
    """Window after window until an alarm, printed."""
    monitor = Monitor(plan(before, without, wanted), Setting(window=WINDOW), (REPORTED, 4))
    while monitor.seen + WINDOW <= len(after):
        if monitor.see(columns(after[monitor.seen : monitor.seen + WINDOW], without)):
            alarms = sorted(monitor.detector.alarms(), key=lambda one: -one.log_e)
            streams = {monitor.plan.streams[one.stream].name: round(one.log_e, 1) for one in alarms}
            until = max(after["scheduled"][: monitor.seen].to_list()).date().isoformat()
            about = f"alarm after {monitor.seen:,} of {len(after):,} rows ({until}), stride {monitor.stride}"
            print(f"{name}: {about}: {streams}", flush=True)
            return {"replay": name, "rows": monitor.seen, "until": until, "stride": monitor.stride, "log_e": streams}
    highest = max(one.log_e for one in monitor.detector.standings())
    about = f"no alarm in {monitor.seen:,} rows, stride {monitor.stride}, {monitor.dropped} windows not counted whole"
    print(f"{name}: {about} (log wealth {highest:.1f} of {monitor.detector.threshold:.1f})", flush=True)
    return {"replay": name, "rows": None, "stride": monitor.stride, "highest_log_e": round(highest, 2)}


def main() -> None:
    """Replay, print; with --json, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    before, after = months(1, 6), months(7, 12)
    random = np.random.default_rng(REPORTED)
    half = random.permutation(len(before))
    one, other = half[: len(half) // 2], half[len(half) // 2 :]
    mixed = pl.concat(months(month, month).sample(fraction=1, shuffle=True, seed=month) for month in range(7, 13))
    found = [
        replay("July to December against January to June", before, after),
        replay("the same without month, day, weekday", before, after, CALENDAR),
        replay("by weekday and hour, without these and minute", before, after, (*CALENDAR, *CLOCK), STRATA),
        replay("without month, day, weekday, each month in no order", before, mixed, CALENDAR),
        replay("half of January to June against the other, in no order", before[one], before[other]),
        replay("the same as it was, without month, day, weekday", before[one], before[np.sort(other)], CALENDAR),
        replay("and by weekday and hour", before[one], before[np.sort(other)], (*CALENDAR, *CLOCK), STRATA),
    ]
    if options.json:
        options.json.write_text(json.dumps({"benchmark": "drift_flights", "replays": found}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
