"""The labels that count: of each prediction the first that the log has, and only of predictions that it has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lockgate.audit.log import Log
from lockgate.audit.predictions import PredictionIndex
from lockgate.core.record_kinds import FeedbackRecord, Of, RequestRecord, parse_any
from lockgate.core.records import PredictionRecord, Record

_MARK = b'"kind":"feedback"'
"""No other record has these bytes: its texts are of digits, and the names in it bear no quotes."""


@dataclass(frozen=True)
class Counted:
    """Where a label's record stands, and the record."""

    index: int
    record: FeedbackRecord


def feedback(log: Log) -> Iterator[Counted]:
    """Every record of a label, in the order of the log. Raises VerificationFailed for the log."""
    for index, entry in enumerate(log.entries(0, log.size)):
        if _MARK in entry:
            record = _parsed(entry)
            if isinstance(record, FeedbackRecord):
                yield Counted(index, record)


def counted(log: Log) -> dict[Of, Counted]:
    """The label of each prediction that has one.

    1. The log has the prediction: a record with that gateway and number, and that row in it.
    2. It is the first label of that prediction in the log, whoever told it.
    """
    index = PredictionIndex(log)
    found: dict[Of, Counted] = {}
    for one in feedback(log):
        of = one.record.of_
        if of not in found and has(index, of):
            found[of] = one
    return found


def has(index: PredictionIndex, of: Of) -> bool:
    """Whether the log has this prediction."""
    found = index.at(of.gateway, of.seq)
    if isinstance(found, RequestRecord):
        return of.row < len(found.inputs)
    return isinstance(found, PredictionRecord) and of.row == 0


def _parsed(entry: bytes) -> Record | None:
    try:
        return parse_any(entry)
    except ValueError:
        return None
