"""Attacks by queries: how many are seen, and before which query.

    python -m bench.abuse.evasion [--runs 30] [--seed 1000] [--budget 1200] [--json FILE]
    python -m bench.abuse.evasion --runs 2 --data credit --models gbt     # does it run; not a result

Three data sets, three models, four attacks (HopSkipJump, Boundary, Square, ZOO: those of the robustness gate), each row
that is attacked with a key of its own, which has asked nothing yet: alone, and with each query one of ten and one of
fifty rows (by chance), the others of the population. A run is caught if the key is raised, by whichever detector, with
one of the attack's first 64 queries or the first tenth of those that its first flip within 0.5 standard deviations (l2)
took, whichever is more; of the whole budget where there is no such flip.

`different`: the same, where a query that is exactly one before counts as none: it tells the attacker nothing, and is
what a retry looks like. `flipped`: of the runs that had such a flip at all; who never had one (whole numbers, ranges
that the model does not look at) only draws rows, and stays far from any border.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from bench.abuse.datasets import REPORTED, USABLE, Columns, Floats, Places, join, split, take
from bench.abuse.models import KINDS
from bench.abuse.simulate import World, bounds, said_of, world
from bench.abuse.simulate import part as said_part
from lockgate.monitor.abuse.key import Key
from lockgate.train.jail.attacks import Answers, Attack, Space, Trail, boundary, hop_skip_jump, square, together, zoo

NEAR, LEAST, SHARE = 0.5, 64, 0.1
"""The flip that counts (l2, standard deviations); queries that are granted, and the share of those to the flip."""
DILUTIONS = (1, 10, 50)
BLOCK = 64

Made: TypeAlias = Callable[[Space, Floats, int, int, np.random.Generator], Attack]

ATTACKS: dict[str, Made] = {
    "hop-skip-jump": hop_skip_jump,
    "boundary": boundary,
    "square": lambda space, start, label, budget, draw: square(space, start, label, budget, draw, NEAR),
    "zoo": zoo,
}


@dataclass(frozen=True)
class Traced:
    """An attack on a row, and what it asked: points in order, with the answers."""

    row: int
    trail: Trail
    columns: Columns
    answers: Answers

    @property
    def first(self) -> int | None:
        """Queries to the first flip that counts."""
        return self.trail.queries_within(NEAR)

    @property
    def granted(self) -> int:
        """Before which query it is to be seen."""
        return max(LEAST, int(SHARE * (self.first or self.trail.queries)))

    def different(self, queries: int) -> int:
        """How many different rows the first so many queries were."""
        columns = [np.asarray(column[:queries]).tolist() for column in self.columns.values()]
        return len(set(zip(*columns, strict=True)))


def traced(where: World, attack: str, runs: int, budget: int, seed: int) -> list[Traced]:
    """This attack on so many rows, whatever label the model gives them, in step."""
    draw = np.random.default_rng((seed, 41, list(ATTACKS).index(attack)))
    places = split(where.data, where.seed)
    some = take(where.data.columns, draw.permutation(places.held)[: 20 * runs])
    labels = where.ask(some).labels
    population = take(where.data.columns, places.population[:5000])
    space = Space(join([some, population]), dict(where.data.kinds), where.data.mutable)
    rows = [row for row in range(len(labels)) if np.isfinite(space.start(row)).all()][:runs]
    asked: dict[int, list[Floats]] = {place: [] for place in range(len(rows))}
    said: dict[int, list[Answers]] = {place: [] for place in range(len(rows))}

    def ask(which: Sequence[int], points: Floats) -> Answers:
        chosen = np.asarray(which)
        answers = where.ask(space.rows(np.asarray(rows)[chosen], points))
        for place in np.unique(chosen).tolist():
            own = np.flatnonzero(chosen == place)
            asked[place].append(points[own])
            said[place].append(answers.part(int(own[0]), int(own[-1]) + 1))
        return answers

    made = [
        ATTACKS[attack](space, space.start(row), int(labels[row]), budget, np.random.default_rng((seed, 42, row)))
        for row in rows
    ]
    trails = together(made, ask)
    return [
        Traced(
            row,
            trails[place],
            space.columns(row, np.concatenate(asked[place])),
            Answers(
                np.concatenate([one.labels for one in said[place]]),
                np.concatenate([one.scores for one in said[place] if one.scores is not None]),
            ),
        )
        for place, row in enumerate(rows)
        if asked[place]
    ]


def seen_after(where: World, one: Traced, dilution: int, seed: int, most: int) -> tuple[int, str] | None:
    """With which of its queries, of `most` at most, the key is raised, and by which detector; None if it is not."""
    draw = np.random.default_rng((seed, 43, one.row, dilution))
    key = Key(where.model, draw)
    own = np.cumsum(draw.geometric(1 / dilution, min(most, len(one.answers.labels)))) - 1
    total = int(own[-1]) + 1
    mine = np.zeros(total, bool)
    mine[own] = True
    others = draw.choice(where.places, total - len(own))
    for first in range(0, total, BLOCK):
        part = mine[first : first + BLOCK]
        begun, count = int(mine[:first].sum()), int(part.sum())
        between = others[first - begun : first - begun + len(part) - count]
        attack, natural = slice(begun, begun + count), take(where.data.columns, between)
        order = np.empty(len(part), np.intp)
        order[part], order[~part] = np.arange(count), count + np.arange(len(between))
        block = take(join([take_slice(one.columns, attack), natural]), order)
        answers = where.ask(natural) if len(between) else None
        said = said_of(joined([one.answers.part(attack.start, attack.stop), *([answers] if answers else [])], order))
        coded, scores = where.model.seen(block, len(part))
        for row in range(len(part)):
            single = slice(row, row + 1)
            _, raised = key.take(coded.part(single), scores[single], said_part(said, single))
            if raised:
                return begun + int(part[: row + 1].sum()), raised[0].rule
    return None


def joined(parts: list[Answers], order: Places) -> Answers:
    """Answers, one after the other, in this order."""
    scores = np.concatenate([one.scores for one in parts if one.scores is not None])
    return Answers(np.concatenate([one.labels for one in parts])[order], scores[order])


def take_slice(columns: Columns, rows: slice) -> dict[str, Any]:
    """These rows."""
    return {name: column[rows] for name, column in columns.items()}


def main() -> None:
    """Attack, look, print; with --json, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=30, help="rows attacked, of each data set, model and attack")
    parser.add_argument("--seed", type=int, default=REPORTED)
    parser.add_argument("--budget", type=int, default=1200)
    parser.add_argument("--data", default=",".join(USABLE))
    parser.add_argument("--models", default=",".join(KINDS))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    began, lines = time.process_time(), []
    for name in options.data.split(","):
        for kind in options.models.split(","):
            where = world(name, kind, options.seed)
            for attack in ATTACKS:
                runs = traced(where, attack, options.runs, options.budget, options.seed)
                lines += [row((name, kind, attack), runs, where, dilution, options.seed) for dilution in DILUTIONS]
                for line in lines[-len(DILUTIONS) :]:
                    print(told(line), flush=True)
    result = {"benchmark": "abuse_evasion", "seed": options.seed, "cells": lines, "sums": sums(lines)}
    for line in result["sums"]:
        print(told(line))
    print(json.dumps({"cpu": time.process_time() - began}))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def row(what: tuple[str, str, str], runs: Sequence[Traced], where: World, dilution: int, seed: int) -> dict[str, Any]:
    """How many of these runs were caught in time."""
    seen = [seen_after(where, one, dilution, seed, 4 * one.granted) for one in runs]
    caught = [found is not None and found[0] <= one.granted for one, found in zip(runs, seen, strict=True)]
    different = [
        found is not None and one.different(found[0]) <= one.granted for one, found in zip(runs, seen, strict=True)
    ]
    flipped = [one.first is not None for one in runs]
    rules = Counter(found[1] for found in seen if found)
    return {
        "data": what[0],
        "model": what[1],
        "attack": what[2],
        "dilution": dilution,
        "runs": len(runs),
        "failed": sum(not one.trail.ran for one in runs),
        "caught": sum(caught),
        "different": sum(different),
        "flipped": sum(flipped),
        "flipped caught": sum(one and other for one, other in zip(flipped, caught, strict=True)),
        "over before": sum(
            one.first is not None and (found is None or one.first < found[0])
            for one, found in zip(runs, seen, strict=True)
        ),
        "median": float(np.median([found[0] if found else np.inf for found in seen])),
        "rules": dict(rules),
    }


def sums(lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Over models and attacks: of each data set and dilution."""
    found = []
    for name, dilution in dict.fromkeys((line["data"], line["dilution"]) for line in lines):
        some = [line for line in lines if (line["data"], line["dilution"]) == (name, dilution)]
        counted = {
            key: sum(line[key] for line in some)
            for key in ("runs", "failed", "caught", "different", "flipped", "flipped caught", "over before")
        }
        rules = sum((Counter(line["rules"]) for line in some), Counter[str]())
        found.append(
            {"data": name, "model": "all", "attack": "all", "dilution": dilution, **counted, "median": float("nan")}
            | {"rules": dict(rules)}
        )
    return found


def told(line: dict[str, Any]) -> str:
    """A line of the table; bounds are lower 95 % ones, one-sided."""
    low = bounds(line["caught"], line["runs"])[0]
    return (
        f"{line['data']:10}{line['model']:9}{line['attack']:14}1:{line['dilution']:<3}"
        f"{line['caught']:5} of {line['runs']} (>= {low:.1%})  different {line['different']:4}"
        f"  flipped {line['flipped caught']:4} of {line['flipped']:4}  over before {line['over before']:4}"
        f"  median {line['median']:5.0f}  " + ", ".join(f"{rule} {count}" for rule, count in line["rules"].items())
    )


if __name__ == "__main__":
    main()
