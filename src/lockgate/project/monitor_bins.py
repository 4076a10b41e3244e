"""What lies in each bin of a stream, in words. Pure.

A cut is a pair of value and share, where the share splits equal values by chance: a value that is so frequent that it
fills a bin can lie in two of them, and then both name it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from lockgate.monitor.plan import MISSING, Cuts, Stream

MOST_NAMES: Final = 3
LEAST_PART: Final = 0.01
"""Of a value, what a bin holds at least so that it is named after it: a cut at one row is drawn to be at an end."""
_LOWEST: Final = -sys.float_info.max
MISSING_NAME, UNSEEN_NAME = "missing", "never seen"


def bin_words(stream: Stream, bins: int, *, recut: bool = False) -> tuple[str, ...]:
    """A text for each of `bins` bins.

    In several strata a bin is another range in each: there it is named by its place. Where the bins were cut anew out
    of counts (`recut`), each lies about where it lay before.
    """
    cuts = stream.cuts[0]
    if len(cuts.balls) != bins or any(each.values != cuts.values for each in stream.cuts):
        return tuple(f"part {place + 1} of {bins}" for place in range(bins))
    words = _ranges(cuts.values) if stream.categories is None else _categories(stream, cuts)
    return tuple(f"about {each}" if recut else each for each in words)


def _ranges(values: Sequence[float]) -> Iterator[str]:
    if not values:
        yield "all"
        return
    before = None
    for value in values:
        if value <= _LOWEST:
            yield MISSING_NAME
        elif before is None:
            yield f"{MISSING_NAME} or <= {value:.4g}"
        elif before <= _LOWEST:
            yield f"<= {value:.4g}"
        else:
            yield f"{value:.4g}" if value == before else f"> {before:.4g} to {value:.4g}"
        before = value
    yield f"> {before:.4g}" if before is not None and before > _LOWEST else "any number"


def _categories(stream: Stream, cuts: Cuts) -> Iterator[str]:
    known = stream.categories or ()
    names = [MISSING_NAME, *map(str, known), UNSEEN_NAME]
    # A place below all codes, and one above them: codes are -1 for missing, then the known ones, then all others.
    places = [(MISSING, 0.0), *zip(cuts.values, cuts.shares, strict=True), (float(len(known)), 1.0)]
    for low, high in pairwise(places):
        parts = {name: _part(float(code), low, high) for code, name in enumerate(names, -1)}
        inside = [name for name, part in parts.items() if part >= LEAST_PART]
        yield _listed(inside or [max(parts, key=lambda name: parts[name])])


def _part(code: float, low: tuple[float, float], high: tuple[float, float]) -> float:
    """How much of the rows with `code` lies between two cuts."""
    begin = 0.0 if code > low[0] else low[1] if code == low[0] else 1.0
    end = 1.0 if code < high[0] else high[1] if code == high[0] else 0.0
    return max(end - begin, 0.0)


def _listed(names: Sequence[str]) -> str:
    rest = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {rest} more" if rest > 0 else "")
