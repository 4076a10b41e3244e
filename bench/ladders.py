"""Ladders by simulation, through the code that decides: false stops, and the traffic until a worse model is stopped.

    python -m bench.ladders [--ladders 2000] [--seed 1] [--only stops|traffic] [--longer 10] [--json FILE]
    python -m bench.ladders --ladders 20     # does it run; not a result

False stops: a model that is no worse, on a ladder of shadow, 5 % and 25 % with 2,000 rows each, all checks on; looked
at after each record of 50 rows. Counted are ladders that any check ended. `longer` multiplies the rows of each rung.

Traffic: a worse model on one rung, looked at after each record (10 rows of its own, or a hundredth of the fixed
sample), until its check alarms; in rows of the candidate. Beside it the rows of a test with a sample fixed in advance,
one-sided, with power 0.9 (`fixed_*`), at the part of alpha that the check spends (0.01 / 4), and at the whole of it.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lockgate.audit.ladder.checks import WEIGHTS, Observed
from lockgate.audit.ladder.counts import BUCKETS, RATIO, bucket_of
from lockgate.audit.ladder.decide import decide
from lockgate.audit.ladder.latency import buckets_of
from lockgate.core.digest import digest_of
from lockgate.core.record_kinds import ObservedRecord
from lockgate.core.stats import wilson
from lockgate.trust.policy_ladder import LadderPolicy, Rung

ALPHA, POWER, CLAIM = 0.01, 0.9, 1.5
PART = WEIGHTS["errors"] / sum(WEIGHTS.values())
MOST_ROWS = 200_000
Counts = dict[str, int]
Random = np.random.Generator
_MODELS = {"model": digest_of(b"candidate"), "base": digest_of(b"live")}
_NORMAL = statistics.NormalDist()


@dataclass(frozen=True)
class World:
    """A candidate beside a live model. Shares of failing requests; latency is lognormal.

    Attributes:
        slower: factor of the candidate's latency. `sigma`: of the logarithm.
        disagree: share of pairs; `moved`: net share of pairs that move into class 1.
        discordance: share of labelled pairs on which the losses differ; `loss`: their mean difference.
        burst: how often in a record a hiccup makes a fifth of an arm's requests fail, and their batches slow; `both`:
            of both arms at once, else of either with the same right. `together`: what fails together counts once.
        spell: how often a spell of four seconds begins in which the batches of one arm, either, take twice as long.
        clients: who asks changes every ten records, and has failures and disagreement of his own (lognormal, 0.7).
    """

    errors: float = 0.0
    live_errors: float = 0.0
    slower: float = 1.0
    sigma: float = 0.5
    disagree: float = 0.05
    moved: float = 0.0
    discordance: float = 0.1
    loss: float = 0.0
    burst: float = 0.0
    both: bool = False
    spell: float = 0.0
    clients: bool = False
    together: bool = False


def _limit(errors: float, **more: Any) -> World:
    """At the edge of what is no worse, in everything."""
    return World(errors=errors, live_errors=errors, disagree=0.1, moved=0.05, **more)


NO_WORSE: Mapping[str, World] = {
    "0.1 % errors, equal": _limit(0.001),
    "5 % errors, equal": _limit(0.05),
    "20 % errors, equal": _limit(0.2),
    "5 % errors, latency at the tolerance": _limit(0.05, slower=1.05, sigma=0.3),
    "all better": World(0.025, 0.05, slower=0.9, disagree=0.05, moved=-0.02, loss=-0.02),
    "slow spells of one arm": _limit(0.01, spell=0.03),
    "bursts of both arms": _limit(0.01, burst=0.05, both=True),
    "bursts of one arm, counted once": _limit(0.01, burst=0.05, together=True),
    "few clients, each for ten records": _limit(0.05, clients=True),
    "bursts of one arm": _limit(0.01, burst=0.05),
}
UNPROMISED = {"few clients, each for ten records", "slow spells of one arm", "bursts of one arm"}
"""Break the assumptions: rows of a burst are no witnesses of their own, nor are blocks of a spell that is longer than
they are; and while one client asks, the next pair is on average beyond the limit. What then happens is told, not
promised.
"""


def shares_of(mean: float, sigma: float) -> np.ndarray[Any, Any]:
    """The share of each bucket under a lognormal latency of 5 milliseconds times `mean`."""
    edges = np.log(50e-6 * 1.05 ** np.arange(1, BUCKETS))
    below = np.array([0, *(_NORMAL.cdf((edge - math.log(0.005 * mean)) / sigma) for edge in edges), 1])
    return np.diff(below)


class Maker:
    """Records of a world, with rows drawn anew for each."""

    def __init__(self, world: World, random: Random) -> None:
        self._world = world
        self._random = random
        self._cells = {"candidate": _cells(world.slower, world.sigma), "live": _cells(1.0, world.sigma)}
        self._spelled = {"candidate": _cells(2 * world.slower, world.sigma), "live": _cells(2.0, world.sigma)}
        self._spells = dict.fromkeys(self._cells, 0)
        self._slow = bucket_of(0.1)
        self._number = 0
        self._client = 1.0
        self._hiccup: tuple[str, ...] = ()

    def record(self, counts: Counts, rung: str, step: int) -> ObservedRecord:
        """What a gateway would have written, once a second."""
        self._number += 1
        known = {name: int(count) for name, count in counts.items() if count}
        return ObservedRecord(
            gateway="a" * 16, seq=self._number, time=self._number * 1000, environment="prod", rung=rung, step=step,
            counts=known, **_MODELS,
        )  # fmt: skip

    def requests(self, count: int) -> Counts:
        """Requests that both were asked, and on which one of them failed."""
        world = self._world
        failing, saving = (min(1.0, share * self._client) for share in (world.errors, world.live_errors))
        chances = [failing * (1 - saving), saving * (1 - failing)]
        hits = {arm: self._hit(arm, count) for arm in ("candidate", "live")}
        free = count - max(hit for hit, _ in hits.values())
        failed, saved, _ = (int(one) for one in self._random.multinomial(free, [*chances, 1 - sum(chances)]))
        counted = [one for _, one in hits.values()]
        # What fails on both is neither; a hiccup of one arm is met by an answer of the other.
        failed, saved = failed + max(0, counted[0] - counted[1]), saved + max(0, counted[1] - counted[0])
        return {"pairs.requests": free + max(counted), "pairs.failed": failed, "pairs.saved": saved}

    def batches(self, candidate: int, live: int) -> Counts:
        """A batch for each row."""
        counts: Counts = {}
        for arm, rows in (("candidate", candidate), ("live", live)):
            hit, counted = self._hit(arm, rows)
            cells = self._spelled if self._spells[arm] > 0 else self._cells
            drawn = self._random.multinomial(rows - hit, cells[arm])
            drawn[self._slow] += counted
            counts |= {f"{arm}.slow.{place:03d}": int(drawn[place]) for place in np.flatnonzero(drawn)}
        return counts

    def _hit(self, arm: str, rows: int) -> tuple[int, int]:
        """How many rows of an arm a hiccup hits, and as how many they count."""
        hit = rows // 5 if arm in self._hiccup else 0
        return hit, min(hit, 1) if self._world.together else hit

    def pairs(self, rows: int) -> Counts:
        """Rows of two classes that both answered."""
        world = self._world
        disagree = min(1.0, world.disagree * self._client)
        moved = world.moved * disagree / world.disagree if world.disagree else 0.0
        chances = [(disagree + moved) / 2, (disagree - moved) / 2, 1 - disagree]
        up, down, _ = (int(one) for one in self._random.multinomial(rows, chances))
        classes = {"pairs.more.1": up, "pairs.fewer.0": up, "pairs.more.0": down, "pairs.fewer.1": down}
        return {"pairs.rows": rows, "pairs.disagree": up + down, **classes}

    def labelled(self, rows: int) -> Counts:
        """Labels of pairs."""
        world = self._world
        worse, better = (world.discordance + world.loss) / 2, (world.discordance - world.loss) / 2
        up, down, _ = (int(one) for one in self._random.multinomial(rows, [worse, better, 1 - world.discordance]))
        return {"risk.rows": rows, "risk.p20": up, "risk.m20": down}

    def begin(self) -> None:
        """The next record: whom a hiccup hits, and whose spell goes on."""
        for arm in self._spells:
            self._spells[arm] = max(0, self._spells[arm] - 1)
            if self._random.random() < self._world.spell / 2:
                self._spells[arm] = 4
        if self._world.clients and self._number % 10 == 0:
            self._client = float(self._random.lognormal(-(0.7**2) / 2, 0.7))
        self._hiccup = ()
        if self._random.random() < self._world.burst:
            arms = ("candidate", "live")
            self._hiccup = arms if self._world.both else (arms[int(self._random.integers(2))],)


_KNOWN: dict[tuple[float, float], np.ndarray[Any, Any]] = {}


def _cells(mean: float, sigma: float) -> np.ndarray[Any, Any]:
    if (mean, sigma) not in _KNOWN:
        _KNOWN[mean, sigma] = shares_of(mean, sigma)
    return _KNOWN[mean, sigma]


def climbs(world: World, longer: int, seed: tuple[int, ...]) -> tuple[str, ...]:
    """The checks that ended a ladder; empty when the candidate is live in the end."""
    shares = (("shadow", 0.0), ("canary", 0.05), ("quarter", 0.25))
    rungs = tuple(Rung(name, share, rows=2000 * longer) for name, share in shares)
    policy = LadderPolicy(rungs, sticky="request", false_stops=ALPHA)
    observed = Observed(policy, "binary")
    maker = Maker(world, np.random.default_rng(seed))
    for step, rung in enumerate(policy.rungs):
        while True:
            maker.begin()
            live = round(50 * (1 - rung.share) / rung.share) if rung.share else 50
            counts = maker.requests(50) | maker.batches(50, live) | maker.pairs(50) | maker.labelled(15)
            observed.add(maker.record(counts, rung.name, step))
            verdict = decide(observed.results(), *observed.rung(step), rung, 0.0, may_climb=True)
            if verdict.decision == "withdraw":
                return tuple(one.check for one in observed.results() if one.alarm)
            if verdict.decision == "climb":
                break
    if observed.reasons():
        raise AssertionError(observed.reasons())
    return ()


@dataclass(frozen=True)
class Worse:
    """A candidate that is worse in one thing, and how far a fixed sample of its rows would have to go."""

    check: str
    what: str
    times: int
    world: World
    share: float
    fixed: int
    fixed_whole: int
    fixed_tolerant: int
    """At the part of alpha, of a test that lets the candidate be as much slower as the check does."""


def traffic(worse: Worse, seed: tuple[int, ...]) -> int:
    """Pairs, or batches of the candidate, until its check alarms; MOST_ROWS when it does not."""
    # One check alone, with the part of alpha that it has beside the others.
    policy = LadderPolicy(checks=(worse.check,), sticky="request", false_stops=ALPHA * PART)
    observed = Observed(policy, "binary")
    maker = Maker(worse.world, np.random.default_rng(seed))
    size = max(10, worse.fixed // 100)
    live = round(size * (1 - worse.share) / worse.share)
    made: dict[str, Callable[[], Counts]] = {
        "errors": lambda: maker.requests(size),
        "latency": lambda: maker.batches(size, live),
        "risk": lambda: maker.labelled(size),
    }
    maker.begin()
    for rows in range(size, MOST_ROWS, size):
        observed.add(maker.record(made[worse.check](), "canary", 1))
        if any(result.alarm for result in observed.results()):
            return rows
    return MOST_ROWS


def fixed_shares(worse: float, base: float, share: float, alpha: float) -> int:
    """Candidate's rows of the z-test of two proportions, r rows of live for each, pooled under the null.

    n = (z_a sqrt(p (1-p) (1 + 1/r)) + z_b sqrt(p1 (1-p1) + p0 (1-p0) / r))^2 / (p1 - p0)^2, p = (p1 + r p0) / (1 + r).
    """
    r = (1 - share) / share
    pooled = (worse + r * base) / (1 + r)
    null = math.sqrt(pooled * (1 - pooled) * (1 + 1 / r))
    true = math.sqrt(worse * (1 - worse) + base * (1 - base) / r)
    return math.ceil((_z(alpha) * null + _z(1 - POWER) * true) ** 2 / (worse - base) ** 2)


def fixed_pairs(discordance: float, loss: float, alpha: float) -> int:
    """Pairs of McNemar's test: n = (z_a sqrt(d) + z_b sqrt(d - l^2))^2 / l^2."""
    true = math.sqrt(discordance - loss**2)
    return math.ceil((_z(alpha) * math.sqrt(discordance) + _z(1 - POWER) * true) ** 2 / loss**2)


def _z(alpha: float) -> float:
    return _NORMAL.inv_cdf(1 - alpha)


def worse_ones() -> list[Worse]:
    """By the stated margin, twice it, four times it."""
    found = []
    for times in (1, 2, 4):
        for base in (0.001, 0.05, 0.2):
            worse = base + 0.02 * times
            discordance = worse * (1 - base) + base * (1 - worse)
            part, whole = (fixed_pairs(discordance, worse - base, alpha) for alpha in (ALPHA * PART, ALPHA))
            world = World(errors=worse, live_errors=base)
            found.append(Worse("errors", f"{base:.1%}", times, world, 0.5, part, whole, 0))
        for sigma in (0.3, 0.5, 1.0):
            # What a fixed test is given: live's true p95, known beforehand.
            slower = 1 + 0.2 * times
            above, beyond = (
                1 - _NORMAL.cdf(_NORMAL.inv_cdf(0.95) - math.log(factor) / sigma)
                for factor in (slower, slower / RATIO ** buckets_of(LadderPolicy().latency_margin))
            )
            for share in (0.5, 0.05):
                part, whole = (fixed_shares(above, 0.05, share, alpha) for alpha in (ALPHA * PART, ALPHA))
                world = World(slower=slower, sigma=sigma)
                tolerant = fixed_shares(beyond, 0.05, share, ALPHA * PART)
                what = f"sigma {sigma} at {share:.0%}"
                found.append(Worse("latency", what, times, world, share, part, whole, tolerant))
        for discordance in (0.1, 0.2, 0.4):
            world = World(discordance=discordance, loss=0.02 * times)
            part, whole = (fixed_pairs(discordance, world.loss, alpha) for alpha in (ALPHA * PART, ALPHA))
            found.append(Worse("risk", f"discordance {discordance:.0%}", times, world, 0.5, part, whole, 0))
    return found


def false_stops(pool: ProcessPoolExecutor, ladders: int, seed: int, longer: int) -> list[dict[str, Any]]:
    """Of each world that is no worse."""
    found = []
    for place, (name, world) in enumerate(NO_WORSE.items()):
        seeds = [(seed, 0, place, one) for one in range(ladders)]
        ended = list(pool.map(partial(climbs, world, longer), seeds, chunksize=10))
        stopped = sum(1 for checks in ended if checks)
        by_check = {check: sum(check in checks for checks in ended) for check in WEIGHTS}
        share = wilson(stopped, ladders)
        found.append({"world": name, "ladders": ladders, "stopped": stopped, **share.as_json(), "by_check": by_check})
        print(f"{name:<40} {stopped} of {ladders}: {share.value:.2%} [{share.low:.2%}, {share.high:.2%}] {by_check}")
    return found


def until_stopped(pool: ProcessPoolExecutor, ladders: int, seed: int) -> list[dict[str, Any]]:
    """Of each worse candidate."""
    found = []
    print(f"{'':<38} median   mean    p90 | fixed: part of alpha, ratio of mean (median) | whole alpha, ratio of mean")
    for place, worse in enumerate(worse_ones()):
        seeds = [(seed, 1, place, one) for one in range(ladders)]
        rows = sorted(pool.map(partial(traffic, worse), seeds, chunksize=10))
        mean, median, late = statistics.fmean(rows), statistics.median(rows), rows[len(rows) * 9 // 10]
        ratio, middle, whole = mean / worse.fixed, median / worse.fixed, mean / worse.fixed_whole
        about = f"{worse.check} {worse.what}, {worse.times} x"
        same = worse.fixed_tolerant
        tolerant = f" | tolerant {same}, {mean / same:.2f}" if same else ""
        print(
            f"{about:<38} {median:6.0f} {mean:6.0f} {late:6} | {worse.fixed:6}, {ratio:.2f} ({middle:.2f}) |"
            f" {worse.fixed_whole:6}, {whole:.2f}{tolerant}",
            flush=True,
        )
        told = {key: value for key, value in asdict(worse).items() if key != "world"}
        figures = {"median": median, "mean": round(mean, 1), "p90": late, "ratio": round(ratio, 3)}
        ratios = {"ratio_median": round(middle, 3), "ratio_whole_alpha": round(whole, 3)}
        found.append({**told, **figures, **ratios, "never": rows.count(MOST_ROWS)})
    return found


def main() -> None:
    """Print both tables; with --json, write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ladders", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=("stops", "traffic"))
    parser.add_argument("--longer", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    result: dict[str, Any] = {"benchmark": "ladders", "ladders": options.ladders, "seed": options.seed}
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        if options.only != "traffic":
            result["false_stops"] = false_stops(pool, options.ladders, options.seed, options.longer)
        if options.only != "stops":
            result["traffic"] = until_stopped(pool, options.ladders, options.seed)
    promised = [one for one in result.get("false_stops", ()) if one["world"] not in UNPROMISED]
    by_margin = [one for one in result.get("traffic", ()) if one["times"] == 1]
    result["claims"] = {
        "false_stops": max((one["value"] for one in promised), default=0.0) <= ALPHA,
        "traffic": max((one["ratio"] for one in by_margin), default=0.0) <= CLAIM,
    }
    print(json.dumps(result["claims"]))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
