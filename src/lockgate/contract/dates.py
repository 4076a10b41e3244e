"""`[data] dates`: how the dates of a CSV file are spelled, where it is not ISO 8601. Pure.

A declared helper before the contract: a cell of a field of dates or times that is spelled exactly so is handed to
Pydantic as ISO 8601; every other cell is handed on as it is. Names of months and years of two digits are not taken:
what they mean depends on the language and on the century. A file with several spellings names each of them, with | in
between, as long as no cell could be read by two: "%d.%m.%Y | %d.%m.%Y %H:%M". %-d, %-m and %-H have no leading zero.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from lockgate.errors import Usage

_DIRECTIVES = ("%d", "%m", "%Y", "%H", "%M", "%S", "%I", "%p")
_DATE = _DIRECTIVES[:3]
_TIMES = (
    *((), ("%H", "%M"), ("%H", "%M", "%S")),
    *(("%I", "%M", "%p"), ("%I", "%M", "%S", "%p")),
)
_BARE = ("%-d", "%-m", "%-H", "%-I")
"""Without a leading zero."""
_PARTS = re.compile(r"%-?.?|[^%]+")
_LITERAL = re.compile(r"[ .:/,T-]+")
_BETWEEN = " | "

CANDIDATES = (
    *("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d"),
    *("%d.%m.%Y %H:%M", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%Y/%m/%d %H:%M"),
    *("%d.%m.%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%Y/%m/%d %H:%M:%S"),
    *("%-d.%-m.%Y", "%-d/%-m/%Y", "%-m/%-d/%Y", "%-d.%-m.%Y %H:%M", "%-d/%-m/%Y %H:%M", "%-m/%-d/%Y %H:%M"),
    *("%-d.%-m.%Y %-H:%M", "%-d/%-m/%Y %-H:%M", "%-m/%-d/%Y %-H:%M", "%-m/%-d/%Y %-I:%M %p", "%m/%d/%Y %I:%M %p"),
    *("%-m/%-d/%Y %-I:%M:%S %p", "%m/%d/%Y %I:%M:%S %p"),
)
"""Spellings that refused dates are tried with, to say which setting mends them."""


def check_dates(spelling: str) -> str:
    """`spelling` itself ("" for none). Raises Usage LG116 when it says more, or less, than one date or several."""
    each = spellings(spelling)
    if not all(_is_date(one) for one in each):
        raise Usage(
            "LG116",
            f"{spelling!r} does not spell dates: day, month and year of four digits each once, and no names",
            seen={"dates": spelling, "directives": [*_DIRECTIVES, *_BARE]},
            next='set [data] dates in lockgate.toml, for example "%d.%m.%Y"',
        )
    if len({_shape(one) for one in each}) < len(each):
        raise Usage(
            "LG116",
            f"{spelling!r} spells dates in two ways that a cell could be read by: which is the day, which the month?",
            seen={"dates": spelling},
            next="set [data] dates in lockgate.toml to the one that holds",
        )
    return spelling


def spellings(spelling: str) -> tuple[str, ...]:
    """Each of the spellings that `[data] dates` names."""
    return tuple(spelling.split(_BETWEEN)) if spelling else ()


def joined(each: Iterable[str]) -> str:
    """`[data] dates` of these spellings."""
    return _BETWEEN.join(each)


def iso_of(spelling: str) -> str:
    """The ISO 8601 spelling of what `spelling` says."""
    return "%Y-%m-%dT%H:%M:%S" if "%M" in spelling else "%Y-%m-%d"


def _shape(spelling: str) -> str:
    """What two spellings share when one cell may fit both: digits are digits, with or without a leading zero."""
    return re.sub(r"%-?[dmHIMS]", "0", spelling)


def _is_date(spelling: str) -> bool:
    parts = _PARTS.findall(spelling)
    marks = [part for part in parts if part.startswith("%")]
    between = [part for part in parts if not part.startswith("%")]
    if not all(part in _DIRECTIVES or part in _BARE for part in marks):
        return False
    said = [part.replace("-", "") for part in marks]
    times = tuple(part for part in said if part not in _DATE)
    whole = sorted(part for part in said if part in _DATE) == sorted(_DATE) and times in _TIMES
    # Two directives without anything between them could be read in more than one way.
    return whole and all(_LITERAL.fullmatch(text) for text in between) and "%%" not in re.sub(r"%-?.", "%", spelling)
