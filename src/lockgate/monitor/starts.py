"""When bets begin: a change may come at any time, and a bet placed long before it has lost its stake by then.

So a new *start* opens every so many rows, with a weight of its own; all weights together are 1, for ever, so there is
no horizon. What no start has yet is kept as cash. Of old starts only some go on; what a closed one has won or lost is
cash from then on. Which ones close depends on their numbers alone, never on how well they do.
"""

from __future__ import annotations

FIRST = 0.04
"""The weight of the start with the first row: production that was never like the reference."""
FLAT = 80.0
"""Starts up to about this one weigh alike; much later ones fall off with the square of their number."""
DENSE = 16
"""So many starts go on, whatever their numbers."""
SPARSE = 8
"""Of those somewhat older every so manieth; of still older ones ever fewer."""
COARSE = 4
"""Wide bets are placed at every so manieth start: they are dear to compute, and lose little by a few rows before."""

NOTICE_ROWS = 1000
"""Rows whose starts together weigh 1 in the notice: so its run length is in rows, however large records are."""


def tail(start: int) -> float:
    """The weight of this start and all later ones together."""
    return 1.0 if start == 0 else (1 - FIRST) / (1 + (start - 1) / FLAT)


def weight(start: int, width: int = 1) -> float:
    """The weight of `width` starts from this one on."""
    if start == 0:
        return FIRST + weight(1, width - 1)
    return tail(start) * width / (FLAT + start - 1 + width)  # the difference of two tails, also where they are tiny


def goes_on(start: int, newest: int) -> bool:
    """Whether a start is still bet on when `newest` opens: of those with twice the age half as many, and the first."""
    age = newest - start
    if start == 0 or age < DENSE:
        return True
    return start % (SPARSE << ((age // DENSE).bit_length() - 1)) == 0
