"""How often `max_robustness_drop` refuses an honest retraining, and how often it sees one that is worse.

Honest: models of one kind, trained on disjoint parts of one population, attacked on the same rows that none has seen.
Each ordered pair is once candidate and live model: the rule refuses where at some distance the whole interval of the
drop lies above what is allowed (ALLOWED), as `train.jail.attacked` and the gate do it. Worse: trees that learnt their
rows by heart, and models of a twentieth of the rows, beside each honest one. Pairs share models, so that no interval is
given for all of them: beside them stand disjoint pairs, of which each model is in one, with an exact interval.

    nice -n 10 python -m bench.robustness_drop                       # 9 times 6 models, 400 rows, 3 attacks
    python -m bench.robustness_drop --data credit --model gbt --queries 1000
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from itertools import permutations
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from bench.abuse.datasets import REPORTED, USABLE, Data, Places, load, take
from bench.abuse.models import KINDS, Ask, trained
from lockgate.core.exact import paired_difference
from lockgate.core.stats import clopper_pearson
from lockgate.train.jail.attacks import Answers, Space, boundary, hop_skip_jump, square, together
from lockgate.train.jail.attacks.robust import robust
from lockgate.train.jail.attacks.trail import Attack, Points, Trail

Held: TypeAlias = dict[float, npt.NDArray[np.bool_]]

DISTANCES = 0.25, 0.5, 1.0
ATTACKS: dict[str, Callable[..., Attack]] = {"hop-skip-jump": hop_skip_jump, "boundary": boundary, "square": square}
FEWER = 20
ALLOWED = 0.0, 0.01, 0.02, 0.03, 0.05


def attacked(ask: Ask, data: Data, places: Places, queries: int) -> Held:
    """By distance, which of these rows the model answers rightly whatever the attacks try."""
    columns = take(data.columns, places)
    space = Space(columns, data.kinds, data.mutable)
    labels = ask(columns).labels
    right = labels == data.labels[places]
    able = np.flatnonzero(right)

    def answers(which: Sequence[int], points: Points) -> Answers:
        return ask(space.rows(able[np.asarray(which)], points))

    trails: dict[str, list[Trail | None]] = {}
    for name, attack in ATTACKS.items():
        more = (DISTANCES[-1],) if name == "square" else ()
        begun = [
            attack(
                space,
                space.start(int(row)),
                int(labels[row]),
                queries,
                np.random.default_rng([7, row, *name.encode()]),
                *more,
            )
            for row in able
        ]
        trails[name] = [None] * len(right)
        for row, trail in zip(able.tolist(), together(begun, answers), strict=True):
            trails[name][row] = trail
    found = robust(right.tolist(), trails, DISTANCES)
    return {distance: np.array(held) for distance, held in found.held.items()}


def surely(candidate: Held, live: Held) -> float:
    """The drop that is sure, at the worst distance: the rule refuses where it is more than is allowed."""
    return max(_low(candidate[each], live[each]) for each in DISTANCES)


def _low(here: npt.NDArray[np.bool_], there: npt.NDArray[np.bool_]) -> float:
    pair = int((there & ~here).sum()), int((here & ~there).sum())
    return paired_difference(*pair, len(here), wrong=0.05 / len(DISTANCES)).low or 0.0


def _share(found: Sequence[float], allowed: float) -> str:
    refused = sum(each > allowed for each in found)
    return f"{refused} of {len(found)} ({refused / len(found):.1%})"


def _parts(data: Data, models: int, rows: int, seed: int) -> tuple[Places, list[Places]]:
    """Places to be attacked, and disjoint parts to train on."""
    order = np.random.default_rng((seed, 12)).permutation(data.rows)
    size = min(10_000, (data.rows - rows) // models)
    return order[:rows], [order[rows + at * size : rows + (at + 1) * size] for at in range(models)]


class Tally:
    """What was refused, by kind of pair."""

    def __init__(self) -> None:
        self.all: list[float] = []
        self.disjoint: list[float] = []
        self.worse: dict[str, list[float]] = {}
        self.drops: dict[str, list[float]] = {}

    def honest(self, models: Sequence[Held]) -> list[float]:
        """Take note of honest models of one kind."""
        found = {pair: surely(models[pair[0]], models[pair[1]]) for pair in permutations(range(len(models)), 2)}
        self.all += found.values()
        self.disjoint += [found[at, at + 1] for at in range(0, len(models) - 1, 2)]
        return list(found.values())

    def bad(self, name: str, one: Held, models: Sequence[Held]) -> None:
        """Take note of one that is worse."""
        self.worse.setdefault(name, []).extend(surely(one, each) for each in models)
        apart = [float(np.mean(each[0.5]) - np.mean(one[0.5])) for each in models]
        self.drops.setdefault(name, []).extend(apart)

    def show(self) -> None:
        """All of it."""
        for allowed in ALLOWED:
            several = clopper_pearson(sum(each > allowed for each in self.disjoint), len(self.disjoint))
            interval = f"[{several.low:.1%}, {several.high:.1%}]"
            alone = f"disjoint pairs: {_share(self.disjoint, allowed)} {interval}"
            print(f"max_robustness_drop = {allowed:g} refuses of honest pairs {_share(self.all, allowed)}; {alone}")
            for name, found in self.worse.items():
                low, middle, high = np.percentile(self.drops[name], [0, 50, 100])
                drop = f"drop at 0.5 {middle:.3f} ({low:.3f} to {high:.3f})"
                print(f"    {name}: refused {_share(found, allowed)}; {drop}")


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", nargs="*", default=USABLE)
    parser.add_argument("--model", nargs="*", default=KINDS)
    parser.add_argument("--models", type=int, default=6)
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--seed", type=int, default=REPORTED)
    asked = parser.parse_args()
    tally, began = Tally(), time.monotonic()
    for name in asked.data:
        data = load(name)
        rows, parts = _parts(data, asked.models, asked.rows, asked.seed)
        for kind in asked.model:
            models = [
                attacked(trained(kind, data, part, asked.seed + at), data, rows, asked.queries)
                for at, part in enumerate(parts)
            ]
            found = tally.honest(models)
            shares = [f"{np.mean(each[0.5]):.3f}" for each in models]
            print(f"{name} {kind}: robust at 0.5 {' '.join(shares)}; refused {_share(found, 0)}", flush=True)
            few = parts[0][: len(parts[0]) // FEWER]
            worse = {f"{kind} of a twentieth of the rows": trained(kind, data, few, asked.seed)}
            if kind == "gbt":
                worse["trees by heart"] = trained("deep", data, parts[0], asked.seed)
            for words, ask in worse.items():
                tally.bad(words, attacked(ask, data, rows, asked.queries), models)
    tally.show()
    print(f"{asked.rows} rows, {asked.queries} queries an attack, {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
