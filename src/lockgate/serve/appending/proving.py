"""That the log has an appender's records: shown by whoever takes them, and checked by whoever made them.

The proof is of the last record, by the bytes that lie in its maker's own spool, under a checkpoint that the sealer of
the roles file signed. The sealer, which alone has that key, takes a gateway's numbers in order and without a gap, so
that those before it are in the log as well; `log verify` holds it to that. That those before it are the same bytes the
proof does not say: it is of one record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from lockgate.audit.log import Log
from lockgate.audit.prove import prove
from lockgate.audit.spool import CutBack, read_spool
from lockgate.audit.tiles import TileReader
from lockgate.core.checkpoint import parse_checkpoint, parse_note
from lockgate.core.record_scan import place_of
from lockgate.errors import VerificationFailed
from lockgate.serve.recording.parts import part_path


def prove_last(folder: Path, note: bytes, wanted: Mapping[str, tuple[int, int]]) -> dict[str, bytes]:
    """A C2SP tlog-proof for each gateway: `wanted` has the number after its last record, and that record's index.

    Of nothing where there is no checkpoint yet, or one from before. The note is not verified: who gets the proof does.
    Raises VerificationFailed LG703, LG705, Unavailable LG713.
    """
    if not note:
        return {}
    try:
        checkpoint = parse_checkpoint(parse_note(note).text)
    except ValueError as error:
        raise VerificationFailed("LG703", f"no checkpoint: {error}", next="lockgate log verify") from None
    log = Log(TileReader(folder), checkpoint, note)
    return {gateway: prove(log, at) for gateway, (number, at) in wanted.items() if number and at < log.size}


class Own:
    """Finds records of one gateway in its own spool, going forward: each byte is read once, or a few times."""

    def __init__(self, folder: Path, gateway: str, owner: int) -> None:
        self._folder = folder
        self._gateway = gateway
        self._owner = owner
        self._part = self._offset = 0
        self._held: dict[int, bytes] = {}
        self.next = 0
        """The number after the highest that was read."""

    def find(self, numbers: Sequence[int], wanted: int) -> bytes | None:
        """The record `wanted`; None where it is not there, or no more. `numbers`: the parts that lie there.

        Raises VerificationFailed LG731, LG7022, Unavailable LG732.
        """
        for part in [number for number in numbers if number >= self._part]:
            if part != self._part:
                self._part, self._offset = part, 0
            while wanted >= self.next and self._read():
                pass
            if wanted < self.next:
                break
        return self._held.get(wanted)

    def _read(self) -> bool:
        """Whether there was more. What was read last is held until then."""
        path = part_path(self._folder, self._gateway, self._part)
        try:
            found = read_spool(path, self._offset, owner=self._owner)
        except CutBack:
            found = read_spool(path, 0, owner=self._owner)
        if not found.records:
            return False
        self._offset = found.offset
        try:
            self._held = {place_of(data)[1]: data for data in found.records}
        except ValueError:
            self._held = {}
            return True
        self.next = max(self.next, max(self._held) + 1)
        return True
