"""Records of one model from the log of predictions, each with its proof: first, last, and the newest of days."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final

from lockgate.audit.prove import prove
from lockgate.core.record_kinds import FileRecord, RefusedRecord, RequestRecord, parse_any
from lockgate.core.records import PredictionRecord
from lockgate.export.evidence.spec import Sample, Samples

if TYPE_CHECKING:
    from lockgate.audit.log import Log
    from lockgate.core.digest import Digest

LOOKED: Final = 250_000
"""So many of the newest entries are looked at: a few seconds' work. Which they are is said in the archive."""

_TIME: Final = re.compile(rb'"time":([0-9]{1,16})[,}]')
_KIND: Final = re.compile(rb'"kind":"([a-z]{1,32})"')
_ANSWERS: Final = (PredictionRecord, RequestRecord, RefusedRecord, FileRecord)
_KINDS: Final = frozenset(kind.KIND.encode() for kind in _ANSWERS[1:])


@dataclass
class _Found:
    """What was seen so far of a model: how many entries, the first, the last, the newest of each day."""

    count: int = 0
    first: int | None = None
    last: int | None = None
    days: dict[date, int] = field(default_factory=dict)

    def add(self, index: int, time: datetime) -> None:
        self.count += 1
        self.first = index if self.first is None else self.first
        self.last = index
        self.days[time.date()] = index


def samples(log: Log, manifest: Digest, most: int) -> Samples:
    """Up to `most` records of answers and refusals by the model `manifest`. Raises VerificationFailed as `Log.entry`.

    Only the newest LOOKED entries are looked at. A record holds commitments, and a keyed pseudonym in place of a
    client's name: no value of a row, and no name.
    """
    start, found = max(0, log.size - LOOKED), _Found()
    needle = f'"model":"{manifest}"'.encode()
    for index, entry in enumerate(log.entries(start, log.size), start=start):
        # Records have one spelling, so what is looked for stands there so; those that are chosen are parsed.
        time = _TIME.search(entry) if needle in entry and _may_answer(entry) else None
        if time is not None:
            found.add(index, _moment(int(time.group(1))))
    chosen = _chosen(found, most, "" if start == 0 else " of those looked at")
    read = [(index, log.entry(index), why) for index, why in sorted(chosen.items())]
    taken = [_sample(log, index, leaf, why) for index, leaf, why in read if _is_answer(leaf, manifest)]
    return Samples(tuple(taken), start, log.size, found.count)


def _chosen(found: _Found, most: int, of: str) -> dict[int, str]:
    """Which entries, and why: the first and the last first, then the newest of each day, the newest days first."""
    chosen: dict[int, str] = {}
    wanted = [(found.first, f"the first{of}"), (found.last, "the last")]
    wanted += [(index, f"the newest of {day}") for day, index in sorted(found.days.items(), reverse=True)]
    for index, why in wanted:
        if index is not None and len(chosen) < most:
            chosen.setdefault(index, why)
    return chosen


def _may_answer(entry: bytes) -> bool:
    """Whether it says that it is an answer or a refusal; those of version 1 say nothing."""
    kind = _KIND.search(entry)
    return kind is None or kind.group(1) in _KINDS


def _is_answer(entry: bytes, manifest: Digest) -> bool:
    try:
        record = parse_any(entry)
    except ValueError:
        return False
    return isinstance(record, _ANSWERS) and record.model == manifest


def _sample(log: Log, index: int, leaf: bytes, why: str) -> Sample:
    time = _TIME.search(leaf)
    return Sample(index, leaf, prove(log, index), _moment(int(time.group(1)) if time else 0), why)


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
