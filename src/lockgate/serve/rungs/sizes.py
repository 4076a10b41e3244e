"""Which batches of two models may be compared: larger ones take longer, whoever answers them. Pure."""

from __future__ import annotations

import math

_PER_CLASS = 1 / math.log(1.2)
_FADING = 0.9
"""A second ago counts for so much less than now."""
_LEAST = 0.5


class Sizes:
    """Chooses one class of sizes, of which both models have had the most of late, and only from what has been."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[int, float]] = {"candidate": {}, "live": {}}
        self._chosen: int | None = None

    def compares(self, arm: str, rows: int) -> bool:
        """A batch of so many rows came back; whether it is one of those that are compared now."""
        size = int(math.log(rows) * _PER_CLASS) if rows > 1 else 0
        seen = self._seen[arm]
        seen[size] = seen.get(size, 0.0) + 1
        return size == self._chosen

    def second(self) -> None:
        """Choose for the next second."""
        candidate, live = self._seen["candidate"], self._seen["live"]
        common = {size: min(candidate[size], live[size]) for size in candidate if size in live}
        self._chosen = max(common, key=lambda size: (common[size], -size)) if common else None
        for seen in (candidate, live):
            faded = {size: count * _FADING for size, count in seen.items()}
            seen.clear()
            seen.update({size: count for size, count in faded.items() if count > _LEAST})
