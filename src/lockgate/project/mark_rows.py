"""Rows as a person names them: `FILE:12,15-20`, or `12,15-20` where there is one source. Pure.

Numbers are zero-based within their source, as in the quarantine.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from lockgate.errors import Usage

MOST_ROWS: Final = 1_000_000
"""The most rows that are named at once."""

_RANGE: Final = re.compile(r"(0|[1-9][0-9]{0,14})(?:-(0|[1-9][0-9]{0,14}))?", re.ASCII)
_SHOWN: Final = 10


def rows_of(texts: Sequence[str], sources: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """The rows that `texts` name, as (source, row), in order, each once. `sources`: the names, by number.

    Raises Usage LG246 it is written in another way, or there are too many; LG245 the file is none, or not the only one.
    """
    found: set[tuple[int, int]] = set()
    for text in texts:
        name, _, numbers = text.rpartition(":")
        source = _source(name, text, sources)
        for low, high in _ranges(numbers, text):
            if len(found) + high - low >= MOST_ROWS:
                raise Usage(
                    "LG246",
                    f"more than {MOST_ROWS:,} rows at once",
                    seen={"rows": text},
                    next="mark the rows of a finding: --finding LG233",
                )
            found.update((source, row) for row in range(low, high + 1))
    return tuple(sorted(found))


def _ranges(numbers: str, text: str) -> list[tuple[int, int]]:
    matches = [_RANGE.fullmatch(part) for part in numbers.split(",")]
    ranges = [(int(one[1]), int(one[2] or one[1])) for one in matches if one]
    if len(ranges) != len(matches) or any(high < low for low, high in ranges):
        raise Usage(
            "LG246",
            f"{text!r} names no rows: it is written FILE:12,15-20, or 12,15-20 where there is one file",
            seen={"rows": text},
            next="lockgate review --screen",
        )
    return ranges


def _source(name: str, text: str, sources: Sequence[str]) -> int:
    """Named whole, or by the last part of its path."""
    fits = [place for place, one in enumerate(sources) if name in ("", one)]
    if name and not fits:
        fits = [place for place, one in enumerate(sources) if one.rpartition("/")[2] == name]
    if len(fits) == 1:
        return fits[0]
    listed = [sources[place] for place in fits][:_SHOWN] or [*sources][:_SHOWN]
    what = f"rows come from {len(fits)} files" if fits else f"no row comes from {name!r}"
    raise Usage(
        "LG245",
        f"{what}, so {text!r} does not say which",
        seen={"files": listed, "number": len(fits) or len(sources)},
        next="write FILE:12,15-20, with FILE as lockgate review --screen shows it",
    )
