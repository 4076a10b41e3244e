"""Figures that are no number as the file is read, or that could be another number. Runs in the jail.

Nothing is changed here: what is found is said to the person, who knows which it is.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from lockgate.contract.jail.respell import respelled_number
from lockgate.contract.numbers import EXAMPLES, spelled
from lockgate.project.scaffold.jail.spelled import REAL, Spelling, share_of

_LIKELY = 0.9
_OTHERS = 0.1
"""So much of a column is a number in another spelling only, where it is told to be in another spelling."""

_SAMPLE = 4000
_SHOWN = 60
_FIGURES: Final = r"[+-]?[0-9]+([.,'\u{a0}\u{202f} ][0-9]+)*"
_SIGN: Final = r"([€$£¥₹%‰]|EUR|USD|GBP|CHF|[a-zA-Zµ°]{1,4}[²³]?(/[a-zA-Z]{1,4})?)"
_AMOUNT: Final = (
    rf"^([€$£¥₹] ?{_FIGURES}|{_FIGURES}[\u{{a0}}\u{{202f}} ]?[€$£¥₹%‰]|{_FIGURES}[\u{{a0}}\u{{202f}} ]{_SIGN})$"
)


def unread(cells: pl.Series, spelling: Spelling) -> str:
    """Why the different texts of a column are no numbers although they look like it; "" where they do not."""
    sample = cells.gather_every(max(1, len(cells) // _SAMPLE))
    if share_of(sample.str.contains(_AMOUNT)) >= _LIKELY:
        return f"amounts with a sign, for example {_first(sample, _AMOUNT)}: write the number alone to use it as one"
    own = _as(sample, spelling.numbers).str.contains(REAL)
    for numbers in ("", *EXAMPLES):
        read = _as(sample, numbers).str.contains(REAL)
        if share_of(read) >= _LIKELY and share_of(read & ~own) >= _OTHERS:
            example = str(sample.filter(read & ~own)[0])[:_SHOWN]
            others = spelling.numbers or "1234.56"
            return f"numbers, but not spelled {others} as in other columns, for example {example!r}"
    return ""


def ambiguous(cells: pl.Series, spelling: Spelling) -> dict[str, str]:
    """`cell`, `read` and `other` of a number that is another one when its only mark begins decimals; or nothing."""
    if not spelling.numbers or not spelled(spelling.numbers).grouped:
        return {}
    rival = "" if spelled(spelling.numbers).comma else "1234,56"
    read, other = _as(cells, spelling.numbers), _as(cells, rival)
    good = read.str.contains(REAL)
    if not other.filter(good).str.contains(REAL).all():
        return {}
    changed = (good & (read != other)).arg_true()
    if not len(changed):
        return {}
    place = int(changed[0])
    return {"cell": str(cells[place])[:_SHOWN], "read": str(read[place])[:_SHOWN], "other": str(other[place])[:_SHOWN]}


def _as(cells: pl.Series, numbers: str) -> pl.Series:
    if not numbers:
        return cells
    return cells.alias("cell").to_frame().select(respelled_number(pl.col("cell"), numbers)).to_series()


def _first(cells: pl.Series, pattern: str) -> str:
    return repr(str(cells.filter(cells.str.contains(pattern))[0])[:_SHOWN])
