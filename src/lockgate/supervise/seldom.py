"""What strangers and appenders can cause to be said, as often as they like: said seldom, and how often it was."""

from __future__ import annotations

import time
from collections.abc import Callable

SECONDS = 10.0
MOST_KEYS = 64
"""Of those that are told apart. Whatever comes beyond that counts as one."""


class Seldom:
    """Each key's sentence at once, and again after SECONDS at the earliest, with the count of what was left out."""

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._say = say
        self._clock = clock
        self._said: dict[str, tuple[float, int]] = {}

    def tell(self, key: str, sentence: str) -> None:
        """Say it, or count it."""
        now = self._clock()
        if key not in self._said and len(self._said) >= MOST_KEYS:
            self._said = {one: (at, left) for one, (at, left) in self._said.items() if now - at < SECONDS}
            if len(self._said) >= MOST_KEYS:
                key = ""
        at, left = self._said.get(key, (now - SECONDS, 0))
        if now - at < SECONDS:
            self._said[key] = at, left + 1
            return
        self._said[key] = now, 0
        self._say(sentence + (f" ({left} more like it since it was last said)" if left else ""))
