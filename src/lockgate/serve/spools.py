"""Spools that gateways left behind: each start of a gateway has a file of its own."""

from __future__ import annotations

from pathlib import Path

from lockgate.audit.log import Log
from lockgate.audit.predictions import PredictionIndex
from lockgate.audit.spool import read_spool
from lockgate.core.records import parse_record

ENDING = ".spool"


def clear(spools: Path, log: Log) -> int:
    """Remove the spools whose every record is in `log`; how many. For when no gateway runs.

    A spool that is damaged, or holds a record that the log does not, stays: it may be all that is left of it.
    Raises VerificationFailed for the log, or for damage in a spool's middle.
    """
    index = PredictionIndex(log)
    removed = 0
    for path in sorted(spools.glob(f"*{ENDING}")):
        if _is_sealed(path, index):
            path.unlink()
            removed += 1
    return removed


def _is_sealed(path: Path, index: PredictionIndex) -> bool:
    due, offset = index.next_seq(path.stem), 0
    while True:
        part = read_spool(path, offset)
        if part.torn:
            return False
        if not part.records:
            return True
        try:
            records = [parse_record(data) for data in part.records]
        except ValueError:
            return False
        if any(record.gateway != path.stem or record.seq >= due for record in records):
            return False
        offset = part.offset
