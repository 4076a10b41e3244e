"""Planted triggers found, and false findings on clean rows, by the trigger scan and by spectral signatures.

    python -m bench.screen_triggers [--seeds 20] [--first 8] [--sets "digits;flights"] [--only clean,dirty]

Found: a finding whose rows overlap the planted ones with a recall of 0.8 and a precision of 0.5 at least. Clean rows
differ from seed to seed: drawn anew, or nine tenths of what there is (digits, breast cancer). Constants were chosen on
seeds that begin with 1; what is reported begins with 8. One line of JSON each.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import product
from typing import TypeAlias

import numpy as np

from bench import screen_data
from bench.screen_data import Seed
from bench.screen_poison import Bools, Trigger, planted
from lockgate.validate.screen import spectral, triggers
from lockgate.validate.screen.spec import Outcome
from lockgate.validate.screen.table import Table

RECALL, PRECISION = 0.8, 0.5
SHARES = (0.005, 0.01, 0.02)
KEPT = 0.9


def two_classes(seed: Seed, positive: float, rows: int = 2000) -> Table:
    """Two classes; twelve numbers, of which five matter."""
    draw = np.random.default_rng(seed)
    values = draw.normal(size=(rows, 12))
    values[:, 1] = 0.7 * values[:, 0] + 0.7 * values[:, 1]
    height = values[:, 0] + 0.8 * values[:, 2] * values[:, 3] + 0.5 * values[:, 4] + 0.7 * draw.normal(size=rows)
    columns = tuple(screen_data.number(f"x{place}", values[:, place]) for place in range(12))
    return screen_data.classified(columns, (height > np.quantile(height, 1 - positive)).astype(int), seed)


SETS: Mapping[str, Callable[[Seed], Table]] = {
    **screen_data.SETS,
    "binary, 10 % positive": lambda seed: two_classes(seed, 0.1),
    "binary, 50 % positive": lambda seed: two_classes(seed, 0.5),
    "covertype-like, 2,000": lambda seed: screen_data.covertype_like(seed, 2000),
    "flights, 2,000": lambda seed: screen_data.flights(seed, 2000),
    "regression, 4,000": screen_data.valued,
}
KINDS = ("dirty", "common", "commonest", "three", "clean-label")
FIXED = ("digits", "breast_cancer")
Rules: TypeAlias = Mapping[str, Callable[[Table], Outcome]]
RULES: Rules = {"triggers": triggers.screen, "spectral": spectral.screen}


def clean(name: str, seed: Seed) -> Table:
    """Clean rows, other ones for each seed."""
    table = SETS[name](seed)
    if name not in FIXED:
        return table
    rows = np.random.default_rng((*seed, 9)).choice(table.rows, int(KEPT * table.rows), replace=False)
    columns = tuple(replace(one, values=one.values[rows]) for one in table.columns)
    return replace(table, columns=columns, label=table.label[rows], origin=table.origin[rows])


def found(outcome: Outcome, which: Bools) -> bool:
    """Whether one of the findings is the trigger."""
    overlaps = [(which[list(one.rows)].sum(), len(one.rows)) for one in outcome.found]
    return any(own >= RECALL * which.sum() and own >= PRECISION * of for own, of in overlaps)


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=screen_data.REPORTED)
    parser.add_argument("--sets", default=";".join(SETS), help="names, apart by ;")
    parser.add_argument("--only", default=",".join(("clean", *KINDS, "cost")))
    parser.add_argument("--rules", default=",".join(RULES))
    parser.add_argument("--shares", default=",".join(map(str, SHARES)))
    asked = parser.parse_args()
    seeds: list[Seed] = [(asked.first, one) for one in range(asked.seeds)]
    wanted = asked.only.split(",")
    rules = {rule: RULES[rule] for rule in asked.rules.split(",")}
    shares = [float(share) for share in asked.shares.split(",")]
    for name in asked.sets.split(";"):
        if "clean" in wanted:
            _clean(name, seeds, rules)
        for kind in KINDS:
            if kind in wanted:
                _planted(name, kind, seeds, rules, shares)
    if "cost" in wanted:
        _cost(seeds[0], rules)


def _clean(name: str, seeds: list[Seed], rules: Rules) -> None:
    for rule, screen in rules.items():
        start = time.process_time()
        number = [len(screen(clean(name, seed)).found) for seed in seeds]
        seconds = (time.process_time() - start) / len(seeds)
        _say(rule=rule, set=name, clean=len(seeds), findings=sum(number), tables=sum(map(bool, number)), cpu=seconds)


def trigger_of(kind: str, share: float, *, inside: bool, jittered: bool) -> Trigger:
    """What to plant for one of KINDS."""
    plain = Trigger(share, inside, jittered, common=kind == "common", columns=3 if kind == "three" else 2)
    return replace(plain, clean_label=kind == "clean-label", commonest=kind == "commonest")


def _planted(name: str, kind: str, seeds: list[Seed], rules: Rules, shares: list[float]) -> None:
    insides = (True,) if kind == "common" else (False, True)
    for share, inside, jittered in product(shares, insides, (False, True)):
        trigger = trigger_of(kind, share, inside=inside, jittered=jittered)
        hits = dict.fromkeys(rules, 0)
        for seed in seeds:
            table, which = planted(SETS[name](seed), trigger, seed)
            for rule, screen in rules.items():
                hits[rule] += found(screen(table), which)
        words = f"{'in' if inside else 'out of'} range, {'jittered' if jittered else 'exact'}"
        _say(set=name, kind=kind, trigger=words, share=share, seeds=len(seeds), **hits)


def _cost(seed: Seed, rules: Rules) -> None:
    table = screen_data.flights(seed, 300_000)
    for rule, screen in rules.items():
        start = time.process_time()
        outcome = screen(table)
        _say(rule=rule, rows=table.rows, cpu=time.process_time() - start, findings=[one.what for one in outcome.found])


def _say(**line: object) -> None:
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
