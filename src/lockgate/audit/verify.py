"""Read every file of a log and replay it all: the log's fsck. Changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from lockgate.audit.cosigned import check_lines
from lockgate.audit.disk import locked
from lockgate.audit.folder import AGAIN_CHECKPOINT, NEXT_CHECKPOINT, NEXT_VKEY, listing
from lockgate.audit.log import Log
from lockgate.audit.seen import SeenStore
from lockgate.audit.tiles import ENTRIES, WIDTH, Tile, broken, encode_bundle, tiles_of
from lockgate.core.checkpoint import Checkpoint, VerifierKey
from lockgate.core.verdict import Level, Reason
from lockgate.errors import Unavailable


@dataclass(frozen=True)
class LogReport:
    """A log that verified: what was read, and what an interrupted write left (LG710, a warning)."""

    checkpoint: Checkpoint
    files: int
    leftovers: tuple[str, ...]

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """The warning about leftovers, if there are any."""
        if not self.leftovers:
            return ()
        message = "an interrupted write left files beyond the checkpoint; the next write removes or completes them"
        seen: dict[str, object] = {"files": list(self.leftovers[:10]), "count": len(self.leftovers)}
        return (Reason("LG710", Level.WARN, message, seen, "lockgate explain LG710"),)


def full_verify(
    log_dir: Path,
    *,
    public_key: bytes,
    origin: str,
    seen: SeenStore | None = None,
    former: Sequence[bytes] = (),
    witnesses: Sequence[VerifierKey] = (),
) -> LogReport:
    """Verify every byte of the log in `log_dir`; a writer waits meanwhile. `former`: see `Log.open`.

    `witnesses`: the keys of whoever may have cosigned it, now or before.

    1. Only files lie there that the log itself writes.
    2. Key, checkpoint, right edge and the checkpoint last seen agree (`Log.open`); beside the log's own line lie only
       its heartbeat and cosignatures of `witnesses`, one each, and all verify.
    3. Every tile and bundle of a tree of this size is there.
    4. Each full tile hashes to the hash above it, each entry to its leaf hash.
    5. Each older partial file is the beginning of what followed it.

    Raises VerificationFailed LG701 to LG709, LG718 or LG7011, naming the file; Unavailable LG712, LG713.
    """
    if not log_dir.is_dir():
        raise broken("LG701", "there is no log", folder=str(log_dir))
    try:
        with locked(log_dir, shared=True):
            tops, tiles = listing(log_dir)
            log = Log.open(log_dir, public_key=public_key, origin=origin, seen=seen, former=former)
            check_lines(log.note, origin, public_key, witnesses)
            return _verify(log, tops, tiles)
    except OSError as error:
        raise Unavailable(
            "LG713",
            f"the log cannot be read: {error.strerror}",
            seen={"file": str(error.filename)},
            next="lockgate doctor",
        ) from None


def _verify(log: Log, tops: list[str], tiles: list[Tile]) -> LogReport:
    found = set(tiles)
    for tile in tiles_of(log.size):
        if tile not in found:
            raise broken("LG706" if tile.level == ENTRIES else "LG705", "a file of the log is missing", file=tile.path)
    inside = [tile for tile in tiles if tile.width <= tile.within(log.size)]
    for tile in (tile for tile in inside if tile.level > 0):
        _check_hashes(log, tile, log.tile(tile.level, tile.index))
    # A bundle beside the tile of its hashes, so that each tile is read and proved once.
    leaves = sorted((tile for tile in inside if tile.level <= 0), key=lambda tile: tile.index)
    for index, files in groupby(leaves, key=lambda tile: tile.index):
        entries = list(log.entries(index * WIDTH, min(log.size, (index + 1) * WIDTH)))
        for tile in files:
            if tile.level != ENTRIES:
                _check_hashes(log, tile, log.tile(0, index))
            elif tile.width < len(entries):
                _compare(log, tile, encode_bundle(entries[: tile.width]), "LG706")
    unfinished = [name for name in tops if name in (NEXT_CHECKPOINT, AGAIN_CHECKPOINT, NEXT_VKEY)]
    unfinished += [tile.path for tile in tiles if tile.width > tile.within(log.size)]
    return LogReport(log.checkpoint, len(inside) + 2, tuple(unfinished))


def _check_hashes(log: Log, tile: Tile, proved: Sequence[bytes]) -> None:
    if tile.width < len(proved):
        _compare(log, tile, b"".join(proved[: tile.width]), "LG705")


def _compare(log: Log, tile: Tile, expected: bytes, finding: str) -> None:
    found = log.reader.read(tile.path, tile.max_bytes, finding)
    if found != expected:
        first = next((i for i, (a, b) in enumerate(zip(found, expected, strict=False)) if a != b), len(expected))
        message = "an older partial file of the log differs from what followed it"
        raise broken(finding, message, file=tile.path, byte=first)
