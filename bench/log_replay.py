"""Seconds that a full replay of a log of prediction records takes.

    python -m bench.log_replay [--entries 1000000] [--rounds 5] [--dir DIR] [--json FILE]

verify  every file of the log is read, every tile and entry hashed up to the signed root (`full_verify`)
index   every record is read again, in the one accepted form, and its gateway's numbers are followed (`PredictionIndex`)

Held against SHA-256 over as many leaves and nodes in one process: what no replay can do without. Measured in the same
run. The page cache is warm.

The claim: verify and index together under 10 s for a million entries, in the median.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path

from bench.log_made import ORIGIN, PUBLIC, cost, opened, place, records, sealed, told
from lockgate.audit.predictions import PredictionIndex
from lockgate.audit.verify import full_verify

MOST_SECONDS = 10.0
BATCH = 8192


def hashes(count: int, leaf: bytes) -> None:
    """The leaves and nodes of a tree."""
    for _ in range(count):
        hashlib.sha256(leaf).digest()
        hashlib.sha256(b"x" * 65).digest()


def measure(folder: Path, entries: int, rounds: int) -> dict[str, dict[str, float]]:
    """Seconds by what was done."""
    made = records("f" * 16, entries)
    leaf = b"\x00" + made[-1]
    sealed(folder, (made[at : at + BATCH] for at in range(0, entries, BATCH)))
    made.clear()
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        verify = cost(lambda: full_verify(folder, public_key=PUBLIC, origin=ORIGIN))
        index = cost(lambda: PredictionIndex(opened(folder)))
        limit = cost(lambda: hashes(entries, leaf))
        for kind, at in (("", 0), (", CPU", 1)):
            found.setdefault("verify" + kind, []).append(verify[at])
            found.setdefault("index" + kind, []).append(index[at])
            found.setdefault("replay" + kind, []).append(verify[at] + index[at])
            found.setdefault("SHA-256 alone" + kind, []).append(limit[at])
        found.setdefault("replay to SHA-256, CPU", []).append((verify[1] + index[1]) / limit[1])
    return {what: told(values) for what, values in found.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dir", default="/var/tmp")
    parser.add_argument("--json", default="")
    asked = parser.parse_args()
    with place(asked.dir) as folder:
        found = measure(folder, asked.entries, asked.rounds)
    for what, values in found.items():
        sys.stdout.write(f"{what:24} {json.dumps(values)}\n")
    holds = found["replay"]["median"] <= MOST_SECONDS * asked.entries / 1e6
    sys.stdout.write(f"under {MOST_SECONDS:g} s for a million: {'holds' if holds else 'does NOT hold'}\n")
    if asked.json:
        Path(asked.json).write_text(json.dumps({"entries": asked.entries, "seconds": found, "holds": holds}))


if __name__ == "__main__":
    main()
