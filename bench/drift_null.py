"""Alarms where nothing has changed, by simulation: how many of many streams, at the stated 1 % of a lifetime.

    python -m bench.drift_null [--small 2000] [--large 200] [--only NAME] [--seed 8] [--json FILE]
    python -m bench.drift_null --small 20 --large 2     # does it run; not a result

Each stream has a reference of its own, a plan made of it and 200 windows, looked at after each. `small`: 5 numbers and
a category, 2,000 rows of reference, windows of 100 rows, and a start of the test with each; smaller than what is in
use, so that thousands can be afforded, and no easier: the reference is only a tenth of what is compared with it.
`large`: 30 numbers, 50,000 rows, windows of 1,000.

Numbers are correlated and have ties and heavy tails (`drift_data`). *Broken* worlds break what is promised, to see
that the count would notice: a monitor that looked away there would be no monitor.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from bench.drift_data import REPORTED, World
from bench.drift_watch import Setting, Watch, exact
from lockgate.monitor.detector import TestSettings

ALPHA = 0.01
WINDOWS = 200
FEW = 20
"""Streams of a broken world."""


@dataclass(frozen=True)
class Case:
    """A world without a change, and how it is watched. `broken`: what is promised does not hold there."""

    world: World
    setting: Setting
    broken: bool = False

    @property
    def large(self) -> bool:
        """Whether it costs so much that there are fewer streams."""
        return self.setting.window >= 1000


def _small(**more: Any) -> Setting:
    test = TestSettings(false_alarms=ALPHA, start_rows=100)
    return replace(Setting(reference=2000, window=100, test=test), **more)


_SMALL = World(features=5, groups=1, day=2400)
_SEASON = replace(_SMALL, season=0.5)
_REMEMBERED = replace(_SMALL, memory=0.5)
_THINNED = _small(reference=16_000)
"""A row in eight is left of them."""

CASES: Mapping[str, Case] = {
    "independent rows": Case(_SMALL, _small()),
    "AR(0.5), thinned": Case(_REMEMBERED, _THINNED),
    "a season of half a sd, by the hour": Case(_SEASON, _small(reference=12_000, hours=True)),
    "30 features": Case(World(), Setting()),
    "30 features, AR(0.5), thinned": Case(World(memory=0.5), Setting()),
    "the reference taken for the truth": Case(_SMALL, _small(truth=True), broken=True),
    "AR(0.5), not thinned": Case(_REMEMBERED, _small(thin=False), broken=True),
    "the season, all hours together": Case(_SEASON, _small(reference=12_000, thin=False), broken=True),
}


def life(case: Case, seed: tuple[int, ...]) -> dict[str, Any]:
    """One stream: the windows until an alarm, and until a notice (None: none); what the best stream had at most."""
    watch = Watch(case.world, case.setting, seed)
    found: dict[str, Any] = {"alarm": None, "notice": None, "highest": -99.0}
    for number in range(1, WINDOWS + 1):
        alarm = watch.look()
        highest = max(one.log_e for one in watch.detector.standings()) - watch.detector.threshold
        found["highest"] = max(found["highest"], highest)
        found["alarm"] = found["alarm"] or (number if alarm else None)
        found["notice"] = found["notice"] or (number if watch.detector.notices() else None)
    return found | {"stride": watch.stride, "dropped": watch.dropped, "streams": len(watch.plan.streams)}


def told(name: str, case: Case, lives: list[dict[str, Any]]) -> dict[str, Any]:
    """The count of one case, printed."""
    alarms, notices = (sum(one[what] is not None for one in lives) for what in ("alarm", "notice"))
    low, high = exact(alarms, len(lives))
    # A notice within so many windows has at most this chance; nothing is stated of one life longer.
    bound = WINDOWS / case.setting.test.run_length
    print(
        f"{name:<38}{alarms:>6} of {len(lives):>5} [{low:.2%}, {high:.2%}]  notices {notices} (at most {bound:.0%})"
        f"  stride {statistics.median(one['stride'] for one in lives):g}"
        f"  highest {max(one['highest'] for one in lives):+.2f}{'  (broken)' if case.broken else ''}",
        flush=True,
    )
    return {
        "case": name,
        "broken": case.broken,
        "streams": len(lives),
        "alarms": alarms,
        "interval": [round(low, 6), round(high, 6)],
        "notices": notices,
        "watched": lives[0]["streams"],
        "strides": sorted({one["stride"] for one in lives}),
        "dropped_windows": sum(one["dropped"] for one in lives),
        "highest_log_over_threshold": round(max(one["highest"] for one in lives), 3),
    }


def holds(found: Mapping[str, Any]) -> bool:
    """Whether a count is what is promised: not above 1 % of the streams, and of a broken world nearly all."""
    share = found["alarms"] / found["streams"]
    return bool(share > 0.9 if found["broken"] else share <= ALPHA)


def main() -> None:
    """Count, print; with --json, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", type=int, default=2000)
    parser.add_argument("--large", type=int, default=200)
    parser.add_argument("--only", choices=tuple(CASES))
    parser.add_argument("--seed", type=int, default=REPORTED)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    counts = []
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for place, (name, case) in enumerate(CASES.items()):
            if options.only not in (None, name):
                continue
            wanted = min(FEW, options.small) if case.broken else options.large if case.large else options.small
            seeds = [(options.seed, 0, place, one) for one in range(wanted)]
            counts.append(told(name, case, list(pool.map(partial(life, case), seeds, chunksize=2))))
    result = {"benchmark": "drift_null", "windows": WINDOWS, "seed": options.seed, "counts": counts}
    result["claims"] = {one["case"]: holds(one) for one in counts}
    print(json.dumps(result["claims"]))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
