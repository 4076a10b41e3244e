"""The log under faults: killed, refused, torn, unplugged, at every call; what it promised is there afterwards.

    python -m bench.log_faults [--rounds 10000] [--processes 500] [--seed 0] [--json FILE]
    python -m bench.log_faults --replay SEED          # one round, with what broke

A round begins with a log of some size (none to 509 entries, so that tiles end within it) and has one to three lives of
four gateways' spools, the sealer that carries them, a writer of events, and readers with a memory of their own. In
each life something is drawn: a kill at a call of `os`, or in the middle of a write; a power cut, which takes any of
the names and bytes that were not synced; EIO or ENOSPC at a call, once, for a while or for good, with its work done or
not; a failed fsync, whose bytes stay in the cache and never reach the disk; a short write; EIO on reading. Often the
power goes once more while those that came up afterwards already believe what they see. Then all comes up again.

The claims, for every round: no acknowledged entry is lost or changed; whatever checkpoint anybody could have read is
the beginning of the log as it is later; everything starts up again and verifies to the last byte. The seed says it
all, but for the rounds with real processes, where SIGKILL comes at a random moment too.

Counted apart: trees that the key signed and that are no part of the log later. The writer was killed between the
signature and the file; nobody can have seen it, and the next writer signs other entries at that size.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

from tests.faults import processes, rounds
from tests.faults.chain import Chain, templates
from tests.faults.rounds import SIZES, Outcome

TOLD = 20


def run(first: int, count: int, real: int, place: Path, keep: Callable[[Outcome], None]) -> Outcome:
    """`real` rounds with processes, and `count` on the model; `keep` is called with what there is now and then."""
    logs = templates(place / "templates", SIZES)
    (place / "rounds").mkdir()
    found = Outcome()
    for number in range(count):
        found.add(rounds.play(first + number, place / "rounds", logs))
        if (number + 1) % 500 == 0:
            keep(found)
    for number in range(real):
        found.add(processes.play(first + number, place / "rounds", logs))
        if (number + 1) % 100 == 0:
            keep(found)
    return found


def upper(broken: int, count: int) -> float:
    """The upper end of the exact 95 % interval of a rate (Clopper and Pearson; one-sided where nothing broke)."""
    from scipy.stats import beta  # here: nothing else needs it

    return float(beta.ppf(0.95 if not broken else 0.975, broken + 1, count - broken)) if broken < count else 1.0


def report(found: Outcome, seconds: float) -> dict[str, object]:
    """What is written down."""
    return {
        "rounds": found.rounds,
        "lives": found.lives,
        "seconds": round(seconds),
        "acknowledged": {"events": found.entries, "records": found.records},
        "signed": found.signed,
        "faults": dict(sorted(found.hits.items())),
        "broken": found.broken[:TOLD],
        "broken_rounds": len(found.broken),
        "broken_at_most": upper(len(found.broken), found.rounds),
        "signed_unpublished": found.forks[:TOLD],
        "signed_unpublished_count": len(found.forks),
    }


def replay(seed: int, place: Path) -> None:
    """One round, and where it broke."""
    logs = templates(place / "templates", SIZES)
    random = Random(seed)  # noqa: S311 - a seed that can be named again
    (place / "one").mkdir()
    chain = Chain(place / "one", random, logs[random.choice(sorted(logs))])
    try:
        rounds.lives(chain, random, Outcome())
        print("not unpublished:", chain.forks() or "every tree that was signed")
    except Exception:  # noqa: BLE001 - to be read by a person
        traceback.print_exc()
        shutil.copytree(chain.machine.root, f"log-faults-{seed}", dirs_exist_ok=True)
        print(f"what is left is in log-faults-{seed}", file=sys.stderr)


def main(arguments: Sequence[str]) -> int:
    """Exit code 1 when a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10_000)
    parser.add_argument("--processes", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--replay", type=int)
    given = parser.parse_args(arguments)
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as place:
        if given.replay is not None:
            replay(given.replay, Path(place))
            return 0
        begun = time.monotonic()

        def keep(found: Outcome) -> None:
            told = report(found, time.monotonic() - begun)
            print(f"{found.rounds:>6} rounds, {told['seconds']:>6} s: {len(found.broken)} broken", flush=True)
            if given.json:
                given.json.write_text(json.dumps(told, indent=2) + "\n")

        found = run(given.seed, given.rounds, given.processes, Path(place), keep)
        keep(found)
    print(json.dumps(report(found, time.monotonic() - begun), indent=2))
    return 1 if found.broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
