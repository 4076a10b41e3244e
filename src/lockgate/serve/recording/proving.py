"""Proofs for this gateway's own records, from the log's tiles, as soon as the supervisor tells of a checkpoint.

Takes: leaf hashes of records whose answers wait, and the sealer's notes. Gives: C2SP tlog-proof texts, each with its
leaf in the `extra` line. Trusts the sealer's public key and nothing in the folder: a proof that leaves here verifies.

A record is found by its leaf hash among the leaves that came since it was written, so nobody has to say where it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lockgate.audit.log import Log, verify_checkpoint
from lockgate.audit.prove import Proof
from lockgate.audit.tiles import WIDTH, TileReader, broken, forked
from lockgate.core.checkpoint import Checkpoint, parse_checkpoint, parse_note
from lockgate.core.merkle import inclusion_proof, leaf_hashes
from lockgate.serve.recording.syncer import Syncer

AGAIN_SECONDS = 0.25


@dataclass(frozen=True)
class Tiles:
    """The log that a gateway sees: its folder, its name, its sealer's public key (32 bytes)."""

    folder: Path
    origin: str
    public_key: bytes


@dataclass(frozen=True)
class Proofs:
    """Proof texts by the leaf hash of their records, and the checkpoint that they are under."""

    texts: Mapping[bytes, str]
    checkpoint: Checkpoint


def prove_new(
    tiles: Tiles, note: bytes, wanted: Mapping[bytes, bytes], since: int, before: Checkpoint | None = None
) -> Proofs:
    """Proofs for those of `wanted` (leaf by leaf hash) that stand from index `since` on.

    1. The note is signed by the sealer, and one of this log.
    2. The tiles on its right edge hash to its root, and the tree of `before` is a prefix of this one.
    3. Each tile of new leaves hashes to what is above it.

    Raises VerificationFailed LG701 to LG703, LG705, LG707, LG708, Unavailable LG713.
    """
    # 1.
    checkpoint = verify_checkpoint(note, tiles.public_key, tiles.origin)
    # 2.
    log = Log(TileReader(tiles.folder), checkpoint, note)
    if before is not None and before.size > log.size:
        raise broken("LG707", "the log was rolled back", size=log.size, last_seen_size=before.size)
    if before is not None and log.subtree(0, before.size) != before.root:
        raise forked("the log has forked: its tree does not begin with the one before", size=log.size)
    # 3.
    texts: dict[bytes, str] = {}
    for index, hashed in _leaves(log, since):
        if hashed in wanted:
            hashes = tuple(inclusion_proof(index, log.size, log.subtree))
            texts[hashed] = Proof(index, hashes, note, wanted[hashed]).encode().decode()
            if len(texts) == len(wanted):
                break
    return Proofs(texts, checkpoint)


def _leaves(log: Log, since: int) -> Iterator[tuple[int, bytes]]:
    for number in range(since // WIDTH, -(-log.size // WIDTH)):
        start = number * WIDTH
        skipped = max(0, since - start)
        yield from enumerate(log.tile(0, number)[skipped:], start + skipped)


class Prover:
    """Makes proofs in a thread of its own, one round at a time, under the newest note. Called in the loop alone.

    `moved` is called when there are more; `failed` with a sentence when none can be made, once until one can.
    """

    def __init__(self, tiles: Tiles, *, moved: Callable[[], None], failed: Callable[[str], None]) -> None:
        """To be made in a running loop, before the first record of this gateway."""
        self._tiles = tiles
        self._moved = moved
        self._failed = failed
        self._loop = asyncio.get_running_loop()
        self._syncer = Syncer(self._loop, "proofs")
        self._wanted: dict[bytes, bytes] = {}
        self._numbers: dict[bytes, int] = {}
        """The records that wait for their proofs, in the order of their numbers."""
        self._made: dict[int, str] = {}
        self._note = self._proved = _published(tiles.folder)
        self._before: Checkpoint | None = None
        self._since = 0
        self._running = self._owed = self._stopped = False
        self._failing = ""
        self._timer: asyncio.TimerHandle | None = None
        self.rounds = 0
        """How many rounds went well: what moves while proofs can be made at all."""

    def want(self, leaves: Sequence[bytes], number: int) -> None:
        """The answers of these records, from `number` on, wait for their proofs."""
        if not self._wanted:
            # What was sealed before they were written needs no look.
            self._since = _size(self._note)
        for at, (hashed, leaf) in enumerate(zip(leaf_hashes(leaves), leaves, strict=True), number):
            self._wanted[hashed] = leaf
            self._numbers[hashed] = at

    def lowest(self, otherwise: int) -> int:
        """The number of the first record that waits; `otherwise` where none does."""
        return next(iter(self._numbers.values()), otherwise)

    def take(self, numbers: Iterable[int]) -> tuple[str, ...]:
        """The proofs of these records, which are forgotten here; without those that nobody asked for in `want`."""
        return tuple(self._made.pop(number) for number in numbers if number in self._made)

    def give_up(self, number: int) -> None:
        """Nobody waits for the records below `number` any more."""
        for hashed in [hashed for hashed, at in self._numbers.items() if at < number]:
            del self._wanted[hashed], self._numbers[hashed]
        self._owed = True
        for at in [at for at in self._made if at < number]:
            del self._made[at]

    def heard(self, note: bytes) -> None:
        """The supervisor tells of a checkpoint."""
        if note:
            self._note = note
            self._begin()

    def stop(self) -> None:
        """No more rounds are begun."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()

    def close(self) -> None:
        """Wait for the round that runs. In any thread."""
        self._syncer.join()

    def _begin(self) -> None:
        news = self._note != self._proved or bool(self._failing)
        if self._running or self._stopped or not news or not (self._wanted or self._owed):
            return
        self._running = True
        work = partial(prove_new, self._tiles, self._note, dict(self._wanted), self._since, self._before)
        self._syncer.ask(work, partial(self._done, self._note))

    def _done(self, note: bytes, found: Proofs | None, error: Exception | None) -> None:
        self._running = False
        if found is None:
            if not self._failing:
                self._failing = str(error)
                self._failed(self._failing)
            if self._timer is not None:
                self._timer.cancel()
            if not self._stopped:
                self._timer = self._loop.call_later(AGAIN_SECONDS, self._begin)
            return
        self._proved, self._before, self._failing, self._owed = note, found.checkpoint, "", False
        self.rounds += 1
        for hashed, text in found.texts.items():
            number = self._numbers.pop(hashed, None)
            if number is not None:
                del self._wanted[hashed]
                self._made[number] = text
        if self._wanted:
            # Those that wait still were not among the leaves so far.
            self._since = found.checkpoint.size
        self._moved()
        self._begin()


def _published(folder: Path) -> bytes:
    """The checkpoint as it lies there, unverified: of no use but to know where new leaves begin."""
    try:
        return TileReader(folder).note()
    except Exception:  # noqa: BLE001 - whatever is wrong with it is told when a proof is made
        return b""


def _size(note: bytes) -> int:
    try:
        return parse_checkpoint(parse_note(note).text).size
    except ValueError:
        return 0
