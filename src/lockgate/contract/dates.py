"""`[data] dates`: how the dates of a CSV file are spelled, where it is not ISO 8601. Pure.

A declared helper before the contract: a cell of a field of dates or times that is spelled exactly so is handed to
Pydantic as ISO 8601; every other cell is handed on as it is. Names of months and years of two digits are not taken:
what they mean depends on the language and on the century.
"""

from __future__ import annotations

import re

from lockgate.errors import Usage

_DIRECTIVES = ("%d", "%m", "%Y", "%H", "%M", "%S")
_DATE, _TIME = _DIRECTIVES[:3], _DIRECTIVES[3:]
_PARTS = re.compile(r"%.?|[^%]+")
_LITERAL = re.compile(r"[ .:/,T-]+")

CANDIDATES = (
    *("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d"),
    *("%d.%m.%Y %H:%M", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%Y/%m/%d %H:%M"),
    *("%d.%m.%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%Y/%m/%d %H:%M:%S"),
)
"""Spellings that refused dates are tried with, to say which setting mends them."""


def check_dates(spelling: str) -> str:
    """`spelling` itself ("" for none). Raises Usage LG116 when it says more, or less, than one date."""
    if spelling and not _is_date(spelling):
        raise Usage(
            "LG116",
            f"{spelling!r} does not spell dates: day, month and year of four digits each once, and no names",
            seen={"dates": spelling, "directives": list(_DIRECTIVES)},
            next='set [data] dates in lockgate.toml, for example "%d.%m.%Y"',
        )
    return spelling


def iso_of(spelling: str) -> str:
    """The ISO 8601 spelling of what `spelling` says."""
    return "%Y-%m-%dT%H:%M:%S" if "%H" in spelling else "%Y-%m-%d"


def _is_date(spelling: str) -> bool:
    parts = _PARTS.findall(spelling)
    said = [part for part in parts if part.startswith("%")]
    between = [part for part in parts if not part.startswith("%")]
    if len(set(said)) != len(said) or not all(part in _DIRECTIVES for part in said):
        return False
    times = [part for part in said if part in _TIME]
    whole = all(part in said for part in _DATE) and times == list(_TIME[: len(times)]) and len(times) != 1
    # Two directives without anything between them could be read in more than one way.
    return whole and all(_LITERAL.fullmatch(text) for text in between) and "%%" not in re.sub(r"%.", "%", spelling)
