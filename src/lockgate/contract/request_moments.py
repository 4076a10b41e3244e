"""Dates and times as a request spells them: ISO 8601, part by part, in the forms that all readers agree on. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from lockgate.contract.plan import Day, Moment
from lockgate.contract.request_memory import UNKNOWN

_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_DAY = re.compile(_DATE, re.ASCII)
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{3}(?:[0-9]{3})?)?"
_OFFSET = r"(Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])?"
_MOMENT = re.compile(f"{_DATE}[T ]{_CLOCK}{_OFFSET}", re.ASCII)
_FIRST = date(1970, 1, 1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = _EPOCH.replace(tzinfo=None)
_MICROSECOND = timedelta(microseconds=1)
_DAY_LENGTH = 86_400_000_000
_FIRST_YEAR, _LAST_YEAR = "0001", "9999"


def day(node: Day) -> Callable[[str], Any]:
    """What makes the microseconds of a date's midnight, or UNKNOWN."""

    def decide(text: str) -> Any:
        if _DAY.fullmatch(text) is None:
            return UNKNOWN
        try:
            days = (date.fromisoformat(text) - _FIRST).days
        except ValueError:
            return UNKNOWN
        return days * _DAY_LENGTH if _within(node, days) else UNKNOWN

    return decide


def moment(node: Moment) -> Callable[[str], Any]:
    """What makes the microseconds of a time, or UNKNOWN; a time without an offset is taken as UTC."""
    zones = {node.zone, node.bounds} - {"any"}

    def decide(text: str) -> Any:
        found = _MOMENT.fullmatch(text)
        if found is None:
            return UNKNOWN
        aware = found.group(1) is not None
        # With an offset, the time in UTC may lie beyond the years that Python knows.
        if zones - {"aware" if aware else "naive"} or (aware and text[:4] in (_FIRST_YEAR, _LAST_YEAR)):
            return UNKNOWN
        try:
            time = datetime.fromisoformat(text)
        except ValueError:
            return UNKNOWN
        number = (time - (_EPOCH if aware else _NAIVE_EPOCH)) // _MICROSECOND
        return number if _within(node, number) else UNKNOWN

    return decide


def _within(node: Day | Moment, number: int) -> bool:
    if node.ge is not None and number < node.ge:
        return False
    if node.gt is not None and number <= node.gt:
        return False
    if node.le is not None and number > node.le:
        return False
    return node.lt is None or number < node.lt
