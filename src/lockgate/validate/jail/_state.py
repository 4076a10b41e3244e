"""What merges of a sketch, as JSON and back. Other machines write it: nothing of its form is believed."""

from __future__ import annotations

import base64 as _base64
import math
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import numpy as np

from lockgate.validate.jail._cells import MOST_VALUES, Cells, places
from lockgate.validate.jail._distinct import Distinct
from lockgate.validate.jail._texts import LONGEST_KEPT, MOST_FREQUENT, Texts

_MOST = 1 << 48  # sums of all counts of a column still fit 64 bits
_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True)
class Given:
    """A JSON object whose members are asked for by type. Each method raises ValueError."""

    value: dict[str, Any]

    def __init__(self, value: object) -> None:
        if not isinstance(value, dict):
            raise ValueError("the sketch of a column must be an object")
        object.__setattr__(self, "value", value)

    def text(self, name: str) -> str:
        """A member that is a string."""
        found = self.value.get(name)
        if not isinstance(found, str):
            raise ValueError(f"{name} must be a string")
        return found

    def natural(self, name: str) -> int:
        """A member that counts something."""
        return _natural(self.value.get(name), name)

    def items(self, name: str) -> list[Any]:
        """A member that is a list."""
        found = self.value.get(name)
        if not isinstance(found, list):
            raise ValueError(f"{name} must be a list")
        return found

    def counted(self, name: str, most: int) -> list[tuple[Any, int]]:
        """A member that is a list of values with their counts."""
        found = self.items(name)
        if len(found) > most or any(not isinstance(entry, list) or len(entry) != 2 for entry in found):
            raise ValueError(f"{name} must be at most {most} pairs")
        return [(value, _positive(number, name)) for value, number in found]


def base64(distinct: Distinct) -> str:
    """The bytes of the sketch of different values."""
    return _base64.b64encode(distinct.to_bytes()).decode()


def said_of_cells(cells: Cells) -> dict[str, object]:
    """The grid and its counts."""
    return {
        "shift": cells.shift,
        "first": int(cells.keys[0]),
        "gaps": np.diff(cells.keys).tolist(),
        "counts": cells.counts.tolist(),
    }


def cells(given: Given, *, whole: bool, total: int) -> Cells:
    """The counted numbers of `as_json`. Raises ValueError."""
    if "cells" not in given.value:
        found = _known(given, whole=whole)
    else:
        found = _grid(Given(given.value["cells"]), whole=whole)
        found.distinct = _distinct(given)
        found.least, found.most = (_number(given.value.get(name), whole=whole) for name in ("min", "max"))
        ends = np.array([found.least, found.most], dtype=np.float64)
        if (places(ends) >> cast("int", found.shift) != found.keys[[0, -1]]).any():
            raise ValueError("min and max must lie in the first and the last cell")
    if found.total != total:
        raise ValueError("the counts of a column do not add up")
    return found


def texts(given: Given, *, total: int) -> Texts:
    """The counted texts of `as_json`. Raises ValueError."""
    exact = "values" in given.value
    entries = given.counted("values", MOST_VALUES) if exact else given.counted("frequent", MOST_FREQUENT)
    if any(not isinstance(text, str) or len(text.encode()) > LONGEST_KEPT for text, _ in entries):
        raise ValueError("values must be texts that were cut")
    named = sum(number for _, number in entries)
    if named > total or (exact and named != total):
        raise ValueError("the counts of a column do not add up")
    if exact:
        return Texts(Counter(dict(entries)))
    return Texts.of_frequent(entries, given.natural("missed"), _distinct(given))


def _known(given: Given, *, whole: bool) -> Cells:
    entries = given.counted("values", MOST_VALUES)
    found = Cells(whole=whole)
    if entries:
        numbers = [_number(number, whole=whole) for number, _ in entries]
        if any(not one < other for one, other in pairwise(numbers)):
            raise ValueError("values must be in order")
        found.least, found.most = numbers[0], numbers[-1]
        found.keys = np.array(numbers, dtype=np.int64) if whole else places(np.array(numbers, dtype=np.float64))
        found.counts = np.array([number for _, number in entries], dtype=np.int64)
    return found


def _grid(given: Given, *, whole: bool) -> Cells:
    gaps, counts, shift = given.items("gaps"), given.items("counts"), given.natural("shift")
    if shift >= 64 or len(counts) > MOST_VALUES or len(gaps) != len(counts) - 1:
        raise ValueError("cells have a shift below 64, and one gap less than they have counts")
    keys = [_number(given.value.get("first"), whole=True)]
    for gap in gaps:
        if type(gap) is not int or gap < 1 or keys[-1] + gap not in _INT64:
            raise ValueError("gaps must be positive, and end within 64 bits")
        keys.append(keys[-1] + gap)
    numbers = [_positive(number, "counts") for number in counts]
    return Cells(whole, shift, np.array(keys, dtype=np.int64), np.array(numbers, dtype=np.int64))


def _distinct(given: Given) -> Distinct:
    return Distinct.from_bytes(_base64.b64decode(given.text("hll"), validate=True))


def _number(value: object, *, whole: bool) -> Any:
    if whole and isinstance(value, int) and value in _INT64:
        return int(value)
    if not whole and type(value) is float and math.isfinite(value):
        return value
    raise ValueError("a number must be finite, and of the type of its column")


def _natural(value: object, name: str) -> int:
    if type(value) is not int or not 0 <= value < _MOST:
        raise ValueError(f"{name} must be a count")
    return value


def _positive(value: object, name: str) -> int:
    if _natural(value, name) == 0:
        raise ValueError(f"{name} must count something")
    return cast("int", value)
