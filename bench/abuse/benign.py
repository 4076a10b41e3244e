"""Honest customers that are suspected: how many of their days, by kind and by detector.

    python -m bench.abuse.benign [--keys 100] [--days 10] [--seed 1000] [--json FILE]     # 21,000 key-days
    python -m bench.abuse.benign --claimed                                                # without the known limits
    python -m bench.abuse.benign --quick                                                  # a minute; not a result
    python -m bench.abuse.benign --only edits30 --data credit --show                      # what one kind does, each key

Three data sets, each with a model of another kind, and a population made from 20,000 of its rows; and flights again, as
the example has them: a population of January to June, and customers from July to December. Each key lives ten
days of 200 to 2,000 rows and keeps its state; the customers are those of customers.py. A key that is suspected is
cleared at night and goes on. Claimed: of the days of all claimed kinds together, the upper 95 % bound (Clopper-Pearson)
of those on which a key was suspected is at most 0.1 %. What people edit is told twice, once with the client declared
(`clients add --edits`); customers that are a known limit are told apart and claimed for nothing.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.abuse import customers
from bench.abuse.datasets import REPORTED
from bench.abuse.simulate import MODELS, Life, bounds, life, world

DATA = ("synthetic", "credit", "flights", "later")
MOST = 0.001
EDITING = ("edits10", "edits30", "one-case", "slider")


def row(name: str, lives: Sequence[Life]) -> dict[str, Any]:
    """Days and false ones of these keys, by detector."""
    days = sum(one.days for one in lives)
    false = sum(len({hit.day for hit in one.suspected}) for one in lives)
    rules = Counter(rule for one in lives for rule in {(hit.day, hit.rule) for hit in one.suspected})
    by_rule = Counter(rule for (_, rule), count in rules.items() for _ in range(count))
    keys = sum(bool(one.suspected) for one in lives)
    low, high = bounds(false, days)
    return {
        "customers": name,
        "keys": len(lives),
        "days": days,
        "rows": sum(one.rows for one in lives),
        "false days": false,
        "false keys": keys,
        "low": low,
        "high": high,
        "rules": dict(by_rule),
    }


def told(found: dict[str, Any]) -> str:
    """A line of the table."""
    rules = ", ".join(f"{rule} {count}" for rule, count in sorted(found["rules"].items())) or "-"
    return (
        f"{found['customers']:28} {found['days']:7,} days {found['rows']:12,} rows {found['false days']:5} false"
        f" ({found['false keys']} of {found['keys']} keys)  <= {found['high']:.3%}   {rules}"
    )


def main() -> None:
    """Live, count, print; with --json, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=100, help="of each kind and data set")
    parser.add_argument("--days", type=int, default=10)
    parser.add_argument("--seed", type=int, default=REPORTED)
    parser.add_argument("--only", default="", help="kinds, with commas")
    parser.add_argument("--data", default=",".join(DATA))
    parser.add_argument("--claimed", action="store_true", help="what is claimed alone, editors undeclared")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--show", action="store_true", help="each key that was suspected")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    keys = 4 if options.quick else options.keys
    apart = () if options.claimed else customers.APART
    wanted = options.only.split(",") if options.only else [*customers.CLAIMED, *apart]
    began = time.process_time()
    lives: dict[tuple[str, str, bool], list[Life]] = {}
    for place, name in enumerate(options.data.split(",")):
        where = world(name, MODELS[place % len(MODELS)], options.seed)
        for kind in wanted:
            for declared in (False, True) if kind in EDITING and not options.claimed else (False,):
                number = keys if kind in customers.CLAIMED else max(2, keys // 4)
                some = [life(kind, where, one, options.days, declared=declared) for one in range(number)]
                lives[name, kind, declared] = some
                print(name, told(row(kind + " declared" * declared, some)), flush=True)
                for one in some if options.show else ():
                    if one.suspected:
                        print("   ", one.seed, one.rows, *one.suspected[:3], flush=True)
    result = summary(lives)
    for line in result["customers"]:
        print(told(line))
    result |= {"benchmark": "abuse_benign", "seed": options.seed, "cpu": time.process_time() - began}
    print(json.dumps({name: result[name] for name in ("claims", "cpu")}))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def summary(lives: dict[tuple[str, str, bool], list[Life]]) -> dict[str, Any]:
    """Kinds over all data sets, and the claimed ones together: editors as they are, and as declared."""
    kinds = dict.fromkeys((kind, declared) for _, kind, declared in lives)
    lines = [
        row(
            kind + " declared" * declared,
            [one for at, some in lives.items() if at[1:] == (kind, declared) for one in some],
        )
        for kind, declared in kinds
    ]
    claims: dict[str, Any] = {}
    for asked in dict.fromkeys((False, *(declared for _, declared in kinds))):
        together = [
            one
            for (_, kind, declared), some in lives.items()
            for one in some
            if kind in customers.CLAIMED and declared == (asked and kind in EDITING)
        ]
        if together:
            line = row(f"claimed, editors {'declared' if asked else 'undeclared'}", together)
            lines.append(line)
            claims[line["customers"]] = {"high": line["high"], "holds": line["high"] <= MOST and line["days"] >= 12_000}
    return {"customers": lines, "claims": claims}


if __name__ == "__main__":
    main()
