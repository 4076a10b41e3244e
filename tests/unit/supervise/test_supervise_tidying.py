"""When spools are cleared while the house goes on, and whose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from lockgate.supervise.tidying import SECONDS, Tidying


class Rounds:
    """A tidying whose rounds are noted: for whom, and up to where."""

    def __init__(self) -> None:
        self.asked: list[dict[str, int]] = []
        self.left: list[str] = []
        self.fails = False
        self.tidying = Tidying(Path("spool"), self._clear)

    def _clear(self, _folder: Path, ended: Mapping[str, int]) -> list[str]:
        self.asked.append(dict(ended))
        if self.fails:
            raise OSError
        return self.left

    def step(self, now: float, *running: str) -> list[dict[str, int]]:
        """Rounds that were begun until now."""
        self.tidying.step(now, set(running))
        self.tidying.close()
        return self.asked


@pytest.fixture(name="rounds")
def _rounds() -> Iterator[Rounds]:
    rounds = Rounds()
    yield rounds
    rounds.tidying.close()


def test_only_those_that_have_ended_are_cleared(rounds: Rounds) -> None:
    """A gateway that runs is never named; one that ended without a word of the sealer has nothing in the log."""
    rounds.step(0.0, "", "a", "b")
    rounds.tidying.carried({"a": 7, "labels": 3, "x": -1, "y": True, "z": "9", 4: 4})
    assert rounds.step(SECONDS, "a", "c") == [{"b": 0, "labels": 3}]
    assert rounds.step(2 * SECONDS, "c")[1:] == [{"a": 7}]


def test_rounds_are_minutes_apart(rounds: Rounds) -> None:
    """Not at the start, when all was just cleared, and not at each step."""
    rounds.tidying.carried({"labels": 3})
    rounds.left = ["labels"]
    for now in range(0, int(3.5 * SECONDS), 10):
        rounds.step(float(now), "a")
    assert len(rounds.asked) == 3


def test_what_is_left_is_looked_at_again_with_what_is_known_by_then(rounds: Rounds) -> None:
    """Also after a round that failed."""
    rounds.step(0.0, "a")
    rounds.tidying.carried({"labels": 3})
    rounds.fails = True
    rounds.step(SECONDS, "a")
    rounds.fails, rounds.left = False, ["labels"]
    rounds.step(2 * SECONDS, "a")
    rounds.tidying.carried({"labels": 5})
    rounds.left = []
    assert rounds.step(3 * SECONDS, "a") == [{"labels": 3}, {"labels": 3}, {"labels": 5}]
    assert len(rounds.step(4 * SECONDS, "a")) == 3
