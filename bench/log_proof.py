"""What a proof for one entry of a large log costs to make, and to check: milliseconds of CPU.

    python -m bench.log_proof [--entries 10000000] [--rounds 2000] [--dir DIR] [--json FILE]

cold    the log is opened for this one proof: checkpoint, signature and right edge are read and checked
warm    the log is open; entries at random, so that most tiles are read and proved anew
newest  the log is open; entries beside each other, as a gateway proves its newest
check   the proof's signature and hashes

The page cache is warm in all of them. Held against SHA-256 over 2 x 255 nodes of 65 bytes, which is what proving one
tile and finding the siblings in it takes: measured in the same run.

The claims: each under 1 ms in the median.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from bench.log_made import ORIGIN, PUBLIC, cost, opened, place, sealed, told
from lockgate.audit.prove import check_proof, prove

MOST_MS = 1.0
BATCH = 1 << 16


def leaves(count: int) -> Iterator[Sequence[bytes]]:
    """Small entries: their bytes are not read for a proof."""
    for start in range(0, count, BATCH):
        yield [b"%d" % index for index in range(start, min(count, start + BATCH))]


def nodes() -> None:
    """The hashes of a tile's nodes, twice."""
    for _ in range(510):
        hashlib.sha256(b"x" * 65).digest()


def measure(folder: Path, entries: int, rounds: int) -> dict[str, dict[str, float]]:
    """Milliseconds of CPU by what was done."""
    sealed(folder, leaves(entries))
    chosen = random.Random(entries)  # noqa: S311 - which entries are proved is no secret
    log = opened(folder)
    at = [chosen.randrange(entries) for _ in range(rounds)]

    def cold(index: int) -> Callable[[], object]:
        return lambda: prove(opened(folder), index)

    def warm(index: int) -> Callable[[], object]:
        return lambda: prove(log, index)

    def checked(index: int) -> Callable[[], object]:
        proof = prove(log, index)
        return lambda: check_proof(proof, b"%d" % index, PUBLIC, ORIGIN)

    def each(works: Iterable[Callable[[], object]]) -> dict[str, float]:
        return told([cost(work)[1] * 1000 for work in works])

    return {
        "cold": each(map(cold, at[: rounds // 4])),
        "warm": each(map(warm, at)),
        "newest": each(map(warm, range(entries - rounds, entries))),
        "check": each(map(checked, at)),
        "nodes of a tile, twice": each([nodes] * 200),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--entries", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=2000)
    parser.add_argument("--dir", default="/var/tmp")
    parser.add_argument("--json", default="")
    asked = parser.parse_args()
    with place(asked.dir) as folder:
        found = measure(folder, asked.entries, asked.rounds)
    limit = found["nodes of a tile, twice"]["median"]
    for what, ms in found.items():
        ms["to the nodes"] = round(ms["median"] / limit, 2)
        sys.stdout.write(f"{what:24} {json.dumps(ms)}\n")
    holds = all(found[what]["median"] <= MOST_MS for what in ("cold", "warm", "newest", "check"))
    sys.stdout.write(f"under {MOST_MS:g} ms each: {'holds' if holds else 'does NOT hold'}\n")
    if asked.json:
        Path(asked.json).write_text(json.dumps({"entries": asked.entries, "ms": found, "holds": holds}))


if __name__ == "__main__":
    main()
