"""How soon a change is seen, and what watching costs, beside four other tools on the same rows.

    python -m bench.drift [--seeds 20] [--rounds 3] [--only delays|peers] [--json FILE]
    python -m bench.drift --seeds 2 --rounds 1 --short     # does it run; not a measurement

Delays: 50,000 rows of reference and 100 windows of 1,000 rows without a change; then the change, in features that are
drawn anew for each seed. Counted are rows from there on until the first alarm at a lifetime's 1 %, band off, looked at
after each window; and until the notice, the test that begins anew (2,000 windows on average without a change). An alarm
before the change is counted as false, and its stream goes no further. Never is more than 60,000 rows.

Peers: each round has a reference, 100 quiet windows and 10 after a shift of 0.25 sd in 3 of 30 features, and each tool
sees them once, in an environment and a process of its own, with one thread. Evidently, which takes seconds for a
window, sees the last 20. CPU is of the windows alone, the same for all: imports and what is made once of the reference
are not in it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.drift_data import FEET_IN_METRES, REPORTED, Change, Maker, Seed, World, some, table
from bench.drift_peers.measure import WINDOW
from bench.drift_watch import Setting, Watch
from bench.environments import BENCH, interpreter

QUIET, CHANGED, MOST_AFTER = 100, 10, 60_000
REFERENCE = 50_000
OURS = "lockgate"
PEERS = {
    OURS: ("", "lockgate_urn", 0),
    "evidently": ("evidently", "evidently_report", QUIET - CHANGED),
    "alibi-detect": ("alibi_detect", "alibi_ks", 0),
    "frouros": ("frouros", "frouros_ks", 0),
    "river": ("river", "river_adwin", 0),
}
MOST_MILLISECONDS, TIMES_LESS = 5.0, {"evidently": 50.0, "alibi-detect": 15.0}


@dataclass(frozen=True)
class Before:
    """What is watched before anything changes."""

    world: World = field(default_factory=World)
    setting: Setting = field(default_factory=Setting)


@dataclass(frozen=True)
class Drift:
    """A change in so many features, and the rows within which it is to be seen (median; None: nothing was claimed)."""

    change: Change
    count: int = 3
    bound: int | None = None


SHIFTS = {0.25: 1_000, 0.15: 1_000, 0.10: 2_500, 0.05: 15_000}
_PLAIN, _GROUPS = Before(), Before(World(groups=2))
_REMEMBERED = Before(World(memory=0.5))
DRIFTS: Mapping[str, tuple[Before, Mapping[str, Drift]]] = {
    "30 numbers": (
        _PLAIN,
        {
            **{f"shift {by:.2f} sd beneath": Drift(Change(shift=by), bound=rows) for by, rows in SHIFTS.items()},
            **{f"shift {by:.2f} own sd": Drift(Change(shift=by, own=True), bound=rows) for by, rows in SHIFTS.items()},
            "variance x 1.3": Drift(Change(variance=1.3)),
            "correlation 0.2 to 0.6": Drift(Change(correlation=0.6)),
            "feet told in metres, one feature": Drift(Change(unit=FEET_IN_METRES), count=1),
        },
    ),
    "and 2 categories": (
        _GROUPS,
        {
            "5 % move to another category": Drift(Change(mix=0.05), count=0),
            "1 % in a category never seen": Drift(Change(unseen=0.01), count=0),
        },
    ),
    "30 numbers, AR(0.5), thinned": (
        _REMEMBERED,
        {"shift 0.25 sd beneath, AR(0.5)": Drift(Change(shift=0.25), bound=6_000)},
    ),
}


def delays(named: str, quiet: int, seed: Seed) -> dict[str, tuple[int | None, int | None]] | None:
    """Rows until each change of one group alarms, and until it is noticed, in one stream; None: it alarmed before."""
    before, drifts = DRIFTS[named]
    watch = Watch(before.world, before.setting, seed)
    if any(watch.look() for _ in range(quiet)):
        return None
    changes = {name: replace(one.change, features=some(before.world, seed, one.count)) for name, one in drifts.items()}
    return {name: watch.copy().until(MOST_AFTER, change) for name, change in changes.items()}


def all_delays(seeds: int, seed: int, quiet: int) -> list[dict[str, Any]]:
    """Of all changes, printed."""
    found = []
    print(f"{'rows until the alarm':<36}{'median':>8}{'worst':>8}{'never':>7}{'bound':>8}  notice: median, worst")
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for place, (named, (_, drifts)) in enumerate(DRIFTS.items()):
            wanted = [(seed, 1, place, one) for one in range(seeds)]
            lives = list(pool.map(partial(delays, named, quiet), wanted))
            good = [one for one in lives if one is not None]
            for name, drift in drifts.items():
                false = len(lives) - len(good)
                found.append(_delay(name, drift.bound, [life[name] for life in good], false))
    return found


def _delay(name: str, bound: int | None, rows: list[tuple[int | None, int | None]], false: int) -> dict[str, Any]:
    never = MOST_AFTER + 1
    alarms, notices = (sorted(one[kind] or never for one in rows) for kind in (0, 1))
    told: dict[str, float] = {
        "median": statistics.median(alarms),
        "worst": alarms[-1],
        "never": alarms.count(never),
        "notice_median": statistics.median(notices),
        "notice_worst": notices[-1],
    }
    early = f"  {false} alarmed before" if false else ""
    print(
        f"{name:<36}{told['median']:>8.0f}{told['worst']:>8}{told['never']:>7}{bound or '-':>8}"
        f"  {told['notice_median']:.0f}, {told['notice_worst']}{early}",
        flush=True,
    )
    return {"change": name, "bound": bound, "streams": len(rows), "false": false, **told, "rows": alarms}


def side(name: str, reference: Path, stream: Path) -> dict[str, Any]:
    """One tool over one stream; stops with what it said when it fails."""
    environment, program, first = PEERS[name]
    python = interpreter(environment) if environment else Path(sys.executable)
    variables = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "DO_NOT_TRACK": "1"}
    command = [str(python), "-m", f"bench.drift_peers.{program}", str(reference), str(stream), str(first)]
    done = subprocess.run(command, cwd=BENCH.parent, env=variables, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(f"  {name:<14}{said['cpu_ms']:>10.1f} ms", file=sys.stderr)
    return {**said, "quiet": QUIET - first}


def rounds_of(count: int, seed: int) -> dict[str, list[dict[str, Any]]]:
    """Each tool once a round."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in PEERS}
    world = World()
    with tempfile.TemporaryDirectory() as folder:
        reference, stream = Path(folder, "reference.npy"), Path(folder, "stream.npy")
        for turn in range(count):
            maker = Maker(world, (seed, 2, turn))
            np.save(reference, table(world, maker.rows(REFERENCE)))
            change = Change(some(world, (seed, 2, turn)), shift=0.25)
            parts = [maker.rows(QUIET * WINDOW), maker.rows(CHANGED * WINDOW, change)]
            np.save(stream, np.concatenate([table(world, one) for one in parts]))
            for name in PEERS:
                found[name].append(side(name, reference, stream))
    return found


def peers(rounds: int, seed: int) -> list[dict[str, Any]]:
    """What each tool cost, and by each of its rules how often it alarmed without a change and how soon after it."""
    runs = rounds_of(rounds, seed)
    found = []
    print(f"\n{'CPU ms for 1,000 rows of 30 features':<60}{'alarms in quiet windows':>26}  rows after the shift")
    for name, results in runs.items():
        ratios = [one["cpu_ms"] / ours["cpu_ms"] for one, ours in zip(results, runs[OURS], strict=True)]
        cost, ratio = statistics.median(one["cpu_ms"] for one in results), statistics.median(ratios)
        for rule in results[0]["alarms"]:
            marked = [one["alarms"][rule] for one in results]
            false, quiet = sum(one < QUIET for each in marked for one in each), sum(one["quiet"] for one in results)
            streams = sum(any(one < QUIET for one in each) for each in marked)
            after = [min((one + 1 - QUIET for one in each if one >= QUIET), default=None) for each in marked]
            rows = [None if one is None else one * WINDOW for one in after]
            about = f"{false:>4} of {quiet} ({streams} streams)  {rows}"
            print(f"{name + ': ' + rule:<56}{cost:>9.1f} {ratio:>7.1f}x  {about}")
            told = {"quiet_windows": quiet, "false": false, "streams_with_false": streams, "delays": rows}
            costs = {"cpu_ms": cost, "cpu_ms_rounds": [one["cpu_ms"] for one in results], "ratio": round(ratio, 2)}
            found.append({"peer": name, "rule": rule, **told, **costs})
    return found


def claims(found: Mapping[str, Any]) -> dict[str, bool]:
    """What is claimed, and whether it holds in this run."""
    told = {
        f"{one['change']} within {one['bound']:,} rows": one["median"] <= one["bound"]
        for one in found.get("delays", ())
        if one["bound"] is not None
    }
    for one in found.get("peers", ()):
        if one["peer"] == OURS:
            told[f"at most {MOST_MILLISECONDS:g} ms for 1,000 rows"] = one["cpu_ms"] <= MOST_MILLISECONDS
            told["no alarm in a quiet window"] = one["false"] == 0
        elif one["peer"] in TIMES_LESS:
            least = TIMES_LESS[one["peer"]]
            told[f"{least:g} times less than {one['peer']}"] = one["ratio"] >= least
    return told


def main() -> None:
    """Measure, print, say which claims hold; with --json, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=REPORTED)
    parser.add_argument("--only", choices=("delays", "peers"))
    parser.add_argument("--short", action="store_true", help="a tenth of the quiet windows before a change")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    result: dict[str, Any] = {"benchmark": "drift", "seed": options.seed}
    if options.only != "peers":
        result["delays"] = all_delays(options.seeds, options.seed, QUIET // 10 if options.short else QUIET)
    if options.only != "delays":
        result["peers"] = peers(options.rounds, options.seed)
    result["claims"] = claims(result)
    for words, holds in result["claims"].items():
        print(f"{'holds' if holds else 'NOT':<6}{words}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
