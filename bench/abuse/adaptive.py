"""Attackers who know the detectors, and what they reach: told as it is, nothing is tuned to them.

    python -m bench.abuse.adaptive [--runs 10] [--seed 1000] [--budget 2000] [--only oars,steps] [--json FILE]
    python -m bench.abuse.adaptive --quick                                                # a minute; not a result

The attacker knows the code and the population, not the salt. In the manner of OARS (Feng et al. 2023, which adapts and
resamples until a stateful defence no longer objects) it holds a copy of the detector of its key, and asks nothing that
the copy would call near.

    plain     HopSkipJump as it is, for comparison
    oars      each query is moved away from the queries before, ever farther, until the copy calls it new
    blind     the fields that the attack does not need now are those of other natural rows (query blinding), until then
    steps     one field at a time, to values of other rows: what a person edits; up to two fields away from the row
    patient   no more probes in a neighbourhood than stay under the bar: so many queries a row, then the next row
    transfer  1,900 natural rows make a copy of the model, the copy is attacked, at most six rows are asked (transfer)
    1:200     HopSkipJump, each query among 200 natural rows; and 1:500

For each: of rows attacked, those flipped within 0.5, 1 and 2 sd by a query of true label (all fields that can be moved
counted); runs suspected, after how many queries of the attack; runs that had their flip within 0.5 sd unsuspected, and
the days that the rows of such a run take at the default rate of 100 rows/s, dilution included.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from bench.abuse.datasets import REPORTED, USABLE, Columns, Floats, split, take
from bench.abuse.simulate import MODELS, World, bounds, said_of, world
from bench.abuse.transfer import transfer
from lockgate.monitor.abuse.key import Key, Model
from lockgate.monitor.abuse.near import NEW
from lockgate.train.jail.attacks import Answers, Attack, Space, hop_skip_jump

DISTANCES = (0.5, 1.0, 2.0)
SPACE_ROWS = 4_000
TRIES = 12
RATE = 100.0
UNDER = 19
"""Probes in one neighbourhood that stay under the bar of `near`."""


@dataclass
class Run:
    """One row attacked by one key: what was asked so far, and what came of it."""

    where: World
    space: Space
    place: int
    label: int
    draw: np.random.Generator
    between: int = 0
    queries: int = 0
    rows: int = 0
    suspected: int | None = None
    rule: str = ""
    flips: dict[float, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.key = Key(self.where.model, np.random.default_rng(self.draw.integers(2**32)))
        self.base = self.space.start(self.place)

    def ask(self, points: Floats) -> Answers:
        """Ask for real: the gateway answers, and its detectors look."""
        columns = self.space.columns(self.place, points)
        answers = self.where.ask(columns)
        apart = np.sqrt(np.nansum(np.square(points - self.base), axis=1))
        flips = answers.labels != self.label
        said = said_of(answers)
        coded, scores = self.where.model.seen(columns, len(points))
        for row in range(len(points)):
            self.queries += 1
            self.rows += 1 + self.between
            for distance in DISTANCES:
                if flips[row] and apart[row] <= distance:
                    self.flips.setdefault(distance, self.queries)
            if self.suspected is None:
                at = np.array([row])
                self._look(coded.part(at), scores[at], type(said)(said.labels[at], said.margins[at]))
                if self.between:
                    self._dilute()
        return answers

    def _look(self, coded: Any, scores: Any, said: Any) -> None:
        _, raised = self.key.take(coded, scores, said)
        if raised and self.suspected is None:
            self.suspected, self.rule = self.queries, raised[0].rule

    def natural(self, columns: Columns, rows: int) -> None:
        """Ask for rows of the population, before anything else."""
        coded, scores = self.where.model.seen(columns, rows)
        self.rows += rows
        self._look(coded, scores, said_of(self.where.ask(columns)))

    def _dilute(self) -> None:
        natural = take(self.where.data.columns, self.draw.choice(self.where.places, self.between))
        coded, scores = self.where.model.seen(natural, self.between)
        self._look(coded, scores, said_of(self.where.ask(natural)))


Attacker: TypeAlias = Callable[[Run, int], None]


def plain(run: Run, budget: int) -> None:
    """HopSkipJump."""
    _drive(hop_skip_jump(run.space, run.base, run.label, budget, run.draw), run.ask)


def patient(run: Run, budget: int) -> None:
    """HopSkipJump with what stays under the bar."""
    plain(run, min(budget, UNDER))


def _drive(attack: Attack, ask: Callable[[Floats], Answers]) -> None:
    points = next(attack)
    while True:
        try:
            points = attack.send(ask(points))
        except StopIteration:
            return


class Copy:
    """The attacker's own detector: the same code and population, another salt."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._model = Model(run.where.model.population, 999_983)
        self._key = Key(self._model, np.random.default_rng(5))

    def first_new(self, points: Floats) -> int:
        """The first of these candidates (in their order) that would be new to the key, else the last; it is noted.

        The copy looks without noting: at a state of its own that is kept only for what was asked.
        """
        columns = self._run.space.columns(self._run.place, points)
        coded, scores = self._model.seen(columns, len(points))
        said = said_of(self._run.where.ask(columns))
        kinds = [self._kind(coded, said, row) for row in range(len(points))]
        chosen = next((row for row, kind in enumerate(kinds) if kind == NEW), len(points) - 1)
        at = np.array([chosen])
        self._key.take(coded.part(at), scores[at], type(said)(said.labels[at], said.margins[at]))
        return chosen

    def _kind(self, coded: Any, said: Any, row: int) -> int:
        from copy import deepcopy

        near, at = deepcopy(self._key._near), np.array([row])  # noqa: SLF001 - an attacker looks inside
        return int(near.take(coded.part(at), type(said)(said.labels[at], said.margins[at]))[0])


def oars(run: Run, budget: int) -> None:
    """Move each query away, ever farther, until it is new."""

    def candidates(point: Floats) -> Floats:
        far = np.geomspace(0.02, 3.0, TRIES - 1)[:, None]
        moved = point + far * run.draw.standard_normal((TRIES - 1, len(point)))
        return np.concatenate((point[None], moved))

    _resampling(run, budget, candidates)


def blind(run: Run, budget: int) -> None:
    """Put other rows' values into ever more of the fields that the query moves least."""

    def candidates(point: Floats) -> Floats:
        order = np.argsort(np.abs(np.nan_to_num(point - run.base)) + 1e-6 * run.draw.random(len(point)))
        found = [point]
        for share in np.linspace(1 / TRIES, 1, TRIES - 1):
            some = order[: max(1, int(share * len(point)))]
            one = point.copy()
            one[some] = run.space.sample[int(run.draw.integers(len(run.space.sample)))][some]
            found.append(np.where(np.isnan(one), point, one))
        return np.array(found)

    _resampling(run, budget, candidates)


def _resampling(run: Run, budget: int, candidates: Callable[[Floats], Floats]) -> None:
    """HopSkipJump, which is told of each point what was said of the candidate that was asked in its stead."""
    copy = Copy(run)

    def ask(points: Floats) -> Answers:
        low, high = run.space.low, run.space.high
        instead = []
        for point in points:
            some = np.clip(candidates(point), np.minimum(low, run.base), np.maximum(high, run.base))
            instead.append(some[copy.first_new(some)])
        return run.ask(np.array(instead))

    for _ in range(20):  # Noisy answers make it give up; then it begins anew.
        if budget - run.queries < 3:
            return
        _drive(hop_skip_jump(run.space, run.base, run.label, budget - run.queries, run.draw), ask)


def steps(run: Run, budget: int) -> None:
    """Edits of one field, nearest values first; then of two, beginning with what lowered the margin most."""
    moves = _moves(run)
    found: list[tuple[float, int]] = []
    for first in range(0, min(len(moves), budget // 2), 16):
        some = moves[first : first + 16]
        answers = run.ask(some)
        found += [(margin, first + row) for row, margin in enumerate(said_of(answers).margins.tolist())]
    found.sort()
    best = [moves[row] - run.base for _, row in found[:40]]
    pairs = [
        run.base + one + other
        for place, one in enumerate(best)
        for other in best[:place]
        if not np.any((np.nan_to_num(one) != 0) & (np.nan_to_num(other) != 0))
    ]
    pairs.sort(key=lambda point: float(np.nansum(np.square(point - run.base))))
    for first in range(0, min(len(pairs), budget - run.queries), 16):
        run.ask(np.array(pairs[first : first + 16]))


def _moves(run: Run) -> Floats:
    """The row with one field at another row's value: of each field 40 values, the nearest of all first."""
    found = []
    for place in range(len(run.base)):
        values = np.unique(run.space.sample[:, place])
        values = values[np.isfinite(values) & (values != run.base[place])]
        for value in run.draw.choice(values, min(40, len(values)), replace=False).tolist():
            one = run.base.copy()
            one[place] = value
            found.append(one)
    moves = np.array(found)
    return moves[np.argsort(np.nansum(np.square(moves - run.base), axis=1))]


ATTACKERS: dict[str, tuple[Attacker, int]] = {
    "plain": (plain, 0),
    "oars": (oars, 0),
    "blind": (blind, 0),
    "steps": (steps, 0),
    "patient": (patient, 0),
    "transfer": (transfer, 0),
    "1:200": (plain, 200),
    "1:500": (plain, 500),
}


def attacked(where: World, name: str, number: int, budget: int) -> Run:
    """One run."""
    parts = split(where.data, where.seed)
    rows: Columns = take(where.data.columns, parts.held[:SPACE_ROWS])
    space = Space(rows, where.data.kinds, where.data.mutable)
    draw = np.random.default_rng((where.seed, 47, number))
    place = int(draw.integers(SPACE_ROWS))
    label = int(where.ask(take(rows, np.array([place]))).labels[0])
    attacker, between = ATTACKERS[name]
    run = Run(where, space, place, label, draw, between)
    attacker(run, budget)
    return run


def told(name: str, runs: Sequence[Run]) -> dict[str, Any]:
    """Of all runs of an attacker."""
    count = len(runs)
    unseen = [run for run in runs if 0.5 in run.flips and run.flips[0.5] < (run.suspected or 10**9)]
    seen = [run.suspected for run in runs if run.suspected is not None]
    low, high = bounds(len(unseen), count)
    return {
        "attacker": name,
        "runs": count,
        "flipped": {f"{distance:g}": sum(distance in run.flips for run in runs) for distance in DISTANCES},
        "suspected": len(seen),
        "rules": sorted({run.rule for run in runs if run.rule}),
        "after": statistics.median(seen) if seen else None,
        "unseen flips": len(unseen),
        "low": low,
        "high": high,
        "queries": statistics.median([run.queries for run in runs]),
        "days": statistics.median([run.rows for run in runs]) / RATE / 86_400,
    }


def main() -> None:
    """Attack, count, print; with --json, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10, help="of each attacker, data set and model")
    parser.add_argument("--seed", type=int, default=REPORTED)
    parser.add_argument("--budget", type=int, default=2000)
    parser.add_argument("--only", default=",".join(ATTACKERS))
    parser.add_argument("--data", default=",".join(USABLE))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    runs, budget = (2, 400) if options.quick else (options.runs, options.budget)
    began = time.process_time()
    worlds = [
        world(name, MODELS[place % len(MODELS)], options.seed) for place, name in enumerate(options.data.split(","))
    ]
    result: dict[str, Any] = {"benchmark": "abuse_adaptive", "seed": options.seed, "budget": budget, "rows": []}
    for name in options.only.split(","):
        line = told(name, [attacked(where, name, number, budget) for where in worlds for number in range(runs)])
        result["rows"].append(line)
        flipped = " / ".join(str(count) for count in line["flipped"].values())
        print(
            f"{name:8} {line['runs']} runs, flipped within 0.5 / 1 / 2 sd {flipped}; suspected {line['suspected']}"
            f" (median query {line['after']}, {', '.join(line['rules']) or '-'}); unseen flip within 0.5 sd"
            f" {line['unseen flips']} [{line['low']:.1%}, {line['high']:.1%}]; {line['queries']:.0f} queries,"
            f" {line['days']:.3f} days",
            flush=True,
        )
    result["cpu"] = time.process_time() - began
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
