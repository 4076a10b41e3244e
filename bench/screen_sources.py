"""One bad source of ten: how often it is found, and how often an honest one is accused.

    python -m bench.screen_sources [--seeds 20] [--first 8] [--json FILE]

Rows of each set are spread over ten sources by chance; in one of them three of ten labels are changed to another class
(of the regression, to another row's value). Beside it sources that differ by nature: months, carriers, airports and
destinations of the flights. These are told as what they are: nobody knows that they label alike.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.screen_data import REPORTED, SETS, Seed, flights, valued
from lockgate.validate.screen import folds, labels, neighbours, residuals, sources
from lockgate.validate.screen.spec import Outcome
from lockgate.validate.screen.table import Table

SOURCES, BAD, SHARE = 10, 3, 0.3
BY_NATURE = ("month", "carrier", "origin", "dest")
NATURE_ROWS = 60_000


def spread(table: Table, seed: Seed) -> Table:
    """The same rows from ten sources."""
    origin = np.random.default_rng((*seed, 57)).integers(0, SOURCES, table.rows)
    return replace(table, origin=origin, origins=tuple(f"s{one}" for one in range(SOURCES)))


def spoiled(table: Table, seed: Seed) -> Table:
    """Three of ten labels of one source are another's."""
    draw = np.random.default_rng((*seed, 58))
    mine = np.flatnonzero(table.origin == BAD)
    chosen = draw.choice(mine, round(SHARE * len(mine)), replace=False)
    label = table.label.copy()
    if table.task == "regression":
        label[chosen] = draw.permutation(table.label)[: len(chosen)]
    else:
        other = draw.integers(1, len(table.classes), len(chosen))
        label[chosen] = (label[chosen] + other) % len(table.classes)
    return replace(table, label=label)


def compared(table: Table) -> labels.Labelled:
    """Labels beside their neighbours', as the rule `labels` hands them on; without its models, which name no source."""
    near = neighbours.nearest(table, folds.points(table))
    unlike = residuals.unlike(table, near) if table.task == "regression" else neighbours.disagreement(table.label, near)
    return labels.Labelled(Outcome(), unlike, unlike)


def accused(table: Table) -> list[str]:
    """Names."""
    return [str(found.seen["source"]) for found in sources.screen(table, compared(table)).found]


def counted(make: Callable[[Seed], Table], seeds: list[Seed]) -> dict[str, int]:
    """Over all seeds."""
    said = [(accused(spread(make(seed), seed)), accused(spoiled(spread(make(seed), seed), seed))) for seed in seeds]
    return {
        "of": len(seeds),
        "found": sum(f"s{BAD}" in bad for _, bad in said),
        "others_beside": sum(any(name != f"s{BAD}" for name in bad) for _, bad in said),
        "false_in_clean": sum(bool(clean) for clean, _ in said),
    }


def by_nature(seed: Seed) -> Iterator[tuple[str, list[str], int]]:
    """Honest sources: each kind, who is accused, of how many."""
    table = flights(seed, NATURE_ROWS)
    judged = compared(table)
    for name in BY_NATURE:
        column = table.names[name]
        values, origin = np.unique(column.values, return_inverse=True)
        names = tuple(column.words[int(one)] if column.is_text else f"{one:g}" for one in values)
        said = sources.screen(replace(table, origin=origin, origins=names), judged)
        yield name, [str(found.seen["source"]) for found in said.found], len(names)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=REPORTED, help="1: for choosing, 8: for what is reported")
    parser.add_argument("--sets", nargs="*", default=[*SETS, "valued"])
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    seeds: list[Seed] = [(arguments.first, one) for one in range(arguments.seeds)]
    results: dict[str, Any] = {}
    print(f"{'set':<18}{'found':>10}{'others beside':>16}{'false in clean':>16}")
    for name in arguments.sets:
        got = results[name] = counted({**SETS, "valued": valued}[name], seeds)
        print(f"{name:<18}{got['found']:>4} of {got['of']:<3}{got['others_beside']:>15}{got['false_in_clean']:>16}")
    for name, who, number in by_nature((arguments.first, 0)):
        results[f"by nature: {name}"] = {"accused": who, "of": number}
        print(f"flights by {name}: {len(who)} of {number} accused {' '.join(who)}")
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
