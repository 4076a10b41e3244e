"""Runs of rows that come back in the same order, as when a file is read twice."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lockgate.validate.screen.keys import Groups, Keys, grouped, mixed

RUN = 32
"""Rows in a row. Of 16, the timetable of the flights example without its dates has 44 such runs by nature."""
_LEAST_SURPRISE = 20.0
"""Beyond two logarithms of n, in nats: one pair of equal runs in n squared has a chance of e to the -20."""
_MOST_TIMES = 4

Bools = npt.NDArray[np.bool_]


def repeated(groups: Groups) -> Bools:
    """Shape (n,): rows of runs that were there before, though nothing in the order of the rows foretells it.

    How likely each row is after the one before it is counted from all other pairs: a timetable that begins anew each
    day is no surprise, nor is a sorted table.
    """
    rows = len(groups.group)
    flagged = np.zeros(rows, np.bool_)
    if rows < 2 * RUN:
        return flagged
    surprise = np.concatenate([[0.0], np.cumsum(_surprise(groups))])
    windows = _windows(groups.group.astype(np.uint64))
    runs = grouped(windows)
    # The surprise of a run is that of its rows but the first, whose coming is not foretold by one of the run.
    total = surprise[RUN - 1 :] - surprise[: len(surprise) - RUN + 1]
    telling = (total[: len(windows)] > 2 * np.log(rows) + _LEAST_SURPRISE) & (runs.size[runs.group] <= _MOST_TIMES)
    starts = np.flatnonzero(runs.copies & telling)
    marks = np.zeros(rows + 1, np.int64)
    np.add.at(marks, starts, 1)
    np.add.at(marks, starts + RUN, -1)
    flagged[:] = np.cumsum(marks)[:rows] > 0
    return flagged


def _surprise(groups: Groups) -> npt.NDArray[np.float64]:
    """Shape (n - 1,): of each step from row to row, the negative logarithm of its chance, two such steps left out."""
    group = groups.group
    steps = grouped(mixed(group[:-1].astype(np.uint64)) + group[1:].astype(np.uint64))
    pairs = steps.size[steps.group]
    share = groups.size[group[1:]] / len(group)
    chance = (np.maximum(pairs - 2, 0) + share) / (np.maximum(groups.size[group[:-1]] - 2, 0) + 1)
    found: npt.NDArray[np.float64] = -np.log(np.minimum(chance, 1.0))
    return found


def _windows(group: npt.NDArray[np.uint64]) -> Keys:
    number = len(group) - RUN + 1
    total = np.zeros(number, np.uint64)
    for step in range(RUN):
        total = mixed(total + group[step : step + number])
    return total
