"""Which windows of the log of predictions become the reference, when a person accepts how it is now."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lockgate.audit.entries import registrations
from lockgate.audit.watched import plans_of, reference_of
from lockgate.audit.windows import window_in
from lockgate.errors import Refused
from lockgate.project.acknowledging import Reference, check_rows
from lockgate.project.prediction_log import log_here
from lockgate.store.layout import RegistryStore

if TYPE_CHECKING:
    from lockgate.audit.alarms import Alarm
    from lockgate.audit.ledger import Ledger
    from lockgate.audit.log import Log
    from lockgate.project.folder import Folder

_BLOCK = 4096
"""Entries that are read at a time, from the end back."""


def reference_since(project: Folder, ledger: Ledger, alarm: Alarm, since: int | datetime | None) -> Reference:
    """The rows that the model of `alarm` was asked since then, as balls of its plans' bins.

    `since`: None: since the change that the alarm tells, of the stream that changed last. A number: the newest so many
    rows. A time: windows that began at it or later.

    The window in which the change began may hold rows of before it, which are no reference for what comes: it is left
    out, and so is each other gateway's that had begun by its end.

    Raises Refused LG982 (too few rows), LG660 the log of predictions is not here; VerificationFailed as `Log.open`.
    """
    log = log_here(project, ledger)
    if log is None or alarm.size > log.size:
        raise Refused(
            "LG660",
            "the records that this alarm is of are not here, so none of them can become the reference",
            seen={"alarm": alarm.digest, "log_size": 0 if log is None else log.size, "alarm_is_of": alarm.size},
            next="run it where the log of predictions is; lockgate monitor ack says only that it was seen",
        )
    start = _start(log, alarm, _changed(log, alarm) if since is None else since)
    check_rows(rows_from(log, alarm, start), alarm.digest)
    one = next(each for each in registrations(ledger.statements()) if each.manifest == alarm.manifest)
    plans = plans_of(one, RegistryStore(project.home / "registry").blobs)
    found = reference_of(log, plans, alarm.environment, alarm.manifest, start, log.size)
    return Reference(start, log.size, found.rows, found.balls)


def rows_from(log: Log, alarm: Alarm, start: int) -> int:
    """The rows that were counted of the alarm's model in the records from `start` on."""
    return sum(rows for _, rows, _ in _windows(log, alarm, start, log.size))


def _changed(log: Log, alarm: Alarm) -> datetime:
    """When the window ended with which the change began; the time of the alarm where no such record is there."""
    changed = max(stream.since for stream in alarm.streams)
    record = window_in(log.entry(changed))
    return alarm.evidence.time if record is None else datetime.fromtimestamp(record.time / 1000, UTC)


def _start(log: Log, alarm: Alarm, since: int | datetime) -> int:
    """The first record of the range; the end of the log where there is none."""
    found, rows, end = log.size, 0, log.size
    while end > 0:
        start = max(0, end - _BLOCK)
        for index, counted, began in reversed(_windows(log, alarm, start, end)):
            if isinstance(since, datetime) and began < since.timestamp() * 1000:
                return found
            rows += counted
            found = index if counted else found
            if isinstance(since, int) and rows >= since:
                return found
        end = start
    return found


def _windows(log: Log, alarm: Alarm, start: int, end: int) -> list[tuple[int, int, int]]:
    """Index, rows, and when it began, of each record of a window of the alarm's model."""
    found = []
    for index, entry in enumerate(log.entries(start, end), start):
        record = window_in(entry)
        if record is not None and (record.environment, record.model) == (alarm.environment, alarm.manifest):
            found.append((index, record.rows, record.since))
    return found
