"""A log, read and verified: nothing that `Log` returns is unproved against the signed checkpoint.

Trusts the sealer's public key, the origin and the store of checkpoints seen; nothing in the folder.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from lockgate.audit.seen import SeenStore
from lockgate.audit.tiles import ENTRIES, WIDTH, RightEdge, Tile, TileReader, broken, encode_bundle, forked
from lockgate.core.checkpoint import Checkpoint, VerifierKey, parse_checkpoint
from lockgate.core.merkle import EMPTY_ROOT, leaf_hashes, node_hash, root_over, rows_of, split_point
from lockgate.errors import Refused, VerificationFailed
from lockgate.trust.note import verify_note

VKEY = "log.vkey"
_MAX_VKEY_BYTES = 4096
_CACHED_TILES = 128
Rows = Sequence[tuple[bytes, ...]]


class Log:
    """A verified view of the log at one checkpoint. Needs no lock: what it reads is never rewritten."""

    def __init__(self, reader: TileReader, checkpoint: Checkpoint, note: bytes) -> None:
        """For callers who have verified `note`: loads the right edge and checks it. See `open`."""
        self.reader = reader
        self.checkpoint = checkpoint
        self.note = note
        self.size = checkpoint.size
        self.root = checkpoint.root
        self._tiles: OrderedDict[tuple[int, int], Rows] = OrderedDict()
        self._edge_rows: list[Rows] = []
        self.edge = self._read_edge()

    @classmethod
    def open(
        cls,
        log_dir: Path,
        *,
        public_key: bytes,
        origin: str,
        seen: SeenStore | None = None,
        former: Sequence[bytes] = (),
    ) -> Log:
        """Open the log in `log_dir`. `former`: the sealer's earlier keys; one may have signed what was last seen.

        1. `log.vkey` names the key that the caller trusts.
        2. The checkpoint is one of this log and signed by that key.
        3. The tiles on the right edge hash to the checkpoint's root.
        4. The log is not older than the last checkpoint seen, and that one's tree is a prefix of this one's.
        5. This checkpoint is kept as seen.

        Raises VerificationFailed LG701 to LG708 or LG718; LG866 a rotation of the sealer was interrupted;
        Unavailable LG713.
        """
        last = seen.load() if seen else None
        reader = TileReader(log_dir)
        check_vkey(reader, public_key, origin, former)
        note = reader.note()
        log = cls(reader, verify_checkpoint(note, public_key, origin), note)
        if seen and last is not None:
            log.check_extends(last, public_key, origin, former)
        if seen and last != note:
            seen.advance(note)
        return log

    def entry(self, index: int) -> bytes:
        """The entry at `index`. Raises Refused LG714 outside the log, VerificationFailed."""
        return next(iter(self.entries(index, index + 1)))

    def entries(self, start: int, end: int) -> Iterator[bytes]:
        """The entries from `start` to `end` (exclusive), each compared with its proved leaf hash."""
        if not 0 <= start <= end <= self.size:
            raise Refused(
                "LG714",
                "the log has no such entry",
                seen={"start": start, "end": end, "size": self.size},
                next="lockgate log show",
            )
        return self._entries(start, end)

    def subtree(self, start: int, end: int) -> bytes:
        """MTH(D[start:end]) for a range that is a node of this tree or of one of its prefixes."""
        count = end - start
        if count < 1:
            return EMPTY_ROOT
        if count & (count - 1):
            middle = start + split_point(count)
            return node_hash(self.subtree(start, middle), self.subtree(middle, end))
        level = (count.bit_length() - 1) // 8
        first = start >> 8 * level
        height = (count >> 8 * level).bit_length() - 1
        return self._rows(level, first // WIDTH)[height][first % WIDTH >> height]

    def tile(self, level: int, index: int) -> tuple[bytes, ...]:
        """The hashes of a tile, proved: a full tile by the hash above it, the right edge by the checkpoint."""
        return self._rows(level, index)[0]

    def _rows(self, level: int, index: int) -> Rows:
        """A tile and every node in it: whoever proves a tile has computed them, and proofs are made of them."""
        rows = self._tiles.get((level, index))
        if rows is not None:
            self._tiles.move_to_end((level, index))
            return rows
        tile = Tile(level, index).at(self.size)
        if tile.width < WIDTH:
            return self._edge_rows[level]
        rows = rows_of(self.reader.hashes(tile))
        above = self.tile(level + 1, index // WIDTH)[index % WIDTH]
        found = rows[-1][0]
        if found != above:
            raise broken(
                "LG705",
                "a tile of the log does not hash to what the signed checkpoint says",
                file=tile.path,
                expected=above.hex(),
                found=found.hex(),
            )
        self._tiles[level, index] = rows
        if len(self._tiles) > _CACHED_TILES:
            self._tiles.popitem(last=False)
        return rows

    def check_extends(self, last: bytes, public_key: bytes, origin: str, former: Sequence[bytes] = ()) -> None:
        """Step 4 of `open`, for the note last seen. Raises VerificationFailed LG707, LG708, LG718.

        What a former key signed is compared all the same: nothing is believed of it but that this tree was seen.
        """
        try:
            key = signed_by(last, origin, former) or public_key
            old = parse_checkpoint(verify_note(last, origin, key))
        except ValueError as error:
            raise broken("LG718", f"the checkpoint that was last seen is damaged: {error}") from None
        if old.size > self.size:
            raise broken("LG707", "the log was rolled back", size=self.size, last_seen_size=old.size)
        found = self.subtree(0, old.size)
        if old.root != found:
            raise forked(
                "the log has forked: it does not contain the tree that was seen before",
                size=self.size,
                last_seen_size=old.size,
                expected=old.root.hex(),
                found=found.hex(),
            )

    def with_bundle(self) -> RightEdge:
        """The right edge with the entries of its partial bundle, proved: what the sealer goes on from."""
        start = self.size // WIDTH * WIDTH
        return replace(self.edge, bundle=encode_bundle(list(self._entries(start, self.size))))

    def _entries(self, start: int, end: int) -> Iterator[bytes]:
        for number in range(start // WIDTH, -(-end // WIDTH)):
            bundle = Tile(ENTRIES, number).at(self.size)
            hashes = self.tile(0, number)
            first = number * WIDTH
            wanted = slice(max(0, start - first), end - first)
            entries, proved = self.reader.bundle(bundle)[wanted], hashes[wanted]
            found = leaf_hashes(entries)
            if tuple(found) != proved:
                offset = next(i for i, pair in enumerate(zip(found, proved, strict=True)) if pair[0] != pair[1])
                index = first + wanted.start + offset
                raise broken(
                    "LG706",
                    f"log entry {index} is not the one that was sealed",
                    file=bundle.path,
                    entry=index,
                    expected=proved[offset].hex(),
                    found=found[offset].hex(),
                )
            yield from entries

    def _read_edge(self) -> RightEdge:
        levels: list[tuple[bytes, ...]] = []
        below: bytes | None = None
        for level in range((self.size.bit_length() + 7) // 8):
            tile = Tile(level, self.size >> 8 * (level + 1), self.size >> 8 * level & 255)
            levels.append(self.reader.hashes(tile) if tile.width else ())
            self._edge_rows.append(rows_of(levels[-1]))
            below = root_over(self._edge_rows[-1], below)
        root = EMPTY_ROOT if below is None else below
        if root != self.root:
            raise broken(
                "LG705",
                "the tiles on the log's right edge do not hash to the signed root",
                size=self.size,
                expected=self.root.hex(),
                found=root.hex(),
            )
        return RightEdge(self.size, tuple(levels))


def verify_checkpoint(note: bytes, public_key: bytes, origin: str) -> Checkpoint:
    """The checkpoint in `note`, signed by `public_key` under the name `origin`. Raises VerificationFailed."""
    try:
        text = verify_note(note, origin, public_key)
    except ValueError as error:
        raise broken(
            "LG702", f"the log's checkpoint is not signed by the log's key: {error}", file="checkpoint", origin=origin
        ) from None
    try:
        checkpoint = parse_checkpoint(text)
    except ValueError as error:
        raise broken("LG701", f"the log's checkpoint is malformed: {error}", file="checkpoint") from None
    if checkpoint.origin != origin:
        raise broken("LG703", "the checkpoint is one of another log", expected=origin, found=checkpoint.origin)
    return checkpoint


def vkey_bytes(public_key: bytes, origin: str) -> bytes:
    """The one content of `log.vkey`."""
    return (VerifierKey(origin, public_key).line() + "\n").encode()


def signed_by(note: bytes, origin: str, keys: Sequence[bytes]) -> bytes | None:
    """Which of `keys` signed `note` under the name `origin`; None when none did."""
    for key in keys:
        with suppress(ValueError):
            verify_note(note, origin, key)
            return key
    return None


def check_vkey(reader: TileReader, public_key: bytes, origin: str, former: Sequence[bytes] = ()) -> None:
    """Raise VerificationFailed LG704 unless `log.vkey` holds exactly the key that the caller trusts.

    LG866 when it is one that the roles file had before: a rotation was interrupted, or an old log was put here.
    """
    found = reader.read(VKEY, _MAX_VKEY_BYTES, "LG704")
    expected = vkey_bytes(public_key, origin)
    if found == expected:
        return
    seen = {"expected": expected.decode().strip(), "found": found[:200].decode(errors="replace").strip()}
    if found in [vkey_bytes(key, origin) for key in former]:
        raise VerificationFailed(
            "LG866",
            "log.vkey still names the sealer's former key",
            seen={"file": VKEY, **seen},
            next="lockgate log reindex   # on the machine with the sealer's key",
        )
    raise broken("LG704", "log.vkey is not the key that the roles file gives the sealer", file=VKEY, **seen)
