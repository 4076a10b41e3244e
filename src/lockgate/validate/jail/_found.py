"""What the rules found, as it is listed: findings that are settled, or are too many, are counted. Runs in a jail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lockgate.core.screen import bits
from lockgate.validate.screen.account import MOST_FINDINGS
from lockgate.validate.screen.spec import Found, Outcome, RuleName

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Listed:
    """Findings in their order, and where the rows of each stand in the file.

    `settled`: of which a person answered every row; `more`: that are counted and not listed.
    """

    found: tuple[Found, ...]
    places: tuple[Ints, ...]
    settled: int
    more: int


def listed(outcomes: Mapping[RuleName, Outcome], places: Ints, unsaid: Ints) -> Listed:
    """What is listed of `outcomes`, whose rows stand at `places`; `unsaid`: flags of each row that nobody answered."""
    kept: list[Found] = []
    where: list[Ints] = []
    counted: Counter[str] = Counter()
    settled = more = 0
    for each in (one for outcome in outcomes.values() for one in outcome.found if one.rows):
        at = places[np.array(each.rows, np.int64)]
        if not (unsaid[at] & bits([each.rule])).any():
            settled += 1
        elif counted[each.rule] == MOST_FINDINGS:
            more += 1
        else:
            counted[each.rule] += 1
            kept.append(each)
            where.append(at)
    return Listed(tuple(kept), tuple(where), settled, more)


def numbers(told: Listed, rows: int) -> Any:
    """Of each row the numbers of the listed findings that it is of, by their place in the list."""
    at = np.concatenate([np.zeros(0, np.int64), *told.places])
    of = np.repeat(np.arange(len(told.places), dtype=np.uint16), [len(one) for one in told.places])
    order = np.argsort(at, kind="stable")
    ends = np.searchsorted(at[order], np.arange(rows + 1)).astype(np.int32)
    lists: Any = pa.ListArray
    return lists.from_arrays(pa.array(ends), pa.array(of[order], pa.uint16()))
