"""A replay in the log of predictions, told from traffic by what its records count. Pure."""

from __future__ import annotations

from collections.abc import Mapping

ROWS = "replay.rows"


def is_replay(counts: Mapping[str, int]) -> bool:
    """Whether the counts of an observed record are of a replay."""
    return ROWS in counts
