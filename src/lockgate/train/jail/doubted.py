"""Rows that the screen doubts, taken out of those that training sees. Runs in the parse jail, on our own code.

screen.parquet has a line for each accepted row, in their order: `flags`, a bit for each rule of `core.screen.RULES`,
and `good`, whether a person said that the row is right.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lockgate.contract.spec import BOOKKEEPING
from lockgate.core.screen import DOUBTFUL, RULES
from lockgate.errors import Refused

FLAGS, PLACE = "__flags__", "__place__"
"""Columns of doubtful.parquet: the row's doubtful flags; its place among the held-out rows, -1 for a training row."""

Flags = npt.NDArray[np.uint16]


def read(screen: pa.Table, accepted: pa.Table) -> Flags:
    """Shape (n,): each accepted row's doubtful flags, 0 where there are none or a person said that it is good.

    Raises Refused LG335 when the lines of `screen` are not about these rows.
    """
    wanted = {"flags": pa.uint16(), "good": pa.bool_()}
    known = all(name in screen.column_names and screen.schema.field(name).type == kind for name, kind in wanted.items())
    if not known or screen.num_rows != accepted.num_rows or not _same_rows(screen, accepted):
        raise Refused(
            "LG335",
            "the screen's lines are not about the accepted rows",
            seen={"lines": screen.num_rows, "rows": accepted.num_rows},
            next="lockgate validate",
        )
    bits = sum(1 << RULES.index(rule) for rule in DOUBTFUL)
    flags: Flags = screen.column("flags").to_numpy() & np.uint16(bits)
    return np.where(screen.column("good").to_numpy(), np.uint16(0), flags)


def parted(kept: pa.Table, heldout: npt.NDArray[np.bool_], flags: Flags) -> tuple[pa.Table, pa.Table, dict[str, Any]]:
    """The training rows without the doubtful ones; all doubtful rows with FLAGS and PLACE; how many there are."""
    doubtful = flags > 0
    place = np.where(heldout, np.cumsum(heldout) - 1, -1)[doubtful]
    rows = kept.filter(pa.array(doubtful)).append_column(FLAGS, pa.array(flags[doubtful]))
    counts = {"rows": int(doubtful.sum()), "left_out": int((doubtful & ~heldout).sum())}
    return kept.filter(pa.array(~heldout & ~doubtful)), rows.append_column(PLACE, pa.array(place)), counts


def _same_rows(screen: pa.Table, accepted: pa.Table) -> bool:
    return all(
        screen.column(name).equals(accepted.column(name).cast(screen.schema.field(name).type))
        for name in BOOKKEEPING
        if name in screen.column_names and name in accepted.column_names
    )
