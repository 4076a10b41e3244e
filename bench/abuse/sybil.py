"""One attack split over many keys: how many of its queries are answered before somebody is suspected.

    python -m bench.abuse.sybil [--runs 20] [--seed 1000] [--keys 1,10,100] [--budget 2000] [--json FILE]
    python -m bench.abuse.sybil --quick                                                   # a minute; not a result

HopSkipJump and Boundary, on three data sets and three models. Queries go to the keys in turn; every key also asks
rows of its own that are natural (`--diluted`: so many between two queries of the attack, over all keys). Beside the
attacker ordinary customers ask the same model, so that the table they share is as full as it would be.

    keys     each key has its own detectors, and nothing is shared
    pool     and the model's pool of neighbourhoods
    org      and all keys are of one organisation, which has detectors of its own

`caught`: the first key is raised; `all`: half of the keys are. In queries of the attack, median and worst; against the
number of queries of its first flip within 0.5 sd (the budget where there was none).
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.abuse.datasets import REPORTED, USABLE, Columns, join, split, take
from bench.abuse.simulate import MODELS, World, bounds, said_of, world
from lockgate.monitor.abuse.key import Key
from lockgate.monitor.abuse.pool import Pool
from lockgate.train.jail.attacks import Attack, Space, boundary, hop_skip_jump

NEAR_FLIP = 0.5
SPACE_ROWS = 4_000
BLOCK = 200
ATTACKS: dict[str, Callable[..., Attack]] = {"hop-skip-jump": hop_skip_jump, "boundary": boundary}


@dataclass(frozen=True)
class Trace:
    """What one attack asked, in order, and with which query its first near flip came (None: with none)."""

    asked: Columns
    queries: int
    flip: int | None


def trace(where: World, name: str, number: int, budget: int) -> Trace:
    """One row attacked without any detector: what is asked does not depend on those who look on."""
    parts = split(where.data, where.seed)
    rows = take(where.data.columns, parts.held[:SPACE_ROWS])
    space = Space(rows, where.data.kinds, where.data.mutable)
    draw = np.random.default_rng((where.seed, 41, number))
    place = int(draw.integers(SPACE_ROWS))
    label = int(where.ask(take(rows, np.array([place]))).labels[0])
    attack = ATTACKS[name](space, space.start(place), label, budget, draw)
    blocks: list[Columns] = []
    answer = None
    while True:
        try:
            points = next(attack) if answer is None else attack.send(answer)
        except StopIteration as ended:
            flips = [queries for queries, l2, _ in ended.value.flips if l2 <= NEAR_FLIP]
            return Trace(join(blocks), ended.value.queries, flips[0] if flips else None)
        blocks.append(space.columns(place, points))
        answer = where.ask(blocks[-1])


@dataclass(frozen=True)
class Caught:
    """After how many queries of the attack each control saw it (None: never), and how many customers were named."""

    by: dict[str, int | None]
    most: dict[str, int | None]
    framed: int


def split_over(where: World, one: Trace, keys: int, diluted: int, number: int) -> Caught:
    """Send the trace by `keys` keys in turn, natural rows between, and customers beside."""
    draw = np.random.default_rng((where.seed, 43, number, keys))
    names = [f"attacker-{place}" for place in range(keys)]
    own = [Key(where.model, np.random.default_rng((where.seed, number, place))) for place in range(keys)]
    organisation = Key(where.model, np.random.default_rng((where.seed, number, 10**6)))
    pool = Pool(where.model.population)
    customers = [Key(where.model, np.random.default_rng((where.seed, number, 10**7 + place))) for place in range(20)]
    suspected: dict[str, dict[str, int]] = {"keys": {}, "pool": {}, "org": {}}
    framed: set[str] = set()
    for first in range(0, one.queries, BLOCK):
        size = min(BLOCK, one.queries - first)
        attacked = take(one.asked, np.arange(first, first + size))
        natural = take(where.data.columns, draw.choice(where.places, size * (diluted + 1)))
        columns = join([attacked, natural])
        said = said_of(where.ask(columns))
        coded, scores = where.model.seen(columns, len(said.labels))
        # Query, its dilution by the same attacker, a row of a customer; and so on.
        for query in range(size):
            rows = np.array([query, *(size + query * diluted + np.arange(diluted))], np.intp)
            key = (first + query) % keys
            extra = np.array([size * (diluted + 1) + query], np.intp)
            part, heard = coded.part(rows), type(said)(said.labels[rows], said.margins[rows])
            kinds, raised = own[key].take(part, scores[rows], heard)
            if raised:
                suspected["keys"].setdefault(names[key], first + query + 1)
            _, shared = organisation.take(part, scores[rows], heard)
            if shared:
                suspected["org"].setdefault("organisation", first + query + 1)
            for together, _ in pool.take(part, heard, [names[key]] * len(rows), kinds):
                for name in together:
                    _note(name, names, suspected["pool"], framed, first + query + 1)
            beside = int(draw.integers(len(customers)))
            part, heard = coded.part(extra), type(said)(said.labels[extra], said.margins[extra])
            kinds, _ = customers[beside].take(part, scores[extra], heard)
            for together, _ in pool.take(part, heard, [f"customer-{beside}"], kinds):
                for name in together:
                    _note(name, names, suspected["pool"], framed, first + query + 1)
    pooled = {name: min(suspected[rule].get(name, 10**9) for rule in ("keys", "pool")) for name in names}
    suspected["pool"] = {name: at for name, at in pooled.items() if at < 10**9}
    half = {"keys": keys, "pool": keys, "org": 1}
    return Caught(
        {rule: min(hits.values(), default=None) for rule, hits in suspected.items()},
        {rule: _half(list(hits.values()), half[rule]) for rule, hits in suspected.items()},
        len(framed),
    )


def _note(name: str, names: list[str], hits: dict[str, int], framed: set[str], at: int) -> None:
    if name in names:
        hits.setdefault(name, at)
    else:
        framed.add(name)


def _half(hits: list[int], of: int) -> int | None:
    needed = (of + 1) // 2
    return sorted(hits)[needed - 1] if len(hits) >= needed else None


def told(found: list[tuple[Trace, Caught]], rule: str) -> dict[str, Any]:
    """Of all runs: the share that was caught, and before what."""
    hits = [(one, caught.by[rule]) for one, caught in found]
    known = [at for _, at in hits if at is not None]
    early = sum(at is not None and at <= max(64, 0.1 * (one.flip or one.queries)) for one, at in hits)
    before = sum(at is not None and at < (one.flip or one.queries + 1) for one, at in hits)
    most = [at for _, caught in found if (at := caught.most[rule]) is not None]
    return {
        "runs": len(found),
        "caught": len(known),
        "before flip": before,
        "before flip low": bounds(before, len(found))[0],
        "early": early,
        "median": statistics.median(known) if known else None,
        "worst": max(known, default=None),
        "half of the keys": len(most),
        "half median": statistics.median(most) if most else None,
    }


def main() -> None:
    """Attack, count, print; with --json, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20, help="of each attack, data set and model")
    parser.add_argument("--seed", type=int, default=REPORTED)
    parser.add_argument("--keys", default="1,10,100,1000")
    parser.add_argument("--diluted", type=int, default=4)
    parser.add_argument("--budget", type=int, default=2000)
    parser.add_argument("--data", default=",".join(USABLE))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    runs, budget = (2, 600) if options.quick else (options.runs, options.budget)
    began = time.process_time()
    found: dict[tuple[str, int], list[tuple[Trace, Caught]]] = {}
    for place, name in enumerate(options.data.split(",")):
        where = world(name, MODELS[place % len(MODELS)], options.seed)
        for attack in ATTACKS:
            for number in range(runs):
                one = trace(where, attack, number, budget)
                for keys in map(int, options.keys.split(",")):
                    caught = split_over(where, one, keys, options.diluted, number)
                    found.setdefault((attack, keys), []).append((one, caught))
    result: dict[str, Any] = {"benchmark": "abuse_sybil", "seed": options.seed, "diluted": options.diluted, "rows": []}
    for (attack, keys), some in found.items():
        for rule in ("keys", "pool", "org"):
            line = {"attack": attack, "keys": keys, "control": rule, **told(some, rule)}
            result["rows"].append(line)
            print(
                f"{attack:14} {keys:5} keys, {rule:5}: caught {line['caught']:3} of {line['runs']}, before the flip"
                f" {line['before flip']:3}, early {line['early']:3}; median {line['median']}, worst {line['worst']};"
                f" half of the keys in {line['half of the keys']} runs, median {line['half median']}"
            )
    first = min(keys for _, keys in found)
    flips = [one.flip for (_, keys), some in found.items() for one, _ in some if keys == first]
    framed = sum(caught.framed for some in found.values() for _, caught in some)
    result |= {"flips": flips, "framed": framed, "cpu": time.process_time() - began}
    known = [flip for flip in flips if flip is not None]
    print(f"first flip within {NEAR_FLIP} sd in {len(known)} of {len(flips)}, median {_median(known)}; framed {framed}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def _median(values: list[int]) -> float | None:
    return statistics.median(values) if values else None


if __name__ == "__main__":
    main()
