"""One round: some lives, each with a fault; then everything must be there. The seed alone says what happens."""

from __future__ import annotations

import errno
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from lockgate.errors import LockgateError
from tests.faults.chain import Chain, Kinds
from tests.faults.held import Fault

SIZES = {"nothing": 0, "few": 3, "nearly": 250, "tile": 256, "more": 509}
STEPS = 60
OFTEN = {"open": 15, "write": 15, "fsync": 15, "fsync folder": 15, "rename": 6, "unlink": 4, "mkdir": 5, "read": 40}
"""About how many of each call a life has."""


@dataclass
class Outcome:
    """What a number of rounds came to. `broken`: seed and what was not kept; `forks`: signed, seen by nobody."""

    rounds: int = 0
    lives: int = 0
    hits: Counter[str] = field(default_factory=Counter)
    broken: list[tuple[int, str]] = field(default_factory=list)
    forks: list[tuple[int, str]] = field(default_factory=list)
    entries: int = 0
    records: int = 0
    signed: int = 0

    def add(self, other: Outcome) -> None:
        """Those as well."""
        self.rounds += other.rounds
        self.lives += other.lives
        self.hits += other.hits
        self.broken += other.broken
        self.forks += other.forks
        self.entries += other.entries
        self.records += other.records
        self.signed += other.signed


def draw(random: Random) -> Fault:
    """A fault somewhere in a life: at any step, or at one of a call that is drawn first, for some are rare."""
    kind = random.choice(("kill", "cut", "error", "kill", "cut", "error", "short"))
    call = random.choice(("", *OFTEN))
    at = random.randint(1, OFTEN.get(call, STEPS))
    if kind == "short":
        return Fault(random.randint(1, OFTEN["write"]), "write", kind)
    if kind != "error":
        return Fault(at, call, kind)
    lasting = random.choice((1, 1, 2, 10, 10_000))
    code = errno.EIO if call == "read" else random.choice((errno.EIO, errno.ENOSPC))
    return Fault(at, call, kind, code, lasting, done=random.random() < 0.25)


def play(seed: int, place: Path, templates: Mapping[str, Path], kinds: Kinds | None = None) -> Outcome:
    """The round of `seed`, in a folder of its own below `place`."""
    random, found = Random(seed), Outcome(1)
    name = random.choice(sorted(templates))
    folder = place / f"{seed}"
    folder.mkdir()
    try:
        chain = Chain(folder, random, templates[name], kinds)
        try:
            lives(chain, random, found)
            found.forks += [(seed, text) for text in chain.forks()]
        except (AssertionError, LockgateError, OSError) as error:
            found.broken.append((seed, f"{type(error).__name__}: {error}"[:300]))
        found.entries = len(chain.promised.entries)
        found.records = sum(map(len, chain.promised.records.values()))
        found.signed = sum(map(len, chain.promised.asked.values()))
    finally:
        shutil.rmtree(folder)
    return found


def lives(chain: Chain, random: Random, found: Outcome) -> None:
    """What happens in a round. Raises AssertionError or LockgateError when a promise was not kept."""
    for _ in range(random.choice((1, 1, 2, 3))):
        fault = draw(random)
        chain.live(fault, random.randint(4, 10))
        found.lives += 1
        found.hits[f"{fault.kind} {fault.hit}" if fault.hit else "none"] += 1
        after = random.random()
        if after < 0.4:
            # What the processes after it, or readers, believe, must stay true when the power goes next.
            chain.live(Fault(), random.choice((1, 1, 2, 4)))
            chain.cut_power()
        elif after < 0.5:
            chain.cut_power()
        if random.random() < 0.3:
            chain.check()
    chain.live(Fault(), 4)
    chain.cut_power()
    chain.check()
