"""Records become blocks: rows of both arms from about the same time. Pure.

Where a block ends depends on numbers of rows alone, never on what came of them: so what is bad may be anywhere in a
block with the same right, as the test asks, and whoever has the log cuts the same blocks.
"""

from __future__ import annotations

LEAST_ROWS = 5
"""Of each arm in a block. Few, so that what changes over the day changes between blocks."""
GROWTH = 512
"""A block has at least this part of its arm's rows so far: a long ladder has some thousand blocks, not a million."""


class Cut:
    """Where blocks end. What is left over of a rung stays pending: rows of two rungs are in no block together."""

    def __init__(self) -> None:
        self._pending: dict[int, tuple[int, int]] = {}
        self._closed = (0, 0)

    def after(self, step: int, candidate: int, live: int, *, ripe: bool) -> bool:
        """Whether a block of the rung that the statement `step` began ends with these rows more. Not before `ripe`."""
        had = self._pending.pop(step, (0, 0))
        rows = had[0] + candidate, had[1] + live
        few = any(one < max(LEAST_ROWS, before // GROWTH) for one, before in zip(rows, self._closed, strict=True))
        if few or not ripe:
            self._pending[step] = rows
            return False
        self._closed = self._closed[0] + rows[0], self._closed[1] + rows[1]
        return True
