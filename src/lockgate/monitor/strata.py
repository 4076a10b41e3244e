"""Which stratum a row belongs to: the hour, the weekday (both UTC) and the site that its fields say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from lockgate.monitor.plan import MOST_STRATA, Strata, Unit
from lockgate.runtime.serving import NULL_TIMESTAMP

Array: TypeAlias = npt.NDArray[Any]
Places: TypeAlias = npt.NDArray[np.int16]

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LEAST_ROWS = 200
"""Rows of the reference that a stratum must be expected to have."""

LONGEST_SITE = 100

_HOUR, _DAY = 3_600_000_000, 86_400_000_000
_FIRST = 3
"""1970-01-01 was a Thursday."""


def chosen(
    by: Sequence[Unit], time: str, site: str, columns: Mapping[str, Array], share: float, most: int = MOST_STRATA
) -> Strata:
    """The strata of the pilot in `columns` that are frequent enough; `share`: counted rows for each of its rows."""
    if not by:
        return Strata()
    wanted = Strata(tuple(by), time, site, names=("",))
    found = Counter(name for name in names_of(wanted, columns) if name is not None)
    ranked = sorted(found, key=lambda name: (-found[name], name))
    kept = [name for name in ranked if found[name] * share >= LEAST_ROWS][: most - 1]
    left = sum(found.values()) - sum(found[name] for name in kept)
    rest = len(kept) if left * share >= LEAST_ROWS or not kept else None
    # The rest has a number of its own, and a name that no row can have.
    names = tuple(sorted(kept)) if rest is None else (*sorted(kept), "rest of them")
    return Strata(tuple(by), time, site, names, rest)


def numbers(strata: Strata, columns: Mapping[str, Array], rows: int) -> Places:
    """The stratum of each row. Names that are not there, and rows without one, are in `rest`, or else in the first: who
    sends a site that nobody knows, or none, is looked at all the same. -1 of all rows where the fields are not there.
    """
    if not strata.by:
        return np.zeros(rows, np.int16)
    if not needs(strata.by, strata.time, strata.site) <= columns.keys():
        return np.full(rows, -1, np.int16)
    rest = strata.rest or 0
    places = {name: place for place, name in enumerate(strata.names) if place != strata.rest}
    found = (rest if name is None else places.get(name, rest) for name in names_of(strata, columns))
    return np.fromiter(found, np.int16, rows)


def names_of(strata: Strata, columns: Mapping[str, Array]) -> list[str | None]:
    """What each row is called; None where a field does not say it, or is not there."""
    if any(needed not in columns for needed in needs(strata.by, strata.time, strata.site)):
        return [None] * len(next(iter(columns.values()), ()))
    parts = [_part(unit, columns[strata.site if unit == "site" else strata.time]) for unit in strata.by]
    if len(parts) == 1:
        return parts[0]
    return [None if None in each else " ".join(map(str, each)) for each in zip(*parts, strict=True)]


def needs(by: Sequence[Unit], time: str, site: str) -> set[str]:
    """The fields that say the stratum."""
    return {site if unit == "site" else time for unit in by}


def _part(unit: Unit, column: Array) -> list[str | None]:
    if unit == "site":
        return [_text(value) for value in column.tolist()]
    known = (column != NULL_TIMESTAMP).tolist()
    if unit == "hour":
        hours = (column // _HOUR % 24).tolist()
        return [f"{hour:02d}" if there else None for hour, there in zip(hours, known, strict=True)]
    days = ((column // _DAY + _FIRST) % 7).tolist()
    return [DAYS[day] if there else None for day, there in zip(days, known, strict=True)]


def _text(value: object) -> str | None:
    if value is None or value != value:  # noqa: PLR0124 - NaN is missing
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value)
    return text if len(text) <= LONGEST_SITE else "too long"
