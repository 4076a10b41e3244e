"""What a person is told of a jailed process's words: an alarm that nobody acts on, and no flood."""

from __future__ import annotations

from collections.abc import Callable

LATE_SECONDS, AGAIN_SECONDS = 5.0, 60.0
"""After so long an alarm on which nothing was moved is told; and as long as it lasts."""
SAME_SECONDS = 3600.0
"""The same line comes again after so long at the earliest."""
MOST_LINES, MINUTE = 6, 60.0
"""So many lines a minute, at most: more is a controller that is broken, or somebody else's."""


class Unheeded:
    """The alarm that a controller reported, until the model is off, or the move that it was about is not the newest."""

    def __init__(self) -> None:
        self._sequence: int | None = None
        self._since = self._due = 0.0
        self._why = ""

    def reported(self, sequence: int, now: float) -> None:
        """The model that was moved by `sequence` is to come off."""
        if sequence != self._sequence:
            self._sequence, self._since, self._due = sequence, now, now + LATE_SECONDS
            self._why = "the move is under way"

    def waits(self, why: str) -> None:
        """What keeps the move from being made, for now."""
        self._why = why

    def over(self) -> None:
        """It was made, or will not be."""
        self._sequence = None

    def late(self, newest: int | None, now: float) -> str:
        """How long and why nothing was moved; "" where that need not be told now. `newest`: the chain's last move."""
        if self._sequence is None or self._sequence != newest:
            self._sequence = None
            return ""
        if now < self._due:
            return ""
        self._due = now + AGAIN_SECONDS
        return f"for {now - self._since:.0f} seconds nothing was moved: {self._why}"


class Lines:
    """Passes a controller's (or watcher's) lines on to `say`: each once in an hour, and a few in a minute."""

    def __init__(self, say: Callable[[str], None], name: str = "controller", finding: str = "LG684") -> None:
        self._say = say
        self._whose = f"{name}: {finding}"
        self._told: dict[str, float] = {}
        self._dropped = 0
        self._minute = -MINUTE
        self._lines = 0

    def __call__(self, line: str, now: float) -> None:
        """Say it, or count it."""
        self._told = {one: told for one, told in self._told.items() if now - told < SAME_SECONDS}
        if line in self._told:
            return
        if now - self._minute >= MINUTE:
            dropped, self._dropped = self._dropped, 0
            self._minute, self._lines = now, 0
            if dropped:
                self._say(f"{self._whose} it said {dropped} lines more than are shown in a minute")
        if self._lines >= MOST_LINES:
            self._dropped += 1
            return
        self._lines += 1
        self._told[line] = now
        self._say(line)
