"""`[data] numbers`: how the numbers of a CSV file are spelled, where it is not 1234.56. Pure.

A declared helper before the contract, like `[data] dates`. It is said by example: 1.234,56 means that a comma begins
the decimals and that dots stand between thousands. A cell of a field of numbers that is spelled so is handed to
Pydantic as 1234.56. Where a comma begins the decimals, a dot never does: in every other cell the two change places, so
that 1.23 becomes 1,23, which is no number. No number of thousands begins with a zero: 0.125 becomes 0,125, and not 125.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from lockgate.errors import Usage

_THOUSANDS: Final = {",": ",", ".": ".", " ": "[ \u00a0\u202f]", "'": "['\u2019]"}
"""What may stand between thousands, as a class of letters: a space is also one that does not break a line."""

EXAMPLES: Final = ("1234,56", "1.234,56", "1 234,56", "1,234.56", "1'234.56", "1 234.56")
"""All spellings that can be declared."""


@dataclass(frozen=True)
class Spelled:
    """`grouped`: a pattern of the whole cells in which thousands stand apart, "" where none may; `between` matches what
    stands there. `comma`: a comma begins the decimals.
    """

    comma: bool
    grouped: str
    between: str


def check_numbers(spelling: str) -> str:
    """`spelling` itself ("" for 1234.56). Raises Usage LG1100 when it is none of EXAMPLES."""
    if spelling and spelling not in EXAMPLES:
        raise Usage(
            "LG1100",
            f"{spelling!r} does not say how numbers are spelled",
            seen={"numbers": spelling, "known": list(EXAMPLES)},
            next='set [data] numbers in lockgate.toml, for example "1.234,56"',
        )
    return spelling


def spelled(spelling: str) -> Spelled:
    """What one of EXAMPLES means."""
    comma = spelling.endswith(",56")
    mark = spelling[1] if spelling[1] in _THOUSANDS and len(spelling) > len("1234,56") else ""
    if not mark:
        return Spelled(comma, "", "")
    between = re.escape(mark) if mark in ",." else _THOUSANDS[mark]
    decimal = "," if comma else r"\."
    return Spelled(comma, rf"^[+-]?[1-9][0-9]{{0,2}}({between}[0-9]{{3}})+({decimal}[0-9]*)?$", between)
